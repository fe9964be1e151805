# The change data feed: what each statement leaves in it, by version, and what is refused.
# area: versions
# source: Spark 4.1

CREATE SCHEMA s

CREATE TABLE s.t (id INT, v STRING) TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true', 'delta.enableDeletionVectors' = 'true')

# source: guess
INSERT INTO s.t VALUES (1, 'a'), (2, 'b'), (3, 'c')
----
3|3

UPDATE s.t SET v = upper(v) WHERE id < 3
----
2

DELETE FROM s.t WHERE id = 2
----
1

MERGE INTO s.t AS t USING (SELECT * FROM VALUES (1, 'one'), (3, NULL), (4, 'four') AS v(id, v)) AS s ON t.id = s.id WHEN MATCHED AND s.v IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *
----
3|1|1|1

# source: documentation (table_changes)
SELECT id, v, _change_type, _commit_version FROM table_changes('s.t', 0) ORDER BY _commit_version, id, _change_type
----
1|a|insert|1
2|b|insert|1
3|c|insert|1
1|A|update_postimage|2
1|a|update_preimage|2
2|B|update_postimage|2
2|b|update_preimage|2
2|B|delete|3
1|one|update_postimage|4
1|A|update_preimage|4
3|c|delete|4
4|four|insert|4

# source: documentation (table_changes)
SELECT id, _change_type FROM table_changes('s.t', 3, 3)
----
2|delete

# source: documentation (table_changes)
SELECT _change_type, count(*), min(_commit_timestamp) <= max(_commit_timestamp) AS inorder FROM table_changes('`s`.`t`', 2, 4) WHERE id <> 2 GROUP BY 1 ORDER BY 1
----
delete|1|true
insert|1|true
update_postimage|2|true
update_preimage|2|true

# Changes by MERGE that change no row leave no version and nothing in the feed.
MERGE INTO s.t AS t USING (SELECT 9 AS id) AS s ON t.id = s.id WHEN MATCHED THEN DELETE
----
0|0|0|0

# source: documentation (table_changes)
SELECT count(*) FROM table_changes('s.t', 5)
----
error DELTA_CDC_START_VERSION_AFTER_LATEST 22003

# source: documentation (table_changes)
SELECT count(*) FROM table_changes('s.t', 4, 5)
----
error DELTA_VERSION_NOT_FOUND 22003

# source: documentation (table_changes)
SELECT count(*) FROM table_changes('s.t', 4, 3)
----
error DELTA_INVALID_CDC_RANGE 22003

# source: documentation (table_changes)
SELECT count(*) FROM table_changes('s.t', -1)
----
error DELTA_VERSION_NOT_FOUND 22003

# source: documentation (table_changes)
SELECT count(*) FROM table_changes('s.t', NULL)
----
error DELTA_CDC_READ_NULL_RANGE_BOUNDARY 22004

# source: documentation (table_changes)
SELECT count(*) FROM table_changes('s.t')
----
error WRONG_NUM_ARGS 42605

# source: documentation (table_changes)
SELECT count(*) FROM table_changes('s.nothing', 0)
----
error TABLE_OR_VIEW_NOT_FOUND 42P01

# source: documentation (table_changes)
# By time.
SELECT count(*) FROM table_changes('s.t', '2020-01-01')
----
12

# source: documentation (table_changes)
SELECT count(*) FROM table_changes('s.t', TIMESTAMP '2020-01-01 00:00:00', 2)
----
7

# source: documentation (table_changes)
SELECT count(*) FROM table_changes('s.t', '2999-01-01')
----
error DELTA_TIMESTAMP_GREATER_THAN_COMMIT 42816

# source: documentation (table_changes)
SELECT count(*) FROM table_changes('s.t', 0, '2999-01-01')
----
error DELTA_TIMESTAMP_GREATER_THAN_COMMIT 42816

# Columns that are added show in the rows from before as NULL.
ALTER TABLE s.t ADD COLUMNS (n INT)

# source: guess
INSERT INTO s.t VALUES (5, 'e', 50)
----
1|1

# source: documentation (table_changes)
SELECT id, v, n, _change_type, _commit_version FROM table_changes('s.t', 4) ORDER BY _commit_version, id, _change_type
----
1|one|NULL|update_postimage|4
1|A|NULL|update_preimage|4
3|c|NULL|delete|4
4|four|NULL|insert|4
5|e|50|insert|6

# What replaces a table takes its rows away and brings the others.
TRUNCATE TABLE s.t

# source: guess
INSERT INTO s.t VALUES (6, 'f', 60)
----
1|1

# source: guess
INSERT OVERWRITE s.t VALUES (7, 'g', 70)
----
1|1

# source: guess
INSERT INTO s.t REPLACE WHERE id = 7 SELECT 7, 'h', 71
----
1|1

# source: guess
CREATE OR REPLACE TABLE s.t AS SELECT 8 AS id, 'i' AS v, 80 AS n
----
1|1

# source: documentation (table_changes)
SELECT id, v, _change_type, _commit_version FROM table_changes('s.t', 7) ORDER BY _commit_version, id, _change_type, v
----
1|one|delete|7
4|four|delete|7
5|e|delete|7
6|f|insert|8
6|f|delete|9
7|g|insert|9
7|g|delete|10
7|h|insert|10
7|h|delete|11
8|i|insert|11

# The feed is there from the version on that turned it on, until one turns it off.
ALTER TABLE s.t SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'false')

# source: guess
INSERT INTO s.t VALUES (9, 'j', 90)
----
1|1

ALTER TABLE s.t SET TBLPROPERTIES ('delta.enableChangeDataFeed' = true)

# source: guess
INSERT INTO s.t VALUES (10, 'k', 100)
----
1|1

# source: documentation (table_changes)
SELECT id, _change_type FROM table_changes('s.t', 14)
----
10|insert

# source: documentation (table_changes)
SELECT id, _change_type FROM table_changes('s.t', 11, 11) ORDER BY 1
----
7|delete
8|insert

# source: documentation (table_changes)
SELECT id, _change_type FROM table_changes('s.t', 11, 12)
----
error DELTA_MISSING_CHANGE_DATA KD002

# source: documentation (table_changes)
SELECT id, _change_type FROM table_changes('s.t', 13)
----
error DELTA_MISSING_CHANGE_DATA KD002

# source: guess
CREATE TABLE s.off AS SELECT 1 AS id
----
1|1

# source: documentation (table_changes)
SELECT * FROM table_changes('s.off', 0)
----
error DELTA_MISSING_CHANGE_DATA KD002

# A renamed column: only what came since can be read.
CREATE TABLE s.named (id INT, v STRING) TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true', 'delta.columnMapping.mode' = 'name')

# source: guess
INSERT INTO s.named VALUES (1, 'a')
----
1|1

ALTER TABLE s.named RENAME COLUMN v TO w

UPDATE s.named SET w = 'b'
----
1

# source: documentation (table_changes)
SELECT * EXCEPT (_commit_timestamp) FROM table_changes('s.named', 2) ORDER BY _change_type
----
1|b|update_postimage|3
1|a|update_preimage|3

# source: documentation (table_changes)
SELECT * FROM table_changes('s.named', 1)
----
error DELTA_CHANGE_DATA_FEED_INCOMPATIBLE_SCHEMA_CHANGE 0AKDC

# Its columns are the feed's own.
CREATE TABLE s.own (id INT, `_change_type` STRING) TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')
----
error DELTA_TABLE_ALREADY_CONTAINS_CDC_COLUMNS 42711

CREATE TABLE s.other (id INT, `_Change_Type` STRING) TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')

CREATE TABLE s.own (id INT, `_change_type` STRING)

ALTER TABLE s.own SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')
----
error DELTA_TABLE_ALREADY_CONTAINS_CDC_COLUMNS 42711

ALTER TABLE s.named ADD COLUMNS (`_commit_version` BIGINT)
----
error RESERVED_CDC_COLUMNS_ON_WRITE 42939

CREATE OR REPLACE TABLE s.other (id INT, `_commit_version` BIGINT) TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')
----
error RESERVED_CDC_COLUMNS_ON_WRITE 42939

RESTORE TABLE s.named TO VERSION AS OF 2

# source: documentation (table_changes)
SELECT * EXCEPT (_commit_timestamp) FROM table_changes('s.named', 4) ORDER BY _change_type
----
1|b|delete|4
1|a|insert|4
