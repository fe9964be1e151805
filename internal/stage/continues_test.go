package stage

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/ledger/ledgertest"
)

// begins returns pgoutput's Begin message of a transaction that commits at
// final. micros is its commit time, in microseconds after a fixed start.
func begins(final pglogrepl.LSN, micros int64) []byte {
	b := binary.BigEndian.AppendUint64([]byte{'B'}, uint64(final))
	b = binary.BigEndian.AppendUint64(b, uint64(micros-microsecondsTo2000))
	return binary.BigEndian.AppendUint32(b, 700)
}

// ends returns pgoutput's Commit message of that transaction.
func ends(final pglogrepl.LSN, micros int64) []byte {
	b := binary.BigEndian.AppendUint64([]byte{'C', 0}, uint64(final))
	b = binary.BigEndian.AppendUint64(b, uint64(final)+1)
	return binary.BigEndian.AppendUint64(b, uint64(micros-microsecondsTo2000))
}

const microsecondsTo2000 = 946684800 * 1_000_000

// Compares what entries say about their commits with incoming commits, exact to
// the byte.
func TestMatchingOfCommits(t *testing.T) {
	at := func(micros int64) time.Time { return time.UnixMicro(micros) }
	first := stagedEntry{number: 3, start: 100, end: 200, newest: at(1500), least: 150}
	empty := stagedEntry{number: 4, start: 200, end: 300}
	second := stagedEntry{number: 5, start: 300, end: 400, newest: at(3500)}
	type commit struct {
		final  pglogrepl.LSN
		micros int64
		kind   byte // of its content: an Insert or a logical Message
	}
	for name, c := range map[string]struct {
		from    pglogrepl.LSN
		entries []stagedEntry
		commits []commit
		want    string // part of the reported difference; "" for none
		entry   int64
	}{
		"the same":                             {100, []stagedEntry{first, empty, second}, []commit{{150, 1500, 'I'}, {350, 3500, 'I'}}, "", 0},
		"the same, with one before":            {100, []stagedEntry{first}, []commit{{120, 1200, 'I'}, {150, 1500, 'I'}}, "", 0},
		"nothing of ours":                      {200, []stagedEntry{empty}, nil, "", 0},
		"before the origin, which the slot is": {50, []stagedEntry{first}, []commit{{60, 600, 'I'}, {150, 1500, 'I'}}, "", 0},
		"before the origin, and nothing since": {50, []stagedEntry{empty}, []commit{{60, 600, 'I'}}, "", 0},
		"a commit at the very start of an entry": {100, []stagedEntry{first, empty}, []commit{{150, 1500, 'I'}, {200, 2000, 'I'}},
			"entry 4 of the ledger has none", 4},
		"one at its last byte": {100, []stagedEntry{first, empty}, []commit{{150, 1500, 'I'}, {299, 2000, 'I'}},
			"entry 4 of the ledger has none", 4},
		"one behind the last": {100, []stagedEntry{first},
			[]commit{{150, 1500, 'I'}, {199, 1600, 'I'}}, "end with one made", 3},
		"another time":                     {100, []stagedEntry{first}, []commit{{150, 1501, 'I'}}, "end with one made", 3},
		"the same time before a segment's": {100, []stagedEntry{first}, []commit{{149, 1500, 'I'}}, "end with one made", 3},
		"none":                             {100, []stagedEntry{first}, nil, "none of the commits of entry 3", 3},
		"none in the second": {100, []stagedEntry{first, empty, second}, []commit{{150, 1500, 'I'}},
			"none of the commits of entry 5", 5},
		"the first that differs counts": {100, []stagedEntry{first, empty, second},
			[]commit{{150, 1, 'I'}, {350, 2, 'I'}}, "entry 3", 3},
		"inside of an entry, behind its last": {160, []stagedEntry{first}, nil, "", 0},
		"inside of it, before its last":       {140, []stagedEntry{first}, nil, "none of the commits of entry 3", 3},
		"inside of it, with another":          {160, []stagedEntry{first}, []commit{{170, 1700, 'I'}}, "end with one made", 3},
		"one that changes nothing of ours": {100, []stagedEntry{first, empty},
			[]commit{{120, 1200, 'M'}, {150, 1500, 'I'}, {160, 1600, 'M'}, {250, 2500, 'M'}}, "", 0},
		"only one that changes nothing":   {100, []stagedEntry{first}, []commit{{150, 1501, 'M'}}, "none of the commits of entry 3", 3},
		"one that older versions counted": {100, []stagedEntry{first}, []commit{{120, 1200, 'I'}, {150, 1500, 'M'}}, "", 0},
		"inside of it, with the last":     {140, []stagedEntry{first}, []commit{{150, 1500, 'I'}}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := &matching{from: c.from, left: c.entries}
			for _, tx := range c.commits {
				for _, message := range [][]byte{begins(tx.final, tx.micros), {tx.kind}, ends(tx.final, tx.micros)} {
					if err := m.receive(tx.final, message); err != nil {
						t.Fatal(err)
					}
				}
			}
			m.upTo(c.entries[len(c.entries)-1].end)
			if c.want == "" && m.differs != nil ||
				c.want != "" && (m.differs == nil || m.differs.number != c.entry || !strings.Contains(m.why, c.want)) {
				t.Errorf("entry %+v differs: %q; want %d, %q", m.differs, m.why, c.entry, c.want)
			}
		})
	}
}

// If there is nothing to compare, messages are read and no difference is
// reported. An empty message is ignored.
func TestMatchingOfNothing(t *testing.T) {
	m := &matching{}
	for _, message := range [][]byte{begins(150, 1500), {'I'}, {}, ends(150, 1500)} {
		if err := m.receive(150, message); err != nil {
			t.Fatal(err)
		}
	}
	if m.upTo(200); m.differs != nil || m.why != "" {
		t.Errorf("differs: %+v, %s", m.differs, m.why)
	}
}

// Check compares the entries after the slot. It compares none from before the
// newest origin, because their LSNs may belong to another server.
func TestEntriesThatAreCompared(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	l, err := ledger.Open(t.Context(), ledgertest.Store{},
		ledger.Options{Run: "20260101T000000Z-aaaaaa", Version: "test", Now: func() time.Time {
			now = now.Add(time.Minute)
			return now
		}})
	if err != nil {
		t.Fatal(err)
	}
	made := map[int64]time.Time{}
	for n, body := range []any{
		&ledger.Origin{Slot: "s", ConsistentPoint: 100}, &ledger.Changes{Start: 100, End: 200}, &ledger.Changes{Start: 200, End: 300},
		&ledger.Origin{Slot: "s", ConsistentPoint: 250}, &ledger.Changes{Start: 250, End: 300}, &ledger.Changes{Start: 300, End: 400},
	} {
		e, err := l.Append(t.Context(), int64(n), body)
		if err != nil {
			t.Fatal(err)
		}
		made[e.Number] = e.Time
	}
	for from, want := range map[pglogrepl.LSN][]int64{50: {5, 6}, 250: {5, 6}, 299: {5, 6}, 300: {6}, 399: {6}, 400: nil} {
		list, err := (&Continuation{Ledger: l}).staged(t.Context(), l.State(), from)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, e := range list {
			if got = append(got, e.number); !e.before.Equal(made[e.number-1]) {
				t.Errorf("from %s: the entry before %d was written %s, want %s", from, e.number, e.before, made[e.number-1])
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("from %s:\n%s", from, diff)
		}
	}
}
