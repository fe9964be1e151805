// Package loadtest has what the tests of package load, and of the packages below
// it, have in common.
package loadtest

import (
	"context"
	"sync/atomic"

	"github.com/ingest-tool/ingest/internal/databricks"
)

// ErrNotRun is the error of a statement that was not run. A retry does not help.
var ErrNotRun = &databricks.StatementError{Message: "no such warehouse", Outcome: databricks.NotRun}

// Lock is a ledger.Guard that is held unless a test gives it errors. It counts
// its proofs.
type Lock struct {
	Errs func(n int64) error // of the nth proof; nil for none

	proved atomic.Int64
}

// Prove implements ledger.Guard.
func (l *Lock) Prove(context.Context) error {
	n := l.proved.Add(1)
	if l.Errs == nil {
		return nil
	}
	return l.Errs(n)
}

// Proved is the number of proofs so far.
func (l *Lock) Proved() int64 { return l.proved.Load() }
