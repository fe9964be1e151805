// Package guard has one condition of each kind that its tests notice, and one
// that they do not.
package guard

import "errors"

var errNegative = errors.New("negative")

// Root is noticed: a negative number is tried.
func Root(n int) (int, error) {
	if n < 0 {
		return 0, errNegative
	}
	if n > 1000 { // no test has such a number
		return 0, errors.New("too large")
	}
	root := 0
	for (root+1)*(root+1) <= n {
		root++
	}
	return root, nil
}

// Sign has cases of which the tests know one.
func Sign(n int) string {
	switch {
	case n < 0:
		return "negative"
	case n == 0: // no test has zero
		return "zero"
	}
	return "positive"
}

// Both is noticed on the left only.
func Both(a, b bool) bool { return a && b }

// Either is noticed on the right only.
func Either(a, b bool) bool {
	n := 0
	if a || b {
		n++
	}
	return n > 0
}

// Copy passes an error on that no test causes.
func Copy(f func() error) error {
	if err := f(); err != nil {
		return err
	}
	return nil
}

// Parity is asked by two tests, of which one looks at the answer.
func Parity(n int) string {
	if n%2 == 1 {
		return "odd"
	}
	return "even"
}
