package stage

import (
	"testing"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// The result of a run that follows for months has one mark per table, however
// many entries renewed it.
func TestWhatAFollowingRunAddsUpIsBounded(t *testing.T) {
	var r DrainResult
	a, b := schema.TableName{Schema: "public", Name: "a"}, schema.TableName{Schema: "public", Name: "b"}
	for i := range 1000 {
		r.add(&ledger.Changes{
			Reload: []ledger.ReloadMark{{Table: a, Reason: "again", LSN: pglogrepl.LSN(i)}, {Table: b, Reason: "again", LSN: pglogrepl.LSN(i)}},
			Tables: []ledger.TableChanges{{Table: a, Rows: map[schema.Op]int64{schema.OpInsert: 1}}},
		})
	}
	if len(r.Reload) != 2 || r.Reload[0].LSN != 999 || len(r.Tables) != 1 || len(r.Tables[a]) != 1 || r.Entries != 1000 {
		t.Errorf("after 1,000 entries: %+v", r)
	}
}

// A stream that has described many relations is reopened, but at most once an
// hour. Otherwise many living relations would open one stream after another.
func TestAStreamThatHasDescribedManyRelationsIsOpenedAgain(t *testing.T) {
	for _, c := range []struct {
		described int
		open      time.Duration
		want      bool
	}{{describedMost, 24 * time.Hour, false}, {describedMost + 1, describedLong - 1, false}, {describedMost + 1, describedLong, true}} {
		if got := outgrown(c.described, c.open); got != c.want {
			t.Errorf("%d relations, open for %v: %v, want %v", c.described, c.open, got, c.want)
		}
	}
}

// A stream whose messages follow one another looks at the clock after every
// 1,024 rows. One that is quiet looks at it each time, however many rows it had.
func TestWhenAStreamLooksAtTheClock(t *testing.T) {
	for _, c := range []struct {
		event postgres.Event
		rows  int64
		want  bool
	}{
		{postgres.EventMessage, 5, true}, {postgres.EventMessage, 1023, true}, {postgres.EventMessage, 1024, false},
		{postgres.EventMessage, 0, false}, {postgres.EventIdle, 5, false}, {postgres.EventKeepalive, 5, false},
	} {
		if got := busy(c.event, c.rows); got != c.want {
			t.Errorf("event %d after %d rows: busy %v, want %v", c.event, c.rows, got, c.want)
		}
	}
}
