// Command spark asks Apache Spark with Delta Lake what the local workspace is
// asked, and compares the answers cell by cell. `make test-spark` runs it.
//
// There are two kinds of scripts. The corpus is what the tests of the local
// workspace's warehouse send, one script for each warehouse that they open. The
// scenario is the statement log of a pipeline: full load, changes, a widened column,
// views, verify. Each script runs first on a local workspace of its own, which is
// this program's part, then on Spark, which is replay.py's. Both begin empty, with
// the same files.
//
// What Spark has no counterpart for is marked in marks.py, each mark with its reason.
// Everything else must agree. A mark that no statement needs any more is a failure.
package main
