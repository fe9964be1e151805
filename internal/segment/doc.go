// Package segment writes batches of rows as Parquet files on a spool: a
// private directory of this run on the local disk, from which segments are
// uploaded and then removed.
//
// It knows neither where rows come from nor where files go.
package segment
