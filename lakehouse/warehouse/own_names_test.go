//go:build cgo

package warehouse

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ownNames are the names that DuckDB and the workspace give to columns and relations of their own.
var ownNames = map[string][]string{
	// DuckDB's pseudo-columns of tables and files, and what a name alone means in its SQL.
	"pseudo-columns": {"RowID", "filename", "file_row_number", "file_index", "hive_partitioning", "current_date", "user", "columns", "value"},
	// The names in the statements that the workspace sends to DuckDB.
	"relations": {"l", "g", "x", "h", "p", "s", "t", "source", "clause", "c1"},
	"the last":  {"note", "other_note", "Rowid"},
}

// ownStory changes the rows of a table in each way, with its columns {0}, {1} and so on, the last of which is {n}. It ends with
// queries.
var ownStory = []string{
	"UPDATE {t} SET {n} = concat({n}, '!') WHERE key = 3",
	"UPDATE {t} SET {0} = concat({n}, '?'), {n} = {0} WHERE {0} LIKE '%4'",
	"DELETE FROM {t} WHERE {0} = '{0} of 5'",
	"MERGE INTO {t} AS t USING (SELECT key, concat({0}, '+') AS {0}, {1}, concat({n}, '-') AS {n} FROM {t} WHERE key < 3) AS s ON t.key = s.key " +
		"WHEN MATCHED AND s.{n} = t.{n} THEN DELETE WHEN MATCHED THEN UPDATE SET {0} = s.{0}, {n} = s.{n} WHEN NOT MATCHED THEN INSERT (key, {0}) VALUES (s.key, s.{0})",
	"MERGE INTO {t} AS t USING (SELECT key + 3 AS key, {all} FROM {t} WHERE key > 7) AS s ON t.{0} <=> s.{0} AND t.key = s.key " +
		"WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT * WHEN NOT MATCHED BY SOURCE AND t.{n} LIKE '% of 6' THEN UPDATE SET {n} = concat(t.{0}, '~')",
	"INSERT INTO {t} REPLACE WHERE key = 11 SELECT key + 10, {all} FROM {t} WHERE key = 1",
	"UPDATE {t} SET {1} = '' WHERE {0} IS NOT NULL AND key > 1000",
	"DELETE FROM {t} WHERE key > 12000",
	"UPDATE {t} SET {n} = 'again' WHERE key = 4",
	"ALTER TABLE {t} RENAME COLUMN {n} TO other; UPDATE {t} SET other = 'renamed' WHERE key = 6; ALTER TABLE {t} RENAME COLUMN other TO {n}",
	"DELETE FROM {t} WHERE key = 6",
	"TRUNCATE TABLE {t}",
	"RESTORE TABLE {t} TO VERSION AS OF 10",
	"ALTER TABLE {t} DROP COLUMN {1}; ALTER TABLE {t} ADD COLUMN {1} STRING; UPDATE {t} SET {1} = {n} WHERE key < 4",
	"DELETE FROM {t} WHERE {1} IS NOT NULL AND key = 2",
}

// TestOwnNames runs the same statements with two tables: the columns of one have names that DuckDB or the workspace give a meaning.
// Both have the same rows in all versions, and the same change data feed.
func TestOwnNames(t *testing.T) {
	for kind, names := range ownNames {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := open(t, Options{Dir: t.TempDir(), VolumesDir: t.TempDir()})
			b.exec("CREATE SCHEMA s")
			plain := make([]string, len(names))
			for i := range names {
				plain[i] = fmt.Sprintf("plain%d", i)
			}
			both := []struct {
				table string
				names []string
			}{{"s.plain", plain}, {"s.own", names}}
			says := func(sql, table string, names []string) string {
				pairs := []string{"{t}", table, "{n}", "`" + names[len(names)-1] + "`", "{all}", "`" + strings.Join(names, "`, `") + "`"}
				for i, name := range names {
					pairs = append(pairs, fmt.Sprintf("'{%d} of", i), fmt.Sprintf("'%d of", i), fmt.Sprintf("{%d}", i), "`"+name+"`")
				}
				return strings.NewReplacer(pairs...).Replace(sql)
			}
			same := func(sql string) {
				t.Helper()
				if diff := cmp.Diff(b.rows(says(sql, "s.plain", plain)), b.rows(says(sql, "s.own", names))); diff != "" {
					t.Errorf("%s (-plain +own):\n%s", says(sql, "s.own", names), diff)
				}
			}
			more := "1020"
			if kind == "pseudo-columns" { // a table of so many rows is written again without its dead rows
				more = "13000"
			}
			for _, side := range both {
				list, typed := "", ""
				for i, name := range side.names {
					list += fmt.Sprintf(", '%d of ' || CAST(i AS VARCHAR) AS \"%s\"", i, name)
					typed += fmt.Sprintf(", `%s` STRING", name)
				}
				dir := "/Volumes/main/s/files/" + side.table
				b.exec("CREATE VOLUME IF NOT EXISTS main.s.files")
				b.parquet(dir+"/a/1.parquet", "SELECT i AS key"+list+" FROM range(1, 11) r(i)")
				b.parquet(dir+"/b/2.parquet", "SELECT i AS key"+list+" FROM range(1001, "+more+") r(i)")
				b.exec("CREATE TABLE " + side.table + " TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true', 'delta.columnMapping.mode' = 'name') AS SELECT * FROM read_files('" +
					dir + "/a', format => 'parquet', schema => 'key BIGINT" + typed + "')")
				b.exec("COPY INTO " + side.table + " FROM (SELECT key, `" + strings.Join(side.names, "`, `") + "` FROM '" + dir + "/b') FILEFORMAT = PARQUET")
			}
			all := "SELECT key, {all} FROM {t} {v} WHERE key < 1005 ORDER BY key"
			for i, sql := range ownStory {
				if i == 9 { // between the statement's read and its commit, others change rows and settle the table
					for _, side := range both {
						late := b.late(says("UPDATE {t} SET {0} = 'late' WHERE key = 10", side.table, side.names))
						b.exec(says("DELETE FROM {t} WHERE key = 7 OR key > 1015", side.table, side.names))
						if err := late(); err != nil {
							t.Error(err)
						}
					}
				}
				if i == 10 {
					b = b.reopen()
				}
				for _, side := range both {
					for one := range strings.SplitSeq(sql, "; ") {
						b.exec(says(one, side.table, side.names))
					}
				}
				same(strings.ReplaceAll(all, "{v}", ""))
				same("SELECT count(*), count({0}), min({n}), max({0}) FROM {t}")
			}
			for v := range 11 {
				same(strings.ReplaceAll(all, "{v}", fmt.Sprintf("VERSION AS OF %d", v)))
			}
			same("SELECT {0}, {n}, key, _change_type, _commit_version FROM table_changes('{t}', 16) ORDER BY _commit_version, key, _change_type, {0}, {n}")
			b.exec("CREATE VIEW s.v AS " + says("SELECT * FROM {t}", "s.own", names))
			if diff := cmp.Diff(b.rows("SELECT * FROM s.plain ORDER BY key"), b.rows("SELECT * FROM s.v ORDER BY key")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestOwnNamesOfAnotherProgram adopts a table of another program with such a column, and changes its rows.
func TestOwnNamesOfAnotherProgram(t *testing.T) {
	b := open(t, Options{Dir: t.TempDir(), VolumesDir: t.TempDir()})
	b.exec("CREATE SCHEMA s")
	b = b.changedBy(func(db *sql.DB) {
		if _, err := db.Exec(`CREATE TABLE s.t AS SELECT range::INTEGER AS id, 'of ' || range AS rowid FROM range(5)`); err != nil {
			t.Fatal(err)
		}
	})
	b.exec("UPDATE s.t SET `rowid` = 'one' WHERE id = 1")
	b.exec("DELETE FROM s.t WHERE id > 2")
	b.want("SELECT id, `rowid` FROM s.t ORDER BY id", "0|of 0", "1|one", "2|of 2")
	b.want("SELECT count(*), min(`rowid`) FROM s.t VERSION AS OF 0", "5|of 0")
	b.refused("CREATE TABLE s.u (`__Workspace_born` INT)", "UNSUPPORTED_FEATURE", "0A000")
	b.refused("ALTER TABLE s.t ADD COLUMN `__workspace_row` INT", "UNSUPPORTED_FEATURE", "0A000")
}
