// Package config turns a file, the environment and flags into one validated struct.
//
// A value comes from the first source that has it: a flag, the environment, the file, the default. The
// file is TOML. ingest.example.toml at the root of the repository shows every key with its default.
//
// # Environment
//
// One rule gives a key's variable: INGEST_, then the section unless it is destination, then the key
// unless it is name, in upper case. So
//
//	[destination] catalog  INGEST_CATALOG
//	[source] url           INGEST_SOURCE_URL
//	[load] jobs            INGEST_LOAD_JOBS
//	[pipeline] name        INGEST_PIPELINE
//
// Lists are comma-separated. A variable that is set but empty counts as not set. Standard variables of
// other tools keep their names. PG* fills in what the source's url leaves out, and replaces it if
// there is none. DATABRICKS_HOST, DATABRICKS_CONFIG_PROFILE, DATABRICKS_WAREHOUSE_ID and
// DATABRICKS_HTTP_PATH come before the file and after INGEST_*. The package never reads sign-in
// variables (DATABRICKS_TOKEN and the like): the SDK reads them.
//
// The package must not know Postgres or Databricks. It opens no connection, looks up no secret, and
// reads only the environment that it is given.
package config
