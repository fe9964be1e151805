# MERGE as Delta has it: clauses and their order, matches, what is refused, what makes no commit.
# area: changes
# source: Spark 4.1

CREATE SCHEMA s

CREATE TABLE s.t (id BIGINT, v STRING, n INT) TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')

# source: guess
INSERT INTO s.t VALUES (1, 'a', 10), (2, 'b', 20), (3, 'c', 30), (4, 'd', 40), (NULL, 'none', 0)
----
5|5

# The first clause that holds is taken; a condition that is NULL does not hold.
MERGE INTO s.t AS t USING (SELECT * FROM VALUES (1L, 'x', 1), (2L, 'y', NULL), (3L, 'z', 3), (5L, 'e', 50), (6L, 'f', NULL) AS v(id, v, n)) AS s ON t.id <=> s.id WHEN MATCHED AND s.n = 1 THEN DELETE WHEN MATCHED AND s.n IS NULL THEN UPDATE SET v = concat(t.v, s.v) WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED AND s.n > 1 THEN INSERT * WHEN NOT MATCHED BY SOURCE AND t.n = 0 THEN UPDATE SET v = 'left' WHEN NOT MATCHED BY SOURCE AND t.n > 0 THEN DELETE
----
6|3|2|1

SELECT * FROM s.t ORDER BY id
----
NULL|left|0
2|by|20
3|z|3
5|e|50

MERGE INTO s.t AS t USING (SELECT 2L AS id) AS s ON t.id = s.id WHEN MATCHED THEN DELETE WHEN MATCHED AND t.n = 1 THEN UPDATE SET n = 2
----
error NON_LAST_MATCHED_CLAUSE_OMIT_CONDITION 42613

MERGE INTO s.t AS t USING (SELECT 9L AS id) AS s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id) WHEN NOT MATCHED AND s.id = 1 THEN INSERT (id) VALUES (s.id)
----
error NON_LAST_NOT_MATCHED_BY_TARGET_CLAUSE_OMIT_CONDITION 42613

MERGE INTO s.t AS t USING (SELECT 9L AS id) AS s ON t.id = s.id WHEN NOT MATCHED BY SOURCE THEN DELETE WHEN NOT MATCHED BY SOURCE AND t.n = 1 THEN UPDATE SET n = 2
----
error NON_LAST_NOT_MATCHED_BY_SOURCE_CLAUSE_OMIT_CONDITION 42613

# A row with two matches that are to change it is refused, but for a DELETE without a condition.
MERGE INTO s.t AS t USING (SELECT * FROM VALUES (2L, 'p'), (2L, 'q') AS v(id, v)) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v
----
error DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE 21506

MERGE INTO s.t AS t USING (SELECT * FROM VALUES (2L, 'p'), (2L, 'q') AS v(id, v)) AS s ON t.id = s.id WHEN MATCHED AND s.v < 'r' THEN DELETE
----
error DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE 21506

MERGE INTO s.t AS t USING (SELECT * FROM VALUES (2L, 'p'), (2L, 'q') AS v(id, v)) AS s ON t.id = s.id WHEN MATCHED AND s.v = 'p' THEN UPDATE SET v = s.v WHEN MATCHED THEN DELETE
----
error DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE 21506

# Where two conditions hold, the first clause is taken.
CREATE TABLE s.two AS SELECT 2L AS id, 'b' AS v

MERGE INTO s.two AS t USING (SELECT 2L AS id) AS s ON t.id = s.id WHEN MATCHED AND s.id > 1 THEN UPDATE SET v = 'first' WHEN MATCHED AND s.id > 0 THEN DELETE
----
1|1|0|0

SELECT * FROM s.two
----
2|first

DROP TABLE s.two

# Databricks counts the matches that a clause is taken for; Delta elsewhere counts all.
CREATE TABLE s.two AS SELECT 2L AS id, 'b' AS v

# source: documentation (MERGE INTO)
MERGE INTO s.two AS t USING (SELECT * FROM VALUES (2L, 'one of'), (2L, 'two') AS v(id, v)) AS s ON t.id = s.id WHEN MATCHED AND s.v = 'one of' THEN UPDATE SET v = s.v
----
1|1|0|0

DROP TABLE s.two

MERGE INTO s.t AS t USING (SELECT * FROM VALUES (2L), (2L), (3L) AS v(id)) AS s ON t.id = s.id WHEN MATCHED THEN DELETE
----
2|0|2|0

MERGE INTO s.t AS t USING (SELECT * FROM VALUES (5L), (5L), (7L), (7L) AS v(id)) AS s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)
----
2|0|0|2

SELECT * FROM s.t ORDER BY id, v
----
NULL|left|0
5|e|50
7|NULL|NULL
7|NULL|NULL

# What changes no row makes no version.
CREATE TABLE s.quiet (id BIGINT, v STRING)

# source: guess
INSERT INTO s.quiet VALUES (1, 'a')
----
1|1

MERGE INTO s.quiet AS t USING (SELECT 2L AS id, 'b' AS v) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET *
----
0|0|0|0

MERGE INTO s.quiet AS t USING (SELECT 1L AS id, 'b' AS v WHERE false) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *
----
0|0|0|0

UPDATE s.quiet SET v = 'x' WHERE id = 2
----
0

DELETE FROM s.quiet WHERE id = 2
----
0

# source: guess
SELECT * FROM s.quiet VERSION AS OF 2
----
error DELTA_VERSION_NOT_FOUND 22003

# A MERGE of keys that are all new, with clauses for others.
CREATE TABLE s.new (id BIGINT, v STRING)

MERGE INTO s.new AS t USING (SELECT 1L AS id, 'a' AS v) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *
----
1|0|0|1

MERGE INTO s.new AS t USING (SELECT 2L AS id, 'b' AS v) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id) WHEN NOT MATCHED BY SOURCE AND t.v = 'z' THEN UPDATE SET v = 'left'
----
1|0|0|1

MERGE INTO s.new AS t USING (SELECT 3L AS id, 'c' AS v) AS s ON t.id = s.id WHEN MATCHED AND t.v = 'z' THEN DELETE WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT * WHEN NOT MATCHED BY SOURCE AND t.v = 'a' THEN DELETE
----
2|0|1|1

SELECT * FROM s.new ORDER BY id
----
2|NULL
3|c

# An UPDATE to the same values is a change.
MERGE INTO s.quiet AS t USING (SELECT 1L AS id, 'a' AS v) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET *
----
1|1|0|0

# source: guess
SELECT * FROM s.quiet VERSION AS OF 2
----
1|a

# The source may read the target, and sees it as it was.
MERGE INTO s.quiet AS t USING (WITH top AS (SELECT max(id) AS m FROM s.quiet) SELECT id + m AS id, v || '!' AS v FROM s.quiet CROSS JOIN top UNION ALL SELECT id, upper(v) FROM s.quiet) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *
----
2|1|0|1

SELECT * FROM s.quiet ORDER BY id
----
1|A
2|a!

# Conditions hold no queries, no aggregates and nothing random; the source may.
MERGE INTO s.quiet AS t USING (SELECT 1L AS id, 'b' AS v) AS s ON t.id = s.id AND EXISTS (SELECT 1 FROM s.t) WHEN MATCHED THEN DELETE
----
error DELTA_UNSUPPORTED_SUBQUERY 0AKDC

MERGE INTO s.quiet AS t USING (SELECT 1L AS id, 'b' AS v) AS s ON t.id = s.id WHEN MATCHED AND t.id = (SELECT max(id) FROM s.quiet) THEN DELETE
----
error DELTA_UNSUPPORTED_SUBQUERY 0AKDC

MERGE INTO s.quiet AS t USING (SELECT 1L AS id, 'b' AS v) AS s ON t.id = s.id WHEN NOT MATCHED AND s.id IN (SELECT id FROM s.t) THEN INSERT *
----
error DELTA_UNSUPPORTED_SUBQUERY 0AKDC

MERGE INTO s.quiet AS t USING (SELECT 1L AS id, 'b' AS v) AS s ON t.id = s.id WHEN NOT MATCHED BY SOURCE AND NOT (t.id > 1 AND coalesce(t.id NOT IN (SELECT id FROM s.t), true)) THEN DELETE
----
error DELTA_UNSUPPORTED_SUBQUERY 0AKDC

MERGE INTO s.quiet AS t USING (SELECT 1L AS id, 'b' AS v) AS s ON t.id = s.id AND rand() < 2 WHEN MATCHED THEN DELETE
----
error DELTA_NON_DETERMINISTIC_FUNCTION_NOT_SUPPORTED 0AKDC

MERGE INTO s.quiet AS t USING (SELECT 1L AS id, 'b' AS v) AS s ON t.id = s.id WHEN MATCHED AND uuid() > '' THEN DELETE
----
error DELTA_NON_DETERMINISTIC_FUNCTION_NOT_SUPPORTED 0AKDC

MERGE INTO s.quiet AS t USING (SELECT 1L AS id, 'b' AS v) AS s ON t.id = s.id WHEN MATCHED AND max(t.id) > 1 THEN DELETE
----
error DELTA_AGGREGATION_NOT_SUPPORTED 42903

# * takes the target's columns by name, and all of them; others of the source are left out.
MERGE INTO s.quiet AS t USING (SELECT 1L AS id, 'b' AS w) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET *
----
error DELTA_MERGE_UNRESOLVED_EXPRESSION 42601

MERGE INTO s.quiet AS t USING (SELECT 3L AS id) AS s ON t.id = s.id WHEN NOT MATCHED THEN INSERT *
----
error DELTA_MERGE_UNRESOLVED_EXPRESSION 42601

MERGE INTO s.quiet AS t USING (SELECT 'q' AS V, true AS more, 1L AS Id) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *
----
1|1|0|0

MERGE INTO s.quiet AS t USING (SELECT 1L AS id) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET nothing = 1
----
error DELTA_MERGE_UNRESOLVED_EXPRESSION 42601

MERGE INTO s.quiet AS t USING (SELECT 1L AS id) AS s ON t.id = s.nothing WHEN MATCHED THEN DELETE
----
error DELTA_MERGE_UNRESOLVED_EXPRESSION 42601

# A clause knows the side that it has a row of, and no other.
MERGE INTO s.quiet AS t USING (SELECT 1L AS id) AS s ON t.id = s.id WHEN NOT MATCHED AND t.v = 'a' THEN INSERT (id) VALUES (s.id)
----
error DELTA_MERGE_UNRESOLVED_EXPRESSION 42601

MERGE INTO s.quiet AS t USING (SELECT 1L AS id) AS s ON t.id = s.id WHEN NOT MATCHED BY SOURCE THEN UPDATE SET v = s.id
----
error DELTA_MERGE_UNRESOLVED_EXPRESSION 42601

MERGE INTO s.quiet AS t USING (SELECT 1L AS id, 'b' AS v) AS s ON t.id = s.id WHEN NOT MATCHED BY SOURCE THEN UPDATE SET *
----
error PARSE_SYNTAX_ERROR 42601

MERGE INTO s.quiet AS t USING (SELECT 1L AS id, 'b' AS v) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = 'a', v = 'b'
----
error DELTA_CONFLICT_SET_COLUMN 42701

UPDATE s.quiet SET v = 'a', v = 'b'
----
error DELTA_CONFLICT_SET_COLUMN 42701

MERGE INTO s.quiet AS t USING (SELECT 9L AS id) AS s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id, id) VALUES (s.id, 2)
----
error DELTA_DUPLICATE_COLUMNS_ON_INSERT 42701

SELECT * FROM s.quiet ORDER BY id
----
1|q
2|a!

# Values are cast to their columns as INSERT casts them: an overflow is an error.
CREATE TABLE s.narrow (id BIGINT, small TINYINT, d DECIMAL(4,1), at TIMESTAMP, b STRING)

MERGE INTO s.narrow AS t USING (SELECT 1L AS id, 100L AS small, 12.34 AS d, DATE '2024-02-29' AS at, 5 AS b) AS s ON t.id = s.id WHEN NOT MATCHED THEN INSERT *
----
1|0|0|1

SELECT * FROM s.narrow
----
1|100|12.3|2024-02-29 00:00:00|5

MERGE INTO s.narrow AS t USING (SELECT 1L AS id, 300 AS small) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET small = s.small
----
error DELTA_CAST_OVERFLOW_IN_TABLE_WRITE 22003

MERGE INTO s.narrow AS t USING (SELECT 2L AS id, 12345.6 AS d) AS s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id, d) VALUES (s.id, s.d)
----
error DELTA_CAST_OVERFLOW_IN_TABLE_WRITE 22003

UPDATE s.narrow SET small = 200
----
error DELTA_CAST_OVERFLOW_IN_TABLE_WRITE 22003

MERGE INTO s.narrow AS t USING (SELECT 1L AS id, array(1) AS b) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET small = s.b
----
error DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION 42K09

# What may be cast may be set, also what INSERT refuses.
UPDATE s.narrow SET small = X'01'
----
error DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION 42K09

UPDATE s.narrow SET small = 'x'
----
error CAST_INVALID_INPUT 22018

UPDATE s.narrow SET small = true, b = named_struct('k', array(1, NULL))
----
1

SELECT small, b FROM s.narrow
----
1|{[1, null]}

# source: documentation (error conditions)
INSERT INTO s.narrow (small) SELECT true WHERE false
----
error INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST KD000

# Nested values and VARIANT, whole and compared; unchanged columns stay as they are.
CREATE TABLE s.nested (id INT, st STRUCT<a: INT, b: ARRAY<STRING>>, m MAP<STRING, INT>, l ARRAY<DOUBLE>, x VARIANT, bin BINARY)

MERGE INTO s.nested AS t USING (SELECT 1 AS id, named_struct('a', 1, 'b', array('x', NULL)) AS st, map('k', 1) AS m, array(1.5D, NULL) AS l, parse_json('{"a": [1, 2.25, null]}') AS x, X'00FF' AS bin UNION ALL SELECT 2, NULL, NULL, NULL, NULL, NULL) AS s ON t.id = s.id WHEN NOT MATCHED THEN INSERT *
----
2|0|0|2

MERGE INTO s.nested AS t USING (SELECT named_struct('a', 1, 'b', array('x', NULL)) AS st, array(2D) AS l) AS s ON t.st <=> s.st WHEN MATCHED AND t.l = array(1.5D, NULL) THEN UPDATE SET l = s.l
----
1|1|0|0

MERGE INTO s.nested AS t USING (SELECT id, st, m, l, parse_json('{"b": true}') AS x, bin FROM s.nested WHERE st IS NOT NULL) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET *
----
1|1|0|0

SELECT id, st, m, l, to_json(x), hex(bin) FROM s.nested ORDER BY id
----
1|{"a":1,"b":["x",null]}|{"k":1}|[2.0]|{"b":true}|00FF
2|NULL|NULL|NULL|NULL|NULL

SELECT id, to_json(x) FROM s.nested VERSION AS OF 2 ORDER BY id
----
1|{"a":[1,2.25,null]}
2|NULL

# NULL equals NULL under <=> alone, in keys of several columns too.
CREATE TABLE s.keys (a INT, b STRING, v INT)

# source: guess
INSERT INTO s.keys VALUES (1, 'x', 1), (NULL, 'x', 2), (1, NULL, 3), (NULL, NULL, 4)
----
4|4

MERGE INTO s.keys AS t USING (SELECT * FROM VALUES (1, 'x', 10), (NULL, 'x', 20), (1, NULL, 30), (NULL, NULL, 40), (2, NULL, 50) AS v(a, b, v)) AS s ON t.a = s.a AND t.b <=> s.b WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *
----
5|2|0|3

MERGE INTO s.keys AS t USING (SELECT * FROM VALUES (CAST(NULL AS INT), 'x', 21), (NULL, NULL, 41) AS v(a, b, v)) AS s ON t.a <=> s.a AND s.b <=> t.b AND t.v > 10 WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT *
----
2|2|0|0

SELECT * FROM s.keys ORDER BY v
----
NULL|x|2
NULL|NULL|4
1|x|10
NULL|x|21
1|NULL|30
NULL|NULL|41
2|NULL|50

# A condition that is no key: a position kept in a row of its own, keys in a rescued text.
CREATE TABLE s.cur (id BIGINT, v STRING, `_rescued` STRING, `_op` STRING, `_entry` BIGINT) CLUSTER BY (id)

# source: guess
INSERT INTO s.cur VALUES (1, 'a', NULL, 'insert', 3), (NULL, 'b', '{"id":"1e99"}', 'insert', 4), (NULL, NULL, NULL, 'position', 7)
----
3|3

MERGE INTO s.cur t USING (WITH guard AS (SELECT `_entry` FROM s.cur WHERE `_op` = 'position' AND `_entry` = 7), changes AS (SELECT * FROM VALUES (1L, 'A', NULL, 'update', 8L), (NULL, 'B', '{"id":"1e99"}', 'update', 8L), (NULL, 'C', '{"id":"2e99"}', 'insert', 8L), (NULL, NULL, NULL, 'position', 8L) AS v(id, v, `_rescued`, `_op`, `_entry`)) SELECT c.* FROM changes c CROSS JOIN guard) s ON (t.`_op` = 'position') <=> (s.`_op` = 'position') AND t.id <=> s.id AND get_json_object(t.`_rescued`, '$.id') <=> get_json_object(s.`_rescued`, '$.id') WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *
----
4|3|0|1

MERGE INTO s.cur t USING (WITH guard AS (SELECT `_entry` FROM s.cur WHERE `_op` = 'position' AND `_entry` = 7), changes AS (SELECT * FROM VALUES (1L, 'A', NULL, 'update', 8L), (NULL, 'C', '{"id":"2e99"}', 'insert', 8L) AS v(id, v, `_rescued`, `_op`, `_entry`)) SELECT c.* FROM changes c CROSS JOIN guard) s ON (t.`_op` = 'position') <=> (s.`_op` = 'position') AND t.id <=> s.id AND get_json_object(t.`_rescued`, '$.id') <=> get_json_object(s.`_rescued`, '$.id') WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *
----
0|0|0|0

SELECT * FROM s.cur ORDER BY `_op`, v
----
NULL|C|{"id":"2e99"}|insert|8
NULL|NULL|NULL|position|8
1|A|NULL|update|8
NULL|B|{"id":"1e99"}|update|8

# source: guess
SELECT count(*) FROM s.cur VERSION AS OF 3
----
error DELTA_VERSION_NOT_FOUND 22003

# Versions of a table that is changed where it is.
SELECT * FROM s.t VERSION AS OF 1 ORDER BY id
----
NULL|none|0
1|a|10
2|b|20
3|c|30
4|d|40

SELECT * FROM s.t VERSION AS OF 2 ORDER BY id
----
NULL|left|0
2|by|20
3|z|3
5|e|50

RESTORE TABLE s.t TO VERSION AS OF 1

DELETE FROM s.t WHERE id > 2
----
2

SELECT * FROM s.t ORDER BY id
----
NULL|none|0
1|a|10
2|b|20

MERGE INTO s.t USING (SELECT 1L AS id) AS s ON t.id = s.id
----
error MERGE_WITHOUT_WHEN 42601
