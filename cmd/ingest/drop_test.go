//go:build cgo && unix

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
)

// ledgerLost removes the pipeline's directory from the Volume.
func (b *bench) ledgerLost() {
	b.t.Helper()
	if err := os.RemoveAll(filepath.Join(b.dir, "Volumes", benchCatalog, "bronze", "ingest", "default")); err != nil {
		b.t.Fatal(err)
	}
}

// left gives the slot and the publications of the source's database.
func (b *bench) left() (slot string, publications int) {
	b.t.Helper()
	err := b.admin.QueryRow(b.t.Context(),
		`SELECT coalesce((SELECT string_agg(slot_name, ' ') FROM pg_replication_slots WHERE database = current_database()), ''),
		(SELECT count(*)::int FROM pg_publication)`).Scan(&slot, &publications)
	if err != nil {
		b.t.Fatal(err)
	}
	return slot, publications
}

// streaming reads a slot, as another client does, until the test ends.
func (b *bench) streaming(slot string) {
	b.t.Helper()
	conn, err := pgconn.Connect(b.t.Context(), b.url+"&replication=database")
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	err = pglogrepl.StartReplication(b.t.Context(), conn, slot, 0,
		pglogrepl.StartReplicationOptions{PluginArgs: []string{"proto_version '1'", "publication_names '" + slot + "'"}})
	if err != nil {
		b.t.Fatal(err)
	}
}

func TestDropTwice(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)")
	b.fails(failure.Conflict, "there is no pipeline to drop: ", "check --catalog", "drop", "--yes")
	b.works("full-load")
	slot, _ := b.left()
	if stdout, _ := b.works("drop", "--yes"); !strings.HasPrefix(stdout, "dropped slot "+slot+", publication "+slot) {
		t.Errorf("printed %q", stdout)
	}
	if left, n := b.left(); left != "" || n != 0 {
		t.Errorf("left are %q and %d publications", left, n)
	}
	stdout, _ := b.works("drop", "--yes")
	if stdout != "nothing to drop: the pipeline was dropped before, and its slot and publications are gone\n" {
		t.Errorf("printed %q", stdout)
	}
	// The next drop removes what an interrupted one left.
	b.exec("SELECT pg_create_logical_replication_slot('" + slot + "', 'pgoutput')")
	if stdout, _ := b.works("drop", "--yes"); stdout != "dropped slot "+slot+"\n" {
		t.Errorf("printed %q", stdout)
	}
	b.works("full-load")
	b.exec("INSERT INTO a VALUES (1)")
	b.works("cdc")
	if n := b.rows("a"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

// A slot that another session reads is found before the ledger gets its `end`.
func TestDropOfASlotInUse(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)")
	b.works("full-load")
	slot, _ := b.left()
	b.streaming(slot)
	b.fails(failure.Conflict, "slot "+slot+" is in use by pid ", "pg_terminate_backend", "drop", "--yes")
	b.exec("SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE slot_name = '" + slot + "'")
	b.works("cdc") // it was not ended
}

// Whatever the state of the ledger, what the pipeline left in the source is shown and can be dropped.
func TestDropWithoutALedger(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(b *bench){
		"lost": (*bench).ledgerLost,
		"damaged": func(b *bench) {
			entries, err := filepath.Glob(filepath.Join(b.dir, "Volumes", benchCatalog, "bronze", "ingest", "default", "ledger", "*2.json"))
			if err != nil || len(entries) != 1 {
				b.t.Fatal(entries, err)
			}
			if err := os.WriteFile(entries[0], []byte("{}"), 0o644); err != nil {
				b.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.exec("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)")
			b.works("full-load")
			lose(b)
			slot, n := b.left()
			b.fails(failure.Conflict, "slot "+slot+", which keeps ", "`ingest drop --yes --without-ledger`", "drop", "--yes")
			b.fails(failure.Usage, "--allow-drop-tables needs the ledger", "", "drop", "--yes", "--without-ledger", "--allow-drop-tables")
			if now, m := b.left(); now != slot || m != n {
				t.Errorf("left are %q and %d publications", now, m)
			}
			if stdout, _ := b.works("drop", "--yes", "--without-ledger"); !strings.HasPrefix(stdout, "dropped slot "+slot+", publication "+slot) {
				t.Errorf("printed %q", stdout)
			}
			if now, m := b.left(); now != "" || m != 0 {
				t.Errorf("left are %q and %d publications", now, m)
			}
			b.fails(failure.Conflict, "there is no pipeline to drop: ", "check --catalog", "drop", "--yes", "--without-ledger")
			if rows := b.rows("a"); rows != 1 {
				t.Errorf("%d rows in the table, want 1", rows)
			}
		})
	}
}

// A wrong standby is filed under standby, and the hint names its key.
func TestStandbyCannotBeReached(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)")
	for _, test := range []struct{ address, text, hint string }{
		{"127.0.0.1:1", "source.standby: connect to 127.0.0.1:1/", "check host and port (source.standby)"},
		{"nowhere.invalid", "source.standby: connect to nowhere.invalid:", "the host name cannot be resolved: check source.standby"},
		{b.admin.Config().Host, "is not a standby", "if it was promoted"},
	} {
		b.env["INGEST_SOURCE_STANDBY"] = test.address
		b.finds(failure.Source, finding.Problem, "standby", test.text, test.hint)
		b.fails(failure.Source, test.text, test.hint, "full-load")
	}
}

// TestDropThatOnlyShows: a dry run lists what a drop would drop, and drops nothing. A drop without a terminal and without --yes
// drops nothing either.
func TestDropThatOnlyShows(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)")
	b.works("full-load")
	slot, publications := b.left()
	stdout, _ := b.works("drop", "--dry-run", "--allow-drop-tables")
	if !strings.HasPrefix(stdout, "drop ends the pipeline and drops slot "+slot+", publication ") ||
		!strings.Contains(stdout, "table "+inBronze+"a") {
		t.Errorf("the dry run: %s", stdout)
	}
	if stdout, _ := b.works("drop", "--dry-run", "--output", "json"); !strings.Contains(stdout, `"dry_run": true`) ||
		!strings.Contains(stdout, `"slot": "`+slot+`"`) {
		t.Errorf("the dry run as JSON: %s", stdout)
	}
	b.fails(failure.Usage, "there is no terminal to ask for confirmation", "--dry-run shows what would be dropped", "drop")
	if s, p := b.left(); s != slot || p != publications {
		t.Errorf("slot %q and %d publications are left, want %q and %d", s, p, slot, publications)
	}
	if n := b.rows("a"); n != 1 {
		t.Errorf("the table has %d rows", n)
	}
	b.works("cdc")
	b.ledgerLost()
	b.works("drop", "--dry-run", "--without-ledger")
	if s, _ := b.left(); s != slot {
		t.Errorf("a dry run without a ledger dropped the slot")
	}
}

// TestDropOfAnothersPublications: publications that an administrator made, as the SQL of init does, stay. The drop says so, and does not
// count them as gone.
func TestDropOfAnothersPublications(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "CREATE PUBLICATION made FOR TABLE a WITH (publish_via_partition_root = true)",
		"CREATE PUBLICATION made_inserts WITH (publish = 'insert, truncate', publish_via_partition_root = true)")
	b.role("REPLICATION", "GRANT SELECT ON a TO $role")
	b.env["INGEST_SOURCE_PUBLICATION"] = "made"
	b.works("full-load")
	slot, _ := b.left()
	const stays = "\nkept in the source: publications of another role, which that role or a superuser drops: DROP PUBLICATION \"made\", " +
		"\"made_inserts\";\n"
	for _, want := range []string{
		"dropped slot " + slot + stays, "nothing to drop: the pipeline was dropped before, and its slot is gone" + stays,
	} {
		if stdout, _ := b.works("drop", "--yes"); stdout != want {
			t.Errorf("printed %q, want %q", stdout, want)
		}
	}
	if stdout, _ := b.works("drop", "--yes", "--output", "json"); !strings.Contains(stdout, `"publications_left": [`) {
		t.Errorf("as JSON: %s", stdout)
	}
}
