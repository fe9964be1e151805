// Command bench measures ingest against Postgres's own tools, and writes what it
// found as a table, as JSON, and as a Markdown report with plots.
//
// It starts a PostgreSQL and a local workspace of its own, so that nothing but
// the machine differs between two runs. A baseline and what is compared with it
// run in turn, several rounds; what counts is the ratio of their medians, since
// machines differ and drift. The server is pinned to one core: unpinned, the
// same command may take half as long again.
//
// The workspace is served by this process, the client is the binary that is
// deployed: what a Run says of processor time and memory is the client's alone.
package main
