// Package alltypes moves every type of the table of types from a real Postgres
// into the local workspace, by a full load and by changes, and compares what
// arrives with what Postgres prints.
package alltypes
