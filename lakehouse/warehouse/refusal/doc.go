// Package refusal words errors as Databricks does: an error class, a SQLSTATE and a
// message. Of translates what DuckDB and the translated SQL say.
//
// It knows neither catalogs nor sessions.
package refusal
