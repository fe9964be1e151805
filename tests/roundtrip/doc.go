// Package roundtrip moves a table with columns of many types from a real
// Postgres into the local workspace, by a full load and by changes, and compares
// what arrives with what Postgres prints. The segments are read by DuckDB, which
// shares no code with their writer. It is for tests, and knows no type itself.
package roundtrip
