//go:build cgo && unix

package main

import (
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
)

// TestNamesThatStandForNothing: a configured name that matches nothing in the source is an error, with its place and the nearest
// name, in each command that reads the source.
func TestNamesThatStandForNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec(`CREATE TABLE "order" (id int PRIMARY KEY, email text, made int GENERATED ALWAYS AS (id) STORED)`,
		"CREATE TABLE event (id int PRIMARY KEY)",
		"CREATE TABLE customer (id int PRIMARY KEY, email text)", `CREATE TABLE "A.table" (id int PRIMARY KEY)`,
		"CREATE SCHEMA billing", "CREATE TABLE billing.invoice (id int PRIMARY KEY)", "CREATE VIEW seen AS SELECT 1 AS a",
		"CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id)", "CREATE TABLE parted_1 PARTITION OF parted DEFAULT")
	b.works("full-load")
	tests := []struct{ contents, text, hint string }{
		{"[source]\ntables = [\"Order\"]\n", `ingest.toml:2: source.tables: "Order" matches no table of the source`, `did you mean "order"?`},
		{"[source]\ntables = [\n \"order\",\n \"public.evnt\",\n]\n", `ingest.toml:4: source.tables: "public.evnt" matches no table`,
			`did you mean "public.event"?`},
		{"[source]\ntables = [\"invoice\"]\n", `ingest.toml:2: source.tables: "invoice" matches no table`,
			`billing.invoice is in a schema that is not in source.schemas`},
		{"[source]\ntables = [\"Ord*\"]\n", `ingest.toml:2: source.tables: "Ord*" matches no table`, "case counts"},
		{"[source]\ntables = [\"parted_1\"]\n", `ingest.toml:2: source.tables: "parted_1" matches no table`,
			"public.parted_1 is a partition of public.parted"},
		{"[source]\nexclude = [\"evnt\"]\n", `ingest.toml:2: source.exclude: "evnt" matches no table`, `did you mean "event"?`},
		{"[source]\ntables = [\"a.Table\"]\n", `source.tables: "a.Table" matches no table`, `did you mean "\"A.table\""?`},
		{"[tables.\"a.table\"]\nname = \"c\"\n", `section [tables."a.table"] is for a table that is not in the source`,
			`did you mean [tables."\"A.table\""]?`},
		{"[source]\nexclude = [\"*_tmp\"]\n", `ingest.toml:2: source.exclude: "*_tmp" matches no table`, "correct the pattern"},
		{"[source]\nexclude = [\"parted_1\"]\n", `ingest.toml:2: source.exclude: "parted_1" matches no table`,
			"public.parted_1 is a partition of public.parted"},
		{"[source]\nexclude = [\"billing.invioce\"]\n", `source.exclude: "billing.invioce" matches no table`, ""},
		{"[source]\nschemas = [\"public\", \"billng\"]\n", `ingest.toml:2: source.schemas: there is no schema "billng" in the source`,
			`did you mean "billing"?`},
		{"[tables.\"public.custmer\"]\nname = \"c\"\n",
			`ingest.toml:1: section [tables."public.custmer"] is for a table that is not in the source`,
			`did you mean [tables."public.customer"]?`},
		{"[tables.\"cust?\"]\nname = \"c\"\n",
			`ingest.toml:1: section [tables."cust?"] is for a table that is not in the source`, "correct the pattern"},
		{"[tables.\"billing.invoice\"]\nname = \"c\"\n",
			`section [tables."billing.invoice"] is for a table that is not in the source`, `put "billing" there`},
		{"[tables.customer]\nexclude_columns = [\"Email\"]\n", `ingest.toml:2: [tables."customer"] exclude_columns names column "Email"`,
			`did you mean "email"? its columns are id, email`},
		{"[tables.customer]\n\nrename = { emial = \"x\" }\n",
			`ingest.toml:3: [tables."customer"] rename names column "emial"`, `did you mean "email"?`},
		{"[tables.customer]\ntype = { mail = \"STRING\" }\n",
			`ingest.toml:2: [tables."customer"] type names column "mail"`, `did you mean "email"?`},
		{"[tables.\"*\"]\nmask = { e_mail = \"null\" }\n", `ingest.toml:2: [tables."*"] mask names column "e_mail"`, `did you mean "email"?`},
		{"[tables.customer]\nmask = { email = \"hmac-sha256\" }\n",
			`ingest.toml:2: [tables."customer"]: column "email" has the mask hmac-sha256, but there is no key`, "INGEST_MASK_KEY"},
	}
	for _, test := range tests {
		b.configure(test.contents)
		b.finds(failure.Usage, finding.Problem, "configuration", test.text, test.hint)
		for _, args := range [][]string{{"full-load"}, {"full-load", "--tables", "event"}, {"cdc"}, {"cdc", "--snapshot-new"}, {"cdc", "--follow",
			"--max-duration", "5s"}, {"verify"}, {"plan"}} {
			b.fails(failure.Usage, test.text, test.hint, args...)
		}
	}
	b.configure("[source]\ntables = [\"order\"]\n")
	b.env["INGEST_SOURCE_TABLES"] = "event,custmer"
	b.fails(failure.Usage, `INGEST_SOURCE_TABLES: source.tables: "custmer" matches no table`, `did you mean "customer"?`, "cdc")
	delete(b.env, "INGEST_SOURCE_TABLES")
	b.configure("[source]\ntables = [\"Order\"]\nexclude = [\"evnt\"]\n")
	code, _, stderr := b.run("cdc")
	path := b.env["INGEST_CONFIG"]
	if code != int(failure.Usage) || !strings.Contains(stderr, "2 names in the configuration match nothing: "+path+":2: "+
		"source.tables") || !strings.Contains(stderr, "; "+path+":3: source.exclude") {
		t.Errorf("two mistakes: %d, %s", code, stderr)
	}
	b.configure("[source]\nschemas = [\"public\", \"billing\"]\ntables = [\"order\", \"*stomer\", \"billing.*\", \"seen\"]\nexclude = " +
		"[\"billing.inv*\", \"event\"]\n" +
		"[tables.\"*\"]\nmask = { email = \"null\" }\n[tables.order]\nexclude_columns = [\"made\"]\n")
	b.works("check")
	b.works("cdc")
	b.fails(failure.Usage, `table "a.table" is not in the ledger`, `did you mean '"A.table"'?`, "load", "--tables", "a.table")
	b.fails(failure.Usage, `table "a.table" is not in the source`, `did you mean '"A.table"'?`, "full-load", "--tables", "a.table")
	b.fails(failure.Usage, `table "ordr" is not in the ledger`, `did you mean "order"?`, "load", "--tables", "ordr")
}

// TestNamesThatTheLedgerKnows: the configuration may still name tables and columns that were loaded and have been dropped since.
func TestNamesThatTheLedgerKnows(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.env["INGEST_MASK_KEY"] = "hunter2hunter2hunter2"
	b.secrets = append(b.secrets, b.env["INGEST_MASK_KEY"])
	b.exec("CREATE SCHEMA old", "CREATE TABLE stays (id int PRIMARY KEY, email text, card text, note text)",
		"CREATE TABLE goes (id int PRIMARY KEY, email text)",
		"CREATE TABLE turns (id int PRIMARY KEY)", "CREATE TABLE old.goes (id int PRIMARY KEY)")
	b.configure("[source]\nschemas = [\"public\", \"old\"]\ntables = [\"stays\", \"goe?\", \"turns\", \"old.goes\"]\n" +
		"[tables.\"public.goes\"]\nmask = { email = \"null\" }\n[tables.stays]\nexclude_columns = [\"card\"]\nmask = { email = \"hmac-sha256\" }\nrename " +
		"= { note = \"text\" }\n[tables.turns]\nname = \"turned\"\n[tables.\"old.goes\"]\nname = \"old_goes\"\n")
	b.works("full-load")
	b.exec("DROP TABLE goes", "DROP SCHEMA old CASCADE", "ALTER TABLE stays DROP COLUMN email, DROP COLUMN card, DROP COLUMN note",
		"ALTER TABLE turns RENAME TO turned", "INSERT INTO stays VALUES (1)")
	b.works("cdc")
	b.works("check")
	b.works("cdc", "--follow", "--max-duration", "500ms")
	b.finds(0, finding.Warning, "public.stays", `[tables."stays"] exclude_columns names column "card"`, "remove the option")
	// A full load would forget the columns: it does not begin.
	b.fails(failure.Source, `[tables."stays"] exclude_columns names column "card"`, "remove the option", "full-load", "--tables", "stays")
	b.configure("[tables.\"*\"]\nmask = { email = \"hmac-sha256\" }\n")
	b.works("cdc")
	b.fails(failure.Usage, `[tables."*"] mask names column "email"`, "its columns are", "full-load", "--tables", "stays")
	b.works("cdc")
	b.configure("[source]\nschemas = [\"public\", \"old\"]\nexclude = [\"goes\", \"old.goes\"]\n[tables.turns]\nname = \"turned\"\n")
	b.works("cdc")
	b.works("verify")
}
