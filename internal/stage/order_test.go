package stage

import (
	"context"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/segment"
)

// wireBegin and wireCommit return messages as pgoutput sends them. See "Logical
// Replication Message Formats" in the manual.
func wireBegin(final pglogrepl.LSN, xid uint32) []byte {
	m := binary.BigEndian.AppendUint64([]byte{'B'}, uint64(final))
	m = binary.BigEndian.AppendUint64(m, 0)
	return binary.BigEndian.AppendUint32(m, xid)
}

func wireCommit(at, end pglogrepl.LSN) []byte {
	m := binary.BigEndian.AppendUint64([]byte{'C', 0}, uint64(at))
	m = binary.BigEndian.AppendUint64(m, uint64(end))
	return binary.BigEndian.AppendUint64(m, 0)
}

// Rule 14: commits arrive in order, and commits below the position are not
// staged again. A stream that violates this is refused.
func TestTransactionsComeInOrder(t *testing.T) {
	for _, c := range []struct {
		name            string
		messages        [][]byte
		staged, dropped int
		want            string // of the error; "" for none
	}{
		{"in order", [][]byte{wireBegin(1000, 1), wireCommit(1000, 1010), wireBegin(1020, 2), wireCommit(1020, 1030)}, 2, 0, ""},
		{"at the position", [][]byte{wireBegin(900, 1), wireCommit(900, 910)}, 1, 0, ""},
		{"below the position", [][]byte{wireBegin(899, 1), wireCommit(899, 900), wireBegin(950, 2), wireCommit(950, 960)}, 1, 1, ""},
		{"backwards", [][]byte{wireBegin(1000, 1), wireCommit(1000, 1010), wireBegin(999, 2)}, 1, 0,
			"transactions came out of order: a commit at 0/3E7 after one at 0/3E8"},
		{"twice", [][]byte{wireBegin(1000, 1), wireCommit(1000, 1010), wireBegin(1000, 1)}, 1, 0, "out of order"},
		{"backwards below the position", [][]byte{wireBegin(800, 1), wireCommit(800, 810), wireBegin(700, 2)}, 0, 1, "out of order"},
		{"one inside another", [][]byte{wireBegin(1000, 1), wireBegin(1020, 2)}, 0, 0, "a transaction began inside another one"},
		{"a commit of another one", [][]byte{wireBegin(1000, 1), wireCommit(1020, 1030)}, 0, 0,
			"does not belong to the transaction that began for 0/3E8"},
		{"a commit of none", [][]byte{wireCommit(1000, 1010)}, 0, 0, "does not belong"},
	} {
		t.Run(c.name, func(t *testing.T) {
			spool, err := segment.OpenSpool(t.TempDir(), "test")
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := spool.Close(); err != nil {
					t.Error(err)
				}
			}()
			s := &Stager{Spool: spool, Options: Options{Run: "test", Memory: 8 << 20, SegmentBytes: 1 << 20}}
			state := ledger.NewState()
			state.Position = 900
			collect := s.newCollector(context.Background(), state, nil, false)
			defer collect.discard()
			for _, m := range c.messages {
				if err = collect.receive(0, m); err != nil {
					break
				}
			}
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if len(collect.committed) != c.staged || int(collect.dropped) != c.dropped {
				t.Errorf("%d transactions are staged and %d dropped, want %d and %d", len(collect.committed), collect.dropped, c.staged, c.dropped)
			}
		})
	}
}
