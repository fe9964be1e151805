package value

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/schema"
)

func TestVariantHoldsWhatItGivesBack(t *testing.T) {
	for text, want := range map[string]bool{
		`null`: true, `"x"`: true, `1`: true, `[]`: true, `{}`: true, ` {"a" : [1, {"b": null}], "c": {"a": true}} `: true,
		`{"a":1,"a":2}`: false, `{"a":{"b":1,"b":1}}`: false, `[{"a":1},{"a":2}]`: true, `{"a":1,"\u0061":2}`: false,
		strings.Repeat("9", 38): true, strings.Repeat("9", 39): false, `1` + strings.Repeat("0", 39): true, // a DOUBLE holds 1e39
		`0.` + strings.Repeat("0", 37) + `1`: true, `0.1234567890123456789012345678901234567891`: false, `-0.0`: true,
		`1e5`: true, `1.5e-7`: true, `1e308`: true, `1e309`: false, `1e-400`: false, `0e-400`: true, `1.23456789012345678e2`: false,
		`"\ud83d\ude00"`: true, `"\ud83d"`: false, `{"\udc00":1}`: false, `"\ufffd"`: true, "\"\uFFFD\"": true,
		`1 2`: false, `[1`: false, `{"a"}`: false, ``: false,
		strings.Repeat("[", 1000) + strings.Repeat("]", 1000): true, strings.Repeat("[", 1001) + strings.Repeat("]", 1001): false,
	} {
		if got := holdsVariant([]byte(text)); got != want {
			t.Errorf("%.60s: %v, want %v", text, got, want)
		}
	}
}

func TestVariantColumn(t *testing.T) {
	jsonb := schema.PostgresType{OID: schema.OIDJSONB, Base: schema.OIDJSONB, Name: "jsonb"}
	d := newText(t, jsonb, schema.Type{Kind: schema.Variant})
	values, rescued, err := one(t, d, []byte(`{"a": 1}`))
	if err != nil || rescued != nil || values.ValueStr(1) != `{"a": 1}` {
		t.Errorf("%v, rescued %s, %v", values, rescued, err)
	}
	values, rescued, err = one(t, d, []byte(`{"a": 1, "a": 2}`))
	if err != nil || string(rescued) != `{"a": 1, "a": 2}` || !values.IsNull(1) {
		t.Errorf("%v, rescued %s, %v", values, rescued, err)
	}
}

// No text causes a panic, and every accepted text is one JSON document.
func FuzzVariant(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":null}],"c":"\ud83d\ude00"}`, `[1e400,-0.0]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if holdsVariant(text) && !json.Valid(text) {
			t.Errorf("%q is held", text)
		}
	})
}
