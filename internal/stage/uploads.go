package stage

import (
	"context"
	"errors"
	"sync"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/segment"
)

// uploaders is the number of concurrent uploads of one encoder.
const uploaders = 4

// waitingSegments is how many segments of full size may wait on the spool for
// their upload.
const waitingSegments = 8

// upload is a finished segment that is being uploaded.
type upload struct {
	file        segment.File
	name        string
	first, last pglogrepl.LSN
	visibleIn   []int64
	allowed     func(*ledger.State) error // see output
	added       int64                     // its number in the queue, from 1
	finish      func(ledger.Segment)
}

// uploads is the queue of an encoder's finished segments.
type uploads struct {
	stager *Stager
	ctx    context.Context // ends at the first error
	cancel context.CancelCauseFunc
	group  sync.WaitGroup
	slots  chan struct{} // nil if the encoder need not wait
	limit  int64

	// asking guards the ledger's state that covers the first segments of the
	// queue: it was read after they were finished.
	asking sync.Mutex
	state  *ledger.State
	covers int64

	mu      sync.Mutex
	queue   []upload
	added   int64 // segments so far
	running int
	err     error         // the first error
	waiting int64         // bytes of all segments that are not uploaded yet
	changed chan struct{} // closed and replaced when waiting shrinks
}

func newUploads(ctx context.Context, s *Stager, spooling bool) *uploads {
	inner, cancel := context.WithCancelCause(ctx)
	u := &uploads{stager: s, ctx: inner, cancel: cancel, limit: waitingSegments * s.Options.SegmentBytes, changed: make(chan struct{})}
	if !spooling {
		u.slots = make(chan struct{}, uploaders)
	}
	return u
}

// add queues a segment. Unless segments may wait on the spool, it waits until
// few others do.
func (u *uploads) add(up upload) {
	if u.slots != nil {
		u.slots <- struct{}{}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.added++
	up.added = u.added
	u.queue = append(u.queue, up)
	u.waiting += up.file.Bytes
	raise(&u.stager.Peaks.Waiting, u.waiting)
	if u.running < uploaders {
		u.running++
		u.group.Go(u.run)
	}
}

// run uploads until the queue is empty. After an error, it uploads the rest
// with a done context, which removes them.
func (u *uploads) run() {
	for {
		u.mu.Lock()
		if len(u.queue) == 0 {
			u.running--
			u.mu.Unlock()
			return
		}
		next := u.queue[0]
		u.queue = u.queue[1:]
		u.mu.Unlock()
		seg, err := u.upload(&next)
		if err == nil {
			seg.First, seg.Last, seg.VisibleIn = next.first, next.last, next.visibleIn
			next.finish(seg)
		}
		u.mu.Lock()
		if err != nil && u.err == nil {
			u.err = err
			u.cancel(err)
		}
		u.waiting -= next.file.Bytes
		close(u.changed)
		u.changed = make(chan struct{})
		u.mu.Unlock()
		if u.slots != nil {
			<-u.slots
		}
	}
}

func (u *uploads) upload(up *upload) (ledger.Segment, error) {
	if up.allowed != nil {
		if err := u.allowed(up); err != nil {
			return ledger.Segment{}, errors.Join(err, up.file.Release())
		}
	}
	return u.stager.upload(u.ctx, up.name, up.file)
}

// allowed returns why a segment must not be uploaded. Segments that are in the
// queue together share one read of the ledger.
func (u *uploads) allowed(up *upload) error {
	u.asking.Lock()
	defer u.asking.Unlock()
	if u.covers < up.added {
		u.mu.Lock()
		covers := u.added
		u.mu.Unlock()
		state, err := u.stager.Ledger.Refresh(u.ctx)
		if err != nil {
			return err
		}
		u.state, u.covers = state, covers
	}
	return up.allowed(u.state)
}

// crowded returns nil if there is room. Otherwise so much waits on the spool
// that the reader must wait too, and crowded returns a channel that is closed
// when there may be room.
func (u *uploads) crowded() <-chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.waiting <= u.limit {
		return nil
	}
	return u.changed
}

// wait waits until all segments are uploaded.
func (u *uploads) wait() error {
	u.group.Wait()
	u.cancel(nil)
	return u.err
}
