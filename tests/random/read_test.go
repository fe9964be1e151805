//go:build cgo && unix

package random

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/schema"
)

// sourceRows reads a table as Postgres prints it.
func (w *world) sourceRows(t *table) []row {
	w.t.Helper()
	names := t.names()
	var out []row
	for _, values := range w.texts("SELECT " + quoted(names) + " FROM " + t.sql()) {
		r := row{}
		for i, v := range values {
			if v != nil {
				r[names[i]] = string(v)
			}
		}
		out = append(out, r)
	}
	return out
}

// texts answers a query with the texts of the types' output functions.
func (w *world) texts(sql string) [][][]byte {
	w.t.Helper()
	results, err := w.conn.PgConn().Exec(w.t.Context(), sql).ReadAll()
	if err != nil {
		w.t.Fatalf("%v\n%.2000s", err, sql)
	}
	return results[0].Rows
}

// targetTypes asks for a bronze table's columns.
func (w *world) targetTypes(t databricks.Table) map[string]string {
	w.t.Helper()
	answer, err := w.target.Warehouse().Query(w.t.Context(), "DESCRIBE TABLE "+t.String())
	if err != nil {
		w.t.Fatal(err)
	}
	types := map[string]string{}
	for _, r := range answer.Rows {
		types[r[0].(string)] = strings.ToUpper(fmt.Sprint(r[1]))
	}
	return types
}

// targetLog reads the log of a table for the columns that the source has now,
// in its order. The values are as Postgres prints them; err says which column
// is missing.
func (w *world) targetLog(t *table) ([]logRow, error) {
	w.t.Helper()
	target := w.target.Table(t.logged)
	types := w.targetTypes(target)
	fields := []string{"`_op`", "`_entry`", "`_commit_lsn`", "`_seq`", "to_json(`_unchanged`)", "`_rescued`"}
	for _, c := range t.columns {
		if types[c.name] == "" {
			return nil, fmt.Errorf("the target has no column %q", c.name)
		}
		fields = append(fields, expression(databricks.Quote(c.name), types[c.name]))
	}
	answer, err := w.target.Warehouse().Query(w.t.Context(),
		"SELECT "+strings.Join(fields, ", ")+" FROM "+target.String()+" ORDER BY `_entry`, `_commit_lsn`, `_seq`")
	if err != nil {
		w.t.Fatal(err)
	}
	log := make([]logRow, len(answer.Rows))
	for n, v := range answer.Rows {
		log[n] = logRow{op: v[0].(string), entry: v[1].(int64), commit: v[2].(int64), seq: v[3].(int64), values: row{}}
		if list, ok := v[4].(string); ok {
			w.decode(list, &log[n].unchanged)
		}
	}
	for i, c := range t.columns {
		w.readColumn(t, log, c, types[c.name], answer.Rows, 6+i)
	}
	for n, v := range answer.Rows {
		if rescued, ok := v[5].(string); ok {
			w.takeRescued(t, &log[n], rescued)
		}
	}
	return log, nil
}

func (w *world) decode(text string, into any) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
}

// takeRescued takes a row's rescued values, whose columns have to be NULL.
func (w *world) takeRescued(t *table, r *logRow, text string) {
	w.t.Helper()
	rescued := map[string]string{}
	w.decode(text, &rescued)
	for name, value := range rescued {
		if v, ok := r.values[name]; ok {
			w.t.Errorf("%s: column %q is %q and rescued as %q", t.logged, name, v, value)
		}
		r.values[name] = value
	}
}

// expression is a column as the driver gives it exactly.
func expression(x, typ string) string {
	elem, list := strings.CutPrefix(typ, "ARRAY<")
	switch {
	case list:
		return "to_json(transform(" + x + ", e -> " + text("e", strings.TrimSuffix(elem, ">")) + "))"
	case strings.HasPrefix(typ, "MAP<"):
		return "to_json(" + x + ")"
	}
	return text(x, typ)
}

func text(x, typ string) string {
	switch typ {
	case "STRING":
		return x
	case "BINARY":
		return "lower(hex(" + x + "))"
	}
	return "CAST(" + x + " AS STRING)"
}

// readColumn takes a column of the answer into the log. What is not a string
// there is read and printed again by Postgres.
func (w *world) readColumn(t *table, log []logRow, c column, typ string, answer [][]any, i int) {
	w.t.Helper()
	var rows []int
	var values []string
	for n, v := range answer {
		if s, ok := v[i].(string); ok {
			rows, values = append(rows, n), append(values, w.forPostgres(s, typ))
		}
	}
	if len(rows) == 0 {
		return
	}
	if typ != "STRING" {
		list := make([]string, len(values))
		for n, v := range values {
			list[n] = schema.QuotePostgresLiteral(v)
		}
		for n, r := range w.texts("SELECT x::" + c.kind.sql + " FROM unnest(ARRAY[" + strings.Join(list, ", ") +
			"]::text[]) WITH ORDINALITY AS u(x, n) ORDER BY n") {
			values[n] = string(r[0])
		}
	}
	for n, at := range rows {
		log[at].values[c.name] = values[n]
	}
}

// forPostgres writes a value of the target so that Postgres reads it.
func (w *world) forPostgres(value, typ string) string {
	w.t.Helper()
	elem, list := strings.CutPrefix(typ, "ARRAY<")
	var parts []string
	switch {
	case list:
		var elements []*string
		w.decode(value, &elements)
		for _, e := range elements {
			if e == nil {
				parts = append(parts, "NULL")
			} else {
				parts = append(parts, inQuotes(w.forPostgres(*e, strings.TrimSuffix(elem, ">"))))
			}
		}
		return "{" + strings.Join(parts, ",") + "}"
	case strings.HasPrefix(typ, "MAP<"):
		pairs := map[string]*string{}
		w.decode(value, &pairs)
		for k, v := range pairs {
			text := "NULL"
			if v != nil {
				text = inQuotes(*v)
			}
			parts = append(parts, inQuotes(k)+"=>"+text)
		}
		return strings.Join(parts, ", ")
	case typ == "BINARY":
		if _, err := hex.DecodeString(value); err != nil {
			w.t.Fatal(err)
		}
		return `\x` + value
	case typ == "FLOAT", typ == "DOUBLE":
		bits := map[string]int{"FLOAT": 32, "DOUBLE": 64}[typ]
		f, err := strconv.ParseFloat(value, bits)
		if err != nil {
			w.t.Fatal(err)
		}
		// With the digits of a double: a source that was widened has more of them.
		return strings.NewReplacer("+Inf", "Infinity", "-Inf", "-Infinity").Replace(strconv.FormatFloat(f, 'g', -1, 64))
	}
	return value
}

func inQuotes(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
