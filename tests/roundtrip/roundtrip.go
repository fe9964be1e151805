//go:build cgo && unix

package roundtrip

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/databricks/databrickstest"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/verify"
	"github.com/ingest-tool/ingest/lakehouse"
	"github.com/ingest-tool/ingest/lakehouse/lakehousetest"
)

// Rows with the same number above a multiple of these have the same values:
// one is read by the snapshot, one inserted while changes are read, and one,
// which the snapshot read as NULLs, updated then.
const (
	Inserted = 1000
	Updated  = 2000
)

// Column is a column of a type. Values and Rescued are what it gets besides
// NULL: literals, or expressions after "=".
type Column struct {
	SQL     string
	Want    string   // the type in Databricks
	Values  []string // which the target holds
	Rescued []string // which it does not
}

// Literal is a value of a column as SQL.
func Literal(value string) string {
	if expr, ok := strings.CutPrefix(value, "="); ok {
		return "(" + expr + ")"
	}
	return schema.QuotePostgresLiteral(value)
}

// Run is a source with a table "every", which has a column c0, c1, … for each
// of columns, and the pipeline that moves it. It fails its test by itself; one
// goroutine uses it.
type Run struct {
	Rows int // of the snapshot that have values, numbered from 0

	t         *testing.T
	columns   []Column
	names     []string // of the columns' types, of domains' base types, with their schemas
	delims    []string // of their elements
	dir       string   // of the workspace
	source    *postgres.Source
	conn      *pgx.Conn // has the settings that values are read under
	workspace *databricks.Workspace
	pipeline  *replicate.Pipeline // of the latest run
	runs      int
}

// New fills the empty database at url: setup makes the types, identity gives the
// table its key. Both ends are closed when the test ends.
func New(t *testing.T, url, setup, identity string, columns []Column) *Run {
	t.Helper()
	r := &Run{t: t, columns: columns, dir: t.TempDir()}
	var err error
	r.source, err = postgres.Open(t.Context(),
		postgres.Options{URL: url, Run: "test", LockTimeout: 10 * time.Second, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if r.conn, err = r.source.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.conn.Close(context.Background()) })
	r.Exec("SET search_path = public;" + setup)
	r.fill(identity)
	r.Exec("RESET search_path")
	for _, row := range r.ask("SELECT CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) ELSE format_type(a.atttypid, a.atttypmod) END, coalesce(e.typdelim, ',') FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid" +
		" LEFT JOIN pg_type d ON d.oid = t.typbasetype LEFT JOIN pg_type e ON e.oid = coalesce(d.typelem, t.typelem) WHERE a.attrelid = 'public.every'::regclass AND a.attnum > 1 ORDER BY a.attnum") {
		r.names, r.delims = append(r.names, *row[0]), append(r.delims, *row[1])
	}
	r.open()
	return r
}

// fill makes the table with the rows that the snapshot reads. Row 0 is NULL.
func (r *Run) fill(identity string) {
	r.t.Helper()
	var names []string
	for i, c := range r.columns {
		names = append(names, fmt.Sprintf("c%d %s", i, c.SQL))
		r.Rows = max(r.Rows, 1+len(c.Values)+len(c.Rescued))
	}
	r.Exec("CREATE TABLE every (id bigint, " + strings.Join(names, ", ") + ")")
	for n := range r.Rows {
		values := []string{fmt.Sprint(n)}
		for _, c := range r.columns {
			all := slices.Concat(c.Values, c.Rescued)
			if n == 0 || n > len(all) {
				values = append(values, "NULL")
			} else {
				values = append(values, Literal(all[n-1])+"::"+c.SQL)
			}
		}
		r.Exec("INSERT INTO every VALUES (" + strings.Join(values, ", ") + ")")
	}
	r.Exec(fmt.Sprintf("INSERT INTO every (id) SELECT id + %d FROM every", Updated))
	r.Exec(identity)
}

// Change repeats the values while changes are read.
func (r *Run) Change() {
	r.t.Helper()
	var names, copies []string
	for i := range r.columns {
		names = append(names, fmt.Sprintf("c%d", i))
		copies = append(copies, fmt.Sprintf("c%d = e.c%d", i, i))
	}
	r.Exec(fmt.Sprintf("INSERT INTO public.every SELECT id + %d, %s FROM public.every WHERE id < %d", Inserted,
		strings.Join(names, ", "), Inserted))
	r.Exec(fmt.Sprintf("UPDATE public.every u SET %s FROM public.every e WHERE u.id = e.id + %d", strings.Join(copies, ", "), Updated))
}

// Exec executes statements on the source.
func (r *Run) Exec(sql string) {
	r.t.Helper()
	if _, err := r.conn.PgConn().Exec(r.t.Context(), sql).ReadAll(); err != nil {
		r.t.Fatalf("%v\n%.2000s", err, sql)
	}
}

func (r *Run) open() {
	r.t.Helper()
	server := lakehousetest.Open(r.t, lakehouse.Options{Dir: r.dir})
	r.workspace = databrickstest.Open(r.t, server, databricks.Config{Pipeline: "types"})
	r.t.Cleanup(r.end)
}

// begin opens the pipeline for another run, as a process of its own would.
func (r *Run) begin() {
	r.t.Helper()
	r.end()
	r.runs++
	c := config.Default()
	c.Pipeline = "types"
	c.Destination.Catalog, c.Destination.Schema, c.Destination.Volume = "dev", "bronze", "ingest"
	c.Staging.Spool = r.t.TempDir()
	var err error
	r.pipeline, err = replicate.Open(r.t.Context(), replicate.Options{
		Config: c, Workspace: r.workspace, Source: r.source, Run: fmt.Sprintf("run%d", r.runs), Version: "test",
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *Run) end() {
	r.t.Helper()
	if r.pipeline == nil {
		return
	}
	if err := r.pipeline.Close(); err != nil {
		r.t.Error(err)
	}
	r.pipeline = nil
}

// Load loads all.
func (r *Run) Load() {
	r.t.Helper()
	r.begin()
	r.check(r.pipeline.FullLoad(r.t.Context(), replicate.FullLoadOptions{}))
}

// CDC reads the changes, and loads them.
func (r *Run) CDC() {
	r.t.Helper()
	r.begin()
	r.check(r.pipeline.CDC(r.t.Context(), r.t.Context(), replicate.CDCOptions{}))
}

func (r *Run) check(s *replicate.Summary, err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, t := range s.Tables {
		if t.Error != "" || t.Reload != "" {
			r.t.Errorf("%s: %s %s", t.Table, t.Error, t.Reload)
		}
	}
}

// printed are the texts that Postgres prints, of row n and column i; nil is
// NULL.
func (r *Run) printed() [][]*string {
	r.t.Helper()
	var names []string
	for i := range r.columns {
		names = append(names, fmt.Sprintf("c%d", i))
	}
	return r.ask(fmt.Sprintf("SELECT %s FROM public.every WHERE id < %d ORDER BY id", strings.Join(names, ", "), Inserted))
}

// ask answers a query with the texts of the types' output functions.
func (r *Run) ask(sql string) [][]*string {
	r.t.Helper()
	results, err := r.conn.PgConn().Exec(r.t.Context(), sql).ReadAll()
	if err != nil {
		r.t.Fatalf("%v\n%.2000s", err, sql)
	}
	var out [][]*string
	for _, row := range results[0].Rows {
		texts := make([]*string, len(row))
		for i, v := range row {
			if v != nil {
				s := string(v)
				texts[i] = &s
			}
		}
		out = append(out, texts)
	}
	return out
}

// CheckTypes asks the target for its columns' types.
func (r *Run) CheckTypes() {
	r.t.Helper()
	answer, err := r.workspace.Warehouse().Query(r.t.Context(), "DESCRIBE TABLE dev.bronze.every")
	if err != nil {
		r.t.Fatal(err)
	}
	types := map[string]any{}
	for _, row := range answer.Rows {
		types[row[0].(string)] = row[1]
	}
	for i, c := range r.columns {
		if got := types[fmt.Sprintf("c%d", i)]; got != c.Want {
			r.t.Errorf("%s becomes %v, want %s", c.SQL, got, c.Want)
		}
	}
}

// CheckSegments compares what DuckDB reads in the segments with what Postgres
// prints.
func (r *Run) CheckSegments() {
	r.t.Helper()
	r.checkRows(readSegments(r.t, r.dir, len(r.columns)))
}

// checkRows compares rows of changes with those of the snapshot, and these with
// what Postgres prints.
func (r *Run) checkRows(staged map[rowID]stagedRow) {
	r.t.Helper()
	printed := r.printed()
	if len(staged) != 4*r.Rows { // the snapshot reads the rows that are updated later, too
		r.t.Errorf("%d rows are staged, want %d", len(staged), 4*r.Rows)
	}
	for n := range r.Rows {
		snapshot, ok := staged[rowID{"", n}]
		if !ok {
			r.t.Fatalf("row %d is missing", n)
		}
		for _, id := range []rowID{{"insert", Inserted + n}, {"update", Updated + n}} {
			change, ok := staged[id]
			if !ok {
				r.t.Fatalf("%s of row %d is missing", id.op, id.id)
			}
			for i, c := range r.columns {
				if diff := cmp.Diff(snapshot.values[i], change.values[i]); diff != "" {
					r.t.Errorf("%s: %s differs from the snapshot (-snapshot +change):\n%.2000s", c.SQL, id.op, diff)
				}
				if snapshot.types[i] != change.types[i] {
					r.t.Errorf("%s: %s in the snapshot's segments, %s in those of changes", c.SQL, snapshot.types[i], change.types[i])
				}
			}
			if snapshot.rescued != change.rescued {
				r.t.Errorf("row %d: %s rescues %s\nthe snapshot %s", n, id.op, change.rescued, snapshot.rescued)
			}
		}
		r.checkRescued(n, snapshot, printed[n])
	}
	for i, c := range r.columns {
		r.checkColumn(i, c, staged, printed)
	}
}

// checkRescued compares a row's rescued texts, and where its NULLs are.
func (r *Run) checkRescued(n int, row stagedRow, printed []*string) {
	r.t.Helper()
	got, want := map[string]string{}, map[string]string{}
	if row.rescued != "" {
		if err := json.Unmarshal([]byte(row.rescued), &got); err != nil {
			r.t.Fatalf("row %d: %v", n, err)
		}
	}
	for i, c := range r.columns {
		name := fmt.Sprintf("c%d", i)
		unfit := printed[i] != nil && n > len(c.Values)
		if unfit {
			want[name] = *printed[i]
		}
		if null := printed[i] == nil || unfit; null != (row.values[i] == nil) {
			r.t.Errorf("%s: value %d arrives as %.200v, Postgres prints %.200v", c.SQL, n, row.values[i], show(printed[i]))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Errorf("row %d rescues (-want +got):\n%.2000s", n, diff)
	}
}

func show(s *string) string {
	if s == nil {
		return "NULL"
	}
	return *s
}

// checkColumn compares a column's values with Postgres's texts: strings as they
// are, others by having Postgres read them and print them again.
func (r *Run) checkColumn(i int, c Column, staged map[rowID]stagedRow, printed [][]*string) {
	r.t.Helper()
	var want []string
	var got []string
	again := false
	for n := range r.Rows {
		row := staged[rowID{"", n}]
		if row.values[i] == nil {
			continue
		}
		again = row.types[i] != "VARCHAR"
		want, got = append(want, show(printed[n][i])), append(got, rendered(row.values[i], row.types[i], r.names[i], r.delims[i]))
	}
	if again {
		for n, texts := range r.ask("SELECT x::" + r.names[i] + " FROM unnest(" + textArray(got) + ") WITH ORDINALITY AS u(x, n) ORDER BY n") {
			got[n] = show(texts[0])
		}
	}
	for n := range want {
		if want[n] != got[n] {
			r.t.Errorf("%s: %.500q arrives as %.500q", c.SQL, want[n], got[n])
		}
	}
}

func textArray(texts []string) string {
	quoted := make([]string, len(texts))
	for i, s := range texts {
		quoted[i] = schema.QuotePostgresLiteral(s)
	}
	return "ARRAY[" + strings.Join(quoted, ", ") + "]::text[]"
}

// CheckVerified lets the pipeline itself compare both ends.
func (r *Run) CheckVerified(rows int) {
	r.t.Helper()
	for _, full := range []bool{true, false} {
		report, err := r.pipeline.Verify(r.t.Context(), replicate.VerifyOptions{Full: full})
		if err != nil {
			r.t.Fatal(err)
		}
		for _, result := range report.Tables {
			if result.Verdict != verify.Equal || result.SourceRows != int64(rows) {
				r.t.Errorf("full %t: %s %s, %d rows of the source, %d of the target", full, result.Verdict, result.Reason,
					result.SourceRows, result.TargetRows)
			}
			for _, d := range result.Differences {
				text := r.columnOf(d.Column)
				r.t.Errorf("full %t: %s %s %s: %.300s / %.300s", full, d.Key, text, d.What, show(d.Source), show(d.Target))
			}
		}
	}
}

// columnOf names a column by its type.
func (r *Run) columnOf(name string) string {
	for i, c := range r.columns {
		if name == fmt.Sprintf("c%d", i) {
			return c.SQL
		}
	}
	return name
}
