//go:build cgo && unix

package tables

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/internal/schema"
)

// odd are names that need quotes or escapes, or are long, each of at most 63 bytes.
var odd = []string{
	`it's`, `say "hi"`, "back`tick", "``", `back\slash`, `\n`, `end\`, "a.b", ".", "a b", " lead", "trail ", "MixedCase", "UPPER",
	"😀", "new\nline", "tab\there", "\r", "%s%d", "100%", "$1", "${x", "x}", "$ {x}", "$$", "a;b", "a--b", "/* c */", "a/b", "a,b", "a=b",
	"(a)", "{a}", "[a]", "a:b", "?", "*", "~", "#", "&", "|",
	"select", "table", "order", "null", "true", "current_date", "é", strings.Repeat("漢", 21),
	strings.Repeat("é", 31) + "x", strings.Repeat("x", 63),
	"'; DROP TABLE x; --", "{table}", "0", "1a", "-", "_", "e", "\u00a0", "\u2028", "\x7f", "\x01",
}

// ours are names that the SQL of fold, verify and load uses itself.
var ours = []string{
	"c0", "r0", "v0", "m0", "s0", "n0", "a0", "h0", "c1", "r1", "s1", "op", "entry", "seq", "state", "whole", "log", "cut",
	"since", "numbered", "number",
	"deleted", "carried", "unchanged", "commit_lsn", "commit_ts", "following", "origin", "v", "r", "m", "k", "l0", "l1", "rows_", "hashes_",
	"sums_", "t", "n", "nothing", "elem", "key", "value",
	"more_key_changes_than_the_fold_follows", "op_", "lsn", "_rescued_data", "_metadata", "_file", "_change_type",
}

func TestColumnsOfEveryName(t *testing.T) {
	names := append(append([]string{}, odd...), ours...)
	var columns, set []string
	for i, n := range names {
		columns = append(columns, schema.QuotePostgres(n)+" text")
		set = append(set, fmt.Sprintf("%s = 'new %d'", schema.QuotePostgres(n), i))
	}
	values := func(id, prefix string) string {
		all := []string{id}
		for i := range names {
			all = append(all, fmt.Sprintf("'%s %d'", prefix, i))
		}
		return "(" + strings.Join(all, ", ") + ")"
	}
	long := "UPDATE keyed SET " + schema.QuotePostgres(odd[0]) + " = (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 400) i)"
	b := newBed(t, "CREATE TABLE keyed (id int PRIMARY KEY, "+strings.Join(columns, ", ")+")",
		"INSERT INTO keyed VALUES "+values("1", "a")+", "+values("2", "b")+", "+values("3", "c"), long,
		"CREATE TABLE unkeyed (LIKE keyed)", "ALTER TABLE unkeyed REPLICA IDENTITY FULL", "INSERT INTO unkeyed SELECT * FROM keyed")
	b.move("UPDATE keyed SET id = 20 WHERE id = 2", "UPDATE keyed SET "+strings.Join(set[1:], ", ")+" WHERE id = 1",
		"DELETE FROM keyed WHERE id = 3", "INSERT INTO keyed VALUES "+values("4", "d"),
		"UPDATE unkeyed SET "+strings.Join(set[1:], ", ")+" WHERE id = 1", "DELETE FROM unkeyed WHERE id = 3")
	b.verified(false)
}

func TestColumnsThatAreRefused(t *testing.T) {
	b := newBed(t, "CREATE TABLE meta (id int PRIMARY KEY)")
	for columns, what := range map[string]string{
		`"${x}" int`:          `table public.meta: the name of column "${x}" holds ${…}`,
		`"a${env:HOME}b" int`: `table public.meta: the name of column "a${env:HOME}b" holds ${…}`,
		`"_OP" int`:           `table public.meta: column "_OP" has the name of a metadata column`,
		`"_Loaded_ts" int`:    `table public.meta: column "_Loaded_ts" has the name of a metadata column`,
		`"Ä" int, "ä" int`:    `table public.meta: columns "Ä" and "ä" differ only in case`,
		`"σα" int, "ςα" int`:  `table public.meta: columns "σα" and "ςα" differ only in case`,
	} {
		b.exec("DROP TABLE meta", "CREATE TABLE meta (id int PRIMARY KEY, "+columns+")")
		b.refused(what, `give it another name: rename."`)
		b.finds(finding.Problem, "public.meta", what[len("table public.meta: "):], `give it another name: rename."`)
	}
}

// What a column's type cannot hold is under its name in a JSON object.
func TestRescuedValuesUnderEveryName(t *testing.T) {
	names := append(append([]string{}, odd...), ours...)
	var columns, values []string
	for _, n := range names {
		columns, values = append(columns, schema.QuotePostgres(n)+" date"), append(values, "'infinity'")
	}
	insert := "INSERT INTO rescued VALUES (%d, " + strings.Join(values, ", ") + ")"
	b := newBed(t, "CREATE TABLE rescued (id int PRIMARY KEY, "+strings.Join(columns, ", ")+")", fmt.Sprintf(insert, 1))
	b.works()
	b.load()
	b.exec(fmt.Sprintf(insert, 2))
	b.cdc()
	b.verified(true)
	b.verified(false)
}

func TestKeysOfEveryName(t *testing.T) {
	var statements, changes []string
	for names := range slices.Chunk(append(append([]string{}, odd...), ours...), 32) { // as many as an index takes
		var columns, key, values []string
		for _, n := range names {
			q := schema.QuotePostgres(n)
			columns, key, values = append(columns, q+" int"), append(key, q), append(values, "i")
		}
		table := fmt.Sprintf("keyed_%d", len(statements))
		statements = append(statements,
			fmt.Sprintf("CREATE TABLE %s (%s, val text, PRIMARY KEY (%s))", table, strings.Join(columns, ", "), strings.Join(key, ", ")),
			fmt.Sprintf("INSERT INTO %s SELECT %s, 'a' FROM generate_series(1, 4) i", table, strings.Join(values, ", ")))
		changes = append(changes, fmt.Sprintf("UPDATE %s SET %s = 10 WHERE %s = 1", table, key[0], key[0]),
			fmt.Sprintf("DELETE FROM %s WHERE %s = 2", table, key[len(key)-1]),
			fmt.Sprintf("UPDATE %s SET val = 'b' WHERE %s = 3", table, key[0]))
	}
	b := newBed(t, statements...)
	b.move(changes...)
}

// apart leaves out names that would become the same one as another's.
func apart(names []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool {
		name := schema.FoldCase(config.NamePattern("{table}").Name(schema.TableName{Name: n}))
		again := seen[name]
		seen[name] = true
		return again
	})
}

func TestTablesAndSchemasOfEveryName(t *testing.T) {
	var statements, changes []string
	b := newBed(t)
	b.config.Load.TableName = "{schema}_{table}"
	for i, n := range append(apart(odd), "log", "cut", "since", "state", "carried", "numbered", "l0", "rows_", "hashes_", "sums_") {
		q := schema.TableName{Schema: n, Name: n}.SQL()
		statements = append(statements, "CREATE SCHEMA "+schema.QuotePostgres(n),
			fmt.Sprintf("CREATE TABLE %s (id int PRIMARY KEY, val text)", q), fmt.Sprintf("INSERT INTO %s VALUES (%d, 'a')", q, i))
		changes = append(changes, fmt.Sprintf("UPDATE %s SET val = 'b'", q), fmt.Sprintf("INSERT INTO %s VALUES (-1, 'c')", q))
		b.config.Source.Schemas = append(b.config.Source.Schemas, n)
	}
	b.exec(statements...)
	b.move(changes...)
}

// The directories of their segments must not be one.
func TestLongNamesThatBeginAlike(t *testing.T) {
	var statements, changes []string
	for i, end := range []string{"a", "b"} {
		table := schema.TableName{Schema: strings.Repeat("漢", 21), Name: strings.Repeat("漢", 20) + end}.SQL()
		statements = append(statements, "CREATE TABLE "+table+" (id int PRIMARY KEY)", fmt.Sprintf("INSERT INTO %s VALUES (%d)", table, i))
		changes = append(changes, fmt.Sprintf("INSERT INTO %s VALUES (%d)", table, 10+i))
	}
	b := newBed(t, append([]string{"CREATE SCHEMA " + strings.Repeat("漢", 21)}, statements...)...)
	b.config.Source.Schemas = []string{strings.Repeat("漢", 21)}
	b.move(changes...)
}

func TestNamesThatUnityCatalogDoesNotTake(t *testing.T) {
	b := newBed(t, `CREATE TABLE "a b/c.d" (id int PRIMARY KEY)`, `INSERT INTO "a b/c.d" VALUES (1)`)
	b.finds(finding.Note, "public.\"a b/c.d\"", "it becomes dev.bronze.a_b_c_d", "")
	b.move(`INSERT INTO "a b/c.d" VALUES (2)`)
	if got := b.query("SELECT count(*) FROM dev.bronze.a_b_c_d"); got[0][0] != "2" {
		t.Errorf("%s rows, want 2", got[0][0])
	}
}

func TestTablesOfOneTarget(t *testing.T) {
	const apart, one = `load.table_name = "{schema}_{table}"`, `give one of them another name (name = "…" under [tables.`
	for name, test := range map[string]struct{ one, other, what, hint string }{
		"schemas": {`public.item`, `shop.item`, "tables public.item and shop.item would both become dev.bronze.item", apart},
		"case":    {`public."Item"`, `public.item`, "tables public.Item and public.item would both become dev.bronze.item", one},
		"characters": {`public."an item"`, `public.an_item`,
			"tables public.an item and public.an_item would both become dev.bronze.an_item", one},
		"both": {`public."An.Item"`, `shop."AN/item"`,
			`tables public."An.Item" and shop.AN/item would both become dev.bronze.AN_item`, apart},
		"sigma": {`public."ΑΣ"`, `public."ας"`, "tables public.ΑΣ and public.ας would both become", one},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, "CREATE SCHEMA shop", "CREATE TABLE "+test.one+" (id int PRIMARY KEY)",
				"CREATE TABLE "+test.other+" (id int PRIMARY KEY)")
			b.config.Source.Schemas = []string{"public", "shop"}
			b.refused(test.what, test.hint)
			if err := finding.Err(b.check()); err == nil || !strings.Contains(err.Error(), "would become") {
				t.Errorf("check: %v", err)
			}
		})
	}
}

func TestTablesOfOneNameInTwoSchemas(t *testing.T) {
	b := newBed(t, "CREATE SCHEMA shop", "CREATE TABLE item (id int PRIMARY KEY)", "INSERT INTO item VALUES (1)",
		"CREATE TABLE shop.item (id text PRIMARY KEY)", "INSERT INTO shop.item VALUES ('a')")
	b.config.Source.Schemas = []string{"public", "shop"}
	b.config.Load.TableName = "{schema}_{table}"
	b.move("INSERT INTO item VALUES (2)", "INSERT INTO shop.item VALUES ('b')")
}

// A table must not take the place of one that another run loaded.
func TestTheTargetIsAnotherTables(t *testing.T) {
	b := newBed(t, "CREATE SCHEMA shop", "CREATE TABLE item (id int PRIMARY KEY)", "INSERT INTO item VALUES (1)",
		`CREATE TABLE shop."Item" (id text PRIMARY KEY)`)
	b.load("public.item")
	_, err := b.pipeline.FullLoad(t.Context(), replicate.FullLoadOptions{Tables: []string{"shop.Item"}})
	if err == nil || !strings.Contains(err.Error(), "tables public.item and shop.Item would both become") || !strings.Contains(
		failure.HintOf(err), `public.item was loaded before: give the other another name (name = "…" under [tables."shop.Item"]`) {
		t.Errorf("full load: %v (%s)", err, failure.HintOf(err))
	}
	b.equal()
}

// A table that is renamed in case only keeps the target that it was loaded into,
// and stops no other table.
func TestRenamedToAnotherNameOfTheTarget(t *testing.T) {
	b := newBed(t, "CREATE TABLE item (id int PRIMARY KEY)", "INSERT INTO item VALUES (1)", "CREATE TABLE other (id int PRIMARY KEY)")
	b.load()
	b.exec(`ALTER TABLE item RENAME TO "Item"`, `INSERT INTO "Item" VALUES (2)`)
	b.finds(finding.Warning, "public.Item",
		"it is the loaded table public.item under a new name, which has the same target: its changes still go into dev.bronze.item",
		`RENAME TO "item"`)
	if err := finding.Err(b.check()); err != nil {
		t.Error(err)
	}
	b.load()
	b.cdc()
	if got := b.query("SELECT count(*) FROM dev.bronze.item"); got[0][0] != "2" {
		t.Errorf("%s rows, want 2", got[0][0])
	}
	_, err := b.pipeline.FullLoad(t.Context(), replicate.FullLoadOptions{Tables: []string{`"Item"`}})
	if err == nil || !strings.Contains(err.Error(), "tables public.item and public.Item would both become") {
		t.Errorf("full load: %v", err)
	}
}

// Both tables are loaded; only the view has no place.
func TestAViewIsNamedLikeATable(t *testing.T) {
	b := newBed(t, `CREATE TABLE "Item" (id int PRIMARY KEY)`, "CREATE TABLE item_current (id int PRIMARY KEY)")
	b.finds(finding.Warning, "public.Item",
		"`ingest views` cannot make its view: it would be named dev.bronze.Item_current, as table public.item_current is",
		"ingest views --tables")
	b.load()
	for _, printOnly := range []bool{true, false} {
		views, err := b.pipeline.Views(t.Context(), nil, printOnly)
		if want := "the view of table public.Item would be named dev.bronze.Item_current, as table public.item_current is"; err == nil ||
			err.Error() != want || views != nil {
			t.Errorf("views: %v %v, want %s", views, err, want)
		}
	}
	if got := b.query("SHOW VIEWS IN dev.bronze"); got != nil {
		t.Errorf("refused, yet made %v", got)
	}
	if _, err := b.pipeline.Views(t.Context(), []string{"item_current"}, false); err != nil {
		t.Error(err)
	}
	b.verified(true)
}
