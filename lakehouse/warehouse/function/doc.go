// Package function adds to DuckDB the functions that it lacks: exact arithmetic, VARIANT,
// Java's numbers, xxhash64 and the days of the Julian calendar. Package translate names
// them.
package function
