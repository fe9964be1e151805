package ledger

import (
	"encoding/json"
	"testing"

	"github.com/ingest-tool/ingest/internal/schema"
)

func TestWitnesses(t *testing.T) {
	witness := func(version, file uint32) *Witness {
		return &Witness{Publication: schema.Publication{Name: "p", Version: version}, Files: map[uint32]uint32{7: file}}
	}
	for what, c := range map[string]struct {
		a, b *Witness
		want bool
	}{
		"the same":            {witness(1, 70), witness(1, 70), true},
		"another publication": {witness(1, 70), witness(2, 70), false},
		"another file":        {witness(1, 70), witness(1, 71), false},
		"none and one":        {nil, witness(1, 70), false},
		"one and none":        {witness(1, 70), nil, false},
		"none":                {nil, nil, true},
	} {
		if got := c.a.Equal(c.b); got != c.want {
			t.Errorf("%s: equal %v", what, got)
		}
	}
	for what, c := range map[string]struct {
		before *Witness
		files  map[uint32]uint32
		want   bool
	}{
		"as it was":                     {witness(1, 70), map[uint32]uint32{7: 70}, false},
		"rewritten":                     {witness(1, 70), map[uint32]uint32{7: 71}, true},
		"a leaf that is new":            {witness(1, 70), map[uint32]uint32{7: 70, 8: 8}, false},
		"a leaf that is new, rewritten": {witness(1, 70), map[uint32]uint32{7: 70, 8: 80}, true},
		"never, of an older version":    {nil, map[uint32]uint32{7: 7}, false},
		"once, of an older version":     {nil, map[uint32]uint32{7: 70}, true},
		"a leaf that is gone":           {witness(1, 70), nil, false},
	} {
		if got := c.before.Rewritten(c.files); got != c.want {
			t.Errorf("%s: rewritten %v", what, got)
		}
	}
	// A witness counts only for the snapshot that it belongs to.
	unloaded, gone := schema.TableName{Schema: "public", Name: "unloaded"}, schema.TableName{Schema: "public", Name: "gone"}
	s := NewState()
	s.Tables[orders] = &TableState{Table: orders, Snapshot: &Done{Begin: 3}}
	s.Tables[unloaded] = &TableState{Table: unloaded}
	s.applyWitnesses([]TableWitness{{Table: orders, Begin: 2, Witness: *witness(1, 70)}, {Table: unloaded, Begin: 3}, {Table: gone, Begin: 3}})
	if s.Tables[orders].Witness != nil || s.Tables[unloaded].Witness != nil || len(s.Tables) != 2 {
		t.Error("a witness of another snapshot, or of no table, counts")
	}
	s.applyWitnesses([]TableWitness{{Table: orders, Begin: 3, Witness: *witness(2, 70)}})
	if !s.Tables[orders].Witness.Equal(witness(2, 70)) {
		t.Error("the witness of the newest snapshot does not count")
	}
}

// Only a begin entry that records what its snapshot hides has a time that was
// read after the snapshot.
func TestTimeOfASnapshot(t *testing.T) {
	for _, c := range []struct {
		tables []BeginTable
		want   bool
	}{{nil, false}, {[]BeginTable{{Table: orders}}, false}, {[]BeginTable{{Table: orders, Hides: &Hidden{}}}, true}} {
		if got := (&Begin{Tables: c.tables}).TakenAfter(); got != c.want {
			t.Errorf("%+v: %v", c.tables, got)
		}
	}
}

// A checkpoint stores a begin entry once, however many tables it has. If each
// table stored all of them, the checkpoint would grow quadratically.
func TestBeginIsInACheckpointOnce(t *testing.T) {
	s := NewState()
	begin := &Begin{Fence: 5}
	for _, name := range []string{"a", "b"} {
		table := schema.TableName{Schema: "public", Name: name}
		s.Tables[table] = &TableState{Table: table, Snapshot: &Done{Begin: 3, Table: table}, Begin: begin}
	}
	data, err := encodeCheckpoint(s, "test")
	if err != nil {
		t.Fatal(err)
	}
	var read struct{ Begins []json.RawMessage }
	if err := json.Unmarshal(data, &read); err != nil || len(read.Begins) != 1 {
		t.Errorf("%d begin entries, %v", len(read.Begins), err)
	}
}
