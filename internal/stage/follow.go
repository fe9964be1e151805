package stage

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pglogrepl"

	"ingest/internal/ledger"
	"ingest/internal/postgres"
	"ingest/internal/postgres/pgoutput"
)

// FollowOptions are what Follow needs beside the stager's own.
type FollowOptions struct {
	Target pglogrepl.LSN       // drained to first: the server's position before the call
	Marks  []ledger.ReloadMark // go into the first entry
	// Found brings marks that are found meanwhile, which cut an entry; nil for
	// none.
	Found <-chan []ledger.ReloadMark
	// Drained is told once that the target is reached; nil for nobody. Called
	// on Follow's goroutine.
	Drained func()
}

// Follow drains to the target and then goes on by the streaming protocol until
// stop is done; then it cuts what it has and returns without an error. After an
// error the ledger has what was appended, and nothing else is kept: another
// Follow goes on from there.
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

// watchEvery is how often the session of a lock is looked at.
const watchEvery = 2 * time.Second

// watched does something under a context that ends with the session of the
// lock: without it nothing can be appended any more. A server that is being shut
// down waits for the end of the stream, after it has ended that session; and
// connections that are gone without a word would be waited for for ever. beat,
// if not 0, is how often the heart beats.
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

// watch looks at the session until end is closed, and lets the heart beat. Its
// questions are not ended by that: a session whose question is taken back is
// closed.
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

// pulse says when the heart beats next; with an interval of 0 it never does.
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
	st, err := d.reader().OpenStream(ctx, d.Slot, d.Publications, state.Position)
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

// A stream that has described so many relations is opened again after so long: a
// server describes each one once for each stream, also those that are dropped
// later, as partitions are, and nothing says which of them will still be sent.
const (
	describedMost = 4096
	describedLong = time.Hour
)

func outgrown(described int, open time.Duration) bool {
	return described > describedMost && open >= describedLong
}

// followEntry collects until an entry is due, and cuts it at a commit.
// described are the relations that the stream has described so far.
func (d *drain) followEntry(ctx, stop context.Context, st *postgres.Stream, state *ledger.State, described map[uint32]pgoutput.Relation) (pglogrepl.LSN, error) {
	inner, cancel := context.WithCancel(ctx) // ends uploads of what is given up
	defer cancel()
	c := d.newCollector(inner, state, d.aux, true)
	c.described = described
	idle, err := d.pump(ctx, st, c, d.due(stop, c))
	if err != nil {
		cancel()
		c.discard()
		return 0, err
	}
	c.inside = false // stopping: what of a transaction has come is given up
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

// due says when the entry that c collects is due: after enough bytes, rows or
// time, when there is a mark to write down, when nothing of ours has come for so
// long that an empty one frees WAL, and when the run is to end. An empty one is
// due after some time as well, however little it frees: others wait for the
// position, as verify does, and the server keeps its catalog's old rows.
func (d *drain) due(stop context.Context, c *collector) func(idle pglogrepl.LSN) bool {
	started := time.Now()
	return func(idle pglogrepl.LSN) bool {
		d.takeFound()
		position, advance := c.state.Position, d.Options.IdleAdvance
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

// takeFound takes the marks that have come, without waiting.
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
