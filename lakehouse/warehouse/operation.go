//go:build cgo

package warehouse

import (
	"context"
	"sync"
	"time"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/refusal"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/result"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/tcli"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// operation is one statement being run or read.
type operation struct {
	handle tcli.Handle
	client *client
	used   time.Time // guarded by the warehouse's lock
	cancel context.CancelFunc
	done   chan struct{} // closed when the statement has run

	mu       sync.Mutex
	state    int32
	failure  *Error
	result   *result.Result
	canceled bool // by the client; its result is not shown
}

// start runs a statement on its own goroutine: its client may leave, and under LateCommit the statement continues.
func (w *Warehouse) start(s *client, r *tcli.Request, sql string, args []translate.Parameter) *operation {
	ctx, cancel := context.WithCancel(context.Background())
	op := &operation{handle: newHandle(), client: s, used: w.now(), cancel: cancel, done: make(chan struct{}), state: tcli.Running}
	w.mu.Lock()
	w.operations[op.handle.GUID] = op
	closed := w.closed
	if !closed {
		w.workers.Add(1)
	}
	w.mu.Unlock()
	if closed {
		cancel()
		op.finish(nil, context.Canceled)
		return op
	}
	go func() {
		defer w.workers.Done()
		if w.options.Refuse != nil {
			if e := w.options.Refuse(sql); e != nil {
				op.finish(nil, e)
				return
			}
		}
		began := w.now()
		out, err := w.exec.Execute(ctx, s.Session, sql, args)
		if err != nil {
			w.log.Debug("statement failed", "error", err)
		} else if r.Arrow != nil && !w.options.Switches.NoArrow {
			out.Arrow = &result.ArrowForm{ArrowTypes: *r.Arrow}
		}
		err = refusal.Classified(sql, err)
		w.ended(sql, began, out, err)
		op.finish(out, err)
	}()
	return op
}

// ended reports a statement that has run.
func (w *Warehouse) ended(sql string, began time.Time, r *result.Result, err error) {
	if w.options.OnEnd == nil {
		return
	}
	e := Ended{SQL: sql, Began: began, Took: w.now().Sub(began), Modified: -1, Failure: refusal.Of(err)}
	if err == nil && r != nil {
		e.Modified = r.Modified
	}
	w.options.OnEnd(e)
}

func (op *operation) finish(r *result.Result, err error) {
	op.mu.Lock()
	op.result, op.failure = r, refusal.Of(err)
	switch {
	case op.canceled:
		op.state = tcli.Canceled
		if r != nil {
			r.Close()
		}
	case err != nil:
		op.state = tcli.Failed
	default:
		op.state = tcli.Finished
	}
	op.mu.Unlock()
	close(op.done)
}

func (op *operation) finished() bool {
	select {
	case <-op.done:
		return true
	default:
		return false
	}
}

// abandon is called when the operation is no longer needed. A running statement is interrupted and rolled back, unless it has to
// commit late.
func (op *operation) abandon(late bool) {
	op.mu.Lock()
	op.canceled = true
	if op.finished() && op.result != nil {
		op.result.Close()
	}
	if op.state != tcli.Running {
		op.state = tcli.Closed
	} else {
		op.state = tcli.Canceled
	}
	op.mu.Unlock()
	if !late || op.finished() {
		op.cancel()
	}
}

// status is the answer of GetOperationStatus.
func (op *operation) status() tcli.OperationStatus {
	op.mu.Lock()
	defer op.mu.Unlock()
	s := tcli.OperationStatus{State: op.state, Modified: -1}
	switch {
	case op.state == tcli.Failed:
		s.SQLState, s.Message = op.failure.SQLState, op.failure.Error()
	case op.state == tcli.Finished:
		s.HasRows, s.Modified = len(op.result.Columns) > 0, op.result.Modified
	}
	return s
}

// operation finds a client's operation.
func (w *Warehouse) operation(h tcli.Handle) *operation {
	w.mu.Lock()
	defer w.mu.Unlock()
	op := w.operations[h.GUID]
	if op == nil || op.handle.Secret != h.Secret {
		return nil
	}
	op.used = w.now()
	return op
}

func (w *Warehouse) forgetOperation(op *operation) {
	w.mu.Lock()
	delete(w.operations, op.handle.GUID)
	w.mu.Unlock()
}
