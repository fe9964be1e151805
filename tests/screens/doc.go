// Command screens draws what a person sees on a terminal: the pictures of
// docs/images whose names begin with screen. It starts a private PostgreSQL, runs
// an ingest binary on pseudo-terminals against a local workspace, and writes each
// screen as SVG. scripts/docs-images runs it.
package main
