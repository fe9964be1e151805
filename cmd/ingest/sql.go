package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/ui"
)

func newSQL(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "sql STATEMENT",
		Short: "Run a statement on the SQL warehouse",
		Long: `sql runs one statement on the configured SQL warehouse, in the configured catalog and
schema, and prints the result.

With --output json the result is {"columns": [names], "rows": [{name: value}]}.
Numbers are JSON numbers. DECIMAL, dates, times, NaN and infinities are strings.
BINARY is base64. Repeated column names get a number: id, id_2.`,
		Example: `  ingest sql "SELECT 1 AS one" --catalog dev_chinook_lakehouse --schema default --local ./local-lakehouse`,
		Args:    exactly("STATEMENT"),
		RunE: func(_ *cobra.Command, args []string) error {
			if strings.TrimSpace(args[0]) == "" {
				return failure.New(failure.Usage, "sql: an empty statement")
			}
			target, err := a.openTarget(a.stop)
			if err != nil {
				return err
			}
			result, err := target.Warehouse().Query(a.stop, args[0])
			var refused *databricks.StatementError
			if errors.As(err, &refused) && refused.Class == "TABLE_OR_VIEW_NOT_FOUND" {
				return failure.New(failure.Destination, "%w", err).
					WithHint("`ingest status` lists the tables; `ingest full-load` creates missing ones, and their schema")
			}
			if err != nil {
				return err
			}
			return printAnswer(a.ui, result)
		},
	}
}

func printAnswer(out *ui.Output, result *databricks.Result) error {
	names := uniqueNames(result.Columns)
	if out.Structured {
		return out.JSON(newAnswer(names, result))
	}
	if len(result.Columns) == 0 {
		out.Note("done")
		return nil
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
