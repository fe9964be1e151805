//go:build cgo && unix

package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/pgserver"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
)

// slot is the name of the pipeline's slot.
func (w *world) slot() string {
	w.t.Helper()
	name := ""
	for _, e := range w.entries() {
		if e.Origin != nil {
			name = e.Origin.Slot
		}
	}
	if name == "" {
		w.t.Fatal("the ledger has no origin")
	}
	return name
}

func (w *world) confirmed() string {
	w.t.Helper()
	return w.ask(`SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = $1`, w.slot())
}

// slots is what the server has of slots and publications in this database.
func (w *world) slots() string {
	w.t.Helper()
	return w.ask(`SELECT coalesce(string_agg(concat_ws(' ', slot_name, plugin, slot_type, confirmed_flush_lsn), E'\n' ORDER BY slot_name), '')
		FROM pg_replication_slots WHERE slot_name LIKE 'ingest_' || $1 || '_%'`, w.name) + "\n" +
		w.ask(`SELECT coalesce(string_agg(concat_ws(' ', pubname, p.tables), E'\n' ORDER BY pubname), '') FROM pg_publication,
			LATERAL (SELECT count(*) AS tables FROM pg_publication_rel WHERE prpubid = pg_publication.oid) p`)
}

var lsnText = regexp.MustCompile(`\b[0-9A-F]+/[0-9A-F]+\b`)

// refuses insists that commands end with 12, say which LSN the ledger has and
// how to fix it, and write nothing at either end.
func (w *world) refuses(remedy string, commands ...[]string) {
	w.t.Helper()
	files, statements, slots := w.files(""), len(w.server.Statements()), w.slots()
	for _, command := range commands {
		r := w.want(12, command...)
		message, hint, _ := strings.Cut(r.stderr[strings.Index(r.stderr, "Error: "):], "\nHint: ")
		if !strings.Contains(message, w.position().String()) || !lsnText.MatchString(message) {
			w.t.Errorf("%s\nwant a message with the ledger's position %s", r, w.position())
		}
		if !strings.Contains(hint, remedy) {
			w.t.Errorf("%s\nwant a hint with %q", r, remedy)
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
	}
}

var readers = [][]string{{"cdc"}, {"cdc", "--stage-only"}, {"cdc", "--follow"}, {"cdc", "--snapshot-new"}, {"full-load"},
	{"full-load", "--tables", "event"}, {"full-load", "--resume"}}

// repaired insists that a full load with --repair fixes what was refused.
func (w *world) repaired() {
	w.t.Helper()
	w.must("full-load", "--repair")
	w.write(7, 15)
	w.must("cdc")
	w.compare("item", "event")
	w.must("status", "--exit-code")
}

// TestInvariant5FromTheLedger: reading starts at the ledger's position. A slot behind it is normal. Any other disagreement stops
// every run before it writes; the error has what is lost and what repairs it.
func TestInvariant5FromTheLedger(t *testing.T) {
	t.Run("slot behind", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, shopTables...)
		w.must("full-load")
		before := w.confirmed()
		w.write(1, 20)
		w.killedAtAppend(ledger.KindChanges, afterRequest, "cdc") // killed between entry and acknowledgement
		if got := w.confirmed(); got != before {
			t.Fatalf("the slot moved from %s to %s without an answer", before, got)
		}
		if w.ask(`SELECT ($1::text::pg_lsn < $2::text::pg_lsn)::text`, before, w.position().String()) != "true" {
			t.Fatalf("the slot at %s is not behind the ledger at %s", before, w.position())
		}
		w.write(2, 20)
		w.again("cdc")
		w.compare("item", "event")
	})
	t.Run("slot ahead", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, shopTables...)
		w.must("full-load")
		w.write(1, 20)
		w.must("cdc")
		w.write(2, 20)
		w.exec(`SELECT pg_replication_slot_advance('` + w.slot() + `', pg_current_wal_flush_lsn())`)
		w.refuses("`ingest full-load --repair`", readers...)
		w.repaired()
	})
	t.Run("slot missing", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, shopTables...)
		w.must("full-load")
		w.write(1, 20)
		w.exec(`SELECT pg_drop_replication_slot('` + w.slot() + `')`)
		w.refuses("`ingest full-load --repair`", readers...)
		w.repaired()
	})
	t.Run("slot of another plugin", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, shopTables...)
		w.must("full-load")
		w.exec(`SELECT pg_drop_replication_slot('`+w.slot()+`')`, `SELECT pg_create_logical_replication_slot('`+w.slot()+`', 'test_decoding')`)
		w.refuses("`ingest full-load --repair`", readers...)
		w.repaired()
	})
	t.Run("slot of another database", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, shopTables...)
		w.must("full-load")
		w.exec(`SELECT pg_drop_replication_slot('` + w.slot() + `')`)
		other := &world{t: t, url: pgtest.NewDatabase(t)}
		other.conn = other.session()
		other.exec(`SELECT pg_create_logical_replication_slot('` + w.slot() + `', 'pgoutput')`)
		w.refuses("ingest", readers...)
	})
	t.Run("ledger of another database", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, shopTables...)
		w.must("full-load")
		other := &world{t: t, url: pgtest.NewDatabase(t)}
		other.conn = other.session()
		other.exec(shopTables...)
		files, slots := w.files(""), w.slots()
		w.env = append(w.env, "INGEST_SOURCE_URL="+other.url)
		for _, command := range readers {
			r := w.want(12, command...)
			if !strings.Contains(r.stderr, "the ledger belongs to database") || !strings.Contains(r.stderr, "--pipeline") {
				t.Errorf("%s\nwant that the ledger belongs to another database", r)
			}
		}
		if diff := cmp.Diff(files, w.files("")); diff != "" {
			t.Errorf("it wrote to the Volume (-before +after):\n%s", diff)
		}
		if diff := cmp.Diff(slots, w.slots()); diff != "" {
			t.Errorf("it changed the slots (-before +after):\n%s", diff)
		}
	})
	t.Run("position beyond the WAL", func(t *testing.T) {
		t.Parallel()
		positionBeyondTheWAL(t)
	})
	t.Run("another cluster", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, shopTables...)
		w.must("full-load")
		server := startServer(t, pgtest.Dir(t))
		database := w.ask("SELECT current_database()")
		if err := server.CreateDatabase(t.Context(), database); err != nil {
			t.Fatal(err)
		}
		w.connectTo(server.URL(database))
		w.exec(shopTables...) // as a dump that was restored has them
		w.refuses("`ingest full-load --repair`", readers...)
		w.repaired()
	})
}

func startServer(t *testing.T, dir string) *pgserver.Server {
	t.Helper()
	server := pgtest.Start(t, pgserver.Options{Dir: dir})
	return server
}

// positionBeyondTheWAL puts a backup of the server back that is older than the
// ledger.
func positionBeyondTheWAL(t *testing.T) {
	dir := pgtest.Dir(t)
	server := startServer(t, dir)
	w := newWorldAt(t, server.URL(""), lakehouse.Switches{}, shopTables...)
	w.must("full-load")
	w.write(1, 10)
	w.must("cdc")
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(pgtest.Dir(t), "backup")
	copyAll(t, filepath.Join(dir, "data"), backup)
	server = startServer(t, dir)
	w.connectTo(server.URL(""))
	w.write(2, 200)
	w.must("cdc")
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "data")); err != nil {
		t.Fatal(err)
	}
	copyAll(t, backup, filepath.Join(dir, "data"))
	server = startServer(t, dir)
	w.connectTo(server.URL(""))
	w.refuses("`ingest full-load --repair`", readers...)
	w.repaired()
}

// connectTo uses another source from here on.
func (w *world) connectTo(url string) {
	w.t.Helper()
	w.url = url
	w.conn = w.session()
	w.env = append(w.env, "INGEST_SOURCE_URL="+url)
}

func copyAll(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
