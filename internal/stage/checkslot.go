package stage

import (
	"fmt"
	"time"

	"github.com/jackc/pglogrepl"

	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/postgres"
)

// CheckSlot says why reading cannot start from the ledger's position, or nil.
// Nothing is repaired here, and nothing skipped.
func CheckSlot(state *ledger.State, slot *postgres.Slot, facts *postgres.Facts, name string, flush pglogrepl.LSN) error {
	if state.Origin == nil {
		return failure.New(failure.Conflict, "nothing was loaded yet: the ledger is empty").WithHint("run `ingest full-load` first")
	}
	lost := func(why string) error {
		return failure.New(failure.Conflict, "%s: changes after %s (staged %s) cannot be read any more", why, state.Position, state.PositionTime.Format(time.RFC3339)).
			WithHint("`ingest full-load --repair` makes a new slot and loads all tables again")
	}
	o := state.Origin
	switch {
	case state.Ended:
		return failure.New(failure.Conflict, "the pipeline was dropped").WithHint("`ingest full-load` begins it anew")
	case facts.System != "" && facts.System != o.System:
		return lost(fmt.Sprintf("the source is another cluster (system identifier %s, the ledger has %s)", facts.System, o.System))
	case facts.System != "" && switched(state, facts) != "":
		return lost(switched(state, facts))
	case facts.Database != o.Database:
		return failure.New(failure.Conflict, "the ledger belongs to database %q, not %q", o.Database, facts.Database).
			WithHint("connect to %q, or give this source a pipeline of its own with --pipeline", o.Database)
	case name != o.Slot:
		return failure.New(failure.Conflict, "the ledger belongs to slot %q, but source.slot is %q", o.Slot, name).
			WithHint("set source.slot to %q, or leave it out", o.Slot)
	case slot == nil:
		return lost(fmt.Sprintf("slot %s is missing", name))
	case slot.Type != "logical" || slot.Plugin != postgres.Plugin:
		return lost(fmt.Sprintf("slot %s is a %s slot of plugin %q, not of %s", name, slot.Type, slot.Plugin, postgres.Plugin))
	case slot.Database != o.Database:
		return lost(fmt.Sprintf("slot %s belongs to database %q", name, slot.Database))
	case slot.WALStatus == "lost":
		return lost(fmt.Sprintf("slot %s is invalidated (wal_status = lost)", name))
	case slot.Confirmed > state.Position:
		return failure.New(failure.Conflict, "slot %s stands at %s, ahead of the ledger's %s (staged %s): what lies between was acknowledged by somebody else and is lost",
			name, slot.Confirmed, state.Position, state.PositionTime.Format(time.RFC3339)).
			WithHint("`ingest full-load --repair` makes a new slot and loads all tables again")
	case state.Position > flush:
		return failure.New(failure.Conflict, "the ledger's position %s is beyond the server's WAL, which ends at %s: the source was restored, failed over or cloned", state.Position, flush).
			WithHint("`ingest full-load --repair` makes a new slot and loads all tables again")
	}
	return nil
}

// switched says why a server that is on another timeline than the ledger does
// not continue it; "" if it does. After a failover to a standby that had
// received all that is staged, nothing is missing: the position, and the
// snapshots, are at or before the point where the ledger's timeline ended.
func switched(state *ledger.State, facts *postgres.Facts) string {
	if facts.Timeline == state.Timeline {
		return ""
	}
	said := fmt.Sprintf("the source is on timeline %d, and the ledger on %d", facts.Timeline, state.Timeline)
	end, known := facts.Ended[state.Timeline]
	switch {
	case !known:
		return said + ", which is not in its history: it was restored from elsewhere"
	case state.Position > end:
		return fmt.Sprintf("%s, which ended at %s: changes beyond that were staged, and the source lost them in a failover or a restore", said, end)
	}
	for _, t := range state.Sorted() {
		if state.Current(t) && t.Begin.Fence > end {
			return fmt.Sprintf("%s, which ended at %s: the snapshot of %s may hold rows that the source lost in a failover or a restore", said, end, t.Table)
		}
	}
	for _, o := range state.Open {
		if o.Begin.Fence > end && o.Number > state.OriginNumber {
			return fmt.Sprintf("%s, which ended at %s: a snapshot that is being read may hold rows that the source lost in a failover or a restore", said, end)
		}
	}
	return ""
}
