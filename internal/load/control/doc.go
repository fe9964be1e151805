// Package control writes the control table _ingest_loads: one row for each load
// of each table. The rows are derived from the ledger, so a load can add those
// that an earlier load could not write. The package reads no log, and no load
// depends on what it writes.
package control
