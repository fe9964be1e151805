//go:build cgo && unix

package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/internal/pgserver"
)

// behind are changes that the log does not show. Each is made while nothing else fails and the application writes. It must be
// noticed, and the command that ingest prints must repair it.
var behind = []struct {
	what string
	do   func(x *torture)
	two  bool // runs at once, which a ledger takes only where creating a file is not racy
}{
	{"sources restored", (*torture).restoreSource, false},
	{"tables swapped by rename", (*torture).swapByRename, false},
	{"reloads beside a change of type", (*torture).retypeBesideReload, true},
	{"masks changed while following", (*torture).maskWhileFollowing, true},
	{"publications narrowed", (*torture).narrowPublication, false},
}

// behindTables are made for the changes that the application takes no part in.
var behindTables = []string{
	`CREATE TABLE typed (id bigint PRIMARY KEY, v int, note text)`,
	`INSERT INTO typed SELECT i, i, 'note ' || i FROM generate_series(1, 40) i`,
}

// goBehind makes the next of the changes, in an order that the seed chooses.
func (x *torture) goBehind() {
	x.t.Helper()
	if len(x.order) == 0 {
		x.order = x.rnd.Perm(len(behind))
	}
	next := behind[x.order[0]]
	x.order = x.order[1:]
	if next.two && x.racy {
		return
	}
	x.changes++
	x.again("cdc", "--snapshot-new")
	next.do(x)
	if x.t.Failed() {
		x.t.Fatalf("after %s", next.what)
	}
	x.sum.add(next.what, 1)
}

// reloadNeeded lists the tables that status says need a full load.
func (x *torture) reloadNeeded() map[string]string {
	x.t.Helper()
	r := x.must("status", "--output", "json")
	var status struct {
		Tables []struct {
			Table  string
			Reload string `json:"reload_needed"`
		}
	}
	if err := json.Unmarshal([]byte(r.stdout), &status); err != nil {
		x.t.Fatalf("%s: %v", r, err)
	}
	tables := map[string]string{}
	for _, table := range status.Tables {
		if table.Reload != "" {
			tables[table.Table] = table.Reload
		}
	}
	return tables
}

// neverEqual insists that verify does not call a table equal that is not.
func (x *torture) neverEqual(table string) {
	x.t.Helper()
	r := x.run("verify", "--full", "--tables", table, "--output", "json")
	var report struct {
		Tables []struct{ Table, Verdict string }
	}
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil {
		x.t.Fatalf("%s: %v", r, err)
	}
	for _, t := range report.Tables {
		if t.Verdict == "equal" {
			x.sum.add("wrong verdicts", 1)
			x.t.Errorf("%s\nwant that %s is not equal", r, table)
		}
	}
}

// fullLoad loads tables again, as the tool asked. A column that is dropped while
// a full load begins makes it fail, so the application changes none.
func (x *torture) fullLoad(tables ...string) {
	x.t.Helper()
	x.app.pauseDDL(true)
	defer x.app.pauseDDL(false)
	x.app.quiet(func() {}) // the last change of the schema is committed
	x.again("full-load", "--tables", strings.Join(tables, ","))
}

// swapByRename puts another table in the place of item, and keeps the old one.
func (x *torture) swapByRename() {
	x.t.Helper()
	old := fmt.Sprintf("item_old%d", x.changes)
	x.app.quiet(func() {
		x.exec(`CREATE TABLE item_new (LIKE item INCLUDING ALL)`, `INSERT INTO item_new SELECT * FROM item WHERE id % 3 <> 0`,
			`BEGIN`, `ALTER TABLE item RENAME TO `+old, `ALTER TABLE item_new RENAME TO item`, `COMMIT`)
	})
	x.again("cdc")
	if reason := x.reloadNeeded()["public.item"]; reason == "" {
		x.t.Error("a table was swapped by rename, and status does not say so")
	}
	x.neverEqual("item")
	x.fullLoad("item")
	x.exec(`DROP TABLE ` + old)
}

// retypeBesideReload changes a column's type, and stages changes of the table
// beside the full load that this asks for.
func (x *torture) retypeBesideReload() {
	x.t.Helper()
	n := 0
	insert := func() {
		n++
		x.exec(fmt.Sprintf(`INSERT INTO typed VALUES (%d, '%d')`, 1_000_000*x.changes+n, n))
	}
	to := map[string]string{
		"integer": "text", "text": "int USING v::int",
	}[x.ask(`SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'typed'::regclass AND attname = 'v'`)]
	x.exec(`ALTER TABLE typed ALTER v TYPE ` + to)
	insert()
	x.again("cdc")
	if reason := x.reloadNeeded()["public.typed"]; reason == "" {
		x.t.Error("a column changed its type, and status does not say so")
	}
	reload := x.start("full-load", "--tables", "typed")
	for reload.running() {
		insert()
		x.judge(x.run("cdc"))
	}
	if r := reload.wait(); r.code != 0 && !r.held() {
		x.t.Errorf("full load beside cdc: %s", r)
	} else if r.code != 0 {
		x.fullLoad("typed")
	}
	insert()
	x.again("cdc")
	if reason := x.reloadNeeded()["public.typed"]; reason != "" {
		x.t.Errorf("after the full load that it asked for: %s", reason)
	}
}

// maskWhileFollowing masks a column by a full load beside a run that follows
// with the configuration of before.
func (x *torture) maskWhileFollowing() {
	x.t.Helper()
	id, secret := 1_000_000*x.changes, fmt.Sprintf("secret-%d-%d", x.changes, x.rnd.Uint64())
	masked := append(slices.Clone(x.env), "INGEST_MASK_KEY=0123456789abcdef0123456789abcdef",
		"INGEST_CONFIG="+x.config("[tables.\"public.typed\"]\nmask = { note = \"hmac-sha256\" }\n"))
	follower := x.start("cdc", "--follow", "--load-every", "300ms")
	head := len(x.entries())
	x.exec(fmt.Sprintf(`INSERT INTO typed VALUES (%d, '1', 'shown')`, id))
	x.eventually("an entry of the follower", func() bool { return len(x.entries()) > head || !follower.running() })
	env := x.env
	x.env = masked
	x.fullLoad("typed")
	x.env = env
	x.exec(fmt.Sprintf(`INSERT INTO typed VALUES (%d, '2', '%s')`, id+1, secret))
	if r := follower.wait(); r.code != 12 || !strings.Contains(r.stderr, `column "note" is masked`) {
		x.t.Errorf("%s\nwant that it ends with 12, for the mask", r)
	}
	x.nowhere(secret)
	x.exec(fmt.Sprintf(`DELETE FROM typed WHERE id = %d`, id+1))
	x.fullLoad("typed") // without the mask again
}

// narrowPublication lets the publication send inserts alone for a while.
func (x *torture) narrowPublication() {
	x.t.Helper()
	x.exec(`ALTER PUBLICATION ` + x.app.publication + ` SET (publish = 'insert')`)
	x.exec(`UPDATE item SET note = 'not sent' WHERE id = (SELECT min(id) FROM item)`)
	seen := x.app.transactions.Load()
	x.eventually("transactions of the application", func() bool { return x.app.transactions.Load() >= seen+10 })
	x.exec(`ALTER PUBLICATION ` + x.app.publication + ` SET (publish = 'insert, update, delete, truncate')`)
	x.again("cdc")
	needed := x.reloadNeeded()
	for _, table := range []string{"public.item", "public.event", "public.typed"} {
		if needed[table] == "" {
			x.t.Errorf("the publication was narrowed for a while, and status does not say so of %s: %v", table, needed)
		}
	}
	x.neverEqual("item")
	var tables []string
	for table := range needed {
		tables = append(tables, table)
	}
	slices.Sort(tables)
	x.fullLoad(tables...)
}

// restoreSource puts a copy of the server's data directory back that is older
// than the ledger, and lets the application go on from there.
func (x *torture) restoreSource() {
	x.t.Helper()
	data, backup := filepath.Join(x.dataDir, "data"), filepath.Join(x.dataDir, fmt.Sprintf("backup-%d", x.changes))
	x.app.pauseDDL(true)
	defer x.app.pauseDDL(false)
	replaced := func(from, to string) {
		x.app.quiet(func() {
			x.exec(`CHECKPOINT`)
			if err := x.postgres.Kill(); err != nil {
				x.t.Fatal(err)
			}
			if err := os.RemoveAll(to); err != nil {
				x.t.Fatal(err)
			}
			copyAll(x.t, from, to)
			x.restart(pgserver.Immediate, "restarts of Postgres, immediate")
		})
	}
	replaced(data, backup)
	seen := x.app.transactions.Load()
	x.exec(`UPDATE item SET note = 'lost by the restore' WHERE id = (SELECT min(id) FROM item)`)
	x.eventually("transactions of the application", func() bool { return x.app.transactions.Load() >= seen+10 })
	x.again("cdc")
	replaced(backup, data)
	if err := os.RemoveAll(backup); err != nil {
		x.t.Fatal(err)
	}
	x.exec(`UPDATE item SET note = 'after the restore' WHERE id = (SELECT max(id) FROM item)`)
	if x.rnd.IntN(2) == 0 { // the WAL grows past the ledger's position
		position := x.position().String()
		x.eventually("WAL beyond the ledger's position", func() bool {
			x.exec(`SELECT pg_logical_emit_message(true, 'filler', repeat('x', 10000))`)
			return x.ask(`SELECT (pg_current_wal_flush_lsn() > $1::text::pg_lsn)::text`, position) == "true"
		})
	}
	if r := x.run("cdc"); r.code != 12 || !strings.Contains(r.stderr, "full-load --repair") {
		x.sum.add("wrong verdicts", 1)
		x.t.Errorf("%s\nwant 12, since the source lost what was staged", r)
	}
	x.again("full-load", "--repair")
}

// pauseDDL lets the application change no schema for a while.
func (a *application) pauseDDL(pause bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.nextDDL = time.Now()
	if pause {
		a.nextDDL = a.nextDDL.Add(time.Hour)
	}
}
