//go:build cgo

package result

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/scalar"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/tcli"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// Result is the result of a statement. Its rows come from a list, or from an open query, whose transaction ends with Close. It is
// used by one goroutine at a time.
type Result struct {
	Columns  []translate.Column
	Rows     [][]any
	Modified int64 // rows changed, or below zero
	Cursor   *sql.Rows
	Done     func()
	Sent     int64
	ended    bool
	Arrow    *ArrowForm // nil: a page has columns of its own form
	Staging  bool       // the row tells the client to move a file
}

// Close gives up the rows that were not read.
func (r *Result) Close() {
	if r.Cursor != nil {
		_ = r.Cursor.Close()
		r.Cursor = nil
	}
	if r.Done != nil {
		r.Done()
		r.Done = nil
	}
}

// Numbers is a result of one row of BIGINTs.
func Numbers(names []string, values ...int64) *Result {
	r := &Result{Modified: values[0]}
	row := make([]any, len(values))
	for i, v := range values {
		r.Columns = append(r.Columns, translate.Column{Name: names[i], Type: sparksql.Long})
		row[i] = v
	}
	r.Rows = [][]any{row}
	return r
}

// TextRows is a result of text columns.
func TextRows(names []string, rows [][]any) *Result {
	r := &Result{Rows: rows, Modified: -1}
	for _, n := range names {
		r.Columns = append(r.Columns, translate.Column{Name: n, Type: sparksql.String})
	}
	return r
}

// Nothing is the result of a statement without rows.
func Nothing() *Result { return &Result{Modified: -1} }

// The bounds of one page.
const (
	pageRows  = 100_000
	pageBytes = 8 << 20
)

// Page gives the next rows, no more than maxRows.
func (r *Result) Page(maxRows int64) (tcli.Page, error) {
	p := tcli.Page{Start: r.Sent}
	if r.Arrow != nil && len(r.Columns) > 0 {
		batch := newArrowPage(*r.Arrow, r.Columns)
		n, err := r.fill(maxRows, batch.add)
		if err != nil {
			batch.batch.Release()
			return p, err
		}
		p.More = !r.ended
		p.Batches, err = batch.finish(n)
		return p, err
	}
	b := make([]builder, len(r.Columns))
	for i, c := range r.Columns {
		b[i] = newBuilder(c.Type)
	}
	_, err := r.fill(maxRows, func(column int, v any) (int, error) { return b[column].add(v) })
	if err != nil {
		return p, err
	}
	p.More = !r.ended
	for i := range b {
		p.Columns = append(p.Columns, tcli.Values{List: b[i].list(), Nulls: b[i].nulls})
	}
	return p, nil
}

// fill passes the values of the next rows to add, which returns their size, and counts the rows.
func (r *Result) fill(maxRows int64, add func(column int, v any) (int, error)) (int64, error) {
	if maxRows <= 0 || maxRows > pageRows {
		maxRows = pageRows
	}
	n, bytes := int64(0), 0
	for n < maxRows && bytes < pageBytes {
		row, err := r.Next()
		if err != nil {
			r.Close()
			return n, err
		}
		if row == nil {
			r.ended = true
			r.Close()
			break
		}
		for i := range row {
			size, err := add(i, row[i])
			if err != nil {
				return n, fmt.Errorf("render column %s: %w", r.Columns[i].Name, err)
			}
			bytes += size
		}
		n++
	}
	r.Sent += n
	return n, nil
}

// Next gives the next row; nil is the end.
func (r *Result) Next() ([]any, error) {
	if r.Cursor == nil {
		if len(r.Rows) == 0 {
			return nil, nil
		}
		row := r.Rows[0]
		r.Rows = r.Rows[1:]
		return row, nil
	}
	if !r.Cursor.Next() {
		return nil, r.Cursor.Err()
	}
	row, into := make([]any, len(r.Columns)), make([]any, len(r.Columns))
	for i := range row {
		into[i] = &row[i]
	}
	return row, r.Cursor.Scan(into...)
}

// Metadata describes the columns as Databricks does: complex types, VARIANT and
// intervals travel as text but keep their type id.
func (r *Result) Metadata() (tcli.Described, error) {
	d := tcli.Described{Metadata: make(tcli.Metadata, len(r.Columns)), Form: tcli.Form{Staging: r.Staging}}
	for i, c := range r.Columns {
		d.Metadata[i] = tcli.ColumnDesc{
			Name: c.Name, TypeID: typeIDs[c.Type.Kind], Precision: int32(c.Type.Precision), Scale: int32(c.Type.Scale),
		}
	}
	if r.Arrow == nil || len(r.Columns) == 0 {
		return d, nil
	}
	var err error
	d.Arrow, err = arrowSchemaMessage(r.Arrow.schema(r.Columns))
	return d, err
}

var typeIDs = map[sparksql.TypeKind]int32{
	sparksql.BooleanType: 0, sparksql.ByteType: 1, sparksql.ShortType: 2, sparksql.IntType: 3, sparksql.LongType: 4, sparksql.FloatType: 5,
	sparksql.DoubleType: 6, sparksql.StringType: 7, sparksql.TimestampType: 8, sparksql.TimestampNTZType: 8, sparksql.BinaryType: 9,
	sparksql.ArrayType: 10, sparksql.MapType: 11, sparksql.StructType: 12, sparksql.DecimalType: 15,
	sparksql.VoidType: 16, sparksql.DateType: 17,
	sparksql.VariantType: 7, sparksql.IntervalType: 7,
}

// builder makes one column of a page.
type builder struct {
	typ     sparksql.Type
	count   int
	nulls   []byte
	bools   []bool
	bytes8  []int8
	shorts  []int16
	ints    []int32
	longs   []int64
	doubles []float64
	blobs   [][]byte
	texts   []string
}

func newBuilder(t sparksql.Type) builder { return builder{typ: t} }

// add appends a value and gives about how many bytes it takes.
func (b *builder) add(v any) (int, error) {
	if b.count%8 == 0 {
		b.nulls = append(b.nulls, 0)
	}
	if v == nil {
		b.nulls[b.count/8] |= 1 << (b.count % 8)
	}
	b.count++
	switch b.typ.Kind {
	case sparksql.BooleanType:
		x, _ := v.(bool)
		b.bools = append(b.bools, x)
	case sparksql.ByteType:
		b.bytes8 = append(b.bytes8, int8(whole(v)))
	case sparksql.ShortType:
		b.shorts = append(b.shorts, int16(whole(v)))
	case sparksql.IntType:
		b.ints = append(b.ints, int32(whole(v)))
	case sparksql.LongType:
		b.longs = append(b.longs, whole(v))
	case sparksql.FloatType, sparksql.DoubleType:
		switch x := v.(type) {
		case float32:
			b.doubles = append(b.doubles, float64(x))
		case float64:
			b.doubles = append(b.doubles, x)
		default:
			b.doubles = append(b.doubles, 0)
		}
	case sparksql.BinaryType:
		x, _ := v.([]byte)
		b.blobs = append(b.blobs, x)
		return len(x) + 4, nil
	default:
		if v == nil {
			b.texts = append(b.texts, "")
			return 4, nil
		}
		s, err := Text(v, b.typ)
		b.texts = append(b.texts, s)
		return len(s) + 4, err
	}
	return 8, nil
}

func (b *builder) list() any {
	switch b.typ.Kind {
	case sparksql.BooleanType:
		return b.bools
	case sparksql.ByteType:
		return b.bytes8
	case sparksql.ShortType:
		return b.shorts
	case sparksql.IntType:
		return b.ints
	case sparksql.LongType:
		return b.longs
	case sparksql.FloatType, sparksql.DoubleType:
		return b.doubles
	case sparksql.BinaryType:
		return b.blobs
	default:
		return b.texts
	}
}

func whole(v any) int64 {
	switch x := v.(type) {
	case int8:
		return int64(x)
	case int16:
		return int64(x)
	case int32:
		return int64(x)
	case int64:
		return x
	case int:
		return int64(x)
	case *big.Int:
		return x.Int64()
	}
	return 0
}

// Text is a value as text at the top of a result.
func Text(v any, t sparksql.Type) (string, error) {
	switch t.Kind {
	case sparksql.ArrayType, sparksql.MapType, sparksql.StructType:
		var b strings.Builder
		err := renderJSON(&b, v, t)
		return b.String(), err
	default:
		return plainText(v, t)
	}
}

func plainText(v any, t sparksql.Type) (string, error) {
	switch x := v.(type) {
	case string:
		return x, nil
	case duckdb.Decimal:
		return decimalText(x), nil
	case time.Time:
		return timeText(x, t), nil
	case bool:
		return strconv.FormatBool(x), nil
	case []byte:
		return string(x), nil
	case float32:
		return scalar.JavaFloat(float64(x), 32), nil
	case float64:
		return scalar.JavaFloat(x, 64), nil
	case duckdb.Interval:
		return fmt.Sprintf("%d months %d days %d microseconds", x.Months, x.Days, x.Micros), nil
	}
	if t.Integral() {
		return strconv.FormatInt(whole(v), 10), nil
	}
	return "", fmt.Errorf("no text of %T as %s", v, t)
}

func timeText(x time.Time, t sparksql.Type) string {
	x = x.UTC()
	if t.Kind == sparksql.DateType {
		return x.Format("2006-01-02")
	}
	return x.Format("2006-01-02 15:04:05.999999")
}

func decimalText(d duckdb.Decimal) string {
	s := d.Value.String()
	if d.Scale == 0 {
		return s
	}
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for len(s) <= int(d.Scale) {
		s = "0" + s
	}
	return sign + s[:len(s)-int(d.Scale)] + "." + s[len(s)-int(d.Scale):]
}

// renderJSON writes complex values as Databricks' Thrift server does: JSON, with
// the text of what JSON has no form for in quotes.
func renderJSON(b *strings.Builder, v any, t sparksql.Type) error {
	if v == nil {
		b.WriteString("null")
		return nil
	}
	switch t.Kind {
	case sparksql.ArrayType:
		list, _ := v.([]any)
		b.WriteByte('[')
		for i, e := range list {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := renderJSON(b, e, *t.Elem); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	case sparksql.MapType:
		return renderMap(b, v, t)
	case sparksql.StructType:
		fields, _ := v.(map[string]any)
		b.WriteByte('{')
		for i, f := range t.Fields {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(jsonText(f.Name) + ":")
			if err := renderJSON(b, fields[f.Name], f.Type); err != nil {
				return err
			}
		}
		b.WriteByte('}')
		return nil
	case sparksql.BinaryType:
		raw, _ := v.([]byte)
		out, err := json.Marshal(raw)
		b.Write(out)
		return err
	default:
		s, err := plainText(v, t)
		bare := t.Numeric() && !strings.ContainsAny(s, "NI") || t.Kind == sparksql.BooleanType || t.Kind == sparksql.VariantType
		if !bare {
			s = jsonText(s)
		}
		b.WriteString(s)
		return err
	}
}

func renderMap(b *strings.Builder, v any, t sparksql.Type) error {
	m, ok := v.(duckdb.OrderedMap)
	if !ok {
		return fmt.Errorf("no text of %T as %s", v, t)
	}
	b.WriteByte('{')
	values := m.Values()
	for i, k := range m.Keys() {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := plainText(k, *t.Key)
		if err != nil {
			return err
		}
		b.WriteString(jsonText(key) + ":")
		if err := renderJSON(b, values[i], *t.Elem); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

func jsonText(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)
	return strings.TrimSuffix(b.String(), "\n")
}
