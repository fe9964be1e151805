// Package tests runs the real binary, in separate processes, from a real Postgres into the local workspace that the test process
// serves, and compares both ends strictly. Each invariant of the pipeline has a test here that has its name and fails without it.
//
// An ordinary test run kills at a request of each kind to the workspace, and at
// some others and some of those to Postgres, chosen by a seed that it prints and
// that INGEST_TEST_SEED repeats. INGEST_TEST_KILLS=all also kills at all of these, at many more moments
// in time, and a following run a hundred times; then, and after a long torture,
// the run ends with a summary of what was done and what came of it.
package tests
