package databricks

import (
	"encoding/json"
	"strings"

	"github.com/ingest-tool/ingest/internal/schema"
)

// RescuedText is the expression of a column's text in _rescued; NULL if there
// is none.
func RescuedText(column string) string { return RescuedTextOf("`"+schema.MetaRescued+"`", column) }

// RescuedTextOf is RescuedText for a given expression of _rescued. A JSON path
// is faster, but it cannot express names with characters that have a meaning in
// a path.
func RescuedTextOf(rescued, column string) string {
	if !strings.ContainsAny(column, `.[]'"*?$@\`) && strings.TrimSpace(column) == column {
		return "get_json_object(" + rescued + ", " + Literal("$."+column) + ")"
	}
	return "from_json(" + rescued + ", 'MAP<STRING, STRING>')[" + Literal(column) + "]"
}

// JSONString is the expression of the JSON string of a text. text is the
// expression of that text.
func JSONString(text string) string {
	array := "to_json(array(" + text + "))"
	return "substring(" + array + ", 2, length(" + array + ") - 2)"
}

// RescuedMember is the expression of a column's member in the JSON object of
// _rescued. text is the expression of its text. The member is NULL if the text
// is.
func RescuedMember(column, text string) string {
	return "CASE WHEN " + text + " IS NOT NULL THEN concat(" + Literal(jsonString(column)+":") + ", " + JSONString(text) + ") END"
}

func jsonString(s string) string {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always has a JSON form
	return strings.TrimSuffix(out.String(), "\n")
}
