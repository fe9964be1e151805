// Package load brings Databricks to the head of the ledger. Each table first
// gets its newest snapshot by one atomic CREATE OR REPLACE. Then COPY INTO
// appends its staged changes, in the order of the ledger and each exactly once.
//
// The table itself is the proof of what is loaded: its rows per _entry and two
// table properties. The files in loads/ only cache that (package loads). The
// package uses nothing of Postgres except the lock that the caller passes in.
//
// This package decides which tables a load takes and what their logs need. The
// tables beside a log are in package kept, the views in package view.
package load
