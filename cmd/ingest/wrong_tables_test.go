//go:build cgo && unix

package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
)

func TestTableWithoutKey(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE nokey (id int, name text)", "INSERT INTO nokey VALUES (1, 'a'), (2, 'b')")
	remedy := `ALTER TABLE "public"."nokey" REPLICA IDENTITY FULL;`
	b.finds(0, finding.Warning, "public.nokey", "no primary key and no replica identity", remedy)
	if _, stderr := b.works("full-load"); !strings.Contains(stderr, `"level":"WARN"`) || !strings.Contains(stderr, "public.nokey") {
		t.Errorf("no warning in %s", stderr)
	}
	b.exec("UPDATE nokey SET name = 'c'", "INSERT INTO nokey VALUES (3, 'd')") // the application goes on
	b.works("cdc")
	if n := b.rows("nokey"); n != 3 {
		t.Errorf("%d rows, want 3: an update without a key is not sent", n)
	}
	b.exec(remedy)
	b.works("full-load", "--tables", "public.nokey")
	b.finds(0, finding.Note, "public.nokey", "no primary key", "")
}

// A publication for all tables makes an UPDATE of a table without a key fail in
// the application: every command reports it.
func TestPublicationForAllTablesBreaksUpdates(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE nokey (id int)", "INSERT INTO nokey VALUES (1)", "CREATE PUBLICATION made FOR ALL TABLES")
	b.env["INGEST_SOURCE_PUBLICATION"] = "made"
	remedy := `ALTER TABLE "public"."nokey" REPLICA IDENTITY FULL;`
	b.finds(failure.Source, finding.Warning, "public.nokey",
		"publication made makes the application's own UPDATE and DELETE on it fail", remedy)
	b.finds(failure.Source, finding.Problem, "publication", "made makes the application's own UPDATE and DELETE fail on public.nokey", remedy)
	b.works("full-load")
	b.exec(`ALTER TABLE "public"."nokey" REPLICA IDENTITY FULL`, "UPDATE nokey SET id = 2")
	b.works("cdc")
}

func TestPublicationDoesNotPublishEverything(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY) PARTITION BY RANGE (id)", "CREATE TABLE a1 PARTITION OF a DEFAULT", "INSERT INTO a VALUES (1)",
		"CREATE PUBLICATION made FOR TABLE a WITH (publish = 'insert')")
	b.env["INGEST_SOURCE_PUBLICATION"] = "made"
	publish := `ALTER PUBLICATION "made" SET (publish = 'insert, update, delete, truncate');`
	b.finds(failure.Source, finding.Problem, "publication", "made does not publish all changes", publish)
	root := `ALTER PUBLICATION "made" SET (publish_via_partition_root = true);`
	b.finds(failure.Source, finding.Problem, "public.a", "publish_via_partition_root off", root)
	b.fails(failure.Source, "publish_via_partition_root off", root, "full-load")
	b.exec(root)
	b.fails(failure.Source, "publication made does not publish all changes", publish, "full-load")
	b.noSlot()
	b.exec(publish)
	b.works("full-load")
	if n := b.rows("a"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

func TestTablesThatAreNotThere(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.artists()
	b.finds(0, finding.Note, "public.artists", "left out: it is a view", "")
	b.finds(0, finding.Note, "public.cache", "left out: it is unlogged", "")
	b.finds(0, finding.Note, "public.far", "left out: it is a foreign table", "")
	_, stderr := b.works("full-load", "--log-format", "text")
	for _, name := range []string{"public.artists", "public.cache", "public.far"} {
		if !strings.Contains(stderr, `msg="left out"`) || !strings.Contains(stderr, "relation="+name) {
			t.Errorf("nothing about %s in %s", name, stderr)
		}
	}
	b.fails(failure.Usage, `table "artits" is not in the ledger`, "ingest status", "load", "--tables", "artits")

	b.exec("DROP TABLE artist CASCADE")
	b.works("cdc")
	b.fails(failure.Usage, `table "artist" is not in the source`, "", "full-load", "--tables", "artist")
	if n := b.rows("artist"); n != 1 {
		t.Errorf("%d rows of the dropped table, want 1", n)
	}
}

func TestNamesThatTheTargetCannotHold(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE good (id int PRIMARY KEY)", "CREATE TABLE meta (id int PRIMARY KEY, _op text)",
		`CREATE TABLE twice (id int PRIMARY KEY, "Name" text, name text)`, `CREATE TABLE "a b" (id int PRIMARY KEY)`)
	meta, twice := `rename."_op" = "op" under [tables."public.meta"]`, `rename."name" = "name_2" under [tables."public.twice"]`
	b.finds(failure.Source, finding.Problem, "public.meta", `column "_op" has the name of a metadata column`,
		"give it another name: "+meta)
	b.finds(failure.Source, finding.Problem, "public.twice", `columns "Name" and "name" differ only in case`,
		"give it another name: "+twice)
	b.finds(failure.Source, finding.Note, "public.a b", "it becomes "+benchCatalog+".bronze.a_b", "")
	b.fails(failure.Tables, `2 of 4 tables failed, the first: table public.meta: column "_op" has the name`,
		"give it another name: "+meta, "full-load")
	b.fails(failure.Source, `table public.twice: columns "Name" and "name"`, "give it another name: "+twice,
		"full-load", "--tables", "twice")
	b.env["INGEST_SOURCE_EXCLUDE"] = "meta,twice"
	b.works("full-load")
	b.works("check")
	b.exec("ALTER TABLE meta RENAME _op TO op")
	b.env["INGEST_SOURCE_EXCLUDE"] = `twice,"a b"`
	b.works("full-load")
	if n := b.rows("meta"); n != 0 {
		t.Errorf("%d rows, want 0", n)
	}
	b.env["INGEST_LOAD_TABLE_NAME"] = "{table}" + strings.Repeat("x", 252)
	b.finds(failure.Source, finding.Problem, "public.meta", "which is not a name that Unity Catalog accepts",
		`name = "…" under [tables."public.meta"]`)
}

// TestNamesThatHoldVariables: Databricks may replace ${…} by a variable's value, or by nothing, so a name with it could become
// another name.
func TestNamesThatHoldVariables(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE good (id int PRIMARY KEY)", `CREATE TABLE col (id int PRIMARY KEY, "a${x}" text)`,
		`CREATE TABLE "t${env:HOME}" (id int PRIMARY KEY)`, `CREATE TABLE "open${" (id int PRIMARY KEY, "}" int)`)
	b.finds(failure.Source, finding.Problem, "public.col", `the name of column "a${x}" holds ${…}`,
		`give it another name: rename."a${x}" = "a_x" under [tables."public.col"]`)
	table := `name = "…" under [tables."public.t${env:HOME}"]`
	b.finds(failure.Source, finding.Problem, "public.t${env:HOME}", `it would become "t${env:HOME}", and that name holds ${…}`, table)
	b.fails(failure.Tables, "2 of 4 tables failed", "give it another name: ", "full-load")
	b.fails(failure.Source, "table public.t${env:HOME}: it would become", table, "full-load", "--tables", "t${env:HOME}")
	for _, s := range b.server.Statements() {
		if strings.Contains(s, "${x}") || strings.Contains(s, "${env") {
			t.Errorf("a statement has a variable: %s", s)
		}
	}
	config := "[tables.\"public.col\"]\nrename = { \"a${x}\" = \"a\" }\n[tables.\"public.t${env:HOME}\"]\nname = \"t\"\n"
	b.configure(config)
	b.works("check")
	b.works("full-load")
	b.exec(`INSERT INTO col VALUES (1, 'x')`, `INSERT INTO "t${env:HOME}" VALUES (1)`, `INSERT INTO "open${" VALUES (1, 2)`)
	b.works("cdc")
	b.works("views")
	b.works("verify", "--full")
	if n := b.rows("t") + b.rows("col"); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
	b.exec(`ALTER TABLE good ADD COLUMN "new${x}" int`, "INSERT INTO good VALUES (1, 2)")
	b.fails(failure.Usage, `the name of column "new${x}" holds ${…}`,
		`give it another name: rename."new${x}" = "new_x" under [tables."public.good"]`, "cdc")
}

func TestTablesOfOneTarget(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE artist (id int PRIMARY KEY)", "CREATE SCHEMA shop", `CREATE TABLE shop."Artist" (id int PRIMARY KEY)`)
	b.env["INGEST_SOURCE_SCHEMAS"] = "public,shop"
	remedy := `load.table_name = "{schema}_{table}"`
	b.finds(failure.Usage, finding.Problem, "shop.Artist", "it would become "+benchCatalog+".bronze.Artist, as public.artist does", remedy)
	b.fails(failure.Usage, "tables public.artist and shop.Artist would both become", remedy, "full-load")
	b.noSlot()
	b.env["INGEST_LOAD_TABLE_NAME"] = "{schema}_{table}"
	b.works("full-load")
}

func TestTablesFlagTakesAnyName(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec(`CREATE TABLE "a,b.c" (id int)`, `CREATE TABLE "it's ""x""" (id int)`, "CREATE TABLE plain (id int)")
	b.works("full-load", "--tables", `"a,b.c", public."it's ""x""" ,`, "--tables", "plain")
	for _, table := range []string{`a,b_c`, `it's_"x"`, "plain"} {
		if n := b.rows("`" + table + "`"); n != 0 {
			t.Errorf("%s has %d rows, want 0", table, n)
		}
	}
	b.works("verify", "--full", "--tables", `public."a,b.c"`)
	b.finds(0, finding.Warning, `public."a,b.c"`, "no primary key", `ingest full-load --tables 'public."a,b.c"'`)
}

// A table that the source no longer has cannot be verified, unless the configuration excludes it.
func TestVerifyOfTablesThatAreGone(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE stays (id int PRIMARY KEY)", "CREATE TABLE gone (id int PRIMARY KEY)", "CREATE TABLE again (id int PRIMARY KEY)",
		"CREATE TABLE old (id int PRIMARY KEY)")
	b.works("full-load")
	b.exec("DROP TABLE gone, again", "CREATE TABLE again (id int PRIMARY KEY)", "ALTER TABLE old RENAME TO new")
	b.works("full-load", "--tables", "new")
	unverified := func(want ...string) {
		t.Helper()
		code, stdout, stderr := b.run("verify")
		if code != int(failure.Tables) {
			t.Errorf("verify ended with %d: %s", code, stderr)
		}
		if n := strings.Count(stdout, "not verified"); n != len(want) {
			t.Errorf("%d tables are not verified, want %d:\n%s", n, len(want), stdout)
		}
		for _, text := range want {
			if !strings.Contains(stdout, text) {
				t.Errorf("verify does not say %q:\n%s", text, stdout)
			}
		}
	}
	unverified("the source has no such table any more; source.exclude skips it",
		"a full load is needed: the table was dropped and made again",
		"loaded as public.new, which gets its changes since then; source.exclude skips it")
	b.env["INGEST_SOURCE_EXCLUDE"] = "gone,old"
	unverified("a full load is needed: the table was dropped and made again")
	b.works("full-load")
	b.works("verify")
	b.fails(failure.Tables, "1 of 1 tables could not be verified", "", "verify", "--tables", "gone")
}

// Postgres does not accept a deferrable primary key as an identity: if the table were published for updates, the application's
// own would fail. Within a transaction such a key need not be unique either.
func TestPrimaryKeyIsDeferrable(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE plain (id int PRIMARY KEY DEFERRABLE, v text)", "INSERT INTO plain VALUES (1, 'a'), (2, 'b')",
		"CREATE TABLE part (id int, v text, PRIMARY KEY (id) DEFERRABLE) PARTITION BY RANGE (id)",
		"CREATE TABLE part_1 PARTITION OF part DEFAULT", "INSERT INTO part VALUES (1, 'a')",
		"CREATE TABLE whole (id int PRIMARY KEY DEFERRABLE, v text)", "ALTER TABLE whole REPLICA IDENTITY FULL",
		"INSERT INTO whole VALUES (1, 'a'), (2, 'b')")
	remedy := `ALTER TABLE "public"."plain" REPLICA IDENTITY FULL;`
	b.finds(0, finding.Warning, "public.plain", "its primary key is deferrable", remedy)
	b.finds(0, finding.Warning, "public.part", "its primary key is deferrable", `ALTER TABLE "public"."part" REPLICA IDENTITY FULL;`)
	b.finds(0, finding.Note, "public.whole", "its primary key is deferrable", "")
	b.works("full-load")
	b.exec("UPDATE plain SET v = 'c' WHERE id = 1", "DELETE FROM part", "UPDATE whole SET id = 3 - id") // the application goes on
	b.works("cdc")
	b.works("verify", "--full", "--tables", "whole")
	b.fails(failure.Other, "1 of 1 tables differ", "`ingest verify --full --tables public.plain` lists the rows",
		"verify", "--tables", "plain")
	b.exec(remedy)
	b.works("full-load", "--tables", "plain")
	b.exec("UPDATE plain SET id = 3 - id")
	b.works("cdc")
	b.works("verify", "--full", "--tables", "plain")
}

// A table that came after the full load is not loaded by itself, and check and
// status say so.
func TestTableIsNotLoadedYet(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE early (id int PRIMARY KEY)", "CREATE TABLE other (id int PRIMARY KEY)")
	b.works("full-load", "--tables", "early")
	b.exec("CREATE TABLE late (id int PRIMARY KEY)", "CREATE VIEW seen AS SELECT * FROM late", "ALTER TABLE early RENAME TO renamed")
	b.env["INGEST_SOURCE_EXCLUDE"] = "other"
	b.finds(0, finding.Warning, "public.late", "never loaded", "ingest full-load --tables public.late")
	b.works("cdc")
	notLoaded := func(want ...string) {
		t.Helper()
		stdout, _ := b.works("status", "--exit-code")
		var got []string
		for line := range strings.Lines(stdout) {
			if strings.Contains(line, "not loaded") {
				got = append(got, strings.Fields(line)[0])
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("not loaded are %q, want %q:\n%s", got, want, stdout)
		}
	}
	notLoaded("public.late")
	b.works("cdc", "--snapshot-new")
	notLoaded()
}
