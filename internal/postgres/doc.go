// Package postgres is the source: connecting, the catalog, publications, the
// slot, locks, snapshots, COPY, and the two transports of logical decoding.
//
// It knows nothing of segments, the ledger or Databricks: its callers say which
// tables, positions and snapshots, and hands out rows and messages as they
// come. docs/postgres-rules.md says which order of things it relies on.
package postgres
