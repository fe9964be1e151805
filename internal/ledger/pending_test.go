package ledger

import (
	"testing"

	"github.com/ingest-tool/ingest/internal/schema"
)

// A table is pending while a snapshot of it is being read.
func TestTablesWhoseSnapshotsAreRead(t *testing.T) {
	public := func(name string) schema.TableName { return schema.TableName{Schema: "public", Name: name} }
	state := NewState()
	state.Open[3] = &OpenBegin{Pending: map[schema.TableName]bool{public("t"): true, public("u"): false}}
	for name, want := range map[string]bool{"t": true, "u": false, "v": false} {
		if got := state.Pending(public(name)); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A loaded table is another one if its OID differs.
func TestTableThatIsAnotherOne(t *testing.T) {
	public := func(name string) schema.TableName { return schema.TableName{Schema: "public", Name: name} }
	state := NewState()
	state.Tables[public("t")] = &TableState{Table: public("t"), Snapshot: &Done{Begin: 2, OID: 7}}
	state.Tables[public("staged")] = &TableState{Table: public("staged")}
	for name, want := range map[string]bool{"t": true, "u": false, "staged": false} {
		if got := state.Another(public(name), 8); got != want {
			t.Errorf("%s of another OID: %v", name, got)
		}
	}
	if state.Another(public("t"), 7) {
		t.Error("the same table is another one")
	}
}
