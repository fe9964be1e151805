//go:build cgo && unix

package tests

import (
	"fmt"
	"strings"
	"testing"
)

// keptCase is a table, what happens to it, and what is kept beside its log then. All cases share
// one pipeline: after the statements of each step comes a cdc.
type keptCase struct {
	table, config string
	create        []string
	steps         [][]string
	shown         string // columns of current and history
	current       string // rows that are there
	periods       string // with what began them, and whether they last
}

// tx is one transaction.
func tx(statements ...string) []string {
	return append(append([]string{"BEGIN"}, statements...), "COMMIT")
}

func txs(transactions ...[]string) []string {
	var out []string
	for _, t := range transactions {
		out = append(out, t...)
	}
	return out
}

var keptCases = []keptCase{
	{
		table: "chain", shown: "id, length(big), v",
		create: []string{
			`CREATE TABLE chain (id int PRIMARY KEY, big text, v int)`, `ALTER TABLE chain ALTER big SET STORAGE EXTERNAL`,
			`INSERT INTO chain VALUES (1, repeat('x', 3000), 0), (20, repeat('y', 4000), 0)`,
		},
		steps: [][]string{
			{
				`UPDATE chain SET id = 2 WHERE id = 1`, `UPDATE chain SET id = 3 WHERE id = 2`, `UPDATE chain SET id = 4 WHERE id = 3`,
				`UPDATE chain SET id = 5 WHERE id = 4`,
				`UPDATE chain SET id = 6 WHERE id = 5`, `UPDATE chain SET id = 7 WHERE id = 6`, `UPDATE chain SET id = 8 WHERE id = 7`,
			},
			tx(`UPDATE chain SET id = 99 WHERE id = 8`, `UPDATE chain SET id = 8 WHERE id = 20`, `UPDATE chain SET id = 20 WHERE id = 99`),
			{`UPDATE chain SET v = 1`},
		},
		current: "20 3000 1\n8 4000 1",
		periods: "1 3000 0 snapshot false\n2 3000 0 insert false\n20 3000 0 update false\n20 3000 1 update true\n20 4000 0 snapshot false\n3 3000 0 insert false\n4 3000 0 insert false\n5 3000 0 insert false\n" +
			"6 3000 0 insert false\n7 3000 0 insert false\n8 3000 0 insert false\n8 4000 0 update false\n8 4000 1 update true",
	},
	{
		table: "often", shown: "id, v",
		create: []string{`CREATE TABLE often (id int PRIMARY KEY, v int)`, `INSERT INTO often VALUES (1, 1), (2, 2), (3, 3)`},
		steps: [][]string{
			txs(tx(`UPDATE often SET v = 10 WHERE id = 1`, `UPDATE often SET v = 11 WHERE id = 1`, `UPDATE often SET v = 12 WHERE id = 1`),
				tx(`UPDATE often SET v = 20 WHERE id = 2`, `UPDATE often SET v = 2 WHERE id = 2`), // back again: nothing changed
				tx(`DELETE FROM often WHERE id = 3`, `INSERT INTO often VALUES (3, 3)`),
				tx(`INSERT INTO often VALUES (4, 4)`, `DELETE FROM often WHERE id = 4`)),
			txs(tx(`DELETE FROM often WHERE id = 3`), tx(`INSERT INTO often VALUES (3, 3)`)),
			tx(`TRUNCATE often`, `INSERT INTO often VALUES (1, 12), (2, 22), (5, 5)`),
		},
		current: "1 12\n2 22\n5 5",
		periods: "1 1 snapshot false\n1 12 update true\n2 2 snapshot false\n2 22 update true\n3 3 insert false\n3 3 snapshot false\n5 5 insert true",
	},
	{
		table: "rescued", shown: "coalesce(CAST(d AS STRING), _rescued), coalesce(CAST(n AS STRING), '-')",
		create: []string{`CREATE TABLE rescued (d date PRIMARY KEY, n numeric(8,2))`,
			`INSERT INTO rescued VALUES ('infinity', 1), ('-infinity', 'NaN'), ('2024-01-01', 'NaN')`},
		steps: [][]string{
			{`UPDATE rescued SET n = 2 WHERE d = 'infinity'`, `UPDATE rescued SET n = n`},
			{`UPDATE rescued SET d = '2024-01-02' WHERE d = '-infinity'`, `UPDATE rescued SET n = 3 WHERE d = '2024-01-01'`},
			{`DELETE FROM rescued WHERE d = 'infinity'`, `UPDATE rescued SET d = 'infinity' WHERE d = '2024-01-01'`},
		},
		current: `2024-01-02 -` + "\n" + `{"d":"infinity"} 3.00`,
		periods: `2024-01-01 - snapshot false` + "\n" + `2024-01-01 3.00 update false` + "\n" + `2024-01-02 - insert true` + "\n" +
			`{"d":"-infinity","n":"NaN"} - snapshot false` + "\n" + `{"d":"infinity"} 1.00 snapshot false` + "\n" +
			`{"d":"infinity"} 2.00 update false` + "\n" + `{"d":"infinity"} 3.00 insert true`,
	},
	{
		table: "wider", shown: "id, n, p, f, t",
		create: []string{`CREATE TABLE wider (id smallint PRIMARY KEY, n int, p numeric(6,2), f real, t varchar(5))`,
			`INSERT INTO wider VALUES (1, 1, 1.5, 0.5, 'a'), (2, 2, 2.5, 0.25, 'b')`},
		steps: [][]string{
			{`ALTER TABLE wider ALTER n TYPE bigint, ALTER p TYPE numeric(12,2), ALTER t TYPE text`,
				`UPDATE wider SET n = 5000000000, p = 1234567.25 WHERE id = 1`},
			{`UPDATE wider SET t = 'longer than before'  WHERE id = 2`},
		},
		current: "1 5000000000 1234567.25 0.5 a\n2 2 2.50 0.25 longer than before",
		periods: "1 1 1.50 0.5 a snapshot false\n1 5000000000 1234567.25 0.5 a update true\n2 2 2.50 0.25 b snapshot false\n2 2 2.50 0.25 longer than before update true",
	},
	{
		table: "columns", shown: "id, v, extra",
		create: []string{`CREATE TABLE columns (id int PRIMARY KEY, v int, gone text)`, `INSERT INTO columns VALUES (1, 1, 'x'), (2, 2, 'y')`},
		steps: [][]string{
			{`ALTER TABLE columns ADD extra text`, `UPDATE columns SET v = 11, extra = 'new' WHERE id = 1`, `UPDATE columns SET v = v`},
			{`UPDATE columns SET extra = NULL WHERE id = 1`},
			{`ALTER TABLE columns DROP gone`, `UPDATE columns SET v = 22 WHERE id = 2`},
		},
		current: "1 11 <nil>\n2 22 <nil>",
		periods: "1 1 <nil> snapshot false\n1 11 <nil> update true\n1 11 new update false\n2 2 <nil> snapshot false\n2 22 <nil> update true",
	},
	{
		table: "Masked Table", shown: "length(id_no), length(e_mail), the_note",
		config: "[tables.\"public.Masked Table\"]\nnaming = \"snake_case\"\nmask = { \"Id No\" = \"hmac-sha256\", eMail = \"hmac-sha256\", \"The Note\" = { fixed = \"***\" } }\n",
		create: []string{`CREATE TABLE "Masked Table" ("Id No" text PRIMARY KEY, "eMail" text, "The Note" text)`,
			`INSERT INTO "Masked Table" VALUES ('1', 'a@b', 'n'), ('2', 'c@d', 'n')`},
		steps: [][]string{
			{`UPDATE "Masked Table" SET "eMail" = 'e@f' WHERE "Id No" = '1'`, `UPDATE "Masked Table" SET "The Note" = 'other'`},
			{`UPDATE "Masked Table" SET "Id No" = '3' WHERE "Id No" = '2'`},
		},
		current: "64 64 ***\n64 64 ***",
		periods: "64 64 *** insert true\n64 64 *** snapshot false\n64 64 *** snapshot false\n64 64 *** update true",
	},
	{
		table: "nested", shown: "id, to_json(j), to_json(m), to_json(d), to_json(a), id",
		config: "[tables.\"public.nested\"]\ntype = { j = \"VARIANT\" }\n",
		create: []string{
			`CREATE EXTENSION IF NOT EXISTS hstore`, `CREATE TABLE nested (id int PRIMARY KEY, j jsonb, m hstore, a int[], d real[])`,
			`INSERT INTO nested VALUES (1, '{"a": 1}', 'x=>1, y=>NULL', '{1,NULL}', '{0}'), (2, 'null', '', '{}', NULL)`,
		},
		steps: [][]string{
			{`UPDATE nested SET j = '{"a": 2}' WHERE id = 1`, `UPDATE nested SET m = 'y=>NULL, x=>1', j = j, a = '{1,NULL}'`,
				`UPDATE nested SET m = 'x=>1, y=>NULL' WHERE id = 1`},
			{`UPDATE nested SET a = '{1}', d = '{-0}' WHERE id = 1`, `UPDATE nested SET j = NULL WHERE id = 2`},
		},
		current: `1 {"a":2} {"x":"1","y":null} [-0.0] [1] 1` + "\n" + `2 <nil> {"x":"1","y":null} <nil> [1,null] 2`,
		periods: `1 {"a":1} {"x":"1","y":null} [0.0] [1,null] 1 snapshot false` + "\n" + `1 {"a":2} {"x":"1","y":null} [-0.0] [1] 1 update true` +
			"\n" + `1 {"a":2} {"x":"1","y":null} [0.0] [1,null] 1 update false` + "\n" +
			`2 <nil> {"x":"1","y":null} <nil> [1,null] 2 update true` + "\n" + `2 null {"x":"1","y":null} <nil> [1,null] 2 update false` + "\n" +
			`2 null {} <nil> [] 2 snapshot false`,
	},
	{
		table: "parted", shown: "id, part, v",
		create: []string{
			`CREATE TABLE parted (id int, part int, v text, PRIMARY KEY (id, part)) PARTITION BY RANGE (part)`,
			`CREATE TABLE parted_a PARTITION OF parted FOR VALUES FROM (0) TO (10)`,
			`CREATE TABLE parted_b PARTITION OF parted FOR VALUES FROM (10) TO (20)`,
			`INSERT INTO parted VALUES (1, 1, 'a'), (2, 11, 'b')`,
		},
		steps: [][]string{
			{`UPDATE parted SET part = 12 WHERE id = 1`, `UPDATE parted SET v = 'B' WHERE id = 2`},
			{`CREATE TABLE parted_c PARTITION OF parted FOR VALUES FROM (20) TO (30)`, `INSERT INTO parted VALUES (3, 21, 'c')`,
				`UPDATE parted SET part = 1 WHERE id = 2`},
		},
		current: "1 12 a\n2 1 B\n3 21 c",
		periods: "1 1 a snapshot false\n1 12 a insert true\n2 1 B insert true\n2 11 B update false\n2 11 b snapshot false\n3 21 c insert true",
	},
	{
		table: "full_identity", shown: "id, v, length(big)",
		create: []string{
			`CREATE TABLE full_identity (id int PRIMARY KEY, v text, big text)`, `ALTER TABLE full_identity REPLICA IDENTITY FULL`,
			`ALTER TABLE full_identity ALTER big SET STORAGE EXTERNAL`,
			`INSERT INTO full_identity VALUES (1, 'a', repeat('x', 3000)), (2, 'b', NULL)`,
		},
		steps: [][]string{
			{`UPDATE full_identity SET v = 'A' WHERE id = 1`, `UPDATE full_identity SET id = 3 WHERE id = 1`},
			{`DELETE FROM full_identity WHERE id = 2`, `UPDATE full_identity SET v = 'c' WHERE id = 3`},
		},
		current: "3 c 3000",
		periods: "1 A 3000 update false\n1 a 3000 snapshot false\n2 b <nil> snapshot false\n3 A 3000 insert false\n3 c 3000 update true",
	},
	{
		table: "said_key", shown: "id, v", config: "[tables.\"public.said_key\"]\nkey = [\"id\"]\n",
		create: []string{`CREATE TABLE said_key (id int NOT NULL, v text)`, `ALTER TABLE said_key REPLICA IDENTITY FULL`,
			`INSERT INTO said_key VALUES (1, 'a'), (2, 'b'), (3, 'c')`},
		steps: [][]string{
			{`UPDATE said_key SET v = 'A' WHERE id = 1`, `DELETE FROM said_key WHERE id = 2`},
			{`UPDATE said_key SET id = 2 WHERE id = 3`, `UPDATE said_key SET v = v`},
		},
		current: "1 A\n2 c",
		periods: "1 A update true\n1 a snapshot false\n2 b snapshot false\n2 c insert true\n3 c snapshot false",
	},
}

// keysOfTypes are types of keys, with two values, one that another row moves to, and what the
// target shows of them.
var keysOfTypes = []struct{ typ, one, two, three string }{
	{"uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
	{"text", "", `it's "q" \ ü ` + "\n" + `{"$x":1}`, " "},
	{"numeric", "1.10", "-0.000001", "NaN"},
	{"numeric(38,0)", "99999999999999999999999999999999999999", "0", "-1"},
	{"timestamptz", "2024-03-31 01:30:00.000001+00", "1582-10-10 00:00:00+00", "infinity"},
	{"timestamp", "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "-infinity"},
	{"bytea", `\x`, `\x00ff`, `\x27`},
	{"boolean", "true", "false", ""},
	{"double precision", "-0", "NaN", "1e300"},
	{"real", "0.1", "Infinity", "0"},
	{"inet", "10.0.0.1/8", "::1", "1.2.3.4"},
	{"char(4)", "a", "", "ü"},
	{"bigint", "9223372036854775807", "-1", "0"},
}

func keyCases() []keptCase {
	var out []keptCase
	for i, k := range keysOfTypes {
		table := fmt.Sprintf("key_%d", i)
		value := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
		c := keptCase{
			table: table, shown: "v",
			create: []string{"CREATE TABLE " + table + " (k " + k.typ + " PRIMARY KEY, v int)",
				"INSERT INTO " + table + " VALUES (" + value(k.one) + ", 1), (" + value(k.two) + ", 2)"},
			steps: [][]string{
				{"UPDATE " + table + " SET v = 10 WHERE v = 1", "UPDATE " + table + " SET v = v"},
				{"DELETE FROM " + table + " WHERE v = 2", "INSERT INTO " + table + " VALUES (" + value(k.two) + ", 3)"},
			},
			current: "10\n3", periods: "1 snapshot false\n10 update true\n2 snapshot false\n3 insert true",
		}
		if k.three != "" {
			c.steps = append(c.steps, []string{"UPDATE " + table + " SET k = " + value(k.three) + " WHERE v = 3"},
				[]string{"UPDATE " + table + " SET v = v + 1"})
			c.current, c.periods = "11\n4",
				"1 snapshot false\n10 update false\n11 update true\n2 snapshot false\n3 insert false\n3 insert false\n4 update true"
		}
		out = append(out, c)
	}
	return append(out, keptCase{
		table: "composite", shown: "a, b, v",
		create: []string{`CREATE TABLE composite (a text, b timestamptz, v int, PRIMARY KEY (b, a))`,
			`INSERT INTO composite VALUES ('x', 'infinity', 1), ('x', '2024-01-01Z', 2), ('y', 'infinity', 3)`},
		steps: [][]string{{`UPDATE composite SET v = 10 WHERE v = 1`, `UPDATE composite SET b = 'infinity', a = 'z' WHERE v = 2`,
			`DELETE FROM composite WHERE v = 3`}},
		current: "x <nil> 10\nz <nil> 2",
		periods: "x 2024-01-01 00:00:00 +0000 UTC 2 snapshot false\nx <nil> 1 snapshot false\nx <nil> 10 update true\ny <nil> 3 snapshot false\nz <nil> 2 insert true",
	}, keptCase{ // 0.0 and -0.0 are one key in Postgres
		table: "zero", shown: "k, v",
		create:  []string{`CREATE TABLE zero (k double precision PRIMARY KEY, v int)`, `INSERT INTO zero VALUES ('0', 1)`},
		steps:   [][]string{{`UPDATE zero SET v = 2`}, {`UPDATE zero SET k = '-0'`}, {`UPDATE zero SET v = 3`}},
		current: "-0 3", periods: "-0 2 update false\n-0 3 update true\n0 1 snapshot false\n0 2 update false",
	})
}

// TestKeptKinds keeps tables of all kinds beside their logs through batches, and through a full
// load that changes nothing.
func TestKeptKinds(t *testing.T) {
	t.Parallel()
	for name, cases := range map[string][]keptCase{"tables": keptCases, "keys": keyCases()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keptKinds(t, cases)
		})
	}
}

func keptKinds(t *testing.T, cases []keptCase) {
	w := keeping(t)
	w.env = append(w.env, "INGEST_MASK_KEY=0123456789abcdef0123456789abcdef")
	config, steps := "", 0
	for _, c := range cases {
		config += c.config
		steps = max(steps, len(c.steps))
		w.exec(c.create...)
	}
	config = w.config(config)
	w.must("full-load", "--config", config)
	for n := range steps {
		for _, c := range cases {
			if n < len(c.steps) {
				w.exec(c.steps[n]...)
			}
		}
		if r := w.must("cdc", "--config", config); strings.Contains(r.stderr+r.stdout, "quarantined") {
			t.Errorf("%s", r)
		}
	}
	check := func(when string) {
		for _, c := range cases {
			table := strings.ReplaceAll(strings.ToLower(c.table), " ", "_")
			if got := w.lines("SELECT " + c.shown + " FROM bronze." + table + "_current WHERE _deleted_ts IS NULL"); got != c.current {
				t.Errorf("%s: current of %s:\n%s\nwant\n%s", when, c.table, got, c.current)
			}
			if got := w.lines("SELECT " + c.shown + ", _op, __END_AT IS NULL FROM bronze." + table + "_history"); got != c.periods {
				t.Errorf("%s: history of %s:\n%s\nwant\n%s", when, c.table, got, c.periods)
			}
		}
	}
	check("after changes")
	w.must("verify", "--full", "--config", config)
	before := map[string]string{}
	all := func(c keptCase) string {
		return w.lines("SELECT * FROM bronze." + strings.ReplaceAll(strings.ToLower(c.table), " ", "_") + "_history")
	}
	for _, c := range cases {
		before[c.table] = all(c)
	}
	w.must("full-load", "--config", config)
	for _, c := range cases {
		if now := all(c); now != before[c.table] {
			t.Errorf("history of %s after a full load that changes nothing:\n%s\nbefore:\n%s", c.table, now, before[c.table])
		}
	}
	check("after a full load that changes nothing")
}
