package schema

import "testing"

func TestWidens(t *testing.T) {
	types := []string{
		"BOOLEAN", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL(9,0)", "DECIMAL(10,0)", "DECIMAL(10,2)", "DECIMAL(12,2)",
		"DECIMAL(12,4)", "DECIMAL(19,0)", "DECIMAL(20,0)", "STRING", "DATE", "TIMESTAMP_NTZ", "TIMESTAMP", "ARRAY<INT>", "ARRAY<BIGINT>",
	}
	want := map[string]map[string]bool{
		"SMALLINT": {
			"INT": true, "BIGINT": true, "DOUBLE": true, "DECIMAL(10,0)": true, "DECIMAL(12,2)": true, "DECIMAL(19,0)": true, "DECIMAL(20,0)": true,
		},
		"INT": {
			"BIGINT": true, "DOUBLE": true, "DECIMAL(10,0)": true, "DECIMAL(12,2)": true, "DECIMAL(19,0)": true, "DECIMAL(20,0)": true,
		},
		"BIGINT":        {"DECIMAL(20,0)": true},
		"FLOAT":         {"DOUBLE": true},
		"DECIMAL(9,0)":  {"DECIMAL(10,0)": true, "DECIMAL(12,2)": true, "DECIMAL(19,0)": true, "DECIMAL(20,0)": true},
		"DECIMAL(10,0)": {"DECIMAL(12,2)": true, "DECIMAL(19,0)": true, "DECIMAL(20,0)": true},
		"DECIMAL(10,2)": {"DECIMAL(12,2)": true, "DECIMAL(12,4)": true},
		"DECIMAL(19,0)": {"DECIMAL(20,0)": true},
	}
	for _, from := range types {
		for _, to := range types {
			f, err := ParseType(from)
			if err != nil {
				t.Fatal(err)
			}
			u, err := ParseType(to)
			if err != nil {
				t.Fatal(err)
			}
			if got := Widens(f, u); got != want[from][to] {
				t.Errorf("%s widens to %s: %v", from, to, got)
			}
		}
	}
}

func TestNumericScale(t *testing.T) {
	for _, c := range []struct {
		typmod, scale int32
		ok            bool
	}{{-1, 0, false}, {10<<16 | 2 + 4, 2, true}, {10<<16 + 4, 0, true}, {5<<16 | (-2 & 0x7ff) + 4, -2, true}, {3<<16 | 5 + 4, 5, true}} {
		if scale, ok := (PostgresType{Base: OIDNumeric, BaseTypmod: c.typmod}).NumericScale(); scale != c.scale || ok != c.ok {
			t.Errorf("modifier %d: scale %d, %v; want %d, %v", c.typmod, scale, ok, c.scale, c.ok)
		}
	}
	if _, ok := (PostgresType{Base: OIDInt4, BaseTypmod: 700}).NumericScale(); ok {
		t.Error("an integer has a scale")
	}
}
