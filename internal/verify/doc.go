// Package verify compares source tables with the folded state of their bronze
// tables at one point. The point is a snapshot of the source. On the other end,
// it is the log restricted to the transactions that the snapshot shows.
//
// The package reads the source as Postgres's own text. It renders the target
// with its own code, so that it does not repeat a decoding mistake of the
// loader. It does not know how rows are staged or loaded, and it never writes
// to either end. The caller must stage and load up to the point's fence first.
package verify
