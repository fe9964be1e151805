// Package segment writes batches of rows as Parquet files. The files go to a
// spool: a private directory of this run on the local disk. The caller uploads
// each segment and then removes it.
//
// The package does not know where rows come from or where files go.
package segment
