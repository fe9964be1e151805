package translate

import (
	"errors"
	"testing"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

// shelf is a catalog of one table and no files.
type shelf struct{}

func (shelf) Table(_ Space, name []string, _ int) (Table, error) {
	if name[len(name)-1] != "t" {
		return Table{}, sparksql.Errorf("42P01", "TABLE_OR_VIEW_NOT_FOUND", "no")
	}
	return Table{Catalog: "c", Schema: "s", Name: "t", SQL: `"t"`, Columns: []Column{
		{"i", sparksql.Int}, {"l", sparksql.Long}, {"s", sparksql.String}, {"d", sparksql.DecimalOf(10, 2)}, {"x", sparksql.DoubleOf},
		{"ts", sparksql.Timestamp},
		{"a", sparksql.ArrayOf(sparksql.String)}, {"m", sparksql.MapOf(sparksql.String, sparksql.Int)}, {"b", sparksql.Boolean},
		{"v", sparksql.Variant}}}, nil
}

func (shelf) Files(string, map[string]string) (Table, error) {
	return Table{}, sparksql.Errorf("42K03", "PATH_NOT_FOUND", "no")
}

func (s shelf) Changes(space Space, name []string, _ Constant, _ *Constant) (Table, error) {
	return s.Table(space, name, -1)
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{
		"SELECT i + l, d / x, s || i, a[0], m['k'], CAST(a AS STRING) FROM t",
		"SELECT count(*), sum(d) OVER (PARTITION BY s ORDER BY i) FROM t GROUP BY ALL QUALIFY true",
		"WITH q(z) AS (SELECT i FROM t) SELECT * FROM q JOIN t USING (i)",
		"SELECT transform(a, y -> concat(y, s)), substring(s, 1, 2), sort_array(a, false) FROM t x WHERE EXISTS (SELECT 1 FROM t WHERE t.i = x.i)",
		"SELECT CASE WHEN b THEN 1 ELSE 2.5 END, i IN (1, 2L), s LIKE 'a%' FROM t ORDER BY 1 DESC NULLS FIRST LIMIT 1",
		"VALUES (1, 'a'), (NULL, 'b')",
		"SELECT round(d, 1), date_format(ts, 'yyyy'), timestampdiff(DAY, ts, ts), variant_get(v, '$.a', 'int') FROM t",
		"SELECT * EXCEPT (i) FROM t UNION SELECT * FROM t",
		"SELECT * FROM table_changes('s.t', 1, 2) c WHERE i > 1",
		"SELECT sum(i) OVER w, lag(l) OVER (w ORDER BY l) FROM t WINDOW w AS (PARTITION BY s)",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		st, err := sparksql.Parse(sql)
		if err != nil {
			return
		}
		q, ok := st.(*sparksql.QueryStatement)
		if !ok {
			return
		}
		_, err = New(Context{Space: Space{Catalog: "c", Schema: "s"}, Source: shelf{}}).Query(q.Query)
		var e *sparksql.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("%q: %v is not an *Error", sql, err)
		}
	})
}

// TestOnlyOwnText proves that the text of a statement cannot reach DuckDB unquoted: an identifier
// with a quote, a semicolon or a comment in it stays an identifier.
func TestOnlyOwnText(t *testing.T) {
	st, err := sparksql.Parse("SELECT 'it''s; --' AS `a\"; DROP TABLE x; --`")
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(Context{Source: shelf{}}).Query(st.(*sparksql.QueryStatement).Query)
	if err != nil {
		t.Fatal(err)
	}
	if want := `SELECT 'it''s; --' AS "a""; DROP TABLE x; --"`; r.SQL != want {
		t.Errorf("got %s, want %s", r.SQL, want)
	}
}

// TestRoutines: no function that is refused as not served is served.
func TestRoutines(t *testing.T) {
	for name := range elsewhere {
		if _, served := builtins[name]; served {
			t.Errorf("%s is served", name)
		}
	}
	for name, most := range longer {
		if f, served := builtins[name]; !served || f.most < 0 || f.most >= most {
			t.Errorf("%s with %d arguments: served is %v, with up to %d", name, most, served, f.most)
		}
	}
}
