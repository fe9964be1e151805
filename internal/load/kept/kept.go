package kept

import (
	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/load/loads"
)

// Kind is what a table beside a log holds.
type Kind string

// The kinds.
const (
	Current Kind = "current"
	History Kind = "history"
)

// Kinds lists all kinds.
var Kinds = []Kind{Current, History}

// Definition is a table that is wanted beside a log.
type Definition struct {
	Kind       Kind
	Data, View databricks.Table // the table, and its user-facing view
	Key        []string         // columns, by their names in the source
	Except     []string         // columns that begin no period
	ShowGone   bool             // the view shows rows that the source deleted
	Feed       bool             // the table has a change data feed
}

// Properties of a table that is kept beside a log. It also has
// bronze.PropertyLedger and bronze.PropertyPipeline.
const (
	PropertyKept = "ingest.kept" // what it holds
	PropertyLog  = "ingest.log"  // of which table of the source
)

// Options choose what a load does with the tables beside a log.
type Options struct {
	Rebuild []Kind // kinds that are rebuilt from the log
	Retry   bool   // quarantined tables are tried again
}

// Result is the result of a load for one table.
type Result struct {
	Kind       Kind
	Data, View databricks.Table
	Replaced   bool // it was created or rebuilt
	Fresh      bool // a history that was to be rebuilt and had no periods to keep
	Merges     int
	Err        error // why it is quarantined
}

// RebuildCommand is the command that rebuilds tables of these kinds beside a
// table's log.
func RebuildCommand(kinds, tables string) string {
	return "ingest load --rebuild " + kinds + " --tables " + tables
}

// Record is the cache's record of a table beside a log.
func Record(t *loads.Table, kind Kind) loads.Kept {
	if k := *recordAt(t, kind); k != nil {
		return *k
	}
	return loads.Kept{}
}

// SetRecord updates the cache's record of a table beside a log.
func SetRecord(t *loads.Table, kind Kind, k loads.Kept) {
	if at := recordAt(t, kind); *at == nil || **at != k {
		*at = &k
	}
}

func recordAt(t *loads.Table, kind Kind) **loads.Kept {
	if kind == History {
		return &t.History
	}
	return &t.Current
}
