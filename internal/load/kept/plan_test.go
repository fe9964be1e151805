package kept

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/fold"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/schema"
)

var (
	orders = schema.TableName{Schema: "public", Name: "orders"}
	number = schema.Type{Kind: schema.Int32}
	wide   = schema.Type{Kind: schema.Int64}
)

// keptTable is a table beside the log of public.orders. The log begins with the
// snapshot of entry 5, which entry 6 completed, and ends at entry 8. The table
// exists, with the log's columns, and is at entry 7.
func keptTable(kind Kind) *Table {
	columns := []schema.Column{{Name: "id", Number: 1, Type: number, Key: true}, {Name: "n", Number: 2, Type: number}}
	state := &ledger.TableState{
		Table: orders, OID: 100, Columns: columns, DoneNumber: 6,
		Begin:    &ledger.Begin{Fence: 20, Sort: 19, Taken: time.Unix(0, 0).UTC()},
		Snapshot: &ledger.Done{Begin: 5, OID: 100, Directory: "segments/run/orders", Columns: columns},
	}
	for _, entry := range []int64{7, 8} {
		state.Changes = append(state.Changes, ledger.StagedChanges{
			Entry: entry, Start: pglogrepl.LSN(20 * entry), End: pglogrepl.LSN(20*entry + 20),
			TableChanges: ledger.TableChanges{Table: orders, OID: 100, Columns: columns, Rows: map[schema.Op]int64{schema.OpInsert: 1}},
		})
	}
	keeper := &Keeper{
		Files: &databricks.Files{}, Descriptions: &bronze.Descriptions{}, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Unix(0, 0).UTC() },
	}
	whole := ledger.NewState()
	whole.Ledger, whole.Tables[orders] = "uuid", state
	log := &bronze.Log{
		Whole: whole, State: state, Target: databricks.Table{Catalog: "c", Schema: "s", Name: "orders"}, Last: 8, Exists: true,
		Columns: bronze.Types{"id": number, "n": number}, Reached: ledger.NewState(),
	}
	d := Definition{Kind: kind, Data: databricks.Table{Catalog: "c", Schema: "s", Name: "orders_" + string(kind)}, Key: []string{"id"}}
	k := keeper.table(d, log, loads.Kept{})
	k.at = fold.Position{Snapshot: state.Snapshot.Directory, Entry: 7}
	k.object = object{exists: true, types: bronze.Types{}, properties: map[string]string{}}
	f := k.fold(k.births(columns))
	if kind == History {
		k.add(f.HistoryColumns())
	} else {
		k.add(f.CurrentColumns())
	}
	return k
}

// Which statements bring a table to the position of its log, by what the table
// lacks. Columns come before rows, and a table is replaced by one statement.
func TestStatementsByWhatATableLacks(t *testing.T) {
	const merge, create, replace = "MERGE INTO", "CREATE TABLE", "CREATE OR REPLACE TABLE"
	alter := func(name, clause string) string { return "ALTER TABLE `c`.`s`.`orders_" + name + "` " + clause }
	for name, c := range map[string]struct {
		kind   Kind
		change func(*Table)
		want   []string // how each statement begins
	}{
		"nothing":      {Current, func(k *Table) { k.at.Entry = 8 }, nil},
		"an entry":     {Current, func(*Table) {}, []string{merge}},
		"all of it":    {Current, func(k *Table) { k.exists = false }, []string{create}},
		"the snapshot": {Current, func(k *Table) { k.at.Snapshot = "segments/run/older" }, []string{replace}},
		"trust":        {Current, func(k *Table) { k.rebuild = true }, []string{replace}},
		"a column": {Current, func(k *Table) { delete(k.types, "n") },
			[]string{alter("current", "ADD COLUMNS"), merge}},
		"width": {Current, func(k *Table) { k.log.State.Columns[1].Type = wide },
			[]string{alter("current", "SET TBLPROPERTIES"), alter("current", "ALTER COLUMN `n` TYPE BIGINT"), merge}},
		"its feed":             {Current, func(k *Table) { k.Feed = true }, []string{alter("current", "SET TBLPROPERTIES"), merge}},
		"an entry, of history": {History, func(*Table) {}, []string{merge}},
		"all of it, of history": {History, func(k *Table) { k.exists, k.at = false, fold.Position{} },
			[]string{create, merge, merge}},
		"the snapshot, of history": {History, func(k *Table) { k.at.Snapshot = "segments/run/older" }, []string{merge, merge}},
		"trust, of history":        {History, func(k *Table) { k.rebuild = true }, []string{replace, merge, merge}},
		"a column, of history": {History, func(k *Table) { delete(k.types, "n") },
			[]string{alter("history", "ADD COLUMNS"), merge}},
		"another type, of history": {History, func(k *Table) {
			k.log.State.Columns[1].Type = schema.Type{Kind: schema.String}
		}, []string{replace, merge}},
	} {
		k := keptTable(c.kind)
		c.change(k)
		var got []string
		unsure, err := k.Plan(t.Context(), func(statements ...string) { got = append(got, statements...) })
		if unsure != "" || err != nil || k.err != nil {
			t.Errorf("it lacks %s: %q, %v, %v", name, unsure, err, k.err)
			continue
		}
		for i, sql := range got {
			if i < len(c.want) && strings.HasPrefix(sql, c.want[i]) {
				got[i] = c.want[i]
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("it lacks %s (-want +got):\n%s", name, diff)
		}
		if !k.done() {
			t.Errorf("it lacks %s: the plan ends at %+v", name, k.at)
		}
	}
}

// A table whose past cannot be had again, or that is ahead of its log, is
// quarantined with the command that rebuilds it. Nothing is planned for it.
func TestTablesThatAreNotBroughtOn(t *testing.T) {
	for name, c := range map[string]struct {
		kind   Kind
		change func(*Table)
		want   string
	}{
		"ahead of its log": {Current, func(k *Table) { k.at.Entry = 9 }, "is at entry 9, and the log ends with entry 8"},
		"a history that was dropped": {History, func(k *Table) {
			k.exists, k.cached.Snapshot = false, "segments/run/orders"
		}, "was dropped or moved after it was made"},
	} {
		k := keptTable(c.kind)
		c.change(k)
		_, err := k.Plan(t.Context(), func(statements ...string) { t.Errorf("%s: planned %q", name, statements) })
		if err != nil || k.Err() == nil || !strings.Contains(k.Err().Error(), c.want) {
			t.Errorf("%s: %v, %v; want %q", name, err, k.Err(), c.want)
			continue
		}
		if hint := RebuildCommand(string(c.kind), orders.Argument()); failure.HintOf(k.Err()) != hint {
			t.Errorf("%s: hint %q, want %q", name, failure.HintOf(k.Err()), hint)
		}
		if q := Record(k.loaded, c.kind).Quarantine; q == nil || q.Snapshot != 5 {
			t.Errorf("%s: the cache has %+v", name, q)
		}
	}
}

// A table whose position the cache does not have is not guessed.
func TestPlanOfATableThatOnlyItselfKnows(t *testing.T) {
	k := keptTable(Current)
	k.at = fold.Position{}
	unsure, err := k.Plan(t.Context(), func(statements ...string) { t.Errorf("planned %q", statements) })
	if want := "how far " + k.Data.Display() + " is: only the table shows it"; err != nil || unsure != want {
		t.Errorf("%q, %v; want %q", unsure, err, want)
	}
}

// A change data feed that somebody else switched on is left alone.
func TestFeedOfSomebodyElse(t *testing.T) {
	for name, c := range map[string]struct {
		wanted     bool
		properties map[string]string
		statements int
	}{
		"on, and wanted":               {true, map[string]string{propertyFeed: "true", propertyOurFeed: "true"}, 0},
		"on by us, and not wanted":     {false, map[string]string{propertyFeed: "true", propertyOurFeed: "true"}, 1},
		"on by another":                {false, map[string]string{propertyFeed: "true"}, 0},
		"off, and wanted":              {true, map[string]string{}, 1},
		"off by hand, and not wanted":  {false, map[string]string{propertyFeed: "false", propertyOurFeed: "true"}, 0},
		"not known, as for a new plan": {true, nil, 0},
	} {
		k := keptTable(Current)
		k.Feed, k.properties, k.at.Entry = c.wanted, c.properties, 7
		n := 0
		if _, err := k.Plan(t.Context(), func(statements ...string) {
			for _, sql := range statements {
				if strings.Contains(sql, propertyFeed) {
					n++
				}
			}
		}); err != nil || n != c.statements {
			t.Errorf("%s: %d statements, %v; want %d", name, n, err, c.statements)
		}
	}
}

// What is behind, according to the cache: a table of another snapshot, an older
// entry, one that is to be rebuilt, and a quarantined one only on request.
func TestTablesThatAreBehind(t *testing.T) {
	at := loads.Kept{Snapshot: "segments/run/orders", Entry: 8}
	older, early, rebuilt, stopped, let := at, at, at, at, at
	older.Snapshot, early.Entry, rebuilt.Rebuild = "segments/run/older", 7, true
	stopped.Quarantine, let.Quarantine = &loads.Quarantine{Snapshot: 5}, &loads.Quarantine{Snapshot: 2}
	for name, c := range map[string]struct {
		cached  loads.Kept
		options Options
		want    bool
		listed  bool
	}{
		"at the log's end":             {at, Options{}, false, true},
		"of another snapshot":          {older, Options{}, true, true},
		"at an older entry":            {early, Options{}, true, true},
		"to be rebuilt":                {rebuilt, Options{}, true, true},
		"not made yet":                 {loads.Kept{}, Options{}, true, true},
		"quarantined":                  {stopped, Options{}, false, false},
		"quarantined, and retried":     {stopped, Options{Retry: true}, true, true},
		"quarantined, and rebuilt":     {stopped, Options{Rebuild: []Kind{Current}}, true, true},
		"quarantined before its load":  {let, Options{}, false, true},
		"rebuilt, though it is at end": {at, Options{Rebuild: []Kind{Current}}, true, true},
		"of the other kind":            {at, Options{Rebuild: []Kind{History}}, false, true},
	} {
		k := keptTable(Current)
		k.keeper.Wanted = func(*ledger.TableState) []Definition { return []Definition{k.Definition} }
		cached := loads.Table{Current: &c.cached}
		if got := k.keeper.Behind(k.log, &cached, c.options); got != c.want {
			t.Errorf("%s: behind %v, want %v", name, got, c.want)
		}
		tables, left := k.keeper.Beside(k.log, &cached, new(loads.Table), c.options), k.keeper.Stopped(k.log, &cached, c.options)
		if (len(tables) == 1) != c.listed || len(tables)+len(left) != 1 {
			t.Errorf("%s: %d tables, and %d that are left alone", name, len(tables), len(left))
		}
	}
}

// A log without the table's key gets no table while a full load is to replace
// the log.
func TestTablesOfALogWithoutTheKey(t *testing.T) {
	for name, c := range map[string]struct {
		key    string
		change func(*Table)
		want   int
	}{
		"with the key":                           {"id", func(*Table) {}, 1},
		"without it":                             {"other", func(*Table) {}, 1}, // it is refused
		"without it, and it waits for a reload":  {"other", func(k *Table) { k.log.State.Reload = &ledger.ReloadMark{} }, 0},
		"without it, and its relation went over": {"other", func(k *Table) { delete(k.log.Whole.Tables, orders) }, 0},
		"with the key, and it waits":             {"id", func(k *Table) { k.log.State.Reload = &ledger.ReloadMark{} }, 1},
		"before its snapshot":                    {"id", func(k *Table) { k.log.State.Snapshot = nil }, 0},
	} {
		k := keptTable(Current)
		k.Key = []string{c.key}
		k.keeper.Wanted = func(*ledger.TableState) []Definition { return []Definition{k.Definition} }
		c.change(k)
		if got := k.keeper.Definitions(k.log); len(got) != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
