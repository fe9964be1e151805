//go:build cgo && unix

package tests

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ingest/internal/replicate"
	"ingest/internal/verify"
)

// schemaChange is a change of a table while rows of it change: in transactions
// before and after, and, unless it is apart, before and after it in its own
// transaction. {t} stands for the table, {id} for a number that no row has yet.
type schemaChange struct {
	name   string
	setup  []string // of the table and its first rows; default: baseTable
	apart  bool
	insert string // before the change; default: baseInsert
	change []string
	after  string   // an insert after the change; default: insert
	last   []string // of the stream; default: baseLast

	marks   []string // reasons for a full load, in the order of the ledger
	columns []string // of the parts of the entry, in order
	log     string   // columns to read of the log's rows behind the snapshot; default: id, v
	rows    []string // its answer
	// differs: nothing in the WAL or the catalog tells, and verify has to.
	differs bool
}

var baseTable = []string{`CREATE TABLE {t} (id int PRIMARY KEY, v text)`, `INSERT INTO {t} VALUES (1, 'a'), (2, 'b')`}

const (
	baseInsert = `INSERT INTO {t} (id, v) VALUES ({id}, 'x')`
	baseLast   = `DELETE FROM {t} WHERE id = 1`
)

// typed is a table whose column v has a type, with values for its first rows.
func typed(sqlType, first, second string) []string {
	return []string{`CREATE TABLE {t} (id int PRIMARY KEY, v ` + sqlType + `)`, `INSERT INTO {t} VALUES (1, ` + first + `), (2, ` + second + `)`}
}

// partitioned is a table with the partitions p1 and p2.
var partitioned = []string{
	`CREATE TABLE {t} (id int, k int, v text, PRIMARY KEY (id, k)) PARTITION BY LIST (k)`,
	`CREATE TABLE {t}_p1 PARTITION OF {t} FOR VALUES IN (1)`, `CREATE TABLE {t}_p2 PARTITION OF {t} FOR VALUES IN (2)`,
	`INSERT INTO {t} VALUES (1, 1, 'a'), (2, 2, 'b')`,
}

const partitionedInsert = `INSERT INTO {t} VALUES ({id}, 1, 'x')`

var schemaChanges = []schemaChange{
	{
		name: "column added", change: []string{`ALTER TABLE {t} ADD c int`}, after: `INSERT INTO {t} VALUES ({id}, 'n', {id})`,
		columns: []string{"id INT, v STRING", "id INT, v STRING, c INT"}, log: "id, v, c",
		rows: []string{"insert 10 x NULL", "insert 11 x NULL", "insert 12 n 12", "insert 13 n 13", "delete 1 NULL NULL"},
	},
	{
		name: "column added with a default", change: []string{`ALTER TABLE {t} ADD c int DEFAULT 5`}, after: `INSERT INTO {t} VALUES ({id}, 'n')`,
		marks:   []string{`column "c" was added with a default, which older rows have too`},
		columns: []string{"id INT, v STRING", "id INT, v STRING, c INT"}, log: "id, v, c",
		rows: []string{"insert 10 x NULL", "insert 11 x NULL", "insert 12 n 5", "insert 13 n 5", "delete 1 NULL NULL"},
	},
	{
		name: "column added with a default that is gone", change: []string{`ALTER TABLE {t} ADD c int DEFAULT 5`, `ALTER TABLE {t} ALTER c DROP DEFAULT`}, after: `INSERT INTO {t} VALUES ({id}, 'n')`,
		marks:   []string{`column "c" was added with a default, which older rows have too`},
		columns: []string{"id INT, v STRING", "id INT, v STRING, c INT"}, log: "id, v, c",
		rows: []string{"insert 10 x NULL", "insert 11 x NULL", "insert 12 n NULL", "insert 13 n NULL", "delete 1 NULL NULL"},
	},
	{
		name: "column dropped", change: []string{`ALTER TABLE {t} DROP v`}, after: `INSERT INTO {t} VALUES ({id})`,
		columns: []string{"id INT, v STRING", "id INT"},
		rows:    []string{"insert 10 x", "insert 11 x", "insert 12 NULL", "insert 13 NULL", "delete 1 NULL"},
	},
	{
		name: "column dropped and added again with another type", change: []string{`ALTER TABLE {t} DROP v`, `ALTER TABLE {t} ADD v int`}, after: `INSERT INTO {t} VALUES ({id}, {id})`,
		marks:   []string{`column "v" was dropped and added again`},
		columns: []string{"id INT, v STRING", "id INT, v STRING"},
		rows:    []string{"insert 10 x", "insert 11 x", "insert 12 12", "insert 13 13", "delete 1 NULL"},
	},
	{
		name: "last column dropped and added again", change: []string{`ALTER TABLE {t} DROP v`, `ALTER TABLE {t} ADD v text`},
		marks:   []string{`column "v" was dropped and added again`},
		columns: []string{"id INT, v STRING"},
		rows:    []string{"insert 10 x", "insert 11 x", "insert 12 x", "insert 13 x", "delete 1 NULL"},
	},
	{
		name: "column dropped and added again behind another", setup: []string{`CREATE TABLE {t} (id int PRIMARY KEY, v text, z text)`, `INSERT INTO {t} VALUES (1, 'a', 'z'), (2, 'b', 'z')`},
		change:  []string{`ALTER TABLE {t} DROP v`, `ALTER TABLE {t} ADD v text`},
		marks:   []string{`column "v" was dropped and added again`},
		columns: []string{"id INT, v STRING, z STRING", "id INT, z STRING, v STRING"}, log: "id, v, z",
		rows: []string{"insert 10 x NULL", "insert 11 x NULL", "insert 12 x NULL", "insert 13 x NULL", "delete 1 NULL NULL"},
	},
	{
		name: "column renamed", change: []string{`ALTER TABLE {t} RENAME v TO w`}, after: `INSERT INTO {t} VALUES ({id}, 'n')`,
		marks:   []string{`column "v" was renamed to "w"`},
		columns: []string{"id INT, v STRING", "id INT, w STRING"}, log: "id, v, w",
		rows: []string{"insert 10 x NULL", "insert 11 x NULL", "insert 12 NULL n", "insert 13 NULL n", "delete 1 NULL NULL"},
	},
	{
		name: "table renamed", change: []string{`ALTER TABLE {t} RENAME TO {t}_new`}, after: `INSERT INTO {t}_new VALUES ({id}, 'n')`, last: []string{`DELETE FROM {t}_new WHERE id = 1`},
		columns: []string{"id INT, v STRING"},
		rows:    []string{"insert 10 x", "insert 11 x", "insert 12 n", "insert 13 n", "delete 1 NULL"},
	},
	{
		name: "partition attached", setup: partitioned, insert: partitionedInsert, last: []string{`DELETE FROM {t} WHERE id = 1`},
		change:  []string{`CREATE TABLE {t}_p3 (LIKE {t})`, `INSERT INTO {t}_p3 VALUES (3, 3, 'c')`, `ALTER TABLE {t} ATTACH PARTITION {t}_p3 FOR VALUES IN (3)`, `INSERT INTO {t}_p3 VALUES (4, 3, 'd')`},
		marks:   []string{`partition public.{t}_p3 was attached, and its rows were not sent`},
		columns: []string{"id INT, k INT, v STRING"}, log: "id, k, v",
		rows: []string{"insert 10 1 x", "insert 11 1 x", "insert 4 3 d", "insert 12 1 x", "insert 13 1 x", "delete 1 1 NULL"},
	},
	{
		name: "partition detached", setup: partitioned, insert: partitionedInsert, change: []string{`ALTER TABLE {t} DETACH PARTITION {t}_p2`},
		marks:   []string{`a partition was detached or dropped, and its rows were not sent as deletes`},
		columns: []string{"id INT, k INT, v STRING"}, log: "id, k, v",
		rows: []string{"insert 10 1 x", "insert 11 1 x", "insert 12 1 x", "insert 13 1 x", "delete 1 1 NULL"},
	},
	{
		name: "partition truncated", setup: partitioned, insert: partitionedInsert, change: []string{`TRUNCATE {t}_p2`}, differs: true,
		columns: []string{"id INT, k INT, v STRING"}, log: "id, k, v",
		rows: []string{"insert 10 1 x", "insert 11 1 x", "insert 12 1 x", "insert 13 1 x", "delete 1 1 NULL"},
	},
	{
		name: "table taken out of the publication and put back", change: []string{`ALTER PUBLICATION {pub} DROP TABLE {t}`, `INSERT INTO {t} VALUES (20, 'unseen')`, `ALTER PUBLICATION {pub} ADD TABLE {t}`},
		apart:   true,
		marks:   []string{`the table was taken out of the publication and put back: changes in between were not sent`},
		columns: []string{"id INT, v STRING"},
		rows:    []string{"insert 10 x", "insert 11 x", "insert 12 x", "insert 13 x", "delete 1 NULL"},
	},
	{
		name: "int to bigint", setup: typed("int", "1", "NULL"), insert: `INSERT INTO {t} VALUES ({id}, -7)`,
		change: []string{`ALTER TABLE {t} ALTER v TYPE bigint`}, after: `INSERT INTO {t} VALUES ({id}, 5000000000)`,
		columns: []string{"id INT, v INT", "id INT, v BIGINT"},
		rows:    []string{"insert 10 -7", "insert 11 -7", "insert 12 5000000000", "insert 13 5000000000", "delete 1 NULL"},
	},
	{
		name: "a key from smallint to bigint, by int", setup: []string{`CREATE TABLE {t} (id smallint PRIMARY KEY, v text)`, `INSERT INTO {t} VALUES (1, 'a'), (2, 'b')`},
		change:  []string{`ALTER TABLE {t} ALTER id TYPE int`, `INSERT INTO {t} VALUES (100000, 'i')`, `ALTER TABLE {t} ALTER id TYPE bigint`},
		columns: []string{"id SMALLINT, v STRING", "id INT, v STRING", "id BIGINT, v STRING"},
		rows:    []string{"insert 10 x", "insert 11 x", "insert 100000 i", "insert 12 x", "insert 13 x", "delete 1 NULL"},
	},
	{
		name: "bigint to int", setup: typed("bigint", "1", "NULL"), insert: `INSERT INTO {t} VALUES ({id}, 7)`, change: []string{`ALTER TABLE {t} ALTER v TYPE int`},
		columns: []string{"id INT, v BIGINT", "id INT, v BIGINT"},
		rows:    []string{"insert 10 7", "insert 11 7", "insert 12 7", "insert 13 7", "delete 1 NULL"},
	},
	{
		name: "varchar(3) to text", setup: typed("varchar(3)", "'a'", "NULL"), change: []string{`ALTER TABLE {t} ALTER v TYPE text`}, after: `INSERT INTO {t} VALUES ({id}, 'long')`,
		columns: []string{"id INT, v STRING", "id INT, v STRING"},
		rows:    []string{"insert 10 x", "insert 11 x", "insert 12 long", "insert 13 long", "delete 1 NULL"},
	},
	{
		name: "text to varchar(1), which may cut", setup: typed("text", "'a'", "'b  '"), change: []string{`ALTER TABLE {t} ALTER v TYPE varchar(1)`},
		marks:   []string{`column "v" changed its type from text to character varying(1)`},
		columns: []string{"id INT, v STRING", "id INT, v STRING"},
		rows:    []string{"insert 10 x", "insert 11 x", "insert 12 x", "insert 13 x", "delete 1 NULL"},
	},
	{
		name: "numeric(10,2) to numeric(12,2)", setup: typed("numeric(10,2)", "1.5", "'NaN'"), insert: `INSERT INTO {t} VALUES ({id}, 0.25)`,
		change: []string{`ALTER TABLE {t} ALTER v TYPE numeric(12,2)`}, after: `INSERT INTO {t} VALUES ({id}, 1234567890.12)`,
		columns: []string{"id INT, v DECIMAL(10,2)", "id INT, v DECIMAL(12,2)"},
		rows:    []string{"insert 10 0.25", "insert 11 0.25", "insert 12 1234567890.12", "insert 13 1234567890.12", "delete 1 NULL"},
	},
	{
		name: "numeric(10,2) to numeric(10,4)", setup: typed("numeric(10,2)", "1.5", "NULL"), insert: `INSERT INTO {t} VALUES ({id}, 0.25)`,
		change: []string{`ALTER TABLE {t} ALTER v TYPE numeric(10,4)`}, after: `INSERT INTO {t} VALUES ({id}, 0.1234)`,
		marks:   []string{`column "v" changed its type from numeric(10,2) to numeric(10,4)`},
		columns: []string{"id INT, v DECIMAL(10,2)", "id INT, v DECIMAL(10,2)"}, log: "id, v, _rescued",
		rows: []string{"insert 10 0.25 NULL", "insert 11 0.25 NULL", `insert 12 NULL {"v":"0.1234"}`, `insert 13 NULL {"v":"0.1234"}`, "delete 1 NULL NULL"},
	},
	{
		name: "int to numeric(12,2)", setup: typed("int", "1", "NULL"), insert: `INSERT INTO {t} VALUES ({id}, 7)`,
		change: []string{`ALTER TABLE {t} ALTER v TYPE numeric(12,2)`}, after: `INSERT INTO {t} VALUES ({id}, 7.25)`,
		columns: []string{"id INT, v INT", "id INT, v DECIMAL(12,2)"},
		rows:    []string{"insert 10 7.00", "insert 11 7.00", "insert 12 7.25", "insert 13 7.25", "delete 1 NULL"},
	},
	{
		name: "float4 to float8", setup: typed("float4", "0.1", "'NaN'"), insert: `INSERT INTO {t} VALUES ({id}, 0.5)`,
		change: []string{`ALTER TABLE {t} ALTER v TYPE float8`}, after: `INSERT INTO {t} VALUES ({id}, 0.1)`,
		columns: []string{"id INT, v FLOAT", "id INT, v DOUBLE"},
		rows:    []string{"insert 10 0.5", "insert 11 0.5", "insert 12 0.1", "insert 13 0.1", "delete 1 NULL"},
	},
	{
		name: "text to int", setup: typed("text", "'01'", "NULL"), insert: `INSERT INTO {t} VALUES ({id}, '007')`,
		change: []string{`ALTER TABLE {t} ALTER v TYPE int USING v::int`}, after: `INSERT INTO {t} VALUES ({id}, 7)`,
		marks:   []string{`column "v" changed its type from text to integer`},
		columns: []string{"id INT, v STRING", "id INT, v STRING"},
		rows:    []string{"insert 10 007", "insert 11 007", "insert 12 7", "insert 13 7", "delete 1 NULL"},
	},
	{
		name: "enum value added", setup: append([]string{`CREATE TYPE {t}_mood AS ENUM ('a', 'x')`}, typed("{t}_mood", "'a'", "NULL")...), apart: true,
		change: []string{`ALTER TYPE {t}_mood ADD VALUE 'new' BEFORE 'a'`}, after: `INSERT INTO {t} VALUES ({id}, 'new')`,
		columns: []string{"id INT, v STRING"},
		rows:    []string{"insert 10 x", "insert 11 x", "insert 12 new", "insert 13 new", "delete 1 NULL"},
	},
	{
		name: "table dropped and made again at once", change: []string{`DROP TABLE {t}`, `CREATE TABLE {t} (id int PRIMARY KEY, v text, c int)`, `INSERT INTO {t} VALUES (1, 'again')`}, after: `INSERT INTO {t} VALUES ({id}, 'n')`,
		marks:   []string{`the table was dropped and made again`},
		columns: []string{"id INT, v STRING"},
		rows:    []string{"insert 10 x", "insert 11 x"},
	},
	{
		name: "table dropped and made again", apart: true, change: []string{`DROP TABLE {t}`, `CREATE TABLE {t} (id int PRIMARY KEY, v text, c int)`, `INSERT INTO {t} VALUES (1, 'again')`}, after: `INSERT INTO {t} VALUES ({id}, 'n')`,
		marks:   []string{`the table was dropped and made again`},
		columns: []string{"id INT, v STRING"},
		rows:    []string{"insert 10 x", "insert 11 x"},
	},
	{
		name: "primary key changed", setup: []string{`CREATE TABLE {t} (id int PRIMARY KEY, k int NOT NULL)`, `INSERT INTO {t} VALUES (1, 101), (2, 102)`}, insert: `INSERT INTO {t} VALUES ({id}, {id} + 100)`,
		change:  []string{`ALTER TABLE {t} DROP CONSTRAINT {t}_pkey, ADD PRIMARY KEY (k)`},
		marks:   []string{`its key changed from (id) to (k)`},
		columns: []string{"id INT, k INT", "id INT, k INT"}, log: "id, k",
		rows: []string{"insert 10 110", "insert 11 111", "insert 12 112", "insert 13 113", "delete NULL 101"},
	},
	{
		name: "replica identity to full", change: []string{`ALTER TABLE {t} REPLICA IDENTITY FULL`, `UPDATE {t} SET id = 30 WHERE id = 2`},
		columns: []string{"id INT, v STRING", "id INT, v STRING"},
		rows:    []string{"insert 10 x", "insert 11 x", "delete 2 b", "insert 30 b", "insert 12 x", "insert 13 x", "delete 1 a"},
	},
	{
		name: "replica identity to full and nothing", change: []string{`ALTER TABLE {t} REPLICA IDENTITY FULL`, `UPDATE {t} SET v = 'c' WHERE id = 2`, `ALTER TABLE {t} REPLICA IDENTITY NOTHING`}, last: []string{`TRUNCATE {t}`},
		columns: []string{"id INT, v STRING", "id INT, v STRING", "id INT, v STRING"},
		rows:    []string{"insert 10 x", "insert 11 x", "update 2 c", "insert 12 x", "insert 13 x", "truncate NULL NULL"},
	},
	{
		name: "replica identity to full, nothing and index", setup: []string{`CREATE TABLE {t} (id int PRIMARY KEY, u int NOT NULL, CONSTRAINT {t}_u UNIQUE (u))`, `INSERT INTO {t} VALUES (1, 101), (2, 102)`}, insert: `INSERT INTO {t} VALUES ({id}, {id} + 100)`,
		change: []string{`ALTER TABLE {t} REPLICA IDENTITY FULL`, `UPDATE {t} SET u = 103 WHERE id = 2`, `ALTER TABLE {t} REPLICA IDENTITY NOTHING`, `INSERT INTO {t} VALUES (5, 105)`, `ALTER TABLE {t} REPLICA IDENTITY USING INDEX {t}_u`},
		// When it is drained, the catalog shows the first identity again.
		last:    []string{baseLast, `ALTER TABLE {t} REPLICA IDENTITY DEFAULT`},
		marks:   []string{`its key changed from (id) to (u)`},
		columns: []string{"id INT, u INT", "id INT, u INT", "id INT, u INT", "id INT, u INT"}, log: "id, u",
		rows: []string{"insert 10 110", "insert 11 111", "update 2 103", "insert 5 105", "insert 12 112", "insert 13 113", "delete NULL 101"},
	},
}

// changing is a world with a table for each schemaChange.
type changing struct {
	*world
	publication string
}

func table(i int) string { return fmt.Sprintf("c%02d", i) }

// fill replaces the place holders of a text.
func (w *changing) fill(text string, i, id int) string {
	return strings.NewReplacer("{t}", table(i), "{id}", fmt.Sprint(id), "{pub}", w.publication).Replace(text)
}

func (w *changing) each(i, id int, statements ...string) {
	w.t.Helper()
	for _, s := range statements {
		w.exec(w.fill(s, i, id))
	}
}

func newChanging(t *testing.T) *changing {
	t.Helper()
	w := &changing{world: newWorld(t)}
	for i := range schemaChanges {
		c := &schemaChanges[i]
		setup := c.setup
		if setup == nil {
			setup = baseTable
		}
		w.each(i, 0, setup...)
	}
	w.must("full-load")
	w.publication = w.ask(`SELECT string_agg(DISTINCT quote_ident(pubname), '') FROM pg_publication_tables`)
	return w
}

// change makes the schema changes, each in the middle of its table's stream.
func (w *changing) change() {
	w.t.Helper()
	for i, c := range schemaChanges {
		insert := or(c.insert, baseInsert)
		after := or(c.after, insert)
		w.each(i, 10, insert)
		if c.apart {
			w.each(i, 11, insert)
			w.each(i, 0, c.change...)
			w.each(i, 12, after)
		} else {
			w.exec("BEGIN")
			w.each(i, 11, insert)
			w.each(i, 0, c.change...)
			w.each(i, 12, after)
			w.exec("COMMIT")
		}
		w.each(i, 13, after)
		if c.last == nil {
			c.last = []string{baseLast}
		}
		w.each(i, 0, c.last...)
	}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// staged gives the columns of a table's parts and the reasons of its marks, in
// the order of the ledger.
func (w *changing) staged(i int) (columns, marks []string) {
	w.t.Helper()
	for _, e := range w.entries() {
		if e.Changes == nil {
			continue
		}
		for _, part := range e.Changes.Tables {
			if part.Table.Name != table(i) {
				continue
			}
			var list []string
			for _, c := range part.Columns {
				list = append(list, c.Name+" "+c.Type.String())
			}
			columns = append(columns, strings.Join(list, ", "))
		}
		for _, m := range e.Changes.Reload {
			if m.Table.Name == table(i) {
				marks = append(marks, m.Reason)
			}
		}
	}
	return columns, marks
}

// log gives the rows of a table's log behind its snapshot.
func (w *changing) log(i int, columns string) []string {
	w.t.Helper()
	target := w.target.Table(table(i)).String()
	answer := w.sql("SELECT _op, " + columns + " FROM " + target + " WHERE _op <> 'snapshot' ORDER BY _entry, _commit_lsn, _seq")
	var rows []string
	for _, r := range answer.Rows {
		var cells []string
		for _, v := range r {
			if v == nil {
				v = "NULL"
			}
			cells = append(cells, fmt.Sprint(v))
		}
		rows = append(rows, strings.Join(cells, " "))
	}
	return rows
}

// verified compares every cell of all tables.
func (w *changing) verified(code int) map[string]verify.Result {
	w.t.Helper()
	r := w.want(code, "verify", "--full", "--output", "json")
	var report replicate.VerifyReport
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil {
		w.t.Fatalf("%s: %v", r, err)
	}
	out := map[string]verify.Result{}
	for _, t := range report.Tables {
		out[t.Table.Name] = t
	}
	return out
}

// TestSchemaChangesInTheMiddleOfTheStream makes all changes of schemaChanges,
// drains them together, by both transports, and asserts of each what the log,
// the entries and the verification say, before and after a full load.
func TestSchemaChangesInTheMiddleOfTheStream(t *testing.T) {
	for _, transport := range []string{"peek", "stream"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			w := newChanging(t)
			w.must("views")
			if transport == "stream" {
				w.env = append(w.env, "INGEST_SOURCE_PEEK_MAX_WAL=1MiB")
				w.exec(`SELECT pg_logical_emit_message(false, 'more than 1 MB', repeat('x', 2000000))`)
			}
			w.change()
			w.must("cdc")
			verdicts := w.verified(1) // and nothing else is staged by it
			var reload []string
			for i, c := range schemaChanges {
				t.Run(c.name, func(t *testing.T) {
					defer func(outer *testing.T) { w.t = outer }(w.t)
					w.t = t
					w.asserts(i, &c, verdicts[table(i)])
				})
				if c.marks != nil || c.differs {
					reload = append(reload, table(i))
				}
			}
			w.must("full-load", "--tables", strings.Join(reload, ","))
			w.equal()
			w.must("views")
			for i := range schemaChanges {
				view := w.target.Table(table(i) + "_current").String()
				if got, want := fmt.Sprint(w.sql("SELECT count(*) FROM " + view).Rows[0][0]), w.ask("SELECT count(*) FROM "+w.source(i)); got != want {
					t.Errorf("%s: the view has %s rows, and the source %s", schemaChanges[i].name, got, want)
				}
			}
		})
	}
}

// TestSchemaChangesThatASnapshotHas takes a snapshot behind all changes before
// any of them is staged: none needs another full load, but for a further change
// behind the snapshot.
func TestSchemaChangesThatASnapshotHas(t *testing.T) {
	t.Parallel()
	w := newChanging(t)
	w.change()
	var tables []string
	for i := range schemaChanges {
		if w.source(i) == table(i) { // a new name would be another table to a full load
			tables = append(tables, table(i))
		}
	}
	w.must("full-load", "--tables", strings.Join(tables, ","))
	for i, c := range schemaChanges {
		w.each(i, 14, or(c.after, or(c.insert, baseInsert)))
		if c.name == "column renamed" || c.name == "text to int" {
			w.each(i, 15, `ALTER TABLE {t} ADD late int DEFAULT 1`, or(c.after, baseInsert))
		}
	}
	w.must("cdc")
	verdicts := w.verified(3)
	for i, c := range schemaChanges {
		var want []string
		if c.name == "column renamed" || c.name == "text to int" {
			want = []string{`column "late" was added with a default, which older rows have too`}
		}
		_, marks := w.staged(i)
		if diff := cmp.Diff(want, marks); diff != "" {
			t.Errorf("%s: marks differ (-want +got):\n%s", c.name, diff)
		}
		if v := verdicts[table(i)]; (v.Verdict == verify.Equal) != (want == nil) || v.Verdict == verify.Different {
			t.Errorf("%s: verified as %q (%s) %+v", c.name, v.Verdict, v.Reason, v.Differences)
		}
	}
}

// asserts compares what was staged, loaded and verified of a change.
func (w *changing) asserts(i int, c *schemaChange, verdict verify.Result) {
	w.t.Helper()
	columns, marks := w.staged(i)
	var want []string
	for _, m := range c.marks {
		want = append(want, w.fill(m, i, 0))
	}
	if diff := cmp.Diff(want, marks); diff != "" {
		w.t.Errorf("marks differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(c.columns, columns); diff != "" {
		w.t.Errorf("columns of the entries differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(c.rows, w.log(i, or(c.log, "id, v"))); diff != "" {
		w.t.Errorf("the log differs (-want +got):\n%s", diff)
	}
	wanted := verify.Equal
	switch {
	case c.differs:
		wanted = verify.Different
	case c.marks != nil:
		wanted = verify.NotVerified
	}
	if verdict.Verdict != wanted {
		w.t.Errorf("verified as %q (%s) %+v, want %q", verdict.Verdict, verdict.Reason, verdict.Differences, wanted)
	}
}

// source names a change's table as the source does now.
func (w *changing) source(i int) string {
	w.t.Helper()
	if w.ask("SELECT to_regclass('"+table(i)+"')::text") == "NULL" {
		return table(i) + "_new"
	}
	return table(i)
}

// equal insists that all tables are equal, and none marked.
func (w *changing) equal() {
	w.t.Helper()
	for name, v := range w.verified(0) {
		if v.Verdict != verify.Equal {
			w.t.Errorf("%s is %s: %s", name, v.Verdict, v.Reason)
		}
	}
}
