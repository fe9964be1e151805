// Package postgres is the source: connections, the catalog, publications, the slot, locks, snapshots,
// COPY, and the two read paths of logical decoding.
//
// It knows nothing of segments, the ledger or Databricks. Callers choose tables, positions and
// snapshots, and receive rows and messages as they arrive. docs/postgres-rules.md lists the ordering
// rules that it relies on.
package postgres
