package shape

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ingest-tool/ingest/internal/schema"
)

func TestSnakeCase(t *testing.T) {
	for in, want := range map[string]string{
		"orders": "orders", "OrderItems": "order_items", "orderID": "order_id", "HTTPServer": "http_server", "ABC": "abc", "A": "a",
		"order items": "order_items", "  a--b  ": "a_b", "a__b": "a_b", "_private": "_private", "__x": "_x", "trailing_": "trailing",
		"2fa": "_2fa", "Level2Support": "level2_support", "v2": "v2", "price ($)": "price", "Größe": "größe", "ÜberMut": "über_mut",
		"名前": "名前", "🙂": "_", "": "_", "a.b/c": "a_b_c", "order_Items": "order_items", "Aℂ": "aℂ",
	} {
		if got := SnakeCase(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		once := SnakeCase(rapid.String().Draw(t, "name"))
		if twice := SnakeCase(once); twice != once {
			t.Fatalf("%q becomes %q", once, twice)
		}
		if once == "" || once != strings.ToLower(once) {
			t.Fatalf("%q", once)
		}
	})
}

var (
	text    = schema.PostgresType{OID: schema.OIDText, Base: schema.OIDText, Name: "text", BaseTypmod: -1}
	integer = schema.PostgresType{OID: schema.OIDInt4, Base: schema.OIDInt4, Name: "integer", BaseTypmod: -1}
	numeric = schema.PostgresType{OID: schema.OIDNumeric, Base: schema.OIDNumeric, Name: "numeric", BaseTypmod: -1}
	jsonb   = schema.PostgresType{OID: schema.OIDJSONB, Base: schema.OIDJSONB, Name: "jsonb", BaseTypmod: -1}
	numbers = schema.PostgresType{OID: 1231, Base: 1231, Name: "numeric[]", BaseTypmod: -1, Elem: &numeric}
	orders  = schema.TableName{Schema: "public", Name: "orders"}
)

// one makes the shape of a table with its own section.
func one(key string, o Options) *Shape {
	r := Rules{
		Key:      Key(key),
		Sections: []Section{{Label: "[tables.orders]", Exact: true, Matches: func(t schema.TableName) bool { return t == orders }, Options: o}},
	}
	return r.Of(orders)
}

func TestMasks(t *testing.T) {
	hidden := schema.Mask{Kind: schema.MaskHMAC}
	// RFC 4231, test case 2, has a key that is too short for us; this is test case 3.
	key := strings.Repeat("\xaa", 20)
	s := one(key, Options{Masks: map[string]schema.Mask{"a": hidden, "b": {Kind: schema.MaskFixed, Fixed: "x"}, "c": {Kind: schema.MaskNull}}})
	data := []byte(strings.Repeat("\xdd", 50))
	for column, want := range map[string]string{"a": "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe", "b": "x"} {
		m, err := s.Masker(s.Column(schema.Column{Name: column, Postgres: integer}))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got := string(m.Append(nil, data)); got != want || m.Null() {
				t.Errorf("%s: %q, want %q", column, got, want)
			}
		}
	}
	null := s.Column(schema.Column{Name: "c", Postgres: integer})
	if m, err := s.Masker(null); err != nil || !m.Null() || null.Type.Kind != schema.Int32 {
		t.Errorf("%v: %v, %v", null, m, err)
	}
	if m, err := s.Masker(s.Column(schema.Column{Name: "d", Postgres: text})); m != nil || err != nil {
		t.Errorf("a mask %v, %v of a column that has none", m, err)
	}
	other := one(strings.Repeat("k", 20), Options{})
	if _, err := other.Masker(s.Column(schema.Column{Name: "a", Postgres: text})); err == nil ||
		!strings.Contains(err.Error(), "another one") {
		t.Errorf("another key: %v", err)
	}
}

func TestKeyIsNotPrinted(t *testing.T) {
	r := Rules{Key: Key("hunter2hunter2hunter2")}
	marshalled, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, said := range []string{fmt.Sprintf("%v %+v %#v %s %x", r, r, r, r.Key, r.Key), string(marshalled)} {
		if strings.Contains(said, "hunter2") || strings.Contains(said, "68756e74657232") || strings.Contains(said, "aHVudGVy") ||
			!strings.Contains(said, "REDACTED") {
			t.Error(said)
		}
	}
}

func TestMaskingAllocatesNothing(t *testing.T) {
	s := one(strings.Repeat("k", 20), Options{Masks: map[string]schema.Mask{"a": {Kind: schema.MaskHMAC}}})
	m, err := s.Masker(s.Column(schema.Column{Name: "a", Postgres: text}))
	if err != nil {
		t.Fatal(err)
	}
	buf, value := make([]byte, 0, 64), []byte("somebody@example.com")
	if n := testing.AllocsPerRun(100, func() { buf = m.Append(buf[:0], value) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestCheck(t *testing.T) {
	columns := []schema.Column{{Name: "id", Postgres: integer}, {Name: "Email", Postgres: text}, {Name: "price", Postgres: numeric},
		{Name: "doc", Postgres: jsonb}}
	decimal := schema.Type{Kind: schema.Decimal, Precision: 38, Scale: 18}
	const key = "0123456789abcdef"
	for name, tt := range map[string]struct {
		key     string
		options Options
		want    string // in the first problem; empty: none
	}{
		"nothing": {"", Options{}, ""},
		"all that works": {key, Options{Exclude: []string{"doc"}, Rename: map[string]string{
			"Email": "mail",
		}, Types: map[string]schema.Type{"price": decimal}, Masks: map[string]schema.Mask{"id": {Kind: schema.MaskHMAC}}}, ""},
		"misspelt mask": {key, Options{Masks: map[string]schema.Mask{"email": {Kind: schema.MaskNull}}},
			`[tables.orders] mask names column "email", which it does not have`},
		"misspelt exclusion": {"", Options{Exclude: []string{"docs"}}, `exclude_columns names column "docs"`},
		"misspelt type":      {"", Options{Types: map[string]schema.Type{"cost": decimal}}, `type names column "cost"`},
		"misspelt rename":    {"", Options{Rename: map[string]string{"cost": "x"}}, `rename names column "cost"`},
		"key excluded":       {"", Options{Exclude: []string{"id"}}, `column "id" belongs to the key and is excluded`},
		"key masked away": {"", Options{Masks: map[string]schema.Mask{"id": {Kind: schema.MaskNull}}},
			`column "id" belongs to the key and has the mask "null"`},
		"no key for a mask": {"", Options{Masks: map[string]schema.Mask{"Email": {Kind: schema.MaskHMAC}}},
			`column "Email" has the mask hmac-sha256, but there is no key`},
		"a short key": {key[1:], Options{Masks: map[string]schema.Mask{"Email": {Kind: schema.MaskHMAC}}}, `there is no key`},
		"mask and type": {key, Options{
			Masks: map[string]schema.Mask{"price": {Kind: schema.MaskNull}}, Types: map[string]schema.Type{"price": decimal},
		}, `column "price" has both a mask and a type`},
		"type that is wrong": {"", Options{Types: map[string]schema.Type{"Email": decimal}},
			`column "Email" (text) cannot become DECIMAL(38,18)`},
		"renamed onto other": {"", Options{Rename: map[string]string{"price": "ID"}}, `columns "id" and "price" would both become "ID"`},
		"renamed to ours":    {"", Options{Rename: map[string]string{"price": "_Op"}}, `column "price" has the name of a metadata column`},
	} {
		got := one(tt.key, tt.options).Check(columns, []string{"id"})
		switch {
		case tt.want == "" && len(got) > 0:
			t.Errorf("%s: %v", name, got)
		case tt.want != "" && (len(got) != 1 || !strings.Contains(got[0].What, tt.want) || got[0].Remedy == ""):
			t.Errorf("%s: %v, want %q", name, got, tt.want)
		}
	}
	alike := append(columns, schema.Column{Name: "ID", Postgres: text})
	if got := one("", Options{}).Check(alike, nil); len(got) != 1 ||
		!strings.Contains(got[0].What, `columns "id" and "ID" differ only in case`) {
		t.Errorf("%v", got)
	}
	if got := one("", Options{Rename: map[string]string{"ID": "other"}}).Check(alike, nil); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestCastable(t *testing.T) {
	for _, tt := range []struct {
		from schema.PostgresType
		to   string
		want bool
	}{
		{text, "STRING", true}, {text, "BINARY", false}, {text, "INT", false},
		{integer, "STRING", true}, {integer, "BIGINT", true}, {integer, "SMALLINT", true}, {integer, "DECIMAL(10,0)", true},
		{integer, "DOUBLE", true}, {integer, "FLOAT", false}, {integer, "DATE", false},
		{numeric, "DECIMAL(38,18)", true}, {numeric, "BIGINT", true}, {numeric, "VARIANT", false},
		{jsonb, "VARIANT", true}, {jsonb, "STRING", true}, {jsonb, "MAP<STRING,STRING>", false},
		{numbers, "ARRAY<DECIMAL(38,9)>", true}, {numbers, "ARRAY<STRING>", true}, {numbers, "STRING", true}, {numbers, "ARRAY<DATE>", false},
		{numbers, "DECIMAL(38,9)", false},
	} {
		to, err := schema.ParseType(tt.to)
		if err != nil {
			t.Fatal(err)
		}
		if got := Castable(tt.from, to); got != tt.want {
			t.Errorf("%s as %s: %v", tt.from.Name, tt.to, got)
		}
	}
	if diff := cmp.Diff([]string{"INT", "SMALLINT", "BIGINT", "any DECIMAL", "DOUBLE", "STRING"}, targets(integer)); diff != "" {
		t.Error(diff)
	}
}
