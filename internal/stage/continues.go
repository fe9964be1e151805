package stage

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/pgoutput"
)

// A slot behind the ledger is normal: an advance is not durable before a
// checkpoint, and a run can be killed between its entry and the advance. A
// source restored from a copy of its data directory looks the same once its WAL
// has grown past the ledger's position. The commits between slot and position
// distinguish the two. A copy shares the source's WAL up to the moment of the
// copy and nothing after it. So if the last commit of an entry is the same,
// everything before it is the same.

// Continuation proves that a slot behind the ledger's position would send the
// commits that the ledger has, up to that position.
type Continuation struct {
	Reader       *postgres.Source // the server that holds the slot
	Ledger       *ledger.Ledger
	Slot         string
	Publications postgres.Publications
	PeekMaxWAL   int64 // beyond this, or if a peek is impossible, the span is streamed
	WorkMem      string
	Now          func() time.Time
}

// Check returns why the source does not continue the ledger, or nil. It does
// not move the slot. The slot must not be in use. The server's WAL must reach
// the position, and a standby must have replayed it. Memory use does not depend
// on the amount of WAL.
func (c *Continuation) Check(ctx context.Context, state *ledger.State, slot *postgres.Slot) error {
	if slot.Confirmed >= state.Position {
		return nil
	}
	staged, err := c.staged(ctx, state, slot.Confirmed)
	if err != nil {
		return err
	}
	m := &matching{from: slot.Confirmed, left: staged}
	if err := c.read(ctx, state.Position, slot, m); err != nil {
		return err
	}
	m.upTo(state.Position)
	if m.differs == nil {
		return nil
	}
	return failure.New(failure.Conflict,
		"the source was put back to an older state, and continued from there: slot %s is behind the ledger, and %s. "+
			"The source lost what it had committed between %s (staged %s) and %s (staged %s), which the tables have; "+
			"they lack what it committed there since (now, %s)",
		c.Slot, m.why, m.differs.start, stamp(m.differs.before), state.Position, stamp(state.PositionTime), stamp(c.Now())).WithHint(Repair)
}

// Decodes reads what the slot has up to a position in the server's WAL. It
// keeps nothing and does not move the slot. The error says why the WAL cannot
// be read.
func (c *Continuation) Decodes(ctx context.Context, slot *postgres.Slot, upto pglogrepl.LSN) error {
	return c.read(ctx, upto, slot, &matching{from: slot.Confirmed})
}

// stagedEntry describes the transactions that an entry staged.
type stagedEntry struct {
	number     int64
	start, end pglogrepl.LSN
	before     time.Time     // when the previous entry was written
	newest     time.Time     // commit time of the newest transaction that changed a published table; zero if there is none
	least      pglogrepl.LSN // lower bound of the newest commit's LSN
}

// staged lists the entries with commits between from and the state's position,
// in order. If the slot of the newest origin was created after from, the list
// starts there.
func (c *Continuation) staged(ctx context.Context, state *ledger.State, from pglogrepl.LSN) ([]stagedEntry, error) {
	var list []stagedEntry
	err := c.Ledger.Back(ctx, state, func(e *ledger.Entry) (bool, error) {
		moves := e.Changes != nil || e.Origin != nil
		if moves && len(list) > 0 {
			list[len(list)-1].before = e.Time
		}
		if e.Origin != nil || e.Changes != nil && e.Changes.End <= from {
			return false, nil
		}
		if e.Changes != nil {
			list = append(list, stagedOf(e.Number, e.Changes))
		}
		return true, nil
	})
	slices.Reverse(list)
	return list, err
}

func stagedOf(number int64, c *ledger.Changes) stagedEntry {
	s := stagedEntry{number: number, start: c.Start, end: c.End}
	if c.LastCommit != nil {
		s.newest = *c.LastCommit
	}
	for _, t := range c.Tables {
		for _, seg := range t.Segments {
			s.least = max(s.least, seg.Last)
		}
	}
	return s
}

// read passes every commit from the slot up to the position to m.
func (c *Continuation) read(ctx context.Context, position pglogrepl.LSN, slot *postgres.Slot, m *matching) error {
	if c.PeekMaxWAL > 0 && int64(position-slot.Restart) > c.PeekMaxWAL {
		return c.stream(ctx, position, m)
	}
	unread := *m
	err := c.peek(ctx, position, m)
	if err != nil && postgres.PeekUnfit(err) && ctx.Err() == nil {
		*m = unread
		return c.stream(ctx, position, m)
	}
	return err
}

func (c *Continuation) peek(ctx context.Context, position pglogrepl.LSN, m *matching) error {
	conn, err := c.Reader.Connect(ctx)
	if err != nil {
		return err
	}
	defer func(conn *pgx.Conn) { _ = conn.Close(context.WithoutCancel(ctx)) }(conn)
	defer c.Reader.KeepFlushing(ctx)()
	return c.Reader.Feed(c.Slot, c.Publications).Peek(ctx, conn, position, c.WorkMem, m.receive)
}

// stream reads with the streaming protocol. It acknowledges only the slot's
// current position, so it does not move the slot.
func (c *Continuation) stream(ctx context.Context, position pglogrepl.LSN, m *matching) error {
	st, err := c.Reader.Feed(c.Slot, c.Publications).Stream(ctx, m.from)
	if err != nil {
		return err
	}
	defer st.Close()
	defer c.Reader.KeepFlushing(ctx)()
	next := time.Now().Add(statusEvery)
	for m.at < position {
		event, end, err := st.Next(ctx, 250*time.Millisecond, m.receive)
		if err != nil {
			return err
		}
		if event == postgres.EventKeepalive && !m.inside {
			m.at = max(m.at, end)
		}
		if now := time.Now(); now.After(next) {
			next = now.Add(statusEvery)
			if err := st.Status(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// matching compares incoming commits with the ledger's entries.
type matching struct {
	from pglogrepl.LSN // the slot's position
	left []stagedEntry // not compared yet; incoming commits belong to the first one

	parser pgoutput.Parser
	msg    pgoutput.Message
	at     pglogrepl.LSN // all commits below this are known
	inside bool          // between Begin and Commit

	tx     received // the newest one
	change received // the first entry's newest one that changed a published table
	empty  received // the first entry's newest one that did not; servers before 15 send these too

	differs *stagedEntry // the first entry with other commits
	why     string
}

// received is a received transaction. The zero value means none.
type received struct {
	at   pglogrepl.LSN // of its commit
	made time.Time
	rows bool // whether it changed a published table
}

// is reports whether r is the newest transaction of an entry.
func (r received) is(e *stagedEntry) bool { return r.made.Equal(e.newest) && r.at >= e.least }

// receive handles one message. It is a postgres.Receive.
func (m *matching) receive(lsn pglogrepl.LSN, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	switch data[0] {
	case 'B', 'C':
	case 'I', 'U', 'D', 'T':
		m.tx.rows = true // which rows does not matter
		return nil
	default:
		return nil
	}
	if err := m.parser.Parse(data, &m.msg); err != nil {
		return failure.New(failure.Source, "decode a message of pgoutput at %s: %w", lsn, err)
	}
	if m.inside = m.msg.Kind == 'B'; m.inside {
		m.tx = received{at: m.msg.Begin.FinalLSN, made: time.UnixMicro(m.msg.Begin.CommitMicros).UTC()}
		m.upTo(m.tx.at)
		m.at = max(m.at, m.tx.at)
		return nil
	}
	switch {
	case len(m.left) == 0 || m.tx.at < m.left[0].start:
	case m.tx.rows:
		m.change = m.tx
	default:
		m.empty = m.tx
	}
	return nil
}

// upTo records that every commit below lsn has arrived.
func (m *matching) upTo(lsn pglogrepl.LSN) {
	for len(m.left) > 0 && m.left[0].end <= lsn {
		e := m.left[0]
		if m.differs == nil {
			if m.why = m.compare(&e); m.why != "" {
				m.differs = &e
			}
		}
		m.left = m.left[1:]
		m.change, m.empty = received{}, received{}
	}
}

// compare returns how the received commits differ from those of the entry, or
// "" if they do not.
func (m *matching) compare(e *stagedEntry) string {
	what := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
	switch none := m.change.at == 0; {
	case e.newest.IsZero() && none:
	case e.newest.IsZero():
		return fmt.Sprintf("the source now has a commit at %s (made %s), where entry %d of the ledger has none", m.change.at,
			what(m.change.made), e.number)
	case m.change.is(e):
	case m.empty.is(e): // earlier versions counted it
	case none && (e.start >= m.from || e.least >= m.from):
		return fmt.Sprintf("the source has none of the commits of entry %d of the ledger, the last of which was made %s",
			e.number, what(e.newest))
	case none: // the slot is inside the entry and may be past its last commit
	default:
		return fmt.Sprintf("the commits of entry %d of the ledger end with one made %s, and the source's there with one made %s", e.number,
			what(e.newest), what(m.change.made))
	}
	return ""
}
