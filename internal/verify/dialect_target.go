package verify

import (
	"fmt"

	"ingest/internal/schema"
)

// targetDialect writes for Databricks, over the fold's numbered columns.
type targetDialect struct{}

func (targetDialect) show(number string) string { return "CAST(" + number + " AS STRING)" }

func (targetDialect) md5(text string) string { return "md5(" + text + ")" }

func (targetDialect) digits(sum string) string {
	return "CAST(translate(substring(" + sum + ", 1, 15), 'abcdef', '012345') AS DECIMAL(15,0))"
}

func (targetDialect) text(i int, c schema.Column) string {
	return fmt.Sprintf("CASE WHEN c%d IS NULL THEN r%d ELSE %s END", i, i, databricksText(fmt.Sprintf("c%d", i), c.Type))
}

func (targetDialect) number(i int, c schema.Column) string {
	x := fmt.Sprintf("c%d", i)
	switch c.Type.Kind {
	case schema.Int16, schema.Int32, schema.Int64:
		return "CAST(" + x + " AS DECIMAL(20,0))"
	case schema.Decimal:
		if c.Type.Precision <= maxSummedPrecision {
			return x
		}
	case schema.Date, schema.Timestamp, schema.TimestampUTC:
		return "CAST(" + cellExpr(x, c.Type) + " AS DECIMAL(20,0))"
	}
	return ""
}

func databricksText(x string, t schema.Type) string {
	switch t.Kind {
	case schema.Float32, schema.Float64:
		d := "CAST(" + x + " AS DOUBLE)"
		return "CASE WHEN isnan(" + d + ") THEN 'NaN' WHEN " + d + " = CAST('Infinity' AS DOUBLE) THEN 'Infinity' WHEN " + d + " = CAST('-Infinity' AS DOUBLE) THEN '-Infinity'" +
			" WHEN " + d + " >= 4611686018427387904D THEN '+' WHEN " + d + " <= -4611686018427387904D THEN '-'" +
			" ELSE concat(CAST(floor(" + d + ") AS STRING), '.', CAST(floor((" + d + " - floor(" + d + ")) * 4503599627370496D) AS STRING)) END"
	case schema.List:
		return "array_join(transform(" + x + ", e -> CASE WHEN e IS NULL THEN 'n' ELSE concat('v', " + databricksText("e", *t.Elem) + ") END), ',')"
	case schema.StringMap:
		return "array_join(transform(array_sort(map_keys(" + x + ")), k -> concat(CAST(length(k) AS STRING), ':', k," +
			" CASE WHEN " + x + "[k] IS NULL THEN 'n' ELSE concat('v', " + x + "[k]) END)), ',')"
	}
	return elementExpr(x, t)
}
