package value

import (
	"testing"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

// A column of another type stores a text only if a cast to STRING returns it. Any other text is
// rescued exactly.
func TestTextOfAnotherTypeIsKept(t *testing.T) {
	text := schema.PostgresType{OID: schema.OIDText, Base: schema.OIDText, Typmod: -1, BaseTypmod: -1, Name: "text", Class: "b"}
	numeric := schema.PostgresType{OID: schema.OIDNumeric, Base: schema.OIDNumeric, Typmod: -1, BaseTypmod: -1, Name: "numeric", Class: "b"}
	double := schema.PostgresType{
		OID: schema.OIDFloat8, Base: schema.OIDFloat8, Typmod: -1, BaseTypmod: -1, Name: "double precision", Class: "b",
	}
	for _, c := range []struct {
		src    schema.PostgresType
		target string
		kept   []string
		not    []string
	}{
		{text, "INT", []string{"0", "7", "-7", "2147483647"}, []string{"007", "-0", "+7", "7.0", " 7", "7 ", "", "-", "2147483648", "0x7", "٣"}},
		{text, "DECIMAL(5,2)", []string{"0.00", "1.50", "-999.99"}, []string{"1.5", "1", "01.50", "-0.00", ".50", "1.500", "1000.00", "NaN"}},
		{numeric, "DECIMAL(5,2)", []string{"1.50"}, []string{"1.5", "1.500"}},
		{double, "DECIMAL(5,2)", []string{"1.5", "1"}, []string{"1.555"}},
		{text, "DOUBLE", nil, []string{"1.5", "1", "1e3"}},
		{text, "BOOLEAN", nil, []string{"t", "true"}},
		{text, "DATE", []string{"2026-01-31", "0001-01-01"}, []string{"2026-1-31", "20260131", "2026-01-31 ", "infinity", "2026-02-30x"}},
		{text, "TIMESTAMP_NTZ", []string{"2026-01-31 04:05:06", "2026-01-31 04:05:06.5", "2026-01-31 04:05:06.000001"},
			[]string{"2026-01-31", "2026-01-31 04:05:06.", "2026-01-31 04:05:06.50", "2026-01-31 04:05:06.1234567", "2026-01-31T04:05:06",
				"2026-01-31 04:05:06+00"}},
		{text, "TIMESTAMP", nil, []string{"2026-01-31 04:05:06+00"}},
		{text, "BINARY", nil, []string{`\x00`}},
		{numeric, "STRING", []string{"1.500", "NaN"}, nil},
	} {
		target, err := schema.ParseType(c.target)
		if err != nil {
			t.Fatal(err)
		}
		d, err := NewText(c.src, target, Options{KeepText: true})
		if err != nil {
			t.Fatal(err)
		}
		for i, value := range append(append([]string{}, c.kept...), c.not...) {
			rescued, err := d.Append(vector.NewColumn(target), []byte(value))
			if err != nil {
				t.Errorf("%s into %s: %v", value, c.target, err)
			}
			if kept := rescued == nil; kept != (i < len(c.kept)) || !kept && string(rescued) != value {
				t.Errorf("%s %q in a column of %s: kept %v, rescued %q", c.src.Name, value, c.target, kept, rescued)
			}
		}
	}
}
