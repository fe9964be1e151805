//go:build cgo

package warehouse

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	dbsqlerr "github.com/databricks/databricks-sql-go/errors"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/exec"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/refusal"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// late is a statement that reads the table now and commits its changes later.
func (b *bench) late(sql string) (run func() error) {
	b.t.Helper()
	st, err := sparksql.Parse(sql)
	if err != nil {
		b.t.Fatal(err)
	}
	s := exec.NewSession(translate.Space{Catalog: "main", Schema: "default"}, "", "")
	change, err := b.w.exec.Prepare(b.t.Context(), s, st.(sparksql.Writer), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return func() error {
		_, err := change(context.Background())
		return err
	}
}

// fromPosition is a MERGE of a batch that moves the table from one position to another.
func fromPosition(from, to int) string {
	return fmt.Sprintf("MERGE INTO s.cur t USING (WITH guard AS (SELECT `_entry` FROM s.cur WHERE `_op` = 'position' AND `_entry` = %d), changes AS (SELECT * FROM VALUES "+
		"(1L, 'changed', 'update', %d), (2L, 'new', 'insert', %[2]d), (NULL, NULL, 'position', %[2]d) AS v(id, v, `_op`, `_entry`)) SELECT c.* FROM changes c CROSS JOIN guard) s "+
		"ON (t.`_op` = 'position') <=> (s.`_op` = 'position') AND t.id <=> s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *",
		from, to)
}

func (b *bench) current() {
	b.t.Helper()
	b.exec("CREATE SCHEMA IF NOT EXISTS s")
	b.exec("CREATE OR REPLACE TABLE s.cur (id BIGINT, v STRING, `_op` STRING, `_entry` BIGINT) CLUSTER BY (id)")
	b.exec("INSERT INTO s.cur VALUES (1, 'a', 'insert', 3), (NULL, NULL, 'position', 7)")
}

// TestConcurrentMerges lets four connections merge the same batch at once, many times. One succeeds, the others fail or do
// nothing, and no row exists twice.
func TestConcurrentMerges(t *testing.T) {
	b := open(t, Options{})
	b.current()
	for round := 7; round < 15; round++ {
		var wg sync.WaitGroup
		changed, failed := make([]int64, 4), make([]error, 4)
		for i := range 4 {
			wg.Go(func() {
				res, err := b.db.ExecContext(context.Background(), fromPosition(round, round+1))
				if failed[i] = err; err == nil {
					changed[i], failed[i] = res.RowsAffected()
				}
			})
		}
		wg.Wait()
		done := 0
		for i, err := range failed {
			var e dbsqlerr.DBExecutionError
			switch {
			case err != nil &&
				(!errors.As(err, &e) || !strings.Contains(err.Error(), "[DELTA_CONCURRENT_APPEND.ROW_LEVEL_CHANGES]") || e.SqlState() != "2D521"):
				t.Errorf("round %d: %v", round, err)
			case err == nil && changed[i] == 3:
				done++
			case err == nil && changed[i] != 0:
				t.Errorf("round %d: one MERGE changed %d rows", round, changed[i])
			}
		}
		if done != 1 {
			t.Fatalf("round %d: %d of four MERGEs were done, want 1", round, done)
		}
		b.want("SELECT count(*), count(DISTINCT id), sum(CASE WHEN `_op` = 'position' THEN 1 END), max(`_entry`) FROM s.cur",
			fmt.Sprintf("3|2|1|%d", round+1))
	}
}

// TestConflicts has the errors of a statement that read its table before another one committed.
func TestConflicts(t *testing.T) {
	b := open(t, Options{})
	const (
		sameRow = "DELTA_CONCURRENT_APPEND.ROW_LEVEL_CHANGES"
		goneRow = "DELTA_CONCURRENT_DELETE_READ.ROW_LEVEL_CHANGES"
		all     = "DELTA_CONCURRENT_DELETE_READ.WHOLE_TABLE_REPLACE"
		meta    = "DELTA_METADATA_CHANGED"
	)
	merge7 := fromPosition(7, 8)
	const keyFive = "MERGE INTO s.cur t USING (SELECT 5L AS id) s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)"
	for _, c := range []struct {
		name, late, meanwhile, class string
		rows                         []string
	}{
		{"the same batch", merge7, merge7, sameRow, []string{"1|changed|8", "2|new|8", "NULL|NULL|8"}},
		{"a shorter batch", fromPosition(7, 9), merge7, sameRow, []string{"1|changed|8", "2|new|8", "NULL|NULL|8"}},
		{"a batch from another position does nothing", fromPosition(6, 7), merge7, "", []string{"1|changed|8", "2|new|8", "NULL|NULL|8"}},
		{"another row", "UPDATE s.cur SET v = 'late' WHERE `_op` = 'position'", "UPDATE s.cur SET v = 'b' WHERE id = 1", "",
			[]string{"1|b|3", "NULL|late|7"}},
		{"a condition holds for what was seen", "UPDATE s.cur SET `_entry` = 99 WHERE v = 'a'", "UPDATE s.cur SET v = 'b' WHERE id = 1", sameRow,
			[]string{"1|b|3", "NULL|NULL|7"}},
		{"a condition holds only for what was written since", "DELETE FROM s.cur WHERE v = 'b'", "UPDATE s.cur SET v = 'b' WHERE id = 1", "",
			[]string{"1|b|3", "NULL|NULL|7"}},
		{"a deleted row", "UPDATE s.cur SET v = 'late' WHERE id = 1", "DELETE FROM s.cur WHERE id = 1", goneRow, []string{"NULL|NULL|7"}},
		{"both delete", "DELETE FROM s.cur WHERE id = 1", "DELETE FROM s.cur WHERE id = 1", goneRow, []string{"NULL|NULL|7"}},
		{"added rows are no conflict", "DELETE FROM s.cur WHERE id > 0", "INSERT INTO s.cur VALUES (5, 'e', 'insert', 4)", "",
			[]string{"5|e|4", "NULL|NULL|7"}},
		{"a key inserted twice, where no row is shared",
			"MERGE INTO s.cur t USING (SELECT 5L AS id) s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)",
			"INSERT INTO s.cur VALUES (5, 'e', 'insert', 4)", "", []string{"1|a|3", "5|e|4", "5|NULL|NULL", "NULL|NULL|7"}},
		{"a key inserted by two", keyFive, keyFive, sameRow, []string{"1|a|3", "5|NULL|NULL", "NULL|NULL|7"}},
		{"other keys inserted by two", keyFive, strings.ReplaceAll(keyFive, "5L", "6L"), "",
			[]string{"1|a|3", "5|NULL|NULL", "6|NULL|NULL", "NULL|NULL|7"}},
		{"a MERGE that reads all", "MERGE INTO s.cur t USING (SELECT 1L AS id) s ON t.id = s.id WHEN NOT MATCHED BY SOURCE AND t.id > 5 THEN DELETE WHEN MATCHED THEN UPDATE SET v = 'm'",
			strings.ReplaceAll(keyFive, "5L", "6L"), sameRow,
			[]string{"1|a|3", "6|NULL|NULL", "NULL|NULL|7"}},
		{"truncated", "DELETE FROM s.cur WHERE id = 1", "TRUNCATE TABLE s.cur", all, nil},
		{"overwritten", merge7, "INSERT OVERWRITE s.cur VALUES (5, 'e', 'insert', 4)", all, []string{"5|e|4"}},
		{"a property", merge7, "ALTER TABLE s.cur SET TBLPROPERTIES ('a' = 'b')", meta, []string{"1|a|3", "NULL|NULL|7"}},
		{"a column", "UPDATE s.cur SET v = 'late'", "ALTER TABLE s.cur ADD COLUMNS (n INT)", meta, []string{"1|a|3", "NULL|NULL|7"}},
		{"replaced", merge7, "CREATE OR REPLACE TABLE s.cur AS SELECT 1L AS id, 'r' AS v, 'insert' AS `_op`, 1L AS `_entry`",
			meta, []string{"1|r|1"}},
	} {
		b.current()
		run := b.late(c.late)
		b.exec(c.meanwhile)
		versions := len(b.rows("DESCRIBE HISTORY s.cur"))
		err := refusal.Of(run())
		if c.class == "" && err != nil || c.class != "" && (err == nil || err.Class != c.class || err.SQLState != "2D521") {
			t.Errorf("%s: %v, want %s", c.name, err, c.class)
		}
		if got := len(b.rows("DESCRIBE HISTORY s.cur")); c.class != "" && got != versions {
			t.Errorf("%s: a statement that was refused made a version", c.name)
		}
		b.want("SELECT id, v, `_entry` FROM s.cur ORDER BY id NULLS LAST, v DESC", c.rows...)
	}
}

// TestNewRowsNoConflict is the other possible behaviour: new rows conflict with no statement, and only the position row prevents
// a key that exists twice.
func TestNewRowsNoConflict(t *testing.T) {
	b := open(t, Options{Switches: Switches{NewRowsNoConflict: true}})
	b.current()
	key := "MERGE INTO s.cur t USING (SELECT 5L AS id) s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)"
	run, guarded := b.late(key), b.late(fromPosition(7, 8))
	b.exec(key)
	b.exec(fromPosition(7, 8))
	if err := run(); err != nil {
		t.Error(err)
	}
	if err := refusal.Of(guarded()); err == nil || err.Class != "DELTA_CONCURRENT_APPEND.ROW_LEVEL_CHANGES" {
		t.Error(err)
	}
	b.want("SELECT id, `_entry` FROM s.cur ORDER BY id NULLS LAST", "1|8", "2|8", "5|NULL", "5|NULL", "NULL|8")
}

// TestConflictsWithoutDeletionVectors has conflicts by file, not by row.
func TestConflictsWithoutDeletionVectors(t *testing.T) {
	b := open(t, Options{})
	b.current()
	b.exec("ALTER TABLE s.cur SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'false')")
	run, quiet := b.late("UPDATE s.cur SET v = 'late' WHERE `_op` = 'position'"), b.late("UPDATE s.cur SET v = 'late' WHERE id = 77")
	b.exec("UPDATE s.cur SET v = 'b' WHERE id = 1")
	if err := refusal.Of(run()); err == nil || err.Class != "DELTA_CONCURRENT_APPEND.WITHOUT_HINT" {
		t.Error(err)
	}
	if err := quiet(); err != nil {
		t.Error(err)
	}
	b.want("SELECT id, v, `_entry` FROM s.cur ORDER BY id NULLS LAST", "1|b|3", "NULL|NULL|7")
}

// TestDroppedMeanwhile replaces a table that a statement has read by another with the same name.
func TestDroppedMeanwhile(t *testing.T) {
	b := open(t, Options{})
	b.current()
	run := b.late(fromPosition(7, 8))
	b.exec("DROP TABLE s.cur")
	b.current()
	if err := refusal.Of(run()); err == nil || err.Class != "DELTA_METADATA_CHANGED" {
		t.Error(err)
	}
	again := b.late(fromPosition(7, 8))
	b.exec("DROP TABLE s.cur")
	if err := refusal.Of(again()); err == nil || err.Class != "TABLE_OR_VIEW_NOT_FOUND" {
		t.Error(err)
	}
}
