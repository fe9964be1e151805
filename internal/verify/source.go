package verify

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// errEnough ends a reading early.
var errEnough = errors.New("enough")

func ignoreEnough(err error) error {
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

const (
	// rangeBytes is how much of a table one COPY reads, unless RangeBytes is set.
	rangeBytes = 256 << 20
	// batchBytes is about how much text a session passes to a worker at once.
	batchBytes = 256 << 10
)

// rowReader receives the cells of a row. They are valid during the call.
type rowReader func(cells [][]byte) error

// one returns a reader for a single worker.
func one(row rowReader) func(int, []*codec) rowReader {
	return func(int, []*codec) rowReader { return row }
}

// sourceRows reads the source's rows in the point's snapshot. Several sessions
// read ranges of its leaves in COPY's text format. Workers split the text into
// cells and make them canonical. open creates each worker's reader. With one
// worker, the reading ends early and without an error if its reader returns
// errEnough.
func (c *comparison) sourceRows(ctx context.Context, workers int, open func(worker int, codecs []*codec) rowReader) error {
	var readers []*textRows
	for i := range workers {
		codecs, err := c.codecs()
		if err != nil {
			return err
		}
		readers = append(readers, newTextRows(codecs, c.v.Source.Text.Charset, open(i, codecs)))
	}
	ranges := make(chan postgres.Range)
	r := &reading{c: c, full: make(chan *bytes.Buffer), empty: make(chan *bytes.Buffer, 2*workers)}
	group, ctx := errgroup.WithContext(ctx)
	all := c.ranges()
	group.Go(func() error {
		defer close(ranges)
		for _, rg := range all {
			select {
			case ranges <- rg:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	sessions := min(len(all), cap(c.point.sessions))
	var reading atomic.Int64
	reading.Store(int64(sessions))
	if sessions == 0 {
		close(r.full)
	}
	for range sessions {
		group.Go(func() error {
			err := r.copy(ctx, ranges)
			if reading.Add(-1) == 0 {
				close(r.full)
			}
			return err
		})
	}
	for _, rows := range readers {
		group.Go(func() error { return r.work(ctx, rows) })
	}
	return group.Wait()
}

// reading is one reading of the source. full passes whole rows from sessions to
// workers. empty returns the buffers.
type reading struct {
	c           *comparison
	full, empty chan *bytes.Buffer
	enough      atomic.Bool
}

// copy reads ranges in one session.
func (r *reading) copy(ctx context.Context, ranges <-chan postgres.Range) error {
	select {
	case r.c.point.sessions <- struct{}{}:
		defer func() { <-r.c.point.sessions }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close(context.WithoutCancel(ctx))
		}
	}()
	for rg := range ranges {
		if r.enough.Load() {
			continue
		}
		if conn == nil {
			var err error
			if conn, err = r.c.point.snapshot.Join(ctx); err != nil {
				return err
			}
		}
		b := &batcher{reading: r, ctx: ctx, leaf: rg.Leaf, buf: r.buffer()}
		rows, err := r.c.point.snapshot.CopyText(ctx, conn, r.c.table.Columns, rg, b, r.c.conditions()...)
		if err == nil {
			err = b.end(rows)
		}
		if errors.Is(err, errEnough) {
			_ = conn.Close(context.WithoutCancel(ctx))
			conn, err = nil, nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// conditions select the rows that are compared.
func (c *comparison) conditions() []string {
	if c.sample != nil {
		return []string{c.relation.Published.Filter, c.sample.source, c.unwritten}
	}
	return []string{c.relation.Published.Filter, c.unwritten}
}

// ranges lists the ranges that are read at once: parts of large leaves. For a
// sample they are whole leaves, because the key finds its rows.
func (c *comparison) ranges() []postgres.Range {
	if c.sample != nil {
		return postgres.Ranges(c.relation.Leaves, math.MaxInt64)
	}
	return postgres.Ranges(c.relation.Leaves, cmp.Or(c.v.RangeBytes, rangeBytes))
}

// buffer returns an empty buffer.
func (r *reading) buffer() *bytes.Buffer {
	select {
	case b := <-r.empty:
		return b
	default:
		return bytes.NewBuffer(make([]byte, 0, batchBytes+batchBytes/4))
	}
}

// recycle returns a buffer for reuse. It drops one that a large value has
// grown.
func (r *reading) recycle(b *bytes.Buffer) {
	if b.Cap() > 4*batchBytes {
		return
	}
	b.Reset()
	select {
	case r.empty <- b:
	default:
	}
}

// batcher collects the text of a COPY and passes it on in whole rows.
type batcher struct {
	*reading
	ctx  context.Context //nolint:containedctx // of an io.Writer's calls
	leaf schema.TableName
	buf  *bytes.Buffer
	rows int64
}

// Write takes the next part of the stream, of any size.
func (b *batcher) Write(p []byte) (int, error) {
	if b.enough.Load() {
		return 0, errEnough
	}
	b.buf.Write(p)
	b.rows += int64(bytes.Count(p, newline))
	if b.buf.Len() < batchBytes {
		return len(p), nil
	}
	return len(p), b.hand()
}

var newline = []byte{'\n'} // ends a row, and is escaped in a value

// hand passes the whole rows to a worker and keeps the rest.
func (b *batcher) hand() error {
	whole := bytes.LastIndexByte(b.buf.Bytes(), '\n') + 1
	if whole == 0 {
		return nil
	}
	next := b.buffer()
	next.Write(b.buf.Bytes()[whole:])
	b.buf.Truncate(whole)
	select {
	case b.full <- b.buf:
		b.buf = next
		return nil
	case <-b.ctx.Done():
		return b.ctx.Err()
	}
}

// end passes the rest on, after the server has sent the number of rows.
func (b *batcher) end(rows int64) error {
	if err := b.hand(); err != nil {
		return err
	}
	if b.buf.Len() > 0 || b.rows != rows {
		return fmt.Errorf("copy %s: the stream has %d rows and %d bytes of another, and the server counted %d", b.leaf, b.rows, b.buf.Len(), rows)
	}
	return nil
}

// work processes rows until there are no more. After errEnough it discards
// them, so that no session waits for it.
func (r *reading) work(ctx context.Context, rows *textRows) error {
	for {
		select {
		case b, more := <-r.full:
			if !more {
				return nil
			}
			if !r.enough.Load() {
				n, err := rows.take(b.Bytes())
				r.c.progress(true, n)
				if errors.Is(err, errEnough) {
					r.enough.Store(true)
				} else if err != nil {
					return err
				}
			}
			r.recycle(b)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
