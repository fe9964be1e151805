// Package replicate is the pipeline: it opens both ends, the ledger and the
// spool, and puts full load, changes, load, verification and the reports in
// their order. It is the only package that knows both ends.
package replicate
