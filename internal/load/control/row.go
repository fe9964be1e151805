package control

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/schema"
)

// row is a row of the control table, without what all rows of a load share.
type row struct {
	table       *ledger.TableState
	first, last int64 // entries
	full        bool  // includes the snapshot

	rows, snapshot int64
	ops            map[schema.Op]int64
	rescued        int64
	// mixed says that a snapshot contains some of the changes of an entry. The
	// ledger does not say how many of each operation, and what was rescued.
	mixed           bool
	segments, bytes int64
	summed          bool // some segments are only in a sum, which has no sizes
	from, to        pglogrepl.LSN
	committed       time.Time
}

// rowOf derives the row of a table that is loaded up to entry last. recorded is
// what the control table has of it. It returns nil if there is nothing to add.
func (k *Keeper) rowOf(ctx context.Context, whole *ledger.State, t *ledger.TableState, recorded *loads.Recorded, last int64) (*row, error) {
	d := t.Snapshot
	r := &row{table: t, first: d.Begin, last: last, full: true, ops: map[schema.Op]int64{}}
	if recorded != nil && recorded.Snapshot == d.Directory {
		if recorded.Entry >= last {
			return nil, nil
		}
		r.first, r.full = recorded.Entry+1, false
	}
	if divided(t, r.first, last) {
		unfolded, err := k.Ledger.Unfold(ctx, whole, t, r.first)
		if err != nil {
			return nil, err
		}
		t = unfolded
	}
	if r.full {
		r.rows, r.snapshot, r.to, r.committed = d.Rows, d.Rows, t.Begin.Fence, t.Begin.Taken
		r.segments, r.rescued = int64(len(d.Segments)), total(d.Rescued)
		for _, s := range d.Segments {
			r.bytes += s.Bytes
		}
	}
	for _, f := range t.Folded {
		if f.First >= r.first && f.Last <= last {
			visible := f.VisibleIn[d.Begin]
			r.summed = r.summed || f.Rows > visible
			r.count(f.Rows, visible, f.Ops, f.Rescued)
		}
	}
	for i := range t.Changes {
		if c := &t.Changes[i]; c.Entry >= r.first && c.Entry <= last {
			r.changes(c, d.Begin)
		}
	}
	return r, nil
}

// divided reports whether a sum of the ledger holds entries of the row and others.
func divided(t *ledger.TableState, first, last int64) bool {
	return slices.ContainsFunc(t.Folded, func(f ledger.FoldedChanges) bool {
		return f.First < first && f.Last >= first || f.First <= last && f.Last > last
	})
}

// changes adds the changes of one entry, without those that the snapshot contains.
func (r *row) changes(c *ledger.StagedChanges, begin int64) {
	rows, visible := int64(0), int64(0)
	for _, s := range c.Segments {
		rows += s.Rows
		if slices.Contains(s.VisibleIn, begin) {
			visible += s.Rows
			continue
		}
		r.segments++
		r.bytes += s.Bytes
	}
	if !r.full && r.from == 0 {
		r.from = c.Start
	}
	r.to = max(r.to, c.End)
	r.count(rows, visible, c.Rows, c.Rescued)
}

// count adds the rows of changes, of which the snapshot contains visible.
func (r *row) count(rows, visible int64, ops map[schema.Op]int64, rescued map[string]int64) {
	r.rows += rows - visible
	switch {
	case visible == rows:
	case visible > 0:
		r.mixed = true
	default:
		for op, n := range ops {
			r.ops[op] += n
		}
		r.rescued += total(rescued)
	}
}

func total(of map[string]int64) (sum int64) {
	for _, n := range of {
		sum += n
	}
	return sum
}

// values are the expressions of the row, in the order of columns.
func (k *Keeper) values(whole *ledger.State, r *row, l *Load) []string {
	count := func(n int64, known bool) string {
		if !known {
			return databricks.Null(schema.Type{Kind: schema.Int64})
		}
		return databricks.Bigint(n)
	}
	kind := "changes"
	if r.full {
		kind = "full_load"
	}
	text := databricks.Literal
	committed := databricks.Null(schema.Type{Kind: schema.TimestampUTC})
	if !r.committed.IsZero() {
		committed = databricks.Timestamp(r.committed)
	}
	origin := whole.Origin
	if origin == nil {
		origin = new(ledger.Origin)
	}
	return []string{
		text(k.Pipeline), text(whole.Ledger), text(origin.Database), text(origin.Slot), text(r.table.Table.String()),
		text(k.Target(r.table.Table).Display()), text(kind), databricks.Bigint(r.first), databricks.Bigint(r.last),
		text(r.table.Snapshot.Directory), databricks.Bigint(r.rows), databricks.Bigint(r.snapshot),
		count(r.ops[schema.OpInsert], !r.mixed), count(r.ops[schema.OpUpdate], !r.mixed), count(r.ops[schema.OpDelete], !r.mixed),
		count(r.ops[schema.OpTruncate], !r.mixed), count(r.rescued, !r.mixed), count(r.segments, !r.summed), count(r.bytes, !r.summed),
		count(int64(r.from), !r.full), databricks.Bigint(r.to), committed, text(k.Run), text(k.Version),
		databricks.Timestamp(l.Started), databricks.Timestamp(l.Finished),
	}
}
