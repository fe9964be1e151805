# CLUSTER BY: how many columns, of what types, and where it shows.
# area: definitions
# source: Spark 4.1

CREATE SCHEMA s

CREATE TABLE s.t (a INT, b STRING, c DATE, d TIMESTAMP, e DECIMAL(10,2), f BOOLEAN, g BINARY, h ARRAY<INT>, i MAP<STRING, INT>, j STRUCT<x: INT>, k VARIANT, l TIMESTAMP_NTZ, m DOUBLE) CLUSTER BY (a, b, c, e) TBLPROPERTIES ('delta.columnMapping.mode' = 'name')

DESCRIBE TABLE s.t
----
a|int|NULL
b|string|NULL
c|date|NULL
d|timestamp|NULL
e|decimal(10,2)|NULL
f|boolean|NULL
g|binary|NULL
h|array<int>|NULL
i|map<string,int>|NULL
j|struct<x:int>|NULL
k|variant|NULL
l|timestamp_ntz|NULL
m|double|NULL
# Clustering Information||
# col_name|data_type|comment
a|int|NULL
b|string|NULL
c|date|NULL
e|decimal(10,2)|NULL

ALTER TABLE s.t CLUSTER BY (a, b, c, d, e)
----
error DELTA_CLUSTER_BY_INVALID_NUM_COLUMNS 54000

ALTER TABLE s.t CLUSTER BY (l, m)

ALTER TABLE s.t CLUSTER BY (f)
----
error DELTA_CLUSTERING_COLUMNS_DATATYPE_NOT_SUPPORTED 0A000

ALTER TABLE s.t CLUSTER BY (a, g)
----
error DELTA_CLUSTERING_COLUMNS_DATATYPE_NOT_SUPPORTED 0A000

ALTER TABLE s.t CLUSTER BY (h)
----
error DELTA_CLUSTERING_COLUMNS_DATATYPE_NOT_SUPPORTED 0A000

ALTER TABLE s.t CLUSTER BY (i)
----
error DELTA_CLUSTERING_COLUMNS_DATATYPE_NOT_SUPPORTED 0A000

ALTER TABLE s.t CLUSTER BY (j)
----
error DELTA_CLUSTERING_COLUMNS_DATATYPE_NOT_SUPPORTED 0A000

ALTER TABLE s.t CLUSTER BY (k)
----
error DELTA_CLUSTERING_COLUMNS_DATATYPE_NOT_SUPPORTED 0A000

ALTER TABLE s.t CLUSTER BY (a, A)
----
error DELTA_DUPLICATE_COLUMNS_FOUND.CLUSTER_BY 42711

ALTER TABLE s.t CLUSTER BY (nothing)
----
error DELTA_COLUMN_NOT_FOUND_IN_SCHEMA 42703

# source: documentation (error conditions)
ALTER TABLE s.t DROP COLUMN l
----
error DELTA_UNSUPPORTED_DROP_CLUSTERING_COLUMN 0AKDC

ALTER TABLE s.t CLUSTER BY NONE

ALTER TABLE s.t DROP COLUMN l

CREATE OR REPLACE TABLE s.t CLUSTER BY (`a b`, c) TBLPROPERTIES ('delta.columnMapping.mode' = 'name') AS SELECT 1 AS `a b`, 'x' AS c

DESCRIBE TABLE s.t
----
a b|int|NULL
c|string|NULL
# Clustering Information||
# col_name|data_type|comment
a b|int|NULL
c|string|NULL

# source: guess
CREATE OR REPLACE TABLE s.t CLUSTER BY (b) AS SELECT 1 AS a, true AS b
----
error DELTA_CLUSTERING_COLUMNS_DATATYPE_NOT_SUPPORTED 0A000

# source: documentation (error conditions)
CREATE TABLE s.p (a INT, b INT) PARTITIONED BY (a) CLUSTER BY (b)
----
error SPECIFY_CLUSTER_BY_WITH_PARTITIONED_BY_IS_NOT_ALLOWED 42908

# source: documentation (error conditions)
CREATE TABLE s.p (a INT, b INT) CLUSTER BY (b) PARTITIONED BY (a)
----
error SPECIFY_CLUSTER_BY_WITH_PARTITIONED_BY_IS_NOT_ALLOWED 42908

# Of the first 32 fields there are statistics, or of as many as a property says.
CREATE TABLE s.wide (s STRUCT<a: INT, b: STRUCT<c: INT, d: INT>>, c04 INT, c05 INT, c06 INT, c07 INT, c08 INT, c09 INT, c10 INT, c11 INT, c12 INT, c13 INT, c14 INT, c15 INT, c16 INT, c17 INT, c18 INT, c19 INT, c20 INT, c21 INT, c22 INT, c23 INT, c24 INT, c25 INT, c26 INT, c27 INT, c28 INT, c29 INT, c30 INT, c31 INT, c32 INT, c33 INT) CLUSTER BY (c32)

ALTER TABLE s.wide CLUSTER BY (c33)
----
error DELTA_CLUSTERING_COLUMN_MISSING_STATS 22000

ALTER TABLE s.wide SET TBLPROPERTIES ('delta.dataSkippingNumIndexedCols' = '33')

ALTER TABLE s.wide CLUSTER BY (c33)

ALTER TABLE s.wide SET TBLPROPERTIES ('delta.dataSkippingStatsColumns' = 'c04, `c05`')

ALTER TABLE s.wide CLUSTER BY (c05)

ALTER TABLE s.wide CLUSTER BY (c06)
----
error DELTA_CLUSTERING_COLUMN_MISSING_STATS 22000
