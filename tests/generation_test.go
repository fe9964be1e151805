//go:build cgo && unix

package tests

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/lakehouse"
)

// besideFullLoad calls a function while a full load is held right before its done entries: its rows are read, and the tables are
// not replaced yet.
func (w *world) besideFullLoad(do func(), tables ...string) {
	w.t.Helper()
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once // which holds all of them
	w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
		if w.appends(r, ledger.KindDone) {
			once.Do(func() { close(held); <-release })
		}
		return nil
	})
	snapshot := w.start("full-load", "--tables", strings.Join(tables, ","))
	waitFor(w.t, held, "the snapshot's end")
	do()
	close(release)
	if r := snapshot.wait(); r.code != 0 {
		w.t.Errorf("full load beside cdc: %s", r)
	}
	w.on(nil)
}

// noReload fails if a table needs a full load.
func (w *world) noReload(when string) {
	w.t.Helper()
	if r := w.must("status", "--exit-code"); strings.Contains(r.stdout, "reload needed") {
		w.t.Errorf("%s: %s", when, r.stdout)
	}
}

// The full load that a changed type needs is sufficient, also if cdc stages changes of the table meanwhile: they are loaded as
// the new type, exactly.
func TestTypeChangesBesideTheFullLoadThatItAsksFor(t *testing.T) {
	cases := []struct {
		name, from, alter string
		values            [4]string // by row: before the change, before, during and after the full load
		read              string    // of n in the target
		during            string    // what is read of the third row
	}{
		{"int to text", "int", "text", [4]string{"1", "'two'", "'three'", "'four'"}, "n", "three"},
		{"int to text that looks like one", "int", "text", [4]string{"1", "'2'", "'0003'", "'4'"}, "n", "0003"},
		{"text to int", "text", "int USING length(n)", [4]string{"'one'", "2", "3", "4"}, "CAST(n AS STRING)", "3"},
		{"text to timestamptz", "text", "timestamptz USING '2026-01-01 00:00:00+00'",
			[4]string{"'one'", "'2026-01-02'", "'2026-01-03 04:05:06.5+02'", "'2026-01-04'"}, "CAST(n AS STRING)", "2026-01-03 02:05:06.5"},
		{"timestamptz to text", "timestamptz", "text", [4]string{"'2026-01-01'", "'x'", "'2026-01-03 04:05:06+00'", "'y'"},
			"n", "2026-01-03 04:05:06+00"},
		{"int to boolean", "int", "boolean USING true", [4]string{"1", "true", "false", "true"}, "CAST(n AS STRING)", "false"},
		{"numeric with fewer decimals", "numeric(10,4)", "numeric(10,1)", [4]string{"1.2345", "2.5", "3.5", "4.5"}, "CAST(n AS STRING)", "3.5"},
		{"numeric to numeric without a scale", "numeric(10,2)", "numeric", [4]string{"1.25", "2.5", "3.5000", "4"}, "n", "3.5000"},
		{"double to numeric", "float8", "numeric(12,3)", [4]string{"1.5", "2.25", "3.125", "4"}, "CAST(n AS STRING)", "3.125"},
		{"text to bytea", "text", `bytea USING '\x00'`, [4]string{"'one'", `'\x02'`, `'\x03ff'`, `'\x04'`}, "hex(n)", "03FF"},
		{"int to jsonb", "int", "jsonb USING '{}'", [4]string{"1", "'2'", `'{"a": [3]}'`, "'4'"}, "n", `{"a": [3]}`},
		{"int[] to text[]", "int[]", "text[]", [4]string{"'{1}'", "'{2}'", "'{03,4}'", "'{x}'"}, "_rescued", `{"n":"{03,4}"}`},
		{"text to int[]", "text", "int[] USING '{1}'", [4]string{"'one'", "'{2}'", "'{3,4}'", "'{5}'"}, "_rescued", `{"n":"{3,4}"}`},
	}
	var tables []string
	w := newWorld(t)
	each := func(statement func(i int, table string) string) {
		var all []string
		for i, table := range tables {
			all = append(all, statement(i, table))
		}
		w.exec(all...)
	}
	insert := func(id int) {
		each(func(i int, table string) string {
			return fmt.Sprintf(`INSERT INTO %s VALUES (%d, %s)`, table, id, cases[i].values[id-1])
		})
	}
	for i := range cases {
		tables = append(tables, fmt.Sprintf("t%02d", i))
	}
	each(func(i int, table string) string {
		return fmt.Sprintf(`CREATE TABLE %s (id int PRIMARY KEY, n %s)`, table, cases[i].from)
	})
	insert(1)
	w.must("full-load")
	each(func(i int, table string) string {
		return fmt.Sprintf(`ALTER TABLE %s ALTER n TYPE %s`, table, cases[i].alter)
	})
	insert(2)
	w.must("cdc")
	w.besideFullLoad(func() { insert(3); w.must("cdc") }, tables...)
	w.must("cdc")
	insert(4)
	w.must("cdc")
	w.must("verify", "--full")
	w.noReload("after the full load")
	for i, c := range cases {
		if got := w.sql("SELECT " + c.read + " AS n FROM " + w.target.Table(tables[i]).String() + " WHERE id = 3").Rows[0][0]; got != c.during {
			t.Errorf("%s: the row that was staged beside the full load has %q, want %q", c.name, got, c.during)
		}
	}
}

// A mark ends with the full load that it needs, whatever is staged meanwhile.
func TestReloadEndsWithItsFullLoad(t *testing.T) {
	alter := map[string]string{
		"key":      `ALTER TABLE key DROP CONSTRAINT key_pkey, ADD PRIMARY KEY (k)`,
		"again":    `DROP TABLE again; CREATE TABLE again (id int PRIMARY KEY, k int UNIQUE NOT NULL, n int); INSERT INTO again VALUES (1, 1, 1)`,
		"renamed":  `ALTER TABLE renamed RENAME n TO m; ALTER TABLE renamed ADD n int`,
		"defaults": `ALTER TABLE defaults ADD m serial`,
	}
	w := newWorld(t)
	for table := range alter {
		w.exec(`CREATE TABLE `+table+` (id int PRIMARY KEY, k int UNIQUE NOT NULL, n int)`, `INSERT INTO `+table+` VALUES (1, 1, 1)`)
	}
	w.must("full-load")
	for table, sql := range alter {
		w.exec(sql, `INSERT INTO `+table+` (id, k) VALUES (2, 2)`)
	}
	w.must("cdc")
	if r := w.run("status", "--exit-code"); r.code != 3 || strings.Count(r.stdout, "reload needed") != len(alter) {
		t.Fatalf("before the full load: %s", r)
	}
	for i := range 2 {
		w.besideFullLoad(func() {
			for table := range alter {
				w.exec(`UPDATE ` + table + ` SET n = coalesce(n, 0) + 1`)
			}
			w.must("cdc")
		}, slices.Sorted(maps.Keys(alter))...)
		w.must("cdc")
		w.noReload(fmt.Sprintf("after full load %d", i+1))
		w.must("verify", "--full")
	}
}

// A run that was started with an older configuration writes nothing that a newer full load hides: it ends before it stages the
// table, and prints what to do. So does a run that is started with it afterwards.
func TestNothingIsShownThatANewerFullLoadHides(t *testing.T) {
	t.Parallel()
	const secret = "two@secret.example"
	w := newWorld(t, `CREATE TABLE a (id int PRIMARY KEY, email text, card text)`, `INSERT INTO a VALUES (1, 'one', 'one')`)
	w.env = append(w.env, "INGEST_STAGING_ENTRY_INTERVAL=50ms", "INGEST_LOAD_INTERVAL=100ms")
	w.must("full-load")
	for _, hides := range []string{`mask = { email = "hmac-sha256", card = { fixed = "***" } }`,
		`exclude_columns = ["email"]` + "\n" + `mask = { card = "null" }`} {
		config := w.config("[tables.a]\n" + hides + "\n")
		key := []string{"INGEST_MASK_KEY=0123456789abcdef0123456789abcdef"}
		follower := w.start("cdc", "--follow")
		head := len(w.entries())
		w.exec(`UPDATE a SET id = id`) // with the configuration that the table has
		w.eventually("the follower's first entry", func() bool { return len(w.entries()) > head })
		if r := w.startWith(key, "full-load", "--tables", "a", "--config", config).wait(); r.code != 0 {
			t.Fatal(r)
		}
		w.exec(`INSERT INTO a VALUES (2, '`+secret+`', '`+secret+`')`, `DELETE FROM a WHERE id = 2`)
		for _, r := range []result{follower.wait(), w.run("cdc"), w.run("cdc", "--stage-only")} {
			if r.code != 12 || !strings.Contains(r.stderr, "in clear text by the configuration of this run") ||
				!strings.Contains(r.stderr, "ingest full-load --tables public.a") {
				t.Errorf("%s\nwant 12, and what to do", r)
			}
		}
		if r := w.startWith(key, "cdc", "--config", config).wait(); r.code != 0 {
			t.Error(r)
		}
		w.nowhere(secret)
		if n := w.sql("SELECT count(*) AS n FROM " + w.target.Table("a").String() + " WHERE id = 2").Rows[0][0]; n != int64(2) {
			t.Errorf("%v rows of the insert and the delete, want 2", n)
		}
		w.must("full-load", "--tables", "a") // shows them again, since it was asked for
	}
}

// A run whose configuration was changed meanwhile ends at the beginning of the
// full load that hides more, not at its end: nothing is staged beside it.
func TestNothingIsShownBesideAFullLoadThatHidesIt(t *testing.T) {
	t.Parallel()
	const secret = "two@secret.example"
	w := newWorld(t, `CREATE TABLE a (id int PRIMARY KEY, email text)`, `INSERT INTO a VALUES (1, 'one')`)
	w.must("full-load")
	clear := w.env
	w.env = append(slices.Clone(w.env), "INGEST_MASK_KEY=0123456789abcdef0123456789abcdef",
		"INGEST_CONFIG="+w.config("[tables.a]\nmask = { email = \"hmac-sha256\" }\n"))
	masked := w.env
	w.besideFullLoad(func() {
		w.env = clear
		w.exec(`INSERT INTO a VALUES (2, '` + secret + `')`)
		if r := w.run("cdc"); r.code != 12 || !strings.Contains(r.stderr, `column "email" is masked`) {
			t.Errorf("%s\nwant 12, for the full load that is under way", r)
		}
		w.env = masked
	}, "a")
	w.must("cdc")
	w.nowhere(secret)
	w.must("verify", "--full")
}

// nowhere fails if a text is in a file of the pipeline.
func (w *world) nowhere(text string) {
	w.t.Helper()
	err := filepath.WalkDir(w.root(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(text)) {
			w.t.Errorf("%s holds %q", path, text)
		}
		return err
	})
	if err != nil {
		w.t.Error(err)
	}
}

// config writes a configuration file.
func (w *world) config(text string) string {
	w.t.Helper()
	name := filepath.Join(w.t.TempDir(), "ingest.toml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return name
}
