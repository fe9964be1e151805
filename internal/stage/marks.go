package stage

import (
	"cmp"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/schema"
)

// marks are the reload marks of one entry. A table has one mark per reason,
// however many transactions cause it.
type marks struct {
	list []ledger.ReloadMark
	at   map[mark]int // index in the list
}

// mark identifies a mark within an entry. generation is 0 for a mark that
// applies to every snapshot.
type mark struct {
	table      schema.TableName
	generation int64
	reason     string
}

func of(m *ledger.ReloadMark) mark { return mark{m.Table, m.Generation, m.Reason} }

// add adds a mark. A mark for lost rows keeps the LSN of the last lost row,
// because only a newer snapshot clears it.
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

// mark records that a table's columns or key differ from those of its snapshot,
// so that it needs a reload. A table needs no mark unless the current
// transaction continues its snapshot.
func (c *collector) mark(name schema.TableName, reasons ...string) {
	lsn := c.markedAt()
	if c.tx.skip || !c.state.Continues(name, lsn) {
		return
	}
	for _, reason := range reasons {
		m := ledger.ReloadMark{Table: name, LSN: lsn, Reason: reason, Generation: c.state.GenerationAt(name, lsn)}
		if !c.state.Marked(&m) {
			c.marks.add(m)
		}
	}
}

// lose records that the log lacks a change that the current transaction made to
// the table. Whatever its current snapshot is, the table needs a newer one.
func (c *collector) lose(name schema.TableName, reason string) {
	if lsn := c.markedAt(); !c.tx.skip && !c.state.Covers(name, lsn) {
		c.marks.add(ledger.ReloadMark{Table: name, LSN: lsn, Reason: reason})
	}
}

func (c *collector) markedAt() pglogrepl.LSN { return cmp.Or(c.tx.final, c.state.Position) }

// found adds the marks from the catalog to those from the messages.
func (c *collector) found(marks []ledger.ReloadMark) {
	for _, m := range marks {
		if !c.state.Marked(&m) {
			c.marks.add(m)
		}
	}
}

// report logs an entry's marks, each one once per run.
func (s *Stager) report(marks []ledger.ReloadMark) {
	for _, m := range marks {
		if s.reported[of(&m)] {
			continue
		}
		if s.reported == nil {
			s.reported = map[mark]bool{}
		}
		s.reported[of(&m)] = true
		s.Log.Warn("a table needs a full load", "table", m.Table.String(), "because", m.Reason, "lsn", m.LSN.String(),
			"remedy", "ingest full-load --tables "+m.Table.Argument())
	}
}
