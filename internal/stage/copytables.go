package stage

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
	"github.com/ingest-tool/ingest/internal/vector"
)

// A batch goes to the encoder at this many rows, or at a size that is derived
// from the budget and lies between these limits.
const (
	batchRows     = 64 << 10
	minBatchBytes = 32 << 10
	maxBatchBytes = 2 << 20
)

// tableCopy is one table of a group while its ranges are copied.
type tableCopy struct {
	relation *postgres.Relation
	done     *ledger.Done // as far as it is known
	shape    *shape.Shape
	columns  []schema.Column // the staged columns
	begin    int64
	dir      string

	mu       sync.Mutex
	pending  int // ranges with rows that are not in uploaded segments yet
	segments []ledger.Segment
	rescued  map[string]int64
	failed   error
	result   *TableResult
}

// work is one range of one table.
type work struct {
	table *tableCopy
	r     postgres.Range
}

// Describe returns the done entry of a relation's snapshot, as far as it is
// known before the snapshot is taken.
func Describe(rules *shape.Rules, r *postgres.Relation) *ledger.Done {
	of, published := rules.Of(r.Name), r.PublishedColumns()
	d := &ledger.Done{
		Table: r.Name, OID: r.OID, Columns: of.Columns(published), Highest: r.Highest, Excluded: of.Excluded(published),
		PrimaryKey: r.PrimaryKey, Identity: r.Identity, Membership: r.Published.Membership, Comment: r.Comment,
	}
	for _, c := range d.Columns {
		if text, ok := r.Comments[c.Name]; ok {
			if d.Comments == nil {
				d.Comments = map[string]string{}
			}
			d.Comments[c.Name] = text
		}
	}
	if r.Partitioned {
		d.Partitions = postgres.LeafOIDs(r.Leaves)
	}
	d.Witness = WitnessOf(r)
	return d
}

// copyTables reads the group's tables, several ranges concurrently. It appends
// a done entry for each table as soon as the table is complete.
func (s *Stager) copyTables(ctx context.Context, snap *postgres.Snapshot, begin *ledger.Entry, relations []postgres.Relation,
	guard ledger.Guard) ([]TableResult, error) {
	results := make([]TableResult, len(relations))
	var queue []work
	for i := range relations {
		r := &relations[i]
		results[i] = TableResult{Table: r.Name, started: s.Options.Now(), Entry: begin.Number}
		t := &tableCopy{relation: r, shape: s.Shape.Of(r.Name), begin: begin.Number, result: &results[i], rescued: map[string]int64{},
			dir: SnapshotDirectory(s.Options.Run, r.Name, begin.Number), done: Describe(s.Shape, r)}
		t.columns = t.done.Columns
		ranges := postgres.Ranges(r.Leaves, s.Options.RangeBytes)
		t.pending, results[i].Ranges = len(ranges), len(ranges)
		if len(ranges) == 0 { // a partitioned table without partitions
			if err := s.complete(ctx, t, snap, guard); err != nil {
				return results, err
			}
		}
		for _, rg := range ranges {
			queue = append(queue, work{t, rg})
		}
	}
	jobs := make(chan work)
	workers, err := snap.Readers(ctx, s.Options.Jobs, runtime.GOMAXPROCS(0))
	if err != nil {
		return results, err
	}
	memory := s.Options.Memory / int64(2*workers)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(jobs)
		for _, w := range queue {
			select {
			case jobs <- w:
			case <-gctx.Done():
				return gctx.Err()
			}
		}
		return nil
	})
	for range min(workers, len(queue)) {
		g.Go(func() error { return s.copyWorker(gctx, snap, jobs, memory, guard) })
	}
	err = g.Wait()
	return results, errors.Join(err, s.Spool.Tidy())
}

// copyWorker copies ranges until there are no more. Consecutive ranges of one
// table go into the same segments. memory is the budget of its encoder.
func (s *Stager) copyWorker(ctx context.Context, snap *postgres.Snapshot, jobs <-chan work, memory int64, guard ledger.Guard) error {
	var conn *pgx.Conn
	var c *rangeCopier
	defer func() {
		if conn != nil {
			_ = conn.Close(context.WithoutCancel(ctx))
		}
		if c != nil {
			c.abort()
		}
	}()
	for w := range jobs {
		if c != nil && c.table != w.table {
			leaving := c
			c = nil
			if err := s.leave(ctx, leaving, snap, guard); err != nil {
				return err
			}
		}
		if conn == nil || conn.IsClosed() {
			var err error
			if conn, err = snap.Join(ctx); err != nil {
				return err
			}
		}
		if c == nil {
			c = s.newRangeCopier(ctx, w.table, memory)
		}
		if err := c.copy(ctx, snap, conn, w.r); err != nil {
			if ctx.Err() != nil {
				return err
			}
			c.fail(err)
			_ = conn.Close(context.WithoutCancel(ctx)) // this aborts its transaction
		}
	}
	if leaving := c; leaving != nil {
		c = nil
		return s.leave(ctx, leaving, snap, guard)
	}
	return nil
}

// leave ends a worker's part of a table. The last worker to leave completes the
// table.
func (s *Stager) leave(ctx context.Context, c *rangeCopier, snap *postgres.Snapshot, guard ledger.Guard) error {
	err := c.finish()
	if err != nil && ctx.Err() != nil {
		return err
	}
	t := c.table
	t.mu.Lock()
	if err != nil && t.failed == nil {
		t.failed = err
	}
	t.pending -= c.ranges
	last := t.pending == 0
	t.mu.Unlock()
	if !last {
		return nil
	}
	return s.complete(ctx, t, snap, guard)
}

// complete appends the table's done or abandoned entry.
func (s *Stager) complete(ctx context.Context, t *tableCopy, snap *postgres.Snapshot, guard ledger.Guard) error {
	r := t.relation
	defer func() {
		if t.result.Done != nil || ctx.Err() == nil { // else the end of the run cut it off, and it has not failed
			s.Watch.ended(r.Name, t.result.Done != nil)
		}
	}()
	t.result.Took = s.Options.Now().Sub(t.result.started)
	if t.failed == nil {
		t.failed = snap.Alive(ctx)
	}
	if t.failed != nil {
		t.result.Err = fmt.Errorf("snapshot of %s: %w", r.Name, t.failed)
		s.Log.Error("the snapshot failed", "table", r.Name.String(), "error", t.failed)
		_, err := s.appendDecided(ctx, &ledger.Abandoned{Begin: t.begin, Tables: []schema.TableName{r.Name}, Reason: t.failed.Error()}, guard)
		return err
	}
	done := t.done
	done.Begin, done.Directory, done.Segments = t.begin, t.dir, t.segments
	for _, seg := range t.segments {
		done.Rows += seg.Rows
	}
	if len(t.rescued) > 0 {
		done.Rescued = t.rescued
	}
	entry, err := s.appendDecided(ctx, done, guard)
	if err != nil {
		return err
	}
	t.result.Done = entry.Done
	return nil
}

// rangeCopier decodes ranges of one table on one goroutine and feeds an
// encoder.
type rangeCopier struct {
	stager  *Stager
	table   *tableCopy
	columns []schema.Column
	dec     rowDecoder
	encoder *encoder
	out     *output
	meta    snapshotMeta
	batch   *vector.Batch
	seq     int64
	ranges  int
	bytes   int64
	err     error
}

func (s *Stager) newRangeCopier(ctx context.Context, t *tableCopy, memory int64) *rangeCopier {
	c := &rangeCopier{stager: s, table: t, columns: t.columns}
	c.out = &output{
		layout: snapshotLayout(c.columns),
		name:   func() string { return s.nextSegment(t.dir) },
		finish: func(seg ledger.Segment) {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.segments = append(t.segments, seg)
		},
	}
	c.meta = bindSnapshot(c.out.layout, len(c.columns))
	c.encoder = s.newEncoder(ctx, memory, false)
	c.batch = c.encoder.batch(c.out)
	decoders, err := s.Source.Text.Decoders(c.columns)
	if err == nil {
		c.dec, err = newRowDecoder(t.shape, t.relation.Name, c.columns, decoders, s.Source.Text.Charset)
	}
	c.err = err
	return c
}

// copy reads one range.
func (c *rangeCopier) copy(ctx context.Context, snap *postgres.Snapshot, conn *pgx.Conn, r postgres.Range) error {
	c.ranges++
	c.table.mu.Lock()
	failed := c.table.failed
	c.table.mu.Unlock()
	if c.err != nil || failed != nil {
		return c.err
	}
	c.seq = int64(r.Number) << 40
	err := snap.CopyRange(ctx, conn, c.columns, c.table.relation.Published.Filter, r, c.row)
	return errors.Join(err, c.encoder.failed())
}

// row appends one tuple to the batch.
func (c *rangeCopier) row(fields [][]byte) error {
	for i, wire := range fields {
		if err := c.dec.append(c.batch.Columns[i], i, wire); err != nil {
			c.batch.Truncate(c.batch.Rows())
			return err
		}
		c.bytes += int64(len(wire))
	}
	c.appendMeta()
	c.seq++
	rows := c.batch.Rows()
	full := int(c.encoder.batchBytes)
	if rows >= batchRows || rows&255 == 0 && c.batch.Size() >= full || c.bytes >= c.encoder.batchBytes {
		return c.flush()
	}
	return nil
}

// appendMeta appends the metadata columns.
func (c *rangeCopier) appendMeta() {
	c.batch.Columns[c.meta.seq].AppendInt64(c.seq)
	c.dec.finishRow(c.batch.Columns[c.meta.rescued])
}

func (c *rangeCopier) flush() error {
	c.stager.Watch.copied(c.table.relation.Name, int64(c.batch.Rows()), c.bytes)
	c.bytes = 0
	c.encoder.write(c.out, c.batch, 0, 0)
	c.batch = c.encoder.batch(c.out)
	return c.encoder.failed()
}

func (c *rangeCopier) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// finish encodes and uploads the remaining rows and adds its counts to the
// table's.
func (c *rangeCopier) finish() error {
	if c.err == nil {
		c.stager.Watch.copied(c.table.relation.Name, int64(c.batch.Rows()), c.bytes)
		c.encoder.closeOutput(c.out, c.batch, 0, 0)
	} else {
		c.encoder.closeOutput(c.out, nil, 0, 0)
	}
	err := errors.Join(c.err, c.encoder.wait())
	c.table.mu.Lock()
	defer c.table.mu.Unlock()
	for name, n := range c.dec.rescued {
		c.table.rescued[name] += n
	}
	return err
}

// abort ends the encoder. The segments that it has written remain as orphans.
func (c *rangeCopier) abort() {
	c.encoder.closeOutput(c.out, nil, 0, 0)
	_ = c.encoder.wait()
}
