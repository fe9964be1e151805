package ledger

import (
	"testing"

	"github.com/jackc/pglogrepl"
)

// alone is an origin of snapshots alone.
func alone(at pglogrepl.LSN) *Origin {
	return &Origin{System: "7", Database: "shop", DatabaseOID: 16401, Publications: []string{}, Changes: ChangesNone, ConsistentPoint: at}
}

// A ledger without a slot has snapshots that count, and none of them stays open
// for changes. An origin with a slot then asks for new snapshots, and loses
// nothing of what is there.
func TestALedgerWithoutASlotGoesOverToReplication(t *testing.T) {
	store := newMemory()
	l := open(t, store, "r")
	add(t, l, alone(100))
	for range 3 { // each full load replaces the one before
		b := add(t, l, begin(200, orders)).Number
		add(t, l, done(b, orders))
	}
	s := l.State()
	want(t, "open snapshots", len(s.Open), 0)
	want(t, "the snapshot counts", s.Current(s.Tables[orders]), true)
	want(t, "the newest snapshot", s.Tables[orders].Snapshot.Begin, int64(6))
	raw, err := encodeCheckpoint(s, "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	again, err := decodeCheckpoint(s.Head, raw)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "the checkpoint's origin", again.Origin, s.Origin)

	add(t, l, origin(300))
	s = l.State()
	want(t, "the old snapshot counts", s.Current(s.Tables[orders]), false)
	want(t, "the old snapshot is kept", s.Tables[orders].Snapshot.Begin, int64(6))
	b := add(t, l, begin(400, orders)).Number
	add(t, l, done(b, orders))
	add(t, l, changes(300, 350, orders))
	s = open(t, store, "another").State()
	want(t, "the new snapshot counts", s.Current(s.Tables[orders]), true)
	want(t, "position", s.Position, pglogrepl.LSN(350))
}
