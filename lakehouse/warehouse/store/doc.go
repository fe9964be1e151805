// Package store keeps catalogs: one DuckDB database per catalog, with the metadata that
// DuckDB has no place for in a hidden schema, and the versions of each table. Writers of
// a catalog come one after another; a Txn is one transaction.
//
// It knows no statement and no session. Package exec decides what a statement changes.
package store
