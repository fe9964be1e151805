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
	"github.com/ingest-tool/ingest/internal/postgres/pgoutput"
	"github.com/ingest-tool/ingest/internal/schema"
)

// collector turns pgoutput messages into the segments of one changes entry. The
// messages may come from either transport. One goroutine feeds it. It ends with
// cut or discard.
type collector struct {
	stager *Stager
	ctx    context.Context
	state  *ledger.State // the state that the entry is decided on
	fenced *ledger.Begin // the begin entry with the highest fence among those that count
	aux    *pgx.Conn     // for queries of the catalog and of transactions
	enc    *encoder

	parser pgoutput.Parser
	msg    pgoutput.Message

	relations map[uint32]*relation
	latest    *relation // the relation that a change was last routed to or that was last bound; mostly the next change's too
	// described are the relations that the transport has described so far. A
	// stream describes each once and continues over many entries.
	described map[uint32]pgoutput.Relation
	parts     []*part // in order
	byTable   map[schema.TableName][]*part
	owners    map[uint32]schema.TableName // by relation; see owners
	routed    map[uint32]schema.TableName // the bound relations and the tables they belong to
	// left are the tables with skipped changes.
	left   map[schema.TableName]bool
	marks  marks
	failed map[schema.TableName]error // tables with a change that could not be decoded

	inside    bool // between Begin and Commit
	tx        transaction
	lastFinal pglogrepl.LSN // of the newest Begin
	lastEnd   pglogrepl.LSN // end of the newest Commit
	lastTime  time.Time     // of the newest transaction that changed a published table
	committed []uint64      // ids of the received transactions
	changing  int64         // how many of them changed a published table
	dropped   int64         // transactions below the position
	rows      int64
	held      int64 // memory of batches that are not handed over yet
	total     int64 // bytes of the values of all rows
}

// transaction is the transaction being received.
type transaction struct {
	final   pglogrepl.LSN
	time    int64 // microseconds since 1970
	xid     uint64
	seq     int64
	visible []int64 // begin entries whose snapshots contain it
	skip    bool    // below the position: already staged
	changes bool    // whether it changed a published table; servers before 15 also send empty transactions
}

func (s *Stager) newCollector(ctx context.Context, state *ledger.State, aux *pgx.Conn, spooling bool) *collector {
	return &collector{
		stager: s, ctx: ctx, state: state, fenced: lastFenced(state), aux: aux, enc: s.newEncoder(ctx, s.Options.Memory/2, spooling),
		relations: map[uint32]*relation{}, described: map[uint32]pgoutput.Relation{}, left: map[schema.TableName]bool{},
		byTable: map[schema.TableName][]*part{}, owners: owners(state), routed: map[uint32]schema.TableName{},
	}
}

// catalog is the source's present catalog.
func (c *collector) catalog() *postgres.Catalog { return c.stager.Source.Catalog(c.aux) }

// lastFenced returns the begin entry with the highest fence among the snapshots
// that count. No transaction that commits after that fence is visible in any of
// them.
func lastFenced(state *ledger.State) (newest *ledger.Begin) {
	_, _ = snapshotOf(state, func(b *ledger.Begin) bool {
		if newest == nil || b.Fence > newest.Fence {
			newest = b
		}
		return false
	})
	return newest
}

// empty reports whether there is nothing to write an entry for.
func (c *collector) empty() bool { return len(c.committed) == 0 && len(c.marks.list) == 0 }

// nothing reports whether no change and no mark waits for an entry. Before version
// 15, a server also sends transactions without published changes.
func (c *collector) nothing() bool { return c.changing == 0 && len(c.marks.list) == 0 }

// receive handles one message. It is a postgres.Receive.
func (c *collector) receive(lsn pglogrepl.LSN, data []byte) error {
	m := &c.msg
	if err := c.parser.Parse(data, m); err != nil {
		return failure.New(failure.Source, "decode a message of pgoutput at %s: %w", lsn, err)
	}
	if len(data) >= giveBack {
		defer m.Drop()
	}
	switch m.Kind {
	case 'I', 'U', 'D':
		return c.change(lsn, m)
	case 'B':
		return c.begin(m)
	case 'C':
		return c.commit(m)
	case 'R':
		c.stager.Source.Text.DecodeNames(&m.Relation)
		c.describe(&m.Relation)
		return c.relation(&m.Relation)
	case 'T':
		return c.truncate(lsn, m)
	case 'Y', 'O', 'M':
		return nil // types come from the catalog; origins and logical messages carry no rows
	default:
		return failure.New(failure.Source, "unexpected message %q of pgoutput at %s", m.Kind, lsn)
	}
}

func (c *collector) begin(m *pgoutput.Message) error {
	final := m.Begin.FinalLSN
	if c.inside {
		return failure.New(failure.Source, "a transaction began inside another one at %s", final)
	}
	if final <= c.lastFinal {
		return failure.New(failure.Source, "transactions came out of order: a commit at %s after one at %s", final, c.lastFinal)
	}
	c.inside, c.lastFinal = true, final
	c.tx = transaction{final: final, time: m.Begin.CommitMicros, skip: final < c.state.Position, visible: c.tx.visible[:0]}
	c.tx.xid = c.widen(m.Begin.XID)
	if b := c.fenced; b != nil && final >= b.Fence && b.Snapshot.Visible(c.tx.xid) {
		return failure.New(failure.Conflict, "the commit of transaction %d at %s is beyond the fence %s of a snapshot that shows it (taken "+
			"%s): the source was put back to an older state, and tables have rows that it lost",
			c.tx.xid, final, b.Fence, stamp(b.Taken)).WithHint(Repair)
	}
	for _, o := range c.state.Open {
		if final < o.Begin.Fence && o.Begin.Snapshot.Visible(c.tx.xid) {
			c.tx.visible = append(c.tx.visible, o.Number)
			c.impossible(o)
		}
	}
	slices.Sort(c.tx.visible)
	return nil
}

// clockStep is how far the source's clock may be set back between a commit and
// a snapshot that shows it.
const clockStep = 10 * time.Millisecond

// impossible marks the tables of a snapshot that shows the current transaction,
// although the transaction committed after the snapshot. This means that the
// source was restored to an older state and gave the id to another transaction.
// The snapshot then does not show what the source has.
func (c *collector) impossible(o *ledger.OpenBegin) {
	at := time.UnixMicro(c.tx.time)
	if !o.Begin.TakenAfter() || c.tx.skip || !at.After(o.Begin.Taken.Add(clockStep)) {
		return
	}
	for _, table := range slices.SortedFunc(maps.Keys(o.Watched), schema.TableName.Compare) {
		c.marks.add(ledger.ReloadMark{Table: table, LSN: o.Begin.Fence + 1, Reason: fmt.Sprintf(
			"its full load (taken %s) shows transaction %d, which the source committed later (%s): the source was put back to an older state",
			stamp(o.Begin.Taken), c.tx.xid, stamp(at))})
	}
}

// widen adds the epoch to a transaction id. The reference is read from the
// server once per collector: decoding is never 2^31 transactions behind.
func (c *collector) widen(xid uint32) uint64 { return schema.WidenXID(c.stager.reference.Load(), xid) }

func (c *collector) commit(m *pgoutput.Message) error {
	if !c.inside || m.Commit.CommitLSN != c.tx.final {
		return failure.New(failure.Source, "a commit at %s does not belong to the transaction that began for %s", m.Commit.CommitLSN, c.tx.final)
	}
	// The commit time follows the end LSN in the message, and the end LSN
	// becomes the position. If bytes of the message were lost in transit, the
	// time differs.
	if m.Commit.CommitMicros != c.tx.time || m.Commit.EndLSN <= m.Commit.CommitLSN {
		return failure.New(failure.Source, "the commit at %s was damaged on the way: it ends at %s, "+
			"and its time is not the one that it began with", m.Commit.CommitLSN, m.Commit.EndLSN)
	}
	c.inside = false
	if c.tx.skip {
		c.dropped++
		return nil
	}
	c.lastEnd = m.Commit.EndLSN
	c.committed = append(c.committed, c.tx.xid)
	if c.tx.changes {
		c.changing++
		c.lastTime = time.UnixMicro(c.tx.time).UTC()
	}
	return nil
}

// describe stores a Relation message. It copies the columns, which belong to
// the parser.
func (c *collector) describe(m *pgoutput.Relation) {
	kept := *m
	kept.Columns = slices.Clone(m.Columns)
	c.described[m.ID] = kept
}

func (c *collector) lookup(id uint32) (*relation, error) {
	if r := c.latest; r != nil && r.message.ID == id {
		return r, nil
	}
	if r := c.relations[id]; r != nil {
		c.latest = r
		return r, nil
	}
	if m, ok := c.described[id]; ok { // while an earlier entry was collected
		if err := c.relation(&m); err != nil {
			return nil, err
		}
	}
	r := c.relations[id]
	if r == nil {
		return nil, failure.New(failure.Source, "a change names relation %d, which was not described", id)
	}
	return r, nil
}

// change stages one insert, update or delete.
func (c *collector) change(lsn pglogrepl.LSN, m *pgoutput.Message) error {
	if c.tx.skip {
		return nil
	}
	c.tx.changes = true
	r, err := c.lookup(m.RelationID)
	if err != nil {
		return err
	}
	if r.ignored {
		c.leave(r)
		return nil
	}
	err = c.row(r, lsn, m)
	if undecodable := (*undecodableError)(nil); errors.As(err, &undecodable) {
		c.refuse(r, undecodable)
		return nil
	}
	return err
}

// row stages a change of a relation.
func (c *collector) row(r *relation, lsn pglogrepl.LSN, m *pgoutput.Message) error {
	w := r.writerFor(c)
	n := len(r.message.Columns)
	if m.HasOld && len(m.Old) != n || m.Kind != 'D' && len(m.New) != n {
		return failure.New(failure.Source, "%s: a change with %d and %d columns, want %d", r.table, len(m.Old), len(m.New), n)
	}
	switch {
	case m.Kind == 'I':
		return w.append(c, r, schema.OpInsert, lsn, m.New, carried{})
	case m.Kind == 'D':
		return w.append(c, r, schema.OpDelete, lsn, m.Old, carried{})
	case !m.HasOld:
		return w.append(c, r, schema.OpUpdate, lsn, m.New, carried{})
	}
	from := carried{old: m.Old}
	if m.OldIsKey {
		from.inKey = r.inKey
	}
	if !r.keyChanged(m.Old, m.New) {
		return w.append(c, r, schema.OpUpdate, lsn, m.New, from)
	}
	if err := w.append(c, r, schema.OpDelete, lsn, m.Old, carried{}); err != nil {
		return err
	}
	return w.append(c, r, schema.OpInsert, lsn, m.New, from)
}

// truncate stages one row for each table.
func (c *collector) truncate(lsn pglogrepl.LSN, m *pgoutput.Message) error {
	if c.tx.skip {
		return nil
	}
	c.tx.changes = true
	for _, id := range m.Truncate.RelationIDs {
		r, err := c.lookup(id)
		if err != nil {
			return err
		}
		if r.ignored {
			c.leave(r)
			continue
		}
		if err := r.writerFor(c).append(c, r, schema.OpTruncate, lsn, r.nothing, carried{}); err != nil {
			return err
		}
	}
	return nil
}

// finish ends the last batches, waits for the uploads and returns the entry's
// body. end is where the entry ends.
func (c *collector) finish(end pglogrepl.LSN) (*ledger.Changes, error) {
	for _, p := range c.parts {
		p.finish(c)
	}
	if err := errors.Join(c.enc.wait(), c.stager.Spool.Tidy()); err != nil {
		return nil, err
	}
	body := &ledger.Changes{
		Start: c.state.Position, End: end, Transactions: c.changing, Reload: c.marks.list, Witnesses: c.stager.Seen.news(c.state),
	}
	if now := c.stager.Source.Facts.Timeline; now != c.state.Timeline {
		body.Timeline = now
	}
	if c.changing > 0 {
		body.LastCommit = &c.lastTime
	}
	for _, p := range c.parts {
		// The births of a part without rows are born again with the table's next
		// rows: such a part counts as one from before the snapshot.
		if t := p.changes(c); len(t.Segments) > 0 {
			body.Tables = append(body.Tables, t)
		}
	}
	body.Ahead = c.stager.Seen.columns(c.state, body.Tables)
	// No more messages follow, and the entry of many tables is large.
	c.parts, c.byTable, c.relations, c.latest = nil, nil, nil, nil
	unsettled, err := c.unsettled()
	body.Unsettled = unsettled
	return body, err
}

// unsettled lists the staged transactions that a snapshot taken now does not
// show. They are from this entry or carried forward from earlier ones.
func (c *collector) unsettled() ([]uint64, error) {
	now, err := c.stager.Source.Transactions(c.aux).Visible(c.ctx)
	if err != nil {
		return nil, err
	}
	var out []uint64
	for _, id := range slices.Concat(c.state.Unsettled, c.committed) {
		if !now.Visible(id) {
			out = append(out, id)
		}
	}
	return out, nil
}

// discard drops what was collected. Uploaded segments remain as orphans.
func (c *collector) discard() {
	for _, p := range c.parts {
		p.finish(c)
	}
	_ = c.enc.wait()
	_ = c.stager.Spool.Tidy() // the spool removes the file at the latest when it closes
}
