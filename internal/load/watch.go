package load

import "github.com/ingest-tool/ingest/internal/schema"

// Watch are functions that are called as tables are loaded, possibly from
// several goroutines. Each may be nil. They must not block.
type Watch struct {
	// Begun is called with the newest entry that the load sees, and the tables
	// that it works on. It is not called if there is nothing to do.
	Begun func(head int64, tables []Waiting)
	// Loaded is called with rows that were loaded, Ended when a table has all its
	// rows or has failed.
	Loaded func(table schema.TableName, rows int64)
	Ended  func(table schema.TableName)
}

// Waiting is a table that a load works on.
type Waiting struct {
	Table schema.TableName
	Rows  int64 // that it lacks, according to the cache
}

func (w *Watch) begun(head int64, todo []*table) {
	if w.Begun == nil {
		return
	}
	tables := make([]Waiting, len(todo))
	for i, t := range todo {
		tables[i] = Waiting{Table: t.State.Table, Rows: t.waiting()}
	}
	w.Begun(head, tables)
}

func (w *Watch) loaded(table schema.TableName, rows int64) {
	if w.Loaded != nil {
		w.Loaded(table, rows)
	}
}

func (w *Watch) ended(table schema.TableName) {
	if w.Ended != nil {
		w.Ended(table)
	}
}

// waiting is the number of rows that the table lacks, according to the cache.
func (w *table) waiting() int64 {
	same := w.State.Snapshot != nil && w.cached.Snapshot == w.State.Snapshot.Begin
	rows := int64(0)
	for _, s := range w.steps {
		if !same || s.entry > w.cached.Entry {
			rows += s.rows
		}
	}
	return rows
}
