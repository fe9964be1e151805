// Package schema is the vocabulary of the project: tables, columns, replica
// identities and the one table of types that says how a Postgres type is
// decoded and what it becomes in Arrow, Parquet and Databricks.
//
// It does no I/O and knows neither end: it must not know how a value is read,
// how a segment is written or how a statement is sent. It imports nothing of
// this project; every other package may import it.
package schema
