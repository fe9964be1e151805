//go:build cgo

package warehouse

import (
	"fmt"
	"testing"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/exec"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// BenchmarkMerge merges n changes into a table of m rows, as a load of the current state does: with the position row, whose key
// is NULL. Half of the keys exist already.
func BenchmarkMerge(b *testing.B) {
	for _, size := range []struct{ n, m int }{{100, 10_000}, {100, 100_000}, {100, 1_000_000}, {1_000, 1_000_000}, {10_000, 10_000},
		{10_000, 100_000}, {10_000, 1_000_000}} {
		b.Run(fmt.Sprintf("changes=%d/rows=%d", size.n, size.m), func(b *testing.B) {
			w, err := Open(b.Context(), Options{Dir: b.TempDir(), VolumesDir: b.TempDir(), Catalogs: []string{"main"}})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = w.Close() }()
			s := exec.NewSession(translate.Space{Catalog: "main", Schema: "default"}, "", "")
			run := func(sql string) {
				b.Helper()
				r, err := w.exec.Execute(b.Context(), s, sql, nil)
				if err != nil {
					b.Fatalf("%s: %v", sql, err)
				}
				r.Close()
			}
			run("CREATE SCHEMA s")
			run(fmt.Sprintf("CREATE TABLE s.t CLUSTER BY (id) AS SELECT id, md5(CAST(id AS STRING)) AS a, md5(CAST(id + 1 AS STRING)) AS b, id %% 7 AS c, CAST(NULL AS STRING) AS `_rescued`, 'insert' AS `_op`, 1L AS `_entry` FROM range(%d) "+
				"UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, 'position', 1L", size.m))
			entry := 1
			for b.Loop() {
				run(fmt.Sprintf(
					"MERGE INTO s.t AS t USING (WITH guard AS (SELECT 1 AS g FROM s.t WHERE `_op` = 'position' AND `_entry` = %d), changes AS ("+
						"SELECT CASE WHEN id %% 2 = 0 THEN (id * 7919 + %[1]d) %% %[2]d ELSE %[2]d + %[1]d * %[3]d + id END AS id, 'x' AS a, 'y' AS b, id AS c, CAST(NULL AS STRING) AS `_rescued`, 'update' AS `_op`, %[1]d + 1L AS `_entry` FROM range(%[3]d) "+
						"UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, 'position', %[1]d + 1L) "+
						"SELECT c.* FROM changes c CROSS JOIN guard) AS s ON (t.`_op` = 'position') <=> (s.`_op` = 'position') AND t.id <=> s.id AND get_json_object(t.`_rescued`, '$.id') <=> get_json_object(s.`_rescued`, '$.id') "+
						"WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *", entry, size.m, size.n))
				entry++
			}
		})
	}
}
