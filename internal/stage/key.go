package stage

import (
	"slices"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres/pgoutput"
)

// key returns the places of the key's columns: those of the identity. If the
// identity is the whole row, it returns those of the primary key, provided that
// there is one and all its columns are sent. See fold.Key.
func (b *binding) key() []int {
	m := b.message
	var primary []string
	if t := b.state.Tables[b.table]; m.ReplicaIdentity == 'f' && t != nil && t.Snapshot != nil {
		if primary = t.Snapshot.PrimaryKey; t.Snapshot.OID == m.ID {
			primary = ledger.SameNumbers(primary, t.Snapshot.Columns, b.columns)
		}
	}
	if slices.ContainsFunc(primary, func(key string) bool {
		return !slices.ContainsFunc(m.Columns, func(col pgoutput.RelationColumn) bool { return col.Name == key })
	}) {
		primary = nil
	}
	var key []int
	for i, col := range m.Columns {
		if len(primary) == 0 && col.Key || slices.Contains(primary, col.Name) {
			key = append(key, i)
		}
	}
	return key
}

// keyReason returns why the following updates and deletes do not identify the
// rows that the log has, or "" if they do. Under FULL they carry the whole row.
// Without an identity there are none.
func (b *binding) keyReason() string {
	t := b.state.Tables[b.table]
	if b.message.ReplicaIdentity == 'f' || !b.state.Current(t) || b.message.ID != t.Snapshot.OID {
		return ""
	}
	var now []string
	for _, col := range b.columns {
		if col.Key {
			now = append(now, col.Name)
		}
	}
	keys := 0
	for _, col := range b.message.Columns {
		if col.Key {
			keys++
		}
	}
	if keys == 0 || keys != len(now) { // nothing is sent, or a column of the key is not staged
		return ""
	}
	return t.Snapshot.KeyChange(ledger.SameNumbers(now, b.columns, t.Snapshot.Columns))
}
