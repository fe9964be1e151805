package sparksql

import (
	"slices"
	"testing"
)

// Every statement that writes says what it writes to, and the catalog in its name.
func TestTargets(t *testing.T) {
	for _, c := range []struct {
		sql     string
		catalog string
		name    []string
		rows    bool
	}{
		{sql: "CREATE SCHEMA c.s", catalog: "c", name: []string{"c", "s"}},
		{sql: "CREATE VOLUME s.v", name: []string{"s", "v"}},
		{sql: "CREATE VOLUME c.s.v", catalog: "c", name: []string{"c", "s", "v"}},
		{sql: "DROP SCHEMA s", name: []string{"s"}},
		{sql: "DROP VOLUME c.s.v", catalog: "c", name: []string{"c", "s", "v"}},
		{sql: "COMMENT ON SCHEMA c.s IS 'x'", catalog: "c", name: []string{"c", "s"}},
		{sql: "COMMENT ON TABLE s.t IS 'x'", name: []string{"s", "t"}},
		{sql: "COMMENT ON COLUMN s.t.a IS 'x'", name: []string{"s", "t", "a"}},
		{sql: "COMMENT ON COLUMN c.s.t.a IS 'x'", catalog: "c", name: []string{"c", "s", "t", "a"}},
		{sql: "CREATE FUNCTION c.s.f(a INT) RETURNS INT RETURN a", catalog: "c", name: []string{"c", "s", "f"}},
		{sql: "CREATE TABLE c.s.t (a INT)", catalog: "c", name: []string{"c", "s", "t"}},
		{sql: "CREATE VIEW s.v AS SELECT 1 AS a", name: []string{"s", "v"}},
		{sql: "GRANT SELECT ON TABLE c.s.t TO `someone`", catalog: "c", name: []string{"c", "s", "t"}},
		{sql: "DROP TABLE t", name: []string{"t"}},
		{sql: "TRUNCATE TABLE c.s.t", catalog: "c", name: []string{"c", "s", "t"}},
		{sql: "ALTER TABLE c.s.t DROP COLUMN a", catalog: "c", name: []string{"c", "s", "t"}},
		{sql: "INSERT INTO c.s.t VALUES (1)", catalog: "c", name: []string{"c", "s", "t"}},
		{sql: "COPY INTO c.s.t FROM '/Volumes/c/s/v/f' FILEFORMAT = PARQUET", catalog: "c", name: []string{"c", "s", "t"}},
		{sql: "RESTORE TABLE c.s.t TO VERSION AS OF 1", catalog: "c", name: []string{"c", "s", "t"}},
		{sql: "OPTIMIZE c.s.t", catalog: "c", name: []string{"c", "s", "t"}},
		{sql: "UPDATE c.s.t SET a = 1", catalog: "c", name: []string{"c", "s", "t"}, rows: true},
		{sql: "DELETE FROM s.t", name: []string{"s", "t"}, rows: true},
		{sql: "MERGE INTO c.s.t USING u ON t.a = u.a WHEN MATCHED THEN DELETE", catalog: "c", name: []string{"c", "s", "t"}, rows: true},
	} {
		st, err := Parse(c.sql)
		if err != nil {
			t.Errorf("%s: %v", c.sql, err)
			continue
		}
		w, ok := st.(Writer)
		if !ok {
			t.Errorf("%s: %T does not say what it writes to", c.sql, st)
			continue
		}
		if target := w.Writes(); target.Catalog() != c.catalog || !slices.Equal(target.Name, c.name) {
			t.Errorf("%s: writes to %v of catalog %q", c.sql, target.Name, target.Catalog())
		}
		if _, rows := st.(RowChange); rows != c.rows {
			t.Errorf("%s: changes rows: %t", c.sql, rows)
		}
	}
	for _, sql := range []string{"SELECT 1", "USE c.s", "SET a = 1", "SHOW TABLES", "DESCRIBE t",
		"EXPLAIN SELECT 1", "LIST '/Volumes/c/s/v'"} {
		if st, err := Parse(sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		} else if _, ok := st.(Writer); ok {
			t.Errorf("%s: writes", sql)
		}
	}
}
