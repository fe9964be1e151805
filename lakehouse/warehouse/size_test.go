//go:build cgo

package warehouse

import (
	"os"
	"path/filepath"
	"testing"
)

// TestBytesOfTables: a larger table takes more of the catalog's file, whatever its name is, and all of them not more than the file has.
func TestBytesOfTables(t *testing.T) {
	b := open(t, Options{})
	b.rows("CREATE TABLE none (id INT)")
	b.rows("CREATE TABLE `it's_a,table` AS SELECT 1 AS id")
	b.rows("CREATE TABLE `\"quoted\"` AS SELECT 1 AS id")
	b.rows("CREATE TABLE large AS SELECT id, sha2(CAST(id AS STRING), 256) AS text FROM range(100000)")
	again := b.reopen()
	tables, err := again.w.Tables(t.Context(), "main", "default")
	if err != nil || len(tables) != 4 {
		t.Fatalf("%d tables, %v", len(tables), err)
	}
	sizes, sum := map[string]int64{}, int64(0)
	for _, table := range tables {
		if sizes[table.Name], err = again.w.Bytes(t.Context(), table); err != nil {
			t.Fatal(err)
		}
		sum += max(sizes[table.Name], 0)
	}
	file, err := os.Stat(filepath.Join(b.dir, "main.duckdb"))
	if err != nil {
		t.Fatal(err)
	}
	small, large := sizes["it's_a,table"], sizes["large"]
	if sizes["none"] != 0 || sizes[`"quoted"`] != -1 || small < 1 || large < 10*small || large < 3<<20 || sum > file.Size()+small {
		t.Errorf("%v of a file of %d", sizes, file.Size())
	}
}
