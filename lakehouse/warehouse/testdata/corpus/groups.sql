# GROUP BY, HAVING and DISTINCT.
# area: aggregates
# source: Spark 4.1

CREATE TEMPORARY VIEW t AS SELECT * FROM VALUES (1, 'a', 10, 1.25, 0.5D, DATE '2024-01-01', true), (2, 'a', NULL, 2.50, CAST('NaN' AS DOUBLE), NULL, false), (3, 'b', -5, NULL, NULL, DATE '1969-12-31', NULL), (4, NULL, 7, -0.75, CAST('Infinity' AS DOUBLE), DATE '2024-01-01', true), (5, NULL, 7, -0.75, -0.0D, NULL, false) AS t(id, g, n, d, x, day, b)

CREATE TEMPORARY VIEW e AS SELECT id, g, n, d, x, day, b FROM t WHERE false

SELECT g, count(*) AS c FROM t GROUP BY g ORDER BY g
----
NULL|2
a|2
b|1

SELECT g, sum(n) AS s FROM t GROUP BY g HAVING sum(n) > 5 ORDER BY g
----
NULL|14
a|10

SELECT g, sum(n) AS s FROM t GROUP BY g HAVING s > 5 ORDER BY g
----
NULL|14
a|10

SELECT g AS k, count(*) AS c FROM t GROUP BY k ORDER BY k
----
NULL|2
a|2
b|1

SELECT g AS k, count(*) AS c FROM t GROUP BY 1 ORDER BY 2, 1
----
b|1
NULL|2
a|2

SELECT upper(g) AS k, count(*) AS c FROM t GROUP BY upper(g) ORDER BY k
----
NULL|2
A|2
B|1

SELECT id % 2 AS k, sum(id) AS s FROM t GROUP BY id % 2 ORDER BY k
----
0|6
1|9

SELECT id % 2 + 1 AS k FROM t GROUP BY id % 2 ORDER BY k
----
1
2

SELECT g, b, count(*) AS c FROM t GROUP BY g, b ORDER BY g, b
----
NULL|false|1
NULL|true|1
a|false|1
a|true|1
b|NULL|1

SELECT g, b, count(*) AS c FROM t GROUP BY ALL ORDER BY g, b
----
NULL|false|1
NULL|true|1
a|false|1
a|true|1
b|NULL|1

SELECT count(*) AS c FROM t GROUP BY ALL
----
5

SELECT x, count(*) AS c FROM t GROUP BY x ORDER BY x
----
NULL|1
0|1
0.5|1
+Inf|1
NaN|1

SELECT day, max(id) AS m FROM t GROUP BY day ORDER BY day
----
NULL|5
1969-12-31 00:00:00|3
2024-01-01 00:00:00|4

SELECT d, count(*) AS c FROM t GROUP BY d ORDER BY d
----
NULL|1
-0.75|2
1.25|1
2.50|1

SELECT count(*) AS c FROM t GROUP BY g ORDER BY c
----
1
2
2

SELECT max(id) AS m FROM t GROUP BY ()
----
error PARSE_SYNTAX_ERROR 42601

SELECT g, max(id) AS m FROM t WHERE id > 2 GROUP BY g ORDER BY g
----
NULL|5
b|3

SELECT g FROM t GROUP BY g HAVING count(*) = 2 ORDER BY g
----
NULL
a

SELECT g, max(id) AS m FROM t GROUP BY g ORDER BY m DESC LIMIT 1
----
NULL|5

SELECT DISTINCT g FROM t ORDER BY g
----
NULL
a
b

SELECT DISTINCT g, b FROM t ORDER BY g, b
----
NULL|false
NULL|true
a|false
a|true
b|NULL

SELECT DISTINCT n + 1 AS k FROM t ORDER BY k
----
NULL
-4
8
11

SELECT count(*) AS c FROM t HAVING count(*) > 100
----

SELECT count(*) AS c FROM t HAVING max(id) = 5
----
5

SELECT 1 AS one FROM t HAVING true
----
1

SELECT g, n FROM t GROUP BY g
----
error MISSING_AGGREGATION 42803

SELECT g FROM t GROUP BY nothing
----
error UNRESOLVED_COLUMN.WITH_SUGGESTION 42703

SELECT g FROM t GROUP BY 2
----
error GROUP_BY_POS_OUT_OF_RANGE 42805

SELECT g FROM t GROUP BY 0
----
error GROUP_BY_POS_OUT_OF_RANGE 42805

SELECT g FROM t GROUP BY count(*)
----
error GROUP_BY_AGGREGATE 42903

SELECT g, count(*) FROM t 
----
error MISSING_GROUP_BY 42803

SELECT g FROM t HAVING count(*) > 1
----
error MISSING_GROUP_BY 42803

SELECT g FROM t WHERE count(*) > 1
----
error INVALID_WHERE_CONDITION 42903

SELECT sum(max(n)) AS v FROM t 
----
error NESTED_AGGREGATE_FUNCTION 42607

SELECT g, sum(n) AS s, s + 1 AS s1 FROM t GROUP BY g ORDER BY g
----
NULL|14|15
a|10|11
b|-5|-4

SELECT g, count(*) AS c, sum(id) AS s, min(n) AS lo, max(n) AS hi, avg(d) AS a FROM t GROUP BY g ORDER BY g
----
NULL|2|9|7|7|-0.750000
a|2|3|10|10|1.875000
b|1|3|-5|-5|NULL

SELECT T.g, COUNT(*) AS C FROM t GROUP BY t.G ORDER BY G
----
NULL|2
a|2
b|1

SELECT count(*) AS c FROM e GROUP BY g
----

SELECT g, count(*) AS c FROM e GROUP BY g
----

SELECT count(*) AS c, sum(n) AS s FROM e
----
0|NULL

SELECT 1 AS one FROM e GROUP BY ()
----
error PARSE_SYNTAX_ERROR 42601

SELECT v, count(*) AS c FROM VALUES ('a'), ('A'), ('a ') AS s(v) GROUP BY v ORDER BY v
----
A|1
a|1
a |1

SELECT v, count(*) AS c FROM VALUES (1.0), (1.00), (2) AS s(v) GROUP BY v ORDER BY v
----
1.00|2
2.00|1

SELECT DISTINCT v FROM VALUES (NULL), (NULL), (1) AS s(v) ORDER BY v
----
NULL
1
