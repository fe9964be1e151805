//go:build cgo && unix

package tests

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
)

// sibling makes another database of the same cluster, with the shop's tables.
func (w *world) sibling() *world {
	w.t.Helper()
	other := &world{t: w.t, url: pgtest.NewDatabase(w.t)}
	other.conn = other.session()
	other.exec(shopTables...)
	return other
}

// quiet insists that commands end with the code and say something, write
// nothing at either end, and take no lock in the source that they are pointed
// at.
func (w *world) quiet(at *world, code int, what, hint string, commands ...[]string) {
	w.t.Helper()
	files, statements, slots := w.files(""), len(w.server.Statements()), w.slots()
	others := at.ask(`SELECT count(*)::text FROM pg_publication`)
	p := newProxy(w.t, at.url)
	defer p.close()
	var locks atomic.Int64
	p.set(func() {
		p.asked = func(l *link, _ bool) (stop, func()) {
			if strings.Contains(l.sql, "pg_try_advisory_lock") {
				locks.Add(1)
			}
			return goOn, nil
		}
	})
	for _, command := range commands {
		r := w.startWith([]string{"INGEST_SOURCE_URL=" + p.url(at.url)}, command...).wait()
		message, printed, _ := strings.Cut(r.stderr[max(0, strings.LastIndex(r.stderr, "Error: ")):], "\nHint: ")
		if r.code != code || !strings.Contains(message, what) || !strings.Contains(printed, hint) {
			w.t.Errorf("%s\nwant code %d, that it says %q, and the hint %q", r, code, what, hint)
		}
		if diff := cmp.Diff(files, w.files("")); diff != "" {
			w.t.Errorf("%s\nit wrote to the Volume (-before +after):\n%s", r, diff)
		}
		if n := len(w.server.Statements()); n != statements {
			w.t.Errorf("%s\nit sent %d statements", r, n-statements)
		}
		if diff := cmp.Diff(slots, w.slots()); diff != "" {
			w.t.Errorf("%s\nit changed slots or publications (-before +after):\n%s", r, diff)
		}
		if n := locks.Swap(0); n > 0 {
			w.t.Errorf("%s\nit asked for a lock %d times", r, n)
		}
		if got := at.ask(`SELECT count(*)::text FROM pg_publication`); got != others {
			w.t.Errorf("%s\nthere are %s publications in the other source, want %s", r, got, others)
		}
	}
}

// withBothEnds are the commands that read a source's pipeline, and end where the
// source is another one.
var withBothEnds = [][]string{
	{"cdc"}, {"cdc", "--follow"}, {"cdc", "--dry-run"}, {"full-load"}, {"full-load", "--dry-run"}, {"load"},
	{"load", "--repair"}, {"load", "--dry-run"},
	{"prune"}, {"prune", "--dry-run"}, {"drop", "--yes"}, {"drop", "--yes", "--allow-drop-tables"}, {"verify"}, {"verify", "--full"},
	{"views"}, {"views", "--print"}, {"plan"}, {"check"}, {"status", "--exit-code"},
}

// TestInvariant5NoOtherSource: every command with both ends compares the source
// with the one that the ledger belongs to, before it writes or locks anything.
func TestInvariant5NoOtherSource(t *testing.T) {
	t.Run("another database", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, shopTables...)
		w.must("full-load")
		w.write(1, 5)
		w.must("cdc", "--stage-only")
		other := w.sibling()
		const what = "the ledger belongs to database"
		w.quiet(other, 12, what, "--pipeline", append(withBothEnds, []string{"full-load", "--repair"})...)
	})
	t.Run("another cluster", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, shopTables...)
		w.must("full-load")
		w.write(1, 5)
		w.must("cdc", "--stage-only")
		server := startServer(t, pgtest.Dir(t))
		database := w.ask("SELECT current_database()")
		if err := server.CreateDatabase(t.Context(), database); err != nil {
			t.Fatal(err)
		}
		other := &world{t: t, url: server.URL(database)}
		other.conn = other.session()
		other.exec(shopTables...)
		w.quiet(other, 12, "the source is another cluster", "`ingest full-load --repair`", withBothEnds...)
		// A slot with the same name in that source is not this ledger's.
		other.exec(`SELECT pg_create_logical_replication_slot('` + w.slot() + `', 'pgoutput')`)
		before := other.slotsOf()
		w.env = append(w.env, "INGEST_SOURCE_URL="+other.url)
		r := w.want(12, "full-load", "--repair")
		if !strings.Contains(r.stderr, "slot "+w.slot()+" exists") {
			t.Errorf("%s\nwant that the slot is in the way", r)
		}
		if diff := cmp.Diff(before, other.slotsOf()); diff != "" {
			t.Errorf("the slot of the other cluster was changed (-before +after):\n%s", diff)
		}
	})
}

// slotsOf is what the source's database has of slots.
func (w *world) slotsOf() string {
	w.t.Helper()
	return w.ask(`SELECT coalesce(string_agg(concat_ws(' ', slot_name, plugin, confirmed_flush_lsn), E'\n' ORDER BY 1), '') FROM pg_replication_slots WHERE database = current_database()`)
}

// TestTwoDatabasesOfOneCluster: with default names each has a slot of its own.
func TestTwoDatabasesOfOneCluster(t *testing.T) {
	t.Parallel()
	a := newWorld(t, shopTables...)
	b := newWorld(t, shopTables...)
	b.name = a.name // the same names in another workspace
	b.env = append(b.env, "INGEST_PIPELINE="+a.name)
	a.must("full-load")
	b.must("full-load")
	a.write(1, 10)
	b.write(2, 10)
	for _, w := range []*world{a, b} {
		w.must("cdc")
		w.same()
	}
	if a.slot() == b.slot() {
		t.Errorf("both databases have slot %s", a.slot())
	}
	// Leftovers of one are not taken for the other's.
	a.lose(ledger.Directory)
	a.want(12, "cdc")
	slot := a.slotsOf()
	b.lose("")
	r := b.want(12, "full-load")
	if !strings.Contains(r.stderr, "whose name is this pipeline's") {
		t.Errorf("%s\nwant the slot that is left", r)
	}
	b.must("full-load", "--repair")
	if diff := cmp.Diff(slot, a.slotsOf()); diff != "" {
		t.Errorf("a repair changed the slot of the other database (-before +after):\n%s", diff)
	}
	b.write(3, 5)
	b.must("cdc")
	b.compare("item", "event")
}

// older is what earlier versions called slot and publication of a pipeline.
func older(pipeline string) string {
	sum := sha256.Sum256([]byte(catalogName + "/bronze/ingest/" + pipeline))
	return "ingest_" + pipeline + "_" + hex.EncodeToString(sum[:4])
}

// olderNames makes slot and publications as earlier versions named them: without
// the database. It gives the name.
func (w *world) olderNames() string {
	name := older(w.name)
	w.env = append(w.env, "INGEST_SOURCE_SLOT="+name, "INGEST_SOURCE_PUBLICATION="+name)
	w.must("full-load")
	w.env = append(w.env, "INGEST_SOURCE_SLOT=", "INGEST_SOURCE_PUBLICATION=")
	return name
}

// TestNamesOfEarlierVersions: a pipeline whose ledger names the slot that an
// earlier version derived goes on with it. Where the ledger is lost, the slot is
// found in its own database, and in no other.
func TestNamesOfEarlierVersions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	name := w.olderNames()
	w.write(1, 10)
	w.must("cdc")
	w.same()
	w.lose("")
	if r := w.want(12, "full-load"); !strings.Contains(r.stderr, "slot "+name+", whose name is this pipeline's") {
		t.Errorf("%s\nwant the slot of the earlier version", r)
	}
	w.must("full-load", "--repair")
	if got := w.slot(); got != name {
		t.Errorf("the new ledger has slot %s, want %s", got, name)
	}
	if n := w.ask(`SELECT count(*)::text FROM pg_publication`); n != "2" {
		t.Errorf("%s publications, want the two of before", n)
	}
	w.write(2, 5)
	w.must("cdc")
	w.compare("item", "event")

	// Another database of the cluster, in another workspace: the slot is not its.
	b := newWorld(t, shopTables...)
	b.name, b.env = w.name, append(b.env, "INGEST_PIPELINE="+w.name)
	slot := w.slotsOf()
	b.must("full-load")
	if b.slot() == name {
		t.Errorf("the other database has slot %s too", name)
	}
	if diff := cmp.Diff(slot, w.slotsOf()); diff != "" {
		t.Errorf("the slot was changed (-before +after):\n%s", diff)
	}
}

// TestRepairBesideASlotOfAnotherDatabase: a slot with that name in another database belongs to someone else. The printed command
// does not touch it.
func TestRepairBesideASlotOfAnotherDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	w.write(1, 20)
	w.must("cdc")
	first := w.slot()
	w.exec(`SELECT pg_drop_replication_slot('` + first + `')`)
	other := w.sibling()
	other.exec(`SELECT pg_create_logical_replication_slot('` + first + `', 'pgoutput')`)
	theirs := other.slotsOf()
	w.write(2, 5)
	w.slotRepairedBy(w.named("belongs to database"))
	if w.slot() != first+"_2" {
		t.Errorf("the new slot is %s, want %s_2", w.slot(), first)
	}
	if diff := cmp.Diff(theirs, other.slotsOf()); diff != "" {
		t.Errorf("the slot of the other database was changed (-before +after):\n%s", diff)
	}
	w.lose("")
	w.named12("whose name is this pipeline's")
	w.must("drop", "--yes", "--without-ledger")
	if got := w.slotsOf(); got != "" {
		t.Errorf("left are %s", got)
	}
	if diff := cmp.Diff(theirs, other.slotsOf()); diff != "" {
		t.Errorf("the slot of the other database was changed (-before +after):\n%s", diff)
	}
}

// named12 insists that a full load ends with 12 and says something.
func (w *world) named12(what string) {
	w.t.Helper()
	if r := w.want(12, "full-load"); !strings.Contains(r.stderr, what) {
		w.t.Errorf("%s\nwant that it says %q", r, what)
	}
}

// rewrite changes the ledger's entries as if they had been written so.
func (w *world) rewrite(change func(entry map[string]any)) {
	w.t.Helper()
	previous := ""
	for n := range w.entries() {
		name := filepath.Join(w.root(), ledger.FileName(int64(n+1)))
		raw, err := os.ReadFile(name)
		if err != nil {
			w.t.Fatal(err)
		}
		var entry map[string]any
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.UseNumber()
		if err := decoder.Decode(&entry); err != nil {
			w.t.Fatal(err)
		}
		change(entry)
		entry["previous"] = previous
		if raw, err = json.Marshal(entry); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(name, raw, 0o644); err != nil {
			w.t.Fatal(err)
		}
		sum := sha256.Sum256(raw)
		previous = hex.EncodeToString(sum[:])
	}
}

// TestDatabaseIsRenamed: it is known by its OID. Where the origin is from before
// that was written down, it is known by the slot, which stays in it, and by the
// publications.
func TestDatabaseIsRenamed(t *testing.T) {
	for name, before := range map[string]bool{"by its OID": false, "by what is in it": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			databaseIsRenamed(t, before)
		})
	}
}

func databaseIsRenamed(t *testing.T, before bool) {
	server := startServer(t, pgtest.Dir(t))
	for _, name := range []string{"shop", "admin"} {
		if err := server.CreateDatabase(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorldAt(t, server.URL("shop"), lakehouse.Switches{}, shopTables...)
	admin := &world{t: t, url: server.URL("admin")}
	admin.conn = admin.session()
	w.must("full-load")
	w.write(1, 10)
	w.must("cdc")
	other := "which is called \"kept\" now, and not to"
	if before {
		w.rewrite(func(entry map[string]any) {
			if origin, ok := entry["origin"].(map[string]any); ok {
				delete(origin, "database_oid")
			}
		})
		other = "not \"twin\""
	}
	entries := len(w.entries())
	rename := func(from, to string) {
		t.Helper()
		_ = w.conn.Close(t.Context())
		w.eventually("the end of the sessions", func() bool {
			return admin.ask(`SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity WHERE datname = $1`, from) == "0"
		})
		admin.exec(`ALTER DATABASE ` + from + ` RENAME TO ` + to)
	}
	rename("shop", "store")
	w.connectTo(server.URL("store"))
	w.write(2, 10)
	for _, command := range [][]string{{"status", "--exit-code"}, {"check"}, {"cdc"}, {"load"}, {"prune"}, {"full-load", "--tables", "item"},
		{"full-load", "--repair"}} {
		if r := w.must(command...); strings.Contains(r.stdout, "loading again 2") {
			t.Errorf("%s\nwant that nothing is loaded again", r)
		}
	}
	w.same()
	for _, e := range w.entries()[entries:] {
		if e.Origin != nil {
			t.Errorf("entry %d is a new origin", e.Number)
		}
	}
	// A database that takes the old name is another one, also as a copy of it.
	rename("store", "kept")
	admin.exec(`CREATE DATABASE shop TEMPLATE kept`, `CREATE DATABASE twin TEMPLATE kept`)
	w.connectTo(server.URL("kept"))
	for _, name := range []string{"shop", "twin"} {
		if before && name == "shop" { // the name alone does not tell
			continue
		}
		copied := &world{t: t, url: server.URL(name)}
		copied.conn = copied.session()
		w.quiet(copied, 12, other, "set source.url to ", append(withBothEnds, []string{"full-load", "--repair"})...)
	}
	w.write(3, 5)
	w.must("cdc")
	w.compare("item", "event")
}

// TestNamesChangeInTheConfiguration: another configured name of slot or publication is not a loss, and needs no reload.
func TestNamesChangeInTheConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	before := w.env
	pub := w.ask(`SELECT pubname FROM pg_publication WHERE NOT pubname LIKE '%_inserts'`)
	commands := append([][]string{{"full-load", "--repair"}, {"full-load", "--tables", "item"}}, withBothEnds...)
	for name, c := range map[string]struct{ variable, what, hint string }{
		"publication": {"INGEST_SOURCE_PUBLICATION=other", `the ledger belongs to publication "` + pub +
			`", but source.publication is "other": nothing is lost`, `set source.publication to "` + pub + `"`},
		"slot": {"INGEST_SOURCE_SLOT=other", `the ledger belongs to slot "` + w.slot() + `", but source.slot is "other": nothing is lost`,
			`set source.slot to "` + w.slot() + `"`},
	} {
		w.env = append(before, c.variable)
		w.quiet(w, 12, c.what, c.hint, commands...)
		w.env = before
		if t.Failed() {
			t.Fatal(name)
		}
	}
	// The way on where what the ledger names is gone.
	w.exec(`SELECT pg_drop_replication_slot('` + w.slot() + `')`)
	w.env = append(before, "INGEST_SOURCE_SLOT=other_"+w.name)
	w.must("full-load", "--repair")
	if got := w.slot(); got != "other_"+w.name {
		t.Errorf("the slot is %s", got)
	}
	w.write(1, 5)
	w.must("cdc")
	w.same()
}

// TestPublicationIsRenamed: it is found by its OID, and gets its name back.
func TestPublicationIsRenamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	w.write(1, 5)
	w.must("cdc")
	pub := w.ask(`SELECT pubname FROM pg_publication WHERE NOT pubname LIKE '%_inserts'`)
	w.exec(`ALTER PUBLICATION ` + pub + ` RENAME TO elsewhere`)
	back := `ALTER PUBLICATION "elsewhere" RENAME TO "` + pub + `"`
	w.quiet(w, 12, "publication "+pub+" was renamed to elsewhere", back, []string{"cdc"}, []string{"check"}, []string{"status", "--exit-code"},
		[]string{"full-load"}, []string{"verify"})
	w.exec(back)
	w.write(2, 5)
	// What else was altered meanwhile, and altered back, is not known.
	if r := w.must("cdc"); !strings.Contains(r.stdout, "was altered and sends what it did before") {
		t.Errorf("%s\nwant the mark of a publication that was altered", r)
	}
	w.compare("item", "event")
}
