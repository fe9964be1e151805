package load

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/schema"
)

// The text of a value in a file is read as the table's type only if the value
// has a text and the text is in the format of the present source type.
func TestValuesOfAnOlderPart(t *testing.T) {
	binary, variant := schema.Type{Kind: schema.Binary}, schema.Type{Kind: schema.Variant}
	list := schema.Type{Kind: schema.List, Elem: &schema.Type{Kind: schema.Int32}}
	of := func(typ schema.Type, oid uint32, typmod int32) schema.Column {
		return schema.Column{Name: "v", Type: typ, Postgres: schema.PostgresType{OID: oid, Typmod: typmod}}
	}
	const read, null = "CASE WHEN `v` IS NULL THEN get_json_object(`_rescued`, '$.v') ELSE ", "CAST(NULL AS "
	for name, c := range map[string]struct {
		from, to schema.Column
		value    string
	}{
		"a number as text":   {of(number, 25, -1), of(text, 25, -1), read + "CAST(`v` AS STRING) END"},
		"a text as a number": {of(text, 23, -1), of(number, 23, -1), "try_cast(" + read + "`v` END AS INT)"},
		"JSON as a number":   {of(variant, 23, -1), of(number, 23, -1), "try_cast(" + read + "`v` END AS INT)"},
		"bytes as text":      {of(binary, 25, -1), of(text, 25, -1), read + null + "STRING) END"},
		"a list as text":     {of(list, 25, -1), of(text, 25, -1), read + null + "STRING) END"},
		"a text as a list":   {of(text, 1007, -1), of(list, 1007, -1), null + "ARRAY<INT>)"},
		"a list as a list": {of(schema.Type{Kind: schema.List, Elem: &text}, 1007, -1),
			of(list, 1007, -1), "CAST(`v` AS ARRAY<INT>)"},
		"of another type of the source":   {of(number, 23, -1), of(text, 25, -1), null + "STRING)"},
		"of other modifiers there":        {of(number, 1700, 8), of(text, 1700, 9), null + "STRING)"},
		"a list of another type in there": {of(schema.Type{Kind: schema.List, Elem: &text}, 1009, -1), of(list, 1007, -1), null + "ARRAY<INT>)"},
	} {
		value, rescued := converted(c.from, c.to)
		if value != c.value {
			t.Errorf("%s:\n%s, want\n%s", name, value, c.value)
		}
		if want := "CASE WHEN " + value + " IS NULL THEN " + read; !strings.HasPrefix(rescued, want) {
			t.Errorf("%s: rescued\n%s, want\n%s", name, rescued, want)
		}
	}
}

// _rescued is recomputed only if a column is.
func TestRescuedOfAnOlderPart(t *testing.T) {
	written := []schema.Column{intColumn, {Name: "v", Type: number}}
	if values, rescued := recast(written, written); values != nil || rescued != "" {
		t.Errorf("of the same types: %v, %q", values, rescued)
	}
	columns := []schema.Column{intColumn, {Name: "v", Type: text}}
	values, rescued := recast(written, columns)
	if len(values) != 1 || values[1] == "" || !strings.Contains(rescued, `"v":`) || !strings.Contains(rescued, `"id":`) {
		t.Errorf("of another type: %v, %q", values, rescued)
	}
	for name, c := range map[string]struct {
		columns []schema.Column
		kept    bool
	}{"of the same types": {written, true}, "of another type": {columns, false}} {
		g := copyGroup{steps: []step{{entry: 5, columns: c.columns, written: written}}, files: []string{"a"}}
		sql := copySQL(databricks.Table{}, g, false, "/v", loadedTable().loader.Now())
		if kept := strings.Contains(sql, "CAST(`_rescued` AS STRING) AS `_rescued`"); kept != c.kept ||
			kept == strings.Contains(sql, "concat_ws") {
			t.Errorf("%s: _rescued is kept: %t\n%s", name, kept, sql)
		}
	}
}

// Files hold the columns of their kind. The table gets the other columns from
// the entry, or NULL if they have no value.
func TestColumnsOfASnapshotsFiles(t *testing.T) {
	var names []string
	for _, c := range fileColumns([]schema.Column{{Name: "doc", Type: schema.Type{Kind: schema.Variant}}}, inSnapshot) {
		names = append(names, c.Name+" "+c.Type.String())
	}
	if diff := cmp.Diff([]string{"doc STRING", "_seq BIGINT", "_rescued STRING"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got := expressions([]schema.Column{intColumn}, map[string]string{schema.MetaEntry: "7"})
	for i, m := range schema.MetaColumns {
		want := "CAST(`" + m.Name + "` AS " + m.Type.String() + ")"
		if m.Name == schema.MetaEntry {
			want = "7"
		}
		if got[1+i] != want {
			t.Errorf("%s is %s, want %s", m.Name, got[1+i], want)
		}
	}
}
