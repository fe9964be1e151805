//go:build cgo

package warehouse

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/refusal"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/tcli"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// maxRequest bounds the body of a call.
const maxRequest = 64 << 20

// holdStatement is how long ExecuteStatement waits before it answers that the
// statement is running: clients then poll once a second.
const holdStatement = 5 * time.Second

// ServeHTTP answers POSTed TCLIService messages; the caller has checked the token.
func (w *Warehouse) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		rw.Header().Set("Allow", http.MethodPost)
		http.Error(rw, "a SQL warehouse takes POST", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxRequest))
	if err != nil {
		http.Error(rw, "read call: "+err.Error(), http.StatusBadRequest)
		return
	}
	req, err := tcli.Read(r.Context(), body)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	answer, known, err := w.answer(r.Context(), req, base(r))
	if err != nil {
		refuse(rw, err)
		return
	}
	var out []byte
	if known {
		out, err = req.Write(r.Context(), answer)
	} else {
		out, err = req.WriteFailure(r.Context(), 1, "the local workspace does not know the call "+req.Method)
	}
	if err != nil {
		refuse(rw, refusal.Of(err))
		return
	}
	rw.Header().Set("Content-Type", "application/x-thrift")
	if _, err := rw.Write(out); err != nil {
		w.log.Debug("client went away", "error", err)
	}
}

// refuse answers as Databricks' gateway does where Thrift has no room for an error.
func refuse(rw http.ResponseWriter, err error) {
	rw.Header().Set("X-Thriftserver-Error-Message", err.Error())
	http.Error(rw, err.Error(), http.StatusBadRequest)
}

type gone string

func (g gone) Error() string { return "Invalid " + string(g) }

// base is the address that a request was sent to.
func base(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func (w *Warehouse) answer(ctx context.Context, r *tcli.Request, base string) (a tcli.Response, known bool, err error) {
	switch r.Method {
	case "OpenSession":
		s, err := w.openSession(r, base)
		if err != nil {
			e := refusal.Of(err)
			return tcli.Refused(tcli.Status{Code: 3, SQLState: e.SQLState, Message: e.Error()}), true, nil
		}
		return tcli.Opened(s.handle, s.Space().Catalog, s.Space().Schema), true, nil
	case "GetOperationStatus", "GetResultSetMetadata", "FetchResults", "CancelOperation", "CloseOperation":
		return w.answerOperation(r)
	}
	s := w.client(r.Session)
	if s == nil {
		return a, true, gone("SessionHandle")
	}
	switch r.Method {
	case "CloseSession":
		w.closeSession(s)
		return tcli.Bare(tcli.Status{}), true, nil
	case "ExecuteStatement":
		a, err = w.executeStatement(ctx, s, r)
		return a, true, err
	case "GetInfo":
		return tcli.Info(map[int64]string{13: "Spark SQL", 17: "Spark SQL", 18: "4.0.0"}[r.InfoType]), true, nil
	}
	if sql, ok := catalogCall(s.Space(), r); ok {
		a, err = w.run(ctx, s, r, sql, nil)
		return a, true, err
	}
	return a, false, nil
}

func (w *Warehouse) executeStatement(ctx context.Context, s *client, r *tcli.Request) (tcli.Response, error) {
	if w.options.OnStatement != nil {
		w.options.OnStatement(r.Statement)
	}
	args := make([]translate.Parameter, len(r.Parameters))
	for i, p := range r.Parameters {
		args[i] = translate.Parameter{Name: p.Name, Type: p.Type, Value: p.Value}
	}
	return w.run(ctx, s, r, r.Statement, args)
}

// run starts a statement and waits a while for it.
func (w *Warehouse) run(ctx context.Context, s *client, r *tcli.Request, sql string, args []translate.Parameter) (tcli.Response, error) {
	op := w.start(s, r, sql, args)
	hold := time.NewTimer(w.hold)
	defer hold.Stop()
	select {
	case <-op.done:
	case <-hold.C:
	case <-ctx.Done():
		// The client went away before it got the handle, so it cannot cancel.
		op.abandon(w.options.Switches.LateCommit)
		w.forgetOperation(op)
		return tcli.Response{}, ctx.Err()
	}
	if !r.Direct {
		return tcli.Started(op.handle, true, nil), nil
	}
	d := w.direct(op, r.MaxRows)
	return tcli.Started(op.handle, d.Status.HasRows, &d), nil
}

// direct is the state of an operation with its first page. If there is no further page, or on an error, the operation ends.
func (w *Warehouse) direct(op *operation, maxRows int64) tcli.Direct {
	d := tcli.Direct{Status: op.status()}
	op.mu.Lock()
	defer op.mu.Unlock()
	switch d.Status.State {
	case tcli.Finished:
		meta, err := op.result.Metadata()
		var page tcli.Page
		if err == nil {
			page, err = op.result.Page(maxRows)
		}
		if err != nil {
			op.state, op.failure = tcli.Failed, refusal.Of(err)
			d.Status = tcli.OperationStatus{State: tcli.Failed, SQLState: op.failure.SQLState, Message: op.failure.Error(), Modified: -1}
			d.Closed = true
			break
		}
		d.Metadata, d.Form, d.Page, d.Closed = &meta.Metadata, meta.Form, &page, !page.More
	case tcli.Running:
		return d
	default:
		d.Closed = true
	}
	if d.Closed {
		op.cancel()
		w.forgetOperation(op)
	}
	return d
}

func (w *Warehouse) answerOperation(r *tcli.Request) (a tcli.Response, known bool, err error) {
	op := w.operation(r.Operation)
	if op == nil {
		if r.Method == "CloseOperation" || r.Method == "CancelOperation" {
			return tcli.Bare(tcli.Status{}), true, nil // it is over already
		}
		return a, true, gone("OperationHandle")
	}
	switch r.Method {
	case "GetOperationStatus":
		return tcli.Answer(op.status()), true, nil
	case "CancelOperation":
		op.abandon(w.options.Switches.LateCommit)
		return tcli.Bare(tcli.Status{}), true, nil
	case "CloseOperation":
		w.forgetOperation(op)
		op.abandon(w.options.Switches.LateCommit)
		return tcli.Bare(tcli.Status{}), true, nil
	}
	op.mu.Lock()
	defer op.mu.Unlock()
	if op.state != tcli.Finished {
		e := op.failure
		if e == nil {
			e = sparksql.Errorf("HY010", "INVALID_OPERATION_STATE", "The operation has no result yet.")
		}
		return tcli.Bare(tcli.Status{Code: 3, SQLState: e.SQLState, Message: e.Error()}), true, nil
	}
	if r.Method == "GetResultSetMetadata" {
		meta, err := op.result.Metadata()
		return tcli.Answer(meta), true, err
	}
	return fetch(op, r), true, nil
}

// fetch gives the next page; results are read forwards only.
func fetch(op *operation, r *tcli.Request) tcli.Response {
	if r.Orientation == 4 && op.result.Sent > 0 || r.StartOffset != nil && *r.StartOffset != op.result.Sent {
		return tcli.Bare(tcli.Status{
			Code: 3, SQLState: "HY106",
			Message: "[FETCH_BACKWARDS] The local workspace gives a result's rows once, from the first to the last. SQLSTATE: HY106",
		})
	}
	meta, err := op.result.Metadata()
	var page tcli.Page
	if err == nil {
		page, err = op.result.Page(r.MaxRows)
	}
	if err != nil {
		op.state, op.failure = tcli.Failed, refusal.Of(err)
		return tcli.Bare(tcli.Status{Code: 3, SQLState: op.failure.SQLState, Message: op.failure.Error()})
	}
	if r.WantMetadata {
		page.Metadata, page.Form = meta.Metadata, meta.Form
	}
	return tcli.Answer(page)
}
