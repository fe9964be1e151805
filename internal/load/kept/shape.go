package kept

import (
	"slices"
	"strconv"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/fold"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/schema"
)

// fold describes the table to the statements that maintain it.
func (k *Table) fold(births *births) *fold.Kept {
	d := k.log.State.Snapshot
	f := &fold.Kept{
		Log: k.log.Target, Data: k.Data, Table: fold.Table{Key: k.Key}, Except: k.Except,
		Snapshot: fold.Snapshot{Directory: d.Directory, Begin: d.Begin, Rows: d.Rows},
	}
	now := map[string]bool{}
	for _, c := range k.log.State.Columns {
		if k.log.Columns.Has(c.Target()) {
			f.Table.Columns = append(f.Table.Columns, c)
			f.Table.Births = append(f.Table.Births, births.of[c.Target()]...)
			now[schema.FoldCase(c.Target())] = true
		}
	}
	for _, c := range k.columns {
		name := schema.FoldCase(c.Name)
		if now[name] || schema.IsMeta(c.Name) || fold.IsColumn(c.Name) {
			continue
		}
		former := fold.Former{Column: schema.Column{Name: c.Name, Type: k.types[name]}, InLog: k.log.Columns.Has(c.Name)}
		if was, ok := k.log.State.Former(c.Name); ok && former.InLog {
			former.Name, former.Renamed, former.Number = was.Name, was.Renamed, was.Number
			f.Table.Births = append(f.Table.Births, births.former(former.Column)...)
		}
		if gone, ok := k.log.State.GoneSince(c.Name); ok {
			former.Entry, former.LSN = gone.Entry, int64(gone.LSN)
		}
		if former.Type.Kind != schema.Invalid { // else the column belongs to somebody else
			f.Former = append(f.Former, former)
		}
	}
	return f
}

// shown describes the table to its view. The view has the columns of a view of
// the log, including those that no log row has yet. It reads these as rows from
// before their birth.
func (k *Table) shown() *fold.Kept {
	f := &fold.Kept{Data: k.Data, Table: fold.Table{Key: k.Key}}
	now, all := map[string]bool{}, byColumn(fold.BirthsOf(k.log.State, k.log.State.Newest(), k.types.Has))
	for _, c := range k.log.State.Newest() {
		births := slices.DeleteFunc(all[c.Target()], func(b fold.Birth) bool {
			return !b.Open || b.From != "" && !k.types.Has(b.From)
		})
		if len(births) == 0 && !k.types.Has(c.Target()) {
			continue
		}
		f.Table.Births = append(f.Table.Births, births...)
		f.Table.Columns = append(f.Table.Columns, c)
		now[schema.FoldCase(c.Target())] = true
	}
	for _, c := range k.columns {
		if name := schema.FoldCase(c.Name); !now[name] && !schema.IsMeta(c.Name) && !fold.IsColumn(c.Name) &&
			k.types[name].Kind != schema.Invalid {
			f.Former = append(f.Former, fold.Former{Column: schema.Column{Name: c.Name, Type: k.types[name]}})
		}
	}
	return f
}

// options are the clauses of the statement that creates the table.
func (k *Table) options(f *fold.Kept) databricks.TableOptions {
	o := databricks.TableOptions{Comment: k.log.State.Snapshot.Comment, ClusterBy: clusterColumns(f.Table), Properties: map[string]string{
		bronze.PropertyLedger: k.log.Whole.Ledger, bronze.PropertyPipeline: k.keeper.Files.Root(), PropertyKept: string(k.Kind),
		PropertyLog:                      k.log.State.Table.String(),
		"delta.enableDeletionVectors":    "true",
		"delta.dataSkippingStatsColumns": bronze.Skipping(f.Table.Columns, f.Table.Key, schema.MetaOp, schema.MetaEntry, fold.PositionSnapshot),
	}}
	if k.Feed {
		o.Properties[propertyFeed], o.Properties[propertyOurFeed] = "true", "true"
	}
	return o
}

// clusterColumns lists the key columns that a table can be clustered by.
func clusterColumns(t fold.Table) []string {
	var names []string
	for _, c := range t.Columns {
		if slices.Contains(t.Key, c.Name) && bronze.HasStatistics(c) && len(names) < databricks.MaxClusterColumns {
			names = append(names, c.Target())
		}
	}
	return names
}

func (k *Table) batch(from fold.Position, to int64) fold.Batch {
	return fold.Batch{From: from, To: to, Truncates: k.log.Truncates(from.Entry), Moves: k.moves, Loaded: k.keeper.Now()}
}

// entries names the entries after from, up to to.
func entries(from, to int64) string {
	return strconv.FormatInt(from+1, 10) + "-" + strconv.FormatInt(to, 10)
}
