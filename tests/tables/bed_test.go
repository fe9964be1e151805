//go:build cgo && unix

package tables

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/databricks/databrickstest"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/verify"
	"github.com/ingest-tool/ingest/lakehouse"
	"github.com/ingest-tool/ingest/lakehouse/lakehousetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// bed is a source database, a workspace and the pipeline between them.
type bed struct {
	t         *testing.T
	source    *postgres.Source
	conn      *pgx.Conn // the application's
	workspace *databricks.Workspace
	config    *config.Config
	pipeline  *replicate.Pipeline
	log       syncBuffer
	runs      int
}

// syncBuffer takes lines of several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// newBed makes the source by the statements, in a database of its own.
func newBed(t *testing.T, statements ...string) *bed {
	t.Helper()
	return newBedAt(t, pgtest.NewDatabase(t), statements...)
}

// newBedAt makes it in a database that is there.
func newBedAt(t *testing.T, url string, statements ...string) *bed {
	t.Helper()
	b := &bed{t: t}
	log := slog.New(slog.NewTextHandler(&b.log, nil))
	var err error
	b.source, err = postgres.Open(t.Context(), postgres.Options{URL: url, Run: "test", LockTimeout: 10 * time.Second, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if b.conn, err = b.source.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.conn.Close(context.Background()) })
	b.exec("SET search_path = public")
	b.exec(statements...)
	server := lakehousetest.Open(t, lakehouse.Options{MemoryLimit: "2GB"})
	b.workspace = databrickstest.Open(t, server, databricks.Config{Pipeline: "tables", RequestsPerSecond: 10_000})
	if _, err := b.workspace.Place().Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.config = config.Default()
	b.config.Pipeline = "tables"
	b.config.Destination.Catalog, b.config.Destination.Schema, b.config.Destination.Volume = "dev", "bronze", "ingest"
	b.config.Staging.Spool = t.TempDir()
	b.open()
	t.Cleanup(func() { _ = b.pipeline.Close() })
	return b
}

// open opens the pipeline for another run, as each command does.
func (b *bed) open() {
	b.t.Helper()
	if b.pipeline != nil {
		if err := b.pipeline.Close(); err != nil {
			b.t.Fatal(err)
		}
	}
	b.runs++
	var err error
	b.pipeline, err = replicate.Open(b.t.Context(), replicate.Options{
		Config: b.config, Workspace: b.workspace, Source: b.source, Run: fmt.Sprintf("run%d", b.runs), Version: "test",
		Log: slog.New(slog.NewTextHandler(&b.log, nil)), Now: time.Now,
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) exec(statements ...string) {
	b.t.Helper()
	for _, sql := range statements {
		if _, err := b.conn.PgConn().Exec(b.t.Context(), sql).ReadAll(); err != nil {
			b.t.Fatalf("%v\n%.2000s", err, sql)
		}
	}
}

// ask answers a query of the source with texts.
func (b *bed) ask(sql string) [][]string {
	b.t.Helper()
	results, err := b.conn.PgConn().Exec(b.t.Context(), sql).ReadAll()
	if err != nil {
		b.t.Fatalf("%v\n%.2000s", err, sql)
	}
	var out [][]string
	for _, row := range results[0].Rows {
		texts := make([]string, len(row))
		for i, v := range row {
			if texts[i] = "NULL"; v != nil {
				texts[i] = string(v)
			}
		}
		out = append(out, texts)
	}
	return out
}

// query answers a query of the target with texts.
func (b *bed) query(sql string) [][]string {
	b.t.Helper()
	answer, err := b.workspace.Warehouse().Query(b.t.Context(), sql)
	if err != nil {
		b.t.Fatalf("%v\n%.2000s", err, sql)
	}
	var out [][]string
	for _, row := range answer.Rows {
		texts := make([]string, len(row))
		for i, v := range row {
			if texts[i] = "NULL"; v != nil {
				texts[i] = fmt.Sprint(v)
			}
		}
		out = append(out, texts)
	}
	return out
}

func (b *bed) load(tables ...string) *replicate.Summary {
	b.t.Helper()
	b.open()
	return b.went(b.pipeline.FullLoad(b.t.Context(), replicate.FullLoadOptions{Tables: tables}))
}

func (b *bed) cdc() *replicate.Summary {
	b.t.Helper()
	b.open()
	return b.went(b.pipeline.CDC(b.t.Context(), b.t.Context(), replicate.CDCOptions{}))
}

func (b *bed) went(s *replicate.Summary, err error) *replicate.Summary {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("%v (%s)", err, failure.HintOf(err))
	}
	for _, t := range s.Tables {
		if t.Error != "" || t.Reload != "" {
			b.t.Errorf("%s: %s %s", t.Table, t.Error, t.Reload)
		}
	}
	return s
}

// move loads all tables, executes the changes, moves them, and expects both
// ends to be equal.
func (b *bed) move(changes ...string) {
	b.t.Helper()
	b.works()
	b.load()
	b.exec(changes...)
	b.cdc()
	b.equal()
}

// equal expects that the tables are loaded and verified, cell by cell, and that
// their views show what the source has.
func (b *bed) equal() {
	b.t.Helper()
	b.verified(true)
	status, err := b.pipeline.Status(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	if err := status.Err(); err != nil {
		b.t.Error(err)
	}
	for _, t := range status.Tables {
		if t.State != "loaded" {
			b.t.Errorf("%s is %s: %s%s", t.Table, t.State, t.Reload, t.Quarantine)
		}
	}
	views, err := b.pipeline.Views(b.t.Context(), nil, false)
	if err != nil {
		b.t.Fatal(err)
	}
	if len(views) != len(status.Tables) {
		b.t.Errorf("%d views of %d tables", len(views), len(status.Tables))
	}
	for _, v := range views {
		b.sameAsView(v)
	}
}

// verified expects all tables to be equal; full compares every cell.
func (b *bed) verified(full bool) *replicate.VerifyReport {
	b.t.Helper()
	report, err := b.pipeline.Verify(b.t.Context(), replicate.VerifyOptions{Full: full})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, r := range report.Tables {
		if r.Verdict != verify.Equal {
			b.t.Errorf("full %t: %s is %s: %s, %d rows of the source, %d of the target", full, r.Table, r.Verdict,
				r.Reason, r.SourceRows, r.TargetRows)
		}
		for _, d := range r.Differences {
			b.t.Errorf("full %t: %s %s %.200q column %q %s: %.200s / %.200s", full, r.Table, d.Kind, d.Key, d.Column, d.What,
				show(d.Source), show(d.Target))
		}
	}
	return report
}

func show(s *string) string {
	if s == nil {
		return "NULL"
	}
	return *s
}

// sameAsView compares what a view shows with the source's rows.
func (b *bed) sameAsView(v replicate.View) {
	b.t.Helper()
	table, err := schema.ParseTableName(v.Table, "")
	if err != nil {
		b.t.Fatal(err)
	}
	target := b.pipeline.Target(table)
	target.Name = b.config.Derived(table).CurrentName
	columns := b.ask("SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = " +
		schema.QuotePostgresLiteral(table.SQL()) +
		"::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum")
	from, to := []string{"count(*) OVER ()"}, []string{"CAST(count(*) OVER () AS STRING)"}
	for _, c := range columns {
		name, quoted := schema.QuotePostgres(c[0]), databricks.Quote(c[0])
		switch c[1] {
		case "bytea":
			from, to = append(from, "encode("+name+", 'hex')"), append(to, "lower(hex("+quoted+"))")
		case "text[]":
			from, to = append(from, "array_to_string("+name+", '|')"), append(to, "array_join("+quoted+", '|')")
		default:
			from, to = append(from, name), append(to, "CAST("+quoted+" AS STRING)")
		}
	}
	only := ""
	if b.ask("SELECT relkind FROM pg_class WHERE oid = " + schema.QuotePostgresLiteral(table.SQL()) + "::regclass")[0][0] == "r" {
		only = "ONLY "
	}
	want := sorted(b.ask("SELECT " + strings.Join(from, ", ") + " FROM " + only + table.SQL()))
	got := sorted(b.query("SELECT " + strings.Join(to, ", ") + " FROM " + target.String()))
	if diff := cmp.Diff(want, got); diff != "" {
		b.t.Errorf("view %s differs from %s (-source +view):\n%.2000s", v.View, table, diff)
	}
}

func sorted(rows [][]string) [][]string {
	slices.SortFunc(rows, slices.Compare)
	return rows
}

// check looks at the source as `ingest check` does.
func (b *bed) check() []finding.Finding {
	b.t.Helper()
	found, err := b.pipeline.Check(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}

// works expects a preflight that finds no problem.
func (b *bed) works() {
	b.t.Helper()
	if err := finding.Err(b.check()); err != nil {
		b.t.Errorf("check: %v (%s)", err, failure.HintOf(err))
	}
}

// finds expects a finding of the preflight whose text and reason hold what.
func (b *bed) finds(level finding.Level, subject, what, remedy string) {
	b.t.Helper()
	var seen []string
	for _, f := range b.check() {
		if f.Subject != subject {
			continue
		}
		if f.Level == level && strings.Contains(f.What+"; "+f.Why, what) && strings.Contains(f.Remedy, remedy) {
			return
		}
		seen = append(seen, fmt.Sprintf("%+v", f))
	}
	b.t.Errorf("check has no %s of %s with %q and %q:\n%s", level, subject, what, remedy, strings.Join(seen, "\n"))
}

// refused expects a full load to be refused with what and a hint, and to have
// written nothing.
func (b *bed) refused(what, hint string, tables ...string) {
	b.t.Helper()
	_, err := b.pipeline.FullLoad(b.t.Context(), replicate.FullLoadOptions{Tables: tables})
	if err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(failure.HintOf(err), hint) {
		b.t.Errorf("full load: %v (%s), want %q (%q)", err, failure.HintOf(err), what, hint)
	}
	if made := b.ask("SELECT slot_name FROM pg_replication_slots WHERE database = current_database() UNION ALL SELECT pubname FROM pg_publication"); made != nil {
		b.t.Errorf("a refused load made %v", made)
	}
	if entries, err := b.workspace.Files().ListAll(b.t.Context(), "ledger"); err == nil && len(entries) > 0 {
		b.t.Errorf("a refused load wrote %v", entries)
	}
}
