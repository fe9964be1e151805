// Package load is the half of the pipeline that brings Databricks to the
// ledger's head: each table gets its newest snapshot by one atomic CREATE OR
// REPLACE, then its staged changes by COPY INTO, in the ledger's order and each
// exactly once.
//
// What is loaded is told by the table itself: rows per _entry and two table
// properties. The files in loads/ only cache that. The package knows nothing
// of Postgres but the lock that it is handed.
package load
