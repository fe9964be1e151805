// Package shape decides what becomes of a table's columns by configuration:
// which of them are moved, under which names, as which types and behind which
// masks.
//
// Snapshot and changes ask the same Shape, so that both give the same row; what
// it decided is kept in the ledger with the columns, so that a configuration
// that changed later is noticed. The package knows neither end: it opens no
// connection and reads no file.
package shape
