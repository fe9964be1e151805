package databricks

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/schema"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "statements", name+".sql")
	if *update {
		if err := os.WriteFile(path, []byte(got+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got+"\n"); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

var (
	orders  = Table{Catalog: "main", Schema: "bronze", Name: "orders"}
	strange = Table{Catalog: "my-catalog", Schema: "br`onze", Name: "select"}
	text    = schema.Type{Kind: schema.String}

	orderColumns = []TargetColumn{
		{Name: "id", Type: schema.Type{Kind: schema.Int64}},
		{Name: "price", Type: schema.Type{Kind: schema.Decimal, Precision: 10, Scale: 2}, Comment: "it's net"},
		{Name: "tags", Type: schema.Type{Kind: schema.List, Elem: &text}},
		{Name: "_op", Type: text, Comment: "insert, update or delete"},
	}
	oddColumns = []TargetColumn{
		{Name: "a b", Type: schema.Type{Kind: schema.Int32}},
		{Name: "tick`'s", Type: schema.Type{Kind: schema.Timestamp}},
		{Name: "größe\\", Type: schema.Type{Kind: schema.Float64}, Comment: "in ${unit}\nper piece"},
	}
)

func casts(cols []TargetColumn) []string {
	exprs := make([]string, len(cols))
	for i, c := range cols {
		exprs[i] = CastExpr(c.Name, c.Type)
	}
	return exprs
}

func TestStatements(t *testing.T) {
	exprs := casts(orderColumns)
	exprs[3] = "'snapshot'"
	for name, got := range map[string]string{
		"snapshot": CreateSnapshotTable(orders, orderColumns, exprs, "/Volumes/main/bronze/ingest/p/segments/r1/orders",
			orderColumns[:3], TableOptions{
				Comment:    "public.orders",
				ClusterBy:  []string{"id", "_op"},
				Properties: map[string]string{"ingest.ledger": "b7c1", "delta.dataSkippingStatsColumns": "_op,id"},
			}),
		"snapshot_odd": CreateSnapshotTable(strange, oddColumns, casts(oddColumns), "/Volumes/c/it's here", oddColumns, TableOptions{}),
		"empty":        CreateEmptyTable(orders, orderColumns, TableOptions{Comment: "public.orders"}),
		"empty_odd": CreateEmptyTable(strange, oddColumns, TableOptions{
			IfNotExists: true, Properties: map[string]string{"delta.columnMapping.mode": "id"},
		}),
		"add_columns": AddColumns(orders, oddColumns),
		"copy": CopyInto(orders, orderColumns, casts(orderColumns), "/Volumes/main/bronze/ingest/p",
			[]string{"segments/r1/orders/1.parquet", "segments/r1/it's.parquet"}),
		"widen":      WidenColumn(orders, "pri`ce", schema.Type{Kind: schema.Decimal, Precision: 20, Scale: 2}),
		"properties": SetProperties(orders, map[string]string{"z": "1", "a": `\'`}),
		"show":       ShowProperties(orders),
		"drop":       DropTable(strange),
		"describe":   DescribeColumns(orders),
	} {
		golden(t, name, got)
	}
}

func TestColumnMappingIsTurnedOnByTheNamesThatNeedIt(t *testing.T) {
	for _, c := range " ,;{}()\n\t=" {
		cols := []TargetColumn{{Name: "a" + string(c) + "b", Type: text}}
		if got := RequiredProperties(cols)["delta.columnMapping.mode"]; got != "name" {
			t.Errorf("a column name with %q: delta.columnMapping.mode = %q, want name", c, got)
		}
	}
	doc := []TargetColumn{{Name: "doc", Type: schema.Type{Kind: schema.Variant}}}
	if got := RequiredProperties(doc)[variantFeature]; got != "supported" {
		t.Errorf("a VARIANT that is added needs %q", got)
	}
	if sql := CreateEmptyTable(Table{Catalog: "c", Schema: "s", Name: "t"}, doc, TableOptions{}); strings.Contains(sql, "variantType") {
		t.Errorf("CREATE TABLE chooses the feature itself: %s", sql)
	}
	if got := RequiredProperties([]TargetColumn{{Name: "größe-1.`", Type: text}}); len(got) != 0 {
		t.Errorf("an ordinary name requires %v, want nothing", got)
	}
}

func TestTimestampNTZRequiresItsFeature(t *testing.T) {
	ntz := schema.Type{Kind: schema.Timestamp}
	for _, typ := range []schema.Type{ntz, {Kind: schema.List, Elem: &ntz}} {
		if got := RequiredProperties([]TargetColumn{{Name: "at", Type: typ}})["delta.feature.timestampNtz"]; got != "supported" {
			t.Errorf("%s: delta.feature.timestampNtz = %q, want supported", typ, got)
		}
	}
}

func TestCopyIntoRefusesTooManyFiles(t *testing.T) {
	for _, n := range []int{0, MaxCopyFiles + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("COPY INTO of %d files did not panic", n)
				}
			}()
			CopyInto(orders, nil, nil, "/Volumes/x", make([]string, n))
		}()
	}
	if got := CopyInto(orders, nil, nil, "/Volumes/x", make([]string, MaxCopyFiles)); got == "" {
		t.Error("COPY INTO of 1000 files is empty")
	}
}

// readLiteral parses a string literal as Spark does. rest is what follows it.
func readLiteral(t *testing.T, s string) (value, rest string) {
	t.Helper()
	if s == "" || s[0] != '\'' {
		t.Fatalf("%q is not a literal", s)
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\'':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+5 < len(s) && s[i+1] == 'u':
			b.WriteByte(hex(t, s[i+2:i+6]))
			i += 5
		case s[i] == '\\':
			i++
			b.WriteString(map[byte]string{'n': "\n", 'r': "\r", 't': "\t", '\\': `\`, '\'': "'"}[s[i]])
		default:
			b.WriteByte(s[i])
		}
	}
	t.Fatalf("%q does not end", s)
	return "", ""
}

func hex(t *testing.T, s string) byte {
	switch s {
	case "0000":
		return 0
	case "0024":
		return '$'
	}
	t.Fatalf(`unexpected escape \u%s`, s)
	return 0
}

func FuzzLiteral(f *testing.F) {
	for _, s := range []string{"", "plain", "it's", `back\slash`, `\'`, "line\nfeed\r\ttab", "nul\x00", "${var} $x $$ ${", "größe 😀", `\u0041`,
		"'; DROP TABLE t; --", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		literal := Literal(s)
		got, rest := readLiteral(t, literal)
		if want := string([]rune(s)); got != want || rest != "" {
			t.Errorf("Literal(%q) = %s reads back as %q with %q after it, want %q", s, literal, got, rest, want)
		}
		if strings.Contains(literal, "${") || strings.ContainsAny(literal, "\n\r\x00") {
			t.Errorf("Literal(%q) = %q holds what a parser may act upon", s, literal)
		}
	})
}

func FuzzQuote(f *testing.F) {
	for _, s := range []string{"a", "a`b", "``", "a.b", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q := Quote(s)
		if len(q) < 2 || q[0] != '`' || q[len(q)-1] != '`' {
			t.Fatalf("Quote(%q) = %s", s, q)
		}
		inner := q[1 : len(q)-1]
		if strings.Contains(strings.ReplaceAll(inner, "``", ""), "`") {
			t.Errorf("Quote(%q) = %s has a backtick that ends it", s, q)
		}
		if strings.ReplaceAll(inner, "``", "`") != s {
			t.Errorf("Quote(%q) = %s does not read back", s, q)
		}
	})
}
