package stage

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pglogrepl"
)

// begins is pgoutput's message for the begin of a transaction that commits at
// final, so many microseconds after the start of a clock.
func begins(final pglogrepl.LSN, micros int64) []byte {
	b := binary.BigEndian.AppendUint64([]byte{'B'}, uint64(final))
	b = binary.BigEndian.AppendUint64(b, uint64(micros-microsecondsTo2000))
	return binary.BigEndian.AppendUint32(b, 700)
}

// ends is the message for its commit.
func ends(final pglogrepl.LSN, micros int64) []byte {
	b := binary.BigEndian.AppendUint64([]byte{'C', 0}, uint64(final))
	b = binary.BigEndian.AppendUint64(b, uint64(final)+1)
	return binary.BigEndian.AppendUint64(b, uint64(micros-microsecondsTo2000))
}

const microsecondsTo2000 = 946684800 * 1_000_000

// What entries say of their commits, against those that come, to the byte.
func TestMatchingOfCommits(t *testing.T) {
	at := func(micros int64) time.Time { return time.UnixMicro(micros) }
	first := stagedEntry{number: 3, start: 100, end: 200, newest: at(1500), least: 150}
	empty := stagedEntry{number: 4, start: 200, end: 300}
	second := stagedEntry{number: 5, start: 300, end: 400, newest: at(3500)}
	type commit struct {
		final  pglogrepl.LSN
		micros int64
		kind   byte // of what is in it: an Insert, or a logical Message
	}
	for name, c := range map[string]struct {
		from    pglogrepl.LSN
		entries []stagedEntry
		commits []commit
		want    string // part of what differs; "" if nothing does
		entry   int64
	}{
		"the same":                               {100, []stagedEntry{first, empty, second}, []commit{{150, 1500, 'I'}, {350, 3500, 'I'}}, "", 0},
		"the same, with one before":              {100, []stagedEntry{first}, []commit{{120, 1200, 'I'}, {150, 1500, 'I'}}, "", 0},
		"nothing of ours":                        {200, []stagedEntry{empty}, nil, "", 0},
		"before the origin, which the slot is":   {50, []stagedEntry{first}, []commit{{60, 600, 'I'}, {150, 1500, 'I'}}, "", 0},
		"before the origin, and nothing since":   {50, []stagedEntry{empty}, []commit{{60, 600, 'I'}}, "", 0},
		"a commit at the very start of an entry": {100, []stagedEntry{first, empty}, []commit{{150, 1500, 'I'}, {200, 2000, 'I'}}, "entry 4 of the ledger has none", 4},
		"one at its last byte":                   {100, []stagedEntry{first, empty}, []commit{{150, 1500, 'I'}, {299, 2000, 'I'}}, "entry 4 of the ledger has none", 4},
		"one behind the last":                    {100, []stagedEntry{first}, []commit{{150, 1500, 'I'}, {199, 1600, 'I'}}, "end with one made", 3},
		"another time":                           {100, []stagedEntry{first}, []commit{{150, 1501, 'I'}}, "end with one made", 3},
		"the same time before a segment's":       {100, []stagedEntry{first}, []commit{{149, 1500, 'I'}}, "end with one made", 3},
		"none":                                   {100, []stagedEntry{first}, nil, "none of the commits of entry 3", 3},
		"none in the second":                     {100, []stagedEntry{first, empty, second}, []commit{{150, 1500, 'I'}}, "none of the commits of entry 5", 5},
		"the first that differs counts":          {100, []stagedEntry{first, empty, second}, []commit{{150, 1, 'I'}, {350, 2, 'I'}}, "entry 3", 3},
		"inside of an entry, behind its last":    {160, []stagedEntry{first}, nil, "", 0},
		"inside of it, before its last":          {140, []stagedEntry{first}, nil, "none of the commits of entry 3", 3},
		"inside of it, with another":             {160, []stagedEntry{first}, []commit{{170, 1700, 'I'}}, "end with one made", 3},
		"one that changes nothing of ours":       {100, []stagedEntry{first, empty}, []commit{{120, 1200, 'M'}, {150, 1500, 'I'}, {160, 1600, 'M'}, {250, 2500, 'M'}}, "", 0},
		"only one that changes nothing":          {100, []stagedEntry{first}, []commit{{150, 1501, 'M'}}, "none of the commits of entry 3", 3},
		"one that older versions counted":        {100, []stagedEntry{first}, []commit{{120, 1200, 'I'}, {150, 1500, 'M'}}, "", 0},
		"inside of it, with the last":            {140, []stagedEntry{first}, []commit{{150, 1500, 'I'}}, "", 0},
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
			if c.want == "" && m.differs != nil || c.want != "" && (m.differs == nil || m.differs.number != c.entry || !strings.Contains(m.why, c.want)) {
				t.Errorf("entry %+v differs: %q; want %d, %q", m.differs, m.why, c.entry, c.want)
			}
		})
	}
}

// Where nothing is to be compared, messages are read and nothing is said; and one
// without a byte is none.
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
