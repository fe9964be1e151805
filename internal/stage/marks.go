package stage

import (
	"cmp"

	"github.com/jackc/pglogrepl"

	"ingest/internal/ledger"
	"ingest/internal/schema"
)

// marks are the reload marks of one entry: one for each reason that a table has,
// however many transactions give it.
type marks struct {
	list []ledger.ReloadMark
	at   map[mark]int // in the list
}

// mark is what tells the marks of an entry apart. generation is 0 for one that
// holds for every snapshot.
type mark struct {
	table      schema.TableName
	generation int64
	reason     string
}

func of(m *ledger.ReloadMark) mark { return mark{m.Table, m.Generation, m.Reason} }

// add takes a mark in. The last row that was lost says which snapshot is new
// enough.
func (s *marks) add(m ledger.ReloadMark) {
	if i, ok := s.at[of(&m)]; ok {
		if m.Generation == 0 {
			s.list[i].LSN = max(s.list[i].LSN, m.LSN)
		}
		return
	}
	if s.at == nil {
		s.at = map[mark]int{}
	}
	s.at[of(&m)] = len(s.list)
	s.list = append(s.list, m)
}

// mark notes that a table's columns or key are not those of its snapshot, so
// that it needs a reload. A table that has no snapshot newer than the current
// transaction needs none.
func (c *collector) mark(name schema.TableName, reason string) {
	lsn := c.markedAt()
	if c.tx.skip || !c.state.Continues(name, lsn) {
		return
	}
	m := ledger.ReloadMark{Table: name, LSN: lsn, Reason: reason, Generation: c.state.GenerationAt(name, lsn)}
	if !c.state.Marked(&m) {
		c.marks.add(m)
	}
}

// lose notes that the current transaction changed rows of a table in a way that
// the log does not have: whatever its snapshot is, it needs one that is newer.
func (c *collector) lose(name schema.TableName, reason string) {
	if lsn := c.markedAt(); !c.tx.skip && !c.state.Covers(name, lsn) {
		c.marks.add(ledger.ReloadMark{Table: name, LSN: lsn, Reason: reason})
	}
}

func (c *collector) markedAt() pglogrepl.LSN { return cmp.Or(c.tx.final, c.state.Position) }

// found adds the marks that the catalog gave to those that the messages did.
func (c *collector) found(marks []ledger.ReloadMark) {
	for _, m := range marks {
		if !c.state.Marked(&m) {
			c.marks.add(m)
		}
	}
}

// report logs the marks that an entry brought, each once in a run.
func (s *Stager) report(marks []ledger.ReloadMark) {
	for _, m := range marks {
		if s.reported[of(&m)] {
			continue
		}
		if s.reported == nil {
			s.reported = map[mark]bool{}
		}
		s.reported[of(&m)] = true
		s.Log.Warn("a table needs a full load", "table", m.Table.String(), "because", m.Reason, "lsn", m.LSN.String(), "remedy", "ingest full-load --tables "+m.Table.Argument())
	}
}
