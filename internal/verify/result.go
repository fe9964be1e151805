package verify

import "ingest/internal/schema"

// Verdict is the outcome of one table.
type Verdict string

// The verdicts.
const (
	Equal       Verdict = "equal"
	Different   Verdict = "different"
	NotVerified Verdict = "not verified"
)

// Mode says what was compared.
type Mode string

// The modes.
const (
	Aggregates Mode = "aggregates"
	Cells      Mode = "cells"
)

// MaxDifferences bounds Result.Differences by rows (by columns in the mode
// Aggregates).
const MaxDifferences = 20

// Result is what is known of one table.
type Result struct {
	Table   schema.TableName `json:"table"`
	Verdict Verdict          `json:"verdict"`
	Mode    Mode             `json:"mode,omitempty"`
	Reason  string           `json:"reason,omitempty"` // why not verified
	// Sample says what was compared where that is not all; its Verdict is then
	// never Equal, but says so too.
	Sample *SampleResult `json:"sample,omitempty"`
	// SourceRows and TargetRows are what both ends hold as of the point, of the
	// sample if there is one.
	SourceRows int64 `json:"source_rows"`
	TargetRows int64 `json:"target_rows"`
	// Differing counts the rows that differ; 0 in the mode Aggregates.
	Differing   int64        `json:"differing,omitempty"`
	Differences []Difference `json:"differences,omitempty"` // the first MaxDifferences
	// Kept are the tables beside the log, each compared with the log.
	Kept []KeptResult `json:"kept,omitempty"`
}

// Difference is a cell, a row or an aggregate that is not the same at both
// ends. A nil value is NULL, or a row that is not there.
type Difference struct {
	// Kind is cell, missing (a row of the source that the target lacks), extra
	// (one that only the target has), or aggregate.
	Kind string `json:"kind"`
	// Key names the row: column=value, …; all columns in a table without a key.
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
