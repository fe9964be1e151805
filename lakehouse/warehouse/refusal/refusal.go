package refusal

import (
	"context"
	"errors"
	"math/big"
	"regexp"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

// Error is an error in Databricks' form: SQLState, Class and Message, which does not repeat the class.
type Error = sparksql.Error

// AncientClass is the class of a date that may be of either calendar.
const AncientClass = "INCONSISTENT_BEHAVIOR_CROSS_VERSION.READ_ANCIENT_DATETIME"

// raisedStates are the SQLSTATEs of the classes that translated SQL raises itself.
var raisedStates = map[string]string{
	"DIVIDE_BY_ZERO": "22012", "INVALID_ARRAY_INDEX": "22003", "INVALID_ARRAY_INDEX_IN_ELEMENT_AT": "22003", "INVALID_INDEX_OF_ZERO": "22003",
	"USER_RAISED_EXCEPTION": "P0001", "EXCEED_LIMIT_LENGTH": "54006", "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION": "22023",
	"INVALID_VARIANT_CAST": "22023", "ARITHMETIC_OVERFLOW": "22003", "INVALID_VARIANT_GET_PATH": "22023", AncientClass: "42K0B",
}

// duckErrors maps DuckDB's messages to Databricks' errors; the first one that a message contains applies.
var duckErrors = []struct{ text, state, class, message string }{
	{"Type INT128 with value", "22003", "ARITHMETIC_OVERFLOW", "Overflow in sum of BIGINT."},
	{"Overflow in addition of DECIMAL", "22003", "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION", "The value cannot be represented in the type."},
	{"Overflow in subtract of DECIMAL", "22003", "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION", "The value cannot be represented in the type."},
	{"Overflow in subtraction of DECIMAL", "22003", "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION",
		"The value cannot be represented in the type."},
	{"Failed to cast decimal value", "22003", "CAST_OVERFLOW", "The value cannot be cast due to an overflow."},
	{"Date out of range", "22023", "DATETIME_FIELD_OUT_OF_BOUNDS.WITH_SUGGESTION", "The field of a date is out of bounds."},
	{"Like pattern must not end with escape", "42601", "INVALID_FORMAT.ESC_AT_THE_END", "The escape character is not allowed to end with."},
	{"missing ]: ", "22023", "INVALID_PARAMETER_VALUE.PATTERN", "The pattern is no regular expression."},
	{"missing ): ", "22023", "INVALID_PARAMETER_VALUE.PATTERN", "The pattern is no regular expression."},
	{"no argument for repetition operator", "22023", "INVALID_PARAMETER_VALUE.PATTERN", "The pattern is no regular expression."},
	{"Overflow in", "22003", "ARITHMETIC_OVERFLOW",
		"Overflow in an arithmetic operation. Use 'try_*' functions to tolerate overflow and return NULL instead."},
	{"Overflow on", "22003", "ARITHMETIC_OVERFLOW", "Overflow in an arithmetic operation."},
	{"Casting value", "22003", "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION", "The value cannot be represented in the type."},
	{"Could not cast value", "22003", "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION", "The value cannot be represented in the type."},
	{"can't be cast because the value is out of range", "22003", "CAST_OVERFLOW", "The value cannot be cast due to an overflow."},
	{"Map keys must be unique", "23505", "DUPLICATED_MAP_KEY", "Duplicate map key was found, please check the input data."},
	{"Map keys can not be NULL", "2200E", "NULL_MAP_KEY", "Cannot use null as map key."},
	{"NOT NULL constraint failed", "23502", "DELTA_NOT_NULL_CONSTRAINT_VIOLATED", "NOT NULL constraint violated."},
	{"must appear in the GROUP BY clause", "42803", "MISSING_AGGREGATION",
		"A non-aggregating expression is based on columns which are not participating in the GROUP BY clause."},
	{"must appear in GROUP BY", "42803", "MISSING_AGGREGATION",
		"A non-aggregating expression is based on columns which are not participating in the GROUP BY clause."},
	{"WHERE clause cannot contain aggregates", "42903", "INVALID_WHERE_CONDITION",
		"The WHERE condition contains invalid expressions: aggregate functions."},
	{"cannot contain aggregates", "42903", "GROUP_BY_AGGREGATE", "Aggregate functions are not allowed here."},
	{"aggregate function calls cannot be nested", "42607", "NESTED_AGGREGATE_FUNCTION",
		"It is not allowed to use an aggregate function in the argument of another aggregate function."},
	{"cannot contain window functions", "42P20", "UNSUPPORTED_EXPR_FOR_WINDOW", "Window functions are not allowed here."},
	{"More than one row returned by a subquery", "21000", "SCALAR_SUBQUERY_TOO_MANY_ROWS",
		"More than one row returned by a subquery used as an expression."},
	{"date field value out of range", "22018", "CAST_INVALID_INPUT", "The value cannot be cast because it is malformed."},
	{"field format", "22018", "CAST_INVALID_INPUT", "The value cannot be cast because it is malformed."},
	{"Conversion Error", "22018", "CAST_INVALID_INPUT", "The value cannot be cast because it is malformed."},
	{"Out of Memory", "53200", "LOCAL_WORKSPACE_OUT_OF_MEMORY",
		"The local workspace ran out of memory; `ingest workspace --memory` gives it more."},
	{"Out of Range Error", "22003", "ARITHMETIC_OVERFLOW", "The value is out of range."},
	{"No magic bytes", "KD001", "FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER", "A file is not Parquet."},
}

var (
	raised       = regexp.MustCompile(`\[([A-Z][A-Z0-9_.]*)\] (.*)`)
	narrow       = regexp.MustCompile(`Overflow in \w+ of INT(8|16) `)
	unparsedText = regexp.MustCompile(`Could not convert string ['"](.*)['"] to (\S+)`)
)

// Of converts any error of a statement to an *Error. DuckDB's own text follows Databricks', because it has the value.
func Of(err error) *Error {
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), strings.Contains(err.Error(), "INTERRUPT"):
		return sparksql.Errorf("HY008", "OPERATION_CANCELED", "The operation was canceled.")
	}
	text, _, _ := strings.Cut(err.Error(), "\n\nLINE ")
	text = strings.ReplaceAll(text, "\n", " ")
	if m := raised.FindStringSubmatch(text); m != nil && raisedStates[m[1]] != "" {
		return sparksql.Errorf(raisedStates[m[1]], m[1], "%s", m[2])
	}
	if m := unparsedText.FindStringSubmatch(text); m != nil {
		return unparsed(m[1], m[2])
	}
	if narrow.MatchString(text) { // Spark has a class of its own for TINYINT and SMALLINT
		return sparksql.Errorf("22003", "BINARY_ARITHMETIC_OVERFLOW",
			"The operation caused overflow. Use 'try_*' functions to tolerate overflow and return NULL instead. (%s)", text)
	}
	for _, known := range duckErrors {
		if strings.Contains(text, known.text) {
			return sparksql.Errorf(known.state, known.class, "%s (%s)", known.message, text)
		}
	}
	return sparksql.Errorf("XX000", "INTERNAL_ERROR", "The local workspace failed: %s", text)
}

var (
	grouping  = regexp.MustCompile(`(?i)\bGROUP\s+BY\b`)
	inserting = regexp.MustCompile(`(?i)^\s*INSERT\b`)
	casting   = regexp.MustCompile(`(?i)\bCAST\s*\(|::`)
)

// Classified sets a class that depends on the whole statement: for an aggregate without any GROUP BY, and for an INSERT without a
// cast, in which only a column can have been too narrow.
func Classified(sql string, err error) error {
	e := Of(err)
	switch {
	case e == nil:
		return err
	case e.HasClass("MISSING_AGGREGATION") && !grouping.MatchString(sql):
		return sparksql.Errorf(e.SQLState, "MISSING_GROUP_BY",
			"The query does not include a GROUP BY clause. Add GROUP BY or turn it into the window functions using OVER clauses.")
	case (e.HasClass("CAST_OVERFLOW") || e.HasClass("NUMERIC_VALUE_OUT_OF_RANGE")) && inserting.MatchString(sql) && !casting.MatchString(sql):
		return sparksql.Errorf(e.SQLState, "CAST_OVERFLOW_IN_TABLE_INSERT", "Fail to assign a value to the column due to an overflow. "+
			"Use `try_cast` on the input value to tolerate overflow and return NULL instead. (%s)", e.Message)
	}
	return err
}

func unparsed(value, to string) *Error {
	if _, number := new(big.Rat).SetString(strings.TrimSpace(value)); number && !strings.ContainsAny(value, "xXoObB_") &&
		strings.HasPrefix(to, "DECIMAL") {
		return sparksql.Errorf("22003", "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION",
			"The value %s cannot be represented as %s. Use `try_cast` to tolerate it.", value, to)
	}
	return sparksql.Errorf("22018", "CAST_INVALID_INPUT",
		"The value '%s' of the type \"STRING\" cannot be cast to \"%s\" because it is malformed. Correct the value as per the syntax, "+
			"or change its target type. Use `try_cast` to tolerate malformed input and return NULL instead.", value, to)
}

// TableNotFound is the error for a name that no table or view has.
func TableNotFound(name ...string) *Error {
	return sparksql.Errorf("42P01", "TABLE_OR_VIEW_NOT_FOUND",
		"The table or view %s cannot be found. Verify the spelling and correctness of the schema and catalog.", sparksql.QuoteName(name))
}

// SchemaNotFound refuses a schema that the catalog does not have.
func SchemaNotFound(catalog, schema string) *Error {
	return sparksql.Errorf("42704", "SCHEMA_NOT_FOUND", "The schema %s cannot be found. "+
		"Verify the spelling and correctness of the schema and catalog.", sparksql.QuoteName([]string{catalog, schema}))
}

// CatalogNotFound refuses a catalog that there is not.
func CatalogNotFound(catalog string) *Error {
	return sparksql.Errorf("42704", "NO_SUCH_CATALOG_EXCEPTION",
		"Catalog '%s' was not found. Please verify the catalog name and then retry the query or command again.", catalog)
}

// TableExists refuses a name that a table or view has already.
func TableExists(name ...string) *Error {
	return sparksql.Errorf("42P07", "TABLE_OR_VIEW_ALREADY_EXISTS", "Cannot create table or view %s because it already exists. "+
		"Choose a different name, drop or replace the existing object, or add the IF NOT EXISTS clause to tolerate pre-existing objects.",
		sparksql.QuoteName(name))
}
