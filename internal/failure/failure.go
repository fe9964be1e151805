// Package failure gives errors the two things that a caller decides by: whose
// fault it is, which becomes the exit code, and the hint that fixes it.
//
// It imports nothing of this project and knows no domain.
package failure

import (
	"fmt"
	"slices"
	"strings"
)

// Kind says whose fault an error is. Its number is the process's exit code.
type Kind int

// The kinds.
const (
	Other       Kind = 1   // anything else
	Tables      Kind = 3   // some tables failed, are quarantined or could not be verified; the others went on
	Source      Kind = 10  // Postgres
	Destination Kind = 11  // Databricks
	Conflict    Kind = 12  // slot and ledger disagree, or another run holds the pipeline
	Usage       Kind = 64  // flags, environment or configuration
	Interrupted Kind = 130 // a signal
)

// Error is an error with its kind and, where something can be done, a hint: a
// sentence or a command that can be run as it stands.
type Error struct {
	Kind Kind
	Err  error
	Hint string
}

// Error is the wrapped error's text; the hint is not part of it.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the wrapped error.
func (e *Error) Unwrap() error { return e.Err }

// New makes an error of a kind from a format, as fmt.Errorf does (%w works).
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// WithHint sets the hint and returns the error.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// All makes one error of several: the text and the hint of each, in their order, without repetition.
// Its kind is the first one's. All of one error is that error; All of none is nil.
func All(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	if len(errs) == 1 {
		return errs[0]
	}
	var hints []string
	for _, err := range errs {
		if hint := HintOf(err); hint != "" && !slices.Contains(hints, hint) {
			hints = append(hints, hint)
		}
	}
	return &Error{Kind: KindOf(errs[0]), Err: all(errs), Hint: strings.Join(hints, "; ")}
}

// all is errors.Join in one line.
type all []error

func (a all) Error() string {
	var texts []string
	for _, err := range a {
		if text := err.Error(); !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "; ")
}

func (a all) Unwrap() []error { return a }

// Wrap gives err a kind unless it has one already. A nil err stays nil.
func Wrap(kind Kind, err error) error {
	if err == nil || search(err, func(e *Error) bool { return e.Kind != 0 }) != nil {
		return err
	}
	return &Error{Kind: kind, Err: err}
}

// KindOf is the kind of the outermost error in err's tree that has one; Other
// if none has. It is never 0, which as an exit code would mean success.
func KindOf(err error) Kind {
	if e := search(err, func(e *Error) bool { return e.Kind != 0 }); e != nil {
		return e.Kind
	}
	return Other
}

// HintOf is the first hint in err's tree, from the outside in and in the order
// of errors.Join, or "".
func HintOf(err error) string {
	if e := search(err, func(e *Error) bool { return e.Hint != "" }); e != nil {
		return e.Hint
	}
	return ""
}

// search is errors.As that goes on behind an Error that does not fit: the other
// errors of a Join are asked too.
func search(err error, fits func(*Error) bool) *Error {
	if e, ok := err.(*Error); ok && e != nil && fits(e) {
		return e
	}
	switch w := err.(type) {
	case interface{ Unwrap() error }:
		if inner := w.Unwrap(); inner != nil {
			return search(inner, fits)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range w.Unwrap() {
			if e := search(inner, fits); e != nil {
				return e
			}
		}
	}
	return nil
}
