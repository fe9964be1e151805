//go:build cgo && unix

package tests

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/pgserver"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
)

// plan is what a program reads of a plan.
type plan struct {
	Command string
	Makes   []string
	Source  struct {
		Statements []string
		Slot       string
		SlotAction string `json:"slot_action"`
		From, To   string
		WALBytes   int64 `json:"wal_bytes"`
	}
	Tables  []planTable
	Control []string
	Error   string
}

type planTable struct {
	Table, Target string
	Snapshot      bool
	EstimatedRows int64 `json:"estimated_rows"`
	StagedRows    int64 `json:"staged_rows"`
	Statements    []string
	Reload        string `json:"reload_needed"`
	Error, Hint   string
}

func (p plan) table(name string) planTable {
	for _, t := range p.Tables {
		if t.Table == name {
			return t
		}
	}
	return planTable{}
}

// catalog is what a run could leave in the source.
func (w *world) catalog() string {
	w.t.Helper()
	return w.ask(`SELECT concat_ws('; ',
		(SELECT string_agg(pubname, ',' ORDER BY pubname) FROM pg_publication),
		(SELECT string_agg(prpubid || '.' || prrelid, ',' ORDER BY oid) FROM pg_publication_rel),
		(SELECT string_agg(concat(slot_name, restart_lsn, confirmed_flush_lsn, active), ',' ORDER BY slot_name) FROM pg_replication_slots),
		(SELECT string_agg(concat(classid, '.', objid), ',') FROM pg_locks WHERE locktype = 'advisory'))`)
}

// tree gives the checksums of all that the workspace keeps.
func (w *world) tree() map[string][sha256.Size]byte {
	w.t.Helper()
	out := map[string][sha256.Size]byte{}
	err := filepath.WalkDir(w.dir, func(path string, entry fs.DirEntry, err error) error {
		name, relErr := filepath.Rel(w.dir, path)
		if err != nil || relErr != nil || entry.IsDir() {
			out[name+"/"] = [sha256.Size]byte{}
			return errors.Join(err, relErr)
		}
		data, err := os.ReadFile(path)
		out[name] = sha256.Sum256(data)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// plan runs a command that plans, and insists that it wrote nothing at either
// end: the server, on which nothing else happens, writes no WAL.
func (w *world) plan(code int, args ...string) plan {
	w.t.Helper()
	var mu sync.Mutex
	var writes []string
	w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
		mu.Lock()
		defer mu.Unlock()
		if r.Method != http.MethodGet && r.Method != http.MethodHead || strings.HasPrefix(r.URL.Path, "/sql/") {
			writes = append(writes, r.Method+" "+r.URL.Path)
		}
		return nil
	})
	defer w.on(nil)
	catalog, tree := w.catalog(), w.tree()
	var r result
	const tries = 4 // the server itself may write a little, once
	for try := 1; ; try++ {
		before := w.ask(`SELECT pg_current_wal_insert_lsn()`)
		r = w.want(code, append(args, "--output", "json")...)
		after := w.ask(`SELECT pg_current_wal_insert_lsn()`)
		if before == after {
			break
		}
		if try == tries {
			w.t.Errorf("%s\nwrote WAL from %s to %s", r, before, after)
			break
		}
	}
	if len(writes) > 0 {
		w.t.Errorf("%s\nsent %v", r, writes)
	}
	if diff := cmp.Diff(catalog, w.catalog()); diff != "" {
		w.t.Errorf("%s\nleft in the source (-before +after):\n%s", r, diff)
	}
	if diff := cmp.Diff(tree, w.tree()); diff != "" {
		w.t.Errorf("%s\nleft in the workspace (-before +after):\n%s", r, diff)
	}
	var p plan
	if err := json.Unmarshal([]byte(r.stdout), &p); err != nil {
		w.t.Fatalf("%v: %s", err, r)
	}
	return p
}

// newQuietWorld has a server of its own on which nothing happens by itself.
func newQuietWorld(t *testing.T, statements ...string) *world {
	t.Helper()
	server := pgtest.Start(t, pgserver.Options{Settings: map[string]string{"autovacuum": "off"}})
	return newWorldOn(t, server.URL(""), lakehouse.Options{}, statements...)
}

// fromRunToRun are the parts of statements that differ from run to run.
var fromRunToRun = regexp.MustCompile(`timestamp_micros\([0-9]+\)|[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}|CAST\([0-9]+ AS BIGINT\)|'ingest.ledger' = '[^']*'|snapshot-[0-9]+|snapshot_entry' = '[0-9]+'`)

// written are the statements that were executed from number from on, without
// those that only ask, and what differs from run to run.
func (w *world) written(from int) []string {
	w.t.Helper()
	var out []string
	for _, sql := range w.server.Statements()[from:] {
		if !strings.HasPrefix(sql, "SELECT") && !strings.HasPrefix(sql, "SHOW") {
			if sql = fromRunToRun.ReplaceAllString(sql, "…"); strings.Contains(sql, "_ingest_loads") {
				sql = sameControl(sql)
			}
			out = append(out, sql)
		}
	}
	slices.Sort(out)
	return out
}

func (p plan) statements() []string {
	var out []string
	for _, t := range p.Tables {
		for _, sql := range t.Statements {
			out = append(out, fromRunToRun.ReplaceAllString(sql, "…"))
		}
	}
	for _, sql := range p.Control {
		out = append(out, sameControl(sql))
	}
	slices.Sort(out)
	return out
}

// sameControl is a statement on the control table without what a plan of a snapshot estimates: rows and sizes.
func sameControl(sql string) string {
	return estimated.ReplaceAllString(fromRunToRun.ReplaceAllString(sql, "…"), "…")
}

// estimated are the numbers and the ledger of rows of the control table, and NULLs in place of numbers.
var estimated = regexp.MustCompile(`CAST\(NULL AS (BIGINT|TIMESTAMP)\)|'[0-9a-f]{8}-[0-9a-f-]{27}'|'…'|t\.last_entry >= [0-9]+`)

// does runs a command, which must do what was planned and nothing else.
func (w *world) does(p plan, args ...string) {
	w.t.Helper()
	from := len(w.server.Statements())
	w.must(args...)
	if diff := cmp.Diff(p.statements(), w.written(from)); diff != "" {
		w.t.Errorf("ingest %s (-planned +done):\n%s", strings.Join(args, " "), diff)
	}
}

// TestPlanWritesNothing plans every command at every stage of a pipeline, and compares the plan with the run after it.
func TestPlanWritesNothing(t *testing.T) {
	t.Parallel()
	w := newQuietWorld(t, append(slices.Clone(shopTables), `CREATE TABLE nokey (id int)`, `INSERT INTO nokey VALUES (1)`)...)
	p := w.plan(0, "plan")
	if p.Command != "full-load" || len(p.Makes) != 2 || len(p.Source.Statements) != 2 || p.Source.SlotAction != "make" || p.Source.Slot == "" {
		t.Errorf("%+v: want a full load that makes schema, volume, two publications and the slot", p)
	}
	if item := p.table("public.item"); !item.Snapshot || len(item.Statements) != 1 || item.EstimatedRows != -1 {
		t.Errorf("%+v: want a snapshot of a table that was never analyzed", item)
	}
	w.exec(`ANALYZE item`)
	if item := w.plan(0, "full-load", "--dry-run", "--tables", "item").table("public.item"); item.EstimatedRows != 40 {
		t.Errorf("%+v: want 40 rows", item)
	}
	if p := w.plan(12, "cdc", "--dry-run"); !strings.Contains(p.Error, "nothing was loaded yet") {
		t.Errorf("%+v", p)
	}
	w.plan(12, "load", "--dry-run")
	w.plan(64, "full-load", "--dry-run", "--tables", "none")
	publications := p.Source.Statements
	w.does(p, "full-load")
	if n := w.ask(`SELECT count(*) FROM pg_publication`); n != fmt.Sprint(len(publications)) {
		t.Errorf("%s publications were made, want %d", n, len(publications))
	}

	if p := w.plan(0, "plan"); len(p.Tables) != 0 || p.Source.SlotAction != "read" {
		t.Errorf("%+v: want nothing", p)
	}
	w.write(1, 20)
	w.exec(`ALTER TABLE item ADD extra int`, `INSERT INTO item VALUES (9000, 1, 'x', 'y', 3)`, `ALTER TABLE event ALTER item TYPE bigint`,
		`CREATE TABLE fresh (id int PRIMARY KEY)`, `CREATE TABLE wrong (_op int PRIMARY KEY)`)
	p = w.plan(3, "plan")
	if p.Source.WALBytes == 0 || !p.table("public.fresh").Snapshot || !strings.Contains(p.table("public.wrong").Error, "_op") ||
		p.table("public.wrong").Hint == "" {
		t.Errorf("%+v: want WAL to read, a snapshot of fresh, and that wrong would fail", p)
	}
	if p = w.plan(0, "cdc", "--dry-run"); p.table("public.fresh").Snapshot || p.Source.From == p.Source.To {
		t.Errorf("%+v: want no snapshot without --snapshot-new", p)
	}
	w.exec(`DROP TABLE wrong`)
	p = w.plan(0, "full-load", "--dry-run", "--resume")
	if len(p.Tables) != 1 || !p.table("public.fresh").Snapshot || p.Source.SlotAction != "" {
		t.Errorf("%+v: want fresh alone", p)
	}

	w.must("cdc", "--stage-only")
	for range 2 {
		p = w.plan(0, "load", "--dry-run")
	}
	if item := p.table("public.item"); item.StagedRows == 0 ||
		!slices.ContainsFunc(item.Statements, func(s string) bool { return strings.Contains(s, "ADD COLUMNS") }) ||
		!slices.ContainsFunc(item.Statements, func(s string) bool { return strings.HasPrefix(s, "COPY INTO") }) {
		t.Errorf("%+v: want a column, and a COPY INTO", item)
	}
	w.does(p, "load")
	w.compare("item", "event")
	w.broken()
}

// broken plans the repair of a pipeline.
func (w *world) broken() {
	w.t.Helper()
	w.exec(`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots`)
	if p := w.plan(12, "cdc", "--dry-run"); !strings.Contains(p.Error, "is missing") {
		w.t.Errorf("%+v", p)
	}
	p := w.plan(0, "full-load", "--dry-run", "--repair")
	if p.Source.SlotAction != "make" || len(p.Tables) != 4 {
		w.t.Errorf("%+v: want a new slot, and all tables", p)
	}
	w.does(p, "full-load", "--repair")
	w.sql("DROP TABLE " + w.target.Table("item").String())
	p = w.plan(0, "load", "--dry-run", "--repair", "--tables", "item")
	w.does(p, "load", "--repair", "--tables", "item")
	w.sql("DROP TABLE " + w.target.Table("item").String())
	w.exec(`UPDATE item SET note = 'dropped'`)
	w.must("cdc", "--stage-only")
	if p := w.plan(3, "load", "--dry-run"); !strings.Contains(p.table("public.item").Error, "was dropped or moved") {
		w.t.Errorf("%+v", p)
	}
	w.want(3, "load")
	if p := w.plan(3, "load", "--dry-run"); !strings.Contains(p.table("public.item").Error, "quarantined") {
		w.t.Errorf("%+v", p)
	}
	if r := w.want(64, "cdc", "--follow", "--dry-run"); !strings.Contains(r.stderr, "--dry-run cannot be used with --follow") {
		w.t.Error(r)
	}
}

// TestPlanInText: what a person reads.
func TestPlanInText(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	if r := w.must("plan"); !strings.HasPrefix(r.stdout, "`ingest full-load` would do this (nothing was done): 2 snapshots (") ||
		strings.Contains(r.stdout, "CREATE") {
		t.Errorf("%s\nwant the summary first, and no statement", r)
	}
	r := w.must("plan", "--sql")
	for _, want := range []string{"`ingest full-load` would do this", "create    schema dev.bronze", "source    CREATE PUBLICATION",
		"slot      create ", "public.item", "CREATE OR REPLACE TABLE", "unknown   "} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("%s\nwant %q", r, want)
		}
	}
	w.must("full-load")
	w.write(1, 10)
	if r := w.must("plan"); !strings.Contains(r.stdout, "slot      read ") ||
		!strings.Contains(r.stdout, "nothing to load, as far as the plan can know\nunknown   which changes") {
		t.Error(r)
	}
}
