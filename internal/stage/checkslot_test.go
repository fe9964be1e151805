package stage

import (
	"strings"
	"testing"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Each comparison of CheckSlot is exact to the byte. What is staged up to the
// very end of the server's WAL, or of a timeline, is not beyond it.
func TestCheckSlotAtTheBoundaries(t *testing.T) {
	const flush, switched = 500, 300
	type given struct {
		position, confirmed pglogrepl.LSN
		timeline            int32 // of the server; the ledger's is 1, which ended at switched
		fence, open         pglogrepl.LSN
	}
	for name, c := range map[string]struct {
		given
		want string // part of the error; "" for none
	}{
		"all of the WAL is staged":                {given{position: 500, confirmed: 500, timeline: 1}, ""},
		"one byte more":                           {given{position: 501, confirmed: 500, timeline: 1}, "beyond the server's WAL"},
		"the slot is one byte ahead":              {given{position: 400, confirmed: 401, timeline: 1}, "ahead of the ledger"},
		"a snapshot up to the end of the WAL":     {given{position: 400, timeline: 1, fence: 500}, ""},
		"a snapshot with one byte from beyond it": {given{position: 400, timeline: 1, fence: 501}, "is from beyond the server's WAL"},
		"an open snapshot from beyond it": {given{position: 400, timeline: 1, open: 501},
			"a snapshot that is being read (up to 0/1F5) is from beyond"},
		"failed over where all is staged": {given{position: 300, timeline: 2}, ""},
		"failed over one byte before": {given{position: 301, timeline: 2},
			", which ended at 0/12C: a failover or a restore lost what was committed between that and 0/12D"},
		"a snapshot up to the failover":           {given{position: 100, timeline: 2, fence: 300}, ""},
		"a snapshot with one byte from behind it": {given{position: 100, timeline: 2, fence: 301}, "the snapshot of public.t (taken"},
		"an open snapshot up to the failover":     {given{position: 100, timeline: 2, open: 300}, ""},
		"an open snapshot with a byte from behind it": {given{position: 100, timeline: 2, open: 301},
			"a snapshot that is being read (up to 0/12D)"},
		"another timeline before the failover's point": {given{position: 100, timeline: 3}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			state := ledger.NewState()
			state.Origin, state.OriginNumber = &ledger.Origin{System: "7", Database: "db", Slot: "s"}, 1
			state.Position, state.Timeline = c.position, 1
			if c.fence > 0 {
				table := schema.TableName{Schema: "public", Name: "t"}
				state.Tables[table] = &ledger.TableState{Table: table, Snapshot: &ledger.Done{Begin: 2}, Begin: &ledger.Begin{Fence: c.fence}}
			}
			if c.open > 0 {
				state.Open[2] = &ledger.OpenBegin{Number: 2, Begin: ledger.Begin{Fence: c.open}}
			}
			slot := &postgres.Slot{
				Name: "s", Type: "logical", Plugin: postgres.Plugin, Database: "db", WALStatus: "reserved", Confirmed: c.confirmed,
			}
			facts := &postgres.Facts{
				System: "7", Database: "db", Timeline: c.timeline, Ended: map[int32]pglogrepl.LSN{1: switched, 2: switched + 50},
			}
			err := CheckSlot(state, slot, Server{Facts: facts, Flush: flush}, "s")
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
