// Package config turns a file, the environment and flags into one validated
// struct.
//
// A value comes from the first of these that has it: a flag, the environment,
// the file, the default. The file is TOML; ingest.example.toml at the root of
// the repository shows every key with its default.
//
// # Environment
//
// One rule names a key's variable: INGEST_, the section unless it is
// destination, and the key unless it is name, in upper case. So
//
//	[destination] catalog  INGEST_CATALOG
//	[source] url           INGEST_SOURCE_URL
//	[load] jobs            INGEST_LOAD_JOBS
//	[pipeline] name        INGEST_PIPELINE
//
// Lists are comma-separated. A variable that is set but empty counts as not
// set. Names that other tools have made standard are not renamed: PG* fills in
// what the source's url leaves out, and stands for it where there is none;
// DATABRICKS_HOST, DATABRICKS_CONFIG_PROFILE, DATABRICKS_WAREHOUSE_ID and
// DATABRICKS_HTTP_PATH come before the file and after INGEST_*. All that signs
// in (DATABRICKS_TOKEN and the like) is left to the SDK, and never read here.
//
// The package must not know Postgres or Databricks: it opens no connection,
// looks up no secret, and reads no environment but the one that it is given.
package config
