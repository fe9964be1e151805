# SHOW, DESCRIBE, information_schema, sessions, volumes, COPY INTO without files, and what only Databricks has.
# area: inspection
# source: guess

CREATE SCHEMA s

CREATE SCHEMA other COMMENT 'another'

CREATE TABLE s.t (id INT NOT NULL COMMENT 'key', `odd name` STRING, d DECIMAL(10,2), l ARRAY<INT>) COMMENT 'a table' TBLPROPERTIES ('k' = 'v', 'delta.columnMapping.mode' = 'name')

CREATE VIEW s.v AS SELECT id FROM s.t

SHOW SCHEMAS
----
default
other
s
information_schema

SHOW DATABASES
----
default
other
s
information_schema

# source: documentation (SHOW SCHEMAS)
SHOW SCHEMAS LIKE 's*'
----
s

# source: documentation (SHOW SCHEMAS)
SHOW SCHEMAS IN main LIKE 'o*'
----
other

# source: documentation (SHOW SCHEMAS)
SHOW SCHEMAS IN nothing
----
error NO_SUCH_CATALOG_EXCEPTION 42704

SHOW CATALOGS
----
main

# source: documentation (SHOW TABLES)
SHOW TABLES IN s
----
s|t|false
s|v|false

# source: documentation (SHOW TABLES)
SHOW TABLES IN s LIKE 't*'
----
s|t|false

# source: documentation (SHOW TABLES)
SHOW TABLES IN s LIKE 'x|v'
----
s|v|false

# source: documentation (SHOW TABLES)
SHOW TABLES IN main.s
----
s|t|false
s|v|false

# source: documentation (SHOW TABLES)
SHOW TABLES IN nothing
----
error SCHEMA_NOT_FOUND 42704

# source: documentation (SHOW TABLES)
SHOW TABLES
----

# source: documentation (SHOW VIEWS)
SHOW VIEWS IN s
----
s|v|false

# source: documentation (SHOW COLUMNS)
SHOW COLUMNS IN s.t
----
id
odd name
d
l

# source: documentation (SHOW COLUMNS)
SHOW COLUMNS IN t IN s
----
id
odd name
d
l

# source: documentation (SHOW COLUMNS)
SHOW COLUMNS IN s.nothing
----
error TABLE_OR_VIEW_NOT_FOUND 42P01

SHOW TBLPROPERTIES s.t ('k')
----
k|v

SHOW TBLPROPERTIES s.t ('nothing')
----
nothing|Table main.s.t does not have property: nothing

SHOW TBLPROPERTIES s.nothing
----
error TABLE_OR_VIEW_NOT_FOUND 42P01

DESCRIBE TABLE s.t
----
id|int|key
odd name|string|NULL
d|decimal(10,2)|NULL
l|array<int>|NULL

# source: documentation (DESCRIBE TABLE)
DESCRIBE s.t
----
id|int|key
odd name|string|NULL
d|decimal(10,2)|NULL
l|array<int>|NULL

# source: documentation (DESCRIBE TABLE)
DESC s.t
----
id|int|key
odd name|string|NULL
d|decimal(10,2)|NULL
l|array<int>|NULL

# source: documentation (DESCRIBE TABLE)
DESCRIBE TABLE main.s.t
----
id|int|key
odd name|string|NULL
d|decimal(10,2)|NULL
l|array<int>|NULL

# source: documentation (DESCRIBE TABLE)
DESCRIBE TABLE s.v
----
id|int|NULL

# source: documentation (DESCRIBE TABLE)
DESCRIBE TABLE s.nothing
----
error TABLE_OR_VIEW_NOT_FOUND 42P01

# source: documentation (DESCRIBE TABLE)
DESCRIBE TABLE s.t id
----
col_name|id
data_type|int
comment|key

DESCRIBE SCHEMA s
----
Catalog Name|main
Namespace Name|s
Comment|
Owner|local@workspace

DESCRIBE SCHEMA nothing
----
error SCHEMA_NOT_FOUND 42704

# source: documentation (DESCRIBE QUERY)
DESCRIBE QUERY SELECT 1 AS a, 'x' AS b
----
a|int|NULL
b|string|NULL

DESCRIBE HISTORY s.v
----
error EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE 42809

DESCRIBE DETAIL s.nothing
----
error TABLE_OR_VIEW_NOT_FOUND 42P01

# source: documentation (INFORMATION_SCHEMA.SCHEMATA)
SELECT schema_name FROM information_schema.schemata WHERE schema_name IN ('s', 'other') ORDER BY 1
----
other
s

# source: documentation (INFORMATION_SCHEMA.TABLES)
SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 's' ORDER BY 1
----
t|MANAGED
v|VIEW

# source: documentation (INFORMATION_SCHEMA.TABLES)
SELECT table_name, comment FROM information_schema.tables WHERE table_schema = 's' ORDER BY 1
----
t|a table
v|NULL

# source: documentation (INFORMATION_SCHEMA.COLUMNS)
SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = 's' AND table_name = 't' ORDER BY ordinal_position
----
id|INT|NO
odd name|STRING|YES
d|DECIMAL|YES
l|ARRAY|YES

# source: documentation (INFORMATION_SCHEMA.COLUMNS)
SELECT column_name, full_data_type, comment FROM information_schema.columns WHERE table_schema = 's' AND table_name = 't' ORDER BY ordinal_position
----
id|int|key
odd name|string|NULL
d|decimal(10,2)|NULL
l|array<int>|NULL

# source: documentation (INFORMATION_SCHEMA.TABLES)
SELECT count(*) AS c FROM main.information_schema.tables WHERE table_schema = 's'
----
2

# source: documentation (INFORMATION_SCHEMA.TABLES)
SELECT count(*) AS c FROM system.information_schema.tables WHERE table_catalog = 'main' AND table_schema = 's'
----
2

# source: documentation (INFORMATION_SCHEMA.TABLES)
SELECT nothing FROM information_schema.tables
----
error UNRESOLVED_COLUMN.WITH_SUGGESTION 42703

# source: documentation (current_catalog function)
SELECT current_catalog() AS v
----
main

# source: documentation (current_schema function)
SELECT current_schema() AS v
----
default

# source: documentation (current_database function)
SELECT current_database() AS v
----
default

USE SCHEMA s

# source: documentation (current_schema function)
SELECT current_schema() AS v
----
s

# source: documentation (USE SCHEMA)
SELECT count(*) AS c FROM t
----
0

# source: documentation (SHOW TABLES)
SHOW TABLES
----
s|t|false
s|v|false

USE other

# source: documentation (USE SCHEMA)
SELECT count(*) AS c FROM t
----
error TABLE_OR_VIEW_NOT_FOUND 42P01

# source: documentation (USE SCHEMA)
USE SCHEMA nothing
----
error SCHEMA_NOT_FOUND 42704

USE CATALOG nothing
----
error NO_SUCH_CATALOG_EXCEPTION 42704

USE CATALOG main

# source: documentation (current_schema function)
SELECT current_schema() AS v
----
default

# source: documentation (current_timezone function)
SELECT current_timezone() AS v
----
UTC

SET ansi_mode
----
ansi_mode|<undefined>

SET nothing.at.all
----
nothing.at.all|<undefined>

COMMENT ON TABLE s.t IS 'new'

COMMENT ON SCHEMA s IS 'new'

COMMENT ON TABLE s.nothing IS 'new'
----
error TABLE_OR_VIEW_NOT_FOUND 42P01

COMMENT ON COLUMN s.t.id IS 'new key'

DESCRIBE TABLE s.t
----
id|int|new key
odd name|string|NULL
d|decimal(10,2)|NULL
l|array<int>|NULL

CREATE VOLUME s.f

CREATE VOLUME s.f
----
error VOLUME_ALREADY_EXISTS 42000

CREATE VOLUME IF NOT EXISTS s.f

CREATE VOLUME nothing.f
----
error SCHEMA_NOT_FOUND 42704

SHOW VOLUMES IN s
----
s|f

COPY INTO s.t FROM '/Volumes/main/s/f/nothing' FILEFORMAT = PARQUET
----
error PATH_NOT_FOUND 42K03

COPY INTO s.nothing FROM '/Volumes/main/s/f' FILEFORMAT = PARQUET
----
error DELTA_MISSING_DELTA_TABLE_COPY_INTO 42P01

COPY INTO s.t FROM '/Volumes/main/s/f'
----
error PARSE_SYNTAX_ERROR 42601

COPY INTO s.v FROM '/Volumes/main/s/f' FILEFORMAT = PARQUET
----
error EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE 42809

COPY INTO s.t FROM '/Volumes/main/s/f' FILEFORMAT = PARQUET FILES = ('a.parquet') FORMAT_OPTIONS ('ignoreMissingFiles' = 'false')
----
error PATH_NOT_FOUND 42K03

SELECT * FROM read_files('/Volumes/main/s/f/nothing', format => 'parquet', schema => 'a INT')
----
error PATH_NOT_FOUND 42K03

DROP VOLUME s.f

DROP VOLUME s.f
----
error VOLUME_NOT_FOUND 42704

DROP VOLUME IF EXISTS s.f

GRANT SELECT ON TABLE s.t TO `account users`

GRANT SELECT ON TABLE s.nothing TO `account users`
----
error TABLE_OR_VIEW_NOT_FOUND 42P01

REVOKE SELECT ON TABLE s.t FROM `account users`

# source: documentation (QUALIFY clause)
SELECT id FROM s.t QUALIFY row_number() OVER (ORDER BY id) = 1
----

# source: documentation (QUALIFY clause)
SELECT v FROM VALUES (1), (2) AS a(v) QUALIFY sum(v) OVER () > 2 ORDER BY v
----
1
2

# source: documentation (QUALIFY clause)
SELECT v FROM VALUES (1), (2) AS a(v) QUALIFY v
----
error DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN 42K09

# source: documentation (error conditions)
SELECT 1 % 0 AS v
----
error DIVIDE_BY_ZERO 22012

# source: documentation (error conditions)
SELECT 1.0 % 0 AS v
----
error DIVIDE_BY_ZERO 22012

# source: documentation (error conditions)
SELECT mod(7, 0) AS v
----
error DIVIDE_BY_ZERO 22012

# source: documentation (error conditions)
SELECT pmod(7, 0) AS v
----
error DIVIDE_BY_ZERO 22012

# source: documentation (iff function)
SELECT iff(true, 1, 2) AS v
----
1

# source: documentation (iff function)
SELECT iff(NULL, 1, 2) AS v
----
2

DROP SCHEMA s CASCADE
