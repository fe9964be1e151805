package schema

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParseTableName(t *testing.T) {
	for _, tt := range []struct {
		in, defaultSchema string
		want              TableName
	}{
		{"public.orders", "", TableName{"public", "orders"}},
		{"orders", "sales", TableName{"sales", "orders"}},
		{"public.orders", "sales", TableName{"public", "orders"}},
		{"Public.Orders", "", TableName{"Public", "Orders"}},
		{`"Public"."Orders"`, "", TableName{"Public", "Orders"}},
		{`"a.b"."c""d"`, "", TableName{"a.b", `c"d`}},
		{`public."a.b"`, "", TableName{"public", "a.b"}},
		{`"a.b"`, "public", TableName{"public", "a.b"}},
		{"public.order items", "", TableName{"public", "order items"}},
		{"público.été", "", TableName{"público", "été"}},
	} {
		got, err := ParseTableName(tt.in, tt.defaultSchema)
		if err != nil || got != tt.want {
			t.Errorf("%q: %+v, %v; want %+v", tt.in, got, err, tt.want)
		}
	}
}

func TestArgument(t *testing.T) {
	for name, want := range map[TableName]string{
		{"public", "orders"}:   "public.orders",
		{"public", "été-1"}:    "public.été-1",
		{"public", "Orders"}:   "public.Orders",
		{"public", "a b"}:      "'public.a b'",
		{"public", "a.b"}:      `'public."a.b"'`,
		{"public", "a,b"}:      `'public."a,b"'`,
		{"public", `it's "x"`}: `'public."it'\''s ""x"""'`,
		{"public", "$HOME"}:    "'public.$HOME'",
	} {
		if got := name.Argument(); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

func TestFoldCase(t *testing.T) {
	for _, same := range [][2]string{{"Item", "iTEM"}, {"ÄÖ", "äö"}, {"ΑΣ", "ας"}, {"ſ", "S"}, {"K", "k"}} {
		if FoldCase(same[0]) != FoldCase(same[1]) {
			t.Errorf("%q and %q are distinguished", same[0], same[1])
		}
	}
	for _, different := range [][2]string{{"a", "b"}, {"a", "ä"}, {"ss", "ß"}} {
		if FoldCase(different[0]) == FoldCase(different[1]) {
			t.Errorf("%q and %q are not distinguished", different[0], different[1])
		}
	}
}

func TestParseTableNameRefuses(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", "an empty part"},
		{"orders", "want schema.table"},
		{"a.b.c", "want schema.table"},
		{".b", "an empty part"},
		{"a.", "an empty part"},
		{"a..b", "an empty part"},
		{`"".b`, "an empty part"},
		{`"a.b`, "unclosed double quote"},
		{`"a`, "unclosed double quote"},
		{`"a""`, "unclosed double quote"},
		{`"a"b.c`, `unexpected 'b' after a quoted part`},
	} {
		if got, err := ParseTableName(tt.in, ""); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %+v, error %v; want …%s…", tt.in, got, err, tt.want)
		}
	}
}

func FuzzParseTableName(f *testing.F) {
	for _, in := range []string{"public.orders", "orders", `"a.b"."c""d"`, `a"b.c`, `"a"b`, ` x . "y"`, `"`, "a.b.c"} {
		f.Add(in, "public")
		f.Add(in, "")
	}
	f.Fuzz(func(t *testing.T, in, defaultSchema string) {
		name, err := ParseTableName(in, defaultSchema)
		if err != nil {
			return
		}
		if name.Schema == "" || name.Name == "" {
			t.Fatalf("%q: an empty part in %+v", in, name)
		}
		for _, shown := range []string{name.String(), name.SQL()} {
			if again, err := ParseTableName(shown, ""); err != nil || again != name {
				t.Errorf("%q: %+v is shown as %q, which is %+v, %v", in, name, shown, again, err)
			}
		}
	})
}

func TestTableNameAsJSONKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.StringOfN(rapid.RuneFrom([]rune(`aZ."' é,`)), 1, 8, -1)
		want := map[TableName]int{{part.Draw(t, "schema"), part.Draw(t, "name")}: 1, {"public", "t"}: 2}
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got map[TableName]int
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestTableNameOrder(t *testing.T) {
	a, b, c := TableName{"a", "z"}, TableName{"b", "a"}, TableName{"b", "b"}
	if a.Compare(b) >= 0 || b.Compare(c) >= 0 || c.Compare(a) <= 0 || b.Compare(b) != 0 {
		t.Error("names are not ordered by schema, then by name")
	}
}

func TestQuotePostgresLiteral(t *testing.T) {
	for in, want := range map[string]string{
		"": "''", "a": "'a'", "it's": "'it''s'", `a\b'`: ` E'a\\b'''`,
	} {
		if got := QuotePostgresLiteral(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
