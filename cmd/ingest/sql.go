package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ui"
)

func newSQL(a *app) *cobra.Command {
	var file string
	var format answerFormat = formatText
	cmd := &cobra.Command{
		Use:         "sql [STATEMENT]",
		Short:       "Run a statement on the SQL warehouse",
		Annotations: map[string]string{makesLocal: "true"},
		Long: `sql runs a statement on the configured SQL warehouse, in the configured catalog and
schema, and prints the result. Without STATEMENT it reads a file (--file), or
standard input. These may hold several statements, separated by semicolons: sql
runs them in order and stops at the first that fails.

--format csv prints a header and comma-separated values (RFC 4180); NULL is an empty
field. jsonl prints one JSON object for each row. vertical prints one line for each
value.

With --output json the result is {"columns": [names], "rows": [{name: value}]}, for
one statement. Numbers are JSON numbers. DECIMAL, dates, times, NaN and infinities
are strings. BINARY is base64. Repeated column names get a number: id, id_2.`,
		Example: `  ingest sql "SELECT 1 AS one" --catalog dev_chinook_lakehouse --schema default
  ingest sql "SELECT 1 AS one" --catalog dev_chinook_lakehouse --schema default --format csv
  echo "SELECT 1; SELECT 2" | ingest sql --catalog dev_chinook_lakehouse --schema default`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return exactly("STATEMENT")(cmd, args)
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			statements, err := a.statements(args, file)
			if err != nil {
				return err
			}
			if a.ui.Structured && (len(statements) > 1 || format != formatText) {
				return failure.New(failure.Usage, "--output json prints the result of one statement, without --format").
					WithHint("--format jsonl prints each row as a JSON object")
			}
			target, err := a.openTarget(a.stop)
			if err != nil {
				return err
			}
			for _, sql := range statements {
				if err := a.answer(target, sql, format); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "file with the statements; - is standard input")
	cmd.Flags().Var(&format, "format", "format of the rows: text, csv, jsonl or vertical")
	must(cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(answerFormats, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

// statements returns the statements of the argument, the file or standard input.
func (a *app) statements(args []string, file string) ([]string, error) {
	var text, from string
	switch {
	case len(args) == 1 && file != "":
		return nil, failure.New(failure.Usage, "sql: a statement and --file").WithHint("leave one of them out")
	case len(args) == 1:
		if strings.TrimSpace(args[0]) == "" {
			return nil, failure.New(failure.Usage, "sql: an empty statement")
		}
		return args, nil
	case file != "" && file != "-":
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, failure.New(failure.Usage, "read --file: %w", err)
		}
		text, from = string(content), file
	case a.process.stdin == nil || file == "" && a.process.interactive():
		return nil, failure.New(failure.Usage, "sql: no statement").
			WithHint(`ingest sql "SELECT 1", ingest sql --file FILE, or a pipe to standard input`)
	default:
		content, err := io.ReadAll(a.process.stdin)
		if err != nil {
			return nil, failure.New(failure.Usage, "read standard input: %w", err)
		}
		text, from = string(content), "standard input"
	}
	statements := splitStatements(text)
	if len(statements) == 0 {
		return nil, failure.New(failure.Usage, "sql: %s has no statement", from).WithHint("ingest sql --help")
	}
	return statements, nil
}

// answer runs a statement and prints its result.
func (a *app) answer(target *databricks.Workspace, sql string, format answerFormat) error {
	result, err := target.Warehouse().Query(a.stop, sql)
	var refused *databricks.StatementError
	if errors.As(err, &refused) && refused.Class == "TABLE_OR_VIEW_NOT_FOUND" {
		return failure.New(failure.Destination, "%w", err).
			WithHint("`ingest status` lists the tables; `ingest full-load` creates missing ones, and their schema")
	}
	if err != nil {
		return err
	}
	return printAnswer(a.ui, result, format)
}

func printAnswer(out *ui.Output, result *databricks.Result, format answerFormat) error {
	names := uniqueNames(result.Columns)
	switch {
	case out.Structured:
		return out.JSON(newAnswer(names, result))
	case len(result.Columns) == 0:
		out.Note("done")
		return nil
	case format == formatCSV:
		return printCSV(out, names, result)
	case format == formatLines:
		for _, row := range newAnswer(names, result).Rows {
			if err := out.Line(row); err != nil {
				return err
			}
		}
		return nil
	case format == formatVertical:
		return printVertical(out, names, result)
	}
	rows := make([][]any, len(result.Rows))
	for i, row := range result.Rows {
		rows[i] = make([]any, len(row))
		for j, value := range row {
			rows[i][j] = cell(result.Columns[j].Type, value)
		}
	}
	if err := out.Table(names, rows); err != nil {
		return err
	}
	out.Note("%s", countOf(len(rows), "row"))
	return nil
}

// answer is a statement's result as JSON.
type answer struct {
	Columns []string `json:"columns"`
	Rows    []record `json:"rows"`
}

// record is a row. Its JSON object has the names in column order.
type record struct {
	names  []string
	values []any
}

func newAnswer(names []string, result *databricks.Result) answer {
	a := answer{Columns: names, Rows: make([]record, len(result.Rows))}
	for i, row := range result.Rows {
		values := make([]any, len(row))
		for j, value := range row {
			values[j] = jsonValue(result.Columns[j].Type, value)
		}
		a.Rows[i] = record{names, values}
	}
	return a
}

// MarshalJSON writes the row as one object.
func (r record) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	b.WriteByte('{')
	for i, name := range r.names {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := e.Encode(name); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := e.Encode(r.values[i]); err != nil {
			return nil, fmt.Errorf("column %q: %w", name, err)
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// uniqueNames returns the columns' names; repeated names get a number.
func uniqueNames(columns []databricks.Column) []string {
	names := make([]string, len(columns))
	taken := map[string]bool{}
	for _, c := range columns {
		taken[c.Name] = true
	}
	seen := map[string]bool{}
	for i, c := range columns {
		name := c.Name
		for n := 2; seen[name]; n++ {
			if next := c.Name + "_" + strconv.Itoa(n); !taken[next] {
				name = next
			}
		}
		names[i], seen[name] = name, true
	}
	return names
}

// jsonValue converts a value for JSON.
func jsonValue(columnType string, value any) any {
	switch v := value.(type) {
	case time.Time:
		return timeText(columnType, v)
	case float32:
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return floatText(f)
		}
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return floatText(v)
		}
	}
	return value
}

// cell converts a value for a text table.
func cell(columnType string, value any) any {
	switch v := value.(type) {
	case time.Time:
		return timeText(columnType, v)
	case []byte:
		return "0x" + hex.EncodeToString(v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return floatText(v)
		}
	}
	return value
}

func floatText(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return "NaN"
}

func timeText(columnType string, t time.Time) string {
	switch columnType {
	case "DATE":
		return t.Format(time.DateOnly)
	case "TIMESTAMP_NTZ":
		return t.Format("2006-01-02T15:04:05.999999")
	}
	return t.Format("2006-01-02T15:04:05.999999Z07:00")
}
