// Package translate turns a parsed Databricks query into DuckDB's SQL with
// Databricks' meaning: names resolved against a catalog, every expression typed
// by Spark's rules, functions mapped one by one.
//
// It runs nothing and reads no file: a Source resolves names. DuckDB gets only SQL that this package has written from resolved
// names, so no text of a statement can name a file, a setting or a function of DuckDB's.
package translate
