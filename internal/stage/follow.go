package stage

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/pgoutput"
)

// FollowOptions are what Follow needs in addition to the stager's options.
type FollowOptions struct {
	Target pglogrepl.LSN       // drained to first: the server's position before the call
	Marks  []ledger.ReloadMark // go into the first entry
	// Found delivers marks that are found meanwhile. Each delivery cuts an
	// entry. It may be nil.
	Found <-chan []ledger.ReloadMark
	// Drained is called once when the target is reached, on Follow's goroutine.
	// It may be nil.
	Drained func()
}

// Follow drains to the target and then streams until stop is done. Then it cuts
// an entry with what it has and returns without an error. After an error, the
// ledger has all appended entries and nothing else is kept. Another Follow
// continues from there.
func (s *Stager) Follow(ctx, stop context.Context, o FollowOptions) (DrainResult, error) {
	d, err := s.openDrain(ctx, o.Marks)
	if err != nil {
		return DrainResult{}, err
	}
	defer d.close(ctx)
	d.found = o.Found
	err = watched(ctx, d.lock, d.Options.Heartbeat, func(ctx context.Context) error {
		if err := d.to(ctx, stop, o.Target); err != nil {
			return err
		}
		if o.Drained != nil && stop.Err() == nil {
			o.Drained()
		}
		for stop.Err() == nil {
			if err := d.follow(ctx, stop); err != nil && !errors.Is(err, errRedo) {
				return err
			}
		}
		return nil
	})
	return d.result, err
}

// watchEvery is how often the lock's session is checked.
const watchEvery = 2 * time.Second

// watched calls do with a context that ends when the lock's session ends,
// because nothing can be appended without the lock. This matters in two cases.
// A server that shuts down ends that session first and then waits for the end
// of the stream. A silently lost connection would block forever. beat is the
// heartbeat interval, or 0 for no heartbeat.
func watched(ctx context.Context, lock *postgres.Lock, beat time.Duration, do func(context.Context) error) error {
	inner, cancel := context.WithCancelCause(ctx)
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		if err := watch(ctx, lock, beat, end); err != nil {
			cancel(err)
		}
	}()
	err := do(inner)
	close(end)
	<-ended
	cause := context.Cause(inner)
	cancel(nil)
	if err != nil && cause != nil && ctx.Err() == nil {
		return cause
	}
	return err
}

// watch checks the session until end is closed and sends the heartbeat. Closing
// end does not cancel a running query, because cancelling a query closes its
// session.
func watch(ctx context.Context, lock *postgres.Lock, beat time.Duration, end <-chan struct{}) error {
	every := watchEvery
	if beat > 0 {
		every = min(every, beat)
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	heart := pulse{every: beat, next: time.Now().Add(beat)}
	for {
		select {
		case <-end:
			return nil
		case <-ticker.C:
		}
		ask := lock.Alive
		if heart.due(time.Now()) {
			ask = lock.Beat
		}
		if err := ask(ctx); err != nil {
			return err
		}
	}
}

// pulse says when the next heartbeat is due. With an interval of 0 it is never
// due.
type pulse struct {
	every time.Duration
	next  time.Time
}

func (p *pulse) due(now time.Time) bool {
	if p.every == 0 || now.Before(p.next) {
		return false
	}
	p.next = now.Add(p.every)
	return true
}

// follow streams entry after entry from the ledger's position.
func (d *drain) follow(ctx, stop context.Context) error {
	state, err := d.Ledger.Refresh(ctx)
	if err != nil {
		return err
	}
	if _, err := d.ready(ctx, state); err != nil {
		return err
	}
	st, err := d.feed().Stream(ctx, state.Position)
	if err != nil {
		return err
	}
	defer st.Close()
	described, opened := map[uint32]pgoutput.Relation{}, time.Now()
	for stop.Err() == nil && !outgrown(len(described), time.Since(opened)) {
		if state, err = d.Ledger.Refresh(ctx); err != nil {
			return err
		}
		if err := d.readReference(ctx); err != nil {
			return err
		}
		end, err := d.followEntry(ctx, stop, st, state, described)
		if err != nil {
			return err
		}
		if end > 0 {
			if err := st.Acknowledge(ctx, end); err != nil {
				return err
			}
		}
	}
	return nil
}

// A stream is reopened after it has described this many relations and has been
// open this long. A server describes each relation once per stream, including
// those that are dropped later, such as partitions. Nothing says which of them
// will still be sent.
const (
	describedMost = 4096
	describedLong = time.Hour
)

func outgrown(described int, open time.Duration) bool {
	return described > describedMost && open >= describedLong
}

// followEntry collects until an entry is due, and cuts it at a commit.
// described are the relations that the stream has described so far.
func (d *drain) followEntry(ctx, stop context.Context, st *postgres.Stream, state *ledger.State,
	described map[uint32]pgoutput.Relation) (pglogrepl.LSN, error) {
	inner, cancel := context.WithCancel(ctx) // ends uploads of an abandoned entry
	defer cancel()
	c := d.newCollector(inner, state, d.aux, true)
	c.described = described
	idle, err := d.pump(ctx, st, c, d.due(stop, c))
	if err != nil {
		cancel()
		c.discard()
		return 0, err
	}
	c.inside = false // when stopping, the unfinished transaction is dropped
	end := max(state.Position, c.lastEnd, idle)
	type outcome struct {
		end pglogrepl.LSN
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		if c.empty() && len(d.marks) == 0 && stop.Err() == nil {
			o.end, o.err = d.append(inner, c, end)
		} else {
			o.end, o.err = d.cut(inner, c, end)
		}
		done <- o
	}()
	ticker := time.NewTicker(statusEvery)
	defer ticker.Stop()
	for {
		select {
		case o := <-done:
			return o.end, o.err
		case <-ticker.C:
			if err := st.Status(ctx); err != nil {
				o := <-done
				return o.end, errors.Join(err, o.err)
			}
		}
	}
}

// due returns a function that reports whether the entry that c collects is due.
// An entry is due after enough bytes, rows or time, when there is a mark to
// record, and when the run must stop. An empty entry is due when it frees
// enough WAL. It is also due after some time however little it frees, because
// verify and others wait for the position and the server retains old catalog
// rows.
func (d *drain) due(stop context.Context, c *collector) func(idle pglogrepl.LSN) bool {
	started := time.Now()
	return func(idle pglogrepl.LSN) bool {
		d.takeFound()
		position, advance := c.state.Position, d.Options.IdleAdvance
		if !c.inside && c.nothing() {
			d.current(max(position, idle, c.lastEnd))
		}
		switch {
		case c.inside:
			return stop.Err() != nil && c.tx.seq == 0
		case stop.Err() != nil, len(d.marks) > 0, c.total >= d.Options.EntryBytes, c.rows >= d.Options.EntryRows:
			return true
		case c.empty():
			return advance > 0 && idle > position && (int64(idle-position) >= advance || time.Since(started) >= 2*d.Options.EntryEvery)
		}
		return time.Since(started) >= d.Options.EntryEvery
	}
}

// takeFound takes the marks that have arrived, without waiting.
func (d *drain) takeFound() {
	for {
		select {
		case marks := <-d.found:
			d.marks = append(d.marks, marks...)
		default:
			return
		}
	}
}
