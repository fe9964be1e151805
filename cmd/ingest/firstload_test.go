//go:build cgo && unix

package main

import (
	"context"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
)

// wrongFirstLoads are inputs of a first full load that only the source, the directory or the workspace can refuse.
var wrongFirstLoads = []mistake{
	{"a table that is misspelt", nil, "full-load --tables artits", failure.Usage, `table "artits" is not in the source`,
		`did you mean "artist"?`, ""},
	{"a table that is misspelt, with its schema", nil, "full-load --tables public.atrist", failure.Usage,
		`table "public.atrist" is not in the source`, `did you mean "public.artist"?`, ""},
	{"a table that is not there", nil, "full-load --tables zzz", failure.Usage, `table "zzz" is not in the source`,
		"`ingest check` lists", ""},
	{"a pattern that matches nothing", nil, "full-load --tables zz*", failure.Usage, `table "zz*" is not in the source`,
		"`ingest check` lists", ""},
	{"one good table and one bad", nil, "full-load --tables a,zzz", failure.Usage, `table "zzz" is not in the source`, "", ""},
	{"a temporary table", nil, "full-load --tables mine", failure.Usage, `table "mine" is not in the source`, "", ""},
	{"a view", nil, "full-load --tables artists", failure.Usage, "public.artists cannot be loaded: it is a view", "ingest check", ""},
	{"a table that is unlogged", nil, "full-load --tables artist,cache", failure.Usage, "public.cache cannot be loaded: it is unlogged",
		"ingest check", ""},
	{"a foreign table", nil, "full-load --tables far", failure.Usage, "public.far cannot be loaded: it is a foreign table",
		"ingest check", ""},
	{"a name with three parts", nil, "full-load --tables a.b.c", failure.Usage, "want schema.table", "", ""},
	{"source.tables", with("INGEST_SOURCE_TABLES", "nope"), "full-load", failure.Usage,
		`INGEST_SOURCE_TABLES: source.tables: "nope" matches no table of the source`, "correct the name, or remove it", ""},
	{"source.exclude", with("INGEST_SOURCE_EXCLUDE", "*_tmp"), "full-load", failure.Usage,
		`INGEST_SOURCE_EXCLUDE: source.exclude: "*_tmp" matches no table of the source`, "correct the pattern, or remove it", ""},
	{"source.schemas", with("INGEST_SOURCE_SCHEMAS", "shop"), "full-load", failure.Usage,
		`INGEST_SOURCE_SCHEMAS: source.schemas: there is no schema "shop" in the source`, "the schemas are public", ""},
	{"everything is left out", with("INGEST_SOURCE_EXCLUDE", "*"), "full-load", failure.Usage, "no table is selected in ",
		"check source.schemas, source.tables and source.exclude", ""},
	{"a section of no table", configured(`[tables."public.nope"]`, `name = "x"`), "full-load", failure.Usage,
		`ingest.toml:1: section [tables."public.nope"] is for a table that is not in the source`, "", ""},
	{"a mask of no column", configured(`[tables."public.a".mask]`, `nope = "null"`), "full-load", failure.Usage,
		`ingest.toml:2: [tables."public.a"] mask names column "nope", which it does not have`, "its columns are id, v", ""},
	{"a mask without a key", configured(`[tables."public.a".mask]`, `v = "hmac-sha256"`), "full-load", failure.Usage,
		`column "v" has the mask hmac-sha256, but there is no key`, "export INGEST_MASK_KEY", ""},
	{"an excluded column that is not there", configured(`[tables."public.a"]`, `exclude_columns = ["nope"]`), "full-load", failure.Usage,
		`[tables."public.a"] exclude_columns names column "nope", which it does not have`, "its columns are id, v", ""},
	{"a column of the key that is left out", configured(`[tables."public.a"]`, `exclude_columns = ["id"]`), "full-load --tables a",
		failure.Source, `column "id" belongs to the key and is excluded`, `keep it, or hide it by mask = { … = "hmac-sha256" }`, ""},
	{"a type that a column cannot become", configured(`[tables."public.a"]`, `type = { v = "INT" }`), "full-load --tables a", failure.Source,
		`column "v" (text) cannot become INT`, "it can become STRING", ""},
	{"a key of a column that is not there", configured(`[tables."public.bare"]`, `key = ["nope"]`), "full-load", failure.Usage,
		`[tables."public.bare"] key names column "nope", which it does not have`, "its columns are id, v", ""},
	{"a history without a key", configured(`[tables."public.bare"]`, "history = true"), "full-load --tables bare", failure.Source,
		"table public.bare: it has no key, and history = true needs one", "or name columns that are unique: key = […]", ""},
	{"a current state without a key", configured(`[tables."public.bare"]`, `current = "table"`), "full-load --tables bare", failure.Source,
		`table public.bare: it has no key, and current = "table" needs one`, "or name columns that are unique: key = […]", ""},
	{"two tables of one target", configured(`[tables."public.bare"]`, `name = "a"`), "full-load", failure.Usage,
		"tables public.a and public.bare would both become ", `load.table_name = "{schema}_{table}"`, ""},
	{"a view of the name of a log", configured(`[tables."public.a"]`, `current = "view"`, `current_name = "bare"`), "full-load",
		failure.Usage, "as the current state of table public.a is", `give it another name: current_name = "…"`, ""},
	{"a name that Unity Catalog refuses", configured(`[tables."public.a"]`, `name = "a.b"`), "full-load", failure.Usage,
		`[tables."public.a"] name: want a name of 1 to 255 bytes`, "", ""},
	{"a slot of another", (*bench).anothersSlot, "full-load", failure.Conflict, " exists, but /Volumes/",
		"set source.slot to another name; if it is unused: SELECT pg_drop_replication_slot(", ""},
	{"a publication that leaves out deletes", func(b *bench) {
		b.exec("CREATE PUBLICATION theirs WITH (publish = 'insert')")
		b.env["INGEST_SOURCE_PUBLICATION"] = "theirs"
	}, "full-load", failure.Source, "publication theirs does not publish all changes", "ALTER PUBLICATION", ""},
	{"a spool that cannot be written", func(b *bench) { b.env["INGEST_STAGING_SPOOL"] = b.file("occupied", "") }, "full-load", failure.Usage,
		"open spool ", "set staging.spool (INGEST_STAGING_SPOOL) to a directory", ""},
	{"a role that may not read", func(b *bench) { b.role("REPLICATION", "GRANT CREATE ON DATABASE "+b.database()+" TO $role") },
		"full-load --tables a", failure.Source, "table public.a: role loader_", `GRANT SELECT ON "public"."a" TO "loader_`, ""},
}

// anothersSlot configures the name of a slot that is there, in no database.
func (b *bench) anothersSlot() {
	b.t.Helper()
	slot := "theirs_" + b.database()
	b.exec("SELECT pg_create_physical_replication_slot('" + slot + "')")
	b.t.Cleanup(func() {
		if _, err := b.admin.Exec(context.Background(), "SELECT pg_drop_replication_slot($1)", slot); err != nil {
			b.t.Error(err)
		}
	})
	b.env["INGEST_SOURCE_SLOT"] = slot
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
