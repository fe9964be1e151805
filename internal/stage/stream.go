package stage

import (
	"context"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
)

// streamTo reads the slot with the streaming protocol until one entry has
// everything that commits below upto. It returns where the entry ended.
func (d *drain) streamTo(ctx context.Context, state *ledger.State, upto pglogrepl.LSN) (pglogrepl.LSN, error) {
	st, err := d.feed().Stream(ctx, state.Position)
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
	_ = st.Close() // the next peek moves the slot
	return d.cut(ctx, c, max(upto, c.lastEnd))
}

// room waits while too much waits on the spool. It calls alive at intervals to
// keep the connection alive.
func (c *collector) room(ctx context.Context, alive func(context.Context) error) error {
	var ticks <-chan time.Time
	for {
		crowded := c.enc.uploads.crowded()
		if crowded == nil {
			return nil
		}
		if ticks == nil {
			ticker := time.NewTicker(statusEvery)
			defer ticker.Stop()
			ticks = ticker.C
			c.stager.Log.Debug("waiting for uploads: enough segments are on the spool")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-crowded:
		case <-ticks:
			if err := alive(ctx); err != nil {
				return err
			}
		}
	}
}

// pump receives messages until stop returns true. It calls stop after each
// commit, each keepalive and each wait that ends without a message. The
// argument of stop is the newest position of a keepalive outside a transaction,
// or 0. pump returns the same position.
func (d *drain) pump(ctx context.Context, st *postgres.Stream, c *collector, stop func(pglogrepl.LSN) bool) (pglogrepl.LSN, error) {
	next := time.Now().Add(statusEvery)
	var idle pglogrepl.LSN
	for {
		if err := c.room(ctx, st.Status); err != nil {
			return 0, err
		}
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
		if busy(event, c.rows) {
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

// busy reports whether messages arrive too quickly to look at the clock after
// this one. A quiet stream looks at it after each event, whatever its rows are:
// otherwise it would send no status.
func busy(event postgres.Event, rows int64) bool {
	return event == postgres.EventMessage && rows&1023 != 0
}
