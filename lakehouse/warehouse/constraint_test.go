//go:build cgo

package warehouse

import (
	"testing"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/exec"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

func TestConstraints(t *testing.T) {
	b := open(t, Options{})
	b.exec("CREATE SCHEMA s")
	b.exec("CREATE TABLE s.t (id BIGINT, n INT)")
	b.exec("INSERT INTO s.t VALUES (1, NULL)")
	b.refused("ALTER TABLE s.t ADD CONSTRAINT big CHECK (id > 5)", "DELTA_NEW_CHECK_CONSTRAINT_VIOLATION", "23512")
	b.refused("ALTER TABLE s.t ADD CONSTRAINT unknown CHECK (id > 0 AND n < 10)", "DELTA_NEW_CHECK_CONSTRAINT_VIOLATION", "23512")
	b.exec("UPDATE s.t SET n = 1")
	b.exec("ALTER TABLE s.t ADD CONSTRAINT Positive CHECK (id > 0 AND n < 10)")
	b.refused("ALTER TABLE s.t ADD CONSTRAINT positive CHECK (id > 0)", "DELTA_CONSTRAINT_ALREADY_EXISTS", "42710")
	const broken = "DELTA_VIOLATE_CONSTRAINT_WITH_VALUES"
	b.refused("INSERT INTO s.t VALUES (2, 2), (-1, 1)", broken, "23001")
	b.refused("INSERT INTO s.t VALUES (2, NULL)", broken, "23001")
	b.refused("UPDATE s.t SET id = 0", broken, "23001")
	b.refused(
		"MERGE INTO s.t t USING (SELECT CAST(7 AS BIGINT) AS id) u ON t.id = u.id WHEN NOT MATCHED THEN INSERT (id, n) VALUES (u.id, 11)",
		broken, "23001")
	b.exec("INSERT INTO s.t VALUES (2, 9)")
	b.want("SELECT id FROM s.t ORDER BY id", "1", "2")
	b.refused("ALTER TABLE s.t DROP CONSTRAINT nothing", "DELTA_CONSTRAINT_DOES_NOT_EXIST", "42704")
	b.exec("ALTER TABLE s.t DROP CONSTRAINT IF EXISTS nothing")
	b.exec("ALTER TABLE s.t DROP CONSTRAINT positive")
	b.exec("INSERT INTO s.t VALUES (-1, 1)")
	b.want("SELECT count(*) FROM s.t", "3")

	b.exec("CREATE TABLE s.kept (id BIGINT)")
	b.exec("ALTER TABLE s.kept ADD CONSTRAINT positive CHECK (id > 0)")
	b.refused("CREATE OR REPLACE TABLE s.kept AS SELECT CAST(-1 AS BIGINT) AS id", broken, "23001")
	b.exec("DROP TABLE s.kept")

	lost := open(t, Options{Switches: Switches{PropertiesLostOnReplace: true}})
	lost.exec("CREATE SCHEMA s")
	lost.exec("CREATE TABLE s.t (id BIGINT)")
	lost.exec("ALTER TABLE s.t ADD CONSTRAINT positive CHECK (id > 0)")
	lost.exec("CREATE OR REPLACE TABLE s.t AS SELECT CAST(-1 AS BIGINT) AS id")
	lost.want("SELECT id FROM s.t", "-1")
}

func TestReplaceWhere(t *testing.T) {
	b := open(t, Options{})
	b.exec("CREATE SCHEMA s")
	b.exec("CREATE TABLE s.t (id BIGINT, n INT)")
	b.exec("INSERT INTO s.t VALUES (1, 1), (2, 2), (3, 3), (NULL, 4)")
	b.want("INSERT INTO s.t REPLACE WHERE id >= 2 SELECT id + 2 AS id, n FROM s.t WHERE id >= 2", "2|2")
	b.want("SELECT * FROM s.t ORDER BY n", "1|1", "4|2", "5|3", "NULL|4")
	if n := len(b.rows("DESCRIBE HISTORY s.t")); n != 3 {
		t.Errorf("%d versions after CREATE, INSERT and INSERT REPLACE WHERE, want 3", n)
	}
	b.want("SELECT count(*) FROM s.t VERSION AS OF 1", "4")
	b.refused("INSERT INTO s.t REPLACE WHERE id >= 2 SELECT CAST(1 AS BIGINT) AS id, 9 AS n", "DELTA_REPLACE_WHERE_MISMATCH", "44000")
	b.want("SELECT * FROM s.t ORDER BY n", "1|1", "4|2", "5|3", "NULL|4")
}

func TestQueryTags(t *testing.T) {
	s := exec.NewSession(translate.Space{}, "", `tool:ingest,path:a\,b\:c\\d,empty:,alone`)
	r := s.QueryTags()
	want := [][2]any{{"tool", "ingest"}, {"path", `a,b:c\d`}, {"empty", ""}, {"alone", nil}}
	if len(r.Rows) != len(want) {
		t.Fatalf("%v", r.Rows)
	}
	for i, row := range r.Rows {
		if row[0] != want[i][0] || row[1] != want[i][1] {
			t.Errorf("row %d: %v, want %v", i, row, want[i])
		}
	}
	if _, err := sparksql.Parse("SET QUERY_TAGS"); err != nil {
		t.Error(err)
	}
}
