// Package tests runs the real binary, in processes of its own, from a real
// Postgres into the local workspace that the test process serves, and compares
// both ends strictly. Each invariant of the pipeline has a test here that is
// named after it and fails without it.
//
// INGEST_TEST_KILLS=all kills the runs at every request on every table shape,
// where an ordinary test run takes every other one.
package tests
