package replicate

import (
	"testing"

	"ingest/internal/ledger"
	"ingest/internal/schema"
)

// Changes that were staged for a load of the table under another name are
// missing from its own log if that load was given up.
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
