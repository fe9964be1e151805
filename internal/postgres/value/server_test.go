//go:build unix

package value

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/internal/postgres/copybinary"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// connect opens a session with the settings that decoding needs.
func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range SessionSettings() {
		config.RuntimeParams[s.Name] = s.Value
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec(t testing.TB, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatalf("%.200s: %v", sql, err)
	}
}

// describeType reads a type from the catalog as schema.PostgresType has it.
func describeType(t testing.TB, conn *pgx.Conn, oid uint32, typmod int32) schema.PostgresType {
	t.Helper()
	typ := schema.PostgresType{OID: oid, Typmod: typmod}
	var elem uint32
	err := conn.QueryRow(t.Context(), `
		WITH RECURSIVE base AS (
			SELECT oid, typtype, typbasetype, typmod, typelem, typlen, typcategory, typdelim, 0 AS depth
			FROM (SELECT *, $2::int4 AS typmod FROM pg_type WHERE oid = $1)  t
			UNION ALL
			SELECT d.oid, d.typtype, d.typbasetype, CASE WHEN b.depth >= 0 THEN p.typtypmod END, d.typelem, d.typlen, d.typcategory, d.typdelim, b.depth + 1
			FROM base b JOIN pg_type p ON p.oid = b.oid JOIN pg_type d ON d.oid = b.typbasetype WHERE b.typtype = 'd'
		)
		SELECT format_type($1, $2), oid, typmod, typtype::text, typdelim::text,
			CASE WHEN typcategory = 'A' AND typlen = -1 THEN typelem ELSE 0 END
		FROM base ORDER BY depth DESC LIMIT 1`, oid, typmod).
		Scan(&typ.Name, &typ.Base, &typ.BaseTypmod, &typ.Class, &typ.Delim, &elem)
	if err != nil {
		t.Fatal(err)
	}
	if elem != 0 {
		e := describeType(t, conn, elem, typ.BaseTypmod)
		typ.Elem = &e
	}
	return typ
}

// sample is a column with values of one type.
type sample struct {
	sql     string
	fits    []string    // literals that the target holds
	rescued []string    // literals that it does not hold
	target  schema.Type // zero: what the type maps to
	via     string      // type in which the rendered values are compared; empty: sql
}

// load creates the table v of the sample's literals and returns its type. The first row is NULL.
func (s sample) load(t *testing.T, conn *pgx.Conn) schema.PostgresType {
	t.Helper()
	exec(t, conn, "DROP TABLE IF EXISTS v; CREATE TEMP TABLE v (n int, v "+s.sql+")")
	var b strings.Builder
	b.WriteString("INSERT INTO v VALUES (0, NULL)")
	for i, literal := range append(slices.Clone(s.fits), s.rescued...) {
		fmt.Fprintf(&b, ", (%d, %s)", i+1, schema.QuotePostgresLiteral(literal))
	}
	exec(t, conn, b.String())
	var oid uint32
	var typmod int32
	if err := conn.QueryRow(t.Context(), "SELECT atttypid, atttypmod FROM pg_attribute WHERE attrelid = 'v'::regclass AND attname = 'v'").
		Scan(&oid, &typmod); err != nil {
		t.Fatal(err)
	}
	return describeType(t, conn, oid, typmod)
}

// decoded is one decoder's result for all rows.
type decoded struct {
	column  *vector.Column
	rescued []string
	decoder *Decoder
}

func (d *decoded) append(wire []byte) error {
	rescued, err := d.decoder.Append(d.column, wire)
	if err == nil && rescued == nil {
		d.rescued = append(d.rescued, "")
	} else {
		d.rescued = append(d.rescued, "rescued "+string(rescued))
	}
	return err
}

// decode reads the table v in one query, as binary and as text. Without a binary codec, binary is nil.
func decode(t *testing.T, conn *pgx.Conn, src schema.PostgresType, target schema.Type, o Options) (texts []string, text, binary *decoded) {
	t.Helper()
	fromText, err := NewText(src, target, o)
	if err != nil {
		t.Fatal(err)
	}
	text = &decoded{column: vector.NewColumn(target), decoder: fromText}
	selected := "NULL"
	if codec := schema.Map(src).Codec; DecodesBinary(codec, target) {
		fromBinary, err := NewBinary(codec, src, target, o)
		if err != nil {
			t.Fatal(err)
		}
		binary = &decoded{column: vector.NewColumn(target), decoder: fromBinary}
		selected = "v"
	}
	parser := copybinary.NewParser(2, func(fields [][]byte) error {
		texts = append(texts, string(fields[1]))
		if binary != nil {
			if err := binary.append(fields[0]); err != nil {
				return fmt.Errorf("binary: %w", err)
			}
		}
		return text.append(fields[1])
	})
	sql := "COPY (SELECT " + selected + ", CASE WHEN num_nulls(v) = 0 THEN format('%s', v) END FROM v ORDER BY n) TO STDOUT (FORMAT binary)"
	if _, err := conn.PgConn().CopyTo(t.Context(), parser, sql); err != nil {
		t.Fatal(err)
	}
	if err := parser.Close(); err != nil {
		t.Fatal(err)
	}
	return texts, text, binary
}

// check runs a sample on both paths. It compares the results with each other, with Postgres's text,
// and with Postgres's reading of the rendered values.
func (s sample) check(t *testing.T, conn *pgx.Conn) {
	src := s.load(t, conn)
	target := s.target
	if target.Kind == schema.Invalid {
		target = schema.Map(src).Type
	}
	texts, text, binary := decode(t, conn, src, target, Options{})
	if binary == nil && schema.Map(src).Codec != schema.CodecText && s.target.Kind == schema.Invalid {
		t.Errorf("no binary decoder for %s", src.Name)
	}
	want := make([]string, 1+len(s.fits))
	for _, rescued := range texts[1+len(s.fits):] {
		want = append(want, "rescued "+rescued)
	}
	if diff := gocmp.Diff(want, text.rescued); diff != "" {
		t.Errorf("rescued from text: %s", diff)
	}
	values := text.column.Array()
	defer values.Release()
	for i := range texts {
		if null := i == 0 || i > len(s.fits); values.IsNull(i) != null {
			t.Errorf("%.60q: NULL is %v, want %v", texts[i], values.IsNull(i), null)
		}
	}
	if binary != nil {
		if diff := gocmp.Diff(want, binary.rescued); diff != "" {
			t.Errorf("rescued from binary: %s", diff)
		}
		fromBinary := binary.column.Array()
		defer fromBinary.Release()
		if !slices.EqualFunc(allBytes(values.Data()), allBytes(fromBinary.Data()), bytes.Equal) {
			t.Errorf("text and binary differ:\n%v\n%v", values, fromBinary)
		}
	}
	s.checkRendered(t, conn, src, values, texts)
}

func (s sample) checkRendered(t *testing.T, conn *pgx.Conn, src schema.PostgresType, values arrow.Array, texts []string) {
	if len(s.fits) == 0 {
		return
	}
	via := cmp.Or(s.via, s.sql)
	var exprs []string
	canonical := func(text string) string {
		return "format('%s', CAST(" + schema.QuotePostgresLiteral(text) + " AS " + via + "))"
	}
	for i := 1; i <= len(s.fits); i++ {
		exprs = append(exprs, canonical(render(values, i, src)), canonical(texts[i]))
	}
	var back []string
	if err := conn.QueryRow(t.Context(), "SELECT ARRAY["+strings.Join(exprs, ", ")+"]",
		pgx.QueryExecModeSimpleProtocol).Scan(&back); err != nil {
		t.Fatal(err)
	}
	for ; len(back) > 0; back = back[2:] {
		if back[0] != back[1] {
			t.Errorf("%.100q is %.100q when it is rendered back", back[1], back[0])
		}
	}
}

// render prints a value for Postgres, with Arrow's own formatting.
func render(values arrow.Array, i int, src schema.PostgresType) string {
	switch a := values.(type) {
	case *array.Binary:
		return fmt.Sprintf(`\x%x`, a.Value(i))
	case *array.Decimal128:
		return a.Value(i).ToString(values.DataType().(*arrow.Decimal128Type).Scale)
	case *array.List:
		var elements []string
		start, end := a.ValueOffsets(i)
		for j := int(start); j < int(end); j++ {
			if a.ListValues().IsNull(j) {
				elements = append(elements, "NULL")
				continue
			}
			quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(render(a.ListValues(), j, *src.Elem))
			elements = append(elements, `"`+quoted+`"`)
		}
		return "{" + strings.Join(elements, src.Elem.Delim) + "}"
	case *array.Date32:
		return a.Value(i).ToTime().Format("2006-01-02")
	case *array.Timestamp:
		at := a.Value(i).ToTime(arrow.Microsecond)
		if a.DataType().(*arrow.TimestampType).TimeZone == "" {
			return at.Format("2006-01-02 15:04:05.999999")
		}
		return at.Format("2006-01-02 15:04:05.999999Z07:00")
	}
	return values.ValueStr(i)
}
