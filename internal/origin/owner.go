package origin

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"ingest/internal/ledger"
	"ingest/internal/postgres"
	"ingest/internal/schema"
	"ingest/internal/stage"
)

// CheckOwner insists that the source is the one that the ledger belongs to,
// before anything is read or locked there. Every command with both ends
// asks this first.
func (l *Link) CheckOwner(ctx context.Context) error {
	if l.Ledger == nil || l.Ledger.State().Origin == nil {
		return nil
	}
	conn, done, err := l.Connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	state := l.Ledger.State()
	if err := l.Owner(ctx, conn, state); err != nil {
		return err
	}
	return l.same(state)
}

// Owner says why the source is not the ledger's, or nil.
func (l *Link) Owner(ctx context.Context, conn *pgx.Conn, state *ledger.State) error {
	o, f := state.Origin, &l.Source.Facts
	system, err := l.Source.System(ctx, conn)
	if err != nil {
		return err
	}
	where := o.Database // the ledger's database is called now
	if system == "" || system == o.System {
		if where, err = l.whereIs(ctx, conn, o); err != nil {
			return err
		}
	}
	err = stage.CheckSource(state, system, f.Database, where)
	l.foreign.Store(err != nil)
	if err == nil && f.Database != o.Database && l.loggedRename.CompareAndSwap(false, true) {
		l.Log.Info("the source's database was renamed since the ledger was begun: it is the same one", "was", o.Database, "is", f.Database)
	}
	return err
}

// whereIs gives the name that the ledger's database has now, within its cluster.
// One that was dropped and made again under its name counts as the same: what is
// missing then is the slot.
func (l *Link) whereIs(ctx context.Context, conn *pgx.Conn, o *ledger.Origin) (string, error) {
	f := &l.Source.Facts
	if o.DatabaseOID == 0 {
		if f.Database == o.Database {
			return f.Database, nil
		}
		renamed, err := l.renamed(ctx, conn, o)
		if renamed {
			return f.Database, err
		}
		return o.Database, err
	}
	names, err := l.Source.Databases(ctx, conn)
	return cmp.Or(names[o.DatabaseOID], o.Database), err
}

// renamed says that this database of the ledger's cluster is the one that the
// ledger was begun with, under another name, where its origin does not know the
// OID. A slot stays in its database, and
// publications keep their OIDs. A database that was made from the ledger's as a
// template has these OIDs too, but not the slot; where there is no slot any
// more, the old name must be gone.
func (l *Link) renamed(ctx context.Context, conn *pgx.Conn, origin *ledger.Origin) (bool, error) {
	names, err := l.Source.PublicationNames(ctx, conn)
	if err != nil {
		return false, err
	}
	slots, err := l.slots(ctx, conn)
	if err != nil {
		return false, err
	}
	databases, err := l.Source.Databases(ctx, conn)
	return l.holds(origin, names, slots, slices.Collect(maps.Values(databases))), err
}

// holds says that this database has the ledger's publications and its slot or,
// where there is no such slot any more, that no database has the name that the
// ledger's had.
func (n *Names) holds(origin *ledger.Origin, names map[uint32]string, slots []postgres.NamedSlot, databases []string) bool {
	if slices.ContainsFunc(origin.Publications, func(name string) bool { return publicationLost(origin, name, names) }) {
		return false
	}
	if i := slices.IndexFunc(slots, func(s postgres.NamedSlot) bool { return s.Name == origin.Slot }); i >= 0 {
		return slots[i].Database == n.Database
	}
	return !slices.Contains(databases, origin.Database)
}

// namesGone says that what the configuration has another name for is gone: the
// slot, or the publication, that the ledger's origin names.
func (l *Link) namesGone(ctx context.Context, conn *pgx.Conn, o *ledger.Origin) (bool, error) {
	slots, err := l.slots(ctx, conn)
	if err != nil {
		return false, err
	}
	names, err := l.Source.PublicationNames(ctx, conn)
	return l.gone(o, slots, names), err
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
