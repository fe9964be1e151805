package fold_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/fold"
	"github.com/ingest-tool/ingest/internal/schema"
)

// entry is a row of a log of (id INT, body STRING, num DECIMAL(10,2)).
func entry(op string, lsn, seq int, id, body, num, unchanged, rescued string) string {
	return fmt.Sprintf("(%s, DATE '2024-02-29', %s, %s, NULL, '%s', %d, %d, 1, TIMESTAMP '2026-01-01 00:00:%02d', %d, NULL, %s, %s, 4, NULL)",
		id, body, num, op, lsn, seq, lsn, lsn, unchanged, rescued)
}

// chain moves a row three times. Its body is carried only once; its number is
// carried in between.
var chain = []string{
	entry("insert", 10, 0, "1", "'long'", "NULL", "NULL", `'{"num":"NaN"}'`),
	entry("delete", 11, 0, "1", "NULL", "NULL", "NULL", "NULL"),
	entry("insert", 11, 1, "2", "NULL", "NULL", "array('body', 'num')", "NULL"),
	entry("update", 12, 0, "2", "NULL", "NULL", "array('body')", "NULL"),
	entry("delete", 13, 4, "2", "NULL", "NULL", "NULL", "NULL"),
	entry("insert", 13, 5, "3", "NULL", "NULL", "array('body', 'num')", "NULL"),
	entry("insert", 14, 0, "9", "'other'", "NULL", "NULL", `'{"num":"NaN","gone":"x"}'`),
	entry("update", 15, 0, "9", "NULL", "NULL", "array('body', 'num')", "NULL"),
	entry("delete", 16, 0, "3", "NULL", "NULL", "NULL", "NULL"),
	entry("insert", 16, 1, "1", "NULL", "NULL", "array('body', 'num')", "NULL"),
}

const show = "SELECT `id`, `body`, `num`, `_rescued`, `_commit_lsn`, second(`_commit_ts`) FROM "

func TestValuesMoveAlongWithTheKey(t *testing.T) {
	fill(t, chain)
	want := []string{`1|long|\N|\N|16|16`, `9|other|\N|{"num":"NaN"}|15|15`}
	got := open(t).rows(t, show+"("+fold.Select(bronze, keyed, fold.Options{Moves: 3})+") x ORDER BY `id`")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMoreMovesThanFollowedFail(t *testing.T) {
	fill(t, chain)
	_, err := open(t).client.Warehouse().Query(context.Background(), fold.Select(bronze, keyed, fold.Options{Moves: 2}))
	if err == nil || !strings.Contains(err.Error(), "USER_RAISED_EXCEPTION") || !strings.Contains(err.Error(), fold.MoreMoves) {
		t.Errorf("error %v, want a raised exception that says %s", err, fold.MoreMoves)
	}
}

func TestViewShowsTheCurrentState(t *testing.T) {
	fill(t, chain)
	b := open(t)
	b.exec(t, databricks.CreateView(view, fold.Select(bronze, keyed, fold.Options{Moves: fold.DefaultMoves}), true, nil))
	count := func() string {
		return strings.Join(b.rows(t, "SELECT count(*), max(`_commit_lsn`) FROM "+view.String()), "")
	}
	if got := count(); got != "2|16" {
		t.Errorf("before: %s", got)
	}
	b.exec(t, "INSERT INTO "+bronze.String()+" VALUES "+entry("delete", 17, 0, "9", "NULL", "NULL", "NULL", "NULL"))
	if got := count(); got != "1|16" {
		t.Errorf("after a delete: %s", got)
	}
	b.exec(t, "INSERT INTO "+bronze.String()+" VALUES "+entry("truncate", 18, 0, "NULL", "NULL", "NULL", "NULL", "NULL"))
	if got := count(); got != `0|\N` {
		t.Errorf("after a truncate: %s", got)
	}
}

// A multiset keeps 0.0 and -0.0, NULL and the rescued texts apart.
func TestMultisetOfAwkwardValues(t *testing.T) {
	table := databricks.Table{Catalog: "dev", Schema: "bronze", Name: "loose"}
	b := open(t)
	loose := fold.Table{
		Columns: []schema.Column{{Name: "x", Type: schema.Type{Kind: schema.Float64}}, {Name: "d", Type: schema.Type{Kind: schema.Date}}},
	}
	b.exec(t, databricks.CreateEmptyTable(table, targetColumns(loose.Columns), databricks.TableOptions{}))
	var tuples []string
	for i, r := range []struct{ op, x, rescued string }{
		{"insert", "0.0D", "NULL"}, {"insert", "-0.0D", "NULL"}, {"insert", "NULL", "NULL"}, {"insert", "NULL", "NULL"},
		{"insert", "CAST('NaN' AS DOUBLE)", "NULL"}, {"insert", "NULL", `'{"d":"infinity"}'`}, {"insert", "NULL", `'{"d":"-infinity"}'`},
		{"delete", "0.0D", "NULL"}, {"delete", "NULL", "NULL"}, {"delete", "NULL", `'{"d":"infinity"}'`},
	} {
		tuples = append(tuples, fmt.Sprintf("(%s, NULL, '%s', 10, %d, 1, NULL, 5, NULL, NULL, %s, 4, NULL)", r.x, r.op, i, r.rescued))
	}
	b.exec(t, "INSERT INTO "+table.String()+" VALUES "+strings.Join(tuples, ", "))
	got := b.rows(t, "SELECT CAST(c0 AS STRING), r1 FROM ("+fold.Select(table, loose, fold.Options{Numbered: true})+") x ORDER BY 1, 2")
	want := []string{`\N|\N`, `\N|-infinity`, `-0.0|\N`, `NaN|\N`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Maps are equal whatever the order of their keys, because no map keeps an
// order. This holds in a key, in a multiset and within lists.
func TestMapsAreEqualInAnyOrder(t *testing.T) {
	table := databricks.Table{Catalog: "dev", Schema: "bronze", Name: "maps"}
	b := open(t)
	entries := schema.Type{Kind: schema.StringMap, Elem: &schema.Type{Kind: schema.String}}
	maps := fold.Table{Columns: []schema.Column{{Name: "m", Type: entries}, {Name: "l", Type: schema.Type{Kind: schema.List, Elem: &entries}}}}
	b.exec(t, databricks.CreateEmptyTable(table, targetColumns(maps.Columns), databricks.TableOptions{}))
	var tuples []string
	for i, r := range []struct{ op, m, l string }{
		{"insert", "map('a', '1', 'b', NULL)", "array(map('x', '1', 'y', '2'), NULL)"},
		{"insert", "map('a', '1', 'b', 'NULL')", "NULL"},
		{"insert", "NULL", "NULL"},
		{"insert", "map('b', NULL, 'a', '1')", "array(map('x', '1', 'y', '2'), NULL)"},
		{"delete", "map('b', NULL, 'a', '1')", "array(map('y', '2', 'x', '1'), NULL)"},
	} {
		tuples = append(tuples, fmt.Sprintf("(%s, %s, '%s', 10, %d, 1, NULL, 5, NULL, NULL, NULL, 4, NULL)", r.m, r.l, r.op, i))
	}
	b.exec(t, "INSERT INTO "+table.String()+" VALUES "+strings.Join(tuples, ", "))
	for name, test := range map[string]struct {
		key  []string
		want []string
	}{
		"a multiset": {nil, []string{`\N|\N`, `{"a":"1","b":"NULL"}|\N`, `{"b":null,"a":"1"}|[{"x":"1","y":"2"},null]`}},
		"a key":      {[]string{"m"}, []string{`\N|\N`, `{"a":"1","b":"NULL"}|\N`}},
	} {
		maps.Key = test.key
		for _, o := range []fold.Options{{Numbered: true, Moves: 1}, {Numbered: true, Whole: true}} {
			got := b.rows(t, "SELECT to_json(c0) AS m, to_json(c1) AS l FROM ("+fold.Select(table, maps, o)+") x ORDER BY 1, 2")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s, %+v (-want +got):\n%s", name, o, diff)
			}
		}
	}
}

// Names with a meaning in a JSON path, in JSON or in SQL.
func TestRescuedTextsOfAwkwardNames(t *testing.T) {
	table := databricks.Table{Catalog: "dev", Schema: "bronze", Name: "names"}
	names := []string{"id", "a.b", "it's", "x[0]", "$", "Größe", "two words", "q\"q", "`t`"}
	awkward := fold.Table{Key: []string{"id"}}
	var values []string
	rescued := map[string]string{}
	for i, n := range names {
		awkward.Columns = append(awkward.Columns, schema.Column{Name: n, Type: schema.Type{Kind: schema.Date}})
		values = append(values, "NULL")
		rescued[n] = fmt.Sprintf("text %d of \"%s\"\n", i, n)
	}
	text, err := json.Marshal(rescued)
	if err != nil {
		t.Fatal(err)
	}
	b := open(t)
	b.exec(t, databricks.CreateEmptyTable(table, targetColumns(awkward.Columns), databricks.TableOptions{}))
	b.exec(t, "INSERT INTO "+table.String()+" VALUES ("+strings.Join(values, ", ")+", 'snapshot', 10, 0, 1, NULL, NULL, NULL, NULL, "+
		databricks.Literal(string(text))+", 4, NULL)")
	for _, o := range []fold.Options{{}, {Whole: true}} {
		var got map[string]string
		if err := json.Unmarshal([]byte(b.rows(t, "SELECT `_rescued` FROM ("+fold.Select(table, awkward, o)+") x")[0]), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(rescued, got); diff != "" {
			t.Errorf("whole %t (-want +got):\n%s", o.Whole, diff)
		}
	}
}
