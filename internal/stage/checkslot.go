package stage

import (
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
)

// Server is the position and state of the source at the time the slot is
// checked.
type Server struct {
	Facts *postgres.Facts
	Flush pglogrepl.LSN // end of its WAL
	XID   uint64        // the next transaction id, 64 bits; 0 if unknown
	Now   time.Time
	// Standby says that the slot is on a standby of the source.
	Standby bool
	// Renamed says that the database is the ledger's database under another
	// name.
	Renamed bool
}

// Repair is the hint for every state that only a new slot fixes.
const Repair = "`ingest full-load --repair` makes a new slot and loads all tables again"

// CheckSlot returns why reading cannot start at the ledger's position, or nil.
// It repairs nothing and skips nothing.
func CheckSlot(state *ledger.State, slot *postgres.Slot, at Server, name string) error {
	o, facts := state.Origin, at.Facts
	switch {
	case o == nil:
		return failure.New(failure.Conflict, "nothing was loaded yet: the ledger is empty").WithHint("run `ingest full-load` first")
	case state.Ended:
		return failure.New(failure.Conflict, "the pipeline was dropped").WithHint("`ingest full-load` starts it again")
	}
	// A slot stays with its database when the database is renamed.
	where := o.Database
	if at.Renamed || slot != nil && slot.Name == o.Slot && slot.Database == facts.Database {
		where = facts.Database
	}
	switch err := CheckSource(state, facts.System, facts.Database, where); {
	case err != nil:
		return err
	case name != o.Slot:
		return failure.New(failure.Conflict, "the ledger belongs to slot %q, but source.slot is %q", o.Slot, name).
			WithHint("set source.slot to %q, or leave it out", o.Slot)
	}
	if facts.System != "" {
		if err := checkTimeline(state, at); err != nil {
			return err
		}
	}
	if state.Position > at.Flush {
		return failure.New(failure.Conflict, "the ledger's position %s (staged %s) is beyond the server's WAL, which ends at %s (now, %s): "+
			"the source was restored, failed over or cloned, and lost what it had committed between the two",
			state.Position, stamp(state.PositionTime), at.Flush, stamp(at.Now)).WithHint(Repair)
	}
	// Everything below a snapshot's fence is on the source's disk before the
	// ledger gets the snapshot.
	if snapshot := snapshotBeyond(state, at.Flush); snapshot != "" {
		return failure.New(failure.Conflict, "%s is from beyond the server's WAL, which ends at %s (now, %s): the source was restored, "+
			"failed over or cloned, and the table has rows that it lost after %s (staged %s)",
			snapshot, at.Flush, stamp(at.Now), state.Position, stamp(state.PositionTime)).WithHint(Repair)
	}
	if at.XID != 0 {
		if begin, snapshot := snapshotOf(state, func(b *ledger.Begin) bool { return b.Snapshot.Xmax > at.XID }); begin != nil {
			return failure.New(failure.Conflict, "%s shows transactions up to %d, and the next one of the server is %d: "+
				"the source was put back to an older state, and the table has rows that it lost after %s (staged %s)",
				snapshot, begin.Snapshot.Xmax-1, at.XID, state.Position, stamp(state.PositionTime)).WithHint(Repair)
		}
	}
	why, hint := unusable(slot, name, facts.Database)
	if why == "" && at.Standby && slot.Synced {
		why = fmt.Sprintf("slot %s on the standby is the copy of the primary's for a failover, and cannot be read before one", name)
		hint = fmt.Sprintf("leave source.standby out, and the primary's slot goes on; or drop that one (there: "+
			"SELECT pg_drop_replication_slot('%s')), then %s", name, Repair)
	}
	if why != "" {
		return failure.New(failure.Conflict, "%s: changes between %s (staged %s) and %s (now, %s) cannot be read any more",
			why, state.Position, stamp(state.PositionTime), at.Flush, stamp(at.Now)).WithHint("%s", hint)
	}
	if slot.Confirmed > state.Position {
		return failure.New(failure.Conflict, "slot %s stands at %s, ahead of the ledger's %s (staged %s): "+
			"the changes in between were acknowledged by another program before now (%s), and are lost",
			name, slot.Confirmed, state.Position, stamp(state.PositionTime), stamp(at.Now)).WithHint(Repair)
	}
	return nil
}

// CheckSource returns why a source is not the one that the ledger belongs to,
// or nil. system is "" if it is unknown. where is the current name of the
// ledger's database in the cluster.
func CheckSource(state *ledger.State, system, database, where string) error {
	switch o := state.Origin; {
	case system != "" && o.System != "" && system != o.System:
		return failure.New(failure.Conflict,
			"the source is another cluster (system identifier %s, the ledger has %s): changes after %s (staged %s) cannot be read from it",
			system, o.System, state.Position, stamp(state.PositionTime)).
			WithHint("if the URL is wrong, set source.url to database %q of the ledger's cluster; if the source was moved or restored, "+
				Repair, o.Database)
	case database == where:
		return nil
	case where == o.Database:
		return failure.New(failure.Conflict, "the ledger belongs to database %q, not %q", o.Database, database).
			WithHint("set source.url to %q, or give this source another pipeline with --pipeline", o.Database)
	default:
		return failure.New(failure.Conflict, "the ledger belongs to database %q, which is called %q now, and not to %q",
			o.Database, where, database).
			WithHint("set source.url to %q, or give this source another pipeline with --pipeline", where)
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// unusable returns what is wrong with the slot itself and how to fix it, or ""
// if the slot can be read.
func unusable(slot *postgres.Slot, name, database string) (why, hint string) {
	if slot == nil {
		return fmt.Sprintf("slot %s is missing", name), Repair
	}
	// Someone created it after the pipeline's own slot was gone.
	foreign := "`ingest full-load --repair` drops it, makes a new slot and loads all tables again"
	if slot.Active {
		foreign = fmt.Sprintf("end its session (SELECT pg_terminate_backend(%d)); "+
			"then `ingest full-load --repair` makes a new slot and loads all tables again", slot.ActivePID)
	}
	switch {
	case slot.Temporary:
		return fmt.Sprintf("slot %s is a temporary one of pid %d (%s)", name, slot.ActivePID, slot.Holder), foreign
	case slot.Type != "logical":
		return fmt.Sprintf("slot %s is a %s slot, not a logical one", name, slot.Type), foreign
	case slot.Database != database:
		return fmt.Sprintf("slot %s belongs to database %q", name, slot.Database),
			fmt.Sprintf("if the ledger's database is called %q now, set source.url to it; else `ingest full-load --repair` makes a slot of "+
				"another name in %q, leaves that one alone, and loads all tables again", slot.Database, database)
	case slot.Plugin != postgres.Plugin:
		return fmt.Sprintf("slot %s is of plugin %q, not of %s", name, slot.Plugin, postgres.Plugin), foreign
	case slot.TwoPhase:
		return fmt.Sprintf("slot %s was made with two_phase, which sends transactions before they commit", name), foreign
	case slot.WALStatus == "lost":
		return lost(slot, name)
	}
	return "", ""
}

// lost returns why the server invalidated the slot.
func lost(slot *postgres.Slot, name string) (why, hint string) {
	said := []string{"wal_status = lost"}
	if slot.Reason != "" {
		said = append(said, "reason "+slot.Reason)
	}
	if slot.IdleSince != nil {
		said = append(said, "idle since "+stamp(*slot.IdleSince))
	}
	hint = Repair
	switch slot.Reason {
	case "", "wal_removed":
		hint += "; it kept more WAL than max_slot_wal_keep_size allows: raise that, or run `ingest cdc` more often"
	case "wal_level_insufficient":
		hint += ", once wal_level is logical again"
	case "idle_timeout":
		hint += "; raise idle_replication_slot_timeout, or run `ingest cdc` more often"
	}
	return fmt.Sprintf("slot %s is invalidated (%s)", name, strings.Join(said, ", ")), hint
}

// checkTimeline returns why a server on another timeline does not continue the
// ledger, or nil if it does. Nothing is missing after a failover to a standby
// that had received everything staged. In that case the position and the
// snapshots are at or before the end of the ledger's timeline.
func checkTimeline(state *ledger.State, at Server) error {
	facts := at.Facts
	if facts.Timeline == state.Timeline {
		return nil
	}
	said := fmt.Sprintf("the source is on timeline %d, and the ledger on %d", facts.Timeline, state.Timeline)
	unfit := func(format string, args ...any) *failure.Error {
		return failure.New(failure.Conflict, "%s%s", said, fmt.Sprintf(format, args...)).WithHint(Repair)
	}
	end, known := facts.Ended[state.Timeline]
	if known {
		said += fmt.Sprintf(", which ended at %s", end)
	}
	switch {
	case !known && facts.Timeline < state.Timeline:
		return unfit(": this is a server from before a failover, or an older copy of one; changes after %s (staged %s) are not in its WAL",
			state.Position, stamp(state.PositionTime)).
			WithHint("connect to the server that took over (source.url); to continue with this one instead: " + Repair)
	case !known:
		return unfit(", which is not in its history: it was restored from elsewhere; changes after %s (staged %s) cannot be read from it",
			state.Position, stamp(state.PositionTime))
	case state.Position > end:
		return unfit(": a failover or a restore lost what was committed between that and %s (staged %s), which the tables have",
			state.Position, stamp(state.PositionTime))
	}
	if snapshot := snapshotBeyond(state, end); snapshot != "" {
		return unfit(": %s may hold rows that a failover or a restore lost; staged is %s", snapshot, state.Position)
	}
	return nil
}

// snapshotBeyond names a snapshot that may contain commits beyond end, or
// returns "".
func snapshotBeyond(state *ledger.State, end pglogrepl.LSN) string {
	_, name := snapshotOf(state, func(b *ledger.Begin) bool { return b.Fence > end })
	return name
}

// snapshotOf finds a snapshot that counts, including one that is still being
// read. It returns the begin entry and a description.
func snapshotOf(state *ledger.State, which func(*ledger.Begin) bool) (*ledger.Begin, string) {
	for _, t := range state.Sorted() {
		if state.Current(t) && which(t.Begin) {
			return t.Begin, fmt.Sprintf("the snapshot of %s (taken %s, up to %s)", t.Table, stamp(t.Begin.Taken), t.Begin.Fence)
		}
	}
	for _, o := range state.Open {
		if o.Number > state.OriginNumber && which(&o.Begin) {
			return &o.Begin, fmt.Sprintf("a snapshot that is being read (up to %s)", o.Begin.Fence)
		}
	}
	return nil, ""
}
