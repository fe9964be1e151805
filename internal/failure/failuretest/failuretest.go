// Package failuretest compares reasons in tests.
package failuretest

import (
	"strings"
	"testing"
)

// Reason compares a reason with what it must contain. An empty want means that
// there is no reason.
func Reason(t testing.TB, what, got, want string) {
	t.Helper()
	if want == "" && got != "" || !strings.Contains(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}
