# Names: letter case, quotes, reserved words, letters beyond ASCII, and the names of columns without an alias.
# area: names
# source: Spark 4.1

SELECT 1 AS a, 2 AS A
----
1|2

SELECT * FROM (SELECT 1 AS a, 2 AS A) WHERE a = 1
----
error AMBIGUOUS_REFERENCE 42704

SELECT a FROM (SELECT 1 AS a, 2 AS A)
----
error AMBIGUOUS_REFERENCE 42704

SELECT 1 AS `a b`
----
1

SELECT `a b` FROM (SELECT 1 AS `a b`)
----
1

SELECT 1 AS `a``b`
----
1

SELECT `a``b` + 1 AS v FROM (SELECT 1 AS `a``b`)
----
2

SELECT 1 AS `a.b`
----
1

SELECT `a.b` FROM (SELECT 1 AS `a.b`)
----
1

SELECT a.b FROM (SELECT 1 AS `a.b`)
----
error UNRESOLVED_COLUMN.WITH_SUGGESTION 42703

SELECT 1 AS `é`
----
1

SELECT `É` FROM (SELECT 1 AS `é`)
----
1

SELECT 1 AS `😀`
----
1

SELECT 1 AS _a
----
1

SELECT 1 AS a_1
----
1

SELECT 1 AS `1a`
----
1

SELECT 1 AS 1
----
error PARSE_SYNTAX_ERROR 42601

SELECT 1 AS select
----
1

SELECT 1 AS table
----
1

SELECT 1 AS date
----
1

SELECT 1 AS timestamp
----
1

SELECT 1 AS order
----
1

SELECT 1 AS from
----
1

SELECT 1 AS end
----
1

SELECT 1 AS user
----
1

SELECT 1 AS key
----
1

SELECT 1 AS value
----
1

SELECT 1 AS `select`
----
1

SELECT 1 AS year
----
1

SELECT 1 AS left
----
1

SELECT 1 AS on
----
1

SELECT 1 AS "a"
----
error PARSE_SYNTAX_ERROR 42601

SELECT 1 'a'
----
error PARSE_SYNTAX_ERROR 42601

SELECT 1 a
----
1

SELECT a a FROM (SELECT 1 a) a
----
1

SELECT a.a FROM (SELECT 1 a) a
----
1

SELECT A.A FROM (SELECT 1 a) a
----
1

SELECT s.a.b FROM (SELECT named_struct('b', 1) AS a) s
----
1

SELECT a.b FROM (SELECT named_struct('b', 1) AS a)
----
1

SELECT a.B FROM (SELECT named_struct('b', 1) AS a)
----
1

SELECT a.c FROM (SELECT named_struct('b', 1) AS a)
----
error FIELD_NOT_FOUND 42704

SELECT a.`x y` FROM (SELECT named_struct('x y', 1) AS a)
----
1

SELECT date FROM (SELECT 1 AS date)
----
1

SELECT timestamp FROM (SELECT 1 AS timestamp)
----
1

SELECT year FROM (SELECT 1 AS year)
----
1

SELECT current_date IS NOT NULL AS v
----
true

SELECT Upper('a') AS v
----
A

SELECT UPPER ('a') AS v
----
A

SELECT `upper`('a') AS v
----
A

SELECT x.* FROM (SELECT 1 a) y
----
error CANNOT_RESOLVE_STAR_EXPAND 42704

SELECT y.* FROM (SELECT 1 a, 2 b) y
----
1|2

SELECT 1 AS a, 'x' AS b, NULL AS c
----
1|x|NULL

SELECT 1
----
1

SELECT 1 + 1
----
2

SELECT 'a'
----
a

SELECT NULL
----
NULL

SELECT true
----
true

SELECT 1.5
----
1.5

SELECT -1
----
-1

SELECT count(*) FROM range(3)
----
3

SELECT max(id) FROM range(3)
----
2

SELECT id + 1 FROM range(1)
----
1

SELECT upper('a')
----
A

SELECT CAST(1 AS STRING)
----
1

SELECT CASE WHEN true THEN 1 END
----
1

SELECT id IS NULL FROM range(1)
----
false

SELECT id BETWEEN 0 AND 1 FROM range(1)
----
true

SELECT id IN (0, 1) FROM range(1)
----
true

SELECT NOT true
----
false

SELECT 1 = 1 AND 2 = 2
----
true

SELECT array(1, 2)
----
[1,2]

SELECT array(1, 2)[0]
----
1

SELECT named_struct('a', 1).a
----
1

SELECT concat('a', 'b')
----
ab

SELECT 'a' || 'b'
----
ab

SELECT 'a' LIKE 'b'
----
false

SELECT coalesce(NULL, 1)
----
1

SELECT (SELECT 1)
----
1

SELECT count(DISTINCT id) FROM range(2)
----
2

SELECT sum(id) OVER (ORDER BY id) FROM range(1)
----
0

SELECT DATE '2024-01-02'
----
2024-01-02 00:00:00

SELECT - id FROM range(1)
----
0

SELECT id % 2 FROM range(1)
----
0

SELECT id DIV 2 FROM range(1)
----
0

SELECT substring('abc', 2)
----
bc

SELECT 1L
----
1

SELECT 1e3
----
1000

SELECT 'it''s'
----
it's

SELECT id AS `ID`, Id FROM range(1)
----
0|0

SELECT r.ID FROM range(1) r
----
0
