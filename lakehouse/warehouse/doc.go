// Package warehouse is a Databricks SQL warehouse on loopback: TCLIService
// (Thrift over HTTP) in front, Databricks SQL translated statement by
// statement, and DuckDB underneath, one database file per catalog.
//
// This package serves: clients and their sessions, operations and their results.
// Underneath, each job is a package:
//
//	sparksql   text → tree
//	translate  tree → DuckDB's SQL
//	exec       runs a statement
//	store      catalogs, metadata, transactions, versions
//	volume     files: paths, Parquet, calendars
//	function   functions that DuckDB lacks; scalar computes them
//	result     rows → pages
//	refusal    errors in Databricks' words
//	tcli       the wire
//
// It knows nothing of authentication, of the Files API or of the Unity Catalog REST interface: the package above serves those,
// and passes on only requests with a valid token. It knows nothing of PostgreSQL or of a ledger either: any Databricks client can
// use it.
//
// DuckDB needs cgo, and so do this package, exec, store, function and result. The
// others are pure Go.
package warehouse
