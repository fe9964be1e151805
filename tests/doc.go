// Package tests runs the real binary, in processes of its own, from a real
// Postgres into the local workspace that the test process serves, and compares
// both ends strictly. Each invariant of the pipeline has a test here that is
// named after it and fails without it.
//
// An ordinary test run kills at every request; INGEST_TEST_KILLS=all also kills
// at many more moments in time, and a following run a hundred times.
package tests
