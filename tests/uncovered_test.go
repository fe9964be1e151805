//go:build cgo && unix

package tests

import (
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
)

// TestHiddenColumnIsRenamed: a masked or excluded column is renamed in the source. Its values stay hidden: the table waits until
// the configuration has an option for the new name.
func TestHiddenColumnIsRenamed(t *testing.T) {
	t.Parallel()
	const secret = "two@secret.example"
	w := newWorld(t, `CREATE TABLE masked (id int PRIMARY KEY, email text, note text)`,
		`CREATE TABLE excluded (id int PRIMARY KEY, card text, note text)`,
		`CREATE TABLE plain (id int PRIMARY KEY, note text)`, `CREATE TABLE quiet (id int PRIMARY KEY, card text)`,
		`INSERT INTO masked VALUES (1, 'one', 'x')`, `INSERT INTO excluded VALUES (1, 'one', 'x')`)
	configured := func(masked, excluded, quiet string) {
		w.env = append(w.env, "INGEST_MASK_KEY=0123456789abcdef0123456789abcdef",
			"INGEST_CONFIG="+w.config("[tables.masked]\nmask = { "+masked+" = \"hmac-sha256\" }\n"+
				"[tables.excluded]\nexclude_columns = [\""+excluded+"\"]\n[tables.quiet]\nexclude_columns = [\""+quiet+"\"]\n"))
	}
	configured("email", "card", "card")
	w.must("full-load")
	w.exec(`ALTER TABLE masked RENAME email TO mail`, `ALTER TABLE excluded RENAME card TO pan`, `ALTER TABLE quiet RENAME card TO pan`,
		`INSERT INTO masked VALUES (2, '`+secret+`', 'y')`, `INSERT INTO excluded VALUES (2, '`+secret+`', 'y')`,
		`INSERT INTO plain VALUES (1, 'y')`)
	w.must("cdc")
	r := w.want(3, "status", "--exit-code")
	for _, what := range []string{`column "mail" may be "email", which is masked, under another name`,
		`column "pan" may be one of the hidden columns ["card"]`, `column "pan" is an excluded column`} {
		if !strings.Contains(r.stdout, what) {
			t.Errorf("%s\nwant that it says: %s", r, what)
		}
	}
	if r := w.want(3, "full-load"); !strings.Contains(r.stderr, `column \"email\" is called \"mail\" now: give the option to that`) {
		t.Errorf("%s\nwant that it says what the column is called", r)
	}
	w.nowhere(secret)
	if n := w.loadedRows("plain"); n != 1 {
		t.Errorf("%d rows of a table that has nothing to do with it, want 1", n)
	}
	configured("mail", "pan", "pan")
	w.must("full-load", "--tables", "masked,excluded,quiet")
	w.must("cdc")
	w.must("verify", "--full")
	w.nowhere(secret)
}

// TestTableOfASectionIsRenamed: a full load of a renamed table would not apply the options of its section.
func TestTableOfASectionIsRenamed(t *testing.T) {
	t.Parallel()
	const secret = "one@secret.example"
	w := newWorld(t, `CREATE TABLE person (id int PRIMARY KEY, email text)`, `INSERT INTO person VALUES (1, '`+secret+`')`)
	w.env = append(w.env, "INGEST_CONFIG="+w.config("[tables.\"public.person\"]\nmask = { email = { fixed = \"***\" } }\n"))
	w.must("full-load")
	w.exec(`ALTER TABLE person RENAME TO people`, `UPDATE people SET id = 2`)
	w.must("cdc") // goes on under the name that the table was loaded by
	if r := w.want(64, "full-load"); !strings.Contains(r.stderr, "is called public.people now") {
		t.Errorf("%s\nwant that it says what the table is called", r)
	}
	w.nowhere(secret)
	w.env = append(w.env, "INGEST_CONFIG="+w.config("[tables.\"public.people\"]\nmask = { email = { fixed = \"***\" } }\n"))
	w.must("full-load")
	w.nowhere(secret)
}

// TestTablesOfOneTarget: a configuration that gives two tables one target loads
// neither into it, and no repair replaces the one by the other.
func TestTablesOfOneTarget(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `CREATE TABLE a (id int PRIMARY KEY)`, `CREATE TABLE b (id int PRIMARY KEY)`, `INSERT INTO a VALUES (1)`)
	w.must("full-load")
	w.exec(`INSERT INTO b VALUES (7)`)
	env := w.env
	w.env = append(w.env, "INGEST_CONFIG="+w.config("[tables.b]\nname = \"A\"\n"))
	for _, args := range [][]string{{"cdc"}, {"load"}, {"load", "--repair", "--tables", "b"}} {
		if r := w.want(3, args...); !strings.Contains(r.stdout+r.stderr, "would both become") {
			t.Errorf("%s\nwant that it names both tables", r)
		}
	}
	w.env = env
	w.must("cdc")
	w.must("verify", "--full")
}

// TestRunsBesideALockedTable: a table that another session holds is not verified;
// the others are, and loaded. PostgreSQL 16 and later lock the tables of a
// publication whose columns they are asked for.
func TestRunsBesideALockedTable(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(*testing.T) string{
		"default": func(t *testing.T) string { return pgtest.NewDatabase(t) },
		"18":      func(t *testing.T) string { return pgtest.NewDatabaseSince(t, 18) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldAt(t, database(t), lakehouse.Switches{}, `CREATE TABLE a (id int PRIMARY KEY)`, `CREATE TABLE b (id int PRIMARY KEY)`)
			w.must("full-load")
			w.env = append(w.env, "INGEST_SOURCE_LOCK_TIMEOUT=200ms")
			holder := w.session()
			for _, sql := range []string{`BEGIN`, `LOCK TABLE a IN ACCESS EXCLUSIVE MODE`} {
				if _, err := holder.Exec(t.Context(), sql); err != nil {
					t.Fatal(err)
				}
			}
			w.must("check")
			w.exec(`INSERT INTO b VALUES (1)`)
			w.must("cdc")
			r := w.want(3, "verify")
			if !strings.Contains(r.stdout, "not verified") || !strings.Contains(r.stdout, "public.b") || !strings.Contains(r.stdout, "equal") ||
				!strings.Contains(r.stdout, "lock") {
				t.Errorf("%s\nwant b equal, and a not verified, for its lock", r)
			}
			if _, err := holder.Exec(t.Context(), `ROLLBACK`); err != nil {
				t.Fatal(err)
			}
			w.must("verify")
		})
	}
}
