package stage

import (
	"bytes"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres/pgoutput"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

// relation is a table as the newest Relation message describes it. It is bound
// to the part of the entry that receives its changes.
type relation struct {
	message pgoutput.Relation // the message that it was made from
	table   schema.TableName
	columns []schema.Column // the staged columns, in the message's order
	places  []int           // of those columns in a tuple
	key     []int           // of the key's columns
	inKey   []bool          // by place: whether it is part of the old key on the wire
	nothing []pgoutput.Datum
	part    *part
	writers []*writer // by visibility; the newest transaction's first
	// ignored says that changes are skipped, because the table is not wanted or
	// cannot be written.
	ignored bool
	// lost is why the table lacks the skipped changes. It is "" if it lacks
	// nothing or if refused holds the reason.
	lost string
	// root is the table that lacks the skipped changes. It is zero if there is
	// none.
	root schema.TableName
	// refused is why changes cannot be decoded. It is nil if they can, or if
	// none was tried yet.
	refused error
}

// part is the entry's TableChanges for one table and one list of columns.
type part struct {
	table   schema.TableName
	oid     uint32
	columns []schema.Column
	layout  *vector.Layout
	meta    changesMeta
	dec     rowDecoder
	writers []*writer
	rows    map[schema.Op]int64
	// rowBytes is the size of a row in a batch without its texts.
	rowBytes int64
	// partitions are all of the table's leaves, if there are new ones.
	partitions []uint32
	// births are the columns that the table has from some row of this part on.
	// excluded are the newly excluded columns.
	births   []ledger.Birth
	excluded []string
}

// writer collects the rows of a part whose transactions are visible in the same
// snapshots.
type writer struct {
	part      *part
	visibleIn []int64
	out       *output
	batch     *vector.Batch // nil: no rows since the last one was handed over
	since     int64         // bytes of values in the batch
	held      int64         // memory of the batch
	first     pglogrepl.LSN
	last      pglogrepl.LSN // commits of the batch's first and last row
	unchanged []int         // unchanged columns of the current row

	mu       sync.Mutex
	segments []ledger.Segment // uploaded
}

// keyChanged reports whether an update moves the row to another key. A key
// column that the new tuple does not carry is unchanged.
func (r *relation) keyChanged(old, new []pgoutput.Datum) bool {
	for _, i := range r.key {
		if new[i].Kind == 'u' {
			continue
		}
		if old[i].Kind != new[i].Kind || !bytes.Equal(old[i].Data, new[i].Data) {
			return true
		}
	}
	return false
}

// writerFor returns the writer for the current transaction's visibility.
func (r *relation) writerFor(c *collector) *writer {
	visible := c.tx.visible
	if len(r.writers) > 0 && unwatched(r, visible) {
		return r.writers[0]
	}
	var mine []int64
	for _, n := range visible {
		if o := c.state.Open[n]; o.Watched[r.table] {
			mine = append(mine, n)
		}
	}
	for i, w := range r.writers {
		if slices.Equal(w.visibleIn, mine) {
			r.writers[0], r.writers[i] = r.writers[i], r.writers[0]
			return w
		}
	}
	w := r.part.newWriter(c, mine)
	r.writers = append([]*writer{w}, r.writers...)
	return w
}

// unwatched is the fast path for the usual case that no snapshot matters.
func unwatched(r *relation, visible []int64) bool {
	return len(visible) == 0 && len(r.writers[0].visibleIn) == 0
}

func (p *part) newWriter(c *collector, visibleIn []int64) *writer {
	w := &writer{part: p, visibleIn: visibleIn}
	w.out = &output{
		layout:    p.layout,
		name:      func() string { return c.stager.segmentName(p.table, "changes") },
		visibleIn: visibleIn,
		allowed: func(now *ledger.State) error {
			return Agrees(now, p.table, c.stager.Shape.Of(p.table), names(p.columns), c.stager.Began)
		},
		finish: func(seg ledger.Segment) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.segments = append(w.segments, seg)
		},
	}
	p.writers = append(p.writers, w)
	return w
}

// opBytes holds the operations as bytes, so that a row needs no conversion.
var opBytes = map[schema.Op][]byte{}

func init() {
	for _, op := range []schema.Op{schema.OpInsert, schema.OpUpdate, schema.OpDelete, schema.OpTruncate} {
		opBytes[op] = []byte(op)
	}
}

// carried holds the old row's values, which replace unchanged ones. If the old
// row is only a key, its other values are absent, not NULL. A NULL in the old
// row whose value is unchanged is absent too. A partition sends such rows,
// marked as complete, if its own identity is the key and the root's identity is
// FULL.
type carried struct {
	old   []pgoutput.Datum // nil: there is no old row
	inKey []bool           // nil: all columns are present
}

func (o carried) of(i int, d *pgoutput.Datum) *pgoutput.Datum {
	if o.old == nil || o.inKey != nil && !o.inKey[i] || o.old[i].Kind != 't' {
		return d
	}
	return &o.old[i]
}

// append appends one row of a relation that is bound to the writer's part.
func (w *writer) append(c *collector, r *relation, op schema.Op, lsn pglogrepl.LSN, tuple []pgoutput.Datum, from carried) error {
	p := w.part
	w.open(c)
	b := w.batch
	w.unchanged = w.unchanged[:0]
	var size int64
	for i, place := range r.places {
		d := &tuple[place]
		if d.Kind == 'u' {
			d = from.of(place, d)
		}
		if d.Kind == 'u' && !p.dec.constant(i) {
			w.unchanged = append(w.unchanged, i)
		}
		var wire []byte
		if d.Kind == 't' {
			if wire = d.Data; wire == nil {
				wire = empty
			}
		}
		if err := p.dec.append(b.Columns[i], i, wire); err != nil {
			b.Truncate(b.Rows())
			p.dec.forget()
			return &undecodableError{err}
		}
		size += int64(len(wire))
	}
	if op == schema.OpInsert && len(w.unchanged) > 0 && from.old == nil {
		// No row of the log has the values, because the old row was filtered
		// out.
		c.lose(r.table, "an update brought a row through the publication's filter, and large values that it did not change were not sent")
	}
	w.appendMeta(c, op, lsn)
	p.rows[op]++
	c.tx.seq++
	c.rows++
	c.total += size + int64(len(tuple))*8
	w.since += size
	c.hold(w, p.rowBytes+size)
	if b.Rows() >= batchRows || w.held >= c.enc.batchBytes {
		w.flush(c)
		return c.enc.failed()
	}
	if c.held >= c.stager.Options.Memory/8 {
		return c.flushAll()
	}
	return nil
}

// hold adds memory of a writer's batch to the accounts.
func (c *collector) hold(w *writer, bytes int64) {
	w.held += bytes
	c.held += bytes
	raise(&c.stager.Peaks.Rows, c.held)
}

// emptyColumn is the memory of a column without values, in bytes.
const emptyColumn = 400

// open makes sure that there is a batch.
func (w *writer) open(c *collector) {
	if w.batch == nil {
		w.batch = c.enc.batch(w.out)
		c.hold(w, emptyColumn*int64(len(w.batch.Columns)))
	}
}

var empty = []byte{}

// appendMeta appends the metadata columns.
func (w *writer) appendMeta(c *collector, op schema.Op, lsn pglogrepl.LSN) {
	columns, at := w.batch.Columns, &w.part.meta
	columns[at.op].AppendBytes(opBytes[op])
	columns[at.commitLSN].AppendInt64(int64(c.tx.final))
	columns[at.seq].AppendInt64(c.tx.seq)
	columns[at.lsn].AppendInt64(int64(lsn))
	columns[at.commitTS].AppendInt64(c.tx.time)
	columns[at.xid].AppendInt64(int64(c.tx.xid))
	if unchanged := columns[at.unchanged]; len(w.unchanged) == 0 {
		unchanged.AppendNull()
	} else {
		for _, i := range w.unchanged {
			unchanged.Elem().AppendString(w.part.columns[i].Target())
		}
		unchanged.EndList()
	}
	w.part.dec.finishRow(columns[at.rescued])
	if w.first == 0 {
		w.first = c.tx.final
	}
	w.last = c.tx.final
}

// flush passes the batch to the encoder.
func (w *writer) flush(c *collector) {
	if w.batch != nil {
		c.enc.write(w.out, w.take(c), w.first, w.last)
		w.first = 0
	}
}

// take removes and returns the batch, or nil if there is none.
func (w *writer) take(c *collector) *vector.Batch {
	b := w.batch
	if b != nil {
		c.stager.Watch.changed(w.part.table, int64(b.Rows()), w.since)
	}
	c.held -= w.held
	w.batch, w.since, w.held = nil, 0, 0
	return b
}

// flushAll flushes all batches, so that many quiet tables together stay within
// the budget.
func (c *collector) flushAll() error {
	for _, p := range c.parts {
		for _, w := range p.writers {
			w.flush(c)
		}
	}
	return c.enc.failed()
}

func (p *part) finish(c *collector) {
	for _, w := range p.writers {
		c.enc.closeOutput(w.out, w.take(c), w.first, w.last)
	}
}

// last returns the commit of the part's newest row.
func (p *part) last() pglogrepl.LSN {
	var last pglogrepl.LSN
	for _, w := range p.writers {
		last = max(last, w.last)
	}
	return last
}

// changes returns the part as the entry names it. Its segments must be
// uploaded.
func (p *part) changes(c *collector) ledger.TableChanges {
	t := ledger.TableChanges{Table: p.table, OID: p.oid, Generation: c.state.GenerationAt(p.table, p.last()), Columns: p.columns,
		Rows: p.rows, Partitions: p.partitions,
		Births: p.births, Excluded: p.excluded}
	for _, w := range p.writers {
		t.Segments = append(t.Segments, w.segments...)
	}
	slices.SortFunc(t.Segments, func(a, b ledger.Segment) int { return strings.Compare(a.Path, b.Path) })
	if len(p.dec.rescued) > 0 {
		t.Rescued = p.dec.rescued
	}
	return t
}
