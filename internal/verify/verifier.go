package verify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/fold"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
)

// maxMoves is the maximum number of consecutive key changes, each leaving the
// same column out, that a table may have and still be verified.
const maxMoves = 16

// Verifier compares tables. Several goroutines may call its methods, for
// different tables.
type Verifier struct {
	Source    *postgres.Source
	Warehouse *databricks.Warehouse
	// Target returns the bronze table of a source table.
	Target func(schema.TableName) databricks.Table
	// Shape has the rules that change columns; nil if none change.
	Shape *shape.Rules
	// Spool is a directory for hashes of rows: 32 bytes for each row of either
	// end. The files are removed afterwards.
	Spool string
	// Memory limits, in bytes, the hashes that are compared at once.
	Memory int64
	// Jobs is how many sessions read the source at once; 0 chooses a default.
	Jobs int
	// RangeBytes is about how much of a table one session reads at a time; 0 is
	// the default.
	RangeBytes int64
	// Sample, if set, restricts what is compared.
	Sample *Sample
	// Alone means that no changes follow the snapshots: a table is as its source
	// was then.
	Alone bool
	Log   *slog.Logger
	// Progress, if set, receives the number of rows read at the source or at the
	// target. Several goroutines call it.
	Progress func(table schema.TableName, source bool, rows int64)
}

// Point is the moment at which tables are compared. Until Close it holds a
// snapshot of the source open, and locks that prevent rewriting its tables.
type Point struct {
	// Fence is an insert LSN that was read after the snapshot was taken. So every
	// transaction that the snapshot shows has committed below it. Everything
	// below it must be loaded before Table.
	Fence   pglogrepl.LSN
	Visible schema.Snapshot
	Taken   time.Time // by the source's clock

	snapshot *postgres.Snapshot
	sessions chan struct{} // limits the sessions that read at once
}

// Close releases the snapshot and its locks.
func (p *Point) Close() error { return p.snapshot.Close() }

// Open takes a snapshot of the relations, at which tables are then compared.
// The caller must close the point. The error is postgres.ErrCatalogMoved if a
// relation has changed since it was read.
func (v *Verifier) Open(ctx context.Context, relations []*postgres.Relation) (*Point, error) {
	snapshot, err := v.Source.OpenSnapshot(ctx, relations)
	if err != nil {
		return nil, fmt.Errorf("open a point to verify at: %w", err)
	}
	readers, err := snapshot.Readers(ctx, v.Jobs, runtime.GOMAXPROCS(0))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open a point to verify at: %w", err), snapshot.Close())
	}
	return &Point{
		Fence: snapshot.Fence, Visible: snapshot.Visible, Taken: snapshot.Taken, snapshot: snapshot, sessions: make(chan struct{}, readers),
	}, nil
}

// Table compares one table. It compares aggregates of every column, or every
// cell if full is set or if aggregates would prove nothing. relation is the
// table in the source; Open got it. Its name may have changed since then, and
// its Published is set. A table that differs or cannot be verified is a result.
// An error means that an end could not be read.
func (v *Verifier) Table(ctx context.Context, p *Point, t *ledger.TableState, relation *postgres.Relation, full bool) (Result, error) {
	if v.Alone {
		if what := v.altered(t, relation); what != "" {
			return Loaded(t, what), nil
		}
	}
	c, reason := v.prepare(p, t, relation)
	if reason != "" {
		return Skip(t.Table, reason), nil
	}
	r, err := c.run(ctx, full)
	var refused *databricks.StatementError
	if errors.As(err, &refused) && refused.Class == "USER_RAISED_EXCEPTION" {
		return Skip(t.Table,
			fmt.Sprintf("a row changed its key more than %d times without one of its columns being sent: load the table in full", maxMoves)), nil
	}
	if databricks.NotFound(err) {
		return Skip(t.Table, "the table "+c.target.Display()+" is not there: run a full load"), nil
	}
	if err == nil {
		// The session's locks prevent a rewrite of the table only while the
		// session lives. After a rewrite the snapshot would see other rows.
		err = p.snapshot.Alive(ctx)
	}
	if err != nil {
		return Result{}, fmt.Errorf("verify %s: %w", t.Table, err)
	}
	r.Table = t.Table
	if v.Alone {
		r.AsOf = &t.Begin.Taken
	}
	if len(c.retyped) > 0 && r.Verdict == Different {
		r.Verdict = NotVerified
		r.Reason = fmt.Sprintf(
			"it differs, but column %q changed its type, and values from before need not have the same text: load the table in full", c.retyped[0])
	}
	return r, nil
}

// comparison is the comparison of one table.
type comparison struct {
	v        *Verifier
	point    *Point
	relation *postgres.Relation
	state    *ledger.TableState
	target   databricks.Table
	table    fold.Table // columns of the source, with the types of the target
	key      []int      // places of the key's columns; all columns in a multiset
	rules    *shape.Shape
	retyped  []string // columns whose type in the target is older than the source's
	options  fold.Options
	sample   *sampled // nil: all rows
	// unwritten restricts the source's rows to those that it did not write since
	// the full load; rows that only the target has then count for nothing.
	unwritten string
}

// prepare returns the comparison, or the reason why there can be none.
func (v *Verifier) prepare(p *Point, t *ledger.TableState, relation *postgres.Relation) (*comparison, string) {
	switch {
	case t.Snapshot == nil:
		return nil, "it has not been loaded: run a full load"
	case t.Reload != nil:
		return nil, "a full load is needed since " + t.Reload.LSN.String() + ": " + t.Reload.Reason
	case t.Snapshot.OID != relation.OID:
		return nil, "the table was dropped and made again: run a full load"
	}
	c := &comparison{v: v, point: p, relation: relation, state: t, target: v.Target(t.Table), rules: v.Shape.Of(t.Table)}
	known := t.Known()
	for _, k := range t.Newest() {
		known[k.Name] = k
	}
	for _, col := range relation.PublishedColumns() {
		if !c.rules.Keeps(col.Name) {
			continue
		}
		k, ok := known[col.Name]
		if !ok {
			return nil, fmt.Sprintf("column %q is new, and no row has changed since", col.Name)
		}
		if !c.rules.Column(col).Type.Equal(k.Type) {
			c.retyped = append(c.retyped, col.Name)
		}
		col.Type, col.Renamed, col.Mask = k.Type, k.Renamed, k.Mask
		c.table.Columns = append(c.table.Columns, col)
	}
	now := ledger.Done{Columns: relation.PublishedColumns(), PrimaryKey: relation.PrimaryKey, Identity: relation.Identity}
	c.table.Births = fold.BirthsOf(t, c.table.Columns, func(string) bool { return true })
	c.table.Key = ledger.SameNumbers(t.Snapshot.Key(), t.Snapshot.Columns, relation.PublishedColumns())
	if !slices.Equal(c.table.Key, now.Key()) {
		return nil, fmt.Sprintf("its key was %q when it was loaded and is %q now: run a full load", c.table.Key, now.Key())
	}
	for i, col := range c.table.Columns {
		if len(c.table.Key) == 0 || slices.Contains(c.table.Key, col.Name) {
			c.key = append(c.key, i)
		}
	}
	if v.Sample != nil && len(c.orderedKey()) == 0 {
		return nil, c.unsampled()
	}
	c.options = fold.Options{From: t.Snapshot.Begin, Visible: &p.Visible, Numbered: true}
	if v.Alone {
		c.options.Visible = nil
	}
	return c, ""
}

func (c *comparison) run(ctx context.Context, full bool) (Result, error) {
	if c.v.Sample == nil {
		return c.compareSince(ctx, full)
	}
	if err := c.take(ctx, *c.v.Sample); err != nil {
		return Result{}, err
	}
	r, err := c.compareSince(ctx, full)
	r.Sample = &c.sample.result
	if r.Verdict == Equal {
		r.Verdict = c.sample.result.equal()
	}
	return r, err
}

// compare compares all rows, or the sample's.
func (c *comparison) compare(ctx context.Context, full bool) (Result, error) {
	if !full && c.aggregable() {
		if r, err := c.aggregates(ctx); err != nil || r.Verdict == Equal || c.exact() {
			return r, err
		}
	}
	if err := c.survey(ctx); err != nil {
		return Result{}, err
	}
	return c.cells(ctx)
}

// survey asks the log what the fold has to follow.
func (c *comparison) survey(ctx context.Context) error {
	answer, err := c.v.Warehouse.Query(ctx, fold.Survey(c.target, c.options))
	if err != nil {
		return err
	}
	unchanged, err := answer.Int(0, "unchanged")
	if err != nil {
		return err
	}
	moves, err := answer.Int(0, "moves")
	c.options = c.options.Surveyed(unchanged, moves, maxMoves)
	return err
}

func (c *comparison) progress(source bool, rows int64) {
	if c.v.Progress != nil {
		c.v.Progress(c.state.Table, source, rows)
	}
}
