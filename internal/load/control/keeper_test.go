//go:build cgo && unix

package control

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/databricks/databrickstest"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/load/loadtest"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/lakehouse"
	"github.com/ingest-tool/ingest/lakehouse/lakehousetest"
)

func named(name string) schema.TableName { return schema.TableName{Schema: "public", Name: name} }

// newKeeper has a workspace where two MERGEs that insert the same row conflict only under Serializable.
func newKeeper(t *testing.T) (*Keeper, *Load) {
	t.Helper()
	server := lakehousetest.Open(t, lakehouse.Options{Switches: lakehouse.Switches{NewRowsNoConflict: true}})
	client := databrickstest.Open(t, server, databricks.Config{})
	if _, err := client.Place().Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(t.Context(), client.Files(), ledger.Options{Run: "run", Version: "1.0.0", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	begin := &ledger.Begin{Snapshot: schema.Snapshot{Xmin: 700, Xmax: 705}, Fence: 20, Sort: 19, Taken: time.Unix(0, 0).UTC()}
	load := &Load{Tables: map[schema.TableName]loads.Table{}, Started: time.Unix(1, 0), Finished: time.Unix(2, 0)}
	origin := &ledger.Origin{System: "7", Timeline: 1, Database: "shop", Slot: "s", Publications: []string{"p"}, ConsistentPoint: 10}
	bodies := []any{origin, begin}
	for i := range 3 {
		name := named(fmt.Sprintf("t%d", i))
		begin.Tables = append(begin.Tables, ledger.BeginTable{Table: name, OID: uint32(100 + i)})
		bodies = append(bodies, &ledger.Done{
			Begin: 2, Table: name, OID: uint32(100 + i), Directory: "segments/run/" + name.Name,
			Columns: []schema.Column{{Name: "id", Number: 1, Type: schema.Type{Kind: schema.Int32}}},
		})
		load.Tables[name] = loads.Table{Snapshot: 2, Directory: "segments/run/" + name.Name, Entry: 2}
	}
	for _, body := range bodies {
		if _, err := l.Append(t.Context(), l.Head(), body); err != nil {
			t.Fatal(err)
		}
	}
	load.Whole = l.State()
	return &Keeper{
		Table: client.Table(Name), Pipeline: "p", Target: func(n schema.TableName) databricks.Table { return client.Table(n.Name) }, Ledger: l,
		Workspace: client, Warehouse: client.Warehouse(), Lock: new(loadtest.Lock), Log: slog.New(slog.DiscardHandler), Run: "r", Version: "1",
	}, load
}

func (k *Keeper) query(t *testing.T, sql string) string {
	t.Helper()
	answer, err := k.Warehouse.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(answer.Rows)
}

// TestRowsAreAddedOnce records the same load several times, one after the other and at once.
func TestRowsAreAddedOnce(t *testing.T) {
	t.Parallel()
	k, load := newKeeper(t)
	if err := k.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows, err := k.rows(t.Context(), load, load.recorded())
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if got, err := k.Record(t.Context(), load); err != nil || len(got) != 3 {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	wg.Wait()
	if got := k.query(t, "SELECT count(*), count(DISTINCT source_table) FROM "+k.Table.String()); got != "[[3 3]]" {
		t.Errorf("rows, and tables: %s", got)
	}
	for name, tables := range map[string]loads.Table{"the cache knows": {Recorded: &loads.Recorded{Entry: 2}}, "a lost cache": {}} {
		for table, has := range load.Tables {
			if has.Recorded = tables.Recorded; has.Recorded != nil {
				has.Recorded = &loads.Recorded{Snapshot: has.Directory, Entry: 2}
			}
			load.Tables[table] = has
		}
		recorded, err := k.Record(t.Context(), load)
		if err != nil {
			t.Fatal(err)
		}
		for table, r := range recorded {
			if r == nil || r.Entry != 2 || r.Snapshot != load.Tables[table].Directory {
				t.Errorf("%s: %s is recorded as %+v", name, table, r)
			}
		}
	}
	if got := k.query(t, "SELECT count(*) FROM "+k.Table.String()); got != "[[3]]" {
		t.Errorf("rows in the end: %s", got)
	}
}

// TestLostCache: what a load knows of the control table is lost, and the table has a part of what is missing.
func TestLostCache(t *testing.T) {
	t.Parallel()
	k, load := newKeeper(t)
	if _, err := k.Record(t.Context(), load); err != nil {
		t.Fatal(err)
	}
	committed := time.Unix(77, 0).UTC()
	if _, err := k.Ledger.Append(t.Context(), k.Ledger.Head(), &ledger.Changes{
		Start: 10, End: 100, Transactions: 1, LastCommit: &committed, Tables: []ledger.TableChanges{{
			Table: named("t0"), OID: 100, Columns: load.Whole.Tables[named("t0")].Columns, Rows: map[schema.Op]int64{schema.OpInsert: 2},
			Segments: []ledger.Segment{{Path: "segments/run/changes/1.parquet", Rows: 2, Bytes: 5, Checksum: "ab", First: 20, Last: 30}},
		}},
	}); err != nil {
		t.Fatal(err)
	}
	load.Whole = k.Ledger.State()
	load.Tables[named("t0")] = loads.Table{Snapshot: 2, Directory: "segments/run/t0", Entry: load.Whole.Head}
	recorded, err := k.Record(t.Context(), load)
	if r := recorded[named("t0")]; err != nil || r == nil || r.Entry != load.Whole.Head {
		t.Errorf("%+v, %v", r, err)
	}
	want := fmt.Sprintf("[[2 2 0 NULL 20 -1] [3 %d 2 10 100 77]]", load.Whole.Head)
	if got := k.query(t, "SELECT first_entry, last_entry, rows_loaded, coalesce(CAST(from_lsn AS STRING), 'NULL'), to_lsn, "+
		"CASE kind WHEN 'changes' THEN unix_seconds(committed_at) ELSE -1 END FROM "+k.Table.String()+
		" WHERE source_table = 'public.t0' ORDER BY first_entry"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestNameOfTheControlTable: nothing that ingest did not make is written, and a
// control table without a column gets it.
func TestNameOfTheControlTable(t *testing.T) {
	t.Parallel()
	k, load := newKeeper(t)
	exec := func(sql string) {
		t.Helper()
		if err := k.Warehouse.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ make, drop, what string }{
		{"CREATE TABLE " + k.Table.String() + " (id INT)", "DROP TABLE " + k.Table.String(), "a table that ingest did not make"},
		{"CREATE VIEW " + k.Table.String() + " AS SELECT 1 AS id", "DROP VIEW " + k.Table.String(), "a view that ingest did not make"},
	} {
		exec(c.make)
		err := k.record(t.Context(), load, load.recorded())
		if err == nil || !strings.Contains(err.Error(), c.what) || !strings.Contains(failure.HintOf(err), "load.control_table = false") {
			t.Errorf("%v, want %s", err, c.what)
		}
		if _, err := k.Plan(t.Context(), load); err == nil || !strings.Contains(err.Error(), c.what) {
			t.Errorf("a plan: %v", err)
		}
		exec(c.drop)
	}
	if statements, err := k.Plan(t.Context(), load); err != nil || len(statements) != 2 {
		t.Errorf("%d statements, %v, want two", len(statements), err)
	}
	if _, err := k.Record(t.Context(), load); err != nil {
		t.Fatal(err)
	}
	if got := k.query(t, "SELECT count(*) FROM "+k.Table.String()); got != "[[3]]" {
		t.Errorf("%s rows, want three", got)
	}
	exec("CREATE OR REPLACE TABLE " + k.Table.String() + " TBLPROPERTIES ('ingest.control' = '_ingest_loads') AS SELECT * EXCEPT (version) FROM " +
		k.Table.String() + " WHERE false")
	if _, err := k.Record(t.Context(), load); err != nil {
		t.Fatal(err)
	}
	if got := k.query(t, "SELECT count(version) FROM "+k.Table.String()); got != "[[3]]" {
		t.Errorf("%s rows with a version, want three", got)
	}
}
