//go:build cgo && unix

package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
)

// table gives the answer to a query as rows of texts.
func (b *bench) table(query string) [][]string {
	b.t.Helper()
	stdout, _ := b.works("sql", query, "--output", "json")
	var answer struct {
		Columns []string
		Rows    []map[string]any
	}
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil {
		b.t.Fatalf("%v in %s", err, stdout)
	}
	var out [][]string
	for _, row := range answer.Rows {
		var texts []string
		for _, c := range answer.Columns {
			text, ok := row[c].(string)
			if !ok {
				data, err := json.Marshal(row[c])
				if err != nil {
					b.t.Fatal(err)
				}
				text = string(data)
			}
			texts = append(texts, text)
		}
		out = append(out, texts)
	}
	return out
}

// holds compares the answer to a query.
func (b *bench) holds(query string, want ...[]string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.table(query)); diff != "" {
		b.t.Errorf("%s (-want +got):\n%s", query, diff)
	}
}

// neverKept fails if a file of the workspace holds a text.
func (b *bench) neverKept(texts ...string) {
	b.t.Helper()
	err := filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, text := range texts {
			if strings.Contains(string(data), text) {
				b.t.Errorf("%s holds %q", path, text)
			}
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// Masked and excluded values are in no file, on either read path. Renamed and retyped columns are the same by snapshot and by
// change.
func TestOptionsOfColumns(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec(
		`CREATE TABLE orders (id int PRIMARY KEY, "From" text, email text, phone text, note text, card text, price numeric, doc jsonb, n int)`,
		`CREATE FUNCTION fill(first int, last int) RETURNS void LANGUAGE sql AS $$
			INSERT INTO orders SELECT i, 'from ' || i, 'SECRETMAIL' || i % 2, 'SECRETPHONE' || i, nullif('SECRETNOTE' || i, 'SECRETNOTE2'), 'SECRETCARD' || i,
				i + 0.123456789012345678, jsonb_build_object('a', i), i FROM generate_series(first, last) i $$`,
		`SELECT fill(1, 2)`,
		`INSERT INTO orders (id, price) VALUES (3, 1e30), (4, 'NaN')`)
	b.configure(`[tables."public.orders"]
name = "orders_v2"
exclude_columns = ["card"]
rename = { From = "sender" }
type = { price = "DECIMAL(38,18)", n = "BIGINT" }
mask = { email = "hmac-sha256", phone = { fixed = "***" }, note = "null" }
json = "variant"
`)
	b.fails(failure.Usage, `column "email" has the mask hmac-sha256, but there is no key`, "INGEST_MASK_KEY", "full-load")
	b.noSlot()
	b.finds(failure.Usage, finding.Problem, "configuration",
		`ingest.toml:6: [tables."public.orders"]: column "email" has the mask hmac-sha256`, "INGEST_MASK_KEY")
	key := "hunter2hunter2hunter2"
	b.env["INGEST_MASK_KEY"], b.secrets = key, append(b.secrets, key)
	b.works("full-load")
	b.exec(`SELECT fill(5, 6)`, `UPDATE orders SET email = 'SECRETMAIL9', "From" = 'x' WHERE id = 1`,
		`INSERT INTO orders (id, price) VALUES (7, 1e30)`, `DELETE FROM orders WHERE id = 2`)
	b.works("cdc")
	const columns = "SELECT id, sender, phone, note, price, n, variant_get(doc, '$.a', 'int') AS a, _rescued FROM orders_v2 "
	b.holds(columns+"WHERE _op = 'snapshot' ORDER BY id",
		[]string{"1", "from 1", "***", "null", "1.123456789012345678", "1", "1", "null"},
		[]string{"2", "from 2", "***", "null", "2.123456789012345678", "2", "2", "null"},
		[]string{"3", "null", "null", "null", "null", "null", "null", `{"price":"1000000000000000000000000000000"}`},
		[]string{"4", "null", "null", "null", "null", "null", "null", `{"price":"NaN"}`})
	b.holds(columns+"WHERE _op = 'insert' ORDER BY id",
		[]string{"5", "from 5", "***", "null", "5.123456789012345678", "5", "5", "null"},
		[]string{"6", "from 6", "***", "null", "6.123456789012345678", "6", "6", "null"},
		[]string{"7", "null", "null", "null", "null", "null", "null", `{"price":"1000000000000000000000000000000"}`})
	b.holds(columns+"WHERE _op = 'update'", []string{"1", "x", "***", "null", "1.123456789012345678", "1", "1", "null"})
	// One value has one hash, whichever way it came; two values have two.
	b.holds("SELECT count(DISTINCT email) AS n, min(length(email)) AS least, max(length(email)) AS most FROM orders_v2",
		[]string{"3", "64", "64"})
	b.holds("SELECT count(DISTINCT email) AS n FROM orders_v2 WHERE id IN (2, 6)", []string{"1"})
	b.neverKept("SECRETMAIL", "SECRETPHONE", "SECRETNOTE", "SECRETCARD", key)
	for _, args := range [][]string{{"verify"}, {"verify", "--full"}} {
		b.works(args...)
	}
	b.exec(`CREATE TABLE changes_only (id int)`)
	b.works("views")
	b.holds("SELECT id, sender FROM orders_v2_current WHERE id < 3", []string{"1", "x"})

	// The options change: staging applies them at once, and the table is marked, because older rows do not have them.
	b.configure(`[tables."public.orders"]
name = "orders_v2"
exclude_columns = ["card"]
rename = { From = "sender" }
type = { price = "DECIMAL(38,18)" }
mask = { email = "hmac-sha256", phone = { fixed = "***" }, note = "null", n = "hmac-sha256" }
json = "variant"
`)
	b.exec(`INSERT INTO orders (id, n) VALUES (8, 424242)`)
	b.works("cdc")
	b.marked("public.orders", `column "n" has another mask`)
	b.neverKept("424242")
	b.fails(failure.Tables, "1 of 1 tables could not be verified", "", "verify", "--full", "--tables", "orders")
	b.works("full-load", "--tables", "orders")
	b.works("verify", "--full", "--tables", "orders")
	b.holds("SELECT length(n) AS n FROM orders_v2 WHERE id = 8", []string{"64"})
	b.env["INGEST_MASK_KEY"] = "anotheranotheranother"
	b.works("cdc")
	b.marked("public.orders", `column "email" has another mask`)
}

// marked fails unless status says that a table needs a full load, and why.
func (b *bench) marked(table, reason string) {
	b.t.Helper()
	stdout, _ := b.works("status", "--output", "json")
	var status struct {
		Tables []struct {
			Table  string
			Reload string `json:"reload_needed"`
		}
	}
	if err := json.Unmarshal([]byte(stdout), &status); err != nil {
		b.t.Fatalf("%v in %s", err, stdout)
	}
	for _, s := range status.Tables {
		if s.Table == table && strings.Contains(s.Reload, reason) {
			return
		}
	}
	b.t.Errorf("%s is not marked with %q in %s", table, reason, stdout)
}

func TestFlagsOfFollow(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for _, flag := range []string{"stage-every", "load-every", "max-duration"} {
		b.fails(failure.Usage, "--"+flag+" needs --follow", "add --follow", "cdc", "--"+flag, "10s")
	}
	b.fails(failure.Usage, "--max-duration 0s: want a duration above zero", "", "cdc", "--follow", "--max-duration", "0s")
	b.fails(failure.Usage, `--load-every: want at least 1ms, not 0s`, "", "cdc", "--follow", "--load-every", "0s")
	b.fails(failure.Usage, `--stage-every: want a duration with its unit`, "", "cdc", "--follow", "--stage-every", "10")
}

func TestOptionsForWhatIsNotThere(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec(`CREATE TABLE orders (id int PRIMARY KEY, email text)`)
	b.configure("[tables.\"public.ordres\"]\nmask = { email = \"null\" }\n")
	b.fails(failure.Usage, `ingest.toml:1: section [tables."public.ordres"] is for a table that is not in the source`,
		`did you mean [tables."public.orders"]?`, "full-load")
	b.configure("[tables.\"public.orders\"]\nmask = { emial = \"null\" }\n")
	b.fails(failure.Usage, `ingest.toml:2: [tables."public.orders"] mask names column "emial", which it does not have`,
		`did you mean "email"? its columns are id, email`, "full-load")
	b.configure("[tables.\"public.orders\"]\nrename = { email = \"ID\" }\n")
	b.fails(failure.Source, `columns "id" and "email" would both become "ID"`, "rename", "full-load")
	b.noSlot()
}

// version is the server's, such as 150020.
func (b *bench) version() (n int) {
	b.t.Helper()
	if err := b.admin.QueryRow(b.t.Context(), "SELECT current_setting('server_version_num')::int").Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	return n
}

// A snapshot follows the publication's row filter and column list, as changes do.
func TestRowFilterAndColumnList(t *testing.T) {
	t.Parallel()
	b := newBenchOn(t, pgtest.NewDatabaseSince(t, 15), nil) // the first with filters and lists
	b.exec(`CREATE TABLE orders (id int, country text, secret text, big text, PRIMARY KEY (id, country)) PARTITION BY RANGE (id)`,
		`CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM (0) TO (100)`,
		`CREATE TABLE orders_2 PARTITION OF orders FOR VALUES FROM (100) TO (200)`,
		`ALTER TABLE orders ALTER COLUMN big SET STORAGE EXTERNAL`,
		`INSERT INTO orders SELECT i, CASE WHEN i % 2 = 0 THEN 'CH' ELSE 'DE' END, 'SECRET' || i, repeat('x', 3000) FROM generate_series(90, 109) i`,
		`CREATE PUBLICATION made FOR TABLE orders (id, country, big) WHERE (country = 'CH') WITH (publish_via_partition_root = true)`)
	b.env["INGEST_SOURCE_PUBLICATION"] = "made"
	b.works("full-load")
	if n := b.rows("orders"); n != 10 {
		t.Errorf("%d rows, want the 10 that the filter lets through", n)
	}
	b.exec(`INSERT INTO orders VALUES (1, 'CH', 'SECRET', 'a'), (2, 'DE', 'SECRET', 'b')`, `UPDATE orders SET country = 'DE' WHERE id = 90`,
		`UPDATE orders SET secret = 'SECRET2' WHERE id = 92`, `DELETE FROM orders WHERE id = 94`)
	b.works("cdc")
	b.works("verify", "--full")
	b.works("verify")
	b.neverKept("SECRET")
	b.holds("SELECT _op, id FROM orders WHERE _op <> 'snapshot' ORDER BY _commit_lsn, _seq",
		[]string{"insert", "1"}, []string{"delete", "90"}, []string{"update", "92"}, []string{"delete", "94"})
	// A row comes through the filter, and its large value was not sent.
	b.exec(`UPDATE orders SET country = 'CH' WHERE id = 91`)
	b.works("cdc")
	b.marked("public.orders", "large values that it did not change were not sent")
	b.works("full-load")
	b.works("verify", "--full")
	// The filter changes: rows that it lets through now were not sent.
	b.exec(`ALTER PUBLICATION made SET TABLE orders (id, country, big) WHERE (country = 'DE')`)
	b.works("cdc")
	b.marked("public.orders", "taken out of the publication and put back")
	b.works("full-load")
	b.works("verify", "--full")
}

func TestPublicationsWithTwoFilters(t *testing.T) {
	t.Parallel()
	b := newBenchOn(t, pgtest.NewDatabaseSince(t, 15), nil) // the first with filters and lists
	b.exec(`CREATE TABLE orders (id int PRIMARY KEY)`, `INSERT INTO orders VALUES (1), (10)`,
		`CREATE PUBLICATION made FOR TABLE orders WHERE (id > 5)`, `CREATE PUBLICATION made_inserts FOR TABLE orders WITH (publish = 'insert')`)
	b.env["INGEST_SOURCE_PUBLICATION"] = "made"
	remedy := `ALTER PUBLICATION "made_inserts" DROP TABLE "public"."orders";`
	b.fails(failure.Source, "publications made and made_inserts hold it with different row filters", remedy, "full-load")
	b.exec(remedy)
	b.works("full-load")
	b.works("verify", "--full")
	if n := b.rows("orders"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

func TestNamesInSnakeCase(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec(`CREATE SCHEMA "Shop"`, `CREATE TABLE "Shop"."OrderItems" ("OrderID" int PRIMARY KEY, "Unit Price" numeric, "bigText" text)`,
		`INSERT INTO "Shop"."OrderItems" VALUES (1, 'NaN', 'a'), (2, 2, repeat('y', 100000))`)
	b.configure("[source]\nschemas = [\"Shop\"]\n[load]\nnaming = \"snake_case\"\ntable_name = \"{schema}_{table}\"\n")
	b.works("full-load")
	b.exec(`ALTER TABLE "Shop"."OrderItems" ALTER "bigText" SET STORAGE EXTERNAL`,
		`UPDATE "Shop"."OrderItems" SET "bigText" = repeat('z', 100000) WHERE "OrderID" = 1`,
		`UPDATE "Shop"."OrderItems" SET "Unit Price" = 5 WHERE "OrderID" = 1`,
		`UPDATE "Shop"."OrderItems" SET "OrderID" = 3 WHERE "OrderID" = 1`)
	b.works("cdc")
	b.holds("SELECT order_id, unit_price, length(big_text) AS n, _unchanged, _rescued FROM shop_order_items ORDER BY _entry, _commit_lsn, _seq, order_id",
		[]string{"1", "NaN", "1", "null", "null"}, []string{"2", "2", "100000", "null", "null"},
		[]string{"1", "NaN", "100000", "null", "null"}, []string{"1", "5", "null", `["big_text"]`, "null"},
		[]string{"1", "null", "null", "null", "null"}, []string{"3", "5", "null", `["big_text"]`, "null"})
	b.works("verify", "--full")
	b.works("verify")
}

// Stored generated columns are in both paths where the server can publish them
// (18 and later), else in neither.
func TestGeneratedColumns(t *testing.T) {
	t.Parallel()
	for name, least := range map[string]int{"any": 0, "sent": 18} {
		t.Run(name, func(t *testing.T) { generatedColumns(t, pgtest.NewDatabaseSince(t, least)) })
	}
}

func generatedColumns(t *testing.T, url string) {
	t.Helper()
	b := newBenchOn(t, url, nil)
	b.exec(`CREATE TABLE orders (id int PRIMARY KEY, price int, twice int GENERATED ALWAYS AS (price * 2) STORED, note text)`,
		`INSERT INTO orders (id, price) VALUES (1, 5)`)
	b.works("full-load")
	b.exec(`INSERT INTO orders (id, price) VALUES (2, 6)`, `UPDATE orders SET price = 7 WHERE id = 1`)
	b.works("cdc")
	b.works("verify", "--full")
	b.works("verify")
	if b.version() < 180000 {
		b.finds(0, finding.Note, "public.orders", "generated columns are left out: twice", "")
		b.fails(failure.Destination, "twice", "", "sql", "SELECT twice FROM orders")
		return
	}
	b.holds("SELECT _op, twice FROM orders ORDER BY _entry, _commit_lsn", []string{"snapshot", "10"},
		[]string{"insert", "12"}, []string{"update", "14"})
	b.exec(`CREATE PUBLICATION made FOR TABLE orders`)
	// the target is the first one's
	b.env["INGEST_SOURCE_PUBLICATION"], b.env["INGEST_PIPELINE"], b.env["INGEST_SCHEMA"] = "made", "other", "other"
	b.finds(0, finding.Note, "public.orders", "generated columns are left out: twice",
		`ALTER PUBLICATION "made" SET (publish_generated_columns = stored)`)
}

// A partition that was made after the full load is known once changes are
// staged: when it goes, its rows go without being sent.
func TestPartitionThatCameAndWent(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec(`CREATE TABLE log (id int PRIMARY KEY, at text DEFAULT 'now', note text) PARTITION BY RANGE (id)`,
		`CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (0) TO (10)`, `INSERT INTO log VALUES (1)`)
	b.works("full-load")
	b.exec(`CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM (10) TO (20)`, `INSERT INTO log VALUES (11)`)
	b.works("cdc")
	b.works("verify", "--full")
	b.exec(`CREATE TABLE log_3 PARTITION OF log FOR VALUES FROM (20) TO (30)`, `INSERT INTO log VALUES (21)`)
	b.works("cdc")
	b.works("verify", "--full")
	b.exec(`DROP TABLE log_2`)
	b.works("cdc")
	b.marked("public.log", "a partition was detached or dropped")
	b.works("full-load")
	b.works("verify", "--full")
	b.exec(`BEGIN; CREATE TABLE log_4 (id int PRIMARY KEY, at text DEFAULT 'now', note text); INSERT INTO log_4 VALUES (31); ALTER TABLE log ATTACH PARTITION log_4 FOR VALUES FROM (30) TO (40); COMMIT`)
	b.works("cdc")
	b.marked("public.log", "partition public.log_4 was attached")
	b.works("full-load")
	b.works("verify", "--full")
}

// What is attached may itself be partitioned, and its partitions, which were
// made as such, have rows that were never sent.
func TestPartitionIsAttachedWithItsOwn(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec(`CREATE TABLE log (id int NOT NULL, kind text NOT NULL, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind)`,
		`CREATE TABLE log_a PARTITION OF log FOR VALUES IN ('a')`,
		`CREATE TABLE log_b (id int NOT NULL, kind text NOT NULL, PRIMARY KEY (id, kind)) PARTITION BY RANGE (id)`,
		`CREATE TABLE log_b_1 PARTITION OF log_b FOR VALUES FROM (0) TO (10)`,
		`ALTER TABLE log ATTACH PARTITION log_b FOR VALUES IN ('b')`, `INSERT INTO log VALUES (1, 'a'), (1, 'b')`)
	b.works("full-load")
	b.exec(`CREATE TABLE log_b_2 PARTITION OF log_b FOR VALUES FROM (10) TO (20)`, `INSERT INTO log VALUES (11, 'b')`,
		`CREATE TABLE log_c PARTITION OF log FOR VALUES IN ('c') PARTITION BY RANGE (id)`, `CREATE TABLE log_c_1 PARTITION OF log_c DEFAULT`,
		`INSERT INTO log VALUES (1, 'c')`)
	b.works("cdc")
	b.works("verify", "--full")
	b.exec(`CREATE TABLE log_d (id int NOT NULL, kind text NOT NULL, PRIMARY KEY (id, kind)) PARTITION BY RANGE (id)`,
		`CREATE TABLE log_d_1 PARTITION OF log_d DEFAULT`,
		`INSERT INTO log_d VALUES (1, 'd')`, `ALTER TABLE log ATTACH PARTITION log_d FOR VALUES IN ('d')`)
	b.works("cdc")
	b.marked("public.log", "partition public.log_d_1 was attached")
	b.works("full-load")
	b.works("verify", "--full")
}

// A table may get its first partition after its full load, and lose it again.
func TestFirstPartitionCameAndWent(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec(`CREATE TABLE log (id int PRIMARY KEY) PARTITION BY RANGE (id)`)
	b.works("full-load")
	b.exec(`CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (0) TO (10)`, `INSERT INTO log VALUES (1)`)
	b.works("cdc")
	b.works("verify", "--full")
	b.exec(`DROP TABLE log_1`)
	b.works("cdc")
	b.marked("public.log", "a partition was detached or dropped")
}
