//go:build cgo

package warehouse

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestExpressions asks for values and for the names that columns get.
func TestExpressions(t *testing.T) {
	b := open(t, Options{})
	for _, c := range []struct{ sql, head, row string }{
		{"SELECT 1", "1", "1"},
		{"SELECT 'it''s', 'a' 'b', \"dq\"", "it's|ab|dq", "it's|ab|dq"},
		{`SELECT 'a\tb\\c\'d\u0041\101'`, "a\tb\\c'dAA", "a\tb\\c'dAA"},
		{`SELECT r'a\tb'`, `a\tb`, `a\tb`},
		{"SELECT X'4142' AS b", "b", "AB"},
		{"SELECT 1 / 2, 5 div 2, -7 div 2, -7 % 3, pmod(-7, 3)", "(1 / 2)|(5 div 2)|(-7 div 2)|(-7 % 3)|pmod(-7, 3)", "0.5|2|-3|-1|2"},
		{"SELECT typeof(1), typeof(1L), typeof(1S), typeof(1Y), typeof(1.5), typeof(1.5D), typeof(1e3), typeof(1BD), typeof(3000000000), typeof(1 + 1L), typeof(1/2), typeof(NULL)",
			"typeof(1)|typeof(1)|typeof(1)|typeof(1)|typeof(1.5)|typeof(1.5)|typeof(1000.0)|typeof(1)|typeof(3000000000)|typeof((1 + 1))|typeof((1 / 2))|typeof(NULL)",
			"int|bigint|smallint|tinyint|decimal(2,1)|double|double|decimal(1,0)|bigint|bigint|double|void"},
		{"SELECT 1.5 + 1 AS a, 1.5 * 2.25 AS b, 1.0 / 3 AS c, CAST(7 AS DECIMAL(10,2)) / CAST(3 AS DECIMAL(10,2)) AS d, 5.5 % 2 AS e",
			"a|b|c|d|e", "2.5|3.375|0.333333|2.3333333333333|1.5"},
		{
			"SELECT typeof(CAST(1 AS DECIMAL(38,10)) * CAST(1 AS DECIMAL(38,10))) AS t, CAST(1.5 AS DECIMAL(38,10)) * CAST(2 AS DECIMAL(38,10)) AS v",
			"t|v", "decimal(38,6)|3.000000",
		},
		{"SELECT CAST(1e10 AS STRING) AS a, CAST(0.001D AS STRING) AS b, CAST(CAST('NaN' AS DOUBLE) AS STRING) AS c, CAST(CAST('-Infinity' AS FLOAT) AS STRING) AS d, CAST(100D AS STRING) AS e, CAST(1.1F AS STRING) AS f",
			"a|b|c|d|e|f", "1.0E10|0.001|NaN|-Infinity|100.0|1.1"},
		{"SELECT CAST(true AS STRING) AS a, CAST(TIMESTAMP '2024-01-02 03:04:05.120' AS STRING) AS b, CAST(DATE '2024-01-02' AS STRING) AS c, CAST(1.50BD AS STRING) AS d",
			"a|b|c|d", "true|2024-01-02 03:04:05.12|2024-01-02|1.50"},
		{"SELECT CAST(array(1, NULL, 3) AS STRING) AS a, CAST(map('k', 1) AS STRING) AS m, CAST(named_struct('x', 1, 'y', 'z') AS STRING) AS s",
			"a|m|s", "[1, null, 3]|{k -> 1}|{1, z}"},
		{"SELECT CAST(1.9 AS INT) AS a, CAST(-1.9D AS INT) AS b, CAST(' 12 ' AS INT) AS c, '5'::bigint AS d, try_cast('x' AS INT) AS e, try_cast('1.5' AS INT) AS f",
			"a|b|c|d|e|f", "1|-1|12|5|NULL|NULL"},
		{"SELECT CAST('12.345' AS DECIMAL(5,2)) AS a, CAST(12.345 AS DECIMAL(5,2)) AS b", "a|b", "12.35|12.35"},
		{"SELECT NULL <=> NULL AS a, 1 <=> NULL AS b, 1 IS DISTINCT FROM NULL AS c, isnull(NULL) AS d, isnan(CAST('NaN' AS DOUBLE)) AS e",
			"a|b|c|d|e", "true|false|true|true|true"},
		{"SELECT coalesce(NULL, 1), nullif(1, 1), nvl(NULL, 'a'), if(1 < 2, 'y', 'n'), greatest(1, NULL, 3), least(2, 1)",
			"coalesce(NULL, 1)|nullif(1, 1)|nvl(NULL, a)|(IF((1 < 2), y, n))|greatest(1, NULL, 3)|least(2, 1)", "1|NULL|a|y|3|1"},
		{"SELECT CASE WHEN 1 = 2 THEN 'a' WHEN 2 = 2 THEN 'b' END AS x, CASE 3 WHEN 3 THEN 1 ELSE 2.5 END AS y", "x|y", "b|1.0"},
		{"SELECT substring('hello', 2, 3) AS a, substring('hello', -3) AS b, substring('hello', 0, 2) AS c, substr('hello', -7, 4) AS d, substring('héllo' FROM 2 FOR 1) AS e", "a|b|c|d|e", "ell|llo|he|he|é"},
		{"SELECT concat('a', 1, 'b'), 'x' || 2, concat_ws('-', 'a', NULL, array('b', 'c')), length('héé'), length(X'0102')",
			"concat(a, 1, b)|concat(x, 2)|concat_ws(-, a, NULL, array(b, c))|length(héé)|length(X'0102')", "a1b|x2|a-b-c|3|2"},
		{"SELECT hex('AB') AS a, hex(255) AS b, unhex('4142') AS c, md5('a') AS d, sha2('a', 256) AS e, base64(X'4142') AS f, decode(encode('é', 'utf-8'), 'UTF-8') AS g", "a|b|c|d|e|f|g",
			"4142|FF|AB|0cc175b9c0f1b6a831c399e269772661|ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb|QUI=|é"},
		{"SELECT xxhash64('Spark', array(123), 2) AS a, xxhash64(NULL) AS b, xxhash64('') AS c, xxhash64(1) AS d, xxhash64(1L) AS e, xxhash64(true) AS f", "a|b|c|d|e|f",
			"5602566077635097486|42|-7444071767201028348|-6698625589789238999|-7001672635703045582|-6698625589789238999"},
		{"SELECT xxhash64('a', NULL, 'b') = xxhash64('a', 'b') AS a, xxhash64('a', 'b') = xxhash64('ab') AS b, xxhash64('é') = xxhash64(encode('é', 'utf-8')) AS c, xxhash64(-0.0D) = xxhash64(0L) AS d, xxhash64(-0.0F) = xxhash64(0) AS e, " +
			"xxhash64(DATE '1970-01-02') = xxhash64(1) AS f, xxhash64(TIMESTAMP '1970-01-01 00:00:00.000001') = xxhash64(1L) AS g, xxhash64(array(1S, NULL, 2S)) = xxhash64(1, 2) AS h, xxhash64(CAST('NaN' AS DOUBLE)) = xxhash64(9221120237041090560L) AS i, xxhash64(0.1F) = xxhash64(1036831949) AS j",
			"a|b|c|d|e|f|g|h|i|j", "true|false|true|true|true|true|true|true|true|true"},
		{"SELECT sum(CAST(xxhash64(id, CAST(id AS STRING)) AS DECIMAL(20,0))) - sum(CAST(xxhash64(id, CAST(id AS STRING)) AS DECIMAL(20,0))) AS a, count(DISTINCT xxhash64(id)) AS b FROM range(5000)", "a|b", "0|5000"},
		{"SELECT trim('  a '), lpad('7', 3, '0'), rpad('7', 3, '0'), replace('aXa', 'X', '-'), regexp_replace('a1b2', '[0-9]', '#'), lower('AB'), upper('ab')",
			"trim(  a )|lpad(7, 3, 0)|rpad(7, 3, 0)|replace(aXa, X, -)|regexp_replace(a1b2, [0-9], #, 1)|lower(AB)|upper(ab)",
			"a|007|700|a-a|a#b#|ab|AB"},
		{"SELECT array(1, 2)[0] AS a, element_at(array(1, 2), -1) AS b, element_at(map('k', 'v'), 'k') AS c, map('k', 1)['x'] AS d, named_struct('f', 5).f AS e", "a|b|c|d|e", "1|2|v|NULL|5"},
		{"SELECT array_contains(array(1, 2), 2) AS a, array_contains(array(1, NULL), 2) AS b, size(array(1, 2)) AS c, sort_array(array(3, NULL, 1)) AS d, array_join(array('a', 'b'), ',') AS e, transform(array(1, 2), x -> x + 1) AS f",
			"a|b|c|d|e|f", "true|NULL|2|[null,1,3]|a,b|[2,3]"},
		{"SELECT to_json(array(1, NULL)) AS a, to_json(map('k', 'v')) AS b, map('b', 1, 'a', 2) AS c, named_struct('x', TIMESTAMP '2024-01-01 00:00:00', 'y', CAST(NULL AS STRING)) AS d",
			"a|b|c|d", `[1,null]|{"k":"v"}|{"b":1,"a":2}|{"x":"2024-01-01 00:00:00 +0000 UTC","y":null}`},
		{"SELECT unix_micros(TIMESTAMP '1970-01-01 00:00:01.5') AS a, timestamp_micros(1500000) AS b, date_trunc('DAY', TIMESTAMP '2024-01-02 03:04:05') AS c, extract(YEAR FROM DATE '2024-05-06') AS d, extract(SECOND FROM TIMESTAMP '2024-01-01 00:00:05.25') AS e",
			"a|b|c|d|e", "1500000|1970-01-01 00:00:01.5|2024-01-02 00:00:00|2024|5.250000"},
		{"SELECT DATE '2024-01-31' + INTERVAL 1 DAY AS a, TIMESTAMP '2024-01-01 00:00:00' - INTERVAL '2' HOUR AS b, datediff(DATE '2024-01-03', DATE '2024-01-01') AS c, date_format(TIMESTAMP '2024-01-02 03:04:05', 'yyyy-MM-dd HH:mm:ss') AS d",
			"a|b|c|d", "2024-02-01 00:00:00|2023-12-31 22:00:00|2|2024-01-02 03:04:05"},
		{"SELECT abs(-5), round(2.5), round(2.345, 2), round(2.5D), floor(-1.5), ceil(1.2), 5 & 3, 5 | 3, 5 ^ 3, ~5",
			"abs(-5)|round(2.5, 0)|round(2.345, 2)|round(2.5, 0)|FLOOR(-1.5)|CEIL(1.2)|(5 & 3)|(5 | 3)|(5 ^ 3)|~5", "5|3|2.35|3|-2|2|1|7|6|-6"},
		{"SELECT 'a' LIKE 'A', 'a' ILIKE 'A', 'a_b' LIKE 'a\\\\_b', 'abc' RLIKE 'b'",
			"a LIKE A|ilike(a, A)|a_b LIKE a\\_b|RLIKE(abc, b)", "false|true|true|true"},
		{"SELECT 3 BETWEEN 1 AND 5 AS a, 3 NOT IN (1, 2) AS b, NOT 1 = 2 AS c, true AND NULL AS d", "a|b|c|d", "true|true|true|NULL"},
		{"SELECT current_catalog(), current_schema(), current_user()", "current_catalog()|current_schema()|current_user()",
			"main|default|local@workspace"},
		{"SELECT -2147483648 AS a, typeof(-2147483648) AS b, -9223372036854775808 AS c", "a|b|c", "-2147483648|int|-9223372036854775808"},
		{"SELECT typeof(1e50), typeof(100D), typeof(1.50D), typeof(12345678.9D), typeof(1e-5), typeof(-2e7), typeof(0.0D)",
			"typeof(1.0E50)|typeof(100.0)|typeof(1.5)|typeof(1.23456789E7)|typeof(1.0E-5)|typeof(-2.0E7)|typeof(0.0)",
			"double|double|double|double|double|double|double"},
		{"SELECT CAST(id AS STRING), id::INT, CAST(id + 1 AS STRING) FROM range(1)", "id|id|CAST((id + 1) AS STRING)", "0|0|1"},
		{"SELECT variant_get(parse_json('1'), '$', 'int')", "variant_get(parse_json(1), $)", "1"},
		{"SELECT parse_json('{\"a\": 1}') AS v, variant_get(parse_json('{\"a\": 1}'), '$.a', 'int') AS i", "v|i", `{"a":1}|1`},
	} {
		head, rows, err := b.query(c.sql)
		if err != nil {
			t.Errorf("%s: %s", c.sql, cause(err))
			continue
		}
		if diff := cmp.Diff([]string{c.head, c.row}, append([]string{head}, rows...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.sql, diff)
		}
	}
}

func TestQueries(t *testing.T) {
	b := open(t, Options{})
	b.exec("CREATE SCHEMA s")
	b.exec("CREATE TABLE s.t (k INT, v STRING, n BIGINT, d DECIMAL(10,2), x DOUBLE)")
	b.exec("INSERT INTO s.t VALUES (1, 'a', 10, 1.5, 1), (1, 'b', 20, 2.5, 2), (2, 'c', NULL, NULL, NULL), (NULL, 'd', 40, 4.5, 4)")
	for _, c := range []struct {
		sql  string
		want []string
	}{
		{"SELECT k, count(*), count(n), sum(n), sum(d), avg(n), avg(d), min(v), max(v) FROM s.t GROUP BY k ORDER BY k",
			[]string{"NULL|1|1|40|4.50|40|4.500000|d|d", "1|2|2|30|4.00|15|2.000000|a|b", "2|1|0|NULL|NULL|NULL|NULL|c|c"}},
		{"SELECT typeof(sum(k)), typeof(sum(d)), typeof(avg(d)), typeof(avg(k)), typeof(count(*)) FROM s.t",
			[]string{"bigint|decimal(20,2)|decimal(14,6)|double|bigint"}},
		{"SELECT t.k + 1 AS k1, k1 * 2 AS k2 FROM main.s.t AS t WHERE v = 'a'", []string{"2|4"}},
		{"SELECT `V` FROM S.T WHERE s.t.k = 2", []string{"c"}},
		{"WITH q AS (SELECT k, v FROM s.t WHERE k IS NOT NULL), r(a) AS (SELECT max(k) FROM q) SELECT q.v FROM q JOIN r ON q.k = r.a",
			[]string{"c"}},
		{"SELECT a.v, b.v FROM s.t a LEFT JOIN s.t b ON a.k = b.k AND a.v < b.v ORDER BY a.v", []string{"a|b", "b|NULL", "c|NULL", "d|NULL"}},
		{"SELECT * FROM (SELECT 1 AS id, 'x' AS l) JOIN (SELECT 1 AS id, 'y' AS r) USING (id)", []string{"1|x|y"}},
		{"SELECT v FROM s.t a WHERE EXISTS (SELECT 1 FROM s.t b WHERE b.k = a.k AND b.v <> a.v) ORDER BY v DESC", []string{"b", "a"}},
		{"SELECT v FROM s.t WHERE k IN (SELECT max(k) FROM s.t)", []string{"c"}},
		{"SELECT (SELECT count(*) FROM s.t i WHERE i.k = o.k) AS c, v FROM s.t o ORDER BY v", []string{"2|a", "2|b", "1|c", "0|d"}},
		{"SELECT v FROM s.t QUALIFY row_number() OVER (PARTITION BY k ORDER BY v DESC) = 1 ORDER BY v", []string{"b", "c", "d"}},
		{"SELECT v, lag(v) OVER (ORDER BY v) AS l, sum(n) OVER (ORDER BY v ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s, last_value(n) IGNORE NULLS OVER (ORDER BY v) AS z FROM s.t ORDER BY v",
			[]string{"a|NULL|10|10", "b|a|30|20", "c|b|30|20", "d|c|70|40"}},
		{"SELECT v FROM s.t UNION ALL SELECT 'z' ORDER BY 1 DESC LIMIT 2", []string{"z", "d"}},
		{"SELECT typeof(x), x FROM (SELECT 1 AS x UNION ALL SELECT 2.5) ORDER BY x", []string{"decimal(11,1)|1.0", "decimal(11,1)|2.5"}},
		{"SELECT array_agg(v) FROM s.t WHERE k = 1", []string{`["a","b"]`}},
		{"SELECT max_by(v, n), min_by(v, n), count_if(k = 1), bool_or(k = 2), every(k = 1), count(DISTINCT k) FROM s.t",
			[]string{"d|a|2|true|false|2"}},
		{"SELECT CAST(max_by(array(CAST('-0.0' AS FLOAT)), n)[0] AS STRING), CAST(min_by(named_struct('d', CAST('-0.0' AS DOUBLE)), struct(n, v)).d AS STRING), max_by(array(1.5D), CAST(NULL AS INT)) FROM s.t",
			[]string{"-0.0|-0.0|NULL"}},
		{"SELECT concat_ws('-', 'a', NULL, 1), concat_ws('-', NULL), concat_ws(NULL, 'a'), concat_ws('-', array('a', NULL), 'b')",
			[]string{"a-1||NULL|a-b"}},
		{"SELECT count_if(k > NULL) FROM s.t", []string{"0"}},
		{"SELECT CAST(CAST(d / 1000 AS DECIMAL(5,5)) AS STRING), CAST(CAST(-0.5 AS DECIMAL(2,2)) AS STRING) FROM (SELECT 1.23 AS d)",
			[]string{"0.00123|-0.50"}},
		{`SELECT get_json_object(j, '$.a'), get_json_object(j, "$['b.c d']"), from_json(j, 'MAP<STRING, STRING>')['it\'s'] FROM (SELECT '{"a":"1","b.c d":"2","it\'s":"3"}' AS j)`, []string{"1|2|3"}},
		{"SELECT k AS g, count(*) AS c FROM s.t GROUP BY g HAVING c > 1", []string{"1|2"}},
		{"SELECT DISTINCT k FROM s.t ORDER BY k DESC", []string{"2", "1", "NULL"}},
		{"SELECT * EXCEPT (n, d, x) FROM s.t WHERE v = 'a'", []string{"1|a"}},
		{"SELECT col1, b FROM VALUES (1, 'a'), (2, NULL) AS q(col1, b)", []string{"1|a", "2|NULL"}},
		{"SELECT k FROM s.t EXCEPT SELECT 1 ORDER BY k", []string{"NULL", "2"}},
		{"SELECT id FROM range(3)", []string{"0", "1", "2"}},
		{"SELECT sum(n) FILTER (WHERE k = 1) FROM s.t", []string{"30"}},
		{"SELECT table_name FROM main.information_schema.tables WHERE table_schema = 's'", []string{"t"}},
	} {
		if diff := cmp.Diff(c.want, b.rows(c.sql)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.sql, diff)
		}
	}
}

// TestRefusals has one statement for each class of error.
func TestRefusals(t *testing.T) {
	b := open(t, Options{})
	b.exec("CREATE SCHEMA s")
	b.exec("CREATE TABLE s.t (a INT NOT NULL, b STRING)")
	b.exec("INSERT INTO s.t VALUES (1, 'x')")
	b.exec("CREATE VOLUME s.v")
	b.exec("CREATE TABLE s.short (v VARCHAR(3), c CHAR(3))")
	b.exec("INSERT INTO s.short VALUES ('abc', 'x')")
	b.want("SELECT v, concat(c, '|') FROM s.short", "abc|x  |")
	for _, c := range []struct{ sql, class, state string }{
		{"SELECT 1; SELECT 2", "PARSE_SYNTAX_ERROR", "42601"},
		{"SELEKT 1", "PARSE_SYNTAX_ERROR", "42601"},
		{"SELECT 'open", "PARSE_SYNTAX_ERROR", "42601"},
		{"SELECT * FROM s.missing", "TABLE_OR_VIEW_NOT_FOUND", "42P01"},
		{"SELECT * FROM nowhere.s.t", "NO_SUCH_CATALOG_EXCEPTION", "42704"},
		{"CREATE TABLE none.t (a INT)", "SCHEMA_NOT_FOUND", "42704"},
		{"USE SCHEMA none", "SCHEMA_NOT_FOUND", "42704"},
		{"USE CATALOG none", "NO_SUCH_CATALOG_EXCEPTION", "42704"},
		{"SELECT c FROM s.t", "UNRESOLVED_COLUMN", "42703"},
		{"CREATE TABLE s.t (a INT)", "TABLE_OR_VIEW_ALREADY_EXISTS", "42P07"},
		{"CREATE SCHEMA s", "SCHEMA_ALREADY_EXISTS", "42P06"},
		{"DROP SCHEMA s", "SCHEMA_NOT_EMPTY", "2BP01"},
		{"SELECT read_text('/etc/passwd')", "UNRESOLVED_ROUTINE", "42883"},
		{"SELECT * FROM read_csv('/etc/passwd')", "UNRESOLVABLE_TABLE_VALUED_FUNCTION", "42883"},
		{"SELECT * FROM `/etc/passwd`", "TABLE_OR_VIEW_NOT_FOUND", "42P01"},
		{"SELECT * FROM __workspace.tables", "TABLE_OR_VIEW_NOT_FOUND", "42P01"},
		{"SELECT 1 / 0", "DIVIDE_BY_ZERO", "22012"},
		{"SELECT 1 % (a - 1) FROM s.t", "DIVIDE_BY_ZERO", "22012"},
		{"SELECT 2147483647 + a FROM s.t", "ARITHMETIC_OVERFLOW", "22003"},
		{"SELECT CAST(b AS INT) FROM s.t", "CAST_INVALID_INPUT", "22018"},
		{"SELECT CAST('2024-13-01' AS DATE)", "CAST_INVALID_INPUT", "22018"},
		{"SELECT CAST('1.5' AS INT)", "CAST_INVALID_INPUT", "22018"},
		{"SELECT count(*) FROM s.t GROUP BY map('a', a)", "GROUP_EXPRESSION_TYPE_IS_NOT_ORDERABLE", "42822"},
		{"SELECT count(*) OVER (PARTITION BY array(map('a', a))) FROM s.t", "GROUP_EXPRESSION_TYPE_IS_NOT_ORDERABLE", "42822"},
		{"SELECT CAST(300 AS TINYINT)", "CAST_OVERFLOW", "22003"},
		{"SELECT CAST(1234 AS DECIMAL(4,2))", "NUMERIC_VALUE_OUT_OF_RANGE", "22003"},
		{"SELECT CAST('12345' AS DECIMAL(4,2))", "NUMERIC_VALUE_OUT_OF_RANGE", "22003"},
		{"CREATE TABLE s.u (`a b` INT)", "DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES", "42K05"},
		{"ALTER TABLE s.t ADD COLUMNS (A INT)", "FIELD_ALREADY_EXISTS", "42710"},
		{"ALTER TABLE s.t ALTER COLUMN a TYPE BIGINT", "DELTA_UNSUPPORTED_ALTER_TABLE_CHANGE_COL_OP", "42837"},
		{"ALTER TABLE s.t DROP COLUMN b", "DELTA_UNSUPPORTED_DROP_COLUMN", "42KD4"},
		{"INSERT INTO s.t VALUES (NULL, 'x')", "DELTA_NOT_NULL_CONSTRAINT_VIOLATED", "23502"},
		{"INSERT INTO s.t VALUES (1)", "INSERT_COLUMN_ARITY_MISMATCH", "21S01"},
		{"INSERT INTO s.t VALUES ('one', 'x')", "CAST_INVALID_INPUT", "22018"},
		{"INSERT INTO s.t VALUES (array(1), 'x')", "INCOMPATIBLE_DATA_FOR_TABLE", "KD000"},
		{"INSERT INTO s.short VALUES ('abcd', 'x')", "EXCEED_LIMIT_LENGTH", "54006"},
		{"SELECT a, count(*) FROM s.t", "MISSING_GROUP_BY", "42803"},
		{"SELECT sum(9223372036854775807) FROM range(2)", "ARITHMETIC_OVERFLOW", "22003"},
		{"SET timezone = 'Europe/Berlin'", "UNSUPPORTED_FEATURE", "0A000"},
		{"SELECT no_such_function(1)", "UNRESOLVED_ROUTINE", "42883"},
		{"SELECT ceil(1, 2, 3)", "WRONG_NUM_ARGS", "42605"},
		{"SELECT array(1)[5]", "INVALID_ARRAY_INDEX", "22003"},
		{"GRANT SELECT ON SCHEMA s TO x", "UNSUPPORTED_FEATURE", "0A000"},
		{"ATTACH 'x'", "PARSE_SYNTAX_ERROR", "42601"},
		{"COPY s.t TO '/tmp/x'", "PARSE_SYNTAX_ERROR", "42601"},
		{"SELECT * FROM s.t VERSION AS OF 99", "DELTA_VERSION_NOT_FOUND", "22003"},
		{"DROP TABLE s.none", "TABLE_OR_VIEW_NOT_FOUND", "42P01"},
		{"SELECT :p", "UNBOUND_SQL_PARAMETER", "42P02"},
		{"", "PARSE_EMPTY_STATEMENT", "42617"},
		{"COPY INTO s.none FROM '/Volumes/main/s/v' FILEFORMAT = PARQUET", "DELTA_MISSING_DELTA_TABLE_COPY_INTO", "42P01"},
		{"COPY INTO s.t FROM '/Volumes/main/s/v/../../../x' FILEFORMAT = PARQUET", "LOCAL_WORKSPACE_PATH_REFUSED", "42501"},
		{"COPY INTO s.t FROM '/etc' FILEFORMAT = PARQUET", "LOCAL_WORKSPACE_PATH_REFUSED", "42501"},
		{"SELECT * FROM read_files('/Volumes/main/s/v/none', format => 'parquet', schema => 'a INT')", "PATH_NOT_FOUND", "42K03"},
		{"SELECT * FROM read_files('/Volumes/main/s/v', format => 'parquet')", "CF_EMPTY_DIR_FOR_SCHEMA_INFERENCE", "42000"},
		{"SELECT a + b FROM (SELECT a, array(b) AS b FROM s.t)", "DATATYPE_MISMATCH", "42K09"},
		{"SELECT a FROM s.t x JOIN s.t y ON x.a = y.a", "AMBIGUOUS_REFERENCE", "42704"},
	} {
		b.refused(c.sql, c.class, c.state)
	}
}

// TestVariables: Spark substitutes variables in a statement's text before it parses it, also inside quotes. This warehouse has no
// variables, and refuses them.
func TestVariables(t *testing.T) {
	b := open(t, Options{})
	for _, sql := range []string{"SELECT '${x}'", "SELECT 1 AS `a${env:HOME}b`", "SELECT 1 -- ${x}", "CREATE TABLE default.t (`${x}` INT)"} {
		b.refused(sql, "UNSUPPORTED_FEATURE", "0A000")
	}
	b.want(`SELECT '\u0024{x}', '$\{x}', '${', '}', '${}', '${a b}', '$x', '{x}'`, "${x}|${x}|${|}|${}|${a b}|$x|{x}")
}
