//go:build cgo

package warehouse

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/exec"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// TestRowsWithoutVersions opens a catalog of an older workspace, whose rows do not have the version that wrote them. Its versions
// can still be read.
func TestRowsWithoutVersions(t *testing.T) {
	dir, volumes := t.TempDir(), t.TempDir()
	w, err := Open(t.Context(), Options{Dir: dir, VolumesDir: volumes, Catalogs: []string{"main"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		"CREATE SCHEMA s", "CREATE TABLE s.t (id INT)", "INSERT INTO s.t VALUES (1), (2)", "INSERT INTO s.t VALUES (3)",
		"CREATE OR REPLACE TABLE s.t AS SELECT 4 AS id", "INSERT INTO s.t VALUES (5), (6)", "ALTER TABLE s.t SET TBLPROPERTIES ('a' = 'b')",
		"INSERT INTO s.t VALUES (7)",
	} {
		if _, err := w.exec.Execute(t.Context(),
			exec.NewSession(translate.Space{Catalog: "main", Schema: "default"}, "", ""), s, nil); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("duckdb", filepath.Join(dir, "main.duckdb"))
	if err != nil {
		t.Fatal(err)
	}
	var generation int
	if err := db.QueryRow("SELECT min(generation) FROM __workspace.history").Scan(&generation); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		"ALTER TABLE s.t DROP COLUMN " + store.BornColumn,
		"ALTER TABLE __workspace." + store.GenerationName(int64(generation)) + " DROP COLUMN " + store.BornColumn,
		"ALTER TABLE __workspace.history DROP COLUMN feed", "ALTER TABLE __workspace.tables ADD COLUMN dirty BOOLEAN DEFAULT false",
		"CREATE TABLE s.other AS SELECT 9::INTEGER AS id",
	} {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b := open(t, Options{Dir: dir, VolumesDir: volumes})
	for version, rows := range [][]string{nil, {"1", "2"}, {"1", "2", "3"}, {"4"}, {"4", "5", "6"}, {"4", "5", "6"}, {"4", "5", "6", "7"}} {
		b.want("SELECT id FROM s.t VERSION AS OF "+string(rune('0'+version))+" ORDER BY id", rows...)
	}
	b.want("DELETE FROM s.t WHERE id = 5", "1")
	b.want("SELECT id FROM s.t ORDER BY id", "4", "6", "7")
	b.want("SELECT id FROM s.t VERSION AS OF 6 ORDER BY id", "4", "5", "6", "7")
	b.exec("INSERT INTO s.other VALUES (10)")
	b.want("UPDATE s.other SET id = 11 WHERE id = 9", "1")
	b.want("SELECT id FROM s.other VERSION AS OF 1 ORDER BY id", "9", "10")
	b.want("SELECT id FROM s.other ORDER BY id", "10", "11")
}
