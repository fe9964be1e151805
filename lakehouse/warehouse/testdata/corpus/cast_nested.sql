# Casts of arrays, maps and structs, element by element.
# area: casts
# source: Spark 4.1

SELECT CAST(array(1, 2) AS ARRAY<BIGINT>) AS v
----
[1,2]

SELECT typeof(CAST(array(1, 2) AS ARRAY<BIGINT>)) AS v
----
array<bigint>

SELECT TRY_CAST(array(1, 2) AS ARRAY<BIGINT>) AS v
----
[1,2]

SELECT CAST(array(1, 2) AS ARRAY<STRING>) AS v
----
["1","2"]

SELECT typeof(CAST(array(1, 2) AS ARRAY<STRING>)) AS v
----
array<string>

SELECT TRY_CAST(array(1, 2) AS ARRAY<STRING>) AS v
----
["1","2"]

SELECT CAST(array(1, 2) AS ARRAY<DOUBLE>) AS v
----
[1.0,2.0]

SELECT typeof(CAST(array(1, 2) AS ARRAY<DOUBLE>)) AS v
----
array<double>

SELECT TRY_CAST(array(1, 2) AS ARRAY<DOUBLE>) AS v
----
[1.0,2.0]

SELECT CAST(array(1, 2) AS ARRAY<DECIMAL(4,1)>) AS v
----
[1.0,2.0]

SELECT typeof(CAST(array(1, 2) AS ARRAY<DECIMAL(4,1)>)) AS v
----
array<decimal(4,1)>

SELECT TRY_CAST(array(1, 2) AS ARRAY<DECIMAL(4,1)>) AS v
----
[1.0,2.0]

SELECT CAST(array(1, 2) AS ARRAY<BOOLEAN>) AS v
----
[true,true]

SELECT typeof(CAST(array(1, 2) AS ARRAY<BOOLEAN>)) AS v
----
array<boolean>

SELECT TRY_CAST(array(1, 2) AS ARRAY<BOOLEAN>) AS v
----
[true,true]

SELECT CAST(array(1, 2) AS ARRAY<DATE>) AS v
----
error DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION 42K09

SELECT typeof(CAST(array(1, 2) AS ARRAY<DATE>)) AS v
----
error DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION 42K09

SELECT TRY_CAST(array(1, 2) AS ARRAY<DATE>) AS v
----
error DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION 42K09

SELECT CAST(array(1, 2) AS INT) AS v
----
error DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION 42K09

SELECT typeof(CAST(array(1, 2) AS INT)) AS v
----
error DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION 42K09

SELECT TRY_CAST(array(1, 2) AS INT) AS v
----
error DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION 42K09

SELECT CAST(array(1, 2) AS MAP<INT, INT>) AS v
----
error DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION 42K09

SELECT typeof(CAST(array(1, 2) AS MAP<INT, INT>)) AS v
----
error DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION 42K09

SELECT TRY_CAST(array(1, 2) AS MAP<INT, INT>) AS v
----
error DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION 42K09

SELECT CAST(array('1', 'x') AS ARRAY<INT>) AS v
----
error CAST_INVALID_INPUT 22018

SELECT TRY_CAST(array('1', 'x') AS ARRAY<INT>) AS v
----
[1,null]

SELECT CAST(array('1', 'x') AS ARRAY<STRING>) AS v
----
["1","x"]

SELECT typeof(CAST(array('1', 'x') AS ARRAY<STRING>)) AS v
----
array<string>

SELECT TRY_CAST(array('1', 'x') AS ARRAY<STRING>) AS v
----
["1","x"]

SELECT CAST(array('1', 'x') AS ARRAY<BINARY>) AS v
----
["MQ==","eA=="]

SELECT typeof(CAST(array('1', 'x') AS ARRAY<BINARY>)) AS v
----
array<binary>

SELECT TRY_CAST(array('1', 'x') AS ARRAY<BINARY>) AS v
----
["MQ==","eA=="]

SELECT CAST(array('2024-01-02', NULL) AS ARRAY<DATE>) AS v
----
["2024-01-02",null]

SELECT typeof(CAST(array('2024-01-02', NULL) AS ARRAY<DATE>)) AS v
----
array<date>

SELECT TRY_CAST(array('2024-01-02', NULL) AS ARRAY<DATE>) AS v
----
["2024-01-02",null]

SELECT CAST(array('2024-01-02', NULL) AS ARRAY<TIMESTAMP>) AS v
----
["2024-01-02 00:00:00",null]

SELECT typeof(CAST(array('2024-01-02', NULL) AS ARRAY<TIMESTAMP>)) AS v
----
array<timestamp>

SELECT TRY_CAST(array('2024-01-02', NULL) AS ARRAY<TIMESTAMP>) AS v
----
["2024-01-02 00:00:00",null]

SELECT CAST(map('1', 2) AS MAP<INT, STRING>) AS v
----
{"1":"2"}

SELECT typeof(CAST(map('1', 2) AS MAP<INT, STRING>)) AS v
----
map<int,string>

SELECT CAST(map('1', 2) AS MAP<STRING, DOUBLE>) AS v
----
{"1":2.0}

SELECT typeof(CAST(map('1', 2) AS MAP<STRING, DOUBLE>)) AS v
----
map<string,double>

SELECT TRY_CAST(map('1', 2) AS MAP<STRING, DOUBLE>) AS v
----
{"1":2.0}

SELECT CAST(map('1', 2) AS ARRAY<STRING>) AS v
----
error DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION 42K09

SELECT typeof(CAST(map('1', 2) AS ARRAY<STRING>)) AS v
----
error DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION 42K09

SELECT TRY_CAST(map('1', 2) AS ARRAY<STRING>) AS v
----
error DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION 42K09

SELECT CAST(map('1', 2) AS STRING) AS v
----
{1 -> 2}

SELECT typeof(CAST(map('1', 2) AS STRING)) AS v
----
string

SELECT TRY_CAST(map('1', 2) AS STRING) AS v
----
{1 -> 2}

SELECT CAST(named_struct('a', 1, 'b', '2') AS STRUCT<a: STRING, b: INT>) AS v
----
{"a":"1","b":2}

SELECT typeof(CAST(named_struct('a', 1, 'b', '2') AS STRUCT<a: STRING, b: INT>)) AS v
----
struct<a:string,b:int>

SELECT TRY_CAST(named_struct('a', 1, 'b', '2') AS STRUCT<a: STRING, b: INT>) AS v
----
{"a":"1","b":2}

SELECT CAST(named_struct('a', 1, 'b', '2') AS STRUCT<x: BIGINT, y: STRING>) AS v
----
{"x":1,"y":"2"}

SELECT typeof(CAST(named_struct('a', 1, 'b', '2') AS STRUCT<x: BIGINT, y: STRING>)) AS v
----
struct<x:bigint,y:string>

SELECT TRY_CAST(named_struct('a', 1, 'b', '2') AS STRUCT<x: BIGINT, y: STRING>) AS v
----
{"x":1,"y":"2"}

SELECT CAST(named_struct('a', 1, 'b', '2') AS STRUCT<a: INT>) AS v
----
error DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION 42K09

SELECT typeof(CAST(named_struct('a', 1, 'b', '2') AS STRUCT<a: INT>)) AS v
----
error DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION 42K09

SELECT TRY_CAST(named_struct('a', 1, 'b', '2') AS STRUCT<a: INT>) AS v
----
error DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION 42K09

SELECT CAST(named_struct('a', 1, 'b', '2') AS STRING) AS v
----
{1, 2}

SELECT typeof(CAST(named_struct('a', 1, 'b', '2') AS STRING)) AS v
----
string

SELECT TRY_CAST(named_struct('a', 1, 'b', '2') AS STRING) AS v
----
{1, 2}

SELECT CAST(array(named_struct('a', '1')) AS ARRAY<STRUCT<a: INT>>) AS v
----
[{"a":1}]

SELECT typeof(CAST(array(named_struct('a', '1')) AS ARRAY<STRUCT<a: INT>>)) AS v
----
array<struct<a:int>>

SELECT TRY_CAST(array(named_struct('a', '1')) AS ARRAY<STRUCT<a: INT>>) AS v
----
[{"a":1}]

SELECT CAST(array(named_struct('a', '1')) AS ARRAY<STRUCT<b: DECIMAL(3,1)>>) AS v
----
[{"b":1.0}]

SELECT typeof(CAST(array(named_struct('a', '1')) AS ARRAY<STRUCT<b: DECIMAL(3,1)>>)) AS v
----
array<struct<b:decimal(3,1)>>

SELECT TRY_CAST(array(named_struct('a', '1')) AS ARRAY<STRUCT<b: DECIMAL(3,1)>>) AS v
----
[{"b":1.0}]

SELECT CAST(array() AS ARRAY<INT>) AS v
----
[]

SELECT typeof(CAST(array() AS ARRAY<INT>)) AS v
----
array<int>

SELECT TRY_CAST(array() AS ARRAY<INT>) AS v
----
[]

SELECT CAST(array() AS ARRAY<ARRAY<STRING>>) AS v
----
[]

SELECT typeof(CAST(array() AS ARRAY<ARRAY<STRING>>)) AS v
----
array<array<string>>

SELECT TRY_CAST(array() AS ARRAY<ARRAY<STRING>>) AS v
----
[]

SELECT CAST(NULL AS ARRAY<INT>) AS v
----
NULL

SELECT typeof(CAST(NULL AS ARRAY<INT>)) AS v
----
array<int>

SELECT TRY_CAST(NULL AS ARRAY<INT>) AS v
----
NULL

SELECT CAST(NULL AS MAP<STRING, INT>) AS v
----
NULL

SELECT typeof(CAST(NULL AS MAP<STRING, INT>)) AS v
----
map<string,int>

SELECT TRY_CAST(NULL AS MAP<STRING, INT>) AS v
----
NULL

SELECT CAST(NULL AS STRUCT<a: INT>) AS v
----
NULL

SELECT typeof(CAST(NULL AS STRUCT<a: INT>)) AS v
----
struct<a:int>

SELECT TRY_CAST(NULL AS STRUCT<a: INT>) AS v
----
NULL
