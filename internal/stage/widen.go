package stage

import "github.com/ingest-tool/ingest/internal/schema"

// retyped returns a column's type in the target after its type changed in the
// source. If Delta can widen the column, that is the wider type. Otherwise it
// is the old type, and values that do not fit are rescued. kept reports whether
// the rows that were not sent have the same values in the target as now in the
// source. An ALTER … USING with another expression than the plain cast looks
// the same in the WAL. Only a verification detects it.
func retyped(k schema.Column, to schema.PostgresType) (target schema.Type, kept bool) {
	if k.Postgres.OID == to.OID && k.Postgres.Typmod == to.Typmod {
		return k.Type, true
	}
	want := schema.Map(to).Type
	same, exact := keepsText(k.Postgres, to), keepsNumber(k.Postgres, to)
	if k.Cast || k.Mask != nil { // as configured
		return k.Type, same || exact && k.Type.Kind != schema.String
	}
	if (same || exact) && schema.Widens(k.Type, want) {
		return want, true
	}
	return k.Type, same || exact && k.Type.Equal(want)
}

// KeepsValues reports whether the rows from before a column's type change have
// the same values in the target as now in the source. See retyped.
func KeepsValues(k schema.Column, to schema.PostgresType) bool {
	_, kept := retyped(k, to)
	return kept
}

// keepsText reports whether the plain cast fails or keeps the text of every
// value. This holds between integers, between text types that do not get
// shorter (except char(n), which pads), for numeric with the same scale, and
// for domains.
func keepsText(from, to schema.PostgresType) bool {
	switch {
	case from.Base == to.Base && from.BaseTypmod == to.BaseTypmod:
		return true
	case integer(from) && integer(to):
		return true
	case textual(from) && textual(to):
		return to.BaseTypmod < 0 || from.BaseTypmod >= 0 && from.BaseTypmod <= to.BaseTypmod
	}
	a, limited := from.NumericScale()
	b, still := to.NumericScale()
	return limited && still && a == b
}

// keepsNumber reports whether the plain cast fails or keeps every number equal,
// although its text may change: 5 and 5.00.
func keepsNumber(from, to schema.PostgresType) bool {
	if scale, ok := to.NumericScale(); ok {
		old, numeric := from.NumericScale()
		return integer(from) && scale >= 0 || numeric && scale >= old
	}
	return to.Base == schema.OIDFloat8 && (from.Base == schema.OIDFloat4 || from.Base == schema.OIDInt2 || from.Base == schema.OIDInt4)
}

func integer(t schema.PostgresType) bool {
	return t.Base == schema.OIDInt2 || t.Base == schema.OIDInt4 || t.Base == schema.OIDInt8
}

func textual(t schema.PostgresType) bool {
	return t.Base == schema.OIDText || t.Base == schema.OIDVarchar
}
