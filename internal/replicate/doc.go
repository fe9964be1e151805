// Package replicate is the pipeline: it opens both ends, the ledger and the
// spool, and puts full load, changes, load, verification and the reports in
// their order. What is decided on the way is in the packages below it: selection,
// origin, hidden, target and preflight.
package replicate
