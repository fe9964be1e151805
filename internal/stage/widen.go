package stage

import "ingest/internal/schema"

// retyped gives a column's type in the target after the source changed its
// type: a wider one where Delta can take the column there, else the one that
// it has, with values that do not fit rescued. kept says that the rows that
// were not sent are in the target what they are in the source now. An ALTER …
// USING with another expression than the plain cast looks the same in the WAL:
// only a verification finds it.
func retyped(k schema.Column, to schema.PostgresType) (target schema.Type, kept bool) {
	if k.Postgres.OID == to.OID && k.Postgres.Typmod == to.Typmod {
		return k.Type, true
	}
	want := schema.Map(to).Type
	same, exact := keepsText(k.Postgres, to), keepsNumber(k.Postgres, to)
	if k.Cast || k.Mask != nil { // as the configuration has it
		return k.Type, same || exact && k.Type.Kind != schema.String
	}
	if (same || exact) && schema.Widens(k.Type, want) {
		return want, true
	}
	return k.Type, same || exact && k.Type.Equal(want)
}

// KeepsValues says whether rows that were there before a column's type changed
// are in the target what they are in the source now. See retyped.
func KeepsValues(k schema.Column, to schema.PostgresType) bool {
	_, kept := retyped(k, to)
	return kept
}

// keepsText says whether the plain cast leaves the text of every value as it
// was, or fails: integers among each other, text types that do not get shorter
// (but for char(n), which pads), numeric with the same scale, and domains.
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

// keepsNumber says whether the plain cast leaves every number equal, or fails,
// though its text may change: 5 and 5.00.
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
