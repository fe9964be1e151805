# Maps and structs: elements, functions and comparisons.
# area: complex
# source: Spark 4.1

SELECT map('a', 1, 'b', 2) AS v
----
{"a":1,"b":2}

SELECT typeof(map('a', 1, 'b', 2)) AS v
----
map<string,int>

SELECT size(map('a', 1, 'b', 2)) AS v
----
2

SELECT cardinality(map('a', 1, 'b', 2)) AS v
----
2

SELECT map_keys(map('a', 1, 'b', 2)) AS v
----
["a","b"]

SELECT map_values(map('a', 1, 'b', 2)) AS v
----
[1,2]

SELECT map('a', 1, 'b', 2)['a'] AS v
----
1

SELECT map('a', 1, 'b', 2)['zz'] AS v
----
NULL

SELECT map('a', 1, 'b', 2)[1] AS v
----
NULL

SELECT element_at(map('a', 1, 'b', 2), 'a') AS v
----
1

SELECT element_at(map('a', 1, 'b', 2), 'zz') AS v
----
NULL

SELECT try_element_at(map('a', 1, 'b', 2), 'zz') AS v
----
NULL

SELECT map('a', 1, 'b', 2) IS NULL AS v
----
false

SELECT map('a', 1, 'b', 2) = map('a', 1, 'b', 2) AS v
----
error DATATYPE_MISMATCH.INVALID_ORDERING_TYPE 42K09

SELECT CAST(map('a', 1, 'b', 2) AS STRING) AS v
----
{a -> 1, b -> 2}

SELECT to_json(map('a', 1, 'b', 2)) AS v
----
{"a":1,"b":2}

SELECT map('a', 1, 'b', 2).a AS v
----
1

SELECT map() AS v
----
{}

SELECT typeof(map()) AS v
----
map<void,void>

SELECT size(map()) AS v
----
0

SELECT cardinality(map()) AS v
----
0

SELECT map_keys(map()) AS v
----
[]

SELECT map_values(map()) AS v
----
[]

SELECT map()['a'] AS v
----
error DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION 42K09

SELECT map()['zz'] AS v
----
error DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION 42K09

SELECT map() IS NULL AS v
----
false

SELECT map() = map() AS v
----
error DATATYPE_MISMATCH.INVALID_ORDERING_TYPE 42K09

SELECT CAST(map() AS STRING) AS v
----
{}

SELECT to_json(map()) AS v
----
{}

SELECT map('a', NULL) AS v
----
{"a":null}

SELECT typeof(map('a', NULL)) AS v
----
map<string,void>

SELECT size(map('a', NULL)) AS v
----
1

SELECT cardinality(map('a', NULL)) AS v
----
1

SELECT map_keys(map('a', NULL)) AS v
----
["a"]

SELECT map_values(map('a', NULL)) AS v
----
[null]

SELECT map('a', NULL)['a'] AS v
----
NULL

SELECT map('a', NULL)['zz'] AS v
----
NULL

SELECT map('a', NULL)[1] AS v
----
NULL

SELECT element_at(map('a', NULL), 'a') AS v
----
NULL

SELECT element_at(map('a', NULL), 'zz') AS v
----
NULL

SELECT try_element_at(map('a', NULL), 'zz') AS v
----
NULL

SELECT map('a', NULL) IS NULL AS v
----
false

SELECT map('a', NULL) = map('a', NULL) AS v
----
error DATATYPE_MISMATCH.INVALID_ORDERING_TYPE 42K09

SELECT CAST(map('a', NULL) AS STRING) AS v
----
{a -> null}

SELECT to_json(map('a', NULL)) AS v
----
{"a":null}

SELECT map('a', NULL).a AS v
----
NULL

SELECT map(1, 'x') AS v
----
{"1":"x"}

SELECT typeof(map(1, 'x')) AS v
----
map<int,string>

SELECT size(map(1, 'x')) AS v
----
1

SELECT cardinality(map(1, 'x')) AS v
----
1

SELECT map_keys(map(1, 'x')) AS v
----
[1]

SELECT map_values(map(1, 'x')) AS v
----
["x"]

SELECT map(1, 'x')['a'] AS v
----
error CAST_INVALID_INPUT 22018

SELECT map(1, 'x')['zz'] AS v
----
error CAST_INVALID_INPUT 22018

SELECT map(1, 'x')[1] AS v
----
x

SELECT map(1, 'x') IS NULL AS v
----
false

SELECT map(1, 'x') = map(1, 'x') AS v
----
error DATATYPE_MISMATCH.INVALID_ORDERING_TYPE 42K09

SELECT CAST(map(1, 'x') AS STRING) AS v
----
{1 -> x}

SELECT to_json(map(1, 'x')) AS v
----
{"1":"x"}

SELECT map(1, 'x').a AS v
----
error CAST_INVALID_INPUT 22018

SELECT CAST(NULL AS MAP<STRING, INT>) AS v
----
NULL

SELECT typeof(CAST(NULL AS MAP<STRING, INT>)) AS v
----
map<string,int>

SELECT size(CAST(NULL AS MAP<STRING, INT>)) AS v
----
NULL

SELECT cardinality(CAST(NULL AS MAP<STRING, INT>)) AS v
----
NULL

SELECT map_keys(CAST(NULL AS MAP<STRING, INT>)) AS v
----
NULL

SELECT map_values(CAST(NULL AS MAP<STRING, INT>)) AS v
----
NULL

SELECT CAST(NULL AS MAP<STRING, INT>)['a'] AS v
----
NULL

SELECT CAST(NULL AS MAP<STRING, INT>)['zz'] AS v
----
NULL

SELECT CAST(NULL AS MAP<STRING, INT>)[1] AS v
----
NULL

SELECT element_at(CAST(NULL AS MAP<STRING, INT>), 'a') AS v
----
NULL

SELECT element_at(CAST(NULL AS MAP<STRING, INT>), 'zz') AS v
----
NULL

SELECT try_element_at(CAST(NULL AS MAP<STRING, INT>), 'zz') AS v
----
NULL

SELECT CAST(NULL AS MAP<STRING, INT>) IS NULL AS v
----
true

SELECT CAST(NULL AS MAP<STRING, INT>) = CAST(NULL AS MAP<STRING, INT>) AS v
----
error DATATYPE_MISMATCH.INVALID_ORDERING_TYPE 42K09

SELECT CAST(CAST(NULL AS MAP<STRING, INT>) AS STRING) AS v
----
NULL

SELECT to_json(CAST(NULL AS MAP<STRING, INT>)) AS v
----
NULL

SELECT CAST(NULL AS MAP<STRING, INT>).a AS v
----
NULL

SELECT named_struct('a', 1, 'b', 'x') AS v
----
{"a":1,"b":"x"}

SELECT typeof(named_struct('a', 1, 'b', 'x')) AS v
----
struct<a:int,b:string>

SELECT named_struct('a', 1, 'b', 'x').a AS v
----
1

SELECT named_struct('a', 1, 'b', 'x').A AS v
----
1

SELECT named_struct('a', 1, 'b', 'x').zz AS v
----
error FIELD_NOT_FOUND 42704

SELECT named_struct('a', 1, 'b', 'x')['a'] AS v
----
1

SELECT named_struct('a', 1, 'b', 'x').col1 AS v
----
error FIELD_NOT_FOUND 42704

SELECT named_struct('a', 1, 'b', 'x') IS NULL AS v
----
false

SELECT named_struct('a', 1, 'b', 'x') = named_struct('a', 1, 'b', 'x') AS v
----
true

SELECT named_struct('a', 1, 'b', 'x') < named_struct('a', 1, 'b', 'x') AS v
----
false

SELECT CAST(named_struct('a', 1, 'b', 'x') AS STRING) AS v
----
{1, x}

SELECT size(named_struct('a', 1, 'b', 'x')) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT named_struct('a', NULL) AS v
----
{"a":null}

SELECT typeof(named_struct('a', NULL)) AS v
----
struct<a:void>

SELECT named_struct('a', NULL).a AS v
----
NULL

SELECT named_struct('a', NULL).A AS v
----
NULL

SELECT named_struct('a', NULL).zz AS v
----
error FIELD_NOT_FOUND 42704

SELECT named_struct('a', NULL)['a'] AS v
----
NULL

SELECT named_struct('a', NULL).col1 AS v
----
error FIELD_NOT_FOUND 42704

SELECT named_struct('a', NULL) IS NULL AS v
----
false

SELECT named_struct('a', NULL) = named_struct('a', NULL) AS v
----
true

SELECT named_struct('a', NULL) < named_struct('a', NULL) AS v
----
false

SELECT CAST(named_struct('a', NULL) AS STRING) AS v
----
{null}

SELECT size(named_struct('a', NULL)) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT struct(1, 'x') AS v
----
{"col1":1,"col2":"x"}

SELECT typeof(struct(1, 'x')) AS v
----
struct<col1:int,col2:string>

SELECT struct(1, 'x').a AS v
----
error FIELD_NOT_FOUND 42704

SELECT struct(1, 'x').A AS v
----
error FIELD_NOT_FOUND 42704

SELECT struct(1, 'x').zz AS v
----
error FIELD_NOT_FOUND 42704

SELECT struct(1, 'x')['a'] AS v
----
error FIELD_NOT_FOUND 42704

SELECT struct(1, 'x').col1 AS v
----
1

SELECT struct(1, 'x') IS NULL AS v
----
false

SELECT struct(1, 'x') = struct(1, 'x') AS v
----
true

SELECT struct(1, 'x') < struct(1, 'x') AS v
----
false

SELECT CAST(struct(1, 'x') AS STRING) AS v
----
{1, x}

SELECT size(struct(1, 'x')) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT CAST(NULL AS STRUCT<a: INT>) AS v
----
NULL

SELECT typeof(CAST(NULL AS STRUCT<a: INT>)) AS v
----
struct<a:int>

SELECT CAST(NULL AS STRUCT<a: INT>).a AS v
----
NULL

SELECT CAST(NULL AS STRUCT<a: INT>).A AS v
----
NULL

SELECT CAST(NULL AS STRUCT<a: INT>).zz AS v
----
error FIELD_NOT_FOUND 42704

SELECT CAST(NULL AS STRUCT<a: INT>)['a'] AS v
----
NULL

SELECT CAST(NULL AS STRUCT<a: INT>).col1 AS v
----
error FIELD_NOT_FOUND 42704

SELECT CAST(NULL AS STRUCT<a: INT>) IS NULL AS v
----
true

SELECT CAST(NULL AS STRUCT<a: INT>) = CAST(NULL AS STRUCT<a: INT>) AS v
----
NULL

SELECT CAST(NULL AS STRUCT<a: INT>) < CAST(NULL AS STRUCT<a: INT>) AS v
----
NULL

SELECT CAST(CAST(NULL AS STRUCT<a: INT>) AS STRING) AS v
----
NULL

SELECT size(CAST(NULL AS STRUCT<a: INT>)) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT map('a') AS v
----
error WRONG_NUM_ARGS.WITHOUT_SUGGESTION 42605

SELECT map('a', 1, 'a', 2) AS v
----
error DUPLICATED_MAP_KEY 23505

SELECT map(NULL, 1) AS v
----
error NULL_MAP_KEY 2200E

SELECT map(1, 'a', '2', 'b') AS v
----
{"1":"a","2":"b"}

SELECT map('a', 1, 'b', 2.5) AS v
----
{"a":1.0,"b":2.5}

SELECT map('a', 1, 'b', 'x') AS v
----
error CAST_INVALID_INPUT 22018

SELECT map_from_arrays(array('a', 'b'), array(1, 2)) AS v
----
{"a":1,"b":2}

SELECT map_from_arrays(array('a', 'a'), array(1, 2)) AS v
----
error DUPLICATED_MAP_KEY 23505

SELECT map_from_arrays(array(NULL), array(1)) AS v
----
error NULL_MAP_KEY 2200E

SELECT map('a', map('b', 1))['a']['b'] AS v
----
1

SELECT map('a', array(1, 2))['a'][1] AS v
----
2

SELECT map(1.0, 'x')[1] AS v
----
x

SELECT map(1, 'x')['1'] AS v
----
x

SELECT map(DATE '2024-01-02', 1)['2024-01-02'] AS v
----
1

SELECT named_struct('a') AS v
----
error WRONG_NUM_ARGS.WITHOUT_SUGGESTION 42605

SELECT named_struct(1, 2) AS v
----
error DATATYPE_MISMATCH.CREATE_NAMED_STRUCT_WITHOUT_FOLDABLE_STRING 42K09

SELECT named_struct('a', named_struct('b', 1)).a.b AS v
----
1

SELECT named_struct('a', array(named_struct('b', 1))).a[0].b AS v
----
1

SELECT (1, 'x') AS v
----
{"col1":1,"col2":"x"}

SELECT typeof((1, 'x')) AS v
----
struct<col1:int,col2:string>

SELECT (1, 2) = (1, 2) AS v
----
true

SELECT (1, 2) < (1, 3) AS v
----
true

SELECT (1, NULL) = (1, NULL) AS v
----
true

SELECT named_struct('a', 1) = named_struct('b', 1) AS v
----
true

SELECT named_struct('a', 1) = named_struct('a', 1L) AS v
----
true

SELECT named_struct('a', 1) = 1 AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT named_struct('a', 1) <=> NULL AS v
----
false

SELECT named_struct('a', 1) IN (named_struct('a', 1)) AS v
----
true

SELECT (1).a AS v
----
error INVALID_EXTRACT_BASE_FIELD_TYPE 42000

SELECT 'x'.a AS v
----
error INVALID_EXTRACT_BASE_FIELD_TYPE 42000
