package verify

import (
	"context"
	"fmt"
	"slices"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Without changes, a table is as its source was at the table's full load, and
// the source has been written since. The rows that were not written since can
// still be compared. Postgres numbers transactions in order, and each version of
// a row has the number of the one that wrote it (xmin). All transactions below
// the xmin of the full load's snapshot had ended by then. So a row with a lower
// number was there, as it is now, and the target has to have it. Nothing is known
// of the other rows: they were written since, or shortly before.

// Loaded is the result of a table that was not compared, because the source
// altered or replaced it since the full load.
func Loaded(t *ledger.TableState, reason string) Result {
	return Result{Table: t.Table, Verdict: AsLoaded, Reason: reason, AsOf: &t.Begin.Taken}
}

// altered returns how the source altered a table's columns since its full load,
// or "".
func (v *Verifier) altered(t *ledger.TableState, relation *postgres.Relation) string {
	if t.Snapshot == nil || t.Snapshot.OID != relation.OID {
		return ""
	}
	columns, rules := relation.PublishedColumns(), v.Shape.Of(t.Table)
	for _, now := range columns {
		i := slices.IndexFunc(t.Snapshot.Columns, func(c schema.Column) bool { return c.Name == now.Name })
		switch {
		case i < 0 && rules.Keeps(now.Name), i >= 0 && t.Snapshot.Columns[i].Number != now.Number:
			return fmt.Sprintf("column %q was added or renamed since", now.Name)
		case i >= 0 && (t.Snapshot.Columns[i].Postgres.OID != now.Postgres.OID || t.Snapshot.Columns[i].Postgres.Typmod != now.Postgres.Typmod):
			return fmt.Sprintf("column %q has another type since", now.Name)
		}
	}
	now := ledger.Done{Columns: columns, PrimaryKey: relation.PrimaryKey, Identity: relation.Identity}
	if !slices.Equal(t.Snapshot.Key(), now.Key()) {
		return fmt.Sprintf("its key was %q, and is %q since", t.Snapshot.Key(), now.Key())
	}
	return ""
}

// compareSince is compare. If no changes follow the snapshot, it allows for what
// the source wrote since then.
func (c *comparison) compareSince(ctx context.Context, full bool) (Result, error) {
	r, err := c.compare(ctx, full)
	if err != nil || r.Verdict != Different || !c.v.Alone {
		return r, err
	}
	loaded := r
	loaded.Verdict, loaded.Differing, loaded.Differences = AsLoaded, 0, nil
	loaded.Reason = "the source was written since"
	old := *c
	if old.unwritten = unwritten(c.state.Begin.Snapshot, c.point.Visible); old.unwritten == "" {
		loaded.Reason = "the source is at an older state, or was written too often since to tell which of its rows are older"
		return loaded, nil
	}
	// A partition that was attached since may have older rows.
	relation := *c.relation
	if relation.Partitioned {
		relation.Leaves = slices.DeleteFunc(slices.Clone(relation.Leaves), func(l postgres.Leaf) bool {
			return !slices.Contains(c.state.Snapshot.Partitions, l.OID)
		})
	}
	old.relation = &relation
	if err := old.survey(ctx); err != nil {
		return Result{}, err
	}
	rest, err := old.cells(ctx)
	switch {
	case err != nil:
		return Result{}, err
	case rest.Verdict == Different:
		rest.SourceRows, rest.Reason = r.SourceRows, "rows that the source did not write since the full load"
		return rest, nil
	case c.sample == nil && rest.SourceRows == r.SourceRows && r.SourceRows == c.state.Snapshot.Rows:
		return r, nil // nothing was written since
	}
	return loaded, nil
}

// maxTransactions bounds how many transactions a row's number of 32 bits can be
// compared across.
const maxTransactions = 1 << 31

// unwritten is the condition that a row was not written since a snapshot, in the
// snapshot now; "" if that cannot be known. A number of 32 bits stands for the
// newest transaction that it fits. A row that is older than four billion
// transactions then seems newer, and is left out.
func unwritten(loaded, now schema.Snapshot) string {
	if now.Xmax < loaded.Xmin || now.Xmax-loaded.Xmin >= maxTransactions {
		return ""
	}
	return fmt.Sprintf("((%d - xmin::text::bigint) & 4294967295) > %d", now.Xmax, now.Xmax-loaded.Xmin)
}
