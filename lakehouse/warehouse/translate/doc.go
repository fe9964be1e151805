// Package translate turns a parsed Databricks query into DuckDB's SQL with
// Databricks' meaning: names resolved against a catalog, every expression typed
// by Spark's rules, functions mapped one by one.
//
// It runs nothing and reads no file: what a name stands for it asks a Source.
// Only what it has resolved and written itself reaches DuckDB, so no text of a
// statement can name a file, a setting or a function of DuckDB's.
package translate
