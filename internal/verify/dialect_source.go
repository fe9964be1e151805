package verify

import (
	"fmt"
	"strings"

	"ingest/internal/postgres"
	"ingest/internal/schema"
)

// sourceDialect writes for Postgres.
type sourceDialect struct{ utf8 bool }

func (d *sourceDialect) show(number string) string { return "(" + number + ")::text" }

func (d *sourceDialect) md5(text string) string {
	if d.utf8 {
		return "md5(" + text + ")"
	}
	return "md5(convert_to(" + text + ", 'UTF8'))"
}

func (d *sourceDialect) digits(sum string) string {
	return "translate(substr(" + sum + ", 1, 15), 'abcdef', '012345')::numeric"
}

func (d *sourceDialect) text(i int, c schema.Column) string {
	x := fmt.Sprintf("c%d", i)
	plain := postgresText(x, c.Type, c.Postgres)
	holds := postgresHolds(x, c.Type, c.Postgres)
	if holds == "" {
		return plain
	}
	return "CASE WHEN NOT (" + holds + ") THEN " + postgres.OutputText(x) + " ELSE " + plain + " END"
}

func (d *sourceDialect) number(i int, c schema.Column) string {
	x := fmt.Sprintf("c%d", i)
	switch c.Type.Kind {
	case schema.Int16, schema.Int32, schema.Int64:
		return x + "::text::numeric"
	case schema.Decimal:
		if c.Type.Precision <= maxSummedPrecision {
			return "CASE WHEN " + postgresHolds(x, c.Type, c.Postgres) + " THEN " + x + "::numeric END"
		}
	case schema.Date, schema.Timestamp, schema.TimestampUTC:
		return "CASE WHEN " + postgresHolds(x, c.Type, c.Postgres) + " THEN (" + postgresText(x, c.Type, c.Postgres) + ")::numeric END"
	}
	return ""
}

// maxSummedPrecision leaves a DECIMAL's sum the ten digits that it grows by.
const maxSummedPrecision = 28

// postgresText is the text of a value that its target's type holds.
func postgresText(x string, t schema.Type, p schema.PostgresType) string {
	switch t.Kind {
	case schema.Bool:
		return "CASE WHEN " + x + " THEN 't' WHEN NOT " + x + " THEN 'f' END"
	case schema.Int16, schema.Int32, schema.Int64:
		return x + "::text"
	case schema.Float32, schema.Float64:
		return floatText(x + "::float8")
	case schema.Decimal:
		return x + "::numeric::text"
	case schema.Binary:
		return "encode(" + x + ", 'hex')"
	case schema.Date:
		return "(" + x + "::date - DATE '1970-01-01')::text"
	case schema.Timestamp, schema.TimestampUTC:
		return "(extract(epoch FROM " + x + ") * 1000000)::bigint::text"
	case schema.List:
		elem, from, pe := postgresElements(x, p)
		return "CASE WHEN num_nulls(" + x + ") = 0 THEN coalesce((SELECT string_agg(coalesce('v' || " + postgresText(elem, *t.Elem, pe) +
			", 'n'), ',' ORDER BY i) FROM " + from + "), '') END"
	case schema.StringMap: // by jsonb, since hstore's own functions may be in any schema
		return "CASE WHEN num_nulls(" + x + ") = 0 THEN coalesce((SELECT string_agg(length(k)::text || ':' || k || coalesce('v' || v, 'n'), ','" +
			" ORDER BY convert_to(k, 'UTF8')) FROM jsonb_each_text(" + x + "::jsonb) AS pairs(k, v)), '') END"
	}
	return postgres.OutputText(x)
}

// postgresElements takes an array or a vector apart: elem is an element, with i
// for its place, of the rows that from gives.
func postgresElements(x string, p schema.PostgresType) (elem, from string, pe schema.PostgresType) {
	elem = "e" // an element's element has another name
	for strings.Contains(x, elem) {
		elem += "e"
	}
	if p.Elem != nil {
		pe = *p.Elem
	}
	switch {
	case p.IsVector():
		x += "::real[]"
	case pe.Class == "c": // unnest would take the elements apart
		x += "::text[]"
	}
	return elem, "unnest(" + x + ") WITH ORDINALITY AS elements(" + elem + ", i)", pe
}

// postgresHolds is the condition under which the target's type holds a value; ""
// if it always does. It is NULL for NULL.
func postgresHolds(x string, t schema.Type, p schema.PostgresType) string {
	switch t.Kind {
	case schema.Decimal:
		return x + "::numeric NOT IN ('NaN', 'Infinity', '-Infinity')"
	case schema.Date:
		return x + " BETWEEN DATE '0001-01-01' AND DATE '9999-12-31'"
	case schema.Timestamp:
		return x + " >= TIMESTAMP '0001-01-01' AND " + x + " < TIMESTAMP '10000-01-01'"
	case schema.TimestampUTC:
		return x + " >= TIMESTAMPTZ '0001-01-01 00:00+00' AND " + x + " < TIMESTAMPTZ '10000-01-01 00:00+00'"
	case schema.List:
		if p.IsVector() {
			return ""
		}
		holds := "(cardinality(" + x + ") = 0 OR array_ndims(" + x + ") = 1 AND array_lower(" + x + ", 1) = 1)"
		elem, from, pe := postgresElements(x, p)
		if inner := postgresHolds(elem, *t.Elem, pe); inner != "" {
			holds += " AND NOT EXISTS (SELECT FROM " + from + " WHERE NOT (" + inner + "))"
		}
		return holds
	}
	return ""
}

// floatText is the text of a double, the same at both ends: the whole part, and
// 52 bits of the fraction. Of numbers of 2^62 and above it keeps the sign only,
// and of smaller fractions nothing: these are for the comparison of cells.
func floatText(x string) string {
	return "CASE WHEN " + x + " = 'NaN' THEN 'NaN' WHEN " + x + " = 'Infinity' THEN 'Infinity' WHEN " + x + " = '-Infinity' THEN '-Infinity'" +
		" WHEN " + x + " >= 4611686018427387904 THEN '+' WHEN " + x + " <= -4611686018427387904 THEN '-'" +
		" ELSE floor(" + x + ")::bigint || '.' || floor((" + x + " - floor(" + x + ")) * 4503599627370496)::bigint END"
}
