// Package lakehouse is a Databricks workspace on loopback: sign-in, the Files API on Unity Catalog volumes, the parts of Unity
// Catalog, of the secrets and of the SQL warehouse interfaces that a loader needs, workspace files and jobs as far as the
// deployment of a bundle needs them, and one SQL warehouse (package warehouse). The unmodified Databricks SDKs, drivers and
// command line work with it. It stores everything in one directory. A job's Python task runs as a process of this machine.
//
// It is as strict as Databricks: the same statuses, the same error codes, nothing without a token. Where it is not known what
// Databricks does, Switches select the behaviour.
//
// It must not know PostgreSQL, a ledger, or who its clients are.
//
// The directory holds
//
//	catalogs/<name>.duckdb                 one database per catalog
//	Volumes/<catalog>/<schema>/<volume>/…  a volume is this directory
//	credentials.json                       the generated token and client secret
//	Workspace/Users/…, Workspace/Shared/…  the workspace's files
//	jobs.json, permissions.json            the jobs, and who may do what with them
//	runs/                                  homes and output of the runs since Open
//	secrets.json                           the secret scopes
//	statements.sql                         every SQL text received, in order
//	tmp/                                   uploads in progress
//	lock                                   held by the one process that serves it
//
// DuckDB needs cgo: without it Open answers with an error. Package lakehousetest opens
// workspaces in tests. README.md says what is served and what is refused.
package lakehouse
