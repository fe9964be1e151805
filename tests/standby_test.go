//go:build cgo && unix

package tests

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/ingest-tool/ingest/lakehouse"
)

// TestDecodingFromAStandby: with source.standby the slot is on the standby, and
// changes are read there; snapshots, publications and locks are the primary's.
func TestDecodingFromAStandby(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	w := newWorldAt(t, p.primary.URL(pairDatabase), lakehouse.Switches{}, shopTables...)
	at := func(port int) string { return fmt.Sprintf("INGEST_SOURCE_STANDBY=127.0.0.1:%d", port) }
	w.env = append(w.env, at(p.standby.Port()))
	w.must("full-load")
	logical := `SELECT coalesce(string_agg(slot_name, ' '), '') FROM pg_replication_slots WHERE slot_type = 'logical'`
	if there, here := p.ask(p.standby, logical), p.ask(p.primary, logical); there != w.slot() || here != "" {
		t.Fatalf("the standby has the slots %q, and the primary %q: want %s on the standby alone", there, here, w.slot())
	}
	w.write(1, 30)
	w.must("cdc")
	w.compare("item", "event")
	w.must("status", "--exit-code")
	if r := w.must("check"); strings.Contains(r.stdout, "hot_standby_feedback") || strings.Contains(r.stdout, "the primary has a slot") {
		t.Errorf("%s\nwant no finding of a standby that is set up well", r)
	}

	// What was committed before a run began is in, whenever the standby gets it.
	p.ask(p.standby, `SELECT pg_wal_replay_pause()::text`)
	w.write(2, 10)
	run := w.start("cdc")
	w.eventually("that the run looks at the standby", func() bool {
		return p.ask(p.standby,
			`SELECT count(*)::text FROM pg_stat_activity WHERE application_name LIKE 'ingest %' AND query LIKE '%pg_last_wal_replay_lsn%'`) != "0"
	})
	if !run.running() {
		t.Fatalf("%s\nwant that it waits for the standby", run.wait())
	}
	p.ask(p.standby, `SELECT pg_wal_replay_resume()::text`)
	if r := run.wait(); r.code != 0 {
		t.Fatal(r)
	}
	w.compare("item", "event")

	follower := w.start("cdc", "--follow", "--stage-every", "50ms", "--load-every", "200ms")
	writer := w.newWriter(3)
	head := len(w.entries())
	w.must("full-load", "--tables", "item")
	w.eventually("some entries", func() bool { return len(w.entries()) > head+5 })
	writer.end()
	follower.signal(syscall.SIGTERM)
	if r := follower.wait(); r.code != 0 {
		t.Fatal(r)
	}
	w.must("cdc")
	w.same()

	p.exec(p.standby, `SELECT pg_drop_replication_slot('`+w.slot()+`')`)
	w.write(4, 10)
	w.slotRepairedBy(w.named("is missing"))
	if there := p.ask(p.standby, logical); there != w.slot() {
		t.Errorf("after the repair the standby has the slots %q", there)
	}

	for _, c := range []struct{ env, want, hint string }{
		{"INGEST_SOURCE_URL=" + p.standby.URL(pairDatabase), "is a standby itself", "set source.url to the primary's address"},
		{at(p.primary.Port()), "is not a standby", "set source.url to it and leave source.standby out"},
		{"INGEST_SOURCE_FAILOVER=true", "exclude each other", "leave one of them out"},
	} {
		r := w.startWith([]string{c.env}, "cdc").wait()
		if r.code == 0 || !strings.Contains(r.stderr, c.want) || !strings.Contains(r.stderr, c.hint) {
			t.Errorf("%s: %s\nwant %q and %q", c.env, r, c.want, c.hint)
		}
	}

	// Promoted, it goes on with its slot.
	w.write(5, 10)
	w.must("cdc")
	w.write(6, 10)
	p.replayed(w)
	p.stop(p.primary)
	p.promote()
	w.connectTo(p.standby.URL(pairDatabase))
	w.env = append(w.env, "INGEST_SOURCE_STANDBY=")
	w.must("cdc")
	w.write(7, 10)
	w.must("cdc")
	w.same()
}

// TestStandbyThatDoesNotFit: check warns of a standby that will lose the slot, and of a slot that is still on the primary.
func TestStandbyThatDoesNotFit(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	w := newWorldAt(t, p.primary.URL(pairDatabase), lakehouse.Switches{}, shopTables...)
	w.must("full-load")
	p.replayed(w)
	p.exec(p.standby, `ALTER SYSTEM SET hot_standby_feedback = off`, `SELECT pg_reload_conf()`)
	w.env = append(w.env, fmt.Sprintf("INGEST_SOURCE_STANDBY=127.0.0.1:%d", p.standby.Port()))
	w.eventually("the findings of check", func() bool {
		r := w.want(12, "check") // the standby has no slot
		return strings.Contains(r.stdout, "hot_standby_feedback is off") && strings.Contains(r.stdout, "the primary has a slot "+w.slot()+" too")
	})
}

// TestSourceIsAStandby: a standby takes neither snapshots nor publications, and
// says so before anything is tried.
func TestSourceIsAStandby(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	w := newWorldAt(t, p.primary.URL(pairDatabase), lakehouse.Switches{}, shopTables...)
	w.must("full-load")
	p.replayed(w)
	w.env = append(w.env, "INGEST_SOURCE_URL="+p.standby.URL(pairDatabase))
	files := len(w.files(""))
	for _, command := range append(readers, []string{"full-load", "--repair"}, []string{"check"}) {
		r := w.want(10, command...)
		if !strings.Contains(r.stderr, "is a standby") || !strings.Contains(r.stderr, "source.standby (PostgreSQL 16 and newer)") {
			t.Errorf("%s\nwant that the source is a standby, and what can be read there", r)
		}
	}
	if now := len(w.files("")); now != files {
		t.Errorf("%d files, and %d before", now, files)
	}
}
