// Package scalar computes single values as Spark does where DuckDB differs: VARIANT,
// and the texts of floating-point numbers. It is pure Go; package function makes the
// functions known to DuckDB.
package scalar
