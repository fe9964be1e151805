//go:build cgo

package exec

import "time"

// Switches choose between two possible behaviours where it is not known what Databricks does. The zero value is the kinder one.
type Switches struct {
	// CopyMemoryLostOnReplace lets CREATE OR REPLACE TABLE forget which files
	// COPY INTO has loaded.
	CopyMemoryLostOnReplace bool
	// CopyMemoryLostOnRestore lets RESTORE TABLE forget the files whose loads
	// it undid.
	CopyMemoryLostOnRestore bool
	// CTASWithoutRow lets CREATE TABLE AS SELECT answer without a row.
	CTASWithoutRow bool
	// PropertiesLostOnReplace lets CREATE OR REPLACE TABLE drop the comment,
	// tags, properties and clustering that the statement does not name again.
	PropertiesLostOnReplace bool
	// PoliciesLostOnReplace lets CREATE OR REPLACE TABLE drop row filters and
	// masks, which it is documented to keep.
	PoliciesLostOnReplace bool
	// NewRowsNoConflict lets a MERGE, UPDATE or DELETE commit although another one has added rows that it would have read. Two
	// statements may then insert the same key.
	NewRowsNoConflict bool
	// LateCommit lets a statement continue, and commit, after its client has gone or cancelled it.
	LateCommit bool
	// NoSchemaEvolutionOfViews is a warehouse from before Databricks Runtime
	// 15.3, which does not know WITH SCHEMA.
	NoSchemaEvolutionOfViews bool
	// NoArrow lets results come in columns of Thrift, in which nested values are
	// JSON. In Arrow it is the client that prints them.
	NoArrow bool
}

// Move is a file of a volume that a client writes, reads or removes (Method is
// PUT, GET or DELETE), or a directory that it removes.
type Move struct {
	Method, Path         string
	Directory, Overwrite bool
}

// Column is one column of a table. Position counts from 0.
type Column struct {
	Name, Type, Comment string
	Position            int
	Nullable            bool
}

// Table is a table or view as Unity Catalog describes it.
type Table struct {
	Catalog, Schema, Name string
	// Kind is MANAGED or VIEW.
	Kind             string
	Comment          string
	Columns          []Column
	Properties       map[string]string
	Query            string // a view's, as it was written
	Created, Updated time.Time
}
