// Package replicate is the pipeline. It opens both ends, the ledger and the spool. It runs full load,
// changes, load, verification and the reports in their order. The packages below it make the
// decisions: selection, origin, hidden, target and preflight.
package replicate
