package ledger

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/schema"
)

// numbered returns a column with an attribute number.
func numbered(name string, number int16) schema.Column {
	c := column(name)
	c.Number = number
	return c
}

// bornLedger has a table with three special columns. The key column was
// renamed, the second column was added with a default, and no change has shown
// the third column yet.
func bornLedger(t *testing.T) (*memory, *Ledger) {
	t.Helper()
	store := newMemory()
	l := open(t, store, "r")
	add(t, l, origin(100))
	add(t, l, begin(200, orders))
	d := done(2, orders, numbered("id", 1))
	d.PrimaryKey, d.Identity = []string{"id"}, schema.Identity{Kind: schema.IdentityDefault, Columns: []string{"id"}}
	add(t, l, d)
	c := changes(100, 300, orders)
	c.Tables[0].Columns, c.Tables[0].Generation = []schema.Column{numbered("ident", 1), numbered("n", 2)}, 2
	c.Tables[0].Births = []Birth{
		{Number: 1, Column: "ident", Was: "id", From: "id", Type: schema.Type{Kind: schema.Int64}, LSN: 250, Seq: 3},
		{Number: 2, Column: "n", Type: schema.Type{Kind: schema.Int64}, Value: json.RawMessage(`"7"`), LSN: 250, Seq: 3},
	}
	c.Tables[0].Excluded = []string{"card"}
	c.Tables[0].Segments[0].First, c.Tables[0].Segments[0].Last = 250, 260
	add(t, l, c)
	add(t, l, ahead(300, 2, numbered("ident", 1), numbered("n", 2), numbered("late", 3)))
	return store, l
}

func ahead(at pglogrepl.LSN, begin int64, columns ...schema.Column) *Changes {
	c := changes(at, at+1, orders)
	c.Tables = nil
	c.Ahead = []TableAhead{{Table: orders, Begin: begin, Columns: columns}}
	if n := len(columns); n > 0 {
		c.Ahead[0].Births = []Birth{{Number: columns[n-1].Number, Column: columns[n-1].Name, Type: schema.Type{Kind: schema.Int64}}}
	}
	return c
}

// A table keeps its births until a newer snapshot contains them. A checkpoint
// preserves them.
func TestBirthsOfATable(t *testing.T) {
	store, l := bornLedger(t)
	look := func(s *State) {
		t.Helper()
		table := s.Tables[orders]
		want(t, "key", table.Key(), []string{"ident"})
		want(t, "births of the key", len(table.Births(1)), 1)
		want(t, "entry of the birth", table.Births(2)[0].Entry, int64(4))
		want(t, "births that the log has no row of", table.Births(3), []StagedBirth{{0, table.Ahead.Births[0]}})
		want(t, "columns", len(table.Newest()), 3)
		want(t, "excluded since", table.Excluded, []string{"card"})
		want(t, "births of no column", table.Births(0), []StagedBirth(nil))
		want(t, "columns that went", table.Gone, []Gone{{"id", 4, 250}})
	}
	look(l.State())
	raw, err := encodeCheckpoint(l.State(), "test")
	if err != nil {
		t.Fatal(err)
	}
	restored, err := decodeCheckpoint(l.State().Head, raw)
	if err != nil {
		t.Fatal(err)
	}
	look(restored)
	if diff := cmp.Diff(l.State().Sorted(), restored.Sorted()); diff != "" {
		t.Errorf("after a checkpoint (-want +got):\n%s", diff)
	}
	add(t, l, begin(400, orders))
	add(t, l, done(6, orders, numbered("ident", 1)))
	table := open(t, store, "r2").State().Tables[orders]
	want(t, "births after a newer snapshot", len(table.Born), 0)
	want(t, "excluded after a newer snapshot", table.Excluded, []string(nil))
	want(t, "columns ahead after a newer snapshot", table.Ahead, (*TableAhead)(nil))
	want(t, "columns that went after a newer snapshot", table.Gone, []Gone(nil))
}

// Attribute numbers do not identify columns across relations. Changes of another
// relation under the table's name rename no column of the key and have no
// births, not even after a checkpoint of a version that kept their numbers.
func TestNumbersOfAnotherRelation(t *testing.T) {
	_, l := bornLedger(t)
	c := changes(301, 310, orders)
	c.Tables[0].OID, c.Tables[0].Generation = 16999, 2
	c.Tables[0].Columns = []schema.Column{numbered("other", 1), numbered("m", 2)}
	add(t, l, c)
	look := func(s *State) {
		t.Helper()
		table := s.Tables[orders]
		want(t, "OID", table.OID, uint32(16999))
		want(t, "key", table.Key(), []string{"id"})
		for _, list := range [][]schema.Column{table.Columns, table.Changes[len(table.Changes)-1].Columns} {
			want(t, "columns", len(list), 2)
			for _, c := range list {
				want(t, "births of "+c.Name, len(table.Births(c.Number)), 0)
			}
		}
		want(t, "births of the table's own column", len(table.Births(2)), 1)
	}
	look(l.State())
	s := l.State().clone()
	table := s.Tables[orders]
	table.Columns, table.Changes[len(table.Changes)-1].Columns = c.Tables[0].Columns, c.Tables[0].Columns
	want(t, "key of the version before", table.Key(), []string{"other"})
	raw, err := encodeCheckpoint(s, "the version before")
	if err != nil {
		t.Fatal(err)
	}
	restored, err := decodeCheckpoint(s.Head, raw)
	if err != nil {
		t.Fatal(err)
	}
	look(restored)
}

// The columns that a catalog look found hold until the next change, or until
// another look cancels them. They apply to one snapshot only.
func TestColumnsAhead(t *testing.T) {
	for name, c := range map[string]struct {
		then *Changes
		want bool
	}{
		"nothing":                    {&Changes{Start: 301, End: 302}, true},
		"a change":                   {func() *Changes { c := changes(301, 310, orders); c.Tables[0].Generation = 2; return c }(), false},
		"another look, without news": {ahead(301, 2), false},
		"a look of another snapshot": {ahead(301, 1), true},
	} {
		_, l := bornLedger(t)
		add(t, l, c.then)
		if got := l.State().Tables[orders].Ahead != nil; got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
