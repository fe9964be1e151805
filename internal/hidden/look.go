// Package hidden finds changes of loaded tables in the catalog that logical decoding does not show:
// names that belong to other tables, partitions that came or went with their rows, and changed
// columns, keys and publications. It must not know when a run looks. It writes nothing.
package hidden

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/publication"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
	"github.com/ingest-tool/ingest/internal/stage"
	"github.com/ingest-tool/ingest/internal/target"
)

// Look looks at the catalog for the tables of a ledger.
type Look struct {
	Source *postgres.Source
	Names  target.Names
	Began  int64 // the ledger's head when the run began
}

// Found is what a look found.
type Found struct {
	Marks []ledger.ReloadMark // tables that need a full load, and why
	// Seen are witnesses of the tables that need no full load. Ahead are their columns that no change
	// has shown yet.
	Seen  []ledger.TableWitness
	Ahead []stage.Ahead
}

// At looks for what changed after the state's tables were loaded. pubs are the present publications.
func (l *Look) At(ctx context.Context, conn *pgx.Conn, state *ledger.State, pubs *publication.Set) (*Found, error) {
	var oids []uint32
	for _, t := range state.Tables {
		if state.Current(t) {
			oids = append(oids, t.OID)
		}
	}
	relations, err := l.Source.Catalog(conn).Relations(ctx, nil, append(oids, 0))
	if err != nil {
		return nil, err
	}
	byOID := map[uint32]*postgres.Relation{}
	for i := range relations {
		byOID[relations[i].OID] = &relations[i]
	}
	replaced, err := Replaced(ctx, l.Source.Catalog(conn), state)
	if err != nil {
		return nil, err
	}
	return l.compare(ctx, conn, state, byOID, replaced, pubs)
}

// compare is At with the relations in the catalog and with Replaced's tables.
func (l *Look) compare(ctx context.Context, conn *pgx.Conn, state *ledger.State, byOID map[uint32]*postgres.Relation,
	replaced map[schema.TableName]string,
	pubs *publication.Set) (*Found, error) {
	heirs := state.ByOIDs()
	found := &Found{}
	for _, t := range state.Sorted() {
		if !state.Current(t) {
			continue
		}
		if err := l.agrees(state, t, byOID[t.OID]); err != nil {
			return nil, err
		}
		reason, r := replaced[t.Table], byOID[t.OID]
		if passedOver(t, r, heirs[t.OID], reason) {
			continue
		}
		if reason = cmp.Or(reason, strayed(state, t)); reason == "" {
			var columns *ledger.TableAhead
			var err error
			if columns, reason, err = l.change(ctx, conn, t, r, pubs); err != nil {
				return nil, err
			}
			if columns != nil && reason == "" {
				found.Ahead = append(found.Ahead, stage.Ahead{TableAhead: *columns, After: state.LastChange(t.Table)})
			}
		}
		if reason != "" {
			// It is newer than the snapshot, whatever staging's position is.
			found.Marks = append(found.Marks,
				ledger.ReloadMark{Table: t.Table, LSN: max(state.Position, t.Begin.Fence+1), Reason: reason, Generation: t.Snapshot.Begin})
		} else {
			found.Seen = append(found.Seen, witness(t, pubs.As(r)))
		}
	}
	return found, nil
}

// passedOver reports that a table gets no mark, whatever else is found: it has one already, or it was
// dropped. Its log then stays as it is, and so does the log under a former name of the table. heir is
// what its relation is loaded as.
func passedOver(t *ledger.TableState, r *postgres.Relation, heir *ledger.TableState, replaced string) bool {
	return t.Reload != nil || replaced == "" && (r == nil || heir.Table != t.Table)
}

// agrees refuses to go on if a newer full load hides a part of a table that this run would show.
func (l *Look) agrees(state *ledger.State, t *ledger.TableState, r *postgres.Relation) error {
	if r == nil {
		return nil
	}
	var names []string
	for _, c := range r.PublishedColumns() {
		names = append(names, c.Name)
	}
	return stage.Agrees(state, t.Table, l.Names.Config.Shape.Of(t.Table), names, l.Began)
}

// change returns why a table needs a full load, or which columns it has that no change has shown yet.
func (l *Look) change(ctx context.Context, conn *pgx.Conn, t *ledger.TableState, r *postgres.Relation, pubs *publication.Set) (
	*ledger.TableAhead, string, error) {
	if !pubs.Holds(r.OID) {
		return nil, "the table is no longer in the publication", nil
	}
	as := pubs.As(r)
	now := as.Published
	if now.Membership != t.Snapshot.Membership {
		if reason := pubs.WithoutUpdates(r); reason != "" {
			return nil, reason, nil
		}
		return nil, "the table was taken out of the publication and put back: changes in between were not sent", nil
	}
	if reason := altered(t.Witness, now.By, r); reason != "" {
		return nil, reason, nil
	}
	if r.Persistence != postgres.Permanent {
		return nil, "the table became unlogged", nil
	}
	if i := slices.IndexFunc(r.Illegible, func(i postgres.Illegible) bool { return i.Column != 0 }); i >= 0 {
		return nil, r.Illegible[i].String(), nil
	}
	if problems := l.Names.Misshaped(as); len(problems) > 0 {
		return nil, "", failure.New(failure.Usage, "the configuration does not fit %s: %s", t.Table, shape.What(problems)).
			WithHint("%s", shape.Remedies(problems))
	}
	columns, reason, err := l.otherColumns(ctx, conn, t, as)
	if reason = cmp.Or(reason, reshaped(l.Names.Config.Shape.Of(t.Table), as, t)); reason != "" || err != nil {
		return nil, reason, err
	}
	if !r.Partitioned {
		return columns, "", nil
	}
	if _, attached := r.Arrived(t.Partitions); len(attached) > 0 {
		return nil, fmt.Sprintf("partition %s was attached, and its rows were not sent", attached[0].Name), nil
	}
	leaves := postgres.LeafOIDs(r.Leaves)
	for _, oid := range t.Partitions {
		if !slices.Contains(leaves, oid) {
			return nil, "a partition was detached or dropped, and its rows were not sent as deletes", nil
		}
	}
	return columns, "", nil
}

// reshaped reports how the configuration now treats the table's columns differently than when the
// table was loaded. Changes follow the configuration from now on; older rows do not.
func reshaped(rules *shape.Shape, r *postgres.Relation, t *ledger.TableState) string {
	known := map[string]schema.Column{}
	for _, c := range t.Columns {
		known[c.Name] = c
	}
	for _, c := range r.PublishedColumns() {
		k, ok := known[c.Name]
		switch now := rules.Column(c); {
		case !ok && rules.Keeps(c.Name) && slices.Contains(t.Snapshot.Excluded, c.Name):
			return fmt.Sprintf("column %q was excluded, and no longer is", c.Name)
		case !ok:
		case !rules.Keeps(c.Name):
			return fmt.Sprintf("column %q is excluded now, and rows that were loaded before have it", c.Name)
		case !k.Mask.Equal(now.Mask):
			return fmt.Sprintf("column %q has another mask now than in rows that were loaded before", c.Name)
		case k.Renamed != now.Renamed:
			return fmt.Sprintf("column %q is named %q now, and was %q", c.Name, now.Target(), k.Target())
		case k.Cast != now.Cast || now.Cast && !k.Type.Equal(now.Type):
			return fmt.Sprintf("column %q is configured as %s now, but was loaded as %s", c.Name, now.Type, k.Type)
		}
	}
	return ""
}

// otherColumns reports that a column or the key differs from the log, if the table's next change might
// not show it or might never come. The first result lists columns that are new or renamed and for
// which the value in older rows is known.
func (l *Look) otherColumns(ctx context.Context, conn *pgx.Conn, t *ledger.TableState,
	r *postgres.Relation) (*ledger.TableAhead, string, error) {
	columns := slices.Clone(t.Snapshot.Columns)
	for _, list := range t.Lists() {
		columns = append(columns, list...)
	}
	numbers, names := map[string]int16{}, map[int16]string{} // as they were first
	for _, c := range columns {
		if numbers[c.Name] == 0 {
			numbers[c.Name], names[c.Number] = c.Number, c.Name
		}
	}
	newest := map[string]schema.Column{}
	for _, c := range t.Columns {
		newest[c.Name], names[c.Number] = c, c.Name
	}
	rules := l.Names.Config.Shape.Of(t.Table)
	news := false
	for _, c := range r.PublishedColumns() {
		k, known := newest[c.Name]
		switch n := numbers[c.Name]; {
		case !rules.Keeps(c.Name) || slices.Contains(t.Snapshot.Excluded, c.Name):
		case n != 0 && n != c.Number:
			return nil, fmt.Sprintf("column %q was dropped and added again", c.Name), nil
		case known && !stage.KeepsValues(k, c.Postgres):
			return nil, fmt.Sprintf("column %q changed its type from %s to %s", c.Name, k.Postgres.Name, c.Postgres.Name), nil
		case names[c.Number] != "" && names[c.Number] != c.Name:
			news = true // renamed
		case n == 0 && stage.LeftOut(t.Snapshot, c.Name, c.Number, r.PublishedColumns()):
			return nil, fmt.Sprintf("column %q is an excluded column under another name", c.Name), nil
		case n == 0:
			news = true
		}
	}
	ahead := &ledger.TableAhead{Table: t.Table, Begin: t.Snapshot.Begin}
	if news {
		var reason string
		var err error
		if ahead, reason, err = stage.ColumnsAhead(ctx, conn, l.Source, rules, t, r); reason != "" || err != nil {
			return nil, reason, err
		}
	}
	now := ledger.Done{Columns: r.PublishedColumns(), PrimaryKey: r.PrimaryKey, Identity: r.Identity}
	key := ledger.SameNumbers(now.Key(), r.PublishedColumns(), t.Snapshot.Columns)
	for _, name := range key {
		if numbers[name] == 0 {
			return ahead, "", nil // not staged, or not yet
		}
	}
	return ahead, t.Snapshot.KeyChange(key), nil
}
