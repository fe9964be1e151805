//go:build cgo

package warehouse

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCopyInto(t *testing.T) {
	b := open(t, Options{})
	b.exec("CREATE SCHEMA s")
	b.exec("CREATE VOLUME s.v")
	b.exec("CREATE TABLE s.t (id INT, name STRING, price DECIMAL(10,2))")
	row := func(id int) string {
		return fmt.Sprintf("SELECT %d::INTEGER AS id, 'n%d' AS name, %d.5::DECIMAL(10,2) AS price", id, id, id)
	}
	for i := 1; i <= 4; i++ {
		b.parquet(fmt.Sprintf("/Volumes/main/s/v/in/f%d.parquet", i), row(i))
	}
	from := "COPY INTO s.t FROM '/Volumes/main/s/v/in' FILEFORMAT = PARQUET "
	b.want(from+"FILES = ('f1.parquet', 'f2.parquet')", "2|2|0")
	b.want(from+"FILES = ('f1.parquet', 'f2.parquet')", "0|0|0")
	b.parquet("/Volumes/main/s/v/in/f1.parquet", row(100))
	b.want(from+"FILES = ('f1.parquet')", "0|0|0") // changed since, still skipped
	b.want(from+"FILES = ('f1.parquet') COPY_OPTIONS ('force' = 'true')", "1|1|0")
	b.want(from+"PATTERN = 'f[3]*.parquet'", "1|1|0")
	b.want(from, "1|1|0") // f4 alone is new
	b.want("SELECT id FROM s.t ORDER BY id", "1", "2", "3", "4", "100")
	b.want(from+"FILES = ('missing.parquet')", "0|0|0")
	b.refused(from+"FILES = ('missing.parquet') FORMAT_OPTIONS ('ignoreMissingFiles' = 'false')", "PATH_NOT_FOUND", "42K03")
	b.refused(from+"FILES = ('../../../x.parquet')", "LOCAL_WORKSPACE_PATH_REFUSED", "42501")
	var many []string
	for i := range 1001 {
		many = append(many, fmt.Sprintf("'x%d.parquet'", i))
	}
	b.refused(from+"FILES = ("+strings.Join(many, ", ")+")", "INVALID_PARAMETER_VALUE", "22023")

	b.exec("CREATE TABLE s.m (path STRING, file STRING, id BIGINT, k STRING)")
	b.want("COPY INTO s.m (id, path, file, k) FROM (SELECT id, _metadata.file_path, _metadata.file_name, CASE WHEN id > 2 THEN 'big' ELSE 'small' END FROM '/Volumes/main/s/v/in') FILEFORMAT = PARQUET FILES = ('f3.parquet')", "1|1|0")
	b.want("SELECT * FROM s.m", "dbfs:/Volumes/main/s/v/in/f3.parquet|f3.parquet|3|big")
	b.parquet("/Volumes/main/s/v/own/f.parquet", "SELECT 'mine' AS _metadata, 1 AS id")
	b.exec("CREATE TABLE s.own (_metadata STRING, id INT)")
	b.exec("CREATE TABLE s.starred (_metadata STRING, id INT)")
	b.want("COPY INTO s.own FROM (SELECT _metadata, id FROM '/Volumes/main/s/v/own') FILEFORMAT = PARQUET", "1|1|0")
	b.want("COPY INTO s.starred FROM '/Volumes/main/s/v/own' FILEFORMAT = PARQUET", "1|1|0")
	b.want("SELECT * FROM s.own UNION ALL SELECT * FROM s.starred", "mine|1", "mine|1")
	b.want(
		"COPY INTO s.m BY POSITION FROM (SELECT 'p', 'f', id, name FROM '/Volumes/main/s/v/in') FILEFORMAT = PARQUET FILES = ('f4.parquet')",
		"1|1|0")

	for _, c := range []struct{ sql, class, state string }{
		{"COPY INTO s.m FROM '/Volumes/main/s/v/in' FILEFORMAT = PARQUET FILES = ('f2.parquet')",
			"COPY_INTO_SCHEMA_MISMATCH_WITH_TARGET_TABLE", "42KDG"},
		{"COPY INTO s.t FROM (SELECT name AS id FROM '/Volumes/main/s/v/in') FILEFORMAT = PARQUET FILES = ('x.parquet', 'f9.parquet', 'f2.parquet') COPY_OPTIONS ('force' = 'true')",
			"COPY_INTO_SCHEMA_MISMATCH_WITH_TARGET_TABLE", "42KDG"},
		{"COPY INTO s.t (id, name) FROM (SELECT id FROM '/Volumes/main/s/v/in') FILEFORMAT = PARQUET FILES = ('f2.parquet') COPY_OPTIONS ('force' = 'true')",
			"COPY_INTO_COLUMN_ARITY_MISMATCH", "21S01"},
		{"COPY INTO s.t FROM (SELECT nothing FROM '/Volumes/main/s/v/in') FILEFORMAT = PARQUET FILES = ('f2.parquet') COPY_OPTIONS ('force' = 'true')", "UNRESOLVED_COLUMN", "42703"},
		{"COPY INTO s.t FROM '/Volumes/main/s/v/in' FILEFORMAT = CSV", "UNSUPPORTED_FEATURE", "0A000"},
	} {
		b.refused(c.sql, c.class, c.state)
	}
	b.parquet("/Volumes/main/s/v/in/wide.parquet", "SELECT 7::INTEGER AS id, true AS extra")
	b.want(from+"FILES = ('wide.parquet') COPY_OPTIONS ('mergeSchema' = 'true')", "1|1|0")
	b.want("SELECT id, name, extra FROM s.t WHERE extra", "7|NULL|true")
	b.parquet("/Volumes/main/s/v/mixed/1.parquet", "SELECT 1::INTEGER AS id")
	b.parquet("/Volumes/main/s/v/mixed/2.parquet", "SELECT 1::BIGINT AS id")
	b.refused("COPY INTO s.t FROM '/Volumes/main/s/v/mixed' FILEFORMAT = PARQUET", "FAILED_READ_FILE", "KD001")
	if err := os.WriteFile(filepath.Join(b.volumes, "main/s/v/in/bad.parquet"), []byte("no"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.refused(from+"FILES = ('bad.parquet')", "FAILED_READ_FILE", "KD001")
}

func TestReadFiles(t *testing.T) {
	b := open(t, Options{})
	b.exec("CREATE SCHEMA s")
	all := `SELECT true AS b, 1::TINYINT AS i1, 2::SMALLINT AS i2, 3::INTEGER AS i4, 4::BIGINT AS i8, 1.5::FLOAT AS f, 2.5::DOUBLE AS d, 3.25::DECIMAL(10,2) AS dec,
		's' AS s, 'x'::BLOB AS bin, DATE '2024-01-02' AS day, TIMESTAMPTZ '2024-01-02 03:04:05.678+00' AS ts, TIMESTAMP '2024-01-02 03:04:05' AS ntz, [1::INTEGER, NULL] AS arr, MAP {'k': 'v'} AS m`
	b.parquet("/Volumes/main/s/v/all/1.parquet", all)
	schema := "`b` BOOLEAN, `i1` TINYINT, `i2` SMALLINT, `i4` INT, `i8` BIGINT, `f` FLOAT, `d` DOUBLE, `dec` DECIMAL(10,2), `s` STRING, `bin` BINARY, `day` DATE, `ts` TIMESTAMP, `ntz` TIMESTAMP_NTZ, `arr` ARRAY<INT>, `m` MAP<STRING,STRING>, `gone` STRING"
	b.want("CREATE OR REPLACE TABLE s.all AS SELECT * FROM read_files('/Volumes/main/s/v/all', format => 'parquet', schema => '"+
		schema+"')", "1|1")
	b.want("SELECT * FROM s.all",
		`true|1|2|3|4|1.5|2.5|3.25|s|x|2024-01-02 00:00:00|2024-01-02 03:04:05.678|2024-01-02 03:04:05|[1,null]|{"k":"v"}|NULL`)
	var types []string
	for _, line := range b.rows("DESCRIBE s.all") {
		types = append(types, strings.Split(line, "|")[1])
	}
	want := strings.Fields(`boolean tinyint smallint int bigint float double decimal(10,2) string binary date timestamp timestamp_ntz
		array<int> map<string,string> string`)
	if diff := cmp.Diff(want, types); diff != "" {
		t.Error(diff)
	}
	rows, err := b.db.Query("SELECT i4, i8, s, dec, day, ts, arr FROM s.all")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	ct, err := rows.ColumnTypes()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range ct {
		names = append(names, c.DatabaseTypeName())
	}
	if diff := cmp.Diff([]string{"INT", "BIGINT", "STRING", "DECIMAL", "DATE", "TIMESTAMP", "ARRAY"}, names); diff != "" {
		t.Error(diff)
	}
	for _, wrong := range []string{"i8 DOUBLE", "i4 BIGINT", "ts TIMESTAMP_NTZ", "ntz TIMESTAMP", "dec DECIMAL(10,3)", "s BINARY",
		"bin STRING", "arr ARRAY<STRING>", "m STRING"} {
		b.refused("SELECT * FROM read_files('/Volumes/main/s/v/all', format => 'parquet', schema => '"+wrong+"')",
			"FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH", "KD001")
	}
	b.want("SELECT i4, s FROM read_files('/Volumes/main/s/v/all', format => 'parquet')", "3|s")
	b.parquet("/Volumes/main/s/v/empty/_hidden", all)
	b.want(
		"CREATE OR REPLACE TABLE s.none AS SELECT a FROM read_files('/Volumes/main/s/v/empty', format => 'parquet', schema => 'a INT')", "0|0")
	if err := os.Symlink("/etc", filepath.Join(b.volumes, "main/s/v/link")); err != nil {
		t.Fatal(err)
	}
	b.refused("SELECT * FROM read_files('/Volumes/main/s/v/link', format => 'parquet', schema => 'a INT')",
		"LOCAL_WORKSPACE_PATH_REFUSED", "42501")
}

func TestTables(t *testing.T) {
	b := open(t, Options{})
	b.exec("CREATE SCHEMA IF NOT EXISTS main.s COMMENT 'c'")
	b.exec("CREATE TABLE s.t (id INT NOT NULL COMMENT 'key', `N` STRING) USING DELTA TBLPROPERTIES ('x.y' = 'it''s', delta.columnMapping.mode = 'name') CLUSTER BY (id) COMMENT 'hello'")
	b.want("SHOW TBLPROPERTIES s.t", "delta.columnMapping.mode|name", "x.y|it's")
	b.want("DESCRIBE TABLE s.t", "id|int|key", "N|string|NULL", "# Clustering Information||", "# col_name|data_type|comment", "id|int|key")
	b.exec("INSERT INTO s.t VALUES (1, 'a'), (2, 'b')")
	b.exec("ALTER TABLE s.t ADD COLUMNS (`odd name` DECIMAL(5,2) COMMENT 'o', z ARRAY<STRING>)")
	b.exec("ALTER TABLE s.t RENAME COLUMN N TO name")
	b.exec("ALTER TABLE s.t SET TBLPROPERTIES ('delta.enableTypeWidening' = 'true')")
	b.exec("ALTER TABLE s.t ALTER COLUMN id TYPE BIGINT")
	b.refused("ALTER TABLE s.t ALTER COLUMN id TYPE INT", "DELTA_UNSUPPORTED_ALTER_TABLE_CHANGE_COL_OP", "42837")
	b.exec("ALTER TABLE s.t DROP COLUMN z")
	b.exec("ALTER TABLE s.t UNSET TBLPROPERTIES IF EXISTS ('x.y', 'none')")
	b.exec("COMMENT ON TABLE s.t IS 'new'")
	b.exec("COMMENT ON COLUMN s.t.name IS 'n'")
	got, err := b.w.Table(t.Context(), "MAIN", "S", "T")
	if err != nil {
		t.Fatal(err)
	}
	want := []Column{{Name: "id", Type: "bigint", Comment: "key", Position: 0}, {
		Name: "name", Type: "string", Comment: "n", Position: 1, Nullable: true,
	}, {Name: "odd name", Type: "decimal(5,2)", Comment: "o", Position: 2, Nullable: true}}
	if diff := cmp.Diff(want, got.Columns); diff != "" || got.Comment != "new" || got.Kind != "MANAGED" {
		t.Errorf("%+v\n%s", got, diff)
	}
	b.want("SELECT id, name, `odd name` FROM s.t ORDER BY 1", "1|a|NULL", "2|b|NULL")
	b.want("SHOW CREATE TABLE s.t", "CREATE TABLE main.s.t (\n  `id` BIGINT NOT NULL COMMENT 'key',\n  `name` STRING COMMENT 'n',\n  `odd name` DECIMAL(5,2) COMMENT 'o'\n)\nUSING delta\nCLUSTER BY (`id`)\nCOMMENT 'new'\nTBLPROPERTIES (\n  'delta.columnMapping.mode' = 'name',\n  'delta.enableTypeWidening' = 'true')\n")
	b.exec("CREATE VIEW s.v (k, what) AS SELECT id, name FROM s.t")
	b.refused("DROP TABLE s.v", "EXPECT_TABLE_NOT_VIEW", "42809")
	b.exec("DROP TABLE s.t")
	b.want("SHOW TABLES IN s", "s|v|false")
	b.exec("DROP VIEW s.v")
	b.want("SHOW SCHEMAS", "default", "s", "information_schema")
}

func TestViews(t *testing.T) {
	b := open(t, Options{})
	b.db.SetMaxOpenConns(1) // one session
	b.exec("CREATE SCHEMA s")
	b.exec("USE SCHEMA s")
	b.exec("CREATE TABLE t (a INT)")
	b.exec("INSERT INTO t VALUES (1), (2)")
	b.exec("CREATE OR REPLACE VIEW v (k) AS WITH q AS (SELECT a FROM t) SELECT a FROM q WHERE a > 1")
	b.exec("USE SCHEMA default")
	b.want("SELECT k FROM s.v", "2")
	b.want("SELECT w.k FROM s.v AS w JOIN s.t ON t.a = w.k", "2")
}

func TestChangesAndVersions(t *testing.T) {
	b := open(t, Options{})
	b.exec("CREATE SCHEMA s")
	b.exec("CREATE TABLE s.t (id INT, v STRING)")                                                                                        // 0
	b.exec("INSERT INTO s.t VALUES (1, 'a'), (2, 'b'), (3, 'c')")                                                                        // 1
	b.exec("INSERT INTO s.t SELECT 4, 'd'")                                                                                              // 2
	b.want("UPDATE s.t SET v = concat(v, '!') WHERE id = 1", "1")                                                                        // 3
	b.want("DELETE FROM s.t WHERE id = 2", "1")                                                                                          // 4
	b.exec("INSERT INTO s.t (v, id) VALUES ('e', 5)")                                                                                    // 5
	b.want("MERGE INTO s.t AS t USING (SELECT 1 AS id, 'm' AS v UNION ALL SELECT 9, 'n' UNION ALL SELECT 3, NULL) AS n ON t.id = n.id "+ // 6
		"WHEN MATCHED AND n.v IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET v = n.v WHEN NOT MATCHED THEN INSERT *", "3|1|1|1")
	b.exec("ALTER TABLE s.t ADD COLUMNS (x INT)")    // 7
	b.exec("CREATE OR REPLACE TABLE s.t (z STRING)") // 8
	b.exec("INSERT INTO s.t VALUES ('z')")           // 9
	for version, want := range map[int][]string{
		0: nil, 1: {"1|a", "2|b", "3|c"}, 2: {"1|a", "2|b", "3|c", "4|d"}, 3: {"1|a!", "2|b", "3|c", "4|d"}, 4: {"1|a!", "3|c", "4|d"},
		5: {"1|a!", "3|c", "4|d", "5|e"},
		6: {"1|m", "4|d", "5|e", "9|n"}, 7: {"1|m|NULL", "4|d|NULL", "5|e|NULL", "9|n|NULL"}, 8: nil, 9: {"z"},
	} {
		b.want(fmt.Sprintf("SELECT * FROM s.t VERSION AS OF %d ORDER BY 1", version), want...)
	}
	b.refused("MERGE INTO s.t USING (SELECT 'z' AS z UNION ALL SELECT 'z') q ON t.z = q.z WHEN MATCHED THEN UPDATE SET z = 'w'",
		"DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE", "21506")
	b.exec("RESTORE TABLE s.t TO VERSION AS OF 4")
	b.want("SELECT * FROM s.t ORDER BY id", "1|a!", "3|c", "4|d")
	b.exec("TRUNCATE TABLE s.t")
	b.want("SELECT count(*) FROM s.t", "0")
	b.exec("INSERT OVERWRITE s.t SELECT 7, 'q'")
	b.want("SELECT * FROM s.t", "7|q")
	if n := len(b.rows("DESCRIBE HISTORY s.t")); n != 13 {
		t.Errorf("%d versions in the history, want 13", n)
	}
	if line := b.rows("DESCRIBE DETAIL s.t"); !strings.HasPrefix(line[0], "delta|") {
		t.Error(line)
	}
}

func TestSwitches(t *testing.T) {
	for _, lost := range []bool{false, true} {
		b := open(t, Options{
			Switches: Switches{CopyMemoryLostOnReplace: lost, CopyMemoryLostOnRestore: lost, CTASWithoutRow: lost, PropertiesLostOnReplace: lost},
		})
		b.exec("CREATE SCHEMA s")
		b.parquet("/Volumes/main/s/v/in/1.parquet", "SELECT 1::INTEGER AS id")
		b.exec("CREATE TABLE s.t (id INT) TBLPROPERTIES ('k' = 'v')")
		load := "COPY INTO s.t FROM '/Volumes/main/s/v/in' FILEFORMAT = PARQUET"
		again := map[bool]string{false: "0|0|0", true: "1|1|0"}[lost]
		b.want(load, "1|1|0")
		b.exec("RESTORE TABLE s.t TO VERSION AS OF 0")
		b.want(load, again)
		got := b.rows("CREATE OR REPLACE TABLE s.t AS SELECT 5 AS id")
		if (len(got) == 0) != lost {
			t.Errorf("CTAS answered %v with CTASWithoutRow %v", got, lost)
		}
		b.want(load, again)
		if got := b.rows("SHOW TBLPROPERTIES s.t"); (len(got) == 0) != lost {
			t.Errorf("properties after REPLACE: %v with PropertiesLostOnReplace %v", got, lost)
		}
	}
}
