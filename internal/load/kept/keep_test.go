//go:build cgo && unix

package kept

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/databricks/databrickstest"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/fold"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/load/loadtest"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/lakehouse"
	"github.com/ingest-tool/ingest/lakehouse/lakehousetest"
)

// bed has the log of keptTable in a local workspace: row 1 is from the snapshot,
// entry 7 adds row 2, and entry 8 changes row 1.
type bed struct {
	*testing.T
	client *databricks.Workspace
	server *lakehouse.Server
	lock   *loadtest.Lock
}

func openBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{T: t, server: lakehousetest.Open(t, lakehouse.Options{}), lock: new(loadtest.Lock)}
	b.client = databrickstest.Open(t, b.server, databricks.Config{})
	if _, err := b.client.Place().Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	columns := "`id` INT, `n` INT"
	for _, m := range schema.MetaColumns {
		columns += ", `" + m.Name + "` " + m.Type.String()
	}
	log := b.client.Table("orders").String()
	row := func(op string, entry, id, n int) string {
		return fmt.Sprintf("INSERT INTO %s (`id`, `n`, `_op`, `_commit_lsn`, `_seq`, `_lsn`, `_commit_ts`, `_entry`) "+
			"VALUES (%d, %d, '%s', %d, 1, %[5]d, TIMESTAMP '2026-01-01 00:00:0%[6]d+00:00', %[6]d)", log, id, n, op, 20*entry+1, entry)
	}
	b.exec("CREATE TABLE "+log+" ("+columns+")", row("snapshot", 5, 1, 10), row("insert", 7, 2, 20), row("update", 8, 1, 11))
	return b
}

func (b *bed) exec(statements ...string) {
	b.Helper()
	for _, sql := range statements {
		if err := b.client.Warehouse().Exec(b.Context(), sql); err != nil {
			b.Fatal(err)
		}
	}
}

// table is keptTable in the workspace. The table is not made yet, and the log
// ends at an entry.
func (b *bed) table(kind Kind, last int64) *Table {
	k := keptTable(kind)
	k.keeper.Workspace, k.keeper.Warehouse, k.keeper.Files, k.keeper.Lock = b.client, b.client.Warehouse(), b.client.Files(), b.lock
	k.log.Target, k.Data, k.log.Last = b.client.Table("orders"), b.client.Table("orders_"+string(kind)), last
	k.log.State.Snapshot.Rows = 1
	k.at, k.object = fold.Position{}, object{}
	return k
}

// keep brings a table to the end of its log.
func (b *bed) keep(k *Table) error {
	b.Helper()
	if err := k.keeper.Identify(b.Context(), []*Table{k}); err != nil {
		return err
	}
	return k.keeper.Keep(b.Context(), []*Table{k})
}

// keeps is keep of a table that must not fail.
func (b *bed) keeps(k *Table) {
	b.Helper()
	if err := errors.Join(b.keep(k), k.err); err != nil {
		b.Fatal(err)
	}
}

// content is all that a table holds.
func (b *bed) content(table databricks.Table) []string {
	b.Helper()
	answer, err := b.client.Warehouse().Query(b.Context(), "SELECT * FROM "+table.String())
	if err != nil {
		b.Fatal(err)
	}
	var lines []string
	for _, row := range answer.Rows {
		lines = append(lines, fmt.Sprint(row))
	}
	slices.Sort(lines)
	return lines
}

// numbers are the live rows of current state, as id=n.
func (b *bed) numbers(table databricks.Table) string {
	b.Helper()
	answer, err := b.client.Warehouse().Query(b.Context(), "SELECT concat_ws(' ', array_sort(collect_list(concat(`id`, '=', `n`)))) AS rows "+
		"FROM "+table.String()+" WHERE `_op` <> 'position' AND `_deleted_ts` IS NULL")
	if err != nil {
		b.Fatal(err)
	}
	text, _, err := answer.Text(0, "rows")
	if err != nil {
		b.Fatal(err)
	}
	return text
}

// A table gets all of its log, once. What the load saw of it is in the cache. A
// statement that arrives late, after the table has moved on, changes nothing.
func TestALateStatementChangesNothing(t *testing.T) {
	t.Parallel()
	b := openBed(t)
	for _, kind := range Kinds {
		b.keeps(b.table(kind, 7))
		k := b.table(kind, 8)
		k.take(loads.Kept{Snapshot: "segments/run/orders", Entry: 7})
		if err := k.Find(t.Context()); err != nil {
			t.Fatal(err)
		}
		var late []string
		if _, err := k.Plan(t.Context(), func(statements ...string) { late = append(late, statements...) }); err != nil {
			t.Fatal(err)
		}
		next := b.table(kind, 8)
		next.take(loads.Kept{Snapshot: "segments/run/orders", Entry: 7})
		b.keeps(next)
		if next.result.Merges != 1 || next.result.Replaced || len(late) != 1 {
			t.Errorf("%s: %+v, and %d statements are planned", kind, next.result, len(late))
		}
		if got, want := Record(next.loaded, kind), (loads.Kept{Snapshot: "segments/run/orders", Entry: 8}); got != want {
			t.Errorf("%s: the cache has %+v, want %+v", kind, got, want)
		}
		before := b.content(next.Data)
		for _, sql := range late {
			if err := b.client.Warehouse().Exec(t.Context(), sql); err != nil && !raised(err, fold.HasMoved) {
				t.Errorf("%s: %v", kind, err)
			}
		}
		if diff := cmp.Diff(before, b.content(next.Data)); diff != "" {
			t.Errorf("%s: after a late statement (-want +got):\n%s", kind, diff)
		}
	}
	if got := b.numbers(b.client.Table("orders_current")); got != "1=11 2=20" {
		t.Errorf("current state: %q", got)
	}
}

// A run that has lost its lock sends no statement that writes.
func TestNothingIsSentWithoutTheLock(t *testing.T) {
	t.Parallel()
	b := openBed(t)
	for _, kind := range Kinds {
		b.lock = &loadtest.Lock{Errs: func(int64) error { return failure.New(failure.Conflict, "lost") }}
		statements := len(b.server.Statements())
		k := b.table(kind, 8)
		if err := b.keep(k); failure.KindOf(err) != failure.Conflict || k.err != nil {
			t.Errorf("%s: %v, %v", kind, err, k.err)
		}
		if n := len(b.server.Statements()) - statements; n != 0 || b.lock.Proved() != 1 {
			t.Errorf("%s: %d statements, %d proofs", kind, n, b.lock.Proved())
		}
	}
}

// What was changed by hand quarantines the table and is left as it is.
func TestTablesThatWereChangedByHand(t *testing.T) {
	t.Parallel()
	b := openBed(t)
	name := b.client.Table("orders_current")
	table, rebuild := name.String(), RebuildCommand("current", orders.Argument())
	for what, c := range map[string]struct {
		change string
		want   string
		hint   string
	}{
		"a key is there twice": {"INSERT INTO " + table + " SELECT * FROM " + table + " WHERE `id` = 1", "has a key twice", rebuild},
		"the position is gone": {"DELETE FROM " + table + " WHERE `_op` = 'position'", "has 0 position rows instead of one", rebuild},
		"two positions": {"INSERT INTO " + table + " SELECT * FROM " + table + " WHERE `_op` = 'position'",
			"has 2 position rows instead of one", rebuild},
		"it is another's": {"ALTER TABLE " + table + " SET TBLPROPERTIES ('" + bronze.PropertyLedger + "' = 'theirs')",
			"is not this pipeline's table beside the log of public.orders", "nothing was changed"},
	} {
		b.exec("DROP TABLE IF EXISTS " + table)
		b.keeps(b.table(Current, 7))
		b.exec(c.change)
		before := b.content(name)
		k := b.table(Current, 8)
		err := b.keep(k)
		if err != nil || k.err == nil || !strings.Contains(k.err.Error(), c.want) || !strings.Contains(failure.HintOf(k.err), c.hint) {
			t.Errorf("%s: %v, %v, hint %q", what, err, k.err, failure.HintOf(k.err))
		}
		if Record(k.loaded, Current).Quarantine == nil {
			t.Errorf("%s: the cache has no quarantine", what)
		}
		if diff := cmp.Diff(before, b.content(name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

// A current-state table that was dropped is made again from its log. A history
// is not: the log lacks what came before its snapshot.
func TestTablesThatWereDropped(t *testing.T) {
	t.Parallel()
	b := openBed(t)
	for _, kind := range Kinds {
		b.keeps(b.table(kind, 7))
		b.exec("DROP TABLE " + b.client.Table("orders_"+string(kind)).String())
		k := b.table(kind, 8)
		k.cached = loads.Kept{Snapshot: "segments/run/orders", Entry: 7}
		k.take(k.cached)
		if err := b.keep(k); err != nil {
			t.Fatal(err)
		}
		if k.Present() != (kind == Current) || k.result.Replaced != (kind == Current) {
			t.Errorf("%s: %+v, %v", kind, k.result, k.err)
		}
	}
	if got := b.numbers(b.client.Table("orders_current")); got != "1=11 2=20" {
		t.Errorf("current state: %q", got)
	}
}
