# Joins, groups, windows and sets, over rows with NULLs and duplicates.
# area: queries
# source: Spark 4.1

CREATE SCHEMA s

CREATE TABLE s.t (id INT, g STRING, n BIGINT, d DECIMAL(10,2), x DOUBLE, f FLOAT, at TIMESTAMP, day DATE, l ARRAY<INT>)

# source: guess
INSERT INTO s.t VALUES (1, 'a', 10, 1.25, 0.1D, 1.5, TIMESTAMP '2024-01-01 00:00:00', DATE '2024-01-01', array(1)), (2, 'a', NULL, 2.50, CAST('NaN' AS DOUBLE), NULL, NULL, NULL, NULL), (3, 'b', -5, NULL, NULL, 2.5, TIMESTAMP '2023-12-31 23:59:59.999999', DATE '1969-12-31', array()), (4, NULL, 7, -0.75, CAST('Infinity' AS DOUBLE), -1, NULL, NULL, array(2, NULL)), (4, NULL, 7, -0.75, CAST('Infinity' AS DOUBLE), -1, NULL, NULL, array(2, NULL))
----
5|5

SELECT g, count(*), count(n), sum(n), sum(d), avg(n), avg(d), min(d), max(x), sum(f), min(at), max(day) FROM s.t GROUP BY g ORDER BY g
----
NULL|2|2|14|-1.50|7|-0.750000|-0.75|+Inf|-2|NULL|NULL
a|2|1|10|3.75|10|1.875000|1.25|NaN|1.5|2024-01-01 00:00:00|2024-01-01 00:00:00
b|1|1|-5|NULL|-5|NULL|NULL|NULL|2.5|2023-12-31 23:59:59.999999|1969-12-31 00:00:00

SELECT typeof(sum(f)), typeof(sum(n)), typeof(avg(f)), typeof(sum(d)), typeof(count(*)), typeof(stddev(n)), typeof(min(at)), typeof(collect_list(id)), typeof(max(l)) FROM s.t
----
double|bigint|double|decimal(20,2)|bigint|double|timestamp|array<int>|array<int>

SELECT id, sum(n) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING), count(*) OVER (ORDER BY g), max(n) OVER (PARTITION BY g), last_value(n) IGNORE NULLS OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM s.t WHERE id < 4 ORDER BY id
----
1|10|2|10|10
2|5|2|10|10
3|-5|3|-5|-5

SELECT g, id FROM s.t ORDER BY g NULLS LAST, id DESC
----
a|2
a|1
b|3
NULL|4
NULL|4

SELECT x FROM s.t ORDER BY x DESC
----
NaN
+Inf
+Inf
0.1
NULL

SELECT g, n FROM s.t ORDER BY g DESC NULLS FIRST, n ASC NULLS LAST LIMIT 2 OFFSET 1
----
NULL|7
b|-5

SELECT a.id, b.id FROM s.t a FULL JOIN s.t b ON a.id = b.id + 1 AND a.g = b.g ORDER BY 1, 2
----
NULL|2
NULL|3
NULL|4
NULL|4
1|NULL
2|1
3|NULL
4|NULL
4|NULL

SELECT a.id FROM s.t a LEFT SEMI JOIN s.t b ON a.n = b.n ORDER BY 1
----
1
3
4
4

SELECT a.id FROM s.t a LEFT ANTI JOIN s.t b ON a.g = b.g ORDER BY 1
----
4
4

SELECT count(*) FROM s.t a CROSS JOIN s.t b
----
25

SELECT count(*) FROM s.t a JOIN s.t b ON a.x = b.x
----
6

SELECT count(*) FROM s.t a JOIN s.t b ON a.l <=> b.l
----
7

SELECT id FROM s.t UNION SELECT 1 ORDER BY id
----
1
2
3
4

SELECT id FROM s.t EXCEPT ALL SELECT 4 ORDER BY id
----
1
2
3
4

SELECT id FROM s.t INTERSECT ALL SELECT id FROM s.t ORDER BY id
----
1
2
3
4
4

SELECT id, g FROM s.t MINUS SELECT 4, NULL ORDER BY id
----
1|a
2|a
3|b

SELECT g, count(*) FROM s.t GROUP BY ALL ORDER BY g
----
NULL|2
a|2
b|1

SELECT DISTINCT g, l FROM s.t ORDER BY g, l
----
NULL|[2,null]
a|NULL
a|[1]
b|[]

SELECT id FROM s.t WHERE g NOT IN ('a', NULL)
----

SELECT id FROM s.t WHERE n = (SELECT max(n) FROM s.t)
----
1

SELECT id, (SELECT max(b.id) FROM s.t b WHERE b.g = a.g) AS m FROM s.t a WHERE a.id < 4 ORDER BY id
----
1|2
2|2
3|3

SELECT (SELECT id FROM s.t) AS one
----
error SCALAR_SUBQUERY_TOO_MANY_ROWS 21000

SELECT id FROM s.t WHERE id = 4 AND n / 0 > 1
----
error DIVIDE_BY_ZERO 22012

SELECT sum(d * n), sum(d) / count(*), max(d) - min(d), round(avg(d), 2) FROM s.t
----
2.00|0.45000000000000000000|3.25|0.56

SELECT * FROM s.t a JOIN (SELECT id AS k, max(n) AS n2 FROM s.t GROUP BY id) b ON a.id = b.k WHERE a.id = 1
----
1|a|10|1.25|0.1|1.5|2024-01-01 00:00:00|2024-01-01 00:00:00|[1]|1|10

SELECT g, id FROM s.t HAVING id > 2
----
error MISSING_GROUP_BY 42803

SELECT s.t.id, T.ID FROM s.t WHERE ID = 3
----
3|3

SELECT id AS a, a + 1 AS b, b * 2 AS c FROM s.t WHERE id = 1
----
1|2|4

WITH q AS (SELECT 1 AS k), q2 AS (SELECT k + 1 AS k FROM q) SELECT * FROM q UNION ALL SELECT * FROM q2 ORDER BY k
----
1
2

VALUES (1, 'a'), (2, NULL)
----
1|a
2|NULL

SELECT nothing FROM s.t
----
error UNRESOLVED_COLUMN 42703

SELECT id FROM s.t GROUP BY g
----
error MISSING_AGGREGATION 42803

SELECT max(id), g FROM s.t
----
error MISSING_GROUP_BY 42803

SELECT id FROM s.t WHERE max(id) > 1
----
error INVALID_WHERE_CONDITION 42903

SELECT 1 FROM s.t ORDER BY nothing
----
error UNRESOLVED_COLUMN 42703

SELECT id FROM s.t UNION SELECT id, g FROM s.t
----
error NUM_COLUMNS_MISMATCH 42826

SELECT unknown_function(1)
----
error UNRESOLVED_ROUTINE 42883

SELECT substring('a')
----
error WRONG_NUM_ARGS 42605

SELECT * FROM VALUES (1), ('a') AS v(x)
----
error INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE 42000

# What is no aggregate takes no OVER, FILTER or DISTINCT.
SELECT abs(1) OVER ()
----
error UNSUPPORTED_EXPR_FOR_WINDOW 42P20

SELECT abs(1) FILTER (WHERE true)
----
error INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX 42000

SELECT abs(DISTINCT 1)
----
error INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX 42000

SELECT X'0g'
----
error INVALID_TYPED_LITERAL 42604
