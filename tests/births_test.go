//go:build cgo && unix

package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// formerDefaults are values that Postgres keeps for rows that were there.
var formerDefaults = []string{
	`smallint DEFAULT -32768`, `bigint DEFAULT -9223372036854775808`, `real DEFAULT 'NaN'`, `real DEFAULT 0.1`,
	`float8 DEFAULT '-Infinity'`, `float8 DEFAULT 1e-300`,
	`numeric DEFAULT 1e60`, `numeric DEFAULT 12.5`, `numeric(10,2) DEFAULT 1.5`, `numeric(38,4) DEFAULT -0.0001`,
	`boolean DEFAULT false`, `text DEFAULT ''`,
	`text DEFAULT E'a ''quoted'' \\ back, \${x} and "more"\nline\u2028'`, `char(5) DEFAULT 'ab'`, `bytea DEFAULT '\xdeadbeef00'`,
	`bytea DEFAULT ''`, `date DEFAULT '0001-01-01'`,
	`date DEFAULT '9999-12-31'`, `date DEFAULT 'infinity'`, `date DEFAULT '0044-03-15 BC'`, `timestamp DEFAULT '1999-12-31 23:59:59.999999'`,
	`timestamp DEFAULT '0001-01-01 00:00:00.000001'`,
	`timestamptz DEFAULT '2026-03-04 05:06:07.89+02'`, `timestamptz DEFAULT '-infinity'`, `time DEFAULT '24:00'`,
	`interval DEFAULT '1 year -2 days'`, `uuid DEFAULT '6f2c1c4e-3a4b-4c5d-8e9f-001122334455'`,
	`json DEFAULT '{"a": [1, "x"]}'`, `jsonb DEFAULT '{"b": null}'`, `int[] DEFAULT '{1,NULL,3}'`, `int[] DEFAULT '{}'`,
	`int[] DEFAULT '{{1,2},{3,4}}'`, `text[] DEFAULT '{"a,b",NULL,"q\"q",""}'`,
	`numeric(6,2)[] DEFAULT '{1.5,2}'`, `timestamptz[] DEFAULT '{2026-01-01 00:00:00+00}'`, `bytea[] DEFAULT '{"\\xff"}'`,
	`box DEFAULT '(1,1),(0,0)'`, `box[] DEFAULT '{(1,1),(0,0);(3,3),(2,2)}'`, `point DEFAULT '(1,2)'`,
	`inet DEFAULT '10.0.0.1/8'`, `int4range DEFAULT '[1,5)'`, `bit(4) DEFAULT B'1010'`, `tsvector DEFAULT 'a fat cat'`, `money DEFAULT 12.34`,
	`timestamptz DEFAULT now()`, `text DEFAULT current_user`,
}

// A default of any type is read in the log's form, before and after the first row that has its column.
func TestFormerDefaultsOfEveryType(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1), (2)`, `CREATE TABLE f (id int)`,
		`ALTER TABLE f REPLICA IDENTITY FULL`, `INSERT INTO f VALUES (1), (1)`)
	w.env = append(w.env, "INGEST_LOAD_JSON=variant")
	w.must("full-load")
	for _, table := range []string{"t", "f"} {
		var adds []string
		for i, d := range formerDefaults {
			adds = append(adds, fmt.Sprintf("ADD c%d %s", i, d))
		}
		w.exec(`INSERT INTO `+table+` VALUES (3)`, `ALTER TABLE `+table+` `+strings.Join(adds, ", "))
	}
	w.must("cdc")
	w.fullyEqual("before a row has the columns")
	w.exec(`INSERT INTO t VALUES (4)`, `UPDATE t SET c0 = 1 WHERE id = 2`, `DELETE FROM t WHERE id = 1`, `INSERT INTO f VALUES (4)`,
		`UPDATE f SET id = 5 WHERE ctid = '(0,1)'`)
	w.fullyEqual("after")
}

// fullyEqual insists that every cell of all tables is equal.
func (w *world) fullyEqual(when string) {
	w.t.Helper()
	if r := w.run("verify", "--full"); r.code != 0 {
		w.t.Fatalf("%s: %s", when, r)
	}
}

// A mask hides the default of older rows, and an excluded column has none. Once the column is no longer excluded, its table needs
// a full load.
func TestFormerDefaultsThatAreHidden(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1)`)
	file := filepath.Join(t.TempDir(), "ingest.toml")
	configure := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte("[tables.\"public.t\"]\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	configure("")
	w.env = append(w.env, "INGEST_CONFIG="+file, "INGEST_MASK_KEY=0123456789abcdef")
	w.must("full-load")
	w.must("views")
	w.exec(`ALTER TABLE t ADD email text DEFAULT 'secret@example.com', ADD phone text DEFAULT '555-secret', ADD city text DEFAULT 'secret town', ADD card text DEFAULT 'secret card'`)
	configure("exclude_columns = [\"card\"]\nmask = { email = \"hmac-sha256\", phone = \"null\", city = { fixed = \"***\" } }\n")
	w.must("cdc")
	w.fullyEqual("before a row has the columns")
	w.exec(`INSERT INTO t VALUES (2)`)
	w.must("cdc")
	w.fullyEqual("after")
	if got := fmt.Sprint(w.sql(
		"SELECT count(DISTINCT email), max(length(email)), max(city), max(phone) FROM bronze.t_current").Rows[0]); got != "[1 64 *** <nil>]" {
		t.Errorf("the view has %s", got)
	}
	for n := range w.entries() {
		raw, err := os.ReadFile(filepath.Join(w.root(), fmt.Sprintf("ledger/%020d.json", n+1)))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), "secret") {
			t.Errorf("entry %d tells a default that is hidden: %s", n+1, raw)
		}
	}
	configure("mask = { email = \"hmac-sha256\", phone = \"null\", city = { fixed = \"***\" } }\n")
	w.exec(`INSERT INTO t VALUES (3)`)
	w.must("cdc")
	if r := w.want(3, "status", "--exit-code"); !strings.Contains(r.stdout, `column "card" was excluded, and no longer is`) {
		t.Errorf("%s", r)
	}
}
