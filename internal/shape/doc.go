// Package shape decides what the configuration makes of a table's columns: which columns are moved,
// and with which names, types and masks.
//
// Snapshot and changes use the same Shape, so both give the same row. The ledger stores the decision
// with the columns, so a later change of the configuration is noticed. The package knows neither end:
// it opens no connection and reads no file.
package shape
