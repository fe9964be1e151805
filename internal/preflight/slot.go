package preflight

import (
	"context"
	"fmt"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/postgres"
)

// standby checks the standby that changes are read from, if there is one.
func (l *look) standby(ctx context.Context, primary *pgx.Conn) error {
	standby, slot := l.Link.Standby, l.Link.Slot
	if standby == nil {
		return nil
	}
	l.Add(finding.Finding{
		Level: finding.OK, Subject: "standby",
		What: fmt.Sprintf("changes are read from %s, a standby of PostgreSQL %s", standby.Describe(), standby.Facts.VersionStr),
	})
	left, err := l.Link.Source.Slots(primary).Find(ctx, slot)
	if err != nil {
		return err
	}
	l.Add(leftBehind(slot, left)...)
	conn, err := standby.Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	feedback, err := postgres.HotStandbyFeedback(ctx, conn)
	if err != nil {
		return err
	}
	l.Add(withFeedback(feedback)...)
	return nil
}

// leftBehind warns about a slot of the pipeline's name on the primary; nil if there is none.
func leftBehind(name string, slot *postgres.Slot) []finding.Finding {
	if slot == nil {
		return nil
	}
	return []finding.Finding{{
		Level: finding.Warning, Subject: "standby",
		What: fmt.Sprintf("the primary has a slot %s too", name), Why: "it is not read any more, and keeps WAL for ever",
		Remedy: fmt.Sprintf("on the primary: SELECT pg_drop_replication_slot('%s');", name),
	}}
}

// withFeedback warns about a standby whose slot the primary does not know of.
func withFeedback(on bool) []finding.Finding {
	if on {
		return nil
	}
	return []finding.Finding{{
		Level: finding.Warning, Subject: "standby",
		What: "hot_standby_feedback is off", Why: "the primary removes old rows of its catalog that the slot needs: then the slot is lost",
		Remedy: "on the standby: ALTER SYSTEM SET hot_standby_feedback = on; SELECT pg_reload_conf(); " +
			"and give it a slot on the primary (primary_slot_name)",
	}}
}

// slot reports whether a slot fits the ledger, or whether there is room for the first one.
func (l *look) slot(ctx context.Context, conn *pgx.Conn) error {
	slot, err := l.Link.ReadSlot(ctx, conn)
	if err != nil {
		return err
	}
	switch {
	case l.state.Origin == nil && slot == nil:
		return l.firstSlot(ctx, conn)
	case !l.state.Ended && !l.state.Origin.Replicates():
		l.Add(finding.Finding{
			Level: finding.Note, Subject: "slot",
			What: "the ledger has snapshots alone: the next full load makes the slot and loads all tables again",
			Why:  "source.changes was \"none\" until now; cdc needs the slot",
		})
		return l.firstSlot(ctx, conn)
	case l.state.Origin == nil:
		l.Add(finding.Finding{
			Level: finding.Problem, Kind: failure.Conflict, Subject: "slot",
			What: fmt.Sprintf("%s exists, but the ledger is empty", l.Link.Slot), Why: "it may belong to another pipeline",
			Remedy: fmt.Sprintf("set source.slot to another name, or, if it is unused: SELECT pg_drop_replication_slot('%s');", l.Link.Slot),
		})
		return nil
	}
	if err := l.Link.Source.Identify(ctx); err != nil {
		l.Failed("slot", err)
		return nil
	}
	if slot, err = l.Link.CheckSlot(ctx, conn, l.state); err != nil {
		l.Failed("slot", err)
		return nil
	}
	l.Add(fitting(slot, l.state.Position)...)
	return nil
}

// firstSlot reports whether there is room for the slot that the next full load makes.
func (l *look) firstSlot(ctx context.Context, conn *pgx.Conn) error {
	return l.Link.AtSlot(ctx, conn, func(slots *postgres.Slots) error {
		free, err := slots.Free(ctx)
		if err == nil {
			l.Add(firstSlot(l.Link.Slot, free)...)
		}
		return err
	})
}

// alone reports whether the source suits snapshots alone, and the ledger.
func (l *look) alone(ctx context.Context, conn *pgx.Conn) error {
	source := l.Link.Source
	if source.Facts.Standby {
		feedback, err := postgres.HotStandbyFeedback(ctx, conn)
		if err != nil {
			return err
		}
		l.Add(source.OnStandby(feedback)...)
	}
	if err := l.Link.CheckAlone(ctx, conn, l.state); err != nil {
		l.Failed("ledger", err)
		return nil
	}
	l.Add(finding.Finding{
		Level: finding.OK, Subject: "source", What: "source.changes is \"none\": snapshots alone, without slot and publications",
	})
	return nil
}

// fitting reports on a slot that fits the ledger, which stands at that position.
func fitting(slot *postgres.Slot, position pglogrepl.LSN) (out []finding.Finding) {
	if slot.Active {
		out = append(out, finding.Finding{
			Level: finding.Warning, Subject: "slot",
			What:   fmt.Sprintf("%s is in use by pid %d (%s)", slot.Name, slot.ActivePID, slot.Holder),
			Why:    "only one session can read a slot: unless that is this pipeline's own run, cdc will fail",
			Remedy: fmt.Sprintf("SELECT pg_terminate_backend(%d);", slot.ActivePID),
		})
	}
	out = append(out, finding.Finding{
		Level: finding.OK, Subject: "slot", What: fmt.Sprintf("%s fits the ledger, which stands at %s", slot.Name, position),
	})
	if w := slot.Warning(); w != nil {
		out = append(out, *w)
	}
	return out
}

// unusedSlots lists slots that might be dropped.
const unusedSlots = "SELECT slot_name, database, active FROM pg_replication_slots ORDER BY active;"

// firstSlot reports whether the first full load can make the slot, by the number of free slots.
func firstSlot(name string, free int) []finding.Finding {
	if free <= 0 {
		return []finding.Finding{{
			Level: finding.Problem, Kind: failure.Source, Subject: "slot", What: "no replication slot is free", Why: "the first full load makes one",
			Remedy: "raise max_replication_slots and restart the server, or drop an unused slot: " + unusedSlots,
		}}
	}
	out := []finding.Finding{
		{Level: finding.Note, Subject: "slot", What: fmt.Sprintf("%s does not exist yet; the first full load makes it", name)},
	}
	if free == 1 {
		out = append(out, finding.Finding{
			Level: finding.Warning, Subject: "slot", What: "one replication slot is free, and the first full load takes it",
			Why:    "creating it needs a second, temporary one, or up to 15 seconds; a repair, a standby or another pipeline then has no slot",
			Remedy: "raise max_replication_slots and restart the server, or drop a slot that is not used: " + unusedSlots,
		})
	}
	return out
}
