//go:build cgo && unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
)

// TestTargetsThatAreTaken: a target that belongs to another pipeline or to none, or that is a view, is found before the source is
// read. It stays as it is, and the other tables are loaded.
func TestTargetsThatAreTaken(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE good (id int PRIMARY KEY)", "INSERT INTO good VALUES (1)")
	for _, name := range []string{"theirs", "handmade", "seen"} {
		b.exec("CREATE TABLE "+name+" (id int PRIMARY KEY)", "INSERT INTO "+name+" VALUES (1)")
	}
	b.env["INGEST_PIPELINE"], b.env["INGEST_SOURCE_TABLES"] = "other", "theirs"
	b.works("full-load")
	b.works("drop", "--yes") // its tables stay
	delete(b.env, "INGEST_PIPELINE")
	delete(b.env, "INGEST_SOURCE_TABLES")
	b.works("sql", "CREATE TABLE handmade (x STRING)")
	b.works("sql", "INSERT INTO handmade VALUES ('kept')")
	b.works("sql", "CREATE VIEW seen AS SELECT 1 AS id")
	place := benchCatalog + ".bronze."
	quoted := "`" + benchCatalog + "`.`bronze`."
	remedies := map[string]string{
		"theirs":   "ingest sql 'DROP TABLE " + quoted + "`theirs`' && ingest full-load --tables public.theirs",
		"handmade": "ingest sql 'DROP TABLE " + quoted + "`handmade`' && ingest full-load --tables public.handmade",
		"seen":     "ingest sql 'DROP VIEW " + quoted + "`seen`' && ingest full-load --tables public.seen",
	}
	says := map[string]string{
		"theirs":   "table " + place + "theirs is not this pipeline's: it belongs to ledger ",
		"handmade": "table " + place + "handmade is not this pipeline's: it has no property ingest.ledger",
		"seen":     place + "seen is a view",
	}
	for name, what := range says {
		b.finds(failure.Conflict, finding.Problem, "public."+name, what, remedies[name])
	}
	for _, args := range [][]string{{"plan"}, {"full-load", "--dry-run"}} {
		if code, stdout, stderr := b.run(args...); code != int(failure.Tables) || strings.Count(stdout, "FAILS") != 3 ||
			!strings.Contains(stdout, says["seen"]) {
			t.Errorf("%v: %d\n%s%s", args, code, stdout, stderr)
		}
	}
	b.fails(failure.Conflict, "no table can be loaded, the first: "+says["theirs"], remedies["theirs"], "full-load", "--tables", "theirs")
	b.fails(failure.Destination, "no table can be loaded, the first: "+says["seen"], remedies["seen"], "full-load", "--tables", "seen")
	b.noSlot()
	b.fails(failure.Tables, "3 of 4 tables failed, the first: table public.handmade: "+says["handmade"], remedies["handmade"], "full-load")
	if n := b.rows("good"); n != 1 {
		t.Errorf("the other table has %d rows, want 1", n)
	}
	if n := b.rows("handmade WHERE x = 'kept'"); n != 1 {
		t.Error("a table that is no pipeline's was changed")
	}
	status, _ := b.works("status")
	if strings.Count(status, "not loaded") != 3 {
		t.Errorf("the others were read: %s", status)
	}
	b.fails(failure.Tables, "3 of ", remedies["handmade"], "cdc", "--snapshot-new")
	b.exec("INSERT INTO good VALUES (2)")
	b.works("cdc")
	for name, remedy := range remedies {
		for command := range strings.SplitSeq(remedy, " && ") {
			if sql, ok := strings.CutPrefix(command, "ingest sql "); ok {
				b.works("sql", strings.Trim(sql, "'"))
			} else {
				b.works(strings.Fields(command)[1:]...)
			}
		}
		if n := b.rows(name); n != 1 {
			t.Errorf("%s has %d rows, want 1", name, n)
		}
	}
	b.works("check")
}

// TestATargetThatIsTakenLater: if another table takes the place of a staged one, and loads/ does not know it, only that table is
// stopped.
func TestATargetThatIsTakenLater(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE good (id int PRIMARY KEY)", "CREATE TABLE taken (id int PRIMARY KEY)")
	b.works("full-load", "--stage-only")
	b.works("sql", "CREATE TABLE taken (x STRING)")
	b.fails(failure.Tables, "1 of 2 tables failed, the first: table "+benchCatalog+".bronze.taken is not this pipeline's",
		"ingest load --tables public.taken", "load")
	if n := b.rows("good"); n != 0 {
		t.Errorf("%d rows", n)
	}
	b.works("sql", "DROP TABLE taken")
	b.works("load", "--tables", "public.taken")
}

// TestTargetsOfALostLedgerAreOurs: tables that this pipeline loaded before its ledger was lost do not block a repair.
func TestTargetsOfALostLedgerAreOurs(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)")
	b.works("full-load")
	if err := os.RemoveAll(filepath.Join(b.dir, "Volumes", benchCatalog, "bronze", "ingest", "default")); err != nil {
		t.Fatal(err)
	}
	b.fails(failure.Conflict, "the ledger is lost", "ingest full-load --repair", "full-load")
	b.works("full-load", "--repair")
	if n := b.rows("a"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

// TestColumnsThatDoNotFit: check sees in Unity Catalog that a column of a loaded
// table is gone, or has another type.
func TestColumnsThatDoNotFit(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY, note text, dropped text)")
	b.works("full-load")
	b.exec("ALTER TABLE a DROP COLUMN dropped", "INSERT INTO a VALUES (1, 'x')")
	b.works("cdc")
	b.works("sql", "ALTER TABLE a SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')")
	b.works("sql", "ALTER TABLE a DROP COLUMN dropped")
	b.finds(0, finding.OK, "public.a", "ready", "")
	if stdout, _ := b.works("check"); strings.Contains(stdout, "its target") {
		t.Errorf("a column that the source dropped, too: %s", stdout)
	}
	b.works("sql", "ALTER TABLE a RENAME COLUMN note TO remark")
	b.finds(0, finding.Warning, "public.a", `has no column "note"`, "ingest load --repair --tables public.a")
	b.works("load", "--repair", "--tables", "public.a")
	b.finds(0, finding.OK, "public.a", "ready", "")
}

// TestAWrongWarehouseIsSeenFirst: if the SQL warehouse is not found, nothing is created.
func TestAWrongWarehouseIsSeenFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)")
	b.env["INGEST_WAREHOUSE"] = "nowhere"
	b.fails(failure.Destination, `find SQL warehouse "nowhere"`, "use one of: ", "full-load")
	b.nothingMade()
	delete(b.env, "INGEST_WAREHOUSE")
	b.works("full-load")
}

// TestAProfileThatIsNotThere: the error names the profile and the file.
// TestHomeIsNotSet has the case without a home directory to look in.
func TestAProfileThatIsNotThere(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.works("version")
	b.signIn("", "")
	none := filepath.Join(t.TempDir(), "databrickscfg")
	b.env["INGEST_PROFILE"], b.env["DATABRICKS_HOST"] = "prod", ""
	b.env["DATABRICKS_CONFIG_FILE"] = none
	b.fails(failure.Usage, `profile "prod" is named, and there is no file `+none, "databricks auth login --profile prod", "cdc")
}
