package replicate

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/postgres"
	"ingest/internal/schema"
	"ingest/internal/shape"
	"ingest/internal/stage"
)

type lsn = pglogrepl.LSN

// hidden looks for what logical decoding does not tell: names that belong to
// other tables than before, partitions that came or went with their rows, tables that left the
// publication. Each marks its table for a reload.
func (p *Pipeline) hidden(ctx context.Context, conn *pgx.Conn) ([]ledger.ReloadMark, error) {
	state := p.ledger.State()
	var oids []uint32
	for _, t := range state.Tables {
		if state.Current(t) {
			oids = append(oids, t.OID)
		}
	}
	relations, err := p.source.Catalog(ctx, conn, nil, append(oids, 0))
	if err != nil {
		return nil, err
	}
	pubs, err := p.source.Publications(ctx, conn, p.pubs.Names())
	if err != nil {
		return nil, err
	}
	byOID := map[uint32]*postgres.Relation{}
	for i := range relations {
		byOID[relations[i].OID] = &relations[i]
	}
	replaced, err := p.replaced(ctx, conn, state)
	if err != nil {
		return nil, err
	}
	heirs := state.ByOIDs()
	var marks []ledger.ReloadMark
	var seen []ledger.TableWitness
	for _, t := range state.Sorted() {
		if !state.Current(t) {
			continue
		}
		if err := p.agrees(state, t, byOID[t.OID]); err != nil {
			return nil, err
		}
		reason, r := replaced[t.Table], byOID[t.OID]
		if passedOver(t, r, heirs[t.OID], reason) {
			continue
		}
		if reason = cmp.Or(reason, strayed(state, t)); reason == "" {
			if reason, err = p.hiddenChange(ctx, conn, t, r, pubs); err != nil {
				return nil, err
			}
		}
		if reason != "" {
			// It came after the snapshot, wherever staging is.
			marks = append(marks, ledger.ReloadMark{Table: t.Table, LSN: max(state.Position, t.Begin.Fence+1), Reason: reason, Generation: t.Snapshot.Begin})
		} else {
			seen = append(seen, p.witness(t, r, pubs))
		}
	}
	p.seen.Set(seen)
	return marks, nil
}

// passedOver says that a table gets no mark whatever else is found: it has one, or
// it was dropped. Its log stays as it is then, and so does that under a name that
// the table had before. heir is what its relation is loaded as.
func passedOver(t *ledger.TableState, r *postgres.Relation, heir *ledger.TableState, replaced string) bool {
	return t.Reload != nil || replaced == "" && (r == nil || heir.Table != t.Table)
}

// agrees refuses to go on where a newer full load hides of a table what this
// run would show.
func (p *Pipeline) agrees(state *ledger.State, t *ledger.TableState, r *postgres.Relation) error {
	if r == nil {
		return nil
	}
	var names []string
	for _, c := range r.PublishedColumns() {
		names = append(names, c.Name)
	}
	return stage.Agrees(state, t.Table, p.config.Shape.Of(t.Table), names, p.began)
}

func (p *Pipeline) hiddenChange(ctx context.Context, conn *pgx.Conn, t *ledger.TableState, r *postgres.Relation, pubs map[string]*postgres.PublicationInfo) (string, error) {
	if !slices.ContainsFunc(p.pubs.Names(), func(n string) bool { return pubs[n] != nil && pubs[n].Has(r.OID) }) {
		return "the table is not in the publication any more", nil
	}
	now := postgres.PublishedBy(p.pubs, pubs, r.OID)
	if now.Membership != t.Snapshot.Membership {
		if reason := p.insertsOnlyNow(r, pubs); reason != "" {
			return reason, nil
		}
		return "the table was taken out of the publication and put back: changes in between were not sent", nil
	}
	if reason := altered(t.Witness, now.By, r); reason != "" {
		return reason, nil
	}
	if r.Persistence != "p" {
		return "the table became unlogged", nil
	}
	if i := slices.IndexFunc(r.Illegible, func(i postgres.Illegible) bool { return i.Column != 0 }); i >= 0 {
		return r.Illegible[i].String(), nil
	}
	if problems := p.misshaped(r, pubs); len(problems) > 0 {
		return "", failure.New(failure.Usage, "the configuration does not fit %s: %s", t.Table, problems[0].What).WithHint("%s", problems[0].Remedy)
	}
	as := *r
	as.Published = now
	reason, err := p.otherColumns(ctx, conn, t, &as)
	if reason = cmp.Or(reason, reshaped(p.config.Shape.Of(t.Table), &as, t)); reason != "" || err != nil {
		return reason, err
	}
	if !r.Partitioned {
		return "", nil
	}
	if _, attached := r.Arrived(t.Partitions); len(attached) > 0 {
		return fmt.Sprintf("partition %s was attached, and its rows were not sent", attached[0].Name), nil
	}
	leaves := postgres.LeafOIDs(r.Leaves)
	for _, oid := range t.Partitions {
		if !slices.Contains(leaves, oid) {
			return "a partition was detached or dropped, and its rows were not sent as deletes", nil
		}
	}
	return "", nil
}

// reshaped says how the configuration treats the table's columns in another way
// than when it was loaded: from now on changes follow it, but older rows do
// not.
func reshaped(rules *shape.Shape, r *postgres.Relation, t *ledger.TableState) string {
	known := map[string]schema.Column{}
	for _, c := range t.Columns {
		known[c.Name] = c
	}
	for _, c := range r.PublishedColumns() {
		k, ok := known[c.Name]
		switch now := rules.Column(c); {
		case !ok && rules.Keeps(c.Name) && slices.Contains(t.Snapshot.Excluded, c.Name):
			return fmt.Sprintf("column %q was excluded, and is not any more", c.Name)
		case !ok:
		case !rules.Keeps(c.Name):
			return fmt.Sprintf("column %q is excluded now, and rows that were loaded before have it", c.Name)
		case !k.Mask.Equal(now.Mask):
			return fmt.Sprintf("column %q is masked in another way now than in rows that were loaded before", c.Name)
		case k.Renamed != now.Renamed:
			return fmt.Sprintf("column %q is named %q now, and was %q", c.Name, now.Target(), k.Target())
		case k.Cast != now.Cast || now.Cast && !k.Type.Equal(now.Type):
			return fmt.Sprintf("column %q is to be %s now, and was loaded as %s", c.Name, now.Type, k.Type)
		}
	}
	return ""
}

// otherColumns says that a column, or the key, is another one than the log has,
// where the table's next change need not show it, or never comes.
func (p *Pipeline) otherColumns(ctx context.Context, conn *pgx.Conn, t *ledger.TableState, r *postgres.Relation) (string, error) {
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
		newest[c.Name] = c
	}
	rules := p.config.Shape.Of(t.Table)
	var added []string
	for _, c := range r.PublishedColumns() {
		k, known := newest[c.Name]
		switch n := numbers[c.Name]; {
		case !rules.Keeps(c.Name) || slices.Contains(t.Snapshot.Excluded, c.Name):
		case n != 0 && n != c.Number:
			return fmt.Sprintf("column %q was dropped and added again", c.Name), nil
		case known && !stage.KeepsValues(k, c.Postgres):
			return fmt.Sprintf("column %q changed its type from %s to %s", c.Name, k.Postgres.Name, c.Postgres.Name), nil
		case n == 0 && names[c.Number] != "":
			return fmt.Sprintf("column %q was renamed to %q", names[c.Number], c.Name), nil
		case n == 0 && stage.LeftOut(t.Snapshot, c.Name, c.Number, r.PublishedColumns()):
			return fmt.Sprintf("column %q is one that was left out, under another name", c.Name), nil
		case n == 0:
			added = append(added, c.Name)
		}
	}
	if reason, err := p.addedWithDefault(ctx, conn, t, r, added); reason != "" || err != nil {
		return reason, err
	}
	now := ledger.Done{Columns: r.PublishedColumns(), PrimaryKey: r.PrimaryKey, Identity: r.Identity}
	for _, name := range now.Key() {
		if numbers[name] == 0 {
			return "", nil // not staged, or not yet
		}
	}
	return t.Snapshot.KeyChange(now.Key()), nil
}

// addedWithDefault says that one of the columns, which the log does not have
// yet, has values in rows that were there before, or may have.
func (p *Pipeline) addedWithDefault(ctx context.Context, conn *pgx.Conn, t *ledger.TableState, r *postgres.Relation, columns []string) (string, error) {
	if len(columns) == 0 {
		return "", nil
	}
	attributes, err := p.source.Attributes(ctx, conn, r.OID)
	for _, name := range columns {
		if attributes.Columns[name].HasDefault {
			return fmt.Sprintf("column %q was added with a default, which older rows have too", name), err
		}
	}
	return stage.AddedReason(columns[0], t.Witness, postgres.Files(r.Leaves)), err
}
