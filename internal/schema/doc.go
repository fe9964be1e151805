// Package schema is the vocabulary of the project: tables, columns, replica identities and the type
// table. The type table defines how each Postgres type is decoded and what it becomes in Arrow,
// Parquet and Databricks.
//
// The package does no I/O and knows neither end. It must not know how a value is read, how a segment
// is written or how a statement is sent. It imports nothing of this project; every other package may
// import it.
package schema
