//go:build cgo && unix

package main

import (
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
)

// wrongFirstLoads are inputs of a first full load that only the source, the directory or the workspace can refuse.
var wrongFirstLoads = []mistake{
	{"a table that is misspelt", nil, "full-load --tables artits", failure.Usage, `table "artits" is not in the source`,
		`did you mean "artist"?`, ""},
	{"a table that is misspelt, with its schema", nil, "full-load --tables public.atrist", failure.Usage,
		`table "public.atrist" is not in the source`, `did you mean "public.artist"?`, ""},
	{"a table that is not there", nil, "full-load --tables zzz", failure.Usage, `table "zzz" is not in the source`, "`ingest check` lists", ""},
	{"a pattern that matches nothing", nil, "full-load --tables zz*", failure.Usage, `table "zz*" is not in the source`,
		"`ingest check` lists", ""},
	{"one good table and one bad", nil, "full-load --tables a,zzz", failure.Usage, `table "zzz" is not in the source`, "", ""},
	{"a temporary table", nil, "full-load --tables mine", failure.Usage, `table "mine" is not in the source`, "", ""},
	{"a view", nil, "full-load --tables artists", failure.Usage, "public.artists cannot be loaded: it is a view", "ingest check", ""},
	{"a table that is unlogged", nil, "full-load --tables artist,cache", failure.Usage, "public.cache cannot be loaded: it is unlogged",
		"ingest check", ""},
	{"a foreign table", nil, "full-load --tables far", failure.Usage, "public.far cannot be loaded: it is a foreign table", "ingest check", ""},
	{"a name with three parts", nil, "full-load --tables a.b.c", failure.Usage, "want schema.table", "", ""},
	{"source.tables", with("INGEST_SOURCE_TABLES", "nope"), "full-load", failure.Usage, `"nope"`, "", ""},
	{"source.exclude", with("INGEST_SOURCE_EXCLUDE", "*_tmp"), "full-load", failure.Usage, `"*_tmp"`, "", ""},
	{"source.schemas", with("INGEST_SOURCE_SCHEMAS", "shop"), "full-load", failure.Usage, "shop", "", ""},
	{"everything is left out", with("INGEST_SOURCE_EXCLUDE", "*"), "full-load", failure.Usage, "no table is selected", "source.exclude", ""},
	{"a section of no table", configured(`[tables."public.nope"]`, `name = "x"`), "full-load", failure.Usage, "public.nope", "", ""},
	{"a mask of no column", configured(`[tables."public.a".mask]`, `nope = "null"`), "full-load", failure.Usage, `column "nope"`, "", ""},
	{"a mask without a key", configured(`[tables."public.a".mask]`, `v = "hmac-sha256"`), "full-load", failure.Usage, "there is no key", "", ""},
	{"an excluded column that is not there", configured(`[tables."public.a"]`, `exclude_columns = ["nope"]`), "full-load", failure.Usage,
		`column "nope"`, "", ""},
	{"a column of the key that is left out", configured(`[tables."public.a"]`, `exclude_columns = ["id"]`), "full-load --tables a", failure.Source,
		`column "id" belongs to the key and is excluded`, `keep it, or hide it by mask = { … = "hmac-sha256" }`, ""},
	{"a type that does not exist", configured(`[tables."public.a"]`, `type = { v = "INT" }`), "full-load --tables a", failure.Source,
		`column "v" (text) cannot become INT`, "it can become STRING", ""},
	{"a key of a column that is not there", configured(`[tables."public.bare"]`, `key = ["nope"]`), "full-load", failure.Usage, `column "nope"`, "", ""},
	{"a history without a key", configured(`[tables."public.bare"]`, "history = true"), "full-load --tables bare", failure.Source, "", "", ""},
	{"a current state without a key", configured(`[tables."public.bare"]`, `current = "table"`), "full-load --tables bare", failure.Source, "", "", ""},
	{"two tables of one target", configured(`[tables."public.bare"]`, `name = "a"`), "full-load", failure.Usage, "would both become", "", ""},
	{"a view of the name of a log", configured(`[tables."public.a"]`, `current = "view"`, `current_name = "bare"`), "full-load", failure.Usage, "", "", ""},
	{"a name that Unity Catalog refuses", configured(`[tables."public.a"]`, `name = "a.b"`), "full-load --tables a", failure.Usage, "", "", ""},
	{"a slot of another", func(b *bench) {
		b.exec("SELECT pg_create_physical_replication_slot('theirs_" + b.database() + "')")
		b.env["INGEST_SOURCE_SLOT"] = "theirs_" + b.database()
	}, "full-load", failure.Conflict, "slot theirs_", "", ""},
	{"a publication that leaves out deletes", func(b *bench) {
		b.exec("CREATE PUBLICATION theirs WITH (publish = 'insert')")
		b.env["INGEST_SOURCE_PUBLICATION"] = "theirs"
	}, "full-load", failure.Source, "publication theirs does not publish all changes", "ALTER PUBLICATION", ""},
	{"a spool that cannot be", func(b *bench) { b.env["INGEST_STAGING_SPOOL"] = b.file("occupied", "") }, "full-load", failure.Usage, "open spool ", "", ""},
	{"a role that may not read", func(b *bench) { b.role("REPLICATION", "GRANT CREATE ON DATABASE "+b.database()+" TO $role") },
		"full-load --tables a", failure.Source, "", "GRANT SELECT", ""},
}

// configured writes the lines as ingest.toml.
func configured(lines ...string) func(*bench) {
	return func(b *bench) {
		text := ""
		for _, line := range lines {
			text += line + "\n"
		}
		b.configure(text)
	}
}

// TestFirstLoadOfWrongInput: neither the workspace nor the source has anything afterwards.
func TestFirstLoadOfWrongInput(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.artists()
	b.exec("CREATE TABLE a (id int PRIMARY KEY, v text)", "CREATE TABLE bare (id int, v text)")
	for i := range wrongFirstLoads {
		b.try(t, wrongFirstLoads[i:i+1])
		b.t = t
		b.nothingMade()
	}
}

// artists makes a table, and relations that cannot be loaded.
func (b *bench) artists() {
	b.t.Helper()
	b.exec("CREATE TABLE artist (id int PRIMARY KEY)", "INSERT INTO artist VALUES (1)", "CREATE VIEW artists AS SELECT * FROM artist",
		"CREATE UNLOGGED TABLE cache (id int PRIMARY KEY)", "CREATE TEMPORARY TABLE mine (id int PRIMARY KEY)",
		"CREATE EXTENSION file_fdw", "CREATE SERVER files FOREIGN DATA WRAPPER file_fdw",
		"CREATE FOREIGN TABLE far (line text) SERVER files OPTIONS (filename '/dev/null')")
}
