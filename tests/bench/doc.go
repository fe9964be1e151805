// Command bench compares ingest with Postgres's own tools. It writes a table, JSON, and a Markdown report with plots.
//
// It starts its own PostgreSQL and local workspace, so that only the machine differs between two runs. A baseline and the
// commands that are compared with it run in turn, several rounds. The result is the ratio of their medians, because
// machines differ and drift. The server is pinned to one core: unpinned, the same command may take half as long again.
//
// This process serves the workspace, and the client is the deployed binary: processor time and memory of a Run are only the
// client's.
package main
