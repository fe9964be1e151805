// Package warehouse is a Databricks SQL warehouse on loopback: TCLIService
// (Thrift over HTTP) in front, Databricks SQL translated statement by
// statement, and DuckDB underneath, one database file per catalog.
//
// It knows nothing of authentication, of the Files API and of the Unity
// Catalog REST interface: the package above serves those, and hands a request
// on only when its token is good. It knows nothing of PostgreSQL or of a
// ledger either: any Databricks client may talk to it.
//
// DuckDB needs cgo, so everything but this file is built only with cgo.
package warehouse
