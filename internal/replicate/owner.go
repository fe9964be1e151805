package replicate

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/postgres"
	"ingest/internal/schema"
	"ingest/internal/stage"
)

// checkOwner insists that the source is the one that the ledger belongs to,
// before anything is read or locked there. Open asks this for every command
// with both ends.
func (p *Pipeline) checkOwner(ctx context.Context) error {
	if p.ledger == nil || p.ledger.State().Origin == nil {
		return nil
	}
	conn, done, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	state := p.ledger.State()
	if err := p.owner(ctx, conn, state); err != nil {
		return err
	}
	return p.sameNames(state)
}

// owner says why the source is not the ledger's, or nil.
func (p *Pipeline) owner(ctx context.Context, conn *pgx.Conn, state *ledger.State) error {
	o, f := state.Origin, &p.source.Facts
	system, err := p.source.System(ctx, conn)
	if err != nil {
		return err
	}
	where := o.Database // the ledger's database is called now
	if system == "" || system == o.System {
		if where, err = p.whereIs(ctx, conn, o); err != nil {
			return err
		}
	}
	err = stage.CheckSource(state, system, f.Database, where)
	p.foreign.Store(err != nil)
	if err == nil && f.Database != o.Database && p.toldRenamed.CompareAndSwap(false, true) {
		p.log.Info("the source's database was renamed since the ledger was begun: it is the same one", "was", o.Database, "is", f.Database)
	}
	return err
}

// whereIs gives the name that the ledger's database has now, within its cluster.
// One that was dropped and made again under its name counts as the same: what is
// missing then is the slot.
func (p *Pipeline) whereIs(ctx context.Context, conn *pgx.Conn, o *ledger.Origin) (string, error) {
	f := &p.source.Facts
	if o.DatabaseOID == 0 {
		if f.Database == o.Database {
			return f.Database, nil
		}
		renamed, err := p.renamed(ctx, conn, o)
		if renamed {
			return f.Database, err
		}
		return o.Database, err
	}
	names, err := p.source.Databases(ctx, conn)
	return cmp.Or(names[o.DatabaseOID], o.Database), err
}

// renamed says that this database of the ledger's cluster is the one that the
// ledger was begun with, under another name, where its origin does not know the
// OID. A slot stays in its database, and
// publications keep their OIDs. A database that was made from the ledger's as a
// template has these OIDs too, but not the slot; where there is no slot any
// more, the old name must be gone.
func (p *Pipeline) renamed(ctx context.Context, conn *pgx.Conn, origin *ledger.Origin) (bool, error) {
	names, err := p.source.PublicationNames(ctx, conn)
	if err != nil {
		return false, err
	}
	slots, err := p.slots(ctx, conn)
	if err != nil {
		return false, err
	}
	databases, err := p.source.Databases(ctx, conn)
	return p.holds(origin, names, slots, slices.Collect(maps.Values(databases))), err
}

// holds says that this database has the ledger's publications and its slot or,
// where there is no such slot any more, that no database has the name that the
// ledger's had.
func (p *Pipeline) holds(origin *ledger.Origin, names map[uint32]string, slots []postgres.NamedSlot, databases []string) bool {
	if slices.ContainsFunc(origin.Publications, func(name string) bool { return publicationLost(origin, name, names) }) {
		return false
	}
	if i := slices.IndexFunc(slots, func(s postgres.NamedSlot) bool { return s.Name == origin.Slot }); i >= 0 {
		return slots[i].Database == p.source.Facts.Database
	}
	return !slices.Contains(databases, origin.Database)
}

// slots lists the slots of the server that the pipeline's slot is on.
func (p *Pipeline) slots(ctx context.Context, conn *pgx.Conn) (slots []postgres.NamedSlot, err error) {
	err = p.atSlot(ctx, conn, func(at *postgres.Source, conn *pgx.Conn) error {
		slots, err = at.Slots(ctx, conn)
		return err
	})
	return slots, err
}

// sameNames insists that the configuration names the slot and the publications that
// the ledger's origin names. Another name is not a loss: nothing was read
// through it yet.
func (p *Pipeline) sameNames(state *ledger.State) error {
	o := state.Origin
	if state.Ended || len(o.Publications) == 0 {
		return nil
	}
	if p.slot != o.Slot {
		return failure.New(failure.Conflict, "the ledger belongs to slot %q, but source.slot is %q: nothing is lost", o.Slot, p.slot).
			WithHint("set source.slot to %q, or leave it out. If that slot is gone, `ingest full-load --repair` makes %q and loads all tables again", o.Slot, p.slot)
	}
	if p.pubs.All != o.Publications[0] {
		return failure.New(failure.Conflict, "the ledger belongs to publication %q, but source.publication is %q: nothing is lost", o.Publications[0], p.pubs.All).
			WithHint("set source.publication to %q, or leave it out. To read through another one, begin the pipeline again: `ingest drop --yes`, then `ingest full-load`", o.Publications[0])
	}
	return nil
}

// namesGone says that what the configuration has another name for is gone: the
// slot, or the publication, that the ledger's origin names.
func (p *Pipeline) namesGone(ctx context.Context, conn *pgx.Conn, o *ledger.Origin) (bool, error) {
	slots, err := p.slots(ctx, conn)
	if err != nil {
		return false, err
	}
	names, err := p.source.PublicationNames(ctx, conn)
	return p.gone(o, slots, names), err
}

// gone is namesGone, of the server's slots and the database's publications.
func (p *Pipeline) gone(o *ledger.Origin, slots []postgres.NamedSlot, names map[uint32]string) bool {
	if p.slot != o.Slot && slices.Contains(slots, postgres.NamedSlot{Name: o.Slot, Database: p.source.Facts.Database}) {
		return false
	}
	return p.pubs.All == o.Publications[0] || publicationLost(o, o.Publications[0], names)
}

// publicationLost says that a publication of the origin is not there any more,
// under any name.
func publicationLost(o *ledger.Origin, name string, names map[uint32]string) bool {
	what, hint := publicationState(o, name, names)
	return what != "" && hint == ""
}

// publicationState says what became of a publication of the origin; "" if it is
// what it was. A publication that has its OID under another name was renamed.
func publicationState(o *ledger.Origin, name string, names map[uint32]string) (what, hint string) {
	oid := o.PublicationOIDs[name]
	there := slices.Contains(slices.Collect(maps.Values(names)), name)
	switch {
	case oid != 0 && names[oid] == name, oid == 0 && there:
		return "", ""
	case oid != 0 && names[oid] != "":
		return "was renamed to " + names[oid], "ALTER PUBLICATION " + schema.QuotePostgres(names[oid]) + " RENAME TO " + schema.QuotePostgres(name) + ", then run the command again"
	case there:
		return "was dropped and made again", ""
	}
	return "is missing", ""
}
