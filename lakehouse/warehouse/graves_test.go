//go:build cgo

package warehouse

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/refusal"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
)

// reopen opens the directory of a warehouse again. DuckDB writes a checkpoint when the first one closes.
func (b *bench) reopen() *bench {
	b.t.Helper()
	b.server.CloseClientConnections()
	b.server.Close()
	if err := b.w.Close(); err != nil {
		b.t.Fatal(err)
	}
	return open(b.t, Options{Dir: b.dir, VolumesDir: b.volumes})
}

// stored counts the rows of a table in DuckDB, its graves, and the dead rows that have moved.
func (b *bench) stored(schema, name string) (rows, graves, moved int64) {
	b.t.Helper()
	c, err := b.w.store.Catalog("main")
	if err != nil {
		b.t.Fatal(err)
	}
	count := func(t *store.Txn, table string) int64 {
		n, err := t.Number("SELECT count(*) FROM " + table)
		if err != nil {
			b.t.Fatal(err)
		}
		return n
	}
	if err := b.w.store.Read(b.t.Context(), func(t *store.Txn) error {
		m, err := c.Find(t.Ctx, t.Conn, schema, name)
		if err != nil {
			return err
		}
		rows = count(t, c.Qualified(schema, name))
		for into, hidden := range map[*int64]string{&graves: store.GravesName(m.Generation), &moved: store.DeadName(m.Generation)} {
			there, err := c.Exists(t.Ctx, t.Conn, hidden)
			if err != nil {
				return err
			}
			if there {
				*into = count(t, c.Hidden(hidden))
			}
		}
		if m.Graves != graves {
			b.t.Errorf("%s.%s has %d graves, and says %d", schema, name, graves, m.Graves)
		}
		return nil
	}); err != nil {
		b.t.Fatal(err)
	}
	return rows, graves, moved
}

// TestGraves runs statements in any order, and compares all versions of the table and its change data feed with a model. Its
// table is settled again and again.
func TestGraves(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 14))
			g := &gravesModel{bench: open(t, Options{Dir: t.TempDir(), VolumesDir: t.TempDir()}), next: 12_000, since: 1}
			g.exec("CREATE SCHEMA s")
			g.exec("CREATE TABLE s.t (id BIGINT NOT NULL, v BIGINT, note STRING) TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true', 'delta.columnMapping.mode' = 'name')")
			g.commit(map[int64]int64{}, never)
			g.changed("INSERT INTO s.t SELECT id, 0, concat('n', CAST(id AS STRING)) FROM range(12000)", func(rows map[int64]int64) {
				for id := range int64(12_000) {
					rows[id] = 0
				}
			})
			settled := 0
			for i := range 40 {
				if i == 5 {
					g.changed("UPDATE s.t SET v = v + 1", func(rows map[int64]int64) {
						for id := range rows {
							rows[id]++
						}
					})
				} else {
					g.step(r)
				}
				if _, _, moved := g.stored("s", "t"); moved > 0 {
					settled++
				}
				g.check(r, false)
			}
			g.bench = g.reopen()
			g.check(r, true)
			if settled == 0 {
				t.Error("the table was never settled")
			}
		})
	}
}

// TestGravesOfManyMerges says where the old rows of small MERGEs are. They stay in their table until there are many.
func TestGravesOfManyMerges(t *testing.T) {
	b := open(t, Options{Dir: t.TempDir(), VolumesDir: t.TempDir()})
	b.exec("CREATE SCHEMA s")
	b.exec("CREATE TABLE s.t (id BIGINT NOT NULL, v BIGINT)")
	b.exec("INSERT INTO s.t SELECT id, 0 FROM range(20000)")
	where := func(rows, graves, moved int64) {
		t.Helper()
		r, g, m := b.stored("s", "t")
		if diff := cmp.Diff([]int64{rows, graves, moved}, []int64{r, g, m}); diff != "" {
			t.Errorf("rows, graves and moved rows (-want +got):\n%s", diff)
		}
	}
	merge := func(entry, n int) {
		b.exec(fmt.Sprintf("MERGE INTO s.t AS t USING (SELECT id, %d AS v FROM range(%d)) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET *", entry, n))
	}
	where(20_000, 0, 0)
	for entry := 1; entry <= 5; entry++ {
		merge(entry, 2_000)
	}
	b.want("SELECT count(*), sum(v) FROM s.t", "20000|10000")
	where(30_000, 10_000, 0)
	merge(6, 1)
	where(20_000, 0, 10_001)
	merge(7, 2_000)
	where(22_000, 2_000, 10_001)
	for version := 2; version <= 6; version++ {
		b.want(fmt.Sprintf("SELECT count(*), sum(v) FROM s.t VERSION AS OF %d", version), fmt.Sprintf("20000|%d", (version-1)*2_000))
	}
	b.refused("INSERT INTO s.t VALUES (NULL, 1)", "DELTA_NOT_NULL_CONSTRAINT_VIOLATED", "23502")
	b.want("UPDATE s.t SET v = (SELECT count(*) FROM s.t WHERE v = 7) WHERE id < 2", "2")
	b.want("SELECT v, count(*) FROM s.t WHERE id < 3 GROUP BY v ORDER BY v", "7|1", "2000|2")
	if err := b.w.store.Read(t.Context(), func(x *store.Txn) error {
		n, err := x.Number("SELECT count(*) FROM duckdb_variables()")
		if n > 0 {
			t.Errorf("the connection keeps %d variables", n)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	b.exec("TRUNCATE TABLE s.t")
	where(0, 0, 0)
	b.want("SELECT count(*), sum(v) FROM s.t VERSION AS OF 8", "20000|14000")
	b.want("SELECT count(*), sum(v) FROM s.t VERSION AS OF 5", "20000|8000")
}

// TestMergeOfTwoNullKeys has a row that is a candidate in more than one way.
func TestMergeOfTwoNullKeys(t *testing.T) {
	b := open(t, Options{})
	b.exec("CREATE SCHEMA s")
	b.exec("CREATE TABLE s.t (a INT, b INT, v INT)")
	b.exec("INSERT INTO s.t VALUES (NULL, NULL, 1), (NULL, 2, 2), (1, NULL, 3), (1, 2, 4)")
	b.want("MERGE INTO s.t AS t USING (SELECT * FROM VALUES (CAST(NULL AS INT), CAST(NULL AS INT), 10), (NULL, 2, 20), (1, NULL, 30), (5, NULL, 50) AS x(a, b, v)) AS s "+
		"ON t.a <=> s.a AND t.b <=> s.b WHEN MATCHED THEN UPDATE SET v = t.v + s.v WHEN NOT MATCHED THEN INSERT *", "4|3|0|1")
	b.want("SELECT a, b, v FROM s.t ORDER BY v", "1|2|4", "NULL|NULL|11", "NULL|2|22", "1|NULL|33", "5|NULL|50")
}

// TestGravesWithoutConflict has a statement that commits after its table was settled.
func TestGravesWithoutConflict(t *testing.T) {
	b := open(t, Options{Dir: t.TempDir(), VolumesDir: t.TempDir()})
	b.exec("CREATE SCHEMA s")
	b.exec("CREATE TABLE s.t AS SELECT id, 0L AS v FROM range(30000)")
	b.exec("UPDATE s.t SET v = 1 WHERE id = 1")
	apart, same, gone := b.late("UPDATE s.t SET v = v + 7 WHERE id = 29999"), b.late("UPDATE s.t SET v = 8 WHERE id = 5"), b.late("DELETE FROM s.t WHERE id = 6")
	b.exec("DELETE FROM s.t WHERE id = 6")
	b.exec("UPDATE s.t SET v = 2 WHERE id < 20000")
	b.exec("UPDATE s.t SET v = 3 WHERE id = 4")
	if err := apart(); err != nil {
		t.Error(err)
	}
	if err := refusal.Of(same()); err == nil || err.Class != "DELTA_CONCURRENT_APPEND.ROW_LEVEL_CHANGES" {
		t.Errorf("a row that another statement updated: %v", err)
	}
	if err := refusal.Of(gone()); err == nil || err.Class != "DELTA_CONCURRENT_DELETE_READ.ROW_LEVEL_CHANGES" {
		t.Errorf("a row that another statement deleted: %v", err)
	}
	b.want("SELECT v, count(*) FROM s.t GROUP BY v ORDER BY v", "0|9999", "2|19998", "3|1", "7|1")
	b.want("SELECT v, count(*) FROM s.t VERSION AS OF 1 GROUP BY v ORDER BY v", "0|29999", "1|1")
}

// changedBy lets another program change the catalog's database, and opens it again.
func (b *bench) changedBy(program func(db *sql.DB)) *bench {
	b.t.Helper()
	b.server.Close()
	if err := b.w.Close(); err != nil {
		b.t.Fatal(err)
	}
	db, err := sql.Open("duckdb", filepath.Join(b.dir, "main.duckdb"))
	if err != nil {
		b.t.Fatal(err)
	}
	program(db)
	if err := db.Close(); err != nil {
		b.t.Fatal(err)
	}
	return open(b.t, Options{Dir: b.dir, VolumesDir: b.volumes})
}

// TestGravesOfAnOlderWorkspace opens a catalog of an older workspace, which deleted old rows from their table. DuckDB gives its rows
// other row ids at a checkpoint.
func TestGravesOfAnOlderWorkspace(t *testing.T) {
	b := open(t, Options{Dir: t.TempDir(), VolumesDir: t.TempDir()})
	const rows = 260_000 // three row groups of DuckDB's
	b.exec("CREATE SCHEMA s")
	b.exec(fmt.Sprintf("CREATE TABLE s.t AS SELECT id, 0L AS v FROM range(%d)", rows))
	b.exec("DELETE FROM s.t WHERE id >= 10 AND id < 20")
	b = b.changedBy(func(db *sql.DB) {
		var generation int64
		if err := db.QueryRow("SELECT max(generation) FROM __workspace.history").Scan(&generation); err != nil {
			t.Fatal(err)
		}
		dead, graves := "__workspace."+store.DeadName(generation), "__workspace."+store.GravesName(generation)
		for _, s := range []string{
			"CREATE TABLE " + dead + " AS SELECT t.*, 2::BIGINT AS " + store.DiedColumn + " FROM s.t AS t WHERE id >= 10 AND id < 20",
			"DROP TABLE " + graves, "ALTER TABLE __workspace.tables DROP COLUMN graves",
			"DELETE FROM s.t WHERE id >= 10 AND id < 20",
			// A version of which the older workspace no longer has the rows.
			"DELETE FROM s.t WHERE id % 4 > 0 AND id > 100",
		} {
			if _, err := db.Exec(s); err != nil {
				t.Fatalf("%s: %v", s, err)
			}
		}
		// Without a checkpoint the deleted rows keep their places, until the workspace writes one.
		if _, err := db.Exec("PRAGMA disable_checkpoint_on_shutdown"); err != nil {
			t.Fatal(err)
		}
	})
	before := b.rows("SELECT count(*), sum(id) FROM s.t")[0]
	b.want("SELECT count(*) FROM s.t VERSION AS OF 0 WHERE id >= 10 AND id < 20", "10")
	for id := 30; id < 40; id++ {
		b.exec(fmt.Sprintf("UPDATE s.t SET v = v + 1 WHERE id = %d OR id = %d", id, rows-4*id))
		b = b.reopen()
	}
	b.want("SELECT count(*), sum(id) FROM s.t", before)
	b.want("SELECT count(*), sum(v) FROM s.t WHERE v > 0", "20|20")
	b.want("SELECT count(*) FROM s.t VERSION AS OF 6 WHERE v > 0", "10")
}

// TestGravesOfAReplacedTable opens a catalog in which another program has replaced a table.
func TestGravesOfAReplacedTable(t *testing.T) {
	b := open(t, Options{Dir: t.TempDir(), VolumesDir: t.TempDir()})
	b.exec("CREATE SCHEMA s")
	b.exec("CREATE TABLE s.t AS SELECT id FROM range(10)")
	b.exec("DELETE FROM s.t WHERE id < 5")
	b = b.changedBy(func(db *sql.DB) {
		if _, err := db.Exec("CREATE OR REPLACE TABLE s.t AS SELECT range AS id FROM range(3)"); err != nil {
			t.Fatal(err)
		}
	})
	b.want("SELECT id FROM s.t ORDER BY id", "0", "1", "2")
	b.exec("DELETE FROM s.t WHERE id = 1")
	b.want("SELECT id FROM s.t ORDER BY id", "0", "2")
}

// TestGravesKilled kills the process that merges, and opens its directory again: there is all of a MERGE or nothing of it.
func TestGravesKilled(t *testing.T) {
	const variable, rows = "WAREHOUSE_KILL_GRAVES", 12_000
	if dir := os.Getenv(variable); dir != "" {
		b := open(t, Options{Dir: dir})
		for entry := len(b.rows("DESCRIBE HISTORY s.t")); ; entry++ {
			b.exec(fmt.Sprintf("MERGE INTO s.t AS t USING (SELECT id, %d AS v FROM range(%d)) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET *", entry, 3_000))
			fmt.Println("merged")
		}
	}
	dir := t.TempDir()
	b := open(t, Options{Dir: dir, VolumesDir: t.TempDir()})
	b.exec("CREATE SCHEMA s")
	b.exec(fmt.Sprintf("CREATE TABLE s.t AS SELECT id, 0L AS v FROM range(%d)", rows))
	for _, merges := range []int{1, 3, 6} {
		b.server.Close()
		if err := b.w.Close(); err != nil {
			t.Fatal(err)
		}
		ctx, kill := context.WithCancel(t.Context())
		cmd := osexec.CommandContext(ctx, os.Args[0], "-test.run=^TestGravesKilled$")
		cmd.Env = append(os.Environ(), variable+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < merges && lines.Scan(); {
			if lines.Text() == "merged" {
				n++
			}
		}
		kill()
		if err := cmd.Wait(); err == nil {
			t.Fatal("the process was not killed")
		}
		b = open(t, Options{Dir: dir, VolumesDir: b.volumes})
		versions := len(b.rows("DESCRIBE HISTORY s.t"))
		b.want("SELECT count(*), count(DISTINCT id), sum(v) FROM s.t", fmt.Sprintf("%d|%[1]d|%d", rows, 3_000*(versions-1)))
		for v := range versions {
			b.want(fmt.Sprintf("SELECT count(*), count(DISTINCT id), sum(v) FROM s.t VERSION AS OF %d", v), fmt.Sprintf("%d|%[1]d|%d", rows, 3_000*v))
		}
	}
}
