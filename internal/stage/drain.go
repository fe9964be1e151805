package stage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/wait"
)

// DrainResult is the result of a drain.
type DrainResult struct {
	Entries      int
	Transactions int64
	Rows         int64
	Dropped      int64 // transactions below the position that the server sent again
	Position     pglogrepl.LSN
	Tables       map[schema.TableName]map[schema.Op]int64
	Files        map[schema.TableName]Files // segments that the entries name
	Reload       []ledger.ReloadMark
	Failed       map[schema.TableName]error // tables with a change that could not be decoded
}

// Files are segments and their sizes.
type Files struct {
	Segments int
	Bytes    int64
}

func (r *DrainResult) add(body *ledger.Changes) {
	r.Entries++
	r.Transactions += body.Transactions
	for _, m := range body.Reload { // a following run may mark a table repeatedly
		r.Reload = append(slices.DeleteFunc(r.Reload, func(old ledger.ReloadMark) bool { return old.Table == m.Table }), m)
	}
	if r.Tables == nil {
		r.Tables, r.Files = map[schema.TableName]map[schema.Op]int64{}, map[schema.TableName]Files{}
	}
	for _, t := range body.Tables {
		ops := r.Tables[t.Table]
		if ops == nil {
			ops = map[schema.Op]int64{}
			r.Tables[t.Table] = ops
		}
		for op, n := range t.Rows {
			ops[op] += n
			r.Rows += n
		}
		files := r.Files[t.Table]
		for _, segment := range t.Segments {
			files.Segments++
			files.Bytes += segment.Bytes
		}
		r.Files[t.Table] = files
	}
}

func (r *DrainResult) fail(tables map[schema.TableName]error) {
	if r.Failed == nil {
		r.Failed = map[schema.TableName]error{}
	}
	maps.Copy(r.Failed, tables)
}

// drain is one run that reads the slot. It holds the pipeline's stage lock.
type drain struct {
	*Stager
	lock   *postgres.Lock
	conn   *pgx.Conn // peeks and moves the slot
	look   *pgx.Conn // watches the server that holds the slot meanwhile
	aux    *pgx.Conn // queries the source's catalog and transactions
	result DrainResult
	span   int64 // bytes of WAL in the next span
	marks  []ledger.ReloadMark
	found  <-chan []ledger.ReloadMark // delivers more marks; nil for none
	own    pglogrepl.LSN              // end of the newest entry that was staged on these sessions
}

// errRedo means that an entry must be decided again. Either a snapshot of one
// of its tables was begun, or an entry appeared that this run had given up on.
var errRedo = errors.New("the ledger moved on")

// Drain stages everything that commits below target. marks go into the first
// entry. If there are marks, Drain writes an entry even if nothing changed.
func (s *Stager) Drain(ctx context.Context, target pglogrepl.LSN, marks []ledger.ReloadMark) (DrainResult, error) {
	d, err := s.openDrain(ctx, marks)
	if err != nil {
		return DrainResult{}, err
	}
	defer d.close(ctx)
	err = watched(ctx, d.lock, 0, func(ctx context.Context) error { return d.to(ctx, context.Background(), target) })
	return d.result, err
}

func (s *Stager) openDrain(ctx context.Context, marks []ledger.ReloadMark) (*drain, error) {
	lock, err := s.Source.TakeLock(ctx, "reading the slot", postgres.LockKey("stage", s.Slot))
	if err != nil {
		return nil, err
	}
	d := &drain{Stager: s, lock: lock, span: s.Options.SpanBytes, marks: marks}
	if d.conn, err = s.reader().Connect(ctx); err == nil {
		d.aux, err = s.Source.Connect(ctx)
	}
	if d.look = d.aux; err == nil && s.Standby != nil {
		d.look, err = s.Standby.Connect(ctx)
	}
	if err == nil {
		limited, cancel := context.WithTimeout(ctx, s.Source.StallAfter())
		err = d.readReference(limited)
		cancel()
	}
	if err != nil {
		d.close(ctx)
		return nil, err
	}
	return d, nil
}

func (d *drain) close(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	for _, c := range []*pgx.Conn{d.conn, d.look, d.aux} {
		if c != nil {
			_ = c.Close(ctx)
		}
	}
	_ = d.lock.Close()
}

// readReference reads a current 64-bit transaction id, which is used to widen
// the 32-bit ids on the wire.
func (d *drain) readReference(ctx context.Context) error {
	x, err := d.Source.Transactions(d.aux).Next(ctx)
	if err != nil {
		return err
	}
	d.reference.Store(x)
	return nil
}

// to drains in bounded spans until the ledger has everything below target, or
// until stop is done and a span is staged.
func (d *drain) to(ctx, stop context.Context, target pglogrepl.LSN) error {
	if err := d.Source.WAL(d.aux).WaitFlushed(ctx, target); err != nil {
		return err
	}
	if err := d.replayed(ctx, target); err != nil {
		return err
	}
	reach := pglogrepl.LSN(0) // scanned up to here without finding a commit
	for stop.Err() == nil {
		state, err := d.Ledger.Refresh(ctx)
		if err != nil {
			return err
		}
		d.result.Position = state.Position
		slot, err := d.ready(ctx, state)
		if err != nil {
			return err
		}
		d.Watch.reached(max(state.Position, reach), target)
		if max(state.Position, reach) >= target && len(d.marks) == 0 && !d.Seen.owed(state) {
			d.current(target)
			return d.settleIdle(ctx, state, target)
		}
		_, flush, err := d.reader().WAL(d.look).Positions(ctx)
		if err != nil {
			return err
		}
		upto := d.upto(slot.Restart, max(state.Position, reach), min(max(target, state.Position), flush))
		end, err := d.spanTo(ctx, state, slot, upto)
		switch {
		case errors.Is(err, errRedo):
			d.Log.Debug("reading a span again", "because", err)
		case err != nil:
			return err
		case end == 0: // no commits there
			reach = upto
			d.span *= 2
		default:
			d.adapt(ctx, slot)
			reach = 0
		}
	}
	return nil
}

// upto returns where the next span from a position ends, at most at target. It
// absorbs a remainder that is short compared with the WAL that the server
// decodes from restart on anyway. A separate span for it would cost the same
// decoding again.
func (d *drain) upto(restart, from, target pglogrepl.LSN) pglogrepl.LSN {
	end := from + pglogrepl.LSN(d.span)
	if end >= target {
		return target
	}
	if limit := d.Options.PeekMaxWAL; 2*(target-end) < end-restart && (limit <= 0 || int64(target-restart) <= limit) {
		return target
	}
	return end
}

// ready checks the slot against the ledger and moves it to the position. It
// waits briefly for a session that is about to release the slot. It terminates
// a lost session of this run.
func (d *drain) ready(ctx context.Context, state *ledger.State) (*postgres.Slot, error) {
	slot, err := d.freeSlot(ctx)
	if err != nil {
		return nil, err
	}
	_, flush, err := d.Source.WAL(d.aux).Positions(ctx)
	if err != nil {
		return nil, err
	}
	xid, err := d.Source.Transactions(d.aux).Next(ctx) // read after the state, which may have newer snapshots than these sessions
	if err != nil {
		return nil, err
	}
	if err := CheckSlot(state, slot,
		Server{Facts: &d.Source.Facts, Flush: flush, XID: xid, Now: d.Options.Now(), Standby: d.Standby != nil}, d.Slot); err != nil {
		return nil, err
	}
	if slot.Active {
		return nil, failure.New(failure.Conflict, "slot %s is in use by pid %d (%s)", slot.Name, slot.ActivePID, slot.Holder).
			WithHint("end that session (SELECT pg_terminate_backend(%d)) or wait for it, then run the command again", slot.ActivePID)
	}
	if slot.Confirmed < state.Position {
		if err := d.replayed(ctx, state.Position); err != nil {
			return nil, err
		}
		if err := d.continues(ctx, state, slot); err != nil {
			return nil, err
		}
		if err := d.lock.Prove(ctx); err != nil {
			return nil, err
		}
		if err := d.reader().Slots(d.conn).Advance(ctx, d.Slot, state.Position); err != nil {
			return nil, err
		}
	}
	return slot, nil
}

// continues checks that a slot behind the ledger would send again what the
// ledger has. What the current sessions have read needs no proof, because a
// restore of the server to an older state would end them.
func (d *drain) continues(ctx context.Context, state *ledger.State, slot *postgres.Slot) error {
	if state.Position == d.own {
		return nil
	}
	// A newly created slot may stand before its consistent point. The ledger
	// has nothing from before its origin.
	if origin := state.Origin.ConsistentPoint; slot.Confirmed < origin {
		if err := d.reader().Slots(d.conn).Advance(ctx, d.Slot, origin); err != nil {
			return err
		}
		slot.Confirmed = origin
	}
	c := Continuation{
		Reader: d.reader(), Ledger: d.Ledger, Slot: d.Slot, Publications: d.Publications, PeekMaxWAL: d.Options.PeekMaxWAL,
		WorkMem: d.Options.WorkMem, Now: d.Options.Now,
	}
	if err := c.Check(ctx, state, slot); err != nil {
		return err
	}
	_, err := d.freeSlot(ctx) // the proof's session releases the slot
	return err
}

// replayed waits until a standby that holds the slot has replayed the WAL up to
// target.
func (d *drain) replayed(ctx context.Context, target pglogrepl.LSN) error {
	if d.Standby == nil {
		return nil
	}
	return d.Standby.WAL(d.look).WaitFlushed(ctx, target)
}

// A closed or killed session may hold the slot a moment longer.
const slotWait = 10 * time.Second

func (d *drain) freeSlot(ctx context.Context) (*postgres.Slot, error) {
	for deadline := d.Options.Now().Add(slotWait); ; {
		slot, err := d.reader().Slots(d.look).Find(ctx, d.Slot)
		if err != nil || slot == nil || !slot.Active || d.Options.Now().After(deadline) {
			return slot, err
		}
		if slot.Own {
			if err := d.reader().Sessions(d.look).End(ctx, slot.ActivePID); err != nil {
				return nil, err
			}
		}
		if err := wait.For(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// spanTo stages one span. It returns where the entry ended, or 0 if no entry
// was needed.
func (d *drain) spanTo(ctx context.Context, state *ledger.State, slot *postgres.Slot, upto pglogrepl.LSN) (pglogrepl.LSN, error) {
	if d.Options.PeekMaxWAL > 0 && int64(upto-slot.Restart) > d.Options.PeekMaxWAL {
		return d.streamTo(ctx, state, upto)
	}
	c := d.newCollector(ctx, state, d.aux, true)
	unstuck := d.Source.KeepFlushing(ctx)
	err := d.feed().Peek(ctx, d.conn, upto, d.Options.WorkMem, func(lsn pglogrepl.LSN, data []byte) error {
		if err := c.room(ctx, func(context.Context) error { return nil }); err != nil {
			return err
		}
		return c.receive(lsn, data)
	})
	unstuck()
	if err != nil {
		c.discard()
		if !postgres.PeekUnfit(err) || ctx.Err() != nil {
			return 0, err
		}
		d.Log.Warn("the server's function could not decode the span: streaming it", "error", err)
		if err := d.reconnect(ctx); err != nil {
			return 0, err
		}
		return d.streamTo(ctx, state, upto)
	}
	return d.cut(ctx, c, max(upto, c.lastEnd))
}

func (d *drain) reconnect(ctx context.Context) error {
	_ = d.conn.Close(context.WithoutCancel(ctx))
	var err error
	d.conn, err = d.reader().Connect(ctx)
	return err
}

// adapt doubles the span if the server decodes the same WAL again. Every call
// starts at restart_lsn, which a long transaction holds back.
func (d *drain) adapt(ctx context.Context, before *postgres.Slot) {
	now, err := d.reader().Slots(d.look).Find(ctx, d.Slot)
	if err == nil && now != nil && now.Restart == before.Restart {
		d.span *= 2
	}
}

// settleIdle writes an empty entry if that frees enough of the source's WAL.
func (d *drain) settleIdle(ctx context.Context, state *ledger.State, target pglogrepl.LSN) error {
	if target <= state.Position || d.Options.IdleAdvance <= 0 || int64(target-state.Position) < d.Options.IdleAdvance {
		return nil
	}
	c := d.newCollector(ctx, state, d.aux, true)
	if _, err := d.append(ctx, c, target); err != nil && !errors.Is(err, errRedo) {
		return err
	}
	return nil
}

// cut ends the collector with an entry up to end. If there is nothing to write,
// it discards the collector.
func (d *drain) cut(ctx context.Context, c *collector, end pglogrepl.LSN) (pglogrepl.LSN, error) {
	c.found(d.marks)
	d.result.Dropped += c.dropped
	if c.inside {
		c.discard()
		return 0, failure.New(failure.Source, "the server ended inside the transaction that commits at %s", c.tx.final)
	}
	if c.empty() && !d.Seen.owed(c.state) {
		c.discard()
		return 0, nil
	}
	return d.append(ctx, c, end)
}

// append finishes the collector's segments and appends the entry. The slot is
// acknowledged only after that.
func (d *drain) append(ctx context.Context, c *collector, end pglogrepl.LSN) (pglogrepl.LSN, error) {
	body, err := c.finish(end)
	if err != nil {
		return 0, err
	}
	entry, err := d.appendChanges(ctx, c, body)
	if err != nil {
		return 0, err
	}
	d.marks, d.own = nil, end
	d.report(body.Reload)
	d.result.add(body)
	d.result.fail(c.failed)
	d.result.Position = end
	d.Watch.staged(entry)
	d.Log.Info("staged", "entry", entry.Number, "end", end.String(), "transactions", body.Transactions, "rows", c.rows)
	return end, nil
}

// appendChanges appends the entry. If other entries were appended first, it
// appends after them, unless they change what the entry should say.
func (d *drain) appendChanges(ctx context.Context, c *collector, body *ledger.Changes) (*ledger.Entry, error) {
	decided, head := c.state, c.state.Head
	touched := maps.Clone(c.left)
	for _, t := range body.Tables {
		touched[t.Table] = true
	}
	for _, t := range body.Ahead {
		touched[t.Table] = true
	}
	if body.Transactions > 0 {
		if err := postgres.Yield(ctx, d.aux, d.turn(), d.Options.YieldFor); err != nil {
			return nil, err
		}
	}
	for {
		entry, err := d.Ledger.Append(ctx, head, body, d.lock)
		if !errors.Is(err, ledger.ErrLost) {
			return entry, err
		}
		now, err := d.Ledger.Refresh(ctx)
		if err != nil {
			return nil, err
		}
		if now.OriginNumber == decided.OriginNumber && now.Position > decided.Position && now.PositionRun == d.Options.Run {
			return nil, fmt.Errorf("%w: an entry of this run whose answer was lost", errRedo)
		}
		if now.OriginNumber != decided.OriginNumber || now.Position != decided.Position || now.Ended {
			return nil, failure.New(failure.Conflict, "another run moved the ledger's position from %s to %s", decided.Position, now.Position).
				WithHint("only one run may read the slot: find the other one with `ingest status`; nothing of this one was kept")
		}
		if err := c.rerouted(now); err != nil {
			return nil, err
		}
		for t := range touched {
			if begunSince(now, decided, t) {
				return nil, fmt.Errorf("%w: %s", errRedo, t)
			}
		}
		head = now.Head
	}
}

// begunSince reports whether a snapshot of the table was begun or abandoned
// after an entry was decided. The entry could not know which rows that snapshot
// shows and what it hides.
func begunSince(now, decided *ledger.State, table schema.TableName) bool {
	if !slices.EqualFunc(now.Watching(table), decided.Watching(table), sameBegin) {
		return true
	}
	if t := now.Tables[table]; t != nil && t.Snapshot != nil && t.Snapshot.Begin > decided.Head {
		return true
	}
	return slices.ContainsFunc(slices.Collect(maps.Values(now.Open)), func(o *ledger.OpenBegin) bool {
		return o.Number > decided.Head && o.Pending[table]
	})
}

func sameBegin(a, b *ledger.OpenBegin) bool { return a.Number == b.Number }

// statusEvery is how often a stream sends a status update to keep the
// connection alive.
const statusEvery = 10 * time.Second
