package kept

import (
	"context"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/fold"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/loads"
)

// Table is a table beside the log of one table of a load run. Only one goroutine
// at a time uses it.
type Table struct {
	Definition
	keeper *Keeper
	log    *bronze.Log
	cached loads.Kept
	loaded *loads.Table // new content of the cache

	object
	at      fold.Position
	known   bool // at is the position that the table shows
	rebuild bool
	ends    bool     // its log ends: the table gets all that the log has before a newer snapshot replaces it
	reborn  []string // columns that this run has filled with the values of their former selves
	moves   int      // consecutive key changes that statements follow
	err     error
	tries   int
	dry     func(sql ...string) // receives the statements of a plan, which sends none; else nil
	stays   bool                // of a plan: the last statement did not move the position

	result Result
}

// Result is the result of the load.
func (k *Table) Result() Result { return k.result }

// Err says why the table is quarantined; nil if it is kept.
func (k *Table) Err() error { return k.err }

// Present reports whether the table exists and is kept.
func (k *Table) Present() bool { return k.exists && k.err == nil }

// Keyed reports whether the log has the table's key.
func (k *Table) Keyed() bool { return keyed(k.log, k.Key) }

// End makes the table take in all that its log has, because a newer snapshot is
// about to replace the log. It is not rebuilt before that.
func (k *Table) End() { k.ends, k.rebuild = true, false }

// Reread reads the table again after an older part of its log was loaded. c is
// the cache's record since then.
func (k *Table) Reread(ctx context.Context, c loads.Kept) error {
	k.known = false
	k.take(c)
	return k.identify(ctx)
}

// take takes the position from the cache's record, if it has one.
func (k *Table) take(c loads.Kept) {
	if c.Snapshot != "" {
		k.at = fold.Position{Snapshot: c.Snapshot, Entry: c.Entry}
	}
}

// target is the position that the table should reach.
func (k *Table) target() fold.Position {
	return fold.Position{Snapshot: k.log.State.Snapshot.Directory, Entry: reach(k.log, k.Kind)}
}

// done reports whether the table shows its target position, and all columns of
// a log that ends.
func (k *Table) done() bool {
	if !k.known || k.rebuild || k.at != k.target() {
		return false
	}
	_, unborn := k.unborn()
	return len(unborn) == 0
}

// fail quarantines only this table.
func (k *Table) fail(err error) {
	since := k.keeper.Now().UTC()
	if q := k.cached.Quarantine; q != nil && stopped(k.log, k.cached) {
		since = q.Since
	}
	k.err, k.result.Err = err, err
	c := k.cached
	c.Quarantine = &loads.Quarantine{Reason: err.Error(), Hint: failure.HintOf(err), Since: since, Snapshot: k.log.State.Snapshot.Begin}
	SetRecord(k.loaded, k.Kind, c)
	k.keeper.Log.Error("a table beside a log is quarantined", "table", k.Data.Display(), "because", err)
}

// failed is like fail and adds the command that rebuilds the table.
func (k *Table) failed(format string, args ...any) {
	k.fail(failure.New(failure.Tables, "table %s "+format, append([]any{k.Data.Display()}, args...)...).
		WithHint("ingest load --rebuild %s --tables %s", k.Kind, k.log.State.Table.Argument()))
}

// refused quarantines the table because the warehouse refused a statement.
func (k *Table) refused(err error) {
	hint := "ingest load --tables " + k.log.State.Table.Argument()
	if named := failure.HintOf(err); named != "" {
		hint = named + "; then " + hint
	}
	k.fail((&failure.Error{Kind: failure.Tables, Err: err}).WithHint("%s", hint))
}
