package probe

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

// edges is a column of a type, with values at the edges of its range.
type edges struct {
	name   string
	typ    schema.Type
	values []edge
	// read is the expression that converts a value to text; nil reads the value
	// itself.
	read func(column string) string
}

// edge is one value: how it is written, and how it reads. Each column also has
// a NULL.
type edge struct {
	put  func(*vector.Column)
	want string
}

func cast(column string) string { return "CAST(" + column + " AS STRING)" }
func inHex(column string) string {
	return "hex(" + column + ")"
}
func days(column string) string   { return cast("unix_date(" + column + ")") }
func micros(column string) string { return cast("unix_micros(CAST(" + column + " AS TIMESTAMP))") }
func asJSON(column string) string { return "to_json(" + column + ")" }

// entries converts a map to text, because the order of its keys has no meaning.
func entries(column string) string {
	return "to_json(transform(array_sort(map_keys(" + column + ")), k -> array(k, " + column + "[k])))"
}

func integers[T int16 | int32 | int64](put func(*vector.Column, T), values ...T) (out []edge) {
	for _, v := range values {
		out = append(out, edge{func(c *vector.Column) { put(c, v) }, strconv.FormatInt(int64(v), 10)})
	}
	return out
}

func floats[T float32 | float64](bits int, put func(*vector.Column, T), values ...float64) (out []edge) {
	for _, v := range values {
		out = append(out, edge{func(c *vector.Column) { put(c, T(v)) }, strconv.FormatFloat(float64(T(v)), 'g', -1, bits)})
	}
	return out
}

func texts(values ...string) (out []edge) {
	for _, v := range values {
		out = append(out, edge{func(c *vector.Column) { c.AppendString(v) }, strings.ToUpper(fmt.Sprintf("%x", v))})
	}
	return out
}

// decimals takes unscaled values.
func decimals(scale int32, values ...string) (out []edge) {
	for _, v := range values {
		n, err := decimal128.FromString(v, 38, 0)
		if err != nil {
			panic(err) // a constant of this file
		}
		out = append(out, edge{func(c *vector.Column) { c.AppendDecimal(n) }, n.ToString(scale)})
	}
	return out
}

func list(want string, put func(*vector.Column)) edge {
	return edge{func(c *vector.Column) { put(c.Elem()); c.EndList() }, want}
}

// stringMap ends the map as list ends a list, and adds its keys.
func stringMap(want string, pairs ...string) edge {
	return edge{func(c *vector.Column) {
		for i := 0; i < len(pairs); i += 2 {
			c.Key().AppendString(pairs[i])
			c.Elem().AppendString(pairs[i+1])
		}
		c.EndList()
	}, want}
}

func typeOf(kind schema.Kind) schema.Type { return schema.Type{Kind: kind} }

func decimalOf(precision, scale int32) schema.Type {
	return schema.Type{Kind: schema.Decimal, Precision: precision, Scale: scale}
}

func of(kind, elem schema.Kind) schema.Type {
	e := typeOf(elem)
	return schema.Type{Kind: kind, Elem: &e}
}

const maxInt38 = "99999999999999999999999999999999999999"

var times = integers((*vector.Column).AppendInt64, micro("1900-01-01T00:00:00"), -1, 0, micro("9999-12-31T23:59:59.999999"))

// allEdges has the types of the table of types, except those with a question of
// their own.
var allEdges = []edges{
	{"boolean", typeOf(schema.Bool), []edge{
		{func(c *vector.Column) { c.AppendBool(true) }, "true"}, {func(c *vector.Column) { c.AppendBool(false) }, "false"},
	}, cast},
	{"smallint", typeOf(schema.Int16), integers((*vector.Column).AppendInt16, math.MinInt16, 0, math.MaxInt16), cast},
	{"int", typeOf(schema.Int32), integers((*vector.Column).AppendInt32, math.MinInt32, 0, math.MaxInt32), cast},
	{"bigint", typeOf(schema.Int64), integers((*vector.Column).AppendInt64, math.MinInt64, 0, math.MaxInt64), cast},
	{"float", typeOf(schema.Float32), floats(32, (*vector.Column).AppendFloat32, math.MaxFloat32, math.SmallestNonzeroFloat32,
		math.Copysign(0, -1), 0.1, math.NaN(), math.Inf(1), math.Inf(-1)), nil},
	{"double", typeOf(schema.Float64), floats(64, (*vector.Column).AppendFloat64, math.MaxFloat64, math.SmallestNonzeroFloat64,
		math.Copysign(0, -1), 0.1, math.NaN(), math.Inf(1), math.Inf(-1)), nil},
	{"decimal_9_4", decimalOf(9, 4), decimals(4, "999999999", "-999999999", "1", "0"), cast},
	{"decimal_19_2", decimalOf(19, 2), decimals(2, "9223372036854775807", "-9223372036854775808", "1"), cast},
	{"decimal_38_0", decimalOf(38, 0), decimals(0, maxInt38, "-"+maxInt38, "0"), cast},
	{"decimal_38_18", decimalOf(38, 18), decimals(18, maxInt38, "-"+maxInt38, "1000000000000000001"), cast},
	{"string", typeOf(schema.String),
		texts("", " ", "a  ", "line\nbreak\ttab\r", `quote' double" back\slash`, "ü 漢字 😀 e\u0301 \u200d", "${x} :p ?",
			"\x01\x7f", strings.Repeat("long ", 2000)), inHex},
	{"binary", typeOf(schema.Binary), []edge{
		{func(c *vector.Column) { c.AppendBytes(nil) }, ""}, {func(c *vector.Column) { c.AppendBytes([]byte{0, 0xff, '\n'}) }, "00FF0A"},
	}, inHex},
	{"date", typeOf(schema.Date), integers((*vector.Column).AppendInt32, day("1900-01-01"), -1, 0, day("9999-12-31")), days},
	{"timestamp_ntz", typeOf(schema.Timestamp), times, micros},
	{"timestamp", typeOf(schema.TimestampUTC), times, micros},
	{"array_string", of(schema.List, schema.String), []edge{
		list("[]", func(*vector.Column) {}),
		list(`["a",null,""]`, func(e *vector.Column) { e.AppendString("a"); e.AppendNull(); e.AppendString("") }),
	}, asJSON},
	{"array_int", of(schema.List, schema.Int32), []edge{
		list("[-2147483648,2147483647]", func(e *vector.Column) { e.AppendInt32(math.MinInt32); e.AppendInt32(math.MaxInt32) }),
	}, asJSON},
	{"map", of(schema.StringMap, schema.String), []edge{stringMap("[]"), stringMap(`[["","x"],["a","1"]]`, "a", "1", "", "x")}, entries},
}

// oldEdges are dates before the calendar reform. Spark's older files count
// these differently.
var oldEdges = []edges{
	{"date", typeOf(schema.Date),
		integers((*vector.Column).AppendInt32, day("0001-01-01"), day("1582-10-04"), day("1582-10-10"), day("1582-10-15")), days},
	{"timestamp_ntz", typeOf(schema.Timestamp),
		integers((*vector.Column).AppendInt64, micro("0001-01-01T00:00:00"), micro("1582-10-10T12:00:00.000001")), micros},
	{"timestamp", typeOf(schema.TimestampUTC),
		integers((*vector.Column).AppendInt64, micro("0001-01-01T00:00:00"), micro("1582-10-10T12:00:00.000001")), micros},
}

// variantEdges are JSON texts of VARIANTs. They print without white space.
var variantEdges = []edges{{"variant", typeOf(schema.Variant), []edge{
	{func(c *vector.Column) { c.AppendString(`{"a": [1, "x", null, true]}`) }, `{"a":[1,"x",null,true]}`},
	{func(c *vector.Column) { c.AppendString(`"ü"`) }, `"ü"`},
	{func(c *vector.Column) { c.AppendString(`9007199254740993`) }, `9007199254740993`},
}, asJSON}}

// typed is the result for the types of a segment.
type typed struct{ seen map[string]seen }

// onceTyped loads allEdges once for all questions about types.
func onceTyped(s *shared) func(context.Context) (*typed, error) {
	var mu sync.Mutex
	var done *typed
	return func(ctx context.Context) (*typed, error) {
		mu.Lock()
		defer mu.Unlock()
		if done != nil {
			return done, nil
		}
		t, err := (&scratch{shared: s, id: "types"}).load(ctx, allEdges)
		if err == nil {
			done = t
		}
		return t, err
	}
}

// load writes columns to a segment, loads the segment into a table, once as a
// snapshot and once by COPY INTO, and reads the columns back.
func (s *scratch) load(ctx context.Context, columns []edges) (*typed, error) {
	fields := []vector.Field{{Name: "id", Type: idType}}
	target := []databricks.TargetColumn{{Name: "id", Type: idType}}
	file := []databricks.TargetColumn{{Name: "id", Type: idType}}
	exprs := []string{databricks.CastExpr("id", idType)}
	rows := 0
	for _, c := range columns {
		fields = append(fields, vector.Field{Name: c.name, Type: c.typ.File()})
		target = append(target, databricks.TargetColumn{Name: c.name, Type: c.typ})
		file = append(file, databricks.TargetColumn{Name: c.name, Type: c.typ.File()})
		exprs = append(exprs, databricks.CastExpr(c.name, c.typ))
		rows = max(rows, len(c.values)+1)
	}
	name := s.dir() + "/00000001.parquet"
	err := s.segment(ctx, name, fields, func(b *vector.Batch) {
		for i := range rows {
			for j, c := range columns {
				if i < len(c.values) {
					c.values[i].put(b.Columns[j+1])
				} else {
					b.Columns[j+1].AppendNull()
				}
			}
			b.Columns[0].AppendInt64(int64(i))
		}
	})
	if err != nil {
		return nil, err
	}
	snapshot, copied := s.table("snapshot"), s.table("copied")
	if err := s.exec(ctx, databricks.CreateSnapshotTable(snapshot, target, exprs, s.files().Path(s.dir()), file, databricks.TableOptions{}),
		databricks.CreateEmptyTable(copied, target, databricks.TableOptions{})); err != nil {
		return nil, err
	}
	if _, err := s.warehouse().Copy(ctx, databricks.CopyInto(copied, target, exprs, s.files().Root(), []string{name})); err != nil {
		return nil, err
	}
	t := &typed{map[string]seen{}}
	for way, table := range map[string]databricks.Table{"read_files": snapshot, "COPY INTO": copied} {
		if err := t.compare(ctx, s, way, table, columns, rows); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// compare reads a table's cells back.
func (t *typed) compare(ctx context.Context, s *scratch, way string, table databricks.Table, columns []edges, rows int) error {
	var sql strings.Builder
	sql.WriteString("SELECT `id`")
	for _, c := range columns {
		expr := databricks.Quote(c.name)
		if c.read != nil {
			expr = c.read(expr)
		}
		sql.WriteString(", " + expr + " AS " + databricks.Quote(c.name))
	}
	sql.WriteString(" FROM " + table.String() + " ORDER BY `id`")
	r, err := s.warehouse().Query(ctx, sql.String())
	if err != nil {
		return err
	}
	if len(r.Rows) != rows {
		return fmt.Errorf("%s gives %d of %d rows", way, len(r.Rows), rows)
	}
	for j, c := range columns {
		if before, ok := t.seen[c.name]; ok && before.verdict == Wrong {
			continue
		}
		t.seen[c.name] = c.compare(way, r, j+1)
	}
	return nil
}

func (c *edges) compare(way string, r *databricks.Result, column int) seen {
	for i, row := range r.Rows {
		value := row[column]
		if wide, ok := value.(float64); ok && c.typ.Kind == schema.Float32 { // as some drivers give it
			value = float32(wide)
		}
		got, want := cell(value), "NULL"
		if i < len(c.values) {
			want = c.values[i].want
		}
		if got != want {
			return seen{fmt.Sprintf("by %s, %s reads %s", way, shown(want), shown(got)), Wrong}
		}
	}
	return seen{fmt.Sprintf("%d values arrive as they are, by read_files and by COPY INTO", len(c.values)), Fits}
}

func shown(text string) string {
	const most = 60
	if len(text) > most {
		return text[:most] + "…"
	}
	if text == "" {
		return "(nothing)"
	}
	return text
}

// cell formats a value in the text form of edges.
func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case float32:
		return strconv.FormatFloat(float64(v), 'g', -1, 32)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return fmt.Sprint(v)
}

// askType is the question about one column of allEdges.
func askType(name string) func(context.Context, *scratch) (seen, error) {
	return func(ctx context.Context, s *scratch) (seen, error) {
		t, err := s.types(ctx)
		if err != nil {
			return seen{}, err
		}
		return t.seen[name], nil
	}
}

// askEdges is the question about columns with a table of their own. changed is
// the verdict if values arrive changed.
func askEdges(columns []edges, changed Verdict) func(context.Context, *scratch) (seen, error) {
	return func(ctx context.Context, s *scratch) (seen, error) {
		t, err := s.load(ctx, columns)
		if err != nil {
			return seen{}, err
		}
		var found seen
		for _, c := range columns {
			if found = t.seen[c.name]; found.verdict == Wrong {
				found = seen{c.typ.String() + " " + found.text, changed}
				break
			}
		}
		return found, nil
	}
}
