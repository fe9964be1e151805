//go:build cgo

package warehouse

import (
	"strings"
	"testing"

	dbsql "github.com/databricks/databricks-sql-go"
)

// TestSessionBeforeItsSchema: a client may open a session in a schema that it creates later.
func TestSessionBeforeItsSchema(t *testing.T) {
	b := open(t, Options{})
	db := b.connect(dbsql.WithInitialNamespace("main", "later"))
	db.SetMaxOpenConns(1)
	for _, sql := range []string{"CREATE SCHEMA later", "CREATE TABLE t AS SELECT 1 AS a"} {
		if _, err := db.Exec(sql); err != nil {
			t.Fatalf("%s: %v", sql, cause(err))
		}
	}
	b.want("SELECT a FROM main.later.t", "1")
}

func TestTemporaryViews(t *testing.T) {
	b := open(t, Options{})
	b.db.SetMaxOpenConns(1)
	b.exec("CREATE TABLE default.t AS SELECT 1 AS a")
	b.exec("CREATE TABLE default.t2 AS SELECT 3 AS a")
	b.exec("CREATE TEMPORARY VIEW v AS SELECT a + 1 AS b FROM t")
	b.exec("CREATE OR REPLACE TEMP VIEW w (c) AS SELECT b FROM v")
	b.exec("CREATE TEMPORARY VIEW t AS SELECT 7 AS a") // before the table of that name
	b.want("SELECT c FROM w", "2")
	b.want("SELECT a FROM t", "7")
	b.want("SELECT a FROM default.t", "1")
	b.exec("CREATE VIEW default.short AS SELECT a FROM t2")
	b.want("SELECT * FROM default.short", "3")
	b.exec("CREATE TEMPORARY VIEW t2 AS SELECT 8 AS a")
	b.want("SELECT * FROM default.short", "3") // a view that is kept sees none
	b.want("DESCRIBE w", "c|int|NULL")
	b.want("SHOW TABLES IN default LIKE 'w'", "|w|true")
	b.refused("CREATE TEMPORARY VIEW v AS SELECT 1", "TEMP_TABLE_OR_VIEW_ALREADY_EXISTS", "42P07")
	b.refused("CREATE TEMPORARY VIEW default.x AS SELECT 1", "TEMP_VIEW_NAME_TOO_MANY_NAME_PARTS", "428EK")
	b.refused("CREATE VIEW default.refers AS SELECT * FROM w", "INVALID_TEMP_OBJ_REFERENCE", "42K0F")
	b.exec("DROP VIEW t")
	b.want("SELECT a FROM t", "1")
	other := b.connect()
	if _, err := other.Exec("SELECT * FROM w"); err == nil || !strings.Contains(cause(err), "TABLE_OR_VIEW_NOT_FOUND") {
		t.Errorf("another session sees a temporary view: %v", err)
	}
}

func TestInformationSchema(t *testing.T) {
	b := open(t, Options{Catalogs: []string{"main", "other"}})
	b.exec("CREATE TABLE default.t (l BIGINT NOT NULL, i INT, d DECIMAL(12,3), f DOUBLE, s STRING COMMENT 'c', at TIMESTAMP)")
	b.exec("CREATE VIEW other.default.v AS SELECT 1 AS one")
	b.want("SELECT column_name, data_type, numeric_precision, numeric_precision_radix, numeric_scale, datetime_precision, is_nullable, comment FROM information_schema.columns WHERE table_name = 't' ORDER BY ordinal_position",
		"l|LONG|64|2|0|NULL|NO|NULL", "i|INT|32|2|0|NULL|YES|NULL", "d|DECIMAL|12|10|3|NULL|YES|NULL", "f|DOUBLE|53|2|NULL|NULL|YES|NULL",
		"s|STRING|NULL|NULL|NULL|NULL|YES|c", "at|TIMESTAMP|NULL|NULL|NULL|3|YES|NULL")
	b.want("SELECT table_catalog, table_name, table_type, data_source_format FROM system.information_schema.tables ORDER BY 1",
		"main|t|MANAGED|DELTA", "other|v|VIEW|UNKNOWN_DATA_SOURCE_FORMAT")
	b.want("SELECT table_name, view_definition FROM system.information_schema.views", "v|SELECT 1 AS one")
	b.want("SELECT catalog_name FROM system.information_schema.catalogs ORDER BY 1", "main", "other")
	b.want("SELECT count(*) FROM system.information_schema.column_tags", "0")
	b.refused("SELECT * FROM system.information_schema.nonsense", "TABLE_OR_VIEW_NOT_FOUND", "42P01")
}

func TestStatementsOfClients(t *testing.T) {
	b := open(t, Options{})
	b.db.SetMaxOpenConns(1)
	b.exec("CREATE TABLE default.t (a INT NOT NULL, tags ARRAY<STRING>) COMMENT 'words'")
	got := b.rows("SHOW TABLE EXTENDED IN default LIKE 't*'")
	for _, part := range []string{"default|t|false|", "Type: MANAGED", "Provider: delta", "Comment: words",
		" |-- a: integer (nullable = false)", " |    |-- element: string"} {
		if len(got) != 1 || !strings.Contains(got[0], part) {
			t.Errorf("SHOW TABLE EXTENDED: %q lacks %q", got, part)
		}
	}
	b.refused("SHOW TABLE EXTENDED IN default", "PARSE_SYNTAX_ERROR", "42601")
	if got := strings.Join(b.rows("EXPLAIN EXTENDED SELECT a FROM default.t"), ""); !strings.Contains(got, "Physical Plan") {
		t.Errorf("EXPLAIN: %q", got)
	}
	if got := strings.Join(b.rows("EXPLAIN SELECT b FROM default.t"), ""); !strings.Contains(got, "UNRESOLVED_COLUMN") {
		t.Errorf("EXPLAIN of a query that cannot be planned: %q", got)
	}
	b.exec("SET one.two = three")
	b.want("SET one.two", "one.two|three")
	b.want("SET four", "four|<undefined>")
	b.want("SET", "one.two|three")
	b.refused("SET TIME ZONE 'Europe/Oslo'", "UNSUPPORTED_FEATURE", "0A000")
	b.refused("PUT '/tmp/x' INTO '/Volumes/main/default/v/x'", "UNSUPPORTED_FEATURE", "0A000") // this warehouse has no Files API
}

func TestCreateCatalog(t *testing.T) {
	b := open(t, Options{})
	b.exec("CREATE CATALOG late")
	b.exec("CREATE CATALOG IF NOT EXISTS late")
	b.refused("CREATE CATALOG late", "CATALOG_ALREADY_EXISTS", "42P04")
	b.refused("CREATE CATALOG `a/b`", "INVALID_IDENTIFIER", "42602")
	b.exec("CREATE TABLE late.default.t AS SELECT 5 AS a")
	b.want("SHOW CATALOGS", "late", "main")
	b.want("SELECT a FROM late.default.t", "5")
	if err := b.w.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, Options{Dir: b.dir, VolumesDir: b.volumes})
	again.want("SELECT a FROM late.default.t", "5")
	again.refused("SELECT * FROM read_files('"+b.dir+"/late.duckdb', format => 'parquet', schema => 'a INT')",
		"LOCAL_WORKSPACE_PATH_REFUSED", "42501")
}

// TestStoreAssignment: Delta casts stored values, and refuses those that the cast cannot convert.
func TestStoreAssignment(t *testing.T) {
	b := open(t, Options{})
	b.exec("CREATE TABLE default.t (at TIMESTAMP, day DATE, n DECIMAL(5,2), i INT)")
	b.exec("INSERT INTO default.t VALUES ('2024-01-01 01:00:00.5 +0100', '2024-02-03', '1.5', '7')")
	b.want("SELECT CAST(at AS STRING), CAST(day AS STRING), CAST(n AS STRING), i FROM default.t", "2024-01-01 00:00:00.5|2024-02-03|1.50|7")
	b.refused("INSERT INTO default.t VALUES ('yesterday?', NULL, NULL, NULL)", "CAST_INVALID_INPUT", "22018")
	b.refused("INSERT INTO default.t VALUES (NULL, NULL, NULL, '1.5')", "CAST_INVALID_INPUT", "22018")
	b.refused("INSERT INTO default.t VALUES (NULL, NULL, '1234.5', NULL)", "CAST_OVERFLOW_IN_TABLE_INSERT", "22003")
}
