package verify

import (
	"time"

	"github.com/ingest-tool/ingest/internal/schema"
)

// Verdict is the outcome of one table.
type Verdict string

// The verdicts.
const (
	Equal       Verdict = "equal"
	Different   Verdict = "different"
	NotVerified Verdict = "not verified"
	// AsLoaded is the verdict on a table of snapshots alone whose source was
	// written since its full load: all rows that the source did not write since
	// are in the target, unchanged.
	AsLoaded Verdict = "as loaded"
)

// Mode says what was compared.
type Mode string

// The modes.
const (
	Aggregates Mode = "aggregates"
	Cells      Mode = "cells"
)

// MaxDifferences limits Result.Differences to this number of rows (of columns
// in the mode Aggregates).
const MaxDifferences = 20

// Result is the result for one table.
type Result struct {
	Table   schema.TableName `json:"table"`
	Verdict Verdict          `json:"verdict"`
	Mode    Mode             `json:"mode,omitempty"`
	Reason  string           `json:"reason,omitempty"` // why it was not verified
	// AsOf is when the table's snapshot was taken, if no changes follow it.
	AsOf *time.Time `json:"as_of,omitempty"`
	// Sample describes what was compared if that is not everything. Its Verdict
	// is never Equal, but says that only a sample was compared.
	Sample *SampleResult `json:"sample,omitempty"`
	// SourceRows and TargetRows are the row counts of both ends at the point,
	// or of the sample if there is one.
	SourceRows int64 `json:"source_rows"`
	TargetRows int64 `json:"target_rows"`
	// Differing counts the rows that differ; 0 in the mode Aggregates.
	Differing   int64        `json:"differing,omitempty"`
	Differences []Difference `json:"differences,omitempty"` // the first MaxDifferences
	// Kept are the results for the tables beside the log. Each is compared with
	// the log.
	Kept []KeptResult `json:"kept,omitempty"`
}

// Difference is a cell, a row or an aggregate that differs between the ends. A
// nil value is NULL, or a row that does not exist.
type Difference struct {
	// Kind is one of: cell; missing (a row of the source that the target
	// lacks); extra (a row that only the target has); aggregate.
	Kind string `json:"kind"`
	// Key identifies the row: column=value, …. In a table without a key, it
	// lists all columns.
	Key    string  `json:"key,omitempty"`
	Column string  `json:"column,omitempty"`
	What   string  `json:"what,omitempty"` // the aggregate
	Source *string `json:"source"`
	Target *string `json:"target"`
}

// Skip is the result of a table that cannot be verified.
func Skip(table schema.TableName, reason string) Result {
	return Result{Table: table, Verdict: NotVerified, Reason: reason}
}
