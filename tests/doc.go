// Package tests runs the real binary, in separate processes, from a real Postgres into the local workspace that the test process
// serves, and compares both ends strictly. Each invariant of the pipeline has a test here that has its name and fails without it.
// README.md lists the files by what they promise; the harness is in the files *_harness_test.go.
//
// An ordinary test run kills at a request of each kind to the workspace, before or
// after it, and at some others and some of those to Postgres. A seed chooses them; the
// run prints it, and INGEST_TEST_SEED repeats it. INGEST_TEST_KILLS=all kills before
// and after all of these, at many more moments in time, and a following run a hundred
// times. Then, and after a long torture, the run ends with a summary of the faults.
package tests
