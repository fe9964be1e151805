package sparksql

import (
	"fmt"
	"strings"
)

// Error is an error in Databricks' form. Class may carry a sub-class after a dot
// (UNRESOLVED_COLUMN.WITH_SUGGESTION). Message repeats neither the class nor the SQLSTATE.
type Error struct {
	SQLState, Class, Message string
}

// Error gives the text that a Databricks client shows.
func (e *Error) Error() string {
	return "[" + e.Class + "] " + e.Message + " SQLSTATE: " + e.SQLState
}

// HasClass reports whether e is of a class, whatever its sub-class.
func (e *Error) HasClass(class string) bool {
	return e.Class == class || strings.HasPrefix(e.Class, class+".")
}

// Errorf makes a refusal.
func Errorf(state, class, format string, args ...any) *Error {
	return &Error{SQLState: state, Class: class, Message: fmt.Sprintf(format, args...)}
}

// Unsupported is the error for what this warehouse does not support, though Databricks may.
func Unsupported(format string, args ...any) *Error {
	return Errorf("0A000", "UNSUPPORTED_FEATURE.LOCAL_WORKSPACE",
		"The local workspace does not support %s. Rewrite the statement, or run it on Databricks.", fmt.Sprintf(format, args...))
}

// syntaxError is PARSE_SYNTAX_ERROR near a token.
func syntaxError(near Token, sql, hint string) *Error {
	what := "'" + near.Raw(sql) + "'"
	if near.Kind == End {
		what = "end of input"
	}
	line, col := position(sql, near.Start)
	if hint != "" {
		hint = ": " + hint
	}
	return Errorf("42601", "PARSE_SYNTAX_ERROR", "Syntax error at or near %s%s.(line %d, pos %d)", what, hint, line, col)
}

func position(sql string, at int) (line, col int) {
	before := sql[:min(at, len(sql))]
	line = strings.Count(before, "\n") + 1
	return line, len(before) - (strings.LastIndexByte(before, '\n') + 1)
}
