// Package kept maintains the tables beside a log: the current state of its rows,
// and their history. Each has a position: the newest entry of the log that is in
// it. Statements of package fold bring it to the position of the log.
//
// Package load brings the log up to date first, and says which tables are wanted.
// This package decides what each of them needs, sends it, and makes their views.
package kept
