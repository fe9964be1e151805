package stage

import (
	"ingest/internal/failure"
	"ingest/internal/schema"
)

// undecodableError says that a change came whole and that its table's columns
// cannot take it. The same change would come again and again, so it must not hold
// up the slot: it costs its table a full load, and no other table anything.
type undecodableError struct{ err error }

func (e *undecodableError) Error() string { return e.err.Error() }
func (e *undecodableError) Unwrap() error { return e.err }

// refuse gives up a table's changes from this one on: what its log lacks needs a
// full load that is newer than the last of them. What comes before stays. A newer
// snapshot, which has the change already, needs nothing.
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
	c.failed[r.table] = failure.New(failure.Source, "%s: its changes are left out from %s on: %w", r.table, c.tx.final, err).
		WithHint("`ingest full-load --tables %s` reads the table itself; docs/repair.md says what to do if that fails too", r.table.Argument())
}
