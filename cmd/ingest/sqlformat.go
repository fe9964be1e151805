package main

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/ui"
)

// answerFormat is how rows are printed.
type answerFormat string

// The formats.
const (
	formatText     answerFormat = "text"
	formatCSV      answerFormat = "csv"
	formatLines    answerFormat = "jsonl"
	formatVertical answerFormat = "vertical"
)

var answerFormats = []string{string(formatText), string(formatCSV), string(formatLines), string(formatVertical)}

// Set, String and Type make it a flag's value.
func (f *answerFormat) Set(s string) error {
	if !slices.Contains(answerFormats, s) {
		return fmt.Errorf("want %s", strings.Join(answerFormats, ", "))
	}
	*f = answerFormat(s)
	return nil
}
func (f *answerFormat) String() string { return string(*f) }
func (f *answerFormat) Type() string   { return "format" }

// plainCell is a value as text without quoting. NULL is "".
func plainCell(columnType string, value any) string {
	if value == nil {
		return ""
	}
	return fmt.Sprint(cell(columnType, value))
}

func printCSV(out *ui.Output, names []string, result *databricks.Result) error {
	var b strings.Builder
	w := csv.NewWriter(&b)
	if err := w.Write(names); err != nil {
		return err
	}
	for _, row := range result.Rows {
		fields := make([]string, len(row))
		for i, value := range row {
			fields[i] = plainCell(result.Columns[i].Type, value)
		}
		if err := w.Write(fields); err != nil {
			return err
		}
	}
	w.Flush()
	return out.Print("%s", strings.TrimSuffix(b.String(), "\n"))
}

// printVertical prints a line for each value, as psql does with \x.
func printVertical(out *ui.Output, names []string, result *databricks.Result) error {
	width := 0
	for _, name := range names {
		width = max(width, utf8.RuneCountInString(name))
	}
	var b strings.Builder
	for n, row := range result.Rows {
		fmt.Fprintf(&b, "-[ row %d ]%s\n", n+1, strings.Repeat("-", max(0, width-4)))
		for i, value := range row {
			text := "NULL"
			if value != nil {
				text = ui.Plain(plainCell(result.Columns[i].Type, value))
			}
			text = strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", width)+" | ")
			fmt.Fprintf(&b, "%s%s | %s\n", names[i], strings.Repeat(" ", width-utf8.RuneCountInString(names[i])), text)
		}
	}
	if b.Len() > 0 {
		if err := out.Print("%s", strings.TrimSuffix(b.String(), "\n")); err != nil {
			return err
		}
	}
	out.Note("%s", countOf(len(result.Rows), "row"))
	return nil
}

// splitStatements splits a script at semicolons outside of literals, quoted names and
// comments. It leaves out empty statements.
func splitStatements(script string) []string {
	var out []string
	begin := 0
	add := func(end int) {
		if s := strings.TrimSpace(script[begin:end]); s != "" && !onlyComments(s) {
			out = append(out, s)
		}
	}
	for i := 0; i < len(script); {
		if n := skipped(script[i:]); n > 0 {
			i += n
			continue
		}
		if script[i] == ';' {
			add(i)
			begin = i + 1
		}
		i++
	}
	add(len(script))
	return out
}

// onlyComments reports whether a text holds no statement.
func onlyComments(s string) bool {
	for s != "" {
		n := 0
		if strings.HasPrefix(s, "--") || strings.HasPrefix(s, "/*") {
			n = skipped(s)
		}
		if n == 0 {
			return false
		}
		s = strings.TrimSpace(s[n:])
	}
	return true
}

// skipped is the length of the literal, quoted name or comment that a text begins
// with, up to the end of the text if it is not closed; 0 if there is none.
func skipped(s string) int {
	until := func(open, end string, escapes bool) int {
		for i := len(open); i < len(s); i++ {
			switch {
			case escapes && s[i] == '\\':
				i++
			case strings.HasPrefix(s[i:], end):
				return i + len(end)
			}
		}
		return len(s)
	}
	switch {
	case strings.HasPrefix(s, "'"):
		return until("'", "'", true)
	case strings.HasPrefix(s, `"`):
		return until(`"`, `"`, true)
	case strings.HasPrefix(s, "`"):
		return until("`", "`", false)
	case strings.HasPrefix(s, "--"):
		return until("--", "\n", false)
	case strings.HasPrefix(s, "/*"):
		return until("/*", "*/", false)
	}
	return 0
}
