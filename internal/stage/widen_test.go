package stage

import (
	"testing"

	"github.com/ingest-tool/ingest/internal/schema"
)

func postgresType(base uint32, typmod int32) schema.PostgresType {
	return schema.PostgresType{OID: base, Typmod: typmod, Base: base, BaseTypmod: typmod, Class: "b"}
}

func numeric(precision, scale int32) schema.PostgresType {
	return postgresType(schema.OIDNumeric, precision<<16|scale&0x7ff+4)
}

func TestRetypedColumns(t *testing.T) {
	int2, int4, int8 := postgresType(schema.OIDInt2, -1), postgresType(schema.OIDInt4, -1), postgresType(schema.OIDInt8, -1)
	float4, float8 := postgresType(schema.OIDFloat4, -1), postgresType(schema.OIDFloat8, -1)
	text, varchar5, varchar9 := postgresType(schema.OIDText, -1), postgresType(schema.OIDVarchar, 9), postgresType(schema.OIDVarchar, 13)
	domain := int4
	domain.OID = 90000
	for _, c := range []struct {
		name     string
		from, to schema.PostgresType
		has      string // the target's type, if it is not what from maps to
		want     string
		kept     bool
	}{
		{"smallint to int", int2, int4, "", "INT", true},
		{"int to bigint", int4, int8, "", "BIGINT", true},
		{"bigint to int", int8, int4, "", "BIGINT", true},
		{"int, wide in the target, to bigint", int4, int8, "BIGINT", "BIGINT", true},
		{"smallint, in an INT, to bigint", int2, int8, "INT", "BIGINT", true},
		{"int to a domain", int4, domain, "", "INT", true},
		{"int to double", int4, float8, "", "DOUBLE", true},
		{"bigint to double", int8, float8, "", "BIGINT", false},
		{"int to real", int4, float4, "", "INT", false},
		{"real to double", float4, float8, "", "DOUBLE", true},
		{"double to real", float8, float4, "", "DOUBLE", false},
		{"int to numeric(12,2)", int4, numeric(12, 2), "", "DECIMAL(12,2)", true},
		{"int to numeric(11,2)", int4, numeric(11, 2), "", "INT", false},
		{"int to numeric(10,-2), which rounds", int4, numeric(10, -2), "", "INT", false},
		{"int to numeric", int4, postgresType(schema.OIDNumeric, -1), "", "INT", false},
		{"bigint to numeric(20,0)", int8, numeric(20, 0), "", "DECIMAL(20,0)", true},
		{"bigint to numeric(19,0)", int8, numeric(19, 0), "", "BIGINT", false},
		{"more whole digits", numeric(10, 2), numeric(12, 2), "", "DECIMAL(12,2)", true},
		{"more of both", numeric(10, 2), numeric(14, 4), "", "DECIMAL(14,4)", true},
		{"more decimals, fewer whole digits", numeric(10, 2), numeric(10, 4), "", "DECIMAL(10,2)", false},
		{"fewer whole digits", numeric(12, 2), numeric(10, 2), "", "DECIMAL(12,2)", true},
		{"fewer decimals", numeric(10, 4), numeric(12, 2), "", "DECIMAL(10,4)", false},
		{"beyond what DECIMAL holds", numeric(38, 2), numeric(40, 2), "", "DECIMAL(38,2)", true},
		{"a scale that was negative", numeric(5, -2), numeric(7, 0), "", "DECIMAL(7,0)", true},
		{"varchar(5) to varchar(9)", varchar5, varchar9, "", "STRING", true},
		{"varchar(9) to text", varchar9, text, "", "STRING", true},
		{"varchar(9) to varchar(5)", varchar9, varchar5, "", "STRING", false},
		{"text to varchar(9)", text, varchar9, "", "STRING", false},
		{"text to int", text, int4, "", "STRING", false},
		{"text in an INT to bigint", text, int8, "INT", "INT", false},
		{"date to timestamp", postgresType(schema.OIDDate, -1), postgresType(schema.OIDTimestamp, -1), "", "DATE", false},
		{"the same, narrower in the target", int8, int8, "INT", "INT", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			col := schema.Column{Name: "c", Postgres: c.from, Type: schema.Map(c.from).Type}
			if c.has != "" {
				var err error
				if col.Type, err = schema.ParseType(c.has); err != nil {
					t.Fatal(err)
				}
			}
			if got, kept := retyped(col, c.to); got.String() != c.want || kept != c.kept {
				t.Errorf("%s becomes %s, kept %v; want %s, %v", col.Type, got, kept, c.want, c.kept)
			}
		})
	}
}
