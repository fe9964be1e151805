# The names of types, and what is none.
# area: names
# source: Spark 4.1

SELECT typeof(CAST(NULL AS BOOLEAN)) AS v
----
boolean

SELECT typeof(CAST(NULL AS TINYINT)) AS v
----
tinyint

SELECT typeof(CAST(NULL AS BYTE)) AS v
----
tinyint

SELECT typeof(CAST(NULL AS SMALLINT)) AS v
----
smallint

SELECT typeof(CAST(NULL AS SHORT)) AS v
----
smallint

SELECT typeof(CAST(NULL AS INT)) AS v
----
int

SELECT typeof(CAST(NULL AS INTEGER)) AS v
----
int

SELECT typeof(CAST(NULL AS BIGINT)) AS v
----
bigint

SELECT typeof(CAST(NULL AS LONG)) AS v
----
bigint

SELECT typeof(CAST(NULL AS FLOAT)) AS v
----
float

SELECT typeof(CAST(NULL AS REAL)) AS v
----
float

SELECT typeof(CAST(NULL AS DOUBLE)) AS v
----
double

SELECT typeof(CAST(NULL AS DECIMAL)) AS v
----
decimal(10,0)

SELECT typeof(CAST(NULL AS DEC(5))) AS v
----
decimal(5,0)

SELECT typeof(CAST(NULL AS NUMERIC(5,2))) AS v
----
decimal(5,2)

SELECT typeof(CAST(NULL AS DECIMAL(38,38))) AS v
----
decimal(38,38)

SELECT typeof(CAST(NULL AS STRING)) AS v
----
string

SELECT typeof(CAST(NULL AS BINARY)) AS v
----
binary

SELECT typeof(CAST(NULL AS DATE)) AS v
----
date

SELECT typeof(CAST(NULL AS TIMESTAMP)) AS v
----
timestamp

SELECT typeof(CAST(NULL AS TIMESTAMP_NTZ)) AS v
----
timestamp_ntz

SELECT typeof(CAST(NULL AS TIMESTAMP_LTZ)) AS v
----
timestamp

SELECT typeof(CAST(NULL AS ARRAY<INT>)) AS v
----
array<int>

SELECT typeof(CAST(NULL AS MAP<STRING, INT>)) AS v
----
map<string,int>

SELECT typeof(CAST(NULL AS STRUCT<a: INT, b: STRING>)) AS v
----
struct<a:int,b:string>

SELECT typeof(CAST(NULL AS ARRAY<MAP<INT, STRUCT<x: DATE>>>)) AS v
----
array<map<int,struct<x:date>>>

SELECT typeof(CAST(NULL AS MAP<INT>)) AS v
----
error PARSE_SYNTAX_ERROR 42601

SELECT typeof(CAST(NULL AS TEXT)) AS v
----
error UNSUPPORTED_DATATYPE 0A000

SELECT typeof(CAST(NULL AS UUID)) AS v
----
error UNSUPPORTED_DATATYPE 0A000

SELECT typeof(CAST(NULL AS VARCHAR)) AS v
----
error DATATYPE_MISSING_SIZE 42K01

SELECT typeof(CAST(NULL AS CHAR)) AS v
----
error DATATYPE_MISSING_SIZE 42K01

SELECT typeof(CAST(NULL AS ARRAY<NOTHING>)) AS v
----
error UNSUPPORTED_DATATYPE 0A000

SELECT typeof(CAST(NULL AS VOID)) AS v
----
void
