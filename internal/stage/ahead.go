package stage

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
)

// ColumnsAhead returns the columns that a table has in the catalog, if some of
// them are new or renamed and no change has shown them yet. The result includes
// what stands in for these columns in the existing rows of the log. If that is
// unknown, ColumnsAhead returns a reason, and the table needs a full load. r is
// the table. Its Published field must be set.
func ColumnsAhead(ctx context.Context, conn *pgx.Conn, source *postgres.Source, rules *shape.Shape, t *ledger.TableState,
	r *postgres.Relation) (*ledger.TableAhead, string, error) {
	a := &ledger.TableAhead{Table: t.Table, Begin: t.Snapshot.Begin}
	known, names := t.Known(), map[int16]string{}
	for _, k := range known {
		names[k.Number] = k.Name
	}
	for _, k := range t.Columns {
		names[k.Number] = k.Name
	}
	var changes []Change
	for _, c := range r.PublishedColumns() {
		if !rules.Keeps(c.Name) {
			continue
		}
		col := rules.Column(c)
		was := names[c.Number]
		if was == c.Name {
			if i := slices.IndexFunc(t.Columns, func(k schema.Column) bool { return k.Name == c.Name }); i >= 0 {
				col = t.Columns[i]
			}
			a.Columns = append(a.Columns, col)
			continue
		}
		if reason := Obstacle(&col, was, known, t); reason != "" {
			return nil, reason, nil
		}
		var change Change
		var reason string
		if was != "" {
			change, reason = Renamed(&col, t.Columns)
		} else {
			catalog := source.Catalog(conn)
			attributes, err := catalog.Attributes(ctx, r.OID)
			if err != nil {
				return nil, "", err
			}
			missing, err := catalog.Missing(ctx, r.OID, c.Number)
			if err != nil {
				return nil, "", err
			}
			change, reason = Added(&col, attributes, missing, t)
		}
		if reason != "" {
			return nil, reason, nil
		}
		a.Columns, changes = append(a.Columns, col), append(changes, change)
	}
	if reason := valuesOf(a, changes, source, rules); reason != "" {
		return nil, reason, nil
	}
	return a, "", nil
}

// valuesOf decodes the values of changes like those of rows. It returns the
// reason if a value cannot be decoded.
func valuesOf(a *ledger.TableAhead, changes []Change, source *postgres.Source, rules *shape.Shape) string {
	decoders, err := source.Text.TextDecoders(a.Columns)
	if err != nil {
		return err.Error()
	}
	d, err := newRowDecoder(rules, a.Table, a.Columns, decoders, source.Text.Charset)
	if err != nil {
		return err.Error()
	}
	for _, c := range changes {
		birth, err := d.birth(&c)
		if err != nil {
			return unreadable(c.Birth.Column, err)
		}
		a.Births = append(a.Births, birth)
	}
	return ""
}

func unreadable(column string, err error) string {
	return fmt.Sprintf("column %q was added with a default that cannot be read: %s", column, err)
}
