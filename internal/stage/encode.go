package stage

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/segment"
	"github.com/ingest-tool/ingest/internal/vector"
)

// output is a sequence of segments with one layout and one purpose. The fields
// from writer on belong to the encoder's goroutine.
type output struct {
	layout *vector.Layout
	name   func() string // returns a new path for each segment
	// visibleIn is copied into each segment.
	visibleIn []int64
	// allowed returns why a segment must not be uploaded, by the ledger as it
	// was read after the segment's last row. nil allows all segments.
	allowed func(*ledger.State) error
	// finish is called with each uploaded segment. Calls may overlap.
	finish func(ledger.Segment)

	// Rows are either in the spill or in the open segment, never in both.
	spilled     []extent
	spilledSize int64
	writer      *segment.Writer
	held        int64 // by the writer, as last counted
	dict        []bool
	first, last pglogrepl.LSN // commits in the spill or the open segment
}

// encoder turns batches into segments on its own goroutine and uploads them on
// other goroutines. One goroutine feeds it.
//
// The encoder stays within its budget for any number of outputs. Small batches
// of all outputs wait together in one file on the spool, until an output has
// enough rows for a segment. If the open segments together exceed the budget,
// the encoder ends row groups or whole segments.
type encoder struct {
	stager *Stager
	ctx    context.Context
	jobs   chan job
	done   chan struct{}
	budget int64 // of memory, for open segments
	// batchBytes is the size of a full batch. A few batches are in use at the
	// same time.
	batchBytes int64
	uploads    *uploads
	spill      spill
	open       map[*output]bool
	held       int64 // by all open segments

	mu   sync.Mutex
	free []*vector.Batch // newest last
	err  error
}

type job struct {
	out   *output
	batch *vector.Batch // nil: just close
	close bool
	// first and last are the commits of the batch's first and last row, or 0
	// for rows of a snapshot.
	first, last pglogrepl.LSN
	// encoded is closed when the batch is no longer needed. It is nil if no
	// goroutine waits.
	encoded chan struct{}
}

// freeBatches is how many batches are kept for reuse: one is filled, one waits
// and one is encoded.
const freeBatches = 3

// newEncoder starts an encoder. memory covers the batches in use and the open
// segments together. The caller must call wait, also after an error. If
// spooling is set, slow uploads do not block the encoder: segments wait on the
// spool, and the feeding goroutine must wait for room.
func (s *Stager) newEncoder(ctx context.Context, memory int64, spooling bool) *encoder {
	e := &encoder{
		stager: s, ctx: ctx, jobs: make(chan job, 1), done: make(chan struct{}),
		budget: memory / 2, batchBytes: min(max(memory/16, minBatchBytes), maxBatchBytes), open: map[*output]bool{},
	}
	e.uploads = newUploads(ctx, s, spooling)
	e.ctx = e.uploads.ctx
	go e.run()
	return e
}

// batch returns an empty batch of the output's layout.
func (e *encoder) batch(o *output) *vector.Batch {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, b := range e.free {
		if b.Layout == o.layout {
			e.free = slices.Delete(e.free, i, i+1)
			return b
		}
	}
	return vector.NewBatch(o.layout)
}

// giveBack is the size from which a batch's memory is returned to the system at
// once.
const giveBack = 16 << 20

// recycle takes a batch back for reuse. It drops a batch that a large row
// inflated. A goroutine that waits for such a batch may decode the next one
// before the garbage collector runs, so the memory of very large ones is freed
// at once.
func (e *encoder) recycle(b *vector.Batch) {
	if e.oversize(b) {
		large := b.Size() >= giveBack
		*b = vector.Batch{}
		if large {
			debug.FreeOSMemory()
		}
		return
	}
	b.Reset()
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.free) == freeBatches {
		e.free = slices.Delete(e.free, 0, 1)
	}
	e.free = append(e.free, b)
}

// write passes a batch to the encoder. The caller must not use the batch
// afterwards. first and last are the commit LSNs of its rows. For a batch
// inflated by a large row, write waits until it is encoded, so that only one
// such batch exists at a time.
func (e *encoder) write(o *output, b *vector.Batch, first, last pglogrepl.LSN) {
	j := job{out: o, batch: b, first: first, last: last}
	if e.oversize(b) {
		j.encoded = make(chan struct{})
		defer func() { <-j.encoded }()
	}
	e.jobs <- j
}

func (e *encoder) oversize(b *vector.Batch) bool { return int64(b.Size()) > 4*e.batchBytes }

// closeOutput ends the output's rows with a last batch, which may be nil.
func (e *encoder) closeOutput(o *output, b *vector.Batch, first, last pglogrepl.LSN) {
	e.jobs <- job{out: o, batch: b, close: true, first: first, last: last}
}

// wait ends the encoder: it encodes all batches and uploads all segments. The
// caller must close all outputs first.
func (e *encoder) wait() error {
	close(e.jobs)
	<-e.done
	uploadErr := e.uploads.wait()
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
	for j := range e.jobs {
		if e.failed() == nil && e.ctx.Err() == nil {
			if err := e.handle(j); err != nil {
				e.fail(err)
			}
		}
		if j.batch != nil {
			e.recycle(j.batch)
		}
		if j.encoded != nil {
			close(j.encoded)
		}
	}
	for o := range e.open { // after an error only
		_ = o.writer.Discard()
		o.writer = nil
	}
	e.spill.discard()
}

func (e *encoder) handle(j job) error {
	o := j.out
	if j.batch != nil && j.batch.Rows() > 0 {
		if o.writer == nil && len(o.spilled) == 0 {
			o.first = j.first
		}
		o.last = j.last
		if size := int64(j.batch.Size()); !j.close && e.putsBy(o, size) {
			if o.dict == nil {
				o.dict = dictionaries(j.batch)
			}
			return e.spill.put(e.stager.Spool, o, j.batch)
		}
		if err := e.unspill(o); err != nil {
			return err
		}
		if err := e.encode(o, j.batch); err != nil {
			return err
		}
	}
	if !j.close {
		return nil
	}
	if err := e.unspill(o); err != nil {
		return err
	}
	if o.writer != nil {
		return e.finish(o)
	}
	return nil
}

// putsBy reports whether a batch is too small to open a segment for.
func (e *encoder) putsBy(o *output, size int64) bool {
	return o.writer == nil && size < e.batchBytes/8 && o.spilledSize+size < e.batchBytes
}

// unspill encodes the spilled batches of an output.
func (e *encoder) unspill(o *output) error {
	return e.spill.take(o, func(b *vector.Batch) error { return e.encode(o, b) })
}

// encode writes a batch to the output's open segment. It ends a segment early
// if the metadata of its row groups takes too much memory.
func (e *encoder) encode(o *output, b *vector.Batch) error {
	if o.writer == nil {
		if o.dict == nil {
			o.dict = dictionaries(b)
		}
		w, err := e.stager.Spool.NewWriter(o.layout, o.dict, e.budget)
		if err != nil {
			return err
		}
		o.writer = w
		e.open[o] = true
	}
	if err := o.writer.Write(b); err != nil {
		return err
	}
	e.count(o)
	if err := e.bound(o); err != nil {
		return err
	}
	if o.writer.Bytes() >= e.stager.Options.SegmentBytes || o.writer.Footer() > e.budget/2 {
		return e.finish(o)
	}
	return nil
}

// count updates an output's share of the total.
func (e *encoder) count(o *output) {
	held := int64(0)
	if o.writer != nil {
		held = o.writer.Held()
	}
	e.held += held - o.held
	o.held = held
	raise(&e.stager.Peaks.Segments, e.held)
}

// bound makes the open segments fit the budget. It ends the row group of the
// largest segment. If that segment is large because of its columns and not its
// rows, it ends the segment. The output being written keeps its segment.
func (e *encoder) bound(writing *output) error {
	for e.held > e.budget {
		largest := writing
		for o := range e.open {
			if o.held > largest.held {
				largest = o
			}
		}
		fixed := largest.writer.Fixed() + largest.writer.Footer()
		switch {
		case largest.held > 2*fixed || len(e.open) == 1 && largest.held > fixed:
			if err := largest.writer.EndRowGroup(); err != nil {
				return err
			}
			e.count(largest)
		case largest != writing:
			if err := e.finish(largest); err != nil {
				return err
			}
		default:
			if len(e.open) == 1 {
				return nil
			}
			if err := e.finishOthers(writing); err != nil {
				return err
			}
		}
	}
	return nil
}

// finishOthers ends all open segments except one.
func (e *encoder) finishOthers(writing *output) error {
	for o := range e.open {
		if o == writing {
			continue
		}
		if err := e.finish(o); err != nil {
			return err
		}
	}
	return nil
}

// finish closes the open segment and queues it for upload.
func (e *encoder) finish(o *output) error {
	w := o.writer
	o.writer = nil
	delete(e.open, o)
	e.count(o)
	file, err := w.Close()
	if err != nil {
		return err
	}
	e.uploads.add(upload{file: file, name: o.name(), first: o.first, last: o.last, visibleIn: o.visibleIn, allowed: o.allowed,
		finish: o.finish})
	o.first = o.last
	return nil
}

// Dictionary encoding is tried for columns that repeat within this many rows of
// the first batch.
const dictionarySample = 4096

func dictionaries(b *vector.Batch) []bool {
	dict := make([]bool, len(b.Columns))
	for i, c := range b.Columns {
		dict[i] = c.Repeats(dictionarySample)
	}
	return dict
}
