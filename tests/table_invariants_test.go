//go:build cgo && unix

package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/databricks"
)

// sql runs a statement on the warehouse, as a user would by hand.
func (w *world) sql(statement string) *databricks.Result {
	w.t.Helper()
	answer, err := w.target.Warehouse().Query(w.t.Context(), statement)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer
}

// quarantined insists that a run ends with 3, names the table, and names the
// repair; that the other table goes on; and that the repair fixes it.
func (w *world) quarantined(table, other string) {
	w.t.Helper()
	r := w.want(3, "cdc")
	_, hint, _ := strings.Cut(r.stderr, "\nHint: ")
	if !strings.Contains(r.stderr, table) || !strings.Contains(hint, "ingest load --repair --tables public."+table) {
		w.t.Errorf("%s\nwant %s, and `ingest load --repair --tables public.%s`", r, table, table)
	}
	if other != "" {
		w.compare(other)
	}
	w.write(31, 10)
	if r := w.want(3, "cdc"); !strings.Contains(r.stderr, "quarantined") { // staging goes on, loading does not
		w.t.Errorf("%s\nwant that it is quarantined", r)
	}
	if r := w.want(3, "status", "--exit-code"); !strings.Contains(r.stdout, "quarantined") {
		w.t.Errorf("%s\nwant that it is quarantined", r)
	}
	w.must("load", "--repair", "--tables", "public."+table)
	w.compare("item", "event")
	w.write(32, 10)
	w.must("cdc")
	w.compare("item", "event")
	w.must("status", "--exit-code")
}

// loaded makes a world whose tables hold a snapshot and two entries of changes.
func loaded(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	for i := range 2 {
		w.exec(fmt.Sprintf(`INSERT INTO item VALUES (%d, 1, 'x', 'y')`, 5000+i), fmt.Sprintf(`INSERT INTO event VALUES (%d, 1, 'x')`, 5000+i))
		w.write(uint64(i), 15)
		w.must("cdc")
	}
	return w
}

// behind gives both tables something more to load.
func (w *world) behind() {
	w.t.Helper()
	w.exec(`UPDATE item SET note = 'behind' WHERE id = 5000`, `INSERT INTO event SELECT coalesce(max(id), 0) + 10000, 1, 'behind' FROM event`)
}

// TestInvariant6InOrderProvably: the table itself shows what is loaded.
func TestInvariant6InOrderProvably(t *testing.T) {
	t.Run("cache lost", func(t *testing.T) {
		t.Parallel()
		w := loaded(t)
		w.removeCache()
		w.behind()
		w.must("cdc")
		w.compare("item", "event")
		w.removeCache()
		if r := w.must("load"); strings.Contains(r.stdout, "replaced") {
			t.Errorf("%s\nwant that nothing is loaded again", r)
		}
		w.compare("item", "event")
	})
	t.Run("table ahead of the cache", func(t *testing.T) {
		t.Parallel()
		w := loaded(t)
		before := w.cache()
		w.behind()
		w.must("cdc")
		w.removeCache()
		if err := os.MkdirAll(filepath.Join(w.root(), "loads"), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, data := range before {
			if err := os.WriteFile(filepath.Join(w.root(), name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		w.must("load")
		w.compare("item", "event")
		w.behind()
		w.must("cdc")
		w.compare("item", "event")
	})
	t.Run("rows deleted by hand", func(t *testing.T) {
		t.Parallel()
		w := loaded(t)
		w.sql("DELETE FROM " + w.target.Table("item").String() + " WHERE id = 5000")
		w.behind()
		w.quarantined("item", "event")
	})
	t.Run("rows added by hand", func(t *testing.T) {
		t.Parallel()
		w := loaded(t)
		w.sql("INSERT INTO " + w.target.Table("event").String() + " SELECT * FROM " + w.target.Table("event").String() + " WHERE id = 5001")
		w.behind()
		w.quarantined("event", "item")
	})
	t.Run("restored", func(t *testing.T) {
		t.Parallel()
		w := loaded(t)
		w.sql("RESTORE TABLE " + w.target.Table("item").String() + " TO VERSION AS OF " + w.version("item", 1))
		w.behind()
		w.quarantined("item", "event")
	})
	t.Run("restored to another snapshot", func(t *testing.T) {
		t.Parallel()
		w := loaded(t)
		old := w.version("item", 0)
		w.must("full-load")
		w.sql("RESTORE TABLE " + w.target.Table("item").String() + " TO VERSION AS OF " + old)
		w.behind()
		w.quarantined("item", "event")
	})
	t.Run("dropped", func(t *testing.T) {
		t.Parallel()
		w := loaded(t)
		w.sql("DROP TABLE " + w.target.Table("item").String())
		w.behind()
		w.quarantined("item", "event")
	})
	t.Run("of another ledger", func(t *testing.T) {
		t.Parallel()
		ofAnotherLedger(t)
	})
	t.Run("of nobody", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, shopTables...)
		w.must("full-load", "--stage-only")
		w.sql("CREATE TABLE " + w.target.Table("item").String() + " (id BIGINT)")
		w.refusesTable("is not this pipeline's")
	})
}

// ofAnotherLedger lets a second pipeline into the first one's tables.
func ofAnotherLedger(t *testing.T) {
	w := loaded(t)
	w.exec(`CREATE TABLE third (id bigint PRIMARY KEY)`)
	first := w.env
	w.env = append(slices.Clone(first), "INGEST_PIPELINE="+w.name+"b")
	w.refusesTable("belongs to ledger")
	w.env = first
	w.behind()
	w.must("cdc")
	w.compare("item", "event")
}

// refusesTable insists that a full load leaves a table alone that is not its own,
// before anything is read of it, and that the others go on.
func (w *world) refusesTable(reason string) {
	w.t.Helper()
	dump := func() [][]any {
		return w.sql("SELECT * FROM " + w.target.Table("item").String() + " ORDER BY id").Rows
	}
	before := dump()
	r := w.want(3, "full-load")
	if !strings.Contains(r.stderr, reason) || !strings.Contains(r.stderr, "\nHint: ") {
		w.t.Errorf("%s\nwant %q, and a hint", r, reason)
	}
	if diff := cmp.Diff(before, dump()); diff != "" {
		w.t.Errorf("the table was changed (-before +after):\n%s", diff)
	}
}

// cache reads the files in loads/.
func (w *world) cache() map[string][]byte {
	w.t.Helper()
	out := map[string][]byte{}
	for name := range w.files("loads") {
		data, err := os.ReadFile(filepath.Join(w.root(), name))
		if err != nil {
			w.t.Fatal(err)
		}
		out[name] = data
	}
	return out
}

func (w *world) removeCache() {
	w.t.Helper()
	if len(w.files("loads")) == 0 {
		w.t.Fatal("there is no cache to remove")
	}
	if err := os.RemoveAll(filepath.Join(w.root(), "loads")); err != nil {
		w.t.Fatal(err)
	}
}

// version is the number of a table's version that is so many before the newest
// one (0).
func (w *world) version(table string, before int) string {
	w.t.Helper()
	history := w.sql("DESCRIBE HISTORY " + w.target.Table(table).String())
	var versions []int64
	for i := range history.Rows {
		n, err := history.Int(i, "version")
		if err != nil {
			w.t.Fatal(err)
		}
		versions = append(versions, n)
	}
	slices.Sort(versions)
	return fmt.Sprint(versions[len(versions)-1-before])
}

// rare are values that their column's type cannot hold, as Postgres's own text.
var rare = []struct{ column, value string }{
	{"price", "NaN"}, {"day", "infinity"}, {"day", "-infinity"}, {"day", "0044-03-15 BC"}, {"day", "10000-01-01"},
	{"at", "infinity"}, {"at", "0044-03-15 12:00:00 BC"}, {"at", "12345-01-01 00:00:00"},
	{"moment", "-infinity"}, {"moment", "0044-03-15 12:00:00+00 BC"}, {"list", "{{1,2},{3,4}}"},
}

// TestInvariant7NothingLostToNull: a value that the column's type cannot hold
// is in _rescued, through the snapshot and through changes alike.
func TestInvariant7NothingLostToNull(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `CREATE TABLE rare (id bigint PRIMARY KEY, price numeric(10,2), day date, at timestamp, moment timestamptz, list int[])`)
	insert := func(from int) {
		for i, v := range rare {
			w.exec(fmt.Sprintf(`INSERT INTO rare (id, %s) VALUES (%d, '%s')`, v.column, from+i, v.value))
		}
		w.exec(
			fmt.Sprintf(`INSERT INTO rare VALUES (%d, 1.5, '2026-01-02', '2026-01-02 03:04:05', '2026-01-02 03:04:05+00', '{1,2}')`, from+len(rare)),
			fmt.Sprintf(`INSERT INTO rare VALUES (%d, 'NaN', 'infinity', 'infinity', 'infinity', '{{1}}')`, from+len(rare)+1))
	}
	insert(100)
	w.must("full-load")
	insert(200) // through inserts
	w.exec(`UPDATE rare SET price = price WHERE id >= 200`)
	w.must("cdc")
	for _, way := range []struct {
		op   string
		from int64
	}{{"snapshot", 100}, {"insert", 200}, {"update", 200}} {
		got := w.sql(fmt.Sprintf("SELECT id, `_rescued`, price IS NULL AND day IS NULL AND at IS NULL AND moment IS NULL AND list IS NULL FROM %s WHERE `_op` = '%s' ORDER BY id",
			w.target.Table("rare"), way.op)).Rows
		if len(got) != len(rare)+2 {
			t.Fatalf("%s: %d rows, want %d", way.op, len(got), len(rare)+2)
		}
		for i, v := range rare {
			want := []any{way.from + int64(i), fmt.Sprintf(`{%q:%q}`, v.column, v.value), true}
			if diff := cmp.Diff(want, got[i]); diff != "" {
				t.Errorf("%s %s: (-want +got):\n%s", way.op, v, diff)
			}
		}
		if plain := got[len(rare)]; plain[1] != nil || plain[2] != false {
			t.Errorf("%s: a row that fits: %v", way.op, plain)
		}
		all := `{"price":"NaN","day":"infinity","at":"infinity","moment":"infinity","list":"{{1}}"}`
		if got[len(rare)+1][1] != all {
			t.Errorf("%s: %v, want %s", way.op, got[len(rare)+1], all)
		}
	}
}

// TestInvariant8NothingAskedOfTheApplication: a table without an identity takes
// the application's UPDATE and DELETE after a full load, and its inserts and
// truncates are replicated.
func TestInvariant8NothingAskedOfTheApplication(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `CREATE TABLE note (id bigint, text text)`, `INSERT INTO note SELECT i, 'note ' || i FROM generate_series(1, 10) i`,
		`CREATE TABLE silent (id bigint PRIMARY KEY, text text)`, `ALTER TABLE silent REPLICA IDENTITY NOTHING`,
		`INSERT INTO silent VALUES (1, 'one')`)
	r := w.must("full-load")
	for _, table := range []string{"note", "silent"} {
		if !strings.Contains(r.stderr, table) || !strings.Contains(r.stderr, "REPLICA IDENTITY") {
			t.Errorf("%s\nwant a word about %s and its remedy", r, table)
		}
	}
	w.exec(`UPDATE note SET text = 'changed' WHERE id = 1`, `DELETE FROM note WHERE id = 2`, `INSERT INTO note VALUES (11, 'new')`,
		`INSERT INTO note VALUES (11, 'new')`,
		`UPDATE silent SET text = 'changed'`, `DELETE FROM silent`, `INSERT INTO silent VALUES (2, 'two')`)
	w.must("cdc")
	w.operations("note", map[string]int64{"snapshot": 10, "insert": 2})
	w.operations("silent", map[string]int64{"snapshot": 1, "insert": 1})
	w.exec(`TRUNCATE note`)
	w.must("cdc")
	w.operations("note", map[string]int64{"snapshot": 10, "insert": 2, "truncate": 1})
	w.exec(`UPDATE note SET text = 'still allowed'`, `DELETE FROM note`)
}

// operations insists on the number of a table's rows per operation.
func (w *world) operations(table string, want map[string]int64) {
	w.t.Helper()
	got := map[string]int64{}
	for _, r := range w.targetLog(table, w.columns(table)) {
		got[r.op]++
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("rows of %s per operation (-want +got):\n%s", table, diff)
	}
}
