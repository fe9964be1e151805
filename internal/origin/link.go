package origin

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/publication"
)

// Link connects a ledger with its source. Its methods are safe for concurrent use, except those that
// choose or free names.
type Link struct {
	Names
	Source    *postgres.Source // nil for commands that do not need it
	Standby   *postgres.Source // nil: the slot is in Source
	Ledger    *ledger.Ledger   // nil if it is damaged
	Workspace *databricks.Workspace
	Run       string
	WorkMem   string // of a session that peeks
	Log       *slog.Logger
	Now       func() time.Time // the clock

	foreign      atomic.Bool // the source does not belong to the ledger
	loggedRename atomic.Bool
}

// Foreign reports that the source does not belong to the ledger: nothing is locked there.
func (l *Link) Foreign() bool { return l.foreign.Load() }

// Choose decides which slot and publications the pipeline reads: those of the configuration, else
// those that the ledger's origin names, else derived ones. Without a ledger, names that an earlier
// version derived count if they exist in the source. So Choose finds what a lost ledger left.
func (l *Link) Choose(ctx context.Context) error {
	if l.Source != nil {
		l.Database = l.Source.Facts.Database
	}
	origin := l.goesOn()
	l.choose(origin)
	if origin == nil && l.Source != nil && l.Replicates() {
		if err := l.chooseLeft(ctx, l.derived()); err != nil {
			return err
		}
	}
	l.configure(origin)
	return nil
}

// goesOn is the ledger's origin, nil if the pipeline has none to go on from. A dropped pipeline may
// begin again in another database.
func (l *Link) goesOn() *ledger.Origin {
	if l.Ledger == nil {
		return nil
	}
	state := l.Ledger.State()
	o := state.Origin
	if o == nil || len(o.Publications) == 0 {
		return nil
	}
	if s := l.Source; state.Ended && s != nil && o.Database != s.Facts.Database && o.DatabaseOID != s.Facts.DatabaseOID {
		return nil
	}
	return o
}

// chooseLeft uses the names of what already exists in the source's database.
func (l *Link) chooseLeft(ctx context.Context, base string) error {
	conn, done, err := l.Connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	slots, err := l.slots(ctx, conn)
	if err != nil {
		return err
	}
	have, err := l.Source.Catalog(conn).Publications(ctx, []string{base, l.derivedBefore()})
	l.adopt(base, slots, have)
	return err
}

// Alone detects that the publication is FOR ALL TABLES. It is then the only one, since no table needs
// another. Once there is a ledger, its origin lists the publications.
func (l *Link) Alone(pubs *publication.Set) {
	state := l.Ledger.State()
	if (state.Origin == nil || state.Ended) && pubs.OnlyForAll() {
		l.Publications.Inserts, pubs.Names.Inserts = "", ""
	}
}

// Connect opens a session on the source.
func (l *Link) Connect(ctx context.Context) (*pgx.Conn, func(), error) {
	conn, err := l.Source.Connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	return conn, func() { _ = conn.Close(context.WithoutCancel(ctx)) }, nil
}

// AtSlot runs a function with the slots of the server that holds the pipeline's: on conn, a session of
// the source, or on a session of the standby.
func (l *Link) AtSlot(ctx context.Context, conn *pgx.Conn, do func(*postgres.Slots) error) error {
	if l.Standby == nil {
		return do(l.Source.Slots(conn))
	}
	there, err := l.Standby.Connect(ctx)
	if err != nil {
		return err
	}
	defer there.Close(context.WithoutCancel(ctx))
	return do(l.Standby.Slots(there))
}

// ReadSlot reads the pipeline's slot; nil if there is none.
func (l *Link) ReadSlot(ctx context.Context, conn *pgx.Conn) (slot *postgres.Slot, err error) {
	err = l.AtSlot(ctx, conn, func(slots *postgres.Slots) error {
		slot, err = slots.Find(ctx, l.Slot)
		return err
	})
	return slot, err
}

// ReadSlotAndLimit reads the pipeline's slot, nil if there is none, and how many bytes of WAL its server
// keeps for a slot at most, −1 for no limit.
func (l *Link) ReadSlotAndLimit(ctx context.Context, conn *pgx.Conn) (slot *postgres.Slot, limit int64, err error) {
	err = l.AtSlot(ctx, conn, func(slots *postgres.Slots) error {
		if slot, err = slots.Find(ctx, l.Slot); err != nil {
			return err
		}
		limit, err = slots.KeepLimit(ctx)
		return err
	})
	return slot, limit, err
}

// DropSlot drops the pipeline's slot.
func (l *Link) DropSlot(ctx context.Context, conn *pgx.Conn) error {
	return l.AtSlot(ctx, conn, func(slots *postgres.Slots) error { return slots.Drop(ctx, l.Slot) })
}

// slots lists the slots of the server that holds the pipeline's slot.
func (l *Link) slots(ctx context.Context, conn *pgx.Conn) (list []postgres.NamedSlot, err error) {
	err = l.AtSlot(ctx, conn, func(slots *postgres.Slots) error {
		list, err = slots.List(ctx)
		return err
	})
	return list, err
}

// freeSlot gives the slot another name if a slot of another database already has its name.
func (l *Link) freeSlot(ctx context.Context, conn *pgx.Conn) error {
	if !l.Replicates() {
		return nil
	}
	slots, err := l.slots(ctx, conn)
	if err != nil {
		return err
	}
	before := l.Slot
	taken, err := l.free(slots)
	if taken {
		l.Log.Warn("a slot of another database has this name: choosing another one", "taken", before, "slot", l.Slot)
	}
	return err
}

// Warn logs that a slot that fits may soon be lost.
func (l *Link) Warn(slot *postgres.Slot) {
	if w := slot.Warning(); w != nil {
		l.Log.Warn("slot "+w.What, "because", w.Why, "remedy", w.Remedy)
	}
}
