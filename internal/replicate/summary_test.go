package replicate

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/kept"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/stage"
	"github.com/ingest-tool/ingest/internal/target"
)

// unopened is a pipeline of which only the configuration is known.
func unopened() *Pipeline {
	c := config.Default()
	c.Destination.Catalog, c.Destination.Schema = "dev", "bronze"
	return &Pipeline{config: c, names: target.Names{Config: c}, log: slog.New(slog.DiscardHandler), source: &postgres.Source{}}
}

func emptySummary() *Summary { return &Summary{byName: map[schema.TableName]*TableSummary{}} }

// A run fails if a table failed, or something beside its log. The first one is named.
func TestErrorsOfTables(t *testing.T) {
	for what, c := range map[string]struct {
		tables     []*TableSummary
		want, hint string
	}{
		"none":         {nil, "", ""},
		"all are well": {[]*TableSummary{{}, {Kept: []KeptSummary{{Kind: kept.Current}}}}, "", ""},
		"one": {[]*TableSummary{{}, {Error: "it is a view", Hint: "drop it"}},
			"1 of 2 tables failed, the first: it is a view", "drop it"},
		"two": {[]*TableSummary{{Error: "a"}, {Error: "b", Hint: "h"}}, "2 of 2 tables failed, the first: a",
			"`ingest status` shows each table; the others were processed"},
		"beside its log": {[]*TableSummary{{Kept: []KeptSummary{{}, {Error: "a key is there twice", Hint: "rebuild it"}}}},
			"1 of 1 tables failed, the first: a key is there twice", "rebuild it"},
		"both": {[]*TableSummary{{Error: "a", Hint: "h", Kept: []KeptSummary{{Error: "b"}}}}, "1 of 1 tables failed, the first: a", "h"},
	} {
		err := (&Summary{Tables: c.tables}).failing()
		if said := fmt.Sprint(err); (err == nil) != (c.want == "") || err != nil && (said != c.want || failure.HintOf(err) != c.hint ||
			failure.KindOf(err) != failure.Tables) {
			t.Errorf("%s: %v (hint %q)", what, err, failure.HintOf(err))
		}
	}
	one := &TableSummary{}
	if one.fail(nil); one.Error != "" {
		t.Errorf("no error: %q", one.Error)
	}
	if one.fail(failure.New(failure.Tables, "x").WithHint("h")); one.Error != "x" || one.Hint != "h" {
		t.Errorf("an error: %+v", one)
	}
}

// What a run staged and loaded adds up. Of what failed, the newest result counts.
func TestSummariesAddUp(t *testing.T) {
	p, s := unopened(), emptySummary()
	s.add(p, stage.DrainResult{
		Entries: 1, Transactions: 2, Tables: map[schema.TableName]map[schema.Op]int64{public("t"): {schema.OpInsert: 3, schema.OpDelete: 1}},
		Reload: []ledger.ReloadMark{{Table: public("u"), Reason: "renamed"}},
		Failed: map[schema.TableName]error{public("v"): errors.New("undecoded")},
	})
	s.add(p, stage.DrainResult{
		Entries: 1, Transactions: 1, Tables: map[schema.TableName]map[schema.Op]int64{public("t"): {schema.OpInsert: 4}},
	})
	if got := s.table(p, public("t")); s.Entries != 2 || s.Transactions != 3 || got.Staged != 8 || got.Changes[string(schema.OpInsert)] != 7 ||
		len(s.Tables) != 3 {
		t.Errorf("staged: %+v, %+v", s, got)
	}
	later := emptySummary()
	*later.table(p, public("t")) = TableSummary{
		name: public("t"), Loaded: 5, Total: 9, Replaced: 1, Added: []string{"a"}, Widened: []string{"w"}, Error: "it failed",
		Hint: "h", Quarantined: true,
		Kept: []KeptSummary{{Kind: kept.Current, Merges: 1, Error: "twice"}},
	}
	s.merge(p, later)
	*later.table(p, public("t")) = TableSummary{name: public("t"), Loaded: 2, Total: 7, Kept: []KeptSummary{{Kind: kept.Current, Merges: 2},
		{Kind: kept.History, Fresh: true}}}
	s.merge(p, later)
	got := s.table(p, public("t"))
	if got.Staged != 8 || got.Loaded != 7 || got.Total != 9 || got.Replaced != 1 || got.Error != "it failed" ||
		got.Hint != "h" || !got.Quarantined ||
		len(got.Added) != 1 {
		t.Errorf("loaded: %+v", got)
	}
	if len(got.Kept) != 2 || got.Kept[0].Merges != 3 || got.Kept[0].Error != "" || !got.Kept[1].Fresh {
		t.Errorf("kept: %+v", got.Kept)
	}
}

// After a repetition, a table has the error that the repetition found. Only a complete one takes an
// error away that it did not meet.
func TestSummariesOfRepetitions(t *testing.T) {
	for what, c := range map[string]struct {
		before, again TableSummary
		complete      bool
		want          string
		quarantined   bool
		kept          string
	}{
		"it failed, and does not any more": {TableSummary{Error: "a"}, TableSummary{Loaded: 1}, false, "", false, ""},
		"it fails in another way":          {TableSummary{Error: "a"}, TableSummary{Error: "b"}, true, "b", false, ""},
		"quarantined, and let go":          {TableSummary{Error: "a", Quarantined: true}, TableSummary{}, true, "", false, ""},
		"quarantined again": {TableSummary{Error: "a", Quarantined: true},
			TableSummary{Error: "a", Quarantined: true}, true, "a", true, ""},
		"kept, and let go": {TableSummary{Kept: []KeptSummary{{Error: "k"}}},
			TableSummary{Kept: []KeptSummary{{}}}, true, "", false, ""},
	} {
		p, s, one := unopened(), emptySummary(), emptySummary()
		c.before.name, c.again.name = public("t"), public("t")
		*s.table(p, public("t")), *one.table(p, public("t")) = c.before, c.again
		s.renew(p, one, c.complete)
		got := s.table(p, public("t"))
		if got.Error != c.want || got.Quarantined != c.quarantined || len(got.Kept) > 0 && got.Kept[0].Error != c.kept {
			t.Errorf("%s: %+v", what, got)
		}
	}
	for complete, want := range map[bool]string{true: `false "" "" "staged"`, false: `true "a" "k" "staged"`} {
		p, s := unopened(), emptySummary()
		*s.table(p, public("t")) = TableSummary{name: public("t"), Error: "a", Hint: "h", Quarantined: true, Kept: []KeptSummary{{Error: "k"}}}
		*s.table(p, public("u")) = TableSummary{name: public("u"), Error: "staged"}
		s.renew(p, emptySummary(), complete)
		got := s.table(p, public("t"))
		if line := fmt.Sprintf("%v %q %q %q", got.Quarantined, got.Error, got.Kept[0].Error, s.table(p, public("u")).Error); line != want {
			t.Errorf("not met again, complete %v: %s, want %s", complete, line, want)
		}
	}
}

// A full load in the same run takes away that a table needs one, and the error that only a full load
// gets over.
func TestTablesThatWereReloaded(t *testing.T) {
	state := ledger.NewState()
	state.Tables[public("t")] = &ledger.TableState{}
	state.Tables[public("still")] = &ledger.TableState{Reload: &ledger.ReloadMark{}}
	for what, c := range map[string]struct {
		table         TableSummary
		reload, error string
	}{
		"reloaded":                  {TableSummary{name: public("t"), Reload: "r"}, "", ""},
		"that could not be decoded": {TableSummary{name: public("t"), Reload: "r", Error: "e", undecoded: "e"}, "", ""},
		"that failed in the load":   {TableSummary{name: public("t"), Reload: "r", Error: "e"}, "", "e"},
		"that failed since":         {TableSummary{name: public("t"), Reload: "r", Error: "f", undecoded: "e"}, "", "f"},
		"not marked":                {TableSummary{name: public("t"), Error: "e", undecoded: "e"}, "", "e"},
		"still marked":              {TableSummary{name: public("still"), Reload: "r", Error: "e", undecoded: "e"}, "r", "e"},
		"not in the ledger":         {TableSummary{name: public("none"), Reload: "r", Error: "e", undecoded: "e"}, "r", "e"},
	} {
		s := &Summary{Tables: []*TableSummary{&c.table}}
		if s.reloaded(state); c.table.Reload != c.reload || c.table.Error != c.error {
			t.Errorf("%s: %+v", what, c.table)
		}
	}
	if marked(state, public("t")) || marked(state, public("none")) || !marked(state, public("still")) {
		t.Error("which tables are marked?")
	}
}

// What a repair or a resumed full load has nothing to do with.
func TestTablesThatAreFinished(t *testing.T) {
	for what, c := range map[string]struct {
		name                string
		oid                 uint32
		repair, quarantined bool
		want                bool
	}{
		"loaded":                           {"t", 7, false, false, true},
		"loaded, by a repair":              {"t", 7, true, false, true},
		"loaded, and another has the name": {"t", 8, false, false, false},
		"marked":                           {"marked", 7, false, false, true},
		"marked, by a repair":              {"marked", 7, true, false, false},
		"quarantined":                      {"t", 7, false, true, true},
		"quarantined, by a repair":         {"t", 7, true, true, false},
		"being loaded again":               {"pending", 7, false, false, false},
		"of an older origin":               {"stale", 7, false, false, false},
		"that the ledger does not know":    {"none", 7, false, false, false},
	} {
		state := ledger.NewState()
		state.OriginNumber = 4
		state.Open[9] = &ledger.OpenBegin{Pending: map[schema.TableName]bool{public("pending"): true}}
		for _, name := range []string{"t", "marked", "pending", "stale"} {
			state.Tables[public(name)] = &ledger.TableState{Table: public(name), OID: 7, Snapshot: &ledger.Done{Begin: 5, OID: 7}}
		}
		state.Tables[public("marked")].Reload = &ledger.ReloadMark{}
		state.Tables[public("stale")].Snapshot.Begin = 3
		r := &postgres.Relation{Table: schema.Table{Name: public(c.name), OID: c.oid}}
		if got := finished(state, r, c.repair, c.quarantined); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
	if got := loadingAgain(nil); got != "no table needs a new snapshot" {
		t.Error(got)
	}
}

// Compaction folds what the tables contain of their newest snapshots.
func TestEntriesThatTablesContain(t *testing.T) {
	state := ledger.NewState()
	state.Tables[public("t")] = &ledger.TableState{Snapshot: &ledger.Done{Begin: 5}}
	state.Tables[public("older")] = &ledger.TableState{Snapshot: &ledger.Done{Begin: 7}}
	state.Tables[public("begun")] = &ledger.TableState{}
	cached := map[schema.TableName]loads.Table{}
	for _, name := range []string{"t", "older", "none"} {
		cached[public(name)] = loads.Table{Snapshot: 5, Entry: 9}
	}
	cached[public("begun")] = loads.Table{Entry: 9}
	if got := loadedThrough(state, cached); len(got) != 1 || got[public("t")] != 9 {
		t.Errorf("%v", got)
	}
}

// A table's state in the status, the most severe first.
func TestStatesInTheStatus(t *testing.T) {
	for what, c := range map[string]struct {
		change       func(*ledger.State, *ledger.TableState, *TableStatus, *loads.Table)
		replaced     string
		want, reload string
		remedy       bool
	}{
		"loaded": {func(*ledger.State, *ledger.TableState, *TableStatus, *loads.Table) {}, "", "loaded", "", false},
		"rows wait": {func(_ *ledger.State, _ *ledger.TableState, one *TableStatus, _ *loads.Table) { one.WaitingRows = 1 }, "", "behind",
			"", false},
		"an older snapshot is loaded": {func(_ *ledger.State, _ *ledger.TableState, _ *TableStatus, l *loads.Table) { l.Snapshot = 3 },
			"", "behind", "", false},
		"marked": {func(_ *ledger.State, t *ledger.TableState, _ *TableStatus, _ *loads.Table) {
			t.Reload = &ledger.ReloadMark{Reason: "renamed"}
		}, "", "reload needed", "renamed", true},
		"replaced": {func(*ledger.State, *ledger.TableState, *TableStatus, *loads.Table) {}, "another has its name", "reload needed",
			"another has its name", true},
		"marked and replaced": {func(_ *ledger.State, t *ledger.TableState, _ *TableStatus, _ *loads.Table) {
			t.Reload = &ledger.ReloadMark{Reason: "renamed"}
		},
			"another has its name", "reload needed", "renamed", true},
		"quarantined": {func(_ *ledger.State, _ *ledger.TableState, one *TableStatus, _ *loads.Table) { one.Quarantine = "q" },
			"another has its name",
			"quarantined", "another has its name", false},
		"an older origin": {func(s *ledger.State, _ *ledger.TableState, _ *TableStatus, _ *loads.Table) { s.OriginNumber = 6 }, "",
			"snapshot needed", "", true},
		"given up": {func(_ *ledger.State, t *ledger.TableState, _ *TableStatus, _ *loads.Table) { t.Snapshot = nil }, "",
			"snapshot needed", "", true},
		"the first snapshot runs": {func(s *ledger.State, t *ledger.TableState, _ *TableStatus, _ *loads.Table) {
			t.Snapshot, s.Open[7] = nil, &ledger.OpenBegin{Pending: map[schema.TableName]bool{t.Table: true}}
		}, "", "snapshot running", "", false},
		"another snapshot runs": {func(s *ledger.State, t *ledger.TableState, _ *TableStatus, _ *loads.Table) {
			s.Open[7] = &ledger.OpenBegin{Pending: map[schema.TableName]bool{t.Table: true}}
		}, "", "loaded", "", false},
	} {
		state, one, loaded := ledger.NewState(), &TableStatus{}, &loads.Table{Snapshot: 5}
		table := &ledger.TableState{Table: public("t"), Snapshot: &ledger.Done{Begin: 5}}
		c.change(state, table, one, loaded)
		one.judge(state, table, *loaded, c.replaced)
		if one.State != c.want || one.Reload != c.reload || (one.Remedy == "ingest full-load --tables public.t") != c.remedy {
			t.Errorf("%s: %+v", what, one)
		}
	}
}

// The state of what is kept beside a log, and what a load did with it.
func TestStatesOfWhatIsKept(t *testing.T) {
	since := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	quarantine := &loads.Quarantine{Reason: "lost rows", Since: since, Hint: "rebuild it"}
	states := keptStatuses([]kept.State{
		{Snapshot: "d", Entry: 5, Reach: 5}, {Snapshot: "d", Entry: 5, Reach: 7, Behind: true}, {Behind: true},
		{Behind: true, Quarantine: quarantine},
	})
	var got []string
	for _, s := range states {
		got = append(got, s.State)
	}
	if !slices.Equal(got, []string{"kept", "behind", "not made", "quarantined"}) || states[3].Remedy != "rebuild it" ||
		*states[3].Since != since {
		t.Errorf("%+v", states)
	}
	if (&TableStatus{Kept: states[:3]}).keptBad() || !(&TableStatus{Kept: states}).keptBad() {
		t.Error("what is kept needs attention where it is quarantined, and only there")
	}
	did := keptSummaries([]kept.Result{{Merges: 2}, {Err: failure.New(failure.Tables, "lost rows").WithHint("rebuild it")}})
	if did[0].Error != "" || did[0].Merges != 2 || did[1].Error != "lost rows" || did[1].Hint != "rebuild it" {
		t.Errorf("%+v", did)
	}
}

// What several loads did with a table beside a log adds up. Of what failed before, the newest result
// counts.
func TestSummariesOfWhatIsKept(t *testing.T) {
	x := &TableSummary{}
	one := func(kind kept.Kind, merges int, made bool) KeptSummary {
		return KeptSummary{Kind: kind, Merges: merges, Replaced: made, Fresh: made}
	}
	failed := one(kept.History, 1, false)
	failed.Error = "lost rows"
	x.mergeKept([]KeptSummary{failed, one(kept.Current, 1, true)})
	x.mergeKept([]KeptSummary{one(kept.History, 2, true), one(kept.Current, 2, false)})
	x.mergeKept([]KeptSummary{one(kept.Current, 4, false)})
	want := []KeptSummary{one(kept.History, 3, true), one(kept.Current, 7, true)}
	if !slices.Equal(x.Kept, want) {
		t.Errorf("%+v", x.Kept)
	}
	plain := &TableSummary{}
	plain.mergeKept([]KeptSummary{one(kept.Current, 1, false)})
	if plain.mergeKept([]KeptSummary{one(kept.Current, 1, false)}); plain.Kept[0].Replaced || plain.Kept[0].Fresh {
		t.Errorf("%+v", plain.Kept)
	}
}

// The entry since which a table has its present key: a rename of a column changes no key, and the first
// full load is none since which it is another.
func TestEntriesSinceWhichATableHasItsKey(t *testing.T) {
	column := func(name string, number int16) schema.Column { return schema.Column{Name: name, Number: number} }
	at := func(head, done int64, snapshot, columns []schema.Column, key ...string) *ledger.State {
		s := ledger.NewState()
		s.Head = head
		s.Tables[public("t")] = &ledger.TableState{Table: public("t"), DoneNumber: done, Columns: columns, Snapshot: &ledger.Done{
			Columns: snapshot, PrimaryKey: key, Identity: schema.Identity{Kind: schema.IdentityDefault, Columns: key}}}
		return s
	}
	before := ledger.NewState()
	before.Tables[public("t")] = &ledger.TableState{Table: public("t")}
	ab, cb := []schema.Column{column("a", 1), column("b", 2)}, []schema.Column{column("c", 1), column("b", 2)}
	for what, c := range map[string]struct {
		states []*ledger.State
		want   int64
	}{
		"one full load":                   {[]*ledger.State{ledger.NewState(), before, at(3, 3, ab, ab, "a")}, 0},
		"two":                             {[]*ledger.State{at(3, 3, ab, ab, "a"), at(5, 5, ab, ab, "a")}, 0},
		"another key":                     {[]*ledger.State{at(3, 3, ab, ab, "a"), at(5, 5, ab, ab, "b")}, 5},
		"another key, and a load since":   {[]*ledger.State{at(3, 3, ab, ab, "a"), at(5, 5, ab, ab, "b"), at(7, 7, ab, ab, "b")}, 5},
		"another key, and changes since":  {[]*ledger.State{at(3, 3, ab, ab, "a"), at(5, 5, ab, ab, "b"), at(7, 5, ab, ab, "b")}, 5},
		"the same, in another order":      {[]*ledger.State{at(3, 3, ab, ab, "a", "b"), at(5, 5, ab, ab, "b", "a")}, 0},
		"the same, under another name":    {[]*ledger.State{at(3, 3, ab, ab, "a"), at(4, 3, ab, cb, "a"), at(5, 5, cb, cb, "c")}, 0},
		"renamed, and no full load since": {[]*ledger.State{at(3, 3, ab, ab, "a"), at(4, 3, ab, cb, "a"), at(5, 3, ab, cb, "a")}, 0},
	} {
		k := &keyed{table: public("t")}
		for _, s := range c.states {
			k.see(s)
		}
		if k.since != c.want {
			t.Errorf("%s: since %d, want %d", what, k.since, c.want)
		}
	}
}
