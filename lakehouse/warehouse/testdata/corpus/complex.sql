# Arrays, maps and structs, with NULLs inside.
# area: complex
# source: Spark 4.1

SELECT array(1, NULL, 2)
----
[1,null,2]

SELECT array()
----
[]

SELECT map('a', 1, 'b', NULL)
----
{"a":1,"b":null}

SELECT named_struct('a', 1, 'b', array('x'))
----
{"a":1,"b":["x"]}

SELECT size(array())
----
0

SELECT size(map('a', 1))
----
1

SELECT cardinality(array(1, 2))
----
2

SELECT array_size(array(1))
----
1

SELECT array(1, 2, 3)[2]
----
3

SELECT element_at(array(1, 2), 1)
----
1

SELECT try_element_at(array(1), 5)
----
NULL

SELECT map('a', 1)['b']
----
NULL

SELECT element_at(map('a', 1), 'z')
----
NULL

SELECT named_struct('x', 1).x
----
1

SELECT element_at(array(1), 3)
----
error INVALID_ARRAY_INDEX_IN_ELEMENT_AT 22003

SELECT element_at(array(1), 0)
----
error INVALID_INDEX_OF_ZERO 22003

SELECT array_contains(array(1, NULL), 1)
----
true

SELECT array_contains(array(1, NULL), 2)
----
NULL

SELECT array_position(array('a', 'b'), 'b')
----
2

SELECT sort_array(array(2, NULL, 1))
----
[null,1,2]

SELECT sort_array(array(2, NULL, 1), false)
----
[2,1,null]

SELECT array_max(array(1, NULL, 3))
----
3

SELECT array_min(array(2, 1))
----
1

SELECT reverse(array(1, 2))
----
[2,1]

SELECT flatten(array(array(1), array(2, 3)))
----
[1,2,3]

SELECT slice(array(1, 2, 3), 2, 2)
----
[2,3]

SELECT transform(array(1, 2), x -> x * 10) AS v
----
[10,20]

SELECT filter(array(1, 2, 3), x -> x > 1) AS v
----
[2,3]

SELECT exists(array(1, 2), x -> x = 2) AS v
----
true

SELECT map_keys(map('a', 1, 'b', 2))
----
["a","b"]

SELECT map_values(map('a', 1))
----
[1]

SELECT array(1, 2) = array(1, 2)
----
true

SELECT array(1, 2) < array(1, 3)
----
true

SELECT named_struct('a', 1) = named_struct('a', 1)
----
true

SELECT array(1, NULL) = array(1, NULL)
----
true

SELECT array(NULL) <=> array(NULL)
----
true

SELECT CAST(array(1, 2) AS ARRAY<STRING>) AS v
----
["1","2"]

SELECT CAST(array('1', '2') AS ARRAY<INT>) AS v
----
[1,2]

SELECT CAST(map('a', '1') AS MAP<STRING, INT>) AS v
----
{"a":1}

SELECT CAST(named_struct('a', 1) AS STRUCT<b: STRING>) AS v
----
{"b":"1"}

SELECT CAST(array('a', NULL, '') AS STRING) AS v
----
[a, null, ]

SELECT CAST(map('k', NULL) AS STRING) AS v
----
{k -> null}

SELECT CAST(named_struct('a', array(1), 'b', NULL) AS STRING) AS v
----
{[1], null}

SELECT CAST(array(1.0D, 2.50) AS STRING) AS v
----
[1.0, 2.5]

SELECT CAST(array(true, DATE '2024-01-01') AS STRING) AS v
----
error DATATYPE_MISMATCH 42K09

SELECT CAST(array(DATE '2024-01-01') AS STRING) AS v
----
[2024-01-01]

SELECT CAST(array(array('x')) AS STRING) AS v
----
[[x]]

SELECT CAST(map(1, 2.5) AS STRING) AS v
----
{1 -> 2.5}

SELECT array(TIMESTAMP '2024-01-01 00:00:00.5')
----
["2024-01-01 00:00:00.5"]

SELECT array(X'4142')
----
["QUI="]

SELECT array(1.50, 2)
----
[1.50,2.00]

SELECT array(1.5D)
----
[1.5]

SELECT concat(array(1), array(2))
----
[1,2]

SELECT array_join(array('a', NULL, 'b'), '-', '?')
----
a-?-b

SELECT array('a', 1)
----
error CAST_INVALID_INPUT 22018

SELECT map('a', 1, 'a', 2)
----
error DUPLICATED_MAP_KEY 23505

SELECT xxhash64(array(1, NULL))
----
-6698625589789238999

SELECT xxhash64(TIMESTAMP_NTZ '2024-01-01 00:00:00')
----
3859582417520161651

SELECT xxhash64(X'00')
----
-8959994473701255385

SELECT 1 + array('a') AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09
