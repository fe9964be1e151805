//go:build cgo

package warehouse

import "testing"

// TestNotServed: statements that Databricks has and this warehouse lacks are refused as unsupported, not as wrong.
func TestNotServed(t *testing.T) {
	b := open(t, Options{})
	b.exec("CREATE SCHEMA s")
	b.exec("CREATE TABLE s.t (a INT, d DATE, v VARIANT)")
	for _, sql := range []string{
		"SELECT soundex('a')",
		"SELECT ai_query('m', 'p')",
		"SELECT ceil(1.25, 1)",
		"SELECT to_date('2024', 'yyyy')",
		"SELECT decode(1, 2, 'b')",
		"SELECT datediff(DAY, d, d) FROM s.t",
		"SELECT date_add(DAY, 1, d) FROM s.t",
		"SELECT window_time(a) FROM s.t",
		"SELECT overlay('abc' PLACING 'x' FROM 1)",
		"SELECT struct(a AS x) FROM s.t",
		"SELECT v:x FROM s.t",
		"SELECT 'a' COLLATE UTF8_LCASE",
		"SELECT INTERVAL '1-2' YEAR TO MONTH",
		"SELECT INTERVAL 1 YEAR 2 MONTHS",
		"SELECT IDENTIFIER('a') FROM s.t",
		"SELECT * FROM IDENTIFIER('s.t')",
		"SELECT * FROM stack(1, 2)",
		"SELECT * FROM s.t@v0",
		"SELECT * FROM s.t FOR SYSTEM_VERSION AS OF 0",
		"SELECT * FROM delta.`/tmp/x`",
		"SELECT a, count(*) FROM s.t GROUP BY a GROUPING SETS ((a), ())",
		"CREATE OR REPLACE FUNCTION s.f() RETURNS INT RETURN 1",
		"DESCRIBE FUNCTION abs",
		"SHOW TABLES DROPPED",
		"TRUNCATE TABLE s.t PARTITION (a = 1)",
		"VACUUM s.t RETAIN 200 HOURS DRY RUN",
		"CLEAR CACHE",
	} {
		b.refused(sql, "UNSUPPORTED_FEATURE", "0A000")
	}
}
