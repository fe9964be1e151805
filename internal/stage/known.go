package stage

import (
	"slices"

	"github.com/jackc/pglogrepl"

	"ingest/internal/ledger"
	"ingest/internal/postgres/pgoutput"
	"ingest/internal/schema"
)

// last returns the commit of the part's newest row.
func (p *part) last() pglogrepl.LSN {
	var last pglogrepl.LSN
	for _, w := range p.writers {
		last = max(last, w.last)
	}
	return last
}

// outdated reports whether a snapshot of the part's table was taken between the
// part's rows and the current transaction. If so, columns must be compared with
// the snapshot's.
func (c *collector) outdated(p *part) bool {
	return c.continues(p.table) && !c.state.Continues(p.table, p.last())
}

// continues reports whether the current transaction continues the table's
// newest snapshot.
func (c *collector) continues(table schema.TableName) bool {
	return c.state.Continues(table, c.tx.final)
}

// sameOrder reports whether two lists have the same column names in the same
// order.
func sameOrder(a, b []schema.Column) bool {
	return slices.EqualFunc(a, b, func(x, y schema.Column) bool { return x.Name == y.Name })
}

// keyReason returns why the following updates and deletes do not identify the
// rows that the log has, or "" if they do. Under FULL they carry the whole row.
// Without an identity there are none.
func (c *collector) keyReason(name schema.TableName, m *pgoutput.Relation, columns []schema.Column) string {
	t := c.state.Tables[name]
	if m.ReplicaIdentity == 'f' || !c.state.Current(t) || m.ID != t.Snapshot.OID {
		return ""
	}
	var now []string
	for _, col := range columns {
		if col.Key {
			now = append(now, col.Name)
		}
	}
	keys := 0
	for _, col := range m.Columns {
		if col.Key {
			keys++
		}
	}
	if keys == 0 || keys != len(now) { // nothing is sent, or a column of the key is not staged
		return ""
	}
	return t.Snapshot.KeyChange(ledger.SameNumbers(now, columns, t.Snapshot.Columns))
}
