package origin

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/stage"
)

// CheckOwner returns an error unless the source belongs to the ledger. Every command with both ends calls
// it before it reads or locks anything in the source.
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

// Owner returns why the source does not belong to the ledger, or nil.
func (l *Link) Owner(ctx context.Context, conn *pgx.Conn, state *ledger.State) error {
	o, f := state.Origin, &l.Source.Facts
	system, err := l.Source.System(ctx, conn)
	if err != nil {
		return err
	}
	where := o.Database // present name of the ledger's database
	if system == "" || o.System == "" || system == o.System {
		if where, err = l.whereIs(ctx, conn, o); err != nil {
			return err
		}
	}
	err = stage.CheckSource(state, system, f.Database, where)
	l.foreign.Store(err != nil)
	if err == nil && f.Database != o.Database && l.loggedRename.CompareAndSwap(false, true) {
		l.Log.Info("the source's database was renamed since the ledger began: it is the same database", "was", o.Database, "is", f.Database)
	}
	return err
}

// whereIs returns the present name of the ledger's database in its cluster. A database that was
// dropped and made again under its name counts as the same: its slot is then missing.
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
	names, err := l.Source.Catalog(conn).Databases(ctx)
	return cmp.Or(names[o.DatabaseOID], o.Database), err
}

// renamed reports that this database is the one that the ledger began with, under another name. It is
// in the ledger's cluster, and the origin does not know the OID. A slot stays in its database, and
// publications keep their OIDs. A database that was made from the ledger's as a template has these
// OIDs too, but not the slot. If there is no slot any more, the old name must be gone.
func (l *Link) renamed(ctx context.Context, conn *pgx.Conn, origin *ledger.Origin) (bool, error) {
	names, err := l.Source.Catalog(conn).PublicationNames(ctx)
	if err != nil {
		return false, err
	}
	slots, err := l.slots(ctx, conn)
	if err != nil {
		return false, err
	}
	databases, err := l.Source.Catalog(conn).Databases(ctx)
	return l.holds(origin, names, slots, slices.Collect(maps.Values(databases))), err
}

// holds reports that this database has the ledger's publications and its slot. If there is no such
// slot any more, no database may have the ledger's old name.
func (n *Names) holds(origin *ledger.Origin, names map[uint32]string, slots []postgres.NamedSlot, databases []string) bool {
	if slices.ContainsFunc(origin.Publications, func(name string) bool { return publicationLost(origin, name, names) }) {
		return false
	}
	if i := slices.IndexFunc(slots, func(s postgres.NamedSlot) bool { return s.Name == origin.Slot }); i >= 0 {
		return slots[i].Database == n.Database
	}
	return !slices.Contains(databases, origin.Database)
}

// namesGone reports that the objects which the configuration renames are gone: the slot, or the
// publication, that the ledger's origin names.
func (l *Link) namesGone(ctx context.Context, conn *pgx.Conn, o *ledger.Origin) (bool, error) {
	slots, err := l.slots(ctx, conn)
	if err != nil {
		return false, err
	}
	names, err := l.Source.Catalog(conn).PublicationNames(ctx)
	return l.gone(o, slots, names), err
}

// publicationLost reports that a publication of the origin no longer exists under any name.
func publicationLost(o *ledger.Origin, name string, names map[uint32]string) bool {
	what, hint := publicationState(o, name, names)
	return what != "" && hint == ""
}

// publicationState describes how a publication of the origin changed; "" if it did not. A publication
// with the same OID under another name was renamed.
func publicationState(o *ledger.Origin, name string, names map[uint32]string) (what, hint string) {
	oid := o.PublicationOIDs[name]
	there := slices.Contains(slices.Collect(maps.Values(names)), name)
	switch {
	case oid != 0 && names[oid] == name, oid == 0 && there:
		return "", ""
	case oid != 0 && names[oid] != "":
		return "was renamed to " + names[oid], "ALTER PUBLICATION " + schema.QuotePostgres(names[oid]) + " RENAME TO " +
			schema.QuotePostgres(name) + ", then run the command again"
	case there:
		return "was dropped and made again", ""
	}
	return "is missing", ""
}
