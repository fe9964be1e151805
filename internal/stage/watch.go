package stage

import (
	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Watch are functions that are called as staging proceeds, possibly from several
// goroutines. Each may be nil. They must not block.
type Watch struct {
	// Copied is called with the rows that a snapshot has read, Ended when the
	// snapshot of a table is complete, or has failed.
	Copied func(table schema.TableName, rows, bytes int64)
	Ended  func(table schema.TableName, complete bool)
	// Changed is called with the changes that were read from the slot.
	Changed func(table schema.TableName, rows, bytes int64)
	// Reached is called while a drain approaches its target: all below at is
	// staged.
	Reached func(at, target pglogrepl.LSN)
	// Staged is called with each entry of changes.
	Staged func(*ledger.Entry)
}

func (w *Watch) copied(table schema.TableName, rows, bytes int64) {
	if w.Copied != nil {
		w.Copied(table, rows, bytes)
	}
}

func (w *Watch) ended(table schema.TableName, complete bool) {
	if w.Ended != nil {
		w.Ended(table, complete)
	}
}

func (w *Watch) changed(table schema.TableName, rows, bytes int64) {
	if w.Changed != nil {
		w.Changed(table, rows, bytes)
	}
}

func (w *Watch) reached(at, target pglogrepl.LSN) {
	if w.Reached != nil {
		w.Reached(at, target)
	}
}

func (w *Watch) staged(entry *ledger.Entry) {
	if w.Staged != nil {
		w.Staged(entry)
	}
}
