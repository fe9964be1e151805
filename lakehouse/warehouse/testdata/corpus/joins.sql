# Joins of each kind, with NULLs, duplicates and conditions.
# area: joins
# source: Spark 4.1

CREATE TEMPORARY VIEW t AS SELECT * FROM VALUES (1, 'a', 10, 1.25, 0.5D, DATE '2024-01-01', true), (2, 'a', NULL, 2.50, CAST('NaN' AS DOUBLE), NULL, false), (3, 'b', -5, NULL, NULL, DATE '1969-12-31', NULL), (4, NULL, 7, -0.75, CAST('Infinity' AS DOUBLE), DATE '2024-01-01', true), (5, NULL, 7, -0.75, -0.0D, NULL, false) AS t(id, g, n, d, x, day, b)

CREATE TEMPORARY VIEW u AS SELECT * FROM VALUES (1, 'one', 10L), (3, 'three', NULL), (4, 'four', 7L), (4, 'vier', 7L), (9, 'nine', 0L), (NULL, 'none', 1L) AS u(id, name, n)

SELECT t.id, u.name FROM t JOIN u ON t.id = u.id ORDER BY t.id, u.name
----
1|one
3|three
4|four
4|vier

SELECT t.id, u.name FROM t JOIN u ON t.id = u.id AND t.n = u.n ORDER BY t.id, u.name
----
1|one
4|four
4|vier

SELECT id, name FROM t JOIN u USING (id) ORDER BY id, name
----
1|one
3|three
4|four
4|vier

SELECT t.id, u.id FROM t JOIN u ON t.id < u.id AND u.id < 4 ORDER BY t.id, u.id
----
1|3
2|3

SELECT count(*) AS c FROM t JOIN u ON false
----
0

SELECT * FROM (SELECT id, g FROM t) a JOIN (SELECT id, name FROM u) b USING (id) ORDER BY id, name
----
1|a|one
3|b|three
4|NULL|four
4|NULL|vier

SELECT t.id, u.name FROM t INNER JOIN u ON t.id = u.id ORDER BY t.id, u.name
----
1|one
3|three
4|four
4|vier

SELECT t.id, u.name FROM t INNER JOIN u ON t.id = u.id AND t.n = u.n ORDER BY t.id, u.name
----
1|one
4|four
4|vier

SELECT id, name FROM t INNER JOIN u USING (id) ORDER BY id, name
----
1|one
3|three
4|four
4|vier

SELECT t.id, u.id FROM t INNER JOIN u ON t.id < u.id AND u.id < 4 ORDER BY t.id, u.id
----
1|3
2|3

SELECT count(*) AS c FROM t INNER JOIN u ON false
----
0

SELECT * FROM (SELECT id, g FROM t) a INNER JOIN (SELECT id, name FROM u) b USING (id) ORDER BY id, name
----
1|a|one
3|b|three
4|NULL|four
4|NULL|vier

SELECT t.id, u.name FROM t LEFT JOIN u ON t.id = u.id ORDER BY t.id, u.name
----
1|one
2|NULL
3|three
4|four
4|vier
5|NULL

SELECT t.id, u.name FROM t LEFT JOIN u ON t.id = u.id AND t.n = u.n ORDER BY t.id, u.name
----
1|one
2|NULL
3|NULL
4|four
4|vier
5|NULL

SELECT id, name FROM t LEFT JOIN u USING (id) ORDER BY id, name
----
1|one
2|NULL
3|three
4|four
4|vier
5|NULL

SELECT t.id, u.id FROM t LEFT JOIN u ON t.id < u.id AND u.id < 4 ORDER BY t.id, u.id
----
1|3
2|3
3|NULL
4|NULL
5|NULL

SELECT count(*) AS c FROM t LEFT JOIN u ON false
----
5

SELECT * FROM (SELECT id, g FROM t) a LEFT JOIN (SELECT id, name FROM u) b USING (id) ORDER BY id, name
----
1|a|one
2|a|NULL
3|b|three
4|NULL|four
4|NULL|vier
5|NULL|NULL

SELECT t.id, u.name FROM t LEFT OUTER JOIN u ON t.id = u.id ORDER BY t.id, u.name
----
1|one
2|NULL
3|three
4|four
4|vier
5|NULL

SELECT t.id, u.name FROM t LEFT OUTER JOIN u ON t.id = u.id AND t.n = u.n ORDER BY t.id, u.name
----
1|one
2|NULL
3|NULL
4|four
4|vier
5|NULL

SELECT id, name FROM t LEFT OUTER JOIN u USING (id) ORDER BY id, name
----
1|one
2|NULL
3|three
4|four
4|vier
5|NULL

SELECT t.id, u.id FROM t LEFT OUTER JOIN u ON t.id < u.id AND u.id < 4 ORDER BY t.id, u.id
----
1|3
2|3
3|NULL
4|NULL
5|NULL

SELECT count(*) AS c FROM t LEFT OUTER JOIN u ON false
----
5

SELECT * FROM (SELECT id, g FROM t) a LEFT OUTER JOIN (SELECT id, name FROM u) b USING (id) ORDER BY id, name
----
1|a|one
2|a|NULL
3|b|three
4|NULL|four
4|NULL|vier
5|NULL|NULL

SELECT t.id, u.name FROM t RIGHT JOIN u ON t.id = u.id ORDER BY t.id, u.name
----
NULL|nine
NULL|none
1|one
3|three
4|four
4|vier

SELECT t.id, u.name FROM t RIGHT JOIN u ON t.id = u.id AND t.n = u.n ORDER BY t.id, u.name
----
NULL|nine
NULL|none
NULL|three
1|one
4|four
4|vier

SELECT id, name FROM t RIGHT JOIN u USING (id) ORDER BY id, name
----
NULL|none
1|one
3|three
4|four
4|vier
9|nine

SELECT t.id, u.id FROM t RIGHT JOIN u ON t.id < u.id AND u.id < 4 ORDER BY t.id, u.id
----
NULL|NULL
NULL|1
NULL|4
NULL|4
NULL|9
1|3
2|3

SELECT count(*) AS c FROM t RIGHT JOIN u ON false
----
6

SELECT * FROM (SELECT id, g FROM t) a RIGHT JOIN (SELECT id, name FROM u) b USING (id) ORDER BY id, name
----
NULL|NULL|none
1|a|one
3|b|three
4|NULL|four
4|NULL|vier
9|NULL|nine

SELECT t.id, u.name FROM t FULL JOIN u ON t.id = u.id ORDER BY t.id, u.name
----
NULL|nine
NULL|none
1|one
2|NULL
3|three
4|four
4|vier
5|NULL

SELECT t.id, u.name FROM t FULL JOIN u ON t.id = u.id AND t.n = u.n ORDER BY t.id, u.name
----
NULL|nine
NULL|none
NULL|three
1|one
2|NULL
3|NULL
4|four
4|vier
5|NULL

SELECT id, name FROM t FULL JOIN u USING (id) ORDER BY id, name
----
NULL|none
1|one
2|NULL
3|three
4|four
4|vier
5|NULL
9|nine

SELECT t.id, u.id FROM t FULL JOIN u ON t.id < u.id AND u.id < 4 ORDER BY t.id, u.id
----
NULL|NULL
NULL|1
NULL|4
NULL|4
NULL|9
1|3
2|3
3|NULL
4|NULL
5|NULL

SELECT count(*) AS c FROM t FULL JOIN u ON false
----
11

SELECT * FROM (SELECT id, g FROM t) a FULL JOIN (SELECT id, name FROM u) b USING (id) ORDER BY id, name
----
NULL|NULL|none
1|a|one
2|a|NULL
3|b|three
4|NULL|four
4|NULL|vier
5|NULL|NULL
9|NULL|nine

SELECT t.id, u.name FROM t FULL OUTER JOIN u ON t.id = u.id ORDER BY t.id, u.name
----
NULL|nine
NULL|none
1|one
2|NULL
3|three
4|four
4|vier
5|NULL

SELECT t.id, u.name FROM t FULL OUTER JOIN u ON t.id = u.id AND t.n = u.n ORDER BY t.id, u.name
----
NULL|nine
NULL|none
NULL|three
1|one
2|NULL
3|NULL
4|four
4|vier
5|NULL

SELECT id, name FROM t FULL OUTER JOIN u USING (id) ORDER BY id, name
----
NULL|none
1|one
2|NULL
3|three
4|four
4|vier
5|NULL
9|nine

SELECT t.id, u.id FROM t FULL OUTER JOIN u ON t.id < u.id AND u.id < 4 ORDER BY t.id, u.id
----
NULL|NULL
NULL|1
NULL|4
NULL|4
NULL|9
1|3
2|3
3|NULL
4|NULL
5|NULL

SELECT count(*) AS c FROM t FULL OUTER JOIN u ON false
----
11

SELECT * FROM (SELECT id, g FROM t) a FULL OUTER JOIN (SELECT id, name FROM u) b USING (id) ORDER BY id, name
----
NULL|NULL|none
1|a|one
2|a|NULL
3|b|three
4|NULL|four
4|NULL|vier
5|NULL|NULL
9|NULL|nine

SELECT id FROM t LEFT SEMI JOIN u ON t.id = u.id ORDER BY id
----
1
3
4

SELECT id FROM t LEFT SEMI JOIN u USING (id) ORDER BY id
----
1
3
4

SELECT * FROM (SELECT id, n FROM t) a LEFT SEMI JOIN u ON a.n = u.n ORDER BY id
----
1|10
4|7
5|7

SELECT u.name FROM t LEFT SEMI JOIN u ON t.id = u.id
----
error UNRESOLVED_COLUMN.WITH_SUGGESTION 42703

SELECT id FROM t SEMI JOIN u ON t.id = u.id ORDER BY id
----
1
3
4

SELECT id FROM t SEMI JOIN u USING (id) ORDER BY id
----
1
3
4

SELECT * FROM (SELECT id, n FROM t) a SEMI JOIN u ON a.n = u.n ORDER BY id
----
1|10
4|7
5|7

SELECT u.name FROM t SEMI JOIN u ON t.id = u.id
----
error UNRESOLVED_COLUMN.WITH_SUGGESTION 42703

SELECT id FROM t LEFT ANTI JOIN u ON t.id = u.id ORDER BY id
----
2
5

SELECT id FROM t LEFT ANTI JOIN u USING (id) ORDER BY id
----
2
5

SELECT * FROM (SELECT id, n FROM t) a LEFT ANTI JOIN u ON a.n = u.n ORDER BY id
----
2|NULL
3|-5

SELECT u.name FROM t LEFT ANTI JOIN u ON t.id = u.id
----
error UNRESOLVED_COLUMN.WITH_SUGGESTION 42703

SELECT id FROM t ANTI JOIN u ON t.id = u.id ORDER BY id
----
2
5

SELECT id FROM t ANTI JOIN u USING (id) ORDER BY id
----
2
5

SELECT * FROM (SELECT id, n FROM t) a ANTI JOIN u ON a.n = u.n ORDER BY id
----
2|NULL
3|-5

SELECT u.name FROM t ANTI JOIN u ON t.id = u.id
----
error UNRESOLVED_COLUMN.WITH_SUGGESTION 42703

SELECT count(*) AS c FROM t CROSS JOIN u
----
30

SELECT count(*) AS c FROM t, u
----
30

SELECT count(*) AS c FROM t JOIN u
----
30

SELECT t.id, u.name FROM t, u WHERE t.id = u.id ORDER BY t.id, u.name
----
1|one
3|three
4|four
4|vier

SELECT count(*) AS c FROM t CROSS JOIN u ON t.id = u.id
----
4

SELECT a.id, b.id FROM t a JOIN t b ON a.n = b.n ORDER BY 1, 2
----
1|1
3|3
4|4
4|5
5|4
5|5

SELECT a.id, b.id FROM t a JOIN t b ON a.n <=> b.n ORDER BY 1, 2
----
1|1
2|2
3|3
4|4
4|5
5|4
5|5

SELECT a.id, b.id FROM t a JOIN t b ON a.g = b.g AND a.id < b.id ORDER BY 1, 2
----
1|2

SELECT a.id FROM t a LEFT JOIN u b ON a.id = b.id WHERE b.id IS NULL ORDER BY 1
----
2
5

SELECT id FROM t JOIN u ON t.id = u.id
----
error AMBIGUOUS_REFERENCE 42704

SELECT t.id FROM t JOIN u ON t.id = u.nothing
----
error UNRESOLVED_COLUMN.WITH_SUGGESTION 42703

SELECT x.id FROM t JOIN u ON t.id = u.id
----
error INVALID_EXTRACT_BASE_FIELD_TYPE 42000

SELECT t.id FROM t JOIN u ON t.g = u.id
----
error CAST_INVALID_INPUT 22018

SELECT t.id, a.name, b.name FROM t JOIN u a ON t.id = a.id LEFT JOIN u b ON b.id = t.id + 8 ORDER BY 1, 2
----
1|one|nine
3|three|NULL
4|four|NULL
4|vier|NULL

SELECT t.id FROM t JOIN (u JOIN t AS t2 ON u.id = t2.id) ON t.id = u.id ORDER BY 1
----
1
3
4
4

SELECT count(*) AS c FROM t a JOIN t b ON a.x = b.x
----
4

SELECT count(*) AS c FROM t JOIN u ON t.d = u.n
----
0

SELECT count(*) AS c FROM t JOIN u ON t.g = u.name
----
0

SELECT a.id AS i, b.id AS j FROM t AS a (id, p, q, r, s, d, b) JOIN u AS b ON a.id = b.id ORDER BY 1, 2
----
1|1
3|3
4|4
4|4

SELECT t.* FROM t JOIN u ON t.id = u.id WHERE u.name = 'one'
----
1|a|10|1.25|0.5|2024-01-01 00:00:00|true

SELECT u.*, t.g FROM t JOIN u ON t.id = u.id WHERE u.name = 'one'
----
1|one|10|a

SELECT * EXCEPT (d, x, day, b) FROM t ORDER BY id
----
1|a|10
2|a|NULL
3|b|-5
4|NULL|7
5|NULL|7

SELECT t.* EXCEPT (d, x, day, b), 1 AS one FROM t ORDER BY id LIMIT 1
----
1|a|10|1

SELECT * EXCEPT (nothing) FROM t
----
error UNRESOLVED_COLUMN.WITH_SUGGESTION 42703

SELECT s.id FROM t s JOIN t s ON true
----
error AMBIGUOUS_REFERENCE 42704
