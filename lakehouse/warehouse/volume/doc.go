// Package volume is the files of volumes as SQL reads them: paths and globs, footers of
// Parquet, and the relation that reads a list of files. Dates of the Julian calendar
// are moved as Spark moves them. Only what is below the volumes' directory exists.
//
// It runs no SQL and knows no catalog.
package volume
