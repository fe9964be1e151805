//go:build cgo && unix

package tables

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/finding"
)

// Relations that have no changes of their own are reported, and the others continue.
func TestRelationsThatAreNotReplicated(t *testing.T) {
	b := newBed(t, "CREATE TABLE item (id int PRIMARY KEY)", "INSERT INTO item VALUES (1)",
		"CREATE UNLOGGED TABLE cache (id int PRIMARY KEY)", "INSERT INTO cache VALUES (1)",
		"CREATE TEMPORARY TABLE mine (id int PRIMARY KEY)",
		"CREATE VIEW seen AS SELECT * FROM item", "CREATE MATERIALIZED VIEW kept AS SELECT * FROM item",
		"CREATE EXTENSION file_fdw", "CREATE SERVER files FOREIGN DATA WRAPPER file_fdw",
		"CREATE FOREIGN TABLE far (line text) SERVER files OPTIONS (filename '/dev/null')")
	why := map[string]string{
		"public.cache": "it is unlogged, so its changes are not in the WAL", "public.far": "it is a foreign table",
		"public.seen": "it is a view, and views are not replicated", "public.kept": "it is a materialized view, and views are not replicated",
	}
	for name, because := range why {
		b.finds(finding.Note, name, "left out: "+because, "")
		b.refused(name+" cannot be loaded: "+because, "leave it out of --tables", "item", name)
	}
	b.refused(`table "mine" is not in the source`, "", "mine")
	b.move("INSERT INTO item VALUES (2)", "UPDATE cache SET id = 2", "REFRESH MATERIALIZED VIEW kept")
	for name, because := range why {
		if log := b.log.String(); !strings.Contains(log, "relation="+name+` because="`+because) {
			t.Errorf("nothing about %s in %s", name, log)
		}
	}
	if got := b.query("SHOW TABLES IN dev.bronze"); len(got) != 3 { // with the view and the control table
		t.Errorf("loaded %v", got)
	}
}

func TestNothingButRelationsThatAreNotReplicated(t *testing.T) {
	b := newBed(t, "CREATE UNLOGGED TABLE cache (id int PRIMARY KEY)", "CREATE VIEW seen AS SELECT * FROM cache")
	b.refused("no table is selected", "`ingest check` lists what there is")
	b.finds(finding.Problem, "source", "no table is selected", "check source.schemas")
}

// Parents and children are tables of their own: a parent's rows do not include
// its children's.
func TestInheritance(t *testing.T) {
	b := newBed(t, "CREATE TABLE place (id int PRIMARY KEY, name text)", "CREATE TABLE city (mayor text, PRIMARY KEY (id)) INHERITS (place)",
		"CREATE TABLE capital (country text, PRIMARY KEY (id)) INHERITS (city)", "CREATE TABLE thing (what text)",
		"ALTER TABLE thing REPLICA IDENTITY FULL",
		"CREATE TABLE both_of () INHERITS (city, thing)", "ALTER TABLE both_of REPLICA IDENTITY FULL",
		"INSERT INTO place VALUES (1, 'field'), (2, 'wood')", "INSERT INTO city VALUES (1, 'Bern', 'm'), (10, 'Basel', 'n')",
		"INSERT INTO capital VALUES (1, 'Paris', 'o', 'France')",
		"INSERT INTO thing VALUES ('x')", "INSERT INTO both_of VALUES (1, 'y', 'm', 'z')")
	b.finds(finding.Note, "public.place", "tables inherit from it", "")
	b.move("UPDATE place SET name = name || '!'", "DELETE FROM place WHERE id = 10", "INSERT INTO place VALUES (3, 'hill')",
		"INSERT INTO capital VALUES (2, 'Rome', 'p', 'Italy')",
		"UPDATE ONLY city SET mayor = 'q'", "UPDATE thing SET what = 'w'", "DELETE FROM ONLY place WHERE id = 1")
	if got := b.query("SELECT count(*) FROM dev.bronze.place_current"); got[0][0] != "2" {
		t.Errorf("the parent has %s rows, want its own 2", got[0][0])
	}
	b.exec("TRUNCATE ONLY place", "TRUNCATE city") // the latter with its children
	b.cdc()
	b.equal()
}

func TestPartitions(t *testing.T) {
	b := newBed(t, "CREATE SCHEMA archive",
		"CREATE TABLE sale (id int, region text, at date, gone int, note text, PRIMARY KEY (id, region, at)) PARTITION BY LIST (region)",
		"CREATE TABLE sale_eu PARTITION OF sale FOR VALUES IN ('eu') PARTITION BY RANGE (at)",
		"CREATE TABLE archive.sale_eu_old PARTITION OF sale_eu FOR VALUES FROM (MINVALUE) TO ('2020-01-01')",
		"CREATE TABLE sale_eu_rest PARTITION OF sale_eu DEFAULT",
		"CREATE TABLE sale_rest PARTITION OF sale DEFAULT",
		// Attached with its columns in another order, one of them dropped.
		"CREATE TABLE archive.sale_us (note text, dropped int, at date NOT NULL, id int NOT NULL, gone int, region text NOT NULL, PRIMARY KEY (id, region, at))",
		"ALTER TABLE archive.sale_us DROP dropped", "ALTER TABLE sale ATTACH PARTITION archive.sale_us FOR VALUES IN ('us')",
		"ALTER TABLE sale DROP gone", "ALTER TABLE sale ADD extra text",
		"INSERT INTO sale VALUES (1, 'eu', '2019-01-01', 'a', 'x'), (2, 'eu', '2021-01-01', 'b', 'x'), (3, 'us', '2021-01-01', 'c', 'x'), (4, 'cn', '2021-01-01', 'd', 'x')")
	b.finds(finding.Note, "public.sale", "it is partitioned (4 partitions) and becomes one table", "")
	b.move(
		"INSERT INTO sale VALUES (5, 'eu', '2018-01-01', 'e', NULL), (6, 'us', '2018-01-01', 'f', NULL), (7, 'jp', '2018-01-01', 'g', NULL)",
		"UPDATE sale SET region = 'us' WHERE id = 1", "UPDATE sale SET at = '2010-01-01' WHERE id = 2",
		"UPDATE sale SET region = 'br', note = 'moved' WHERE id = 3",
		"UPDATE sale SET note = 'same' WHERE id = 4", "DELETE FROM sale WHERE id = 6", "UPDATE archive.sale_us SET extra = 'own' WHERE id = 1",
		"CREATE TABLE sale_br PARTITION OF sale FOR VALUES IN ('xx')", "INSERT INTO sale VALUES (8, 'xx', '2022-01-01', 'h', 'new')")
	b.verified(false)
	b.exec("TRUNCATE sale", "INSERT INTO sale VALUES (9, 'eu', '2019-01-01', 'i', NULL)")
	b.cdc()
	b.equal()
}

func TestPartitionsOfNone(t *testing.T) {
	b := newBed(t, "CREATE TABLE bare (id int PRIMARY KEY, note text) PARTITION BY RANGE (id)",
		"CREATE TABLE sub (id int PRIMARY KEY) PARTITION BY RANGE (id)",
		"CREATE TABLE sub_1 PARTITION OF sub DEFAULT PARTITION BY RANGE (id)")
	b.finds(finding.Note, "public.bare", "it is partitioned (0 partitions) and becomes one table", "")
	b.works()
	b.load()
	b.cdc()
	b.equal()
	b.verified(false)
	b.exec("CREATE TABLE bare_1 PARTITION OF bare DEFAULT", "INSERT INTO bare VALUES (1, 'a'), (2, 'b')",
		"UPDATE bare SET note = 'c' WHERE id = 1")
	b.cdc()
	b.equal()
}

// A partition sends the old row by an identity of its own, whatever the
// partitioned table's is.
func TestIdentitiesOfPartitions(t *testing.T) {
	var statements, changes []string
	for name, test := range map[string]struct{ key, identity string }{
		"root_full": {"PRIMARY KEY (id, part)", "ALTER TABLE $t REPLICA IDENTITY FULL"},
		"leaf_full": {"PRIMARY KEY (id, part)", "ALTER TABLE $t_1 REPLICA IDENTITY FULL"},
		"both_full": {"PRIMARY KEY (id, part)",
			"ALTER TABLE $t REPLICA IDENTITY FULL; ALTER TABLE $t_1 REPLICA IDENTITY FULL; ALTER TABLE $t_2 REPLICA IDENTITY FULL"},
		"bare_full": {"CHECK (id > 0)",
			"ALTER TABLE $t REPLICA IDENTITY FULL; ALTER TABLE $t_1 REPLICA IDENTITY FULL; ALTER TABLE $t_2 REPLICA IDENTITY FULL"},
		"by_default": {"PRIMARY KEY (id, part)", ""},
	} {
		statements = append(statements,
			fmt.Sprintf("CREATE TABLE %s (id int, part int DEFAULT 1, %s, %s) PARTITION BY LIST (part)", name, large, test.key),
			fmt.Sprintf("CREATE TABLE %s_1 PARTITION OF %s FOR VALUES IN (1)", name, name),
			fmt.Sprintf("CREATE TABLE %s_2 PARTITION OF %s DEFAULT", name, name),
			strings.ReplaceAll(test.identity, "$t", name), fillLarge(name, "id"))
		changes = append(changes, fmt.Sprintf("UPDATE %s SET part = 2 WHERE id = 6", name))
		changes = append(changes, largeChanges(name, "id")...)
	}
	b := newBed(t, statements...)
	b.move(changes...)
}

func TestWeakIdentitiesOfPartitions(t *testing.T) {
	b := newBed(t, "CREATE TABLE keyed (id int PRIMARY KEY, other int NOT NULL) PARTITION BY RANGE (id)",
		"CREATE TABLE keyed_1 PARTITION OF keyed DEFAULT",
		"CREATE UNIQUE INDEX by_other ON keyed_1 (other)", "ALTER TABLE keyed_1 REPLICA IDENTITY USING INDEX by_other",
		"INSERT INTO keyed VALUES (1, 1), (2, 2)",
		"CREATE TABLE whole (id int) PARTITION BY RANGE (id)", "CREATE TABLE whole_1 PARTITION OF whole DEFAULT",
		"ALTER TABLE whole REPLICA IDENTITY FULL", "INSERT INTO whole VALUES (1)",
		"CREATE TABLE silent (id int PRIMARY KEY) PARTITION BY RANGE (id)", "CREATE TABLE silent_1 PARTITION OF silent DEFAULT",
		"ALTER TABLE silent_1 REPLICA IDENTITY NOTHING", "INSERT INTO silent VALUES (1)")
	for _, name := range []string{"keyed", "whole", "silent"} {
		b.finds(finding.Warning, "public."+name, fmt.Sprintf(
			"its partition public.%s_1 has its own replica identity, which is weaker than the table's: updates and deletes are not replicated",
			name),
			fmt.Sprintf(`ALTER TABLE "public"."%s_1" REPLICA IDENTITY FULL; then`, name))
	}
	b.move("INSERT INTO keyed VALUES (3, 3)", "INSERT INTO whole VALUES (2)", "INSERT INTO silent VALUES (2)")
	b.exec("DELETE FROM whole WHERE id = 1", "ALTER TABLE keyed_1 REPLICA IDENTITY FULL", "ALTER TABLE whole_1 REPLICA IDENTITY FULL",
		"ALTER TABLE silent_1 REPLICA IDENTITY FULL")
	b.load()
	b.exec("UPDATE keyed SET id = 10 WHERE id = 1", "DELETE FROM keyed WHERE id = 2", "UPDATE whole SET id = 20",
		"DELETE FROM silent WHERE id = 1")
	b.cdc()
	b.equal()
}

// Where only the partitions have a key, a publication that somebody made sends
// updates and deletes that the table's log could not follow.
func TestPartitionsWithKeysOfTheirOwnInAPublicationForAllTables(t *testing.T) {
	b := newBed(t, "CREATE TABLE root (id int, v text) PARTITION BY RANGE (id)",
		"CREATE TABLE root1 PARTITION OF root FOR VALUES FROM (0) TO (10)", "ALTER TABLE root1 ADD PRIMARY KEY (id)",
		"INSERT INTO root VALUES (1, 'a'), (2, 'b')", "CREATE PUBLICATION made FOR ALL TABLES WITH (publish_via_partition_root = true)")
	b.config.Source.Publication = "made"
	b.open()
	b.finds(finding.Problem, "public.root",
		"it has no primary key and no replica identity; publication made sends updates and deletes that do not identify their row",
		`ALTER TABLE "public"."root" REPLICA IDENTITY FULL;`)
	b.exec(`ALTER TABLE "public"."root" REPLICA IDENTITY FULL`)
	b.finds(finding.Problem, "public.root", "its partition public.root1 has its own replica identity",
		`ALTER TABLE "public"."root1" REPLICA IDENTITY FULL;`)
	b.exec(`ALTER TABLE "public"."root1" REPLICA IDENTITY FULL`)
	b.move("UPDATE root SET v = 'x' WHERE id = 1", "DELETE FROM root WHERE id = 2")
}
