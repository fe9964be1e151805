//go:build cgo && unix

package alltypes

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

	"ingest/internal/config"
	"ingest/internal/databricks"
	"ingest/internal/pgserver/pgtest"
	"ingest/internal/postgres"
	"ingest/internal/replicate"
	"ingest/internal/schema"
	"ingest/internal/verify"
	"ingest/internal/workspace"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// Rows with the same number above a multiple of these have the same values:
// one is read by the snapshot, one inserted while changes are read, and one,
// which the snapshot read as NULLs, updated then.
const (
	inserted = 1000
	updated  = 2000
)

// literal is a value of a typed as SQL.
func literal(value string) string {
	if expr, ok := strings.CutPrefix(value, "="); ok {
		return "(" + expr + ")"
	}
	return schema.QuotePostgresLiteral(value)
}

// run is a source with a table "every", which has a column c0, c1, … for each
// of columns, and the pipeline that moves it.
type run struct {
	t         *testing.T
	columns   []typed
	names     []string // of the columns' types, with their schemas
	delims    []string // of their elements
	rows      int
	dir       string // of the workspace
	source    *postgres.Source
	conn      *pgx.Conn // has the settings that values are read under
	workspace *databricks.Workspace
	pipeline  *replicate.Pipeline
}

// newRun fills the source; identity gives the table its key.
func newRun(t *testing.T, identity string, columns []typed) *run {
	t.Helper()
	r := &run{t: t, columns: columns, dir: t.TempDir()}
	var err error
	r.source, err = postgres.Open(t.Context(), postgres.Options{URL: pgtest.NewDatabase(t), Run: "test", LockTimeout: 10 * time.Second, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if r.conn, err = r.source.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.conn.Close(context.Background()) })
	r.exec("SET search_path = public;" + setup)
	r.fill(identity)
	r.exec("RESET search_path")
	for _, row := range r.ask("SELECT format_type(a.atttypid, a.atttypmod), coalesce(e.typdelim, ',') FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid" +
		" LEFT JOIN pg_type e ON e.oid = t.typelem WHERE a.attrelid = 'public.every'::regclass AND a.attnum > 1 ORDER BY a.attnum") {
		r.names, r.delims = append(r.names, *row[0]), append(r.delims, *row[1])
	}
	r.open()
	return r
}

// fill makes the table with the rows that the snapshot reads. Row 0 is NULL.
func (r *run) fill(identity string) {
	r.t.Helper()
	var names []string
	for i, c := range r.columns {
		names = append(names, fmt.Sprintf("c%d %s", i, c.sql))
		r.rows = max(r.rows, 1+len(c.values)+len(c.rescued))
	}
	r.exec("CREATE TABLE every (id bigint, " + strings.Join(names, ", ") + ")")
	for n := range r.rows {
		values := []string{fmt.Sprint(n)}
		for _, c := range r.columns {
			all := slices.Concat(c.values, c.rescued)
			if n == 0 || n > len(all) {
				values = append(values, "NULL")
			} else {
				values = append(values, literal(all[n-1])+"::"+c.sql)
			}
		}
		r.exec("INSERT INTO every VALUES (" + strings.Join(values, ", ") + ")")
	}
	r.exec(fmt.Sprintf("INSERT INTO every (id) SELECT id + %d FROM every", updated))
	r.exec(identity)
}

// change repeats the values while changes are read.
func (r *run) change() {
	r.t.Helper()
	var names, copies []string
	for i := range r.columns {
		names = append(names, fmt.Sprintf("c%d", i))
		copies = append(copies, fmt.Sprintf("c%d = e.c%d", i, i))
	}
	r.exec(fmt.Sprintf("INSERT INTO public.every SELECT id + %d, %s FROM public.every WHERE id < %d", inserted, strings.Join(names, ", "), inserted))
	r.exec(fmt.Sprintf("UPDATE public.every u SET %s FROM public.every e WHERE u.id = e.id + %d", strings.Join(copies, ", "), updated))
}

func (r *run) exec(sql string) {
	r.t.Helper()
	if _, err := r.conn.PgConn().Exec(r.t.Context(), sql).ReadAll(); err != nil {
		r.t.Fatalf("%v\n%.2000s", err, sql)
	}
}

func (r *run) open() {
	r.t.Helper()
	ctx := r.t.Context()
	server, err := workspace.Open(ctx, workspace.Options{Dir: r.dir, Catalogs: []string{"dev"}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = server.Close() })
	r.workspace, err = databricks.Open(ctx, databricks.Config{
		Host: server.URL(), Token: server.Token(), Warehouse: server.WarehouseID(),
		Catalog: "dev", Schema: "bronze", Volume: "ingest", Pipeline: "types", RequestsPerSecond: 1000,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(r.workspace.Close)
	c := config.Default()
	c.Pipeline = "types"
	c.Destination.Catalog, c.Destination.Schema, c.Destination.Volume = "dev", "bronze", "ingest"
	c.Staging.Spool = r.t.TempDir()
	r.pipeline, err = replicate.Open(ctx, replicate.Options{
		Config: c, Workspace: r.workspace, Source: r.source, Run: "test", Version: "test",
		Log: slog.New(slog.DiscardHandler), Now: time.Now, Prepare: true,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = r.pipeline.Close() })
}

func (r *run) load() {
	r.t.Helper()
	r.check(r.pipeline.FullLoad(r.t.Context(), replicate.FullLoadOptions{}))
}

func (r *run) cdc() {
	r.t.Helper()
	r.check(r.pipeline.CDC(r.t.Context(), r.t.Context(), replicate.CDCOptions{}))
}

func (r *run) check(s *replicate.Summary, err error) {
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
func (r *run) printed() [][]*string {
	r.t.Helper()
	var names []string
	for i := range r.columns {
		names = append(names, fmt.Sprintf("c%d", i))
	}
	return r.ask(fmt.Sprintf("SELECT %s FROM public.every WHERE id < %d ORDER BY id", strings.Join(names, ", "), inserted))
}

// ask answers a query with the texts of the types' output functions.
func (r *run) ask(sql string) [][]*string {
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

func TestEveryTypeArrivesAsPostgresPrintsIt(t *testing.T) {
	r := newRun(t, "ALTER TABLE every ADD PRIMARY KEY (id)", slices.Concat(scalars(), domains(), arrays()))
	r.load()
	r.change()
	r.cdc()
	r.checkTypes()
	r.checkSegments()
	r.checkVerified(3 * r.rows)
}

// A row without a key is told apart by all its values, which its delete has to
// have too.
func TestRowsOfEveryTypeWithoutAKey(t *testing.T) {
	r := newRun(t, "ALTER TABLE every REPLICA IDENTITY FULL", slices.Concat(scalars(), domains(), arrays()))
	r.load()
	r.change()
	r.exec(fmt.Sprintf("DELETE FROM public.every WHERE id %% 2 = 1 AND id < %d", updated))
	r.cdc()
	r.checkVerified(3*r.rows - 2*(r.rows/2))
}

// A key of every type that can be one.
func TestKeysOfEveryType(t *testing.T) {
	for _, c := range []typed{
		{sql: "ext.hstore", values: []string{"", `a=>1,b=>NULL,"c\"d"=>""`, "bb=>1,a=>2"}},
		{sql: "ext.citext", values: []string{"A", "b"}},
		{sql: "bytea", values: []string{`\x`, `\x00ff`}},
		{sql: "interval", values: []string{"1 day", "-1 mon"}},
		{sql: "inet", values: []string{"10.0.0.1", "::1"}},
		{sql: "real", values: []string{"NaN", "-0", "1e-45"}},
		{sql: "int4[]", values: []string{"{1,NULL}", "{}"}, rescued: []string{"{{1},{2}}", "[0:0]={1}"}},
		{sql: "numeric(10,2)", values: []string{"1.5"}, rescued: []string{"NaN"}},
		{sql: "timestamptz", values: []string{"2024-01-01 00:00:00+00"}, rescued: []string{"infinity", "-infinity"}},
		{sql: "pair", values: []string{"(1,a)", "(,)"}},
		{sql: "mood", values: []string{"well", "it's", ""}},
	} {
		t.Run(c.sql, func(t *testing.T) {
			r := newRun(t, "DELETE FROM every WHERE num_nulls(c0) = 1; ALTER TABLE every ADD PRIMARY KEY (c0)", []typed{c})
			r.load()
			r.exec("UPDATE public.every SET id = -id; DELETE FROM public.every WHERE id = -1; INSERT INTO public.every VALUES (7, " + literal(c.values[0]) + ")")
			r.exec("UPDATE public.every SET id = 8 WHERE id = -2")
			r.cdc()
			r.checkVerified(len(c.values) + len(c.rescued))
		})
	}
}

// checkTypes asks the target for its columns' types.
func (r *run) checkTypes() {
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
		if got := types[fmt.Sprintf("c%d", i)]; got != c.want {
			r.t.Errorf("%s becomes %v, want %s", c.sql, got, c.want)
		}
	}
}

// checkSegments compares what DuckDB reads in the segments with what Postgres
// prints.
func (r *run) checkSegments() {
	r.t.Helper()
	printed, staged := r.printed(), readSegments(r.t, r.dir, len(r.columns))
	if len(staged) != 4*r.rows { // the snapshot reads the rows that are updated later, too
		r.t.Errorf("%d rows are staged, want %d", len(staged), 4*r.rows)
	}
	for n := range r.rows {
		snapshot, ok := staged[rowID{"", n}]
		if !ok {
			r.t.Fatalf("row %d is in no segment", n)
		}
		for _, id := range []rowID{{"insert", inserted + n}, {"update", updated + n}} {
			change, ok := staged[id]
			if !ok {
				r.t.Fatalf("%s of row %d is in no segment", id.op, id.id)
			}
			for i, c := range r.columns {
				if diff := cmp.Diff(snapshot.values[i], change.values[i]); diff != "" {
					r.t.Errorf("%s: %s differs from the snapshot (-snapshot +change):\n%.2000s", c.sql, id.op, diff)
				}
				if snapshot.types[i] != change.types[i] {
					r.t.Errorf("%s: %s in the snapshot's segments, %s in those of changes", c.sql, snapshot.types[i], change.types[i])
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
func (r *run) checkRescued(n int, row stagedRow, printed []*string) {
	r.t.Helper()
	got, want := map[string]string{}, map[string]string{}
	if row.rescued != "" {
		if err := json.Unmarshal([]byte(row.rescued), &got); err != nil {
			r.t.Fatalf("row %d: %v", n, err)
		}
	}
	for i, c := range r.columns {
		name := fmt.Sprintf("c%d", i)
		unfit := printed[i] != nil && n > len(c.values)
		if unfit {
			want[name] = *printed[i]
		}
		if null := printed[i] == nil || unfit; null != (row.values[i] == nil) {
			r.t.Errorf("%s: value %d arrives as %.200v, Postgres prints %.200v", c.sql, n, row.values[i], show(printed[i]))
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
func (r *run) checkColumn(i int, c typed, staged map[rowID]stagedRow, printed [][]*string) {
	r.t.Helper()
	var want []string
	var got []string
	again := false
	for n := range r.rows {
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
			r.t.Errorf("%s: %.500q arrives as %.500q", c.sql, want[n], got[n])
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

// checkVerified lets the pipeline itself compare both ends.
func (r *run) checkVerified(rows int) {
	r.t.Helper()
	for _, full := range []bool{true, false} {
		report, err := r.pipeline.Verify(r.t.Context(), replicate.VerifyOptions{Full: full})
		if err != nil {
			r.t.Fatal(err)
		}
		for _, result := range report.Tables {
			if result.Verdict != verify.Equal || result.SourceRows != int64(rows) {
				r.t.Errorf("full %t: %s %s, %d rows of the source, %d of the target", full, result.Verdict, result.Reason, result.SourceRows, result.TargetRows)
			}
			for _, d := range result.Differences {
				text := r.columnOf(d.Column)
				r.t.Errorf("full %t: %s %s %s: %.300s / %.300s", full, d.Key, text, d.What, show(d.Source), show(d.Target))
			}
		}
	}
}

// columnOf names a column by its type.
func (r *run) columnOf(name string) string {
	for i, c := range r.columns {
		if name == fmt.Sprintf("c%d", i) {
			return c.sql
		}
	}
	return name
}
