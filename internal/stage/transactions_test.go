package stage

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres/pgoutput"
	"github.com/ingest-tool/ingest/internal/schema"
)

func beginMessage(final pglogrepl.LSN, xid uint32) *pgoutput.Message {
	return &pgoutput.Message{Kind: pgoutput.Begin, XID: xid, Begin: pgoutput.BeginBody{FinalLSN: final, XID: xid}}
}

func commitMessage(at, end pglogrepl.LSN) *pgoutput.Message {
	return &pgoutput.Message{Kind: pgoutput.Commit, Commit: pgoutput.CommitBody{CommitLSN: at, EndLSN: end}}
}

// newTestCollector returns a collector at position 100 with one open snapshot.
func newTestCollector(reference uint64, begin ledger.Begin) *collector {
	s := &Stager{Log: slog.New(slog.DiscardHandler)}
	s.reference.Store(reference)
	state := ledger.NewState()
	state.Position = 100
	state.Open[7] = &ledger.OpenBegin{Number: 7, Begin: begin}
	return &collector{stager: s, state: state}
}

// A commit's position decides how it is handled, exact to the byte.
func TestPlaceOfACommit(t *testing.T) {
	snapshot := ledger.Begin{Fence: 200, Snapshot: schema.Snapshot{Xmin: 50, Xmax: 60, Xip: []uint64{50, 55}}}
	const epoch = 3 << 32
	above := ledger.Begin{Fence: 200, Snapshot: schema.Snapshot{Xmin: epoch - 1, Xmax: epoch + 5, Xip: []uint64{epoch - 1, epoch + 2}}}
	for _, c := range []struct {
		name      string
		reference uint64
		begin     ledger.Begin
		final     pglogrepl.LSN
		xid       uint32
		skip      bool
		visible   bool
	}{
		{"below the position", 60, snapshot, 99, 40, true, true},
		{"at the position", 60, snapshot, 100, 40, false, true},
		{"just below the fence", 60, snapshot, 199, 40, false, true},
		{"at the fence", 60, snapshot, 200, 40, false, false},
		{"running", 60, snapshot, 150, 55, false, false},
		{"the oldest that is running", 60, snapshot, 150, 50, false, false},
		{"ended among those that are running", 60, snapshot, 150, 54, false, true},
		{"at the snapshot's end", 60, snapshot, 150, 60, false, false},
		{"beyond the snapshot's end", 60, snapshot, 150, 70, false, false},
		{"below a new epoch", epoch + 5, above, 150, 1<<32 - 2, false, true},
		{"running since before a new epoch", epoch + 5, above, 150, 1<<32 - 1, false, false},
		{"of a new epoch", epoch + 5, above, 150, 1, false, true},
		{"running in a new epoch", epoch + 5, above, 150, 2, false, false},
		{"of a new epoch, as read before it began", epoch - 1, above, 150, 6, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newTestCollector(c.reference, c.begin)
			if err := k.begin(beginMessage(c.final, c.xid)); err != nil {
				t.Fatal(err)
			}
			if k.tx.skip != c.skip || (len(k.tx.visible) > 0) != c.visible {
				t.Errorf("skipped: %v, visible in %v; want %v, %v", k.tx.skip, k.tx.visible, c.skip, c.visible)
			}
		})
	}
}

// An entry ends at the end of its last commit. Commits that were already staged
// do not count.
func TestEndOfACommit(t *testing.T) {
	c := newTestCollector(60, ledger.Begin{Fence: 1})
	for _, m := range []*pgoutput.Message{beginMessage(90, 40), commitMessage(90, 99), beginMessage(100, 41), commitMessage(100, 130)} {
		var err error
		if m.Kind == pgoutput.Begin {
			err = c.begin(m)
		} else {
			err = c.commit(m)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if c.lastEnd != 130 || c.dropped != 1 || !cmp.Equal(c.committed, []uint64{41}) {
		t.Errorf("ends at %s with %v, and %d dropped; want 0/82 with 41, and 1", c.lastEnd, c.committed, c.dropped)
	}
}

// A server that sends transactions out of commit order, or one inside another,
// is refused.
func TestTransactionsOutOfOrder(t *testing.T) {
	for name, c := range map[string]struct {
		messages []*pgoutput.Message
		want     string // part of the last message's error
	}{
		"backwards":          {[]*pgoutput.Message{beginMessage(150, 40), commitMessage(150, 160), beginMessage(149, 41)}, "out of order"},
		"the same again":     {[]*pgoutput.Message{beginMessage(150, 40), commitMessage(150, 160), beginMessage(150, 40)}, "out of order"},
		"inside another":     {[]*pgoutput.Message{beginMessage(150, 40), beginMessage(160, 41)}, "inside another"},
		"another's commit":   {[]*pgoutput.Message{beginMessage(150, 40), commitMessage(151, 160)}, "does not belong"},
		"commit, twice":      {[]*pgoutput.Message{beginMessage(150, 40), commitMessage(150, 160), commitMessage(150, 160)}, "does not belong"},
		"commit without one": {[]*pgoutput.Message{commitMessage(150, 160)}, "does not belong"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newTestCollector(60, ledger.Begin{Fence: 1})
			for i, m := range c.messages {
				var err error
				if m.Kind == pgoutput.Begin {
					err = k.begin(m)
				} else {
					err = k.commit(m)
				}
				switch last := i == len(c.messages)-1; {
				case !last && err != nil:
					t.Fatal(err)
				case last && (err == nil || !strings.Contains(err.Error(), c.want)):
					t.Errorf("got %v, want %q", err, c.want)
				}
			}
		})
	}
}

// A snapshot shows no commit after its fence. A source that violates this has
// another history than the one that the table was read from.
func TestCommitBehindTheFenceThatTheSnapshotShows(t *testing.T) {
	begin := ledger.Begin{Fence: 200, Snapshot: schema.Snapshot{Xmin: 50, Xmax: 60, Xip: []uint64{55}}}
	older := ledger.Begin{Fence: 150, Snapshot: schema.Snapshot{Xmin: 40, Xmax: 41}}
	state := ledger.NewState()
	state.OriginNumber = 1
	for i, b := range []ledger.Begin{older, begin} {
		name := schema.TableName{Schema: "public", Name: fmt.Sprint("t", i)}
		state.Tables[name] = &ledger.TableState{Table: name, Snapshot: &ledger.Done{Begin: int64(2 + i)}, Begin: &b}
	}
	for _, c := range []struct {
		final pglogrepl.LSN
		xid   uint32
		gone  bool
	}{{199, 54, false}, {200, 54, true}, {300, 54, true}, {200, 55, false}, {200, 60, false}} {
		s := &Stager{}
		s.reference.Store(70)
		collect := &collector{stager: s, state: state, fenced: lastFenced(state)}
		err := collect.begin(beginMessage(c.final, c.xid))
		if (err != nil) != c.gone || err != nil && failure.KindOf(err) != failure.Conflict {
			t.Errorf("a commit of %d at %d: %v", c.xid, c.final, err)
		}
	}
	state.OriginNumber = 9 // of a new slot: earlier snapshots do not count
	if b := lastFenced(state); b != nil {
		t.Errorf("a snapshot from before the newest origin counts: %+v", b)
	}
}

// If a snapshot shows a transaction that committed after it, the snapshot was
// read from a state that the source no longer has. Its tables need a full load.
func TestTransactionThatTheSnapshotCannotShow(t *testing.T) {
	taken := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	table := schema.TableName{Schema: "public", Name: "t"}
	for _, c := range []struct {
		at     time.Time
		xid    uint32
		hides  *ledger.Hidden // nil in format 1, whose time was read before the tables were locked
		marked bool
	}{
		{taken.Add(-time.Hour), 54, &ledger.Hidden{}, false}, {taken.Add(clockStep), 54, &ledger.Hidden{}, false},
		{taken.Add(2 * clockStep), 54, &ledger.Hidden{}, true},
		{taken.Add(time.Hour), 55, &ledger.Hidden{}, false}, {taken.Add(time.Hour), 54, nil, false},
	} {
		s := &Stager{}
		s.reference.Store(70)
		state := ledger.NewState()
		begin := ledger.Begin{Fence: 200, Taken: taken, Snapshot: schema.Snapshot{Xmin: 50, Xmax: 60, Xip: []uint64{55}},
			Tables: []ledger.BeginTable{{Table: table, Hides: c.hides}}}
		state.Open[2] = &ledger.OpenBegin{Number: 2, Begin: begin, Watched: map[schema.TableName]bool{table: true}}
		collect := &collector{stager: s, state: state}
		m := beginMessage(150, c.xid)
		m.Begin.CommitMicros = c.at.UnixMicro()
		if err := collect.begin(m); err != nil {
			t.Fatal(err)
		}
		if marks := collect.marks.list; (len(marks) == 1) != c.marked ||
			c.marked && (marks[0].Table != table || marks[0].LSN != 201 || marks[0].Generation != 0) {
			t.Errorf("transaction %d of %s: marks %+v", c.xid, c.at, marks)
		}
		state.Position = 151 // it was staged and checked earlier
		again := &collector{stager: s, state: state}
		if err := again.begin(m); err != nil || len(again.marks.list) != 0 {
			t.Errorf("staged already: marks %+v, %v", again.marks.list, err)
		}
	}
}

// Changes that are already staged are ignored. New changes must match their
// description.
func TestChangesThatAreNotStaged(t *testing.T) {
	c := newTestCollector(60, ledger.Begin{Fence: 1})
	c.relations = map[uint32]*relation{}
	insert := &pgoutput.Message{Kind: pgoutput.Insert, RelationID: 7}
	truncate := &pgoutput.Message{Kind: pgoutput.Truncate, Truncate: pgoutput.TruncateBody{RelationIDs: []uint32{7}}}
	checkError(t, c.change(150, insert), "a change names relation 7, which was not described")
	checkError(t, c.truncate(150, truncate), "a change names relation 7, which was not described")
	c.tx = transaction{skip: true}
	checkError(t, c.change(150, insert), "")
	checkError(t, c.truncate(150, truncate), "")
	if c.tx.changes {
		t.Error("what was staged before counts as a change")
	}
	r := &relation{table: schema.TableName{
		Schema: "public", Name: "t",
	}, message: pgoutput.Relation{Columns: make([]pgoutput.RelationColumn, 2)}, writers: []*writer{{}}}
	for _, m := range []*pgoutput.Message{
		{Kind: pgoutput.Insert, New: make([]pgoutput.Datum, 1)}, {Kind: pgoutput.Update, New: make([]pgoutput.Datum, 3)},
		{Kind: pgoutput.Update, HasOld: true, Old: make([]pgoutput.Datum, 1), New: make([]pgoutput.Datum, 2)},
		{Kind: pgoutput.Delete, HasOld: true, Old: make([]pgoutput.Datum, 3)},
	} {
		checkError(t, c.row(r, 150, m), "public.t: a change with")
	}
}
