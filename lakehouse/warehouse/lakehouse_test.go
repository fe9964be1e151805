//go:build cgo

package warehouse

import (
	"database/sql"
	"path/filepath"
	"testing"
)

// TestBronze runs the statements of a change-data pipeline: a log table, its loads, the counts by entry, and the view that folds
// the log.
func TestBronze(t *testing.T) {
	b := open(t, Options{})
	b.exec("CREATE SCHEMA b")
	b.exec("CREATE VOLUME b.files")
	schema := "`id` INT, `name` STRING, `_op` STRING, `_commit_lsn` BIGINT, `_seq` BIGINT, `_commit_ts` TIMESTAMP, `_unchanged` ARRAY<STRING>, `_entry` BIGINT"
	b.parquet("/Volumes/main/b/files/snap/1.parquet",
		"SELECT i::INTEGER AS id, 'n' || i AS name, 'snapshot' AS _op, 10::BIGINT AS _commit_lsn, i::BIGINT AS _seq, now()::TIMESTAMPTZ AS _commit_ts, NULL::VARCHAR[] AS _unchanged, 2::BIGINT AS _entry FROM range(3) r(i)")
	b.want("CREATE OR REPLACE TABLE main.b.t USING DELTA CLUSTER BY (_entry) TBLPROPERTIES ('ingest.ledger' = 'u', 'delta.columnMapping.mode' = 'name') AS SELECT `id`, `name`, `_op`, `_commit_lsn`, `_seq`, `_commit_ts`, `_unchanged`, `_entry`, current_timestamp() AS `_loaded_ts` FROM read_files('/Volumes/main/b/files/snap', format => 'parquet', schema => '"+schema+"')", "3|3")
	b.parquet("/Volumes/main/b/files/chg/1.parquet",
		"SELECT * FROM (VALUES (1::INTEGER, NULL, 'update', 20::BIGINT, 0::BIGINT, now()::TIMESTAMPTZ, ['name'], 3::BIGINT), (2, NULL, 'delete', 20, 1, now(), NULL, 3), (7, 'new', 'insert', 30, 0, now(), NULL, 3)) v(id, name, _op, _commit_lsn, _seq, _commit_ts, _unchanged, _entry)")
	load := "COPY INTO main.b.t FROM (SELECT CAST(`id` AS INT) AS `id`, CAST(`name` AS STRING) AS `name`, _op, _commit_lsn, _seq, _commit_ts, CAST(`_unchanged` AS ARRAY<STRING>) AS `_unchanged`, CAST(`_entry` AS BIGINT) AS `_entry`, CURRENT_TIMESTAMP() AS _loaded_ts FROM '/Volumes/main/b/files/chg') FILEFORMAT = PARQUET FILES = ('1.parquet') FORMAT_OPTIONS ('ignoreMissingFiles' = 'false', 'mergeSchema' = 'false') COPY_OPTIONS ('mergeSchema' = 'false')"
	b.want(load, "3|3|0")
	b.want("SELECT 't' AS name, _entry, count(*) AS n, count(DISTINCT _seq) FROM main.b.t WHERE _entry > 1 GROUP BY _entry UNION ALL SELECT 'u', NULL, 0, 0 ORDER BY 2",
		"u|NULL|0|0", "t|2|3|3", "t|3|3|2")
	b.exec(`CREATE OR REPLACE VIEW main.b.t_current AS
		WITH l AS (SELECT *, last_value(CASE WHEN array_contains(coalesce(_unchanged, array()), 'name') THEN NULL ELSE named_struct('v', name) END) IGNORE NULLS OVER (PARTITION BY id ORDER BY _entry, _commit_lsn, _seq) AS kept,
			row_number() OVER (PARTITION BY id ORDER BY _entry DESC, _commit_lsn DESC, _seq DESC) AS newest FROM main.b.t)
		SELECT id, kept.v AS name FROM l WHERE newest = 1 AND _op <> 'delete'`)
	b.want("SELECT * FROM b.t_current ORDER BY id", "0|n0", "1|n1", "7|new")
	b.want("SELECT count(*), count(name), sum(id), min(name), max(_commit_lsn), md5(concat_ws('|', sort_array(collect_list(coalesce(name, '~'))))) FROM b.t WHERE _op = 'snapshot'",
		"3|3|3|n0|10|"+md5Text("n0|n1|n2"))
	b.want("CREATE OR REPLACE TABLE b.t AS SELECT id FROM b.t WHERE id < 2", "3|3")
	b.want("SELECT id FROM b.t ORDER BY id", "0", "1", "1")
	b.want("SELECT count(*) FROM b.t VERSION AS OF 1", "6")
}

// TestLargeResult reads more rows than one page holds, and stops in the middle.
func TestLargeResult(t *testing.T) {
	b := open(t, Options{})
	b.want("SELECT count(*), sum(id) FROM range(250000)", "250000|31249875000")
	rows, err := b.db.Query("SELECT id, concat('value ', id) FROM range(250000)")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for rows.Next() {
		n++
	}
	if err := rows.Err(); err != nil || n != 250000 {
		t.Errorf("%d rows, %v", n, err)
	}
	rows.Close()
	if rows, err = b.db.Query("SELECT id FROM range(100000000)"); err != nil {
		t.Fatal(err)
	}
	rows.Next()
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
	b.exec("CREATE TABLE default.t (a INT)")
}

// TestForeignFile serves a file that another program made.
func TestForeignFile(t *testing.T) {
	dir := t.TempDir()
	db, err := sql.Open("duckdb", filepath.Join(dir, "theirs.duckdb"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"CREATE SCHEMA x",
		"CREATE TABLE x.t (a INTEGER NOT NULL, b VARCHAR, c TIMESTAMPTZ, d DECIMAL(5,1), e BIGINT[])",
		"INSERT INTO x.t VALUES (1, 'b', '2024-01-01 00:00:00+00', 1.5, [2]), (2, NULL, NULL, NULL, NULL)", "DELETE FROM x.t WHERE a = 2"} {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b := open(t, Options{Dir: dir})
	b.want("SELECT a, b, c, d, e FROM theirs.x.t", "1|b|2024-01-01 00:00:00|1.5|[2]")
	b.want("DESCRIBE theirs.x.t", "a|int|NULL", "b|string|NULL", "c|timestamp|NULL", "d|decimal(5,1)|NULL", "e|array<bigint>|NULL")
	b.exec("INSERT INTO theirs.x.t (a) VALUES (3)")
	b.want("SELECT count(*) FROM theirs.x.t VERSION AS OF 0", "1")
}

// TestWindowsOverFewRows: a window over the few rows that a filter leaves never fails. In DuckDB 1.5.5, threads that computed such a
// window raced, and the statement failed with an internal error, about once in 400 times.
func TestWindowsOverFewRows(t *testing.T) {
	b := open(t, Options{})
	for range 2000 {
		b.want("WITH few AS (SELECT id AS x FROM range(1)), all AS (SELECT * FROM few WHERE x >= 5000 UNION ALL SELECT * FROM few "+
			"WHERE NOT EXISTS (SELECT 1 FROM few WHERE x >= 5000)) SELECT x, count(*) OVER () AS n FROM all ORDER BY x DESC LIMIT 5", "0|1")
	}
}
