package stage

import (
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/schema"
)

// undecodableError means that a change arrived completely and does not fit its
// table's columns. The same change would arrive again and again, so it must not
// block the slot. Its table needs a full load. Other tables are not affected.
type undecodableError struct{ err error }

func (e *undecodableError) Error() string { return e.err.Error() }
func (e *undecodableError) Unwrap() error { return e.err }

// refuse skips a table's changes from this one on. The table needs a full load
// that is newer than the last of them. Earlier changes stay. If a newer
// snapshot already contains the change, nothing is needed.
func (c *collector) refuse(r *relation, err error) {
	r.ignored, r.refused = true, err
	c.left[r.table] = true
	if c.state.Covers(r.table, c.tx.final) {
		return
	}
	c.lose(r.table, "a change could not be decoded: "+err.Error())
	if c.failed[r.table] != nil {
		return
	}
	if c.failed == nil {
		c.failed = map[schema.TableName]error{}
	}
	c.failed[r.table] = failure.New(failure.Source, "%s: its changes are skipped from %s on: %w", r.table, c.tx.final, err).
		WithHint("`ingest full-load --tables %s` reads the table itself; "+
			"https://github.com/ingest-tool/ingest/blob/main/docs/repair.md says what to do if that fails too", r.table.Argument())
}
