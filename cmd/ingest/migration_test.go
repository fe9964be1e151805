//go:build cgo && unix

package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/shape"
)

// block is a code block of a page.
type block struct{ language, code string }

var fences = regexp.MustCompile("(?ms)^( *)```([a-z]+)\n(.*?)^ *```$")

// blocks are the code blocks of a page, without their indentation.
func blocks(t *testing.T, path string) (page string, out []block) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range fences.FindAllStringSubmatch(string(content), -1) {
		var lines []string
		for line := range strings.Lines(m[3]) {
			lines = append(lines, strings.TrimPrefix(line, m[1]))
		}
		out = append(out, block{m[2], strings.Join(lines, "")})
	}
	return string(content), out
}

// A dlt is the pipeline that is replaced: its full load by sql_database, and then the changes that its slot has, appended as
// pg_replication appends them.
type dlt interface {
	full(b *bench)
	changes(b *bench)
}

// dltShaped writes tables as dlt does, without dlt.
type dltShaped struct{}

func (dltShaped) full(b *bench) {
	for _, sql := range []string{
		"CREATE SCHEMA dev_chinook_lakehouse.bronze",
		`CREATE TABLE dev_chinook_lakehouse.bronze.artist (artist_id BIGINT, name STRING, _dlt_load_id STRING, _dlt_id STRING, lsn BIGINT,
			deleted_ts TIMESTAMP)`,
		`INSERT INTO dev_chinook_lakehouse.bronze.artist VALUES (1, 'AC/DC', '1796022471.694801', 'a', NULL, NULL),
			(2, 'Accept', '1796022471.694801', 'b', NULL, NULL), (3, 'Aerosmith', '1796022471.694801', 'c', NULL, NULL)`,
		`CREATE TABLE dev_chinook_lakehouse.bronze.invoice_line (invoice_line_id BIGINT, unit_price DECIMAL(10,2), quantity BIGINT,
			weight DECIMAL(38,9), tags STRING, trailingx BIGINT, axb BIGINT, xay BIGINT, _nicode BIGINT, x BIGINT, _dlt_load_id STRING,
			_dlt_id STRING, lsn BIGINT, deleted_ts TIMESTAMP)`,
		`INSERT INTO dev_chinook_lakehouse.bronze.invoice_line VALUES
			(1, 0.99, 2, 1.5, '["a","b"]', 1, 2, 3, 4, 5, '1796022471.694801', 'd', NULL, NULL)`,
	} {
		b.works("sql", sql)
	}
}

// changes has the LSNs of ingest's log. A delete has dummy values, a change of the key leaves the old key.
func (dltShaped) changes(b *bench) {
	b.works("sql", `INSERT INTO dev_chinook_lakehouse.bronze.artist
SELECT artist_id, CASE WHEN _op = 'delete' THEN '' ELSE name END, '1796022481.806417', CAST(_lsn AS STRING), _lsn, _deleted_ts
FROM dev_chinook_lakehouse.bronze_new.artist WHERE _op <> 'snapshot' AND NOT (_op = 'delete' AND artist_id = 3)`)
	b.works("sql", `INSERT INTO dev_chinook_lakehouse.bronze.invoice_line
SELECT invoice_line_id, unit_price, quantity, CAST(weight AS DECIMAL(38,9)), '{a,b}', trailingx, axb, xay, _nicode, x,
	'1796022481.806417', CAST(_lsn AS STRING), _lsn, _deleted_ts
FROM dev_chinook_lakehouse.bronze_new.invoice_line WHERE _op <> 'snapshot'`)
}

// TestMigratingFromDlt follows docs/migrating-from-dlt.md: each block runs as it is printed, in its order.
func TestMigratingFromDlt(t *testing.T) {
	t.Parallel()
	migrate(t, dltShaped{})
}

func migrate(t *testing.T, from dlt) {
	b := newBench(t, nil)
	b.exec("CREATE TABLE artist (artist_id int PRIMARY KEY, name text)",
		`CREATE TABLE "InvoiceLine" (invoice_line_id int PRIMARY KEY, "UnitPrice" numeric(10,2), quantity smallint, weight numeric,
			tags text[], "trailing_" int, "a+b" int, "x@y" int, "Ünicode" int, "__x" int)`,
		"INSERT INTO artist VALUES (1, 'AC/DC'), (2, 'Accept'), (3, 'Aerosmith')",
		`INSERT INTO "InvoiceLine" VALUES (1, 0.99, 2, 1.5, '{a,b}', 1, 2, 3, 4, 5)`)
	from.full(b)
	b.exec("INSERT INTO artist VALUES (4, 'between')",
		`CREATE PUBLICATION dlt_publication FOR TABLE artist, "InvoiceLine" WITH (publish = 'insert, update, delete')`,
		"SELECT pg_create_logical_replication_slot('dlt_slot', 'pgoutput')")
	b.works("sql", "CREATE TABLE dev_chinook_lakehouse.bronze.artist_merged AS "+
		"SELECT artist_id, name FROM dev_chinook_lakehouse.bronze.artist")
	answers := map[string][][]string{}
	_, all := blocks(t, "../../docs/migrating-from-dlt.md")
	for _, block := range all {
		b.follow(block, from, answers)
	}
	for question, want := range map[string][][]string{
		"SELECT artist_id, lsn, count(*) AS times":                        nil,
		"SELECT artist_id, lsn FROM":                                      nil,
		"SELECT n.artist_id, n._lsn, n._op":                               {{"3", "delete"}},
		"SELECT n.artist_id, n._lsn, d.name AS dlt":                       nil,
		"SELECT artist_id, name FROM dev_chinook_lakehouse.bronze_new":    {{"4", "between"}},
		"SELECT artist_id, name FROM (":                                   {{"3", "Aerosmith"}},
		"SELECT artist_id, name FROM dev_chinook_lakehouse.bronze.artist": {{"1", "AC/DC"}, {"2", "Accept"}, {"3", "Aerosmith"}},
	} {
		var asked []string
		for sql := range answers {
			if strings.HasPrefix(sql, question) {
				asked = append(asked, sql)
			}
		}
		if len(asked) != 1 {
			t.Errorf("the page asks %d queries that begin with %q", len(asked), question)
		} else if diff := cmp.Diff(want, answers[asked[0]]); diff != "" {
			t.Errorf("%s\n%s", asked[0], diff)
		}
	}
}

// follow does what a block of the page says, and keeps the answers of its queries.
func (b *bench) follow(block block, from dlt, answers map[string][][]string) {
	b.t.Helper()
	switch block.language {
	case "toml":
		b.configure(block.code)
	case "postgresql":
		for sql := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(block.code), ";"), ";\n") {
			b.exec(sql)
		}
	case "sh":
		for line := range strings.Lines(block.code) {
			command := strings.Fields(line)
			if command[1] == "cdc" {
				b.exec("UPDATE artist SET name = 'AC-DC' WHERE artist_id = 1", "DELETE FROM artist WHERE artist_id = 2",
					"UPDATE artist SET artist_id = 30 WHERE artist_id = 3", "INSERT INTO artist VALUES (5, 'Five')",
					`UPDATE "InvoiceLine" SET quantity = 3`)
			}
			b.works(command[1:]...)
			if command[1] == "cdc" {
				from.changes(b)
			}
		}
	case "sql":
		for sql := range strings.SplitSeq(strings.TrimSpace(block.code), ";\n") {
			if !strings.HasPrefix(sql, "SELECT") {
				b.works("sql", sql)
				b.bridged(sql)
				continue
			}
			rows := b.table(sql)
			if strings.Contains(sql, "n._op FROM") { // without the LSN, which differs
				for i := range rows {
					rows[i] = []string{rows[i][0], rows[i][2]}
				}
			}
			slices.SortFunc(rows, slices.Compare)
			answers[sql] = rows
		}
	default:
		b.t.Errorf("a block in %s", block.language)
	}
}

// bridged compares a bridge view that was made with dlt's table: the same columns of the same types, and rows that go on.
func (b *bench) bridged(sql string) {
	b.t.Helper()
	rest, made := strings.CutPrefix(sql, "CREATE VIEW ")
	view, _, _ := strings.Cut(rest, " ")
	switch {
	case !made:
	case strings.HasSuffix(view, "_all"):
		b.holds("SELECT artist_id, count(*) FROM "+view+" GROUP BY artist_id ORDER BY artist_id", []string{"1", "3"}, []string{"2", "3"},
			[]string{"3", "3"}, []string{"4", "1"}, []string{"5", "1"}, []string{"30", "1"})
		b.holds("SELECT count(*) FROM "+view+" AS n JOIN "+strings.TrimSuffix(view, "_all")+"_dlt AS d ON n._dlt_load_id <= d._dlt_load_id "+
			"WHERE n._dlt_load_id LIKE '9%'", []string{"0"})
	default:
		columns := func(table string) (out []string) {
			for _, c := range b.table("DESCRIBE TABLE " + table) {
				out = append(out, c[0]+" "+c[1])
			}
			return out
		}
		if diff := cmp.Diff(columns(view+"_dlt"), columns(view)); diff != "" {
			b.t.Errorf("%s has other columns than dlt's table:\n%s", view, diff)
		}
		const rows = "SELECT * EXCEPT (_dlt_load_id, _dlt_id) FROM "
		b.holds("SELECT count(*) FROM ("+rows+view+"_dlt WHERE lsn IS NULL EXCEPT "+rows+view+")", []string{"0"})
	}
}

// TestNamesOfDlt: the page's table of names has the names that the naming makes, and step 1 gives each its name of dlt.
func TestNamesOfDlt(t *testing.T) {
	page, all := blocks(t, "../../docs/migrating-from-dlt.md")
	_, table, _ := strings.Cut(page, "| source | dlt | `naming = \"snake_case\"` |\n|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	n := 0
	for line := range strings.Lines(table) {
		cells := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune("|` \n", r) })
		if len(cells) != 3 {
			t.Fatalf("%q", line)
		}
		if got := shape.SnakeCase(cells[0]); got != cells[2] {
			t.Errorf("%s becomes %s, and the page says %s", cells[0], got, cells[2])
		}
		if line := `rename."` + cells[0] + `" = "` + cells[1] + `"`; !strings.Contains(all[0].code, line) {
			t.Errorf("step 1 lacks %s", line)
		}
		n++
	}
	if n < 5 {
		t.Errorf("the table has %d names", n)
	}
}
