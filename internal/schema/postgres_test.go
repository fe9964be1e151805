package schema

import "testing"

func builtin(oid uint32) PostgresType {
	return PostgresType{OID: oid, Typmod: -1, Base: oid, BaseTypmod: -1, Class: "b"}
}

func TestMap(t *testing.T) {
	const unknown = 600_000
	domain := PostgresType{OID: 70_000, Typmod: -1, Name: "price", Base: OIDNumeric, BaseTypmod: 10<<16 + 2 + 4, Class: "b"}
	array := func(oid uint32, elem PostgresType) PostgresType {
		p := builtin(oid)
		p.Elem = &elem
		return p
	}
	extension := func(extension, name string) PostgresType {
		p := builtin(unknown)
		p.Extension, p.BaseName = extension, name
		return p
	}
	int2, oid, numbers := builtin(OIDInt2), builtin(OIDOID), array(unknown, domain)
	for _, tt := range []struct {
		name  string
		typ   PostgresType
		codec Codec
		want  string
	}{
		{"boolean", builtin(OIDBool), CodecBool, "BOOLEAN"},
		{"smallint", int2, CodecInt2, "SMALLINT"},
		{"integer", builtin(OIDInt4), CodecInt4, "INT"},
		{"bigint", builtin(OIDInt8), CodecInt8, "BIGINT"},
		{"oid", oid, CodecOID, "BIGINT"},
		{"xid", builtin(OIDXID), CodecOID, "BIGINT"},
		{"real", builtin(OIDFloat4), CodecFloat4, "FLOAT"},
		{"double precision", builtin(OIDFloat8), CodecFloat8, "DOUBLE"},
		{"numeric", builtin(OIDNumeric), CodecNumeric, "STRING"},
		{"domain over numeric(10,2)", domain, CodecNumeric, "DECIMAL(10,2)"},
		{"money", builtin(OIDMoney), CodecMoney, "DECIMAL(19,2)"},
		{"text", builtin(OIDText), CodecRawText, "STRING"},
		{"char(n)", builtin(OIDBPChar), CodecRawText, "STRING"},
		{"enum", PostgresType{Base: unknown, Class: "e"}, CodecRawText, "STRING"},
		{"json", builtin(OIDJSON), CodecRawText, "STRING"},
		{"jsonb", builtin(OIDJSONB), CodecJSONB, "STRING"},
		{"uuid", builtin(OIDUUID), CodecUUID, "STRING"},
		{"bytea", builtin(OIDBytea), CodecBytea, "BINARY"},
		{"date", builtin(OIDDate), CodecDate, "DATE"},
		{"timestamp", builtin(OIDTimestamp), CodecTimestamp, "TIMESTAMP_NTZ"},
		{"timestamptz", builtin(OIDTimestampTZ), CodecTimestampTZ, "TIMESTAMP"},
		{"time", builtin(OIDTime), CodecText, "STRING"},
		{"timetz", builtin(OIDTimeTZ), CodecText, "STRING"},
		{"interval", builtin(OIDInterval), CodecText, "STRING"},
		{"xml", builtin(OIDXML), CodecText, "STRING"},
		{"composite", PostgresType{Base: unknown, Class: "c"}, CodecText, "STRING"},
		{"range", PostgresType{Base: unknown, Class: "r"}, CodecText, "STRING"},
		{"multirange", PostgresType{Base: unknown, Class: "m"}, CodecText, "STRING"},
		{"extension's own", builtin(unknown), CodecText, "STRING"},
		{"hstore", extension("hstore", "hstore"), CodecText, "MAP<STRING,STRING>"},
		{"hstore[]", array(unknown+1, extension("hstore", "hstore")), CodecText, "ARRAY<MAP<STRING,STRING>>"},
		{"vector", extension("vector", "vector"), CodecText, "ARRAY<FLOAT>"},
		{"halfvec", extension("vector", "halfvec"), CodecText, "ARRAY<FLOAT>"},
		{"vector[]", array(unknown+1, extension("vector", "vector")), CodecText, "ARRAY<ARRAY<FLOAT>>"},
		{"sparsevec", extension("vector", "sparsevec"), CodecText, "STRING"},
		{"a user's own hstore", builtin(unknown), CodecText, "STRING"},
		{"another extension's vector", extension("other", "vector"), CodecText, "STRING"},
		{"citext", extension("citext", "citext"), CodecText, "STRING"},
		{"numeric(10,2)[]", numbers, CodecText, "ARRAY<DECIMAL(10,2)>"},
		{"array of a domain over an array", array(unknown+1, numbers), CodecText, "ARRAY<ARRAY<DECIMAL(10,2)>>"},
		{"int2vector", array(OIDInt2Vector, int2), CodecText, "STRING"},
		{"oidvector", array(OIDOIDVector, oid), CodecText, "STRING"},
		{"int2vector[]", array(unknown, array(OIDInt2Vector, int2)), CodecText, "ARRAY<STRING>"},
	} {
		if got := Map(tt.typ); got.Codec != tt.codec || got.Type.String() != tt.want {
			t.Errorf("%s: codec %d into %s, want codec %d into %s", tt.name, got.Codec, got.Type, tt.codec, tt.want)
		}
	}
}
