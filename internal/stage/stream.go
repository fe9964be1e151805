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

// streamTo reads the slot by the streaming protocol until everything that
// commits below upto is in one entry, and returns where that ended.
func (d *drain) streamTo(ctx context.Context, state *ledger.State, upto pglogrepl.LSN) (pglogrepl.LSN, error) {
	st, err := d.Source.OpenStream(ctx, d.Slot, d.Publications, state.Position)
	if err != nil {
		return 0, err
	}
	defer st.Close()
	c := d.newCollector(ctx, state, d.aux, true)
	reached := func(end pglogrepl.LSN) bool { return !c.inside && max(end, c.lastEnd) >= upto }
	if _, err := d.pump(ctx, st, c, reached); err != nil {
		c.discard()
		return 0, err
	}
	_ = st.Close() // the slot is moved by the next peek
	return d.cut(ctx, c, max(upto, c.lastEnd))
}

// pump receives until stop says so. stop is asked after each commit, keepalive
// and wait in vain, with what pump then returns: the newest position of a
// keepalive outside a transaction, 0 if there was none.
func (d *drain) pump(ctx context.Context, st *postgres.Stream, c *collector, stop func(pglogrepl.LSN) bool) (pglogrepl.LSN, error) {
	next := time.Now().Add(statusEvery)
	var idle pglogrepl.LSN
	for {
		event, end, err := st.Next(ctx, 250*time.Millisecond, c.receive)
		if err != nil {
			return 0, err
		}
		if event == postgres.EventKeepalive && !c.inside {
			idle = max(idle, end)
		}
		if event != postgres.EventMessage || c.msg.Kind == 'C' {
			if stop(idle) {
				return idle, nil
			}
		}
		if event == postgres.EventMessage && c.rows&1023 != 0 {
			continue
		}
		if now := time.Now(); now.After(next) {
			next = now.Add(statusEvery)
			if err := st.Status(ctx); err != nil {
				return 0, err
			}
		}
	}
}

// Follow drains to the server's present position and then goes on by the
// streaming protocol until stop is done; then it cuts what it has and returns
// without an error. staged is called after each entry, on this goroutine.
func (s *Stager) Follow(ctx, stop context.Context, target pglogrepl.LSN, marks []ledger.ReloadMark, staged func()) (DrainResult, error) {
	d, err := s.openDrain(ctx, marks)
	if err != nil {
		return DrainResult{}, err
	}
	defer d.close(ctx)
	if err := d.to(ctx, target); err != nil {
		return d.result, err
	}
	staged()
	for stop.Err() == nil {
		err := d.follow(ctx, stop, staged)
		if err != nil && !errors.Is(err, errRedo) {
			return d.result, err
		}
	}
	return d.result, nil
}

// follow streams entry after entry from the ledger's position.
func (d *drain) follow(ctx, stop context.Context, staged func()) error {
	state, err := d.Ledger.Refresh(ctx)
	if err != nil {
		return err
	}
	if _, err := d.ready(ctx, state); err != nil {
		return err
	}
	st, err := d.Source.OpenStream(ctx, d.Slot, d.Publications, state.Position)
	if err != nil {
		return err
	}
	defer st.Close()
	described := map[uint32]pgoutput.Relation{}
	for stop.Err() == nil {
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
			staged()
		}
	}
	return nil
}

// followEntry collects until an entry is due, and cuts it at a commit.
// described are the relations that the stream has described so far.
func (d *drain) followEntry(ctx, stop context.Context, st *postgres.Stream, state *ledger.State, described map[uint32]pgoutput.Relation) (pglogrepl.LSN, error) {
	c := d.newCollector(ctx, state, d.aux, true)
	c.described = described
	started := time.Now()
	idle, err := d.pump(ctx, st, c, func(idle pglogrepl.LSN) bool {
		if c.inside {
			return stop.Err() != nil && c.tx.seq == 0
		}
		return stop.Err() != nil || c.total >= d.Options.EntryBytes || c.rows >= d.Options.EntryRows ||
			!c.empty() && time.Since(started) >= d.Options.EntryEvery ||
			c.empty() && d.Options.IdleAdvance > 0 && idle > state.Position && int64(idle-state.Position) >= d.Options.IdleAdvance
	})
	if err != nil {
		c.discard()
		return 0, err
	}
	if c.inside { // stopping: what of the transaction has come is given up
		c.inside = false
	}
	end := max(c.lastEnd, idle)
	type outcome struct {
		end pglogrepl.LSN
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		if c.empty() && stop.Err() == nil {
			o.end, o.err = d.append(ctx, c, end)
		} else {
			o.end, o.err = d.cut(ctx, c, end)
		}
		done <- o
	}()
	for {
		select {
		case o := <-done:
			return o.end, o.err
		case <-time.After(statusEvery):
			if err := st.Status(ctx); err != nil {
				o := <-done
				return o.end, errors.Join(err, o.err)
			}
		}
	}
}
