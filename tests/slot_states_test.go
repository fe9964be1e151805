//go:build cgo && unix

package tests

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ingest-tool/ingest/internal/pgserver"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
)

var (
	printedCommand = regexp.MustCompile("`ingest ([^`]+)`")
	printedSQL     = regexp.MustCompile(`SELECT pg_terminate_backend\(\d+\)`)
	timeText       = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
)

// named insists that every command that reads the slot, status and check end
// with 12, say what is wrong and what is lost between which LSNs and times, and
// change nothing. It gives the hint that they all print.
func (w *world) named(what string) (hint string) {
	w.t.Helper()
	w.refuses("`ingest full-load --repair`", readers...)
	files, slots := w.files(""), w.slots()
	for _, command := range [][]string{{"cdc"}, {"full-load"}, {"status", "--exit-code"}, {"check"}} {
		r := w.want(12, command...)
		message, printed, _ := strings.Cut(r.stderr[strings.LastIndex(r.stderr, "Error: "):], "\nHint: ")
		if !strings.Contains(message, what) {
			w.t.Errorf("%s\nwant that it says %q", r, what)
		}
		times := 2
		if strings.Contains(message, "timeline") {
			times = 1 // a timeline's history does not say when it ended
		}
		if lsns := lsnText.FindAllString(message, -1); len(lsns) < 2 || len(timeText.FindAllString(message, -1)) < times {
			w.t.Errorf("%s\nwant between which LSNs and times something is lost", r)
		}
		if printedCommand.FindString(printed) == "" || hint != "" && printed != hint {
			w.t.Errorf("%s\nwant one command that fixes it, the same as before: %s", r, hint)
		}
		hint = printed
		if command[0] == "status" && (!strings.Contains(r.stdout, "problem") || !strings.Contains(r.stdout, what)) {
			w.t.Errorf("%s\nwant the problem among the results", r)
		}
	}
	if r := w.must("status"); !strings.Contains(r.stdout, what) { // without --exit-code it reports this and succeeds
		w.t.Errorf("%s\nwant that it says %q", r, what)
	}
	if diff := cmp.Diff(files, w.files("")); diff != "" {
		w.t.Errorf("something was written to the Volume (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(slots, w.slots()); diff != "" {
		w.t.Errorf("slots or publications were changed (-before +after):\n%s", diff)
	}
	return hint
}

// slotRepairedBy runs what a hint says, as it is printed, and insists that the
// pipeline then has everything once.
func (w *world) slotRepairedBy(hint string) {
	w.t.Helper()
	for _, sql := range printedSQL.FindAllString(hint, -1) {
		w.exec(sql)
		w.eventually("the end of the session", func() bool {
			return w.ask(`SELECT count(*)::text FROM pg_replication_slots WHERE slot_name = $1 AND active`, w.slot()) == "0"
		})
	}
	r := w.must(strings.Fields(printedCommand.FindStringSubmatch(hint)[1])...)
	if !strings.Contains(r.stdout, "repair: made slot "+w.slot()) ||
		!strings.Contains(r.stdout, "repair: loading again 2 of the selected tables: public.event, public.item") {
		w.t.Errorf("%s\nwant that it says what it did", r)
	}
	w.write(7, 15)
	w.must("cdc")
	w.same()
	w.must("status", "--exit-code")
}

// TestSlotStates puts a slot into each state from which nothing can be read:
// each is named with what is lost, and fixed by the printed command.
func TestSlotStates(t *testing.T) {
	for _, c := range []struct {
		name, want string
		spoil      func(w *world, slot string)
	}{
		{"missing", "is missing", func(w *world, slot string) {}},
		{"temporary", "is a temporary one of pid", func(w *world, slot string) {
			execOn(w, w.session(), `SELECT pg_create_logical_replication_slot('`+slot+`', 'pgoutput', true)`)
		}},
		{"physical", "is a physical slot, not a logical one", func(w *world, slot string) {
			w.exec(`SELECT pg_create_physical_replication_slot('` + slot + `', true)`)
		}},
		{"of another plugin", `is of plugin "test_decoding", not of pgoutput`, func(w *world, slot string) {
			w.exec(`SELECT pg_create_logical_replication_slot('` + slot + `', 'test_decoding')`)
		}},
		{"two-phase", "was made with two_phase", func(w *world, slot string) {
			w.exec(`SELECT pg_create_logical_replication_slot('` + slot + `', 'pgoutput', false, true)`)
		}},
		{"made again", "ahead of the ledger", func(w *world, slot string) {
			w.exec(`SELECT pg_create_logical_replication_slot('` + slot + `', 'pgoutput')`)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, shopTables...)
			w.must("full-load")
			w.write(1, 20)
			w.must("cdc")
			w.write(2, 20)
			slot := w.slot()
			w.exec(`SELECT pg_drop_replication_slot('` + slot + `')`)
			c.spoil(w, slot)
			w.write(3, 5)
			w.slotRepairedBy(w.named(c.want))
		})
	}
}

func execOn(w *world, conn *pgx.Conn, sql string) {
	w.t.Helper()
	if _, err := conn.Exec(w.t.Context(), sql); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

// TestSlotLosesItsWAL: a slot that keeps much WAL is warned of with what may
// still be written, and one that the server gave up is named and fixed.
func TestSlotLosesItsWAL(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t,
		pgserver.Options{Settings: map[string]string{"max_wal_size": "32MB", "min_wal_size": "32MB", "checkpoint_timeout": "1h"}})
	w := newWorldAt(t, server.URL(""), lakehouse.Switches{}, shopTables...)
	w.must("full-load")
	w.write(1, 20)
	w.must("cdc")
	w.write(2, 20)
	status := func() string {
		return w.ask(`SELECT wal_status FROM pg_replication_slots WHERE slot_name = $1`, w.slot())
	}
	warned := func(state string, texts ...string) {
		t.Helper()
		if got := status(); got != state {
			t.Fatalf("wal_status is %s, want %s", got, state)
		}
		check, shown := w.must("check"), w.must("status", "--exit-code")
		for _, text := range append(texts, "wal_status = "+state) {
			if !strings.Contains(check.stdout, text) || !strings.Contains(shown.stdout, text) || !strings.Contains(shown.stdout, "warning   ") {
				t.Errorf("%s\n%s\nwant a warning with %q", check, shown, text)
			}
		}
	}
	for range 4 {
		w.exec(`SELECT pg_logical_emit_message(true, 'test', 'x')`, `SELECT pg_switch_wal()`)
	}
	warned("extended", "no limit is set (max_slot_wal_keep_size)")
	w.exec(`ALTER SYSTEM SET max_slot_wal_keep_size = '1GB'`, `SELECT pg_reload_conf()`)
	w.eventually("the limit", func() bool {
		return w.ask(`SELECT (safe_wal_size > 0)::text FROM pg_replication_slots WHERE slot_name = $1`, w.slot()) == "true"
	})
	warned("extended", "more of WAL (safe_wal_size)")
	// No checkpoint comes by itself from here on: it would remove the WAL.
	w.exec(`CHECKPOINT`, `ALTER SYSTEM SET max_wal_size = '10GB'`, `ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'`,
		`SELECT pg_reload_conf()`)
	w.eventually("the smaller limit", func() bool { return status() == "unreserved" })
	warned("unreserved", "raise max_slot_wal_keep_size", "0 B more of WAL (safe_wal_size)")
	w.exec(`CHECKPOINT`)
	if got := status(); got != "lost" {
		t.Fatalf("wal_status is %s, want lost", got)
	}
	hint := w.named("is invalidated (wal_status = lost")
	if !strings.Contains(hint, "max_slot_wal_keep_size") {
		t.Errorf("the hint is %q, want what keeps it from happening again", hint)
	}
	if shown := w.run("status"); strings.Contains(shown.stdout, "no limit") || strings.Contains(shown.stdout, "conflict") {
		t.Errorf("%s\nwant that it was lost to a limit", shown)
	}
	w.exec(`ALTER SYSTEM RESET max_slot_wal_keep_size`, `SELECT pg_reload_conf()`)
	w.slotRepairedBy(hint)
}

// TestPublicationMadeAgain (rule 1): changes from before a publication was created are missing or cannot be decoded, so a
// publication that was dropped and created again is a gap.
func TestPublicationMadeAgain(t *testing.T) {
	for name, all := range map[string]bool{"of tables": false, "for all tables": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, shopTables...)
			again := []string{}
			if all {
				w.env = append(w.env, "INGEST_SOURCE_PUBLICATION=made")
				again = []string{`CREATE PUBLICATION made FOR ALL TABLES WITH (publish_via_partition_root = true)`}
				w.exec(again...)
			}
			w.must("full-load")
			if !all {
				pub := w.ask(`SELECT pubname FROM pg_publication WHERE NOT pubname LIKE '%_inserts'`)
				w.exec(`DROP PUBLICATION ` + pub)
				w.write(1, 10)
				w.named("publication " + pub + " is missing")
				again = []string{`CREATE PUBLICATION ` + pub + ` FOR TABLE item, event WITH (publish_via_partition_root = true)`}
			} else {
				w.exec(`DROP PUBLICATION made`)
				w.write(1, 10)
			}
			w.exec(again...)
			w.write(2, 10)
			w.slotRepairedBy(w.named("was dropped and made again"))
		})
	}
}

// TestRepairReloadsWhatNeedsIt: a repair of a pipeline whose slot fits loads
// the tables that are marked, and no others.
func TestRepairReloadsWhatNeedsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	slot := w.slots()
	if r := w.must("full-load", "--repair"); !strings.Contains(r.stdout, "repair: no table needs a new snapshot") {
		t.Errorf("%s\nwant that it had nothing to do", r)
	}
	w.exec(`DROP TABLE event`, `CREATE TABLE event (id bigint PRIMARY KEY, item bigint, at text)`, `INSERT INTO event VALUES (1, 1, 'again')`)
	w.must("cdc") // marks it
	item := len(w.entries())
	r := w.must("full-load", "--repair")
	if !strings.Contains(r.stdout, "repair: loading again 1 of the selected tables: public.event\n") ||
		strings.Contains(r.stdout, "made slot") {
		t.Errorf("%s\nwant that it loads event alone, and keeps the slot", r)
	}
	if w.done("item", item) || !w.done("event", item) {
		t.Error("want a snapshot of event, and none of item")
	}
	if now := w.slots(); strings.Split(now, " ")[0] != strings.Split(slot, " ")[0] {
		t.Errorf("the slot was %q, and is %q", slot, now)
	}
	w.write(7, 15)
	w.must("cdc")
	w.same()
}

// TestPublicationIsMadeBeforeTheSlot (rule 1): while the server makes the slot,
// the publications are there.
func TestPublicationIsMadeBeforeTheSlot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	open := w.session()
	execOn(w, open, `BEGIN`)
	execOn(w, open, `INSERT INTO item VALUES (7000, 1, 'open', 'x')`) // the slot is made once this has ended
	load := w.start("full-load")
	w.eventually("that the slot is being made", func() bool {
		return w.ask(`SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%pg_create_logical_replication_slot%'`) != "0"
	})
	if got := w.ask(`SELECT count(*)::text FROM pg_publication_tables WHERE tablename IN ('item', 'event')`); got != "2" {
		t.Errorf("%s tables are published while the slot is made, want 2", got)
	}
	execOn(w, open, `COMMIT`)
	if r := load.wait(); r.code != 0 {
		t.Fatal(r)
	}
	w.must("cdc")
	w.same()
}

// TestSlotIsInUse: if another session reads the slot, the run ends, and names that session and its start.
func TestSlotIsInUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	reader, err := pgconn.Connect(t.Context(), w.url+"&replication=database&application_name=nightly")
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close(context.Background())
	pub := w.ask(`SELECT pubname FROM pg_publication WHERE NOT pubname LIKE '%_inserts'`)
	err = pglogrepl.StartReplication(t.Context(), reader, w.slot(), 0,
		pglogrepl.StartReplicationOptions{PluginArgs: []string{"proto_version '1'", "publication_names '" + pub + "'"}})
	if err != nil {
		t.Fatal(err)
	}
	w.write(1, 5)
	files := w.files("")
	who := regexp.MustCompile(
		fmt.Sprintf(`in use by pid %d \(nightly, user postgres, from 127\.0\.0\.1, since \d{4}-\d\d-\d\d `, reader.PID()))
	r := w.want(12, "cdc")
	if !who.MatchString(r.stderr) || !strings.Contains(r.stderr, fmt.Sprintf("SELECT pg_terminate_backend(%d)", reader.PID())) {
		t.Errorf("%s\nwant who uses the slot, and what ends that", r)
	}
	for _, command := range []string{"status", "check"} {
		if r := w.must(command); !who.MatchString(r.stdout) {
			t.Errorf("%s\nwant who uses the slot", r)
		}
	}
	if diff := cmp.Diff(files, w.files("")); diff != "" {
		t.Errorf("something was written to the Volume (-before +after):\n%s", diff)
	}
	w.exec(printedSQL.FindString(r.stderr))
	w.again("cdc")
	w.same()
}
