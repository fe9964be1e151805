# Windows with and without names, values that are skipped, and what raises an error.
# area: windows
# source: Spark 4.1

CREATE SCHEMA s

CREATE TABLE s.t (id INT, g STRING, x INT, a ARRAY<INT>)

# source: guess
INSERT INTO s.t VALUES (1, 'a', NULL, array(1, 2)), (2, 'a', 5, array()), (3, 'a', NULL, NULL), (4, 'b', 7, array(3, NULL))
----
4|4

SELECT id, last_value(x, true) OVER (PARTITION BY g ORDER BY id), last_value(x) IGNORE NULLS OVER (PARTITION BY g ORDER BY id DESC), first_value(x, true) OVER (PARTITION BY g ORDER BY id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) FROM s.t ORDER BY id
----
1|NULL|5|5
2|5|5|5
3|5|NULL|NULL
4|7|7|7

# A struct tells a carried NULL from none.
SELECT id, last_value(CASE WHEN id <> 2 THEN named_struct('v', x) END) IGNORE NULLS OVER (PARTITION BY g ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before, last_value(struct(x), true) OVER (PARTITION BY g ORDER BY id).x AS own FROM s.t ORDER BY id
----
1|NULL|NULL
2|{"v":null}|5
3|{"v":null}|NULL
4|NULL|7

SELECT id, lag(x, 1, -1) OVER w AS before, lead(id) OVER (w) AS after, row_number() OVER w AS n, sum(x) OVER (PARTITION BY g) AS s FROM s.t WINDOW w AS (PARTITION BY g ORDER BY id) ORDER BY id
----
1|-1|2|1|5
2|NULL|3|2|5
3|5|NULL|3|5
4|-1|NULL|1|7

SELECT id, lag(id) OVER w AS before, row_number() OVER v AS n FROM s.t ORDER BY n WINDOW w AS (ORDER BY id), v AS (ORDER BY id DESC)
----
4|3|1
3|2|2
2|1|3
1|NULL|4

SELECT id FROM s.t ORDER BY row_number() OVER (ORDER BY id DESC)
----
error UNSUPPORTED_EXPR_FOR_OPERATOR 42K0E

SELECT id FROM s.t ORDER BY row_number() OVER v WINDOW v AS (ORDER BY id DESC)
----
error UNSUPPORTED_EXPR_FOR_OPERATOR 42K0E

# source: documentation (QUALIFY clause)
SELECT id FROM s.t QUALIFY row_number() OVER w = 1 WINDOW w AS (PARTITION BY g ORDER BY id DESC) ORDER BY id
----
3
4

SELECT q.n FROM (SELECT row_number() OVER w AS n FROM s.t WINDOW w AS (ORDER BY id DESC)) q UNION ALL SELECT max(id) OVER w FROM s.t WINDOW w AS () ORDER BY n
----
1
2
3
4
4
4
4
4

SELECT sum(x) OVER nothing FROM s.t
----
error MISSING_WINDOW_SPECIFICATION 42P20

SELECT sum(x) OVER w FROM (SELECT x, sum(x) OVER (ORDER BY id) FROM s.t WINDOW w AS (ORDER BY id)) q
----
error MISSING_WINDOW_SPECIFICATION 42P20

SELECT sum(x) OVER w FROM s.t WINDOW w AS (ORDER BY id), w AS (ORDER BY x)
----
error INVALID_SQL_SYNTAX.REPETITIVE_WINDOW_DEFINITION 42000

# Their names are compared as they are written.
SELECT sum(x) OVER W AS s FROM s.t WINDOW w AS (ORDER BY id)
----
error MISSING_WINDOW_SPECIFICATION 42P20

SELECT id, sum(x) OVER W AS s FROM s.t WINDOW w AS (ORDER BY id), W AS (ORDER BY id DESC) ORDER BY id
----
1|12
2|12
3|7
4|7

SELECT rank() OVER (ORDER BY g), dense_rank() OVER (ORDER BY g), first_value(g) OVER (ORDER BY id), any_value(id) IGNORE NULLS OVER (ORDER BY g) FROM s.t ORDER BY 1
----
1|1|a|1
1|1|a|1
1|1|a|1
4|2|a|1

SELECT id, nth_value(id, 2) OVER (ORDER BY id), percent_rank() OVER (ORDER BY id), cume_dist() OVER (ORDER BY id), ntile(2) OVER (ORDER BY id) FROM s.t ORDER BY id
----
1|NULL|0|0.25|1
2|2|0.3333333333333333|0.5|1
3|2|0.6666666666666666|0.75|2
4|2|1|1|2

SELECT count_if(x > 1), bool_or(x > 6), bool_and(x > 6), any_value(x, true), max_by(id, x), min_by(id, x), last(x, true), first(x) IGNORE NULLS, last(x) IGNORE NULLS FROM (SELECT * FROM s.t WHERE g = 'a')
----
1|false|false|5|2|2|5|5|5

SELECT last_value(x, true) FILTER (WHERE id < 4), count_if(x > 6) FILTER (WHERE id < 4), max_by(id, x) FILTER (WHERE g = 'b') FROM s.t
----
5|0|4

SELECT id, forall(a, e -> e > 0), forall(a, e -> e > 1), exists(a, e -> e > 1), exists(a, e -> e > 3) FROM s.t ORDER BY id
----
1|true|false|true|false
2|true|true|false|false
3|NULL|NULL|NULL|NULL
4|NULL|NULL|true|NULL

SELECT id, aggregate(a, 0, (acc, e) -> acc + e), reduce(a, 1, (acc, e) -> acc * coalesce(e, 4), acc -> concat('=', acc)) FROM s.t ORDER BY id
----
1|3|=2
2|0|=1
3|NULL|NULL
4|NULL|=12

SELECT id, transform(a, e -> e + id), filter(a, e -> e >= id), exists(a, e -> e = id) FROM s.t ORDER BY id
----
1|[2,3]|[1,2]|true
2|[]|[]|false
3|NULL|NULL|NULL
4|[7,null]|[]|NULL

SELECT aggregate(array(1), 0L, (acc, e) -> 'x')
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

# What is not true ends the statement, where a value is asked for and where none is.
SELECT assert_true(1 < 2)
----
NULL

SELECT assert_true(1 > 2)
----
error USER_RAISED_EXCEPTION P0001

SELECT id, assert_true(id < 4, concat('row ', id)) AS ok FROM s.t
----
error USER_RAISED_EXCEPTION P0001

SELECT assert_true(CAST(NULL AS BOOLEAN))
----
error USER_RAISED_EXCEPTION P0001

SELECT count(*) FROM s.t WHERE assert_true(id < 5) IS NULL
----
4

SELECT raise_error('stop')
----
error USER_RAISED_EXCEPTION P0001

SELECT id, CASE WHEN id < 9 THEN id ELSE raise_error('too many') END AS n, if(x > 9, raise_error(x), 'fine') AS f, coalesce(x, id, raise_error('none')) AS c FROM s.t ORDER BY id
----
1|1|fine|1
2|2|fine|5
3|3|fine|3
4|4|fine|7

SELECT CASE WHEN id < 4 THEN id ELSE raise_error(concat('id ', id)) END AS n FROM s.t
----
error USER_RAISED_EXCEPTION P0001

WITH guard AS (SELECT count(*) AS n, assert_true(count(*) = 5, 'moved on') AS held FROM s.t) SELECT n FROM guard WHERE held IS NULL
----
error USER_RAISED_EXCEPTION P0001

SELECT id, x FROM s.t EXCEPT ALL SELECT 2, 5 UNION ALL SELECT 9, NULL ORDER BY id
----
1|NULL
3|NULL
4|7
9|NULL
