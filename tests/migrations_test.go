//go:build cgo && unix

package tests

import (
	"fmt"
	"strings"
	"testing"
)

// migration is a change of definitions as a framework makes it, and what the
// application writes before the next run.
type migration struct {
	name  string
	does  []string
	then  []string // changes of rows that follow; none: the next run finds no row
	until []string // the commands of the run, before the verification, which stages and loads what is left
}

var usersTable = []string{
	`CREATE TYPE mood AS ENUM ('calm', 'glad')`,
	`CREATE TABLE users (id int PRIMARY KEY, name text, age int, code varchar(8), mood mood)`,
	`ALTER TABLE users ALTER name SET STORAGE EXTERNAL`,
	`INSERT INTO users VALUES (1, repeat('a', 3000), 30, 'x', 'calm'), (2, 'bea', NULL, NULL, 'glad'), (3, 'cy', 50, 'z', NULL)`,
}

var eventsTable = []string{
	`CREATE TABLE events (kind text, n int)`,
	`ALTER TABLE events REPLICA IDENTITY FULL`,
	`INSERT INTO events VALUES ('a', 1), ('a', 1), ('b', NULL)`,
}

var (
	inOneRun = []string{"cdc"}
	// stageOnly cuts a run in two: what is staged is loaded by another.
	stageOnly = []string{"cdc --stage-only", "load"}
)

// migrations are two hours of two applications, one of Rails and one of Django.
var migrations = []migration{
	{"add a column with a default and NOT NULL", []string{`ALTER TABLE users ADD active boolean NOT NULL DEFAULT true`},
		[]string{`INSERT INTO users (id, name, active) VALUES (4, 'di', false)`}, inOneRun},
	{"add one, and no row changes", []string{`ALTER TABLE users ADD role text NOT NULL DEFAULT 'member'`}, nil, nil},
	{"add a column and drop its default",
		[]string{`ALTER TABLE users ADD score numeric(6,2) DEFAULT 1.50 NOT NULL`, `ALTER TABLE users ALTER score DROP DEFAULT`},
		[]string{`INSERT INTO users (id, name, score) VALUES (5, 'ed', 9)`, `DELETE FROM users WHERE id = 3`}, stageOnly},
	{"add a column that may be NULL", []string{`ALTER TABLE users ADD note text`}, nil, nil},
	{"rename a column", []string{`ALTER TABLE users RENAME name TO full_name`}, []string{`UPDATE users SET age = 32 WHERE id = 1`}, inOneRun},
	{"rename it again, and no row changes", []string{`ALTER TABLE users RENAME full_name TO display_name`}, nil, stageOnly},
	{"rows change later", nil,
		[]string{`UPDATE users SET age = 33 WHERE id IN (1, 2)`, `INSERT INTO users (id, display_name, score) VALUES (6, 'flo', 2)`}, nil},
	{"rename it back", []string{`ALTER TABLE users RENAME display_name TO name`},
		[]string{`UPDATE users SET role = 'admin' WHERE id = 1`, `UPDATE users SET id = 7 WHERE id = 1`}, stageOnly},
	{"add a value of an enum", []string{`ALTER TYPE mood ADD VALUE 'bored' BEFORE 'calm'`},
		[]string{`UPDATE users SET mood = 'bored' WHERE id = 2`}, nil},
	{"widen columns", []string{`ALTER TABLE users ALTER age TYPE bigint`, `ALTER TABLE users ALTER code TYPE text`,
		`ALTER TABLE users ALTER score TYPE numeric(12,2)`},
		nil, inOneRun},
	{"add a column after the table was rewritten", []string{`ALTER TABLE users ADD plan text DEFAULT 'free' NOT NULL`},
		[]string{`UPDATE users SET plan = 'pro', age = 5000000000 WHERE id = 2`}, nil},
	{"add a column, and rename it while changes come", []string{`ALTER TABLE users ADD q int DEFAULT 4`, `UPDATE users SET q = 5 WHERE id = 2`,
		`ALTER TABLE users RENAME q TO quota`}, []string{`UPDATE users SET quota = 6 WHERE id = 5`}, nil},
	{"set a default, and add an index", []string{`CREATE INDEX ON users (score)`, `ALTER TABLE users ADD late int`,
		`ALTER TABLE users ALTER late SET DEFAULT 7`}, []string{`INSERT INTO users (id, name, score) VALUES (8, 'gus', 3)`}, nil},
	{"rename the key", []string{`ALTER TABLE users RENAME id TO user_id`},
		[]string{`UPDATE users SET user_id = 9 WHERE user_id = 7`, `DELETE FROM users WHERE user_id = 4`}, nil},
	{"several in one transaction", []string{`BEGIN`, `ALTER TABLE users ADD a int DEFAULT 1, ADD b int DEFAULT 2 NOT NULL`,
		`ALTER TABLE users RENAME role TO part`, `COMMIT`},
		[]string{`INSERT INTO users (user_id, name, score) VALUES (10, 'hal', 1)`}, stageOnly},
	{"in the middle of a transaction", []string{`BEGIN`, `UPDATE users SET a = 5 WHERE user_id = 2`, `ALTER TABLE users ADD c int DEFAULT 3`,
		`ALTER TABLE users RENAME a TO aa`,
		`UPDATE users SET aa = 6 WHERE user_id = 5`, `COMMIT`}, nil, nil},
	{"drop a column", []string{`ALTER TABLE users DROP code`}, []string{`UPDATE users SET aa = 7 WHERE user_id = 6`}, nil},
}

// keyless are those of a table without a key.
var keyless = []migration{
	{"add with a default", []string{`ALTER TABLE events ADD at text NOT NULL DEFAULT 'here'`},
		[]string{`DELETE FROM events WHERE ctid = '(0,1)'`, `INSERT INTO events VALUES ('c', 3, 'there')`}, nil},
	{"rename", []string{`ALTER TABLE events RENAME kind TO what`},
		[]string{`DELETE FROM events WHERE what = 'b'`, `UPDATE events SET n = 9 WHERE what = 'c'`}, stageOnly},
	{"rename, and no row changes", []string{`ALTER TABLE events RENAME n TO count`}, nil, nil},
}

// Two hours' worth of migrations need no full load: after each, every cell is
// equal, and the view shows what the source has.
func TestMigrationsWithoutAFullLoad(t *testing.T) {
	t.Parallel()
	for table, of := range map[string]struct {
		made       []string
		migrations []migration
	}{"users": {usersTable, migrations}, "events": {eventsTable, keyless}} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, of.made...)
			w.must("full-load")
			w.must("views")
			for _, m := range of.migrations {
				w.exec(m.does...)
				w.exec(m.then...)
				for _, run := range m.until {
					w.must(strings.Fields(run)...)
				}
				w.fullyEqual(m.name)
				w.viewed(m.name, table)
			}
			w.must("load", "--repair")
			w.viewed("all built again from the ledger", table)
			if dones := w.dones(); dones != 1 {
				t.Errorf("%d full loads", dones)
			}
		})
	}
}

// dones counts the full loads of tables that the ledger has.
func (w *world) dones() (n int) {
	w.t.Helper()
	for _, e := range w.entries() {
		if e.Done != nil {
			n++
		}
	}
	return n
}

// viewed compares the view of a table with the source, column by column.
func (w *world) viewed(when, table string) {
	w.t.Helper()
	columns := strings.Split(w.ask(`SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = '`+table+
		`'::regclass AND attnum > 0 AND NOT attisdropped`), ",")
	var theirs, ours []string
	for _, c := range columns {
		theirs = append(theirs, `coalesce("`+c+`"::text, 'NULL')`)
		ours = append(ours, "coalesce(CAST(`"+c+"` AS STRING), 'NULL')")
	}
	want := w.ask(`SELECT string_agg(row, E'\n' ORDER BY row COLLATE "C") FROM (SELECT concat_ws('|', ` + strings.Join(theirs, ", ") +
		`) AS row FROM ` + table + `) t`)
	var rows []string
	for _, r := range w.sql("SELECT concat_ws('|', " + strings.Join(ours, ", ") + ") AS row FROM bronze." + table +
		"_current ORDER BY row").Rows {
		rows = append(rows, fmt.Sprint(r[0]))
	}
	if got := strings.Join(rows, "\n"); got != want {
		w.t.Fatalf("%s: the view of %s has\n%s\nand the source\n%s", when, table, shorten(got), shorten(want))
	}
}

func shorten(text string) string { return strings.ReplaceAll(text, strings.Repeat("a", 3000), "aaa") }
