// Package refusal has errors in Databricks' form: an error class, a SQLSTATE and a message. Of translates errors of DuckDB and of
// the translated SQL.
//
// It knows neither catalogs nor sessions.
package refusal
