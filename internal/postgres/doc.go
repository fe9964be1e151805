// Package postgres is the source: connections, the catalog, publications, the slot, locks, snapshots,
// COPY, and the two read paths of logical decoding.
//
// A Source opens sessions and has the server's Facts. Each kind of question has a type, which asks it on
// a session that the caller opened:
//
//	Catalog       tables, columns, types, names, publications and the role's rights on them
//	Slots         replication slots
//	WAL           positions, and waiting until they are flushed or replayed
//	Transactions  which are open, and waiting for their end
//	Sessions      which are open, and how many more may be
//
// Three types have sessions of their own: a Lock, a Snapshot with the COPY of its tables, and the Stream
// of a Feed, which is what a slot sends. Text is how the database encodes names and values.
//
// The package knows nothing of segments, the ledger or Databricks. Callers choose tables, positions and
// snapshots, and receive rows and messages as they arrive. docs/postgres-rules.md lists the ordering
// rules that it relies on.
package postgres
