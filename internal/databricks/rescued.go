package databricks

import (
	"encoding/json"
	"strings"

	"ingest/internal/schema"
)

// RescuedText is the expression for a column's text in _rescued, NULL where it
// has none.
func RescuedText(column string) string { return RescuedTextOf("`"+schema.MetaRescued+"`", column) }

// RescuedTextOf is RescuedText, given the expression of _rescued. A JSON path is
// the quicker way, but takes no name with a character that means something in it.
func RescuedTextOf(rescued, column string) string {
	if !strings.ContainsAny(column, `.[]'"*?$@\`) && strings.TrimSpace(column) == column {
		return "get_json_object(" + rescued + ", " + Literal("$."+column) + ")"
	}
	return "from_json(" + rescued + ", 'MAP<STRING, STRING>')[" + Literal(column) + "]"
}

// JSONString is the expression for the JSON string of a text, given the
// expression of that.
func JSONString(text string) string {
	array := "to_json(array(" + text + "))"
	return "substring(" + array + ", 2, length(" + array + ") - 2)"
}

// RescuedMember is the expression for a column's member in the JSON object of
// _rescued, given that of its text; NULL where the text is.
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
