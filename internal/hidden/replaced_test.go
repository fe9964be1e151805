package hidden

import (
	"testing"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// A table whose name belongs to another table is marked, even if its own relation is gone.
func TestTablesThatGetNoMark(t *testing.T) {
	table, heir, r := &ledger.TableState{Table: public("t")}, &ledger.TableState{Table: public("u")}, &postgres.Relation{}
	marked := &ledger.TableState{Table: public("t"), Reload: &ledger.ReloadMark{}}
	for what, c := range map[string]struct {
		t, heir  *ledger.TableState
		r        *postgres.Relation
		replaced string
		want     bool
	}{
		"it is there":                           {table, table, r, "", false},
		"it is marked":                          {marked, marked, r, "", true},
		"it is marked, and replaced":            {marked, marked, r, "x", true},
		"it was dropped":                        {table, table, nil, "", true},
		"it was dropped, and another came":      {table, table, nil, "x", false},
		"it is loaded as another":               {table, heir, r, "", true},
		"it is loaded as another, and replaced": {table, heir, r, "x", false},
	} {
		if got := passedOver(c.t, c.r, c.heir, c.replaced); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}

// If changes were staged for a load of the table under another name, and that load was given up, they
// are missing from the table's own log.
func TestChangesThatWereStagedForALoadThatWasGivenUp(t *testing.T) {
	name := func(n string) schema.TableName { return schema.TableName{Schema: "public", Name: n} }
	state := ledger.NewState()
	table := &ledger.TableState{Table: name("t"), OID: 7, Snapshot: &ledger.Done{Begin: 2, OID: 7}}
	other := &ledger.TableState{Table: name("u"), OID: 7}
	state.Tables = map[schema.TableName]*ledger.TableState{table.Table: table, other.Table: other}
	at := func(entry int64, oid uint32) []ledger.StagedChanges {
		return []ledger.StagedChanges{{Entry: entry, TableChanges: ledger.TableChanges{OID: oid}}}
	}
	table.Changes = at(6, 7) // its own
	for what, c := range map[string]struct {
		changes []ledger.StagedChanges
		pending bool
		want    string
	}{
		"none":                          {},
		"of another relation":           {changes: at(5, 8)},
		"of before the newest snapshot": {changes: at(1, 7)},
		"while it is being loaded":      {changes: at(5, 7), pending: true},
		"and it was given up":           {changes: at(5, 7), want: "changes of it were staged for public.u, whose full load was given up"},
	} {
		other.Changes = c.changes
		state.Open = map[int64]*ledger.OpenBegin{4: {Pending: map[schema.TableName]bool{other.Table: c.pending}}}
		if got := strayed(state, table); got != c.want {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
}
