//go:build cgo

package warehouse

import (
	"cmp"
	"encoding/base64"
	"time"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/refusal"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/result"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/tcli"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// StatementRequest is a statement in a session of its own.
type StatementRequest struct {
	Catalog, Schema string // where unfinished names lead; "" as for a session
	SQL             string
	Parameters      []StatementParameter
}

// StatementParameter is the value of a marker such as :name; nil is NULL.
type StatementParameter struct {
	Name, Type string
	Value      *string
}

// Statement is a statement that was started outside of a client's session. One
// goroutine at a time may use its rows. The caller closes it.
type Statement struct {
	warehouse *Warehouse
	client    *client
	op        *operation
}

// StartStatement starts a statement and does not wait for it.
func (w *Warehouse) StartStatement(r StatementRequest) (*Statement, error) {
	if w.options.OnStatement != nil {
		w.options.OnStatement(r.SQL)
	}
	s, err := w.openSession(&tcli.Request{Catalog: r.Catalog, Schema: r.Schema}, "")
	if err != nil {
		return nil, refusal.Of(err)
	}
	args := make([]translate.Parameter, len(r.Parameters))
	for i, p := range r.Parameters {
		args[i] = translate.Parameter{Name: p.Name, Type: cmp.Or(p.Type, "STRING"), Value: p.Value}
	}
	return &Statement{w, s, w.start(s, &tcli.Request{}, r.SQL, args)}, nil
}

// Done is closed when the statement has run.
func (s *Statement) Done() <-chan struct{} { return s.op.done }

// Failure is the error of a statement that has run; nil if it has none.
func (s *Statement) Failure() *Error {
	s.op.mu.Lock()
	defer s.op.mu.Unlock()
	return s.op.failure
}

// Columns describe the rows of a statement that has run without an error.
func (s *Statement) Columns() []Column {
	s.op.mu.Lock()
	defer s.op.mu.Unlock()
	var out []Column
	for i, c := range s.op.result.Columns {
		out = append(out, Column{Name: c.Name, Type: c.Type.String(), Position: i, Nullable: true})
	}
	return out
}

// Row gives the next row as texts, nil for NULL; a nil row is the end. Dates and
// times are written by ISO 8601, and bytes in base64.
func (s *Statement) Row() ([]*string, error) {
	s.op.mu.Lock()
	defer s.op.mu.Unlock()
	if s.op.canceled {
		return nil, sparksql.Errorf("HY008", "OPERATION_CANCELED", "The operation was canceled.")
	}
	row, err := s.op.result.Next()
	if err != nil {
		return nil, refusal.Of(err)
	}
	if row == nil {
		return nil, nil
	}
	out := make([]*string, len(row))
	for i, v := range row {
		if v == nil {
			continue
		}
		text, err := statementText(v, s.op.result.Columns[i].Type)
		if err != nil {
			return nil, refusal.Of(err)
		}
		out[i] = &text
	}
	return out, nil
}

// statementText is a value as a result of JSON has it.
func statementText(v any, t sparksql.Type) (string, error) {
	switch x := v.(type) {
	case []byte:
		return base64.StdEncoding.EncodeToString(x), nil
	case time.Time:
		layout := "2006-01-02T15:04:05.000"
		if x.Nanosecond()%int(time.Millisecond) != 0 {
			layout = "2006-01-02T15:04:05.000000"
		}
		if t.Kind == sparksql.TimestampType {
			return x.UTC().Format(layout + "Z"), nil
		} else if t.Kind == sparksql.TimestampNTZType {
			return x.UTC().Format(layout), nil
		}
	}
	return result.Text(v, t)
}

// Cancel interrupts the statement, which is undone unless statements commit late.
func (s *Statement) Cancel() { s.op.abandon(s.warehouse.options.Switches.LateCommit) }

// Close gives up the statement and its session.
func (s *Statement) Close() {
	s.warehouse.forgetOperation(s.op)
	s.warehouse.closeSession(s.client)
	s.op.abandon(false)
}
