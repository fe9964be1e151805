//go:build cgo && unix

package tests

import (
	"fmt"
	"testing"
)

// step is the n-th migration of a kind, n from 1, and the changes of rows behind it.
type step func(n int64) []string

// steps are migrations that can be made again and again.
var steps = map[string]step{
	"default": func(n int64) []string {
		return []string{fmt.Sprintf(`ALTER TABLE item ADD c%d text NOT NULL DEFAULT 'of %[1]d'`, n),
			fmt.Sprintf(`UPDATE item SET c%d = 'set' WHERE id = 1 + %[1]d %% 3`, n)}
	},
	"rename": func(n int64) []string {
		return []string{fmt.Sprintf(`ALTER TABLE item RENAME n%d TO n%d`, n-1, n),
			fmt.Sprintf(`UPDATE item SET n%d = n%[1]d || '.' WHERE id = 1 + %[1]d %% 3`, n)}
	},
	"widen": func(n int64) []string {
		column, digits := fmt.Sprintf("w%d", (n-1)/37), 2+(n-1)%37 // a decimal has 38
		return []string{fmt.Sprintf(`ALTER TABLE item ALTER %s TYPE numeric(%d)`, column, digits),
			fmt.Sprintf(`UPDATE item SET %s = 10 ^ %d WHERE id = 1 + %d %% 3`, column, digits-1, n)}
	},
}

// TestMigrationsKilled kills runs that load changes after a migration, at request n, before the workspace sees it or after it has
// handled it. These runs add columns, rebuild the tables beside the log, and merge into them. The next run continues by itself,
// no full load is needed, and every cell is equal.
func TestMigrationsKilled(t *testing.T) {
	t.Parallel()
	for kind, migrate := range steps {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := keeping(t, `CREATE TABLE item (id int PRIMARY KEY, v text, n0 text, w0 numeric(1), w1 numeric(1), w2 numeric(1), w3 numeric(1), w4 numeric(1), w5 numeric(1))`,
				`ALTER TABLE item ALTER v SET STORAGE EXTERNAL`,
				`INSERT INTO item SELECT i, repeat('x', 2500), 'n', 1, 2, 3, NULL FROM generate_series(1, 5) i`)
			w.must("full-load")
			stride, moments := int64(19), []moment{beforeRequest}
			if allKills() {
				stride, moments = 1, []moment{beforeRequest, afterRequest}
			}
			first, made := 1+int64(seed(t)%uint64(stride)), int64(0)
			for _, when := range moments {
				for n := first; ; n += stride {
					made++
					w.exec(migrate(made)...)
					run := "cdc"
					if made%2 == 0 {
						w.must("cdc", "--stage-only")
						run = "load"
					}
					w.exec(fmt.Sprintf(`INSERT INTO item (id) VALUES (%d)`, 5+made), fmt.Sprintf(`DELETE FROM item WHERE id = %d`, 3+made))
					if !allKills() {
						when = moment(n % 2)
					}
					came := w.runKilled(n, when, run)
					w.again(run)
					if allKills() {
						w.must("verify", "--full")
					}
					if !came && run == "cdc" { // which makes more requests than a load
						break
					}
				}
			}
			w.must("verify", "--full")
			w.must("load", "--rebuild", "current,history")
			w.must("verify", "--full")
			w.must("status", "--exit-code")
			if dones := w.dones(); dones != 1 {
				t.Errorf("%d full loads", dones)
			}
		})
	}
}
