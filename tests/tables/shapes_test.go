//go:build cgo && unix

package tables

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/replicate"
)

func TestATableOfAsManyColumnsAsPostgresTakes(t *testing.T) {
	var columns, set []string
	for i := range 1599 {
		columns = append(columns, fmt.Sprintf("c%d %s", i, []string{"int", "text", "numeric(9,2)", "boolean"}[i%4]))
		if i%4 == 0 {
			set = append(set, fmt.Sprintf("c%d = %d", i, i))
		}
	}
	b := newBed(t, "CREATE TABLE wide (id int PRIMARY KEY, "+strings.Join(columns, ", ")+")",
		"INSERT INTO wide (id, c0, c1, c2, c1598) VALUES (1, 1, 'one', 1.5, 0.5), (2, 2, 'two', NULL, NULL), (3, NULL, NULL, NULL, NULL)")
	b.works()
	b.load()
	b.exec("UPDATE wide SET "+strings.Join(set, ", ")+" WHERE id = 1", "UPDATE wide SET id = 20 WHERE id = 2", "DELETE FROM wide WHERE id = 3",
		"INSERT INTO wide (id, c1597) VALUES (4, 'last')")
	b.cdc()
	b.verified(true)
	if _, err := b.pipeline.Views(t.Context(), nil, false); err != nil {
		t.Fatal(err)
	}
	if got := len(b.query("DESCRIBE TABLE dev.bronze.wide_current")); got != 1603 {
		t.Errorf("the view has %d columns, want 1603", got)
	}
}

func TestTablesOfNoColumns(t *testing.T) {
	b := newBed(t, "CREATE TABLE bare ()", "INSERT INTO bare DEFAULT VALUES", "INSERT INTO bare DEFAULT VALUES",
		"INSERT INTO bare DEFAULT VALUES",
		"CREATE TABLE whole ()", "ALTER TABLE whole REPLICA IDENTITY FULL", "INSERT INTO whole SELECT FROM generate_series(1, 5)",
		"CREATE TABLE empty ()")
	b.move("INSERT INTO bare DEFAULT VALUES", "INSERT INTO whole DEFAULT VALUES",
		"DELETE FROM whole WHERE ctid IN (SELECT ctid FROM whole LIMIT 2)")
	if got := b.query("SELECT `_op`, count(*) FROM dev.bronze.whole GROUP BY 1 ORDER BY 1"); fmt.Sprint(
		got) != "[[delete 2] [insert 1] [snapshot 5]]" {
		t.Errorf("whole's log has %v", got)
	}
}

func TestColumnsThatWereDroppedInTheMiddle(t *testing.T) {
	b := newBed(t, "CREATE TABLE gaps (z text, a int, b text, id int PRIMARY KEY, c text, d jsonb)",
		"INSERT INTO gaps VALUES ('z', 1, 'b', 1, 'c', '1')",
		"ALTER TABLE gaps DROP z, DROP b", "ALTER TABLE gaps ADD e text", "INSERT INTO gaps VALUES (2, 2, 'cc', '2', 'e')",
		"CREATE TABLE unkeyed (a int, b text, c text)", "ALTER TABLE unkeyed REPLICA IDENTITY FULL", "INSERT INTO unkeyed VALUES (1, 'b', 'c')",
		"ALTER TABLE unkeyed DROP b")
	b.move("INSERT INTO gaps VALUES (3, 3, 'ccc', '3', 'ee')", "UPDATE gaps SET c = 'new', id = 20 WHERE id = 2",
		"DELETE FROM gaps WHERE id = 1",
		"INSERT INTO unkeyed VALUES (2, 'cc')", "UPDATE unkeyed SET a = 10 WHERE a = 1")
}

func TestGeneratedColumnsBesidesTheKey(t *testing.T) {
	b := newBed(t, "CREATE TABLE made (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED, text text GENERATED ALWAYS AS ('no ' || id) STORED)",
		"INSERT INTO made VALUES (1), (2), (3)")
	b.finds("note", "public.made", "generated columns are left out: twice, text", "")
	b.move("UPDATE made SET id = 20 WHERE id = 2", "DELETE FROM made WHERE id = 3", "INSERT INTO made VALUES (4)")
	b.verified(false)
}

// Nothing of such a table is sent but how many rows were inserted.
func TestGeneratedColumnsAlone(t *testing.T) {
	b := newBed(t, "CREATE TABLE made (one int GENERATED ALWAYS AS (1) STORED)", "INSERT INTO made DEFAULT VALUES",
		"CREATE TABLE keyed (one int GENERATED ALWAYS AS (1) STORED PRIMARY KEY)", "INSERT INTO keyed DEFAULT VALUES")
	b.move("INSERT INTO made DEFAULT VALUES")
	b.verified(false)
}

// Where the key is generated, an UPDATE or DELETE does not say of which row it
// is: only the whole row does.
func TestGeneratedKey(t *testing.T) {
	b := newBed(t, "CREATE TABLE keyed (name text, id text GENERATED ALWAYS AS (lower(name)) STORED PRIMARY KEY)",
		"INSERT INTO keyed VALUES ('A'), ('B')")
	b.finds("warning", "public.keyed", "generated", `ALTER TABLE "public"."keyed" REPLICA IDENTITY FULL;`)
	b.move("INSERT INTO keyed VALUES ('C')")
	b.exec("ALTER TABLE keyed REPLICA IDENTITY FULL")
	b.load()
	b.exec("UPDATE keyed SET name = 'BB' WHERE id = 'b'", "DELETE FROM keyed WHERE id = 'a'")
	b.cdc()
	b.equal()
}

// A publication made by hand sends changes that cannot be attributed to rows.
func TestGeneratedKeyInAPublicationForAllTables(t *testing.T) {
	b := newBed(t, "CREATE TABLE keyed (name text, id text GENERATED ALWAYS AS (lower(name)) STORED PRIMARY KEY)",
		"INSERT INTO keyed VALUES ('A'), ('B')",
		"CREATE PUBLICATION made FOR ALL TABLES")
	b.config.Source.Publication = "made"
	b.open()
	const why = `its replica identity has the generated column "id", which is not sent`
	b.finds(finding.Problem, "public.keyed", why+"; publication made sends updates and deletes that do not identify their row",
		`ALTER TABLE "public"."keyed" REPLICA IDENTITY FULL;`)
	_, err := b.pipeline.FullLoad(t.Context(), replicate.FullLoadOptions{})
	if err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("full load: %v", err)
	}
	b.exec("ALTER TABLE keyed REPLICA IDENTITY FULL")
	b.move("UPDATE keyed SET name = 'BB' WHERE id = 'b'", "DELETE FROM keyed WHERE id = 'a'")
}
