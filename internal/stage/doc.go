// Package stage is the half of the pipeline that reads Postgres. It turns
// snapshots and changes into segments in the Volume and names them in the
// ledger. It needs no SQL warehouse and knows nothing about target tables.
//
// The package keeps these invariants (docs/invariants.md). A segment's path is
// never used twice. A segment is real only once an entry names it. The slot is
// acknowledged last and never beyond the newest entry. Reading starts at the
// ledger's position. For every snapshot that may contain a change, staging
// records whether the change's transaction is visible in it.
package stage
