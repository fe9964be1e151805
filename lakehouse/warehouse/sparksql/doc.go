// Package sparksql reads Databricks SQL: a lexer with Spark's rules, Spark's
// types, and a parser that turns one statement into a tree.
//
// It knows the language and nothing else: no catalog, no session, no DuckDB. A
// statement that it does not know is an *Error, never a panic.
package sparksql
