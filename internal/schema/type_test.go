package schema

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

func anyType() *rapid.Generator[Type] {
	flat := rapid.Custom(func(t *rapid.T) Type {
		kind := Kind(rapid.IntRange(int(Bool), int(TimestampUTC)).Draw(t, "kind"))
		if kind != Decimal {
			return Type{Kind: kind}
		}
		precision := rapid.Int32Range(1, MaxDecimalPrecision).Draw(t, "precision")
		return Type{Kind: Decimal, Precision: precision, Scale: rapid.Int32Range(0, precision).Draw(t, "scale")}
	})
	return rapid.Custom(func(t *rapid.T) Type {
		typ := flat.Draw(t, "type")
		for range rapid.IntRange(0, 2).Draw(t, "depth") {
			elem := typ
			typ = Type{Kind: List, Elem: &elem}
			if rapid.Bool().Draw(t, "map") {
				typ.Kind = StringMap
			}
		}
		return typ
	})
}

func TestParseTypeReadsWhatStringWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want, other := anyType().Draw(t, "type"), anyType().Draw(t, "other")
		got, err := ParseType(want.String())
		if err != nil || !got.Equal(want) {
			t.Fatalf("%s reads as %s, %v", want, got, err)
		}
		if want.Equal(other) != (want.String() == other.String()) {
			t.Fatalf("%s equals %s: %v", want, other, want.Equal(other))
		}
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var back Type
		if err := json.Unmarshal(data, &back); err != nil || !back.Equal(want) {
			t.Fatalf("%s reads back as %s, %v", data, back, err)
		}
		if want.Arrow() == nil {
			t.Fatalf("%s has no Arrow type", want)
		}
	})
}

func TestParseTypeIsLenientInSpelling(t *testing.T) {
	for in, want := range map[string]string{
		"string": "STRING", " Decimal( 10 , 2 ) ": "DECIMAL(10,2)", "decimal(5)": "DECIMAL(5,0)", "array< decimal(5,5) >": "ARRAY<DECIMAL(5,5)>",
		"timestamp_ntz": "TIMESTAMP_NTZ", " map< string , array<int> > ": "MAP<STRING,ARRAY<INT>>",
	} {
		if got, err := ParseType(in); err != nil || got.String() != want {
			t.Errorf("%q: %s, %v; want %s", in, got, err, want)
		}
	}
}

func TestParseTypeRefuses(t *testing.T) {
	for _, in := range []string{"", "INVALID", "VARCHAR", "DECIMAL", "DECIMAL()", "DECIMAL(0,0)", "DECIMAL(39,0)",
		"DECIMAL(5,6)", "DECIMAL(5,-1)",
		"DECIMAL(5,)", "DECIMAL(5,2", "DECIMAL(x)", "DECIMAL(5,2,1)", "ARRAY<>", "ARRAY<INT", "ARRAY", "ARRAY<ARRAY<INT>", "MAP<STRING>",
		"MAP<STRING,>", "MAP<INT,STRING>",
		"MAP<STRING,STRING", "MAP<STRING,MAP<STRING,INT>", "MAP<>"} {
		if got, err := ParseType(in); err == nil {
			t.Errorf("%q is read as %s", in, got)
		}
	}
}
