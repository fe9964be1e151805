//go:build cgo && unix

package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/pgserver"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
)

// TestSourcePutBackWhileFollowing: the server crashes, and a copy of its data
// directory is put back, on the same timeline, while a run follows it. By the
// time that the run reaches it again its WAL has grown past the ledger's
// position. The run ends, and every other command says the same.
func TestSourcePutBackWhileFollowing(t *testing.T) {
	t.Parallel()
	dir, backup := pgtest.Dir(t), filepath.Join(pgtest.Dir(t), "backup")
	server := startServer(t, dir)
	replace := func(from, to string) {
		t.Helper()
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
		copyAll(t, from, to)
	}
	w := newWorldAt(t, server.URL(""), lakehouse.Switches{}, shopTables...)
	w.must("full-load")
	w.write(1, 10)
	w.must("cdc")
	w.exec(`CHECKPOINT`) // the slot's position is on disk
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	replace(data, backup)
	if err := server.Restart(t.Context(), pgserver.Immediate); err != nil {
		t.Fatal(err)
	}
	w.connectTo(w.url)
	p := newProxy(t, w.url)
	f := w.startWith([]string{"INGEST_SOURCE_URL=" + p.url(w.url)}, "cdc", "--follow", "--stage-every", "50ms", "--load-every", "50ms")
	w.write(2, 20)
	target := w.ask(`SELECT pg_current_wal_insert_lsn()::text`)
	w.eventually("that all is staged", func() bool {
		return w.ask(`SELECT ($1::text::pg_lsn >= $2::text::pg_lsn)::text`, w.position().String(), target) == "true" || !f.running()
	})
	p.refuse(true)
	p.reset(all)
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	replace(backup, data)
	if err := server.Restart(t.Context(), pgserver.Immediate); err != nil {
		t.Fatal(err)
	}
	w.connectTo(w.url)
	w.write(3, 5)
	for w.ask(`SELECT (pg_current_wal_flush_lsn() > $1::text::pg_lsn)::text`, w.position().String()) != "true" {
		w.exec(`SELECT pg_logical_emit_message(true, 'filler', repeat('x', 2000))`)
	}
	w.write(4, 5)
	p.refuse(false)
	const what = "the source was put back to an older state"
	if r := f.wait(); r.code != 12 || !strings.Contains(r.stderr, what) {
		t.Errorf("%s\nwant that it ends with 12, and says that %s", r, what)
	}
	w.must("load") // what the run had staged is in the ledger, and may be loaded
	w.slotRepairedBy(w.named(what))
}

// TestSnapshotOfWhatTheSourceLost: rows that a source lost by a restore may be only in a snapshot, which is newer than all staged
// changes. The source's WAL may have grown past the snapshot's fence since.
func TestSnapshotOfWhatTheSourceLost(t *testing.T) {
	for what, grown := range map[string]bool{"is from beyond the server's WAL": false, "and the next one of the server is": true} {
		t.Run(fmt.Sprintf("grown=%v", grown), func(t *testing.T) {
			t.Parallel()
			dir, backup := pgtest.Dir(t), filepath.Join(pgtest.Dir(t), "backup")
			server := startServer(t, dir)
			w := newWorldAt(t, server.URL(""), lakehouse.Switches{}, shopTables...)
			w.must("full-load")
			if err := server.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			data := filepath.Join(dir, "data")
			copyAll(t, data, backup)
			server = startServer(t, dir)
			w.connectTo(server.URL(""))
			w.write(1, 50)
			w.exec(`INSERT INTO item SELECT i, 1, 'lost', 'x' FROM generate_series(90000, 91000) i`)
			w.must("full-load", "--tables", "item")
			entries := w.entries()
			fence := entries[len(entries)-2].Begin.Fence.String()
			if err := server.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(data); err != nil {
				t.Fatal(err)
			}
			copyAll(t, backup, data)
			server = startServer(t, dir)
			w.connectTo(server.URL(""))
			for grown && w.ask(`SELECT (pg_current_wal_flush_lsn() > $1::text::pg_lsn)::text`, fence) != "true" {
				w.exec(`SELECT pg_logical_emit_message(false, 'filler', repeat('x', 20000)), pg_switch_wal()`)
			}
			w.slotRepairedBy(w.named(what))
		})
	}
}

// TestSnapshotOfWhatTheSourceLostThatGoesUnseen: the restored source has continued for so long that neither its WAL nor its
// transaction ids show the loss.
func TestSnapshotOfWhatTheSourceLostThatGoesUnseen(t *testing.T) {
	t.Parallel()
	dir, backup := pgtest.Dir(t), filepath.Join(pgtest.Dir(t), "backup")
	server := startServer(t, dir)
	w := newWorldAt(t, server.URL(""), lakehouse.Switches{}, append(shopTables, `CREATE TABLE filler (t text)`)...)
	w.must("full-load", "--tables", "item,event")
	data := filepath.Join(dir, "data")
	replace := func(from, to string) {
		if err := server.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
		copyAll(t, from, to)
		server = startServer(t, dir)
		w.connectTo(server.URL(""))
	}
	replace(data, backup)
	w.exec(`UPDATE item SET note = 'lost' WHERE id = 1`)
	w.must("full-load", "--tables", "item")
	entries := w.entries()
	fence := entries[len(entries)-2].Begin.Fence.String()
	replace(backup, data)
	w.exec(`UPDATE item SET note = 'kept' WHERE id = 2`) // has the id of what was lost
	for w.ask(`SELECT (pg_current_wal_flush_lsn() > $1::text::pg_lsn)::text`, fence) != "true" {
		w.exec(`INSERT INTO filler SELECT repeat(md5(i::text), 30) FROM generate_series(1, 100) i`)
	}
	for range 10 {
		w.exec(`INSERT INTO filler VALUES ('and an id')`)
	}
	w.run("cdc", "--stage-only") // may see it by the ids
	r := w.run("status", "--exit-code")
	if r.code == 0 || !strings.Contains(r.stdout, "was put back to an older state") {
		t.Fatalf("%s\nwant that the table needs a full load, or all do", r)
	}
	w.must("full-load", "--tables", "item")
	w.must("cdc")
	w.must("verify", "--full", "--tables", "item,event")
}

// TestChangesThatCannotBeDecodedAnyMore: rows were written while the publication
// had another name. The server cannot decode them, however often it is asked; the
// repair that the error names makes a new slot, although the slot fits the ledger.
func TestChangesThatCannotBeDecodedAnyMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.must("full-load")
	w.must("full-load", "--repair") // nothing is wrong
	slot := w.slot()
	pub := w.ask(`SELECT pubname FROM pg_publication WHERE pubname NOT LIKE '%\_inserts'`)
	w.exec(`ALTER PUBLICATION `+pub+` RENAME TO elsewhere`, `INSERT INTO a VALUES (1)`, `ALTER PUBLICATION elsewhere RENAME TO `+pub)
	if version := w.ask(`SHOW server_version_num`); version >= "180000" {
		w.must("cdc") // it passes over a publication that is missing, and marks the table
		w.must("full-load", "--tables", "a")
	} else {
		if r := w.want(10, "cdc"); !strings.Contains(r.stderr, "had another name") || !strings.Contains(r.stderr, "`ingest full-load --repair`") {
			t.Errorf("%s\nwant why, and what to do", r)
		}
		w.must("full-load", "--repair")
		if w.slot() != slot || len(w.entries()) == 0 {
			t.Errorf("the repair made slot %s, and not %s again", w.slot(), slot)
		}
	}
	w.exec(`INSERT INTO a VALUES (2)`)
	w.must("cdc")
	w.must("verify", "--full")
}
