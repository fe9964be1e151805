// Package stage is the half of the pipeline that reads Postgres: it turns
// snapshots and changes into segments in the Volume and names them in the
// ledger. It needs no SQL warehouse and knows nothing of target tables.
//
// The invariants that it keeps (docs/invariants.md): a segment's path is never
// used twice; a segment is real only once an entry names it; the slot is
// acknowledged last, and never beyond the newest entry; reading starts at the
// ledger's position; a change is told apart by its transaction's visibility in
// every snapshot that may hold it.
package stage
