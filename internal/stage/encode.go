package stage

import (
	"context"
	"errors"
	"sync"

	"github.com/jackc/pglogrepl"
	"golang.org/x/sync/errgroup"

	"ingest/internal/ledger"
	"ingest/internal/segment"
	"ingest/internal/vector"
)

// uploads at once, of one output.
const uploaders = 4

// output is a sequence of segments of one layout and one purpose. Its fields
// from writer on belong to the encoder's goroutine.
type output struct {
	layout *vector.Layout
	name   func() string // a new path for each segment
	// visibleIn goes into each segment as it is.
	visibleIn []int64
	// finish gets each segment once it is uploaded; calls may overlap.
	finish func(ledger.Segment)

	writer      *segment.Writer
	dict        []bool
	first, last pglogrepl.LSN // commits in the open segment
}

// encoder turns batches into segments on a goroutine of its own and uploads
// them on others. One goroutine feeds it.
type encoder struct {
	stager *Stager
	ctx    context.Context
	group  *errgroup.Group
	jobs   chan job
	done   chan struct{}
	// rowGroupBytes bounds the encoded pages of all open row groups.
	rowGroupBytes int64
	slots         chan struct{} // one for each upload under way

	mu   sync.Mutex
	free map[*vector.Layout][]*vector.Batch
	err  error
}

type job struct {
	out   *output
	batch *vector.Batch // nil: only close
	close bool
	// first and last are the commits of the batch's first and last row, 0 for
	// rows of a snapshot.
	first, last pglogrepl.LSN
}

// newEncoder starts an encoder. wait must be called, also after an error.
// Where spooling is set, slow uploads never hold back the feeder: segments wait
// on the spool.
func (s *Stager) newEncoder(ctx context.Context, rowGroupBytes int64, spooling bool) *encoder {
	group, gctx := errgroup.WithContext(ctx)
	if !spooling {
		group.SetLimit(uploaders)
	}
	e := &encoder{
		slots:  make(chan struct{}, uploaders),
		stager: s, ctx: gctx, group: group, jobs: make(chan job, 1), done: make(chan struct{}),
		rowGroupBytes: rowGroupBytes, free: map[*vector.Layout][]*vector.Batch{},
	}
	go e.run()
	return e
}

// batch gives an empty batch of the output's layout.
func (e *encoder) batch(o *output) *vector.Batch {
	e.mu.Lock()
	defer e.mu.Unlock()
	if list := e.free[o.layout]; len(list) > 0 {
		b := list[len(list)-1]
		e.free[o.layout] = list[:len(list)-1]
		return b
	}
	return vector.NewBatch(o.layout)
}

// write hands a batch over; the caller must not use it again. first and last
// are the commit LSNs of its rows.
func (e *encoder) write(o *output, b *vector.Batch, first, last pglogrepl.LSN) {
	e.jobs <- job{out: o, batch: b, first: first, last: last}
}

// closeOutput ends the output's open segment, if any.
func (e *encoder) closeOutput(o *output) { e.jobs <- job{out: o, close: true} }

// wait ends the encoder: all batches are encoded, all segments uploaded.
// Outputs must be closed before.
func (e *encoder) wait() error {
	close(e.jobs)
	<-e.done
	uploadErr := e.group.Wait()
	return errors.Join(e.failed(), uploadErr)
}

func (e *encoder) failed() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

func (e *encoder) fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err == nil {
		e.err = err
	}
}

func (e *encoder) run() {
	defer close(e.done)
	open := map[*output]bool{}
	for j := range e.jobs {
		if e.failed() == nil && e.ctx.Err() == nil {
			if err := e.handle(j, open); err != nil {
				e.fail(err)
			}
		}
		if j.batch != nil {
			j.batch.Reset()
			e.mu.Lock()
			e.free[j.out.layout] = append(e.free[j.out.layout], j.batch)
			e.mu.Unlock()
		}
	}
	for o := range open { // only after an error
		_ = o.writer.Discard()
		o.writer = nil
	}
}

func (e *encoder) handle(j job, open map[*output]bool) error {
	o := j.out
	if j.batch != nil && j.batch.Rows() > 0 {
		if o.writer == nil {
			if o.dict == nil {
				o.dict = dictionaries(j.batch)
			}
			w, err := e.stager.Spool.NewWriter(o.layout, o.dict)
			if err != nil {
				return err
			}
			o.writer, o.first = w, j.first
			open[o] = true
		}
		o.last = j.last
		if err := o.writer.Write(j.batch); err != nil {
			return err
		}
		if err := e.bound(open); err != nil {
			return err
		}
	}
	if o.writer != nil && (j.close || o.writer.Bytes() >= e.stager.Options.SegmentBytes) {
		delete(open, o)
		return e.finish(o)
	}
	return nil
}

// bound closes the largest open row groups until all of them fit the budget.
func (e *encoder) bound(open map[*output]bool) error {
	for {
		var total int64
		var largest *segment.Writer
		for o := range open {
			total += o.writer.Buffered()
			if largest == nil || o.writer.Buffered() > largest.Buffered() {
				largest = o.writer
			}
		}
		if total <= e.rowGroupBytes || largest.Buffered() == 0 {
			return nil
		}
		if err := largest.EndRowGroup(); err != nil {
			return err
		}
	}
}

// finish closes the open segment and uploads it in the background.
func (e *encoder) finish(o *output) error {
	w := o.writer
	o.writer = nil
	file, err := w.Close()
	if err != nil {
		return err
	}
	name := o.name()
	first, last := o.first, o.last
	e.group.Go(func() error {
		e.slots <- struct{}{}
		defer func() { <-e.slots }()
		seg, err := e.stager.upload(e.ctx, name, file)
		if err != nil {
			return err
		}
		seg.First, seg.Last, seg.VisibleIn = first, last, o.visibleIn
		o.finish(seg)
		return nil
	})
	return nil
}

// A dictionary is worth trying for columns that repeat in the first batch.
const dictionarySample = 4096

func dictionaries(b *vector.Batch) []bool {
	dict := make([]bool, len(b.Columns))
	for i, c := range b.Columns {
		dict[i] = c.Repeats(dictionarySample)
	}
	return dict
}
