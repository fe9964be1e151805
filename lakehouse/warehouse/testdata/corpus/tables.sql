# What a table is: definition, types, defaults of the definition, changes and versions.
# area: definitions
# source: Spark 4.1

CREATE SCHEMA s

CREATE OR REPLACE TABLE s.t (id INT NOT NULL, `Odd Name` STRING COMMENT 'a comment', v DECIMAL(12,3)) USING DELTA CLUSTER BY (id) TBLPROPERTIES ('delta.columnMapping.mode' = 'name', 'mine' = 'x')

# source: guess
INSERT INTO s.t VALUES (1, 'a', 1.5), (2, NULL, NULL)
----
2|2

# source: guess
INSERT INTO s.t (v, id) VALUES (2, 3)
----
1|1

# source: guess
INSERT INTO s.t BY NAME SELECT 4 AS id, 'd' AS `odd name`
----
1|1

SELECT * FROM s.t ORDER BY id
----
1|a|1.500
2|NULL|NULL
3|NULL|2.000
4|d|NULL

# source: guess
INSERT INTO s.t (id) VALUES (NULL)
----
error DELTA_NOT_NULL_CONSTRAINT_VIOLATED 23502

# source: guess
INSERT INTO s.t VALUES (5, 'e')
----
error INSERT_COLUMN_ARITY_MISMATCH 21S01

# source: guess
INSERT INTO s.t VALUES ('6', 'f', 0)
----
1|1

# source: guess
INSERT INTO s.t VALUES (6L, 'f', 0.12345)
----
1|1

SELECT v FROM s.t WHERE id = 6 ORDER BY v
----
0.000
0.123

# source: guess
INSERT INTO s.t VALUES (3000000000, 'f', 0)
----
error CAST_OVERFLOW_IN_TABLE_INSERT 22003

# source: guess
INSERT INTO s.t VALUES (7, 7, 12345678901)
----
error CAST_OVERFLOW_IN_TABLE_INSERT 22003

ALTER TABLE s.t ADD COLUMNS (more STRING COMMENT 'm', `l l` ARRAY<INT>)

ALTER TABLE s.t ADD COLUMNS (MORE INT)
----
error FIELD_ALREADY_EXISTS 42710

ALTER TABLE s.t RENAME COLUMN more TO `less`

SELECT id, `less`, `l l` FROM s.t WHERE id < 3 ORDER BY id
----
1|NULL|NULL
2|NULL|NULL

ALTER TABLE s.t SET TBLPROPERTIES ('delta.enableTypeWidening' = 'true')

ALTER TABLE s.t ALTER COLUMN id TYPE BIGINT

ALTER TABLE s.t ALTER COLUMN v TYPE DECIMAL(20,5)

# source: documentation (error conditions)
ALTER TABLE s.t ALTER COLUMN v TYPE DECIMAL(20,4)
----
error DELTA_UNSUPPORTED_ALTER_TABLE_CHANGE_COL_OP 42837

# source: documentation (error conditions)
ALTER TABLE s.t ALTER COLUMN id TYPE INT
----
error DELTA_UNSUPPORTED_ALTER_TABLE_CHANGE_COL_OP 42837

# source: guess
INSERT INTO s.t (id, v) VALUES (5000000000, 1.12345)
----
1|1

SELECT id, v FROM s.t ORDER BY id, v
----
1|1.50000
2|NULL
3|2.00000
4|NULL
6|0.00000
6|0.12300
5000000000|1.12345

ALTER TABLE s.t DROP COLUMN `l l`

# source: documentation (error conditions)
ALTER TABLE s.t DROP COLUMN nothing
----
error UNRESOLVED_COLUMN 42703

DESCRIBE TABLE s.t
----
id|bigint|NULL
Odd Name|string|a comment
v|decimal(20,5)|NULL
less|string|m
# Clustering Information||
# col_name|data_type|comment
id|bigint|NULL

UPDATE s.t SET v = v + 1, `Odd Name` = upper(`odd name`) WHERE id <= 2
----
2

SELECT id, `Odd Name`, v FROM s.t ORDER BY id, v
----
1|A|2.50000
2|NULL|NULL
3|NULL|2.00000
4|d|NULL
6|f|0.00000
6|f|0.12300
5000000000|NULL|1.12345

UPDATE s.t SET nothing = 1
----
error UNRESOLVED_COLUMN 42703

DELETE FROM s.t WHERE id > 100
----
1

DELETE FROM s.t WHERE v IS NULL
----
2

SELECT count(*), sum(v) FROM s.t
----
4|4.62300

CREATE TABLE s.u (id BIGINT, w STRING)

# source: guess
INSERT INTO s.u VALUES (1, 'one'), (9, 'nine'), (10, NULL)
----
3|3

MERGE INTO s.t AS t USING s.u AS u ON t.id = u.id WHEN MATCHED THEN UPDATE SET `Odd Name` = u.w WHEN NOT MATCHED AND u.w IS NOT NULL THEN INSERT (id, `Odd Name`) VALUES (u.id, u.w) WHEN NOT MATCHED BY SOURCE AND t.id = 3 THEN DELETE
----
3|1|1|1

SELECT id, `Odd Name` FROM s.t ORDER BY id
----
1|one
6|f
6|f
9|nine

MERGE INTO s.u USING (SELECT 1 AS id, 'x' AS w UNION ALL SELECT 1, 'y') q ON u.id = q.id WHEN MATCHED THEN UPDATE SET *
----
error DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE 21506

MERGE INTO s.u USING (SELECT 20 AS id, 'x' AS w) q ON u.id = q.id WHEN NOT MATCHED THEN INSERT *
----
1|0|0|1

# source: guess
INSERT OVERWRITE s.u SELECT 5, 'five'
----
1|1

SELECT * FROM s.u
----
5|five

SELECT * FROM s.u VERSION AS OF 1 ORDER BY id
----
1|one
9|nine
10|NULL

TRUNCATE TABLE s.u

SELECT count(*) FROM s.u
----
0

CREATE TABLE IF NOT EXISTS s.u (other INT)

SELECT * FROM s.u
----

# source: guess
CREATE OR REPLACE TABLE s.u AS SELECT id, 'c' AS k, CAST(NULL AS STRING) AS n, array(1) AS l FROM range(2)
----
2|2

SELECT * FROM s.u ORDER BY id
----
0|c|NULL|[1]
1|c|NULL|[1]

# source: guess
CREATE OR REPLACE TABLE s.n AS SELECT NULL AS nothing
----
error DELTA_UNSUPPORTED_DATA_TYPES 0AKDC

CREATE TABLE s.dup (a INT, A STRING)
----
error COLUMN_ALREADY_EXISTS 42711

# source: guess
CREATE TABLE s.two AS SELECT 1 AS a, 2 AS a
----
error COLUMN_ALREADY_EXISTS 42711

CREATE VIEW s.v AS SELECT id, `Odd Name` AS o FROM s.t WHERE id < 5

SELECT * FROM s.v ORDER BY id
----
1|one

CREATE VIEW s.v AS SELECT 1 AS a
----
error TABLE_OR_VIEW_ALREADY_EXISTS 42P07

CREATE OR REPLACE VIEW s.w (k COMMENT 'key', o) COMMENT 'view' AS SELECT k, o FROM (SELECT id AS k, o FROM s.v)

SELECT * FROM s.w ORDER BY k
----
1|one

# source: guess
INSERT INTO s.v VALUES (1, 'a')
----
error EXPECT_TABLE_NOT_VIEW 42809

# source: documentation (error conditions)
DROP TABLE s.v
----
error EXPECT_TABLE_NOT_VIEW 42809

# source: documentation (error conditions)
DROP VIEW s.t
----
error EXPECT_VIEW_NOT_TABLE 42809

DROP VIEW IF EXISTS s.nothing

DROP TABLE IF EXISTS s.nothing

# source: documentation (error conditions)
CREATE OR REPLACE TABLE s.v AS SELECT 1 AS a
----
error TABLE_OR_VIEW_ALREADY_EXISTS 42P07

CREATE TABLE s.kinds (a TINYINT, b SMALLINT, c INT, d BIGINT, e FLOAT, f DOUBLE, g DECIMAL(38,18), h STRING, i BINARY, j BOOLEAN, k DATE, l TIMESTAMP, m TIMESTAMP_NTZ, n ARRAY<STRUCT<x: INT, y: STRING>>, o MAP<STRING, DECIMAL(5,2)>, p STRUCT<q: DATE, r: ARRAY<DOUBLE>>)

# source: guess
INSERT INTO s.kinds VALUES (1, 2, 3, 4, 5.5, 6.25, 7.000000000000000001, 'h', X'4142', true, DATE '2024-01-01', TIMESTAMP '2024-01-01 01:02:03.000004', TIMESTAMP_NTZ '2024-01-01 01:02:03.000004', array(named_struct('x', 1, 'y', NULL)), map('k', 1.5), named_struct('q', DATE '2024-02-29', 'r', array(1.5D, NULL))), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
----
2|2

SELECT * FROM s.kinds ORDER BY a
----
NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL
1|2|3|4|5.5|6.25|7.000000000000000001|h|AB|true|2024-01-01 00:00:00|2024-01-01 01:02:03.000004|2024-01-01 01:02:03.000004|[{"x":1,"y":null}]|{"k":1.50}|{"q":"2024-02-29","r":[1.5,null]}

ALTER TABLE s.kinds RENAME TO s.renamed

SELECT count(*) FROM s.renamed
----
2

SELECT count(*) FROM s.kinds
----
error TABLE_OR_VIEW_NOT_FOUND 42P01
