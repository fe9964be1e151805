package stage

import (
	"testing"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Columns that a look found are in the next entry if they are about the newest
// snapshot and the newest change of a table, and if the ledger lacks them.
func TestColumnsOfALookForAnEntry(t *testing.T) {
	ahead := func(number int16) ledger.TableAhead {
		return ledger.TableAhead{Table: tableT, Begin: 3, Births: []ledger.Birth{{Number: number, Column: "c"}}}
	}
	known, other := ahead(2), ahead(3)
	type given struct {
		state   *ledger.State
		table   *ledger.TableState
		found   *Ahead
		changed *[]ledger.TableChanges
	}
	for name, c := range map[string]struct {
		change     func(given)
		want, owed bool
	}{
		"new":                           {func(given) {}, true, true},
		"of a table without a snapshot": {func(g given) { g.table.Snapshot = nil }, false, false},
		"of a table that is gone":       {func(g given) { delete(g.state.Tables, tableT) }, false, false},
		"of an older origin":            {func(g given) { g.state.OriginNumber = 4 }, false, false},
		"of an older snapshot":          {func(g given) { g.found.Begin = 2 }, false, false},
		"of a marked table":             {func(g given) { g.table.Reload = &ledger.ReloadMark{} }, false, false},
		"from before a change":          {func(g given) { g.found.After = 4 }, false, false},
		"known":                         {func(g given) { g.table.Ahead = &known }, false, false},
		"in place of others":            {func(g given) { g.table.Ahead = &other }, true, true},
		"of a table with a snapshot under way": {func(g given) {
			g.state.Open[6] = &ledger.OpenBegin{Number: 6, Pending: watches(tableU, tableT)}
		}, false, false},
		"beside a snapshot of another table": {func(g given) {
			g.state.Open[6] = &ledger.OpenBegin{Number: 6, Pending: watches(tableU), Watched: watches(tableT)}
		}, true, true},
		"of a table that the entry changes": {func(g given) { *g.changed = []ledger.TableChanges{{Table: tableU}, {Table: tableT}} },
			false, true},
		"beside changes of another table": {func(g given) { *g.changed = []ledger.TableChanges{{Table: tableU}} }, true, true},
	} {
		state, found := ledger.NewState(), Ahead{TableAhead: ahead(2), After: 5}
		table := &ledger.TableState{Table: tableT, Snapshot: &ledger.Done{Begin: 3}, Changes: []ledger.StagedChanges{{Entry: 5}}}
		state.OriginNumber, state.Tables[tableT] = 1, table
		var changed []ledger.TableChanges
		c.change(given{state, table, &found, &changed})
		s := &Seen{}
		s.Set(nil, []Ahead{found})
		if got := s.columns(state, changed); (len(got) > 0) != c.want || c.want && got[0].Births[0].Number != 2 {
			t.Errorf("%s: %+v, want them: %v", name, got, c.want)
		}
		if owed := s.owed(state); owed != c.owed {
			t.Errorf("%s: an entry is owed: %v", name, owed)
		}
	}
}

// The relation of a snapshot that is being taken belongs to the snapshot's
// table, unless a newer snapshot of that name is of another relation.
func TestOwnersUnderANameThatIsAnothers(t *testing.T) {
	for name, c := range map[string]struct {
		named *ledger.TableState // public.u
		want  schema.TableName
	}{
		"nothing has the name":             {nil, tableU},
		"another has it, without a load":   {&ledger.TableState{OID: 9}, tableU},
		"another had it before":            {&ledger.TableState{OID: 9, Snapshot: &ledger.Done{Begin: 4, OID: 9}}, tableU},
		"another has it":                   {&ledger.TableState{OID: 9, Snapshot: &ledger.Done{Begin: 6, OID: 9}}, tableT},
		"it has it, and another one wrote": {&ledger.TableState{OID: 9, Snapshot: &ledger.Done{Begin: 6, OID: 7}}, tableU},
	} {
		state := ledger.NewState()
		state.OriginNumber = 1
		state.Tables[tableT] = &ledger.TableState{Table: tableT, OID: 7, Snapshot: &ledger.Done{Begin: 3, OID: 7}}
		if c.named != nil {
			c.named.Table = tableU
			state.Tables[tableU] = c.named
		}
		state.Open = map[int64]*ledger.OpenBegin{
			5: {Number: 5, Watched: watches(tableU), Begin: ledger.Begin{Tables: []ledger.BeginTable{{Table: tableU, OID: 7}}}},
		}
		if got := owners(state)[7]; got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
