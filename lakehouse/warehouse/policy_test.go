//go:build cgo

package warehouse

import (
	"testing"
)

func TestRowFiltersAndMasks(t *testing.T) {
	b := open(t, Options{})
	for _, sql := range []string{
		"CREATE SCHEMA s", "CREATE TABLE s.guarded (id BIGINT, name STRING)", "INSERT INTO s.guarded VALUES (1, 'one'), (2, 'two')",
		"CREATE FUNCTION s.above(least BIGINT) RETURNS BOOLEAN RETURN least > 1",
		"CREATE FUNCTION s.hidden(name STRING, id BIGINT) RETURNS STRING RETURN concat('hidden ', CAST(id AS STRING))",
	} {
		b.exec(sql)
	}
	b.refused("CREATE FUNCTION s.above(least BIGINT) RETURNS BOOLEAN RETURN TRUE", "ROUTINE_ALREADY_EXISTS", "42723")
	b.refused("ALTER TABLE s.guarded SET ROW FILTER s.nothing ON (id)", "UNRESOLVED_ROUTINE", "42883")
	b.refused("ALTER TABLE s.guarded SET ROW FILTER s.above ON (nothing)", "UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703")
	b.refused("ALTER TABLE s.guarded SET ROW FILTER s.above ON (id, name)", "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "42605")
	b.exec("ALTER TABLE s.guarded SET ROW FILTER s.above ON (id)")
	b.want("SELECT * FROM s.guarded", "2|two")
	b.exec("ALTER TABLE s.guarded ALTER COLUMN name SET MASK s.hidden USING COLUMNS (id)")
	b.want("SELECT * FROM s.guarded", "2|hidden 2")
	b.exec("CREATE OR REPLACE TABLE s.guarded AS SELECT CAST(3 AS BIGINT) AS id, 'three' AS name UNION ALL SELECT CAST(0 AS BIGINT), 'zero'")
	b.want("SELECT * FROM s.guarded", "3|hidden 3") // they are kept
	b.exec("ALTER TABLE s.guarded ALTER COLUMN name DROP MASK")
	b.want("SELECT * FROM s.guarded", "3|three")
	b.exec("ALTER TABLE s.guarded DROP ROW FILTER")
	b.want("SELECT * FROM s.guarded ORDER BY id", "0|zero", "3|three")

	lost := open(t, Options{Switches: Switches{PoliciesLostOnReplace: true}})
	for _, sql := range []string{
		"CREATE SCHEMA s", "CREATE TABLE s.t (id BIGINT)", "CREATE FUNCTION s.none(id BIGINT) RETURNS BOOLEAN RETURN FALSE",
		"ALTER TABLE s.t SET ROW FILTER s.none ON (id)", "CREATE OR REPLACE TABLE s.t AS SELECT CAST(1 AS BIGINT) AS id",
	} {
		lost.exec(sql)
	}
	lost.want("SELECT * FROM s.t", "1")
	lost.exec("DROP SCHEMA s CASCADE")
	lost.exec("CREATE SCHEMA s")
	lost.exec("CREATE FUNCTION s.none(id BIGINT) RETURNS BOOLEAN RETURN FALSE")
}
