package databricks

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"github.com/ingest-tool/ingest/internal/failure"
)

// MaxResultRows limits how many rows Query holds in memory.
const MaxResultRows = 100_000

// Result is the answer to a statement, held in memory. Values are nil, bool,
// int64, float32, float64, string, []byte or time.Time (in UTC). DECIMAL and
// nested types are strings.
type Result struct {
	Columns []Column
	Rows    [][]any
}

// Column finds a column by name, in any case; -1 if there is none.
func (r *Result) Column(name string) int {
	for i, c := range r.Columns {
		if strings.EqualFold(c.Name, name) {
			return i
		}
	}
	return -1
}

// Int reads an integer by row and column name; a NULL is an error.
func (r *Result) Int(row int, column string) (int64, error) {
	v, err := r.value(row, column)
	if err != nil {
		return 0, err
	}
	switch v := v.(type) {
	case int64:
		return v, nil
	case string: // DECIMAL, for example the sum of BIGINTs
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("read column %q: %v (%T) is not an integer", column, v, v)
}

// Text reads a string by row and column name; ok is false for a NULL.
func (r *Result) Text(row int, column string) (text string, ok bool, err error) {
	v, err := r.value(row, column)
	if err != nil || v == nil {
		return "", false, err
	}
	if s, isString := v.(string); isString {
		return s, true, nil
	}
	return "", false, fmt.Errorf("read column %q: %v (%T) is not a string", column, v, v)
}

func (r *Result) value(row int, column string) (any, error) {
	i := r.Column(column)
	if i < 0 {
		return nil, fmt.Errorf("read column %q: the answer has no such column", column)
	}
	if row < 0 || row >= len(r.Rows) {
		return nil, fmt.Errorf("read column %q: the answer has %d rows, no row %d", column, len(r.Rows), row)
	}
	return r.Rows[row][i], nil
}

// Query runs a statement and holds its answer, of at most MaxResultRows rows.
func (h *Warehouse) Query(ctx context.Context, statement string) (*Result, error) {
	rows, err := h.Rows(ctx, statement)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	result := &Result{Columns: rows.Columns()}
	for rows.Next() {
		if len(result.Rows) == MaxResultRows {
			return nil, refuse(failure.New(failure.Destination, "run %s: more than %d rows", firstLine(statement), MaxResultRows).
				WithHint("add a LIMIT or aggregate"))
		}
		result.Rows = append(result.Rows, append([]any(nil), rows.Values()...))
	}
	return result, rows.Err()
}

// Rows is an answer that is read row by row, in constant memory. Only one
// goroutine may read it. It holds a session until Close.
type Rows struct {
	h         *Warehouse
	statement string
	ex        *exchange
	conn      *sql.Conn
	rows      *sql.Rows
	columns   []Column
	values    []any
	pointers  []any
	err       error
}

// Rows runs a statement and streams its answer. The caller must close the
// stream. The end of the context ends the stream, too.
func (h *Warehouse) Rows(ctx context.Context, statement string) (*Rows, error) {
	var r *Rows
	err := h.again(func() (err error) {
		r, err = h.openRows(ctx, statement)
		return err
	})
	return r, err
}

func (h *Warehouse) openRows(ctx context.Context, statement string) (*Rows, error) {
	conn, err := h.connect(ctx)
	if err != nil {
		return nil, err
	}
	ctx, ex := withExchange(ctx)
	r := &Rows{h: h, statement: statement, conn: conn, ex: ex}
	err = h.run(ctx, ex, statement, func(ctx context.Context) error {
		var err error
		if r.rows, err = conn.QueryContext(ctx, statement); err != nil {
			return err
		}
		return r.describe()
	})
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (r *Rows) describe() error {
	types, err := r.rows.ColumnTypes()
	if err != nil {
		return err
	}
	r.values, r.pointers = make([]any, len(types)), make([]any, len(types))
	for i, t := range types {
		r.columns = append(r.columns, Column{Name: t.Name(), Type: upperType(t.DatabaseTypeName())})
		r.pointers[i] = &r.values[i]
	}
	return nil
}

// Columns are the answer's columns; a statement without an answer has none.
func (r *Rows) Columns() []Column { return r.columns }

// Next reads the next row; false at the end or after an error.
func (r *Rows) Next() bool {
	if r.err != nil || len(r.columns) == 0 || !r.rows.Next() {
		return false
	}
	if r.err = r.rows.Scan(r.pointers...); r.err != nil {
		return false
	}
	for i, v := range r.values {
		r.values[i] = widened(v)
	}
	return true
}

// Values is the row that Next has read. The next call of Next overwrites the
// slice. The values belong to the caller.
func (r *Rows) Values() []any { return r.values }

// Err is the error that ended the stream early, if there was one.
func (r *Rows) Err() error {
	err := r.err
	if err == nil && len(r.columns) > 0 {
		err = r.rows.Err()
	}
	if err == nil {
		return nil
	}
	return hinted(newStatementError(r.h.c.redact, r.statement, r.ex.state(), err))
}

// Close ends the stream and releases its session. It may be called twice.
func (r *Rows) Close() {
	if r.rows != nil {
		_ = r.rows.Close()
	}
	_ = r.conn.Close()
}

func widened(v any) any {
	switch v := v.(type) {
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case int:
		return int64(v)
	case sql.RawBytes:
		return append([]byte(nil), v...)
	}
	return v
}

func upperType(t string) string { return strings.ToUpper(t) }

// Copied is the answer of COPY INTO.
type Copied struct {
	Inserted int64 // rows; 0 if all files had been loaded before
	Skipped  int64 // files that were skipped as corrupt
}

// Copy runs a COPY INTO and reads its answer by column names, because the
// driver's count of affected rows is unreliable for it.
func (h *Warehouse) Copy(ctx context.Context, statement string) (Copied, error) {
	answer, err := h.Query(ctx, statement)
	if err != nil {
		return Copied{}, err
	}
	inserted, err := answer.Int(0, "num_inserted_rows")
	if err != nil {
		return Copied{}, failure.New(failure.Destination, "run %s: the answer cannot be read: %w", firstLine(statement), err)
	}
	c := Copied{Inserted: inserted}
	if answer.Column("num_skipped_corrupt_files") >= 0 {
		if c.Skipped, err = answer.Int(0, "num_skipped_corrupt_files"); err != nil {
			return Copied{}, failure.New(failure.Destination, "run %s: the answer cannot be read: %w", firstLine(statement), err)
		}
	}
	return c, nil
}
