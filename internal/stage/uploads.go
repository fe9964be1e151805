package stage

import (
	"context"
	"sync"

	"github.com/jackc/pglogrepl"

	"ingest/internal/ledger"
	"ingest/internal/segment"
)

// uploaders upload at once, of one encoder.
const uploaders = 4

// waitingSegments of full size may wait on the spool for their upload.
const waitingSegments = 8

// upload is a finished segment on its way.
type upload struct {
	file        segment.File
	name        string
	first, last pglogrepl.LSN
	visibleIn   []int64
	finish      func(ledger.Segment)
}

// uploads is the queue of an encoder's finished segments.
type uploads struct {
	stager *Stager
	ctx    context.Context // ends with the first error
	cancel context.CancelCauseFunc
	group  sync.WaitGroup
	slots  chan struct{} // nil where the encoder need not wait
	limit  int64

	mu      sync.Mutex
	queue   []upload
	running int
	err     error         // the first
	waiting int64         // bytes of all that is not uploaded yet
	changed chan struct{} // closed and made anew when waiting shrinks
}

func newUploads(ctx context.Context, s *Stager, spooling bool) *uploads {
	inner, cancel := context.WithCancelCause(ctx)
	u := &uploads{stager: s, ctx: inner, cancel: cancel, limit: waitingSegments * s.Options.SegmentBytes, changed: make(chan struct{})}
	if !spooling {
		u.slots = make(chan struct{}, uploaders)
	}
	return u
}

// add takes a segment over. Unless segments may wait on the spool, it waits
// until few others do.
func (u *uploads) add(up upload) {
	if u.slots != nil {
		u.slots <- struct{}{}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.queue = append(u.queue, up)
	u.waiting += up.file.Bytes
	raise(&u.stager.Peaks.Waiting, u.waiting)
	if u.running < uploaders {
		u.running++
		u.group.Go(u.run)
	}
}

// run uploads until nothing is left. After an error the others are uploaded to
// a context that is done, which removes them.
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
		seg, err := u.stager.upload(u.ctx, next.name, next.file)
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

// crowded gives a channel that is closed when there may be room, nil where
// there is: so much waits on the spool that whoever reads has to wait too.
func (u *uploads) crowded() <-chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.waiting <= u.limit {
		return nil
	}
	return u.changed
}

// wait waits until all are uploaded.
func (u *uploads) wait() error {
	u.group.Wait()
	u.cancel(nil)
	return u.err
}
