//go:build cgo && unix

package tests

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/verify"
)

const wasRewritten = "was written as a whole since"

// rewrites are tables that get a column between two runs, and whether older
// rows may have a value in it.
var rewrites = []struct {
	name   string
	setup  []string // default: baseTable
	change []string
	after  string
	mark   string // a part of the reason; "" for none
}{
	{
		name:   "default dropped, VACUUM FULL",
		change: []string{`ALTER TABLE {t} ADD c int DEFAULT 7`, `ALTER TABLE {t} ALTER c DROP DEFAULT`, `VACUUM FULL {t}`},
		mark:   wasRewritten,
	},
	{
		name:   "default dropped, CLUSTER",
		change: []string{`ALTER TABLE {t} ADD c int DEFAULT 7`, `ALTER TABLE {t} ALTER c DROP DEFAULT`, `CLUSTER {t} USING {t}_pkey`},
		mark:   wasRewritten,
	},
	{
		name:   "added with a rewriting change of type",
		setup:  []string{`CREATE TABLE {t} (id int PRIMARY KEY, v text, n int)`, `INSERT INTO {t} VALUES (1, 'a', 1)`},
		change: []string{`ALTER TABLE {t} ADD c int DEFAULT 7, ALTER n TYPE bigint`, `ALTER TABLE {t} ALTER c DROP DEFAULT`}, mark: wasRewritten},
	{
		name:   "volatile default, dropped",
		change: []string{`ALTER TABLE {t} ADD c float DEFAULT random()`, `ALTER TABLE {t} ALTER c DROP DEFAULT`},
		mark:   wasRewritten,
	},
	{
		name:   "identity, dropped",
		change: []string{`ALTER TABLE {t} ADD c int GENERATED ALWAYS AS IDENTITY`, `ALTER TABLE {t} ALTER c DROP IDENTITY`},
		after:  `INSERT INTO {t} (id, c) VALUES ({id}, 1)`,
		mark:   wasRewritten,
	},
	{name: "the rewriting alone", change: []string{`VACUUM FULL {t}`}},
	{name: "the column alone", change: []string{`ALTER TABLE {t} ADD c int`}},
	{name: "rewritten, and the column after the next run", change: []string{`VACUUM FULL {t}`, `-- run`, `ALTER TABLE {t} ADD c int`}},
	{
		name:  "one partition",
		setup: partitioned,
		change: []string{`ALTER TABLE {t} ADD c int DEFAULT 7`, `ALTER TABLE {t} ALTER c DROP DEFAULT`,
			`VACUUM FULL {t}_p1`, `VACUUM FULL {t}_p2`},
		after: `INSERT INTO {t} (id, k) VALUES (12, 1)`, mark: wasRewritten},
	{
		name:   "a partition that keeps the default",
		setup:  partitioned,
		change: []string{`ALTER TABLE {t} ADD c int DEFAULT 7`, `ALTER TABLE {t} ALTER c DROP DEFAULT`},
		after:  `INSERT INTO {t} (id, k) VALUES (12, 1)`},
	{
		name:   "a partition that is new",
		setup:  partitioned,
		change: []string{`CREATE TABLE {t}_p3 PARTITION OF {t} FOR VALUES IN (3)`, `ALTER TABLE {t} ADD c int`},
		after:  `INSERT INTO {t} (id, k) VALUES (12, 3)`,
	},
}

// TestNewColumnOfATableThatWasRewritten: after a rewrite, only another relfilenode shows that a column may have been added with a
// default.
func TestNewColumnOfATableThatWasRewritten(t *testing.T) {
	t.Parallel()
	for _, sees := range []string{"the message", "the look"} { // of what is seen first
		t.Run(sees, func(t *testing.T) {
			t.Parallel()
			w := &changing{world: newWorld(t)}
			for i, r := range rewrites {
				setup := r.setup
				if setup == nil {
					setup = baseTable
				}
				w.each(i, 0, setup...)
				w.each(i, 0, `VACUUM FULL {t}`) // of before the snapshot
			}
			w.must("full-load")
			ahead := func(until bool) {
				for i, r := range rewrites {
					did := false
					for _, s := range r.change {
						if did = did || s == `-- run`; did == until && s != `-- run` {
							w.each(i, 0, s)
						}
					}
				}
			}
			ahead(false)
			w.exec(`CREATE TABLE unrelated (id int PRIMARY KEY)`)
			w.must("cdc", "--snapshot-new") // and is not owed an entry for a rewriting alone
			w.exec(`INSERT INTO unrelated VALUES (1)`)
			w.must("cdc")
			ahead(true)
			for i, r := range rewrites {
				if sees == "the message" {
					w.each(i, 12, or(r.after, `INSERT INTO {t} (id) VALUES ({id})`))
				}
			}
			w.must("cdc")
			reasons := w.reload()
			verdicts := w.verified(3)
			for i, r := range rewrites {
				got := reasons[table(i)]
				if r.mark == "" && got != "" || !strings.Contains(got, r.mark) {
					t.Errorf("%s: marked because %q, want %q", r.name, got, r.mark)
				}
				if v := verdicts[table(i)]; r.mark != "" && v.Verdict != verify.NotVerified || v.Verdict == verify.Different {
					t.Errorf("%s: verified as %q (%s)", r.name, v.Verdict, v.Reason)
				}
			}
			var list []string
			for name := range reasons {
				list = append(list, name)
			}
			w.must("full-load", "--tables", strings.Join(list, ","))
			if after := w.reload(); len(after) > 0 {
				t.Errorf("after the full load: %v", after)
			}
		})
	}
}

// unwitnessed makes the ledger one of a version that noted nothing of the
// catalog.
func (w *world) unwitnessed() {
	w.t.Helper()
	previous := ""
	for n := int64(1); ; n++ {
		path := filepath.Join(w.root(), ledger.FileName(n))
		raw, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return
		}
		if err != nil {
			w.t.Fatal(err)
		}
		var entry map[string]any
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		if err := dec.Decode(&entry); err != nil {
			w.t.Fatal(err)
		}
		for _, body := range []string{"done", "changes"} {
			if b, ok := entry[body].(map[string]any); ok {
				delete(b, "witness")
				delete(b, "witnesses")
			}
		}
		entry["previous"] = previous
		if raw, err = json.Marshal(entry); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			w.t.Fatal(err)
		}
		sum := sha256.Sum256(raw)
		previous = hex.EncodeToString(sum[:])
	}
}

// TestLedgerWithoutWitnesses: a ledger of an older version marks nothing for
// what it does not know, begins to note it, and marks what comes after. Of a new
// column it takes the safe side.
func TestLedgerWithoutWitnesses(t *testing.T) {
	t.Parallel()
	w := &changing{world: newWorld(t, `CREATE TABLE quiet (id int PRIMARY KEY)`, `CREATE TABLE rewritten (id int PRIMARY KEY)`,
		`VACUUM FULL rewritten`, `INSERT INTO quiet VALUES (1)`, `INSERT INTO rewritten VALUES (1)`)}
	w.must("full-load")
	w.unwitnessed()
	pub := w.ask(`SELECT quote_ident(pubname) FROM pg_publication WHERE pubupdate`)
	w.exec(`ALTER PUBLICATION ` + pub + ` SET (publish = 'insert, update, delete, truncate')`)
	before := len(w.entries())
	for range 2 {
		w.must("cdc")
		if got := w.reload(); len(got) > 0 {
			t.Errorf("marked by an older ledger: %v", got)
		}
		if after := len(w.entries()); after != before+1 {
			t.Errorf("%d entries came, want one that notes how the tables are published", after-before)
		}
	}
	w.unwitnessed()
	w.exec(`ALTER TABLE rewritten ADD c int`)
	w.must("cdc")
	if got := w.reload(); !strings.Contains(got["rewritten"], wasRewritten) || got["quiet"] != "" {
		t.Errorf("marked for a new column by an older ledger: %v", got)
	}
	w.exec(`ALTER PUBLICATION `+pub+` SET (publish = 'insert')`,
		`ALTER PUBLICATION `+pub+` SET (publish = 'insert, update, delete, truncate')`)
	w.must("cdc")
	if got := w.reload()["quiet"]; !strings.Contains(got, "for a while it may have sent less") {
		t.Errorf("marked because %q", got)
	}
}

var publicationReasons = regexp.MustCompile(`publication|published`)

// TestPublicationThatSentLessForAWhile: no message shows what a publication does not send. Its row in the catalog shows that it
// was altered, even if it sends everything again. Of the cases that are like another one an ordinary run takes one, and
// INGEST_TEST_KILLS=all takes all.
func TestPublicationThatSentLessForAWhile(t *testing.T) {
	t.Parallel()
	whole := `ALTER PUBLICATION {pub} SET (publish = 'insert, update, delete, truncate')`
	type publicationCase struct {
		name   string
		made   string   // of a publication that somebody made, behind its name; "" for those that ingest makes
		change []string // {pub} and {inserts} stand for the publications
		then   []string // after the next run
		marked string   // tables; all others are not
		more   bool     // another one is of its kind
	}
	cases := []publicationCase{
		{
			name:   "narrowed and put back",
			change: []string{`ALTER PUBLICATION {pub} SET (publish = 'insert')`, `UPDATE plain SET v = 'lost'`, `DELETE FROM parted`, whole},
			marked: "parted plain",
		},
		{
			name:   "narrowed, and put back after a run",
			more:   true,
			change: []string{`ALTER PUBLICATION {pub} SET (publish = 'insert, update, delete')`, `TRUNCATE plain`},
			then:   []string{whole},
			marked: "parted plain",
		},
		{name: "without the root for a while", more: true,
			change: []string{`ALTER PUBLICATION {pub} SET (publish_via_partition_root = false)`, `UPDATE parted SET v = 'lost'`,
				`ALTER PUBLICATION {pub} SET (publish_via_partition_root = true)`}, marked: "parted plain"},
		{
			name:   "without the root until after a run",
			change: []string{`ALTER PUBLICATION {pub} SET (publish_via_partition_root = false)`, `UPDATE parted SET v = 'lost'`},
			then:   []string{`ALTER PUBLICATION {pub} SET (publish_via_partition_root = true)`}, marked: "parted"},
		{
			name: "the other publication",
			change: []string{
				`ALTER PUBLICATION {inserts} SET (publish = '')`, `INSERT INTO keyless VALUES (9)`,
				`ALTER PUBLICATION {inserts} SET (publish = 'insert, truncate')`,
			},
			marked: "keyless",
		},
		{
			name: "a filter for a while",
			change: []string{
				`ALTER PUBLICATION {pub} SET TABLE plain WHERE (id > 5), parted`, `UPDATE plain SET v = 'lost'`,
				`ALTER PUBLICATION {pub} SET TABLE plain, parted`,
			},
			marked: "plain",
		},
		{
			name: "a column list for a while",
			more: true,
			change: []string{
				`ALTER PUBLICATION {pub} SET TABLE plain (id), parted`, `UPDATE plain SET v = 'lost'`,
				`ALTER PUBLICATION {pub} SET TABLE plain, parted`,
			},
			marked: "plain",
		},
		{
			name:   "taken out and put back",
			more:   true,
			change: []string{`ALTER PUBLICATION {pub} DROP TABLE plain`, `UPDATE plain SET v = 'lost'`, `ALTER PUBLICATION {pub} ADD TABLE plain`},
			marked: "plain",
		},
		{
			name:   "for all tables, narrowed and put back",
			more:   true,
			made:   `FOR ALL TABLES WITH (publish_via_partition_root = true)`,
			change: []string{`ALTER PUBLICATION {pub} SET (publish = 'insert')`, `UPDATE plain SET v = 'lost'`, whole},
			marked: "parted plain",
		},
		{name: "its schema taken out and put back", made: `FOR TABLES IN SCHEMA public WITH (publish_via_partition_root = true)`,
			change: []string{`ALTER PUBLICATION {pub} DROP TABLES IN SCHEMA public`, `UPDATE plain SET v = 'lost'`,
				`ALTER PUBLICATION {pub} ADD TABLES IN SCHEMA public`}, marked: "parted plain"},
		{
			name:   "more than before",
			made:   `FOR TABLE plain, parted WITH (publish = 'insert, update, delete', publish_via_partition_root = true)`,
			change: []string{whole},
		},
		{name: "another owner", change: []string{`ALTER PUBLICATION {pub} OWNER TO {role}`}},
		{name: "a comment, another table, vacuum", change: []string{`COMMENT ON PUBLICATION {pub} IS 'x'`,
			`CREATE TABLE more (id int PRIMARY KEY)`, `ALTER PUBLICATION {pub} ADD TABLE more`,
			`VACUUM (FREEZE) pg_catalog.pg_publication`, `VACUUM FULL pg_catalog.pg_publication`, `VACUUM FULL pg_catalog.pg_publication_rel`}},
	}
	var taken, more []publicationCase
	for _, c := range cases {
		if c.more {
			more = append(more, c)
		} else {
			taken = append(taken, c)
		}
	}
	taken = append(taken, sample(rand.New(rand.NewPCG(seed(t), 5)), 1, more)...)
	for _, c := range taken {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := &changing{world: newWorld(t, `CREATE TABLE plain (id int PRIMARY KEY, v text)`, `INSERT INTO plain VALUES (1, 'a'), (2, 'b')`,
				`CREATE TABLE keyless (id int)`,
				`CREATE TABLE parted (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)`, `CREATE TABLE parted_1 PARTITION OF parted DEFAULT`,
				`INSERT INTO parted VALUES (1, 'a'), (2, 'b')`)}
			if c.made != "" {
				w.exec(`DROP TABLE keyless`, `CREATE PUBLICATION made `+c.made)
				w.env = append(w.env, "INGEST_SOURCE_PUBLICATION=made")
			}
			w.must("full-load")
			role := "owner_" + w.name
			w.exec(`CREATE ROLE ` + role + ` SUPERUSER`)
			names := strings.NewReplacer("{pub}", w.ask(`SELECT quote_ident(pubname) FROM pg_publication WHERE pubupdate`),
				"{inserts}", w.ask(`SELECT min(quote_ident(pubname)) FROM pg_publication WHERE NOT pubupdate`), "{role}", role)
			for _, s := range c.change {
				w.exec(names.Replace(s))
			}
			w.must("cdc")
			for _, s := range c.then {
				w.exec(names.Replace(s))
			}
			if c.then != nil {
				w.must("cdc")
			}
			var list []string
			for name, reason := range w.reload() {
				if !strings.Contains(c.marked, name) || !publicationReasons.MatchString(reason) {
					t.Errorf("%s is marked: %s", name, reason)
				}
				list = append(list, name)
			}
			if want := strings.Fields(c.marked); len(list) != len(want) {
				t.Fatalf("marked are %q, want %q", list, want)
			}
			if len(list) == 0 {
				return
			}
			w.must("full-load", "--tables", strings.Join(list, ","))
			w.exec(`UPDATE plain SET v = 'after'`, `UPDATE parted SET v = 'after'`)
			w.must("cdc")
			if after := w.reload(); len(after) > 0 {
				t.Errorf("after the full load: %v", after)
			}
			w.must("verify", "--full", "--tables", "plain,parted")
			if status := w.run("status"); strings.Contains(status.stdout, "parted_1") {
				t.Errorf("a partition became a table of its own:\n%s", status)
			}
		})
	}
}
