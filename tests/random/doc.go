// Package random makes tables of random types and identities, changes their rows and definitions at random, and loads them from a
// real Postgres into the local workspace. The log that arrives is replayed strictly, by code that shares nothing with the
// product's, and compared with what Postgres prints. Some tables are kept beside their logs as current state and history: these
// are compared with a model of periods that reads the logs. Runs are killed, their statements are executed twice, or late.
//
// A run is a sequence of worlds, each with a seed of its own, which is printed
// with every failure. INGEST_TEST_RANDOM_SEED makes the world of that seed
// alone; INGEST_TEST_RANDOM_SECONDS makes new ones for as long, from that seed on
// or else from the clock; without them a few worlds with the same seeds are made
// each time.
package random
