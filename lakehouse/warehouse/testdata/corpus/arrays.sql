# Arrays: elements, functions, comparisons and lambdas.
# area: complex
# source: Spark 4.1

SELECT size(array(1, 2, 3)) AS v
----
3

SELECT cardinality(array(1, 2, 3)) AS v
----
3

SELECT array_size(array(1, 2, 3)) AS v
----
3

SELECT array_max(array(1, 2, 3)) AS v
----
3

SELECT array_min(array(1, 2, 3)) AS v
----
1

SELECT sort_array(array(1, 2, 3)) AS v
----
[1,2,3]

SELECT sort_array(array(1, 2, 3), false) AS v
----
[3,2,1]

SELECT array_sort(array(1, 2, 3)) AS v
----
[1,2,3]

SELECT reverse(array(1, 2, 3)) AS v
----
[3,2,1]

SELECT array_compact(array(1, 2, 3)) AS v
----
[1,2,3]

SELECT typeof(array(1, 2, 3)) AS v
----
array<int>

SELECT array(1, 2, 3)[0] AS v
----
1

SELECT array(1, 2, 3)[1] AS v
----
2

SELECT array(1, 2, 3)[-1] AS v
----
error INVALID_ARRAY_INDEX 22003

SELECT array(1, 2, 3)[99] AS v
----
error INVALID_ARRAY_INDEX 22003

SELECT element_at(array(1, 2, 3), 1) AS v
----
1

SELECT element_at(array(1, 2, 3), -1) AS v
----
3

SELECT element_at(array(1, 2, 3), 0) AS v
----
error INVALID_INDEX_OF_ZERO 22003

SELECT element_at(array(1, 2, 3), 99) AS v
----
error INVALID_ARRAY_INDEX_IN_ELEMENT_AT 22003

SELECT try_element_at(array(1, 2, 3), 99) AS v
----
NULL

SELECT try_element_at(array(1, 2, 3), 0) AS v
----
error INVALID_INDEX_OF_ZERO 22003

SELECT get(array(1, 2, 3), 0) AS v
----
1

SELECT get(array(1, 2, 3), -1) AS v
----
NULL

SELECT get(array(1, 2, 3), 99) AS v
----
NULL

SELECT array_contains(array(1, 2, 3), NULL) AS v
----
error DATATYPE_MISMATCH.NULL_TYPE 42K09

SELECT array_join(array(1, 2, 3), ',') AS v
----
1,2,3

SELECT array_join(array(1, 2, 3), ',', '?') AS v
----
1,2,3

SELECT array(1, 2, 3) IS NULL AS v
----
false

SELECT array(1, 2, 3) = array(1, 2, 3) AS v
----
true

SELECT size(array(NULL, 1)) AS v
----
2

SELECT cardinality(array(NULL, 1)) AS v
----
2

SELECT array_size(array(NULL, 1)) AS v
----
2

SELECT array_max(array(NULL, 1)) AS v
----
1

SELECT array_min(array(NULL, 1)) AS v
----
1

SELECT sort_array(array(NULL, 1)) AS v
----
[null,1]

SELECT sort_array(array(NULL, 1), false) AS v
----
[1,null]

SELECT array_sort(array(NULL, 1)) AS v
----
[1,null]

SELECT reverse(array(NULL, 1)) AS v
----
[1,null]

SELECT array_compact(array(NULL, 1)) AS v
----
[1]

SELECT typeof(array(NULL, 1)) AS v
----
array<int>

SELECT array(NULL, 1)[0] AS v
----
NULL

SELECT array(NULL, 1)[1] AS v
----
1

SELECT array(NULL, 1)[-1] AS v
----
error INVALID_ARRAY_INDEX 22003

SELECT array(NULL, 1)[99] AS v
----
error INVALID_ARRAY_INDEX 22003

SELECT element_at(array(NULL, 1), 1) AS v
----
NULL

SELECT element_at(array(NULL, 1), -1) AS v
----
1

SELECT element_at(array(NULL, 1), 0) AS v
----
error INVALID_INDEX_OF_ZERO 22003

SELECT element_at(array(NULL, 1), 99) AS v
----
error INVALID_ARRAY_INDEX_IN_ELEMENT_AT 22003

SELECT try_element_at(array(NULL, 1), 99) AS v
----
NULL

SELECT try_element_at(array(NULL, 1), 0) AS v
----
error INVALID_INDEX_OF_ZERO 22003

SELECT get(array(NULL, 1), 0) AS v
----
NULL

SELECT get(array(NULL, 1), -1) AS v
----
NULL

SELECT get(array(NULL, 1), 99) AS v
----
NULL

SELECT array_contains(array(NULL, 1), NULL) AS v
----
error DATATYPE_MISMATCH.NULL_TYPE 42K09

SELECT array_join(array(NULL, 1), ',') AS v
----
1

SELECT array_join(array(NULL, 1), ',', '?') AS v
----
?,1

SELECT array(NULL, 1) IS NULL AS v
----
false

SELECT array(NULL, 1) = array(NULL, 1) AS v
----
true

SELECT size(array()) AS v
----
0

SELECT cardinality(array()) AS v
----
0

SELECT array_size(array()) AS v
----
0

SELECT array_max(array()) AS v
----
NULL

SELECT array_min(array()) AS v
----
NULL

SELECT sort_array(array()) AS v
----
[]

SELECT sort_array(array(), false) AS v
----
[]

SELECT array_sort(array()) AS v
----
[]

SELECT reverse(array()) AS v
----
[]

SELECT array_compact(array()) AS v
----
[]

SELECT typeof(array()) AS v
----
array<void>

SELECT array()[0] AS v
----
error INVALID_ARRAY_INDEX 22003

SELECT array()[1] AS v
----
error INVALID_ARRAY_INDEX 22003

SELECT array()[-1] AS v
----
error INVALID_ARRAY_INDEX 22003

SELECT array()[99] AS v
----
error INVALID_ARRAY_INDEX 22003

SELECT element_at(array(), 1) AS v
----
error INVALID_ARRAY_INDEX_IN_ELEMENT_AT 22003

SELECT element_at(array(), -1) AS v
----
error INVALID_ARRAY_INDEX_IN_ELEMENT_AT 22003

SELECT element_at(array(), 0) AS v
----
error INVALID_INDEX_OF_ZERO 22003

SELECT element_at(array(), 99) AS v
----
error INVALID_ARRAY_INDEX_IN_ELEMENT_AT 22003

SELECT try_element_at(array(), 99) AS v
----
NULL

SELECT try_element_at(array(), 0) AS v
----
error INVALID_INDEX_OF_ZERO 22003

SELECT get(array(), 0) AS v
----
NULL

SELECT get(array(), -1) AS v
----
NULL

SELECT get(array(), 99) AS v
----
NULL

SELECT array_contains(array(), NULL) AS v
----
error DATATYPE_MISMATCH.NULL_TYPE 42K09

SELECT array_join(array(), ',') AS v
----
(empty)

SELECT array_join(array(), ',', '?') AS v
----
(empty)

SELECT array() IS NULL AS v
----
false

SELECT array() = array() AS v
----
true

SELECT size(array('b', 'a', NULL)) AS v
----
3

SELECT cardinality(array('b', 'a', NULL)) AS v
----
3

SELECT array_size(array('b', 'a', NULL)) AS v
----
3

SELECT array_max(array('b', 'a', NULL)) AS v
----
b

SELECT array_min(array('b', 'a', NULL)) AS v
----
a

SELECT sort_array(array('b', 'a', NULL)) AS v
----
[null,"a","b"]

SELECT sort_array(array('b', 'a', NULL), false) AS v
----
["b","a",null]

SELECT array_sort(array('b', 'a', NULL)) AS v
----
["a","b",null]

SELECT reverse(array('b', 'a', NULL)) AS v
----
[null,"a","b"]

SELECT array_compact(array('b', 'a', NULL)) AS v
----
["b","a"]

SELECT typeof(array('b', 'a', NULL)) AS v
----
array<string>

SELECT array('b', 'a', NULL)[0] AS v
----
b

SELECT array('b', 'a', NULL)[1] AS v
----
a

SELECT array('b', 'a', NULL)[-1] AS v
----
error INVALID_ARRAY_INDEX 22003

SELECT array('b', 'a', NULL)[99] AS v
----
error INVALID_ARRAY_INDEX 22003

SELECT element_at(array('b', 'a', NULL), 1) AS v
----
b

SELECT element_at(array('b', 'a', NULL), -1) AS v
----
NULL

SELECT element_at(array('b', 'a', NULL), 0) AS v
----
error INVALID_INDEX_OF_ZERO 22003

SELECT element_at(array('b', 'a', NULL), 99) AS v
----
error INVALID_ARRAY_INDEX_IN_ELEMENT_AT 22003

SELECT try_element_at(array('b', 'a', NULL), 99) AS v
----
NULL

SELECT try_element_at(array('b', 'a', NULL), 0) AS v
----
error INVALID_INDEX_OF_ZERO 22003

SELECT get(array('b', 'a', NULL), 0) AS v
----
b

SELECT get(array('b', 'a', NULL), -1) AS v
----
NULL

SELECT get(array('b', 'a', NULL), 99) AS v
----
NULL

SELECT array_contains(array('b', 'a', NULL), NULL) AS v
----
error DATATYPE_MISMATCH.NULL_TYPE 42K09

SELECT array_join(array('b', 'a', NULL), ',') AS v
----
b,a

SELECT array_join(array('b', 'a', NULL), ',', '?') AS v
----
b,a,?

SELECT array('b', 'a', NULL) IS NULL AS v
----
false

SELECT array('b', 'a', NULL) = array('b', 'a', NULL) AS v
----
true

SELECT size(CAST(NULL AS ARRAY<INT>)) AS v
----
NULL

SELECT cardinality(CAST(NULL AS ARRAY<INT>)) AS v
----
NULL

SELECT array_size(CAST(NULL AS ARRAY<INT>)) AS v
----
NULL

SELECT array_max(CAST(NULL AS ARRAY<INT>)) AS v
----
NULL

SELECT array_min(CAST(NULL AS ARRAY<INT>)) AS v
----
NULL

SELECT sort_array(CAST(NULL AS ARRAY<INT>)) AS v
----
NULL

SELECT sort_array(CAST(NULL AS ARRAY<INT>), false) AS v
----
NULL

SELECT array_sort(CAST(NULL AS ARRAY<INT>)) AS v
----
NULL

SELECT reverse(CAST(NULL AS ARRAY<INT>)) AS v
----
NULL

SELECT array_compact(CAST(NULL AS ARRAY<INT>)) AS v
----
NULL

SELECT typeof(CAST(NULL AS ARRAY<INT>)) AS v
----
array<int>

SELECT CAST(NULL AS ARRAY<INT>)[0] AS v
----
NULL

SELECT CAST(NULL AS ARRAY<INT>)[1] AS v
----
NULL

SELECT CAST(NULL AS ARRAY<INT>)[-1] AS v
----
NULL

SELECT CAST(NULL AS ARRAY<INT>)[99] AS v
----
NULL

SELECT element_at(CAST(NULL AS ARRAY<INT>), 1) AS v
----
NULL

SELECT element_at(CAST(NULL AS ARRAY<INT>), -1) AS v
----
NULL

SELECT element_at(CAST(NULL AS ARRAY<INT>), 0) AS v
----
NULL

SELECT element_at(CAST(NULL AS ARRAY<INT>), 99) AS v
----
NULL

SELECT try_element_at(CAST(NULL AS ARRAY<INT>), 99) AS v
----
NULL

SELECT try_element_at(CAST(NULL AS ARRAY<INT>), 0) AS v
----
NULL

SELECT get(CAST(NULL AS ARRAY<INT>), 0) AS v
----
NULL

SELECT get(CAST(NULL AS ARRAY<INT>), -1) AS v
----
NULL

SELECT get(CAST(NULL AS ARRAY<INT>), 99) AS v
----
NULL

SELECT array_contains(CAST(NULL AS ARRAY<INT>), NULL) AS v
----
error DATATYPE_MISMATCH.NULL_TYPE 42K09

SELECT array_join(CAST(NULL AS ARRAY<INT>), ',') AS v
----
NULL

SELECT array_join(CAST(NULL AS ARRAY<INT>), ',', '?') AS v
----
NULL

SELECT CAST(NULL AS ARRAY<INT>) IS NULL AS v
----
true

SELECT CAST(NULL AS ARRAY<INT>) = CAST(NULL AS ARRAY<INT>) AS v
----
NULL

SELECT size(array(array(1), array(2, 3))) AS v
----
2

SELECT cardinality(array(array(1), array(2, 3))) AS v
----
2

SELECT array_size(array(array(1), array(2, 3))) AS v
----
2

SELECT array_max(array(array(1), array(2, 3))) AS v
----
[2,3]

SELECT array_min(array(array(1), array(2, 3))) AS v
----
[1]

SELECT sort_array(array(array(1), array(2, 3))) AS v
----
[[1],[2,3]]

SELECT sort_array(array(array(1), array(2, 3)), false) AS v
----
[[2,3],[1]]

SELECT array_sort(array(array(1), array(2, 3))) AS v
----
[[1],[2,3]]

SELECT reverse(array(array(1), array(2, 3))) AS v
----
[[2,3],[1]]

SELECT array_compact(array(array(1), array(2, 3))) AS v
----
[[1],[2,3]]

SELECT typeof(array(array(1), array(2, 3))) AS v
----
array<array<int>>

SELECT array(array(1), array(2, 3))[0] AS v
----
[1]

SELECT array(array(1), array(2, 3))[1] AS v
----
[2,3]

SELECT array(array(1), array(2, 3))[-1] AS v
----
error INVALID_ARRAY_INDEX 22003

SELECT array(array(1), array(2, 3))[99] AS v
----
error INVALID_ARRAY_INDEX 22003

SELECT element_at(array(array(1), array(2, 3)), 1) AS v
----
[1]

SELECT element_at(array(array(1), array(2, 3)), -1) AS v
----
[2,3]

SELECT element_at(array(array(1), array(2, 3)), 0) AS v
----
error INVALID_INDEX_OF_ZERO 22003

SELECT element_at(array(array(1), array(2, 3)), 99) AS v
----
error INVALID_ARRAY_INDEX_IN_ELEMENT_AT 22003

SELECT try_element_at(array(array(1), array(2, 3)), 99) AS v
----
NULL

SELECT try_element_at(array(array(1), array(2, 3)), 0) AS v
----
error INVALID_INDEX_OF_ZERO 22003

SELECT get(array(array(1), array(2, 3)), 0) AS v
----
[1]

SELECT get(array(array(1), array(2, 3)), -1) AS v
----
NULL

SELECT get(array(array(1), array(2, 3)), 99) AS v
----
NULL

SELECT array_contains(array(array(1), array(2, 3)), NULL) AS v
----
error DATATYPE_MISMATCH.NULL_TYPE 42K09

SELECT array(array(1), array(2, 3)) IS NULL AS v
----
false

SELECT array(array(1), array(2, 3)) = array(array(1), array(2, 3)) AS v
----
true

SELECT size(array(2.5, 1)) AS v
----
2

SELECT cardinality(array(2.5, 1)) AS v
----
2

SELECT array_size(array(2.5, 1)) AS v
----
2

SELECT array_max(array(2.5, 1)) AS v
----
2.5

SELECT array_min(array(2.5, 1)) AS v
----
1.0

SELECT sort_array(array(2.5, 1)) AS v
----
[1.0,2.5]

SELECT sort_array(array(2.5, 1), false) AS v
----
[2.5,1.0]

SELECT array_sort(array(2.5, 1)) AS v
----
[1.0,2.5]

SELECT reverse(array(2.5, 1)) AS v
----
[1.0,2.5]

SELECT array_compact(array(2.5, 1)) AS v
----
[2.5,1.0]

SELECT typeof(array(2.5, 1)) AS v
----
array<decimal(11,1)>

SELECT array(2.5, 1)[0] AS v
----
2.5

SELECT array(2.5, 1)[1] AS v
----
1.0

SELECT array(2.5, 1)[-1] AS v
----
error INVALID_ARRAY_INDEX 22003

SELECT array(2.5, 1)[99] AS v
----
error INVALID_ARRAY_INDEX 22003

SELECT element_at(array(2.5, 1), 1) AS v
----
2.5

SELECT element_at(array(2.5, 1), -1) AS v
----
1.0

SELECT element_at(array(2.5, 1), 0) AS v
----
error INVALID_INDEX_OF_ZERO 22003

SELECT element_at(array(2.5, 1), 99) AS v
----
error INVALID_ARRAY_INDEX_IN_ELEMENT_AT 22003

SELECT try_element_at(array(2.5, 1), 99) AS v
----
NULL

SELECT try_element_at(array(2.5, 1), 0) AS v
----
error INVALID_INDEX_OF_ZERO 22003

SELECT get(array(2.5, 1), 0) AS v
----
2.5

SELECT get(array(2.5, 1), -1) AS v
----
NULL

SELECT get(array(2.5, 1), 99) AS v
----
NULL

SELECT array_contains(array(2.5, 1), NULL) AS v
----
error DATATYPE_MISMATCH.NULL_TYPE 42K09

SELECT array_join(array(2.5, 1), ',') AS v
----
2.5,1.0

SELECT array_join(array(2.5, 1), ',', '?') AS v
----
2.5,1.0

SELECT array(2.5, 1) IS NULL AS v
----
false

SELECT array(2.5, 1) = array(2.5, 1) AS v
----
true

SELECT size(array(CAST('NaN' AS DOUBLE), 1D)) AS v
----
2

SELECT cardinality(array(CAST('NaN' AS DOUBLE), 1D)) AS v
----
2

SELECT array_size(array(CAST('NaN' AS DOUBLE), 1D)) AS v
----
2

SELECT array_max(array(CAST('NaN' AS DOUBLE), 1D)) AS v
----
NaN

SELECT array_min(array(CAST('NaN' AS DOUBLE), 1D)) AS v
----
1

SELECT sort_array(array(CAST('NaN' AS DOUBLE), 1D)) AS v
----
[1.0,"NaN"]

SELECT sort_array(array(CAST('NaN' AS DOUBLE), 1D), false) AS v
----
["NaN",1.0]

SELECT array_sort(array(CAST('NaN' AS DOUBLE), 1D)) AS v
----
[1.0,"NaN"]

SELECT reverse(array(CAST('NaN' AS DOUBLE), 1D)) AS v
----
[1.0,"NaN"]

SELECT array_compact(array(CAST('NaN' AS DOUBLE), 1D)) AS v
----
["NaN",1.0]

SELECT typeof(array(CAST('NaN' AS DOUBLE), 1D)) AS v
----
array<double>

SELECT array(CAST('NaN' AS DOUBLE), 1D)[0] AS v
----
NaN

SELECT array(CAST('NaN' AS DOUBLE), 1D)[1] AS v
----
1

SELECT array(CAST('NaN' AS DOUBLE), 1D)[-1] AS v
----
error INVALID_ARRAY_INDEX 22003

SELECT array(CAST('NaN' AS DOUBLE), 1D)[99] AS v
----
error INVALID_ARRAY_INDEX 22003

SELECT element_at(array(CAST('NaN' AS DOUBLE), 1D), 1) AS v
----
NaN

SELECT element_at(array(CAST('NaN' AS DOUBLE), 1D), -1) AS v
----
1

SELECT element_at(array(CAST('NaN' AS DOUBLE), 1D), 0) AS v
----
error INVALID_INDEX_OF_ZERO 22003

SELECT element_at(array(CAST('NaN' AS DOUBLE), 1D), 99) AS v
----
error INVALID_ARRAY_INDEX_IN_ELEMENT_AT 22003

SELECT try_element_at(array(CAST('NaN' AS DOUBLE), 1D), 99) AS v
----
NULL

SELECT try_element_at(array(CAST('NaN' AS DOUBLE), 1D), 0) AS v
----
error INVALID_INDEX_OF_ZERO 22003

SELECT get(array(CAST('NaN' AS DOUBLE), 1D), 0) AS v
----
NaN

SELECT get(array(CAST('NaN' AS DOUBLE), 1D), -1) AS v
----
NULL

SELECT get(array(CAST('NaN' AS DOUBLE), 1D), 99) AS v
----
NULL

SELECT array_contains(array(CAST('NaN' AS DOUBLE), 1D), NULL) AS v
----
error DATATYPE_MISMATCH.NULL_TYPE 42K09

SELECT array_join(array(CAST('NaN' AS DOUBLE), 1D), ',') AS v
----
NaN,1.0

SELECT array_join(array(CAST('NaN' AS DOUBLE), 1D), ',', '?') AS v
----
NaN,1.0

SELECT array(CAST('NaN' AS DOUBLE), 1D) IS NULL AS v
----
false

SELECT array(CAST('NaN' AS DOUBLE), 1D) = array(CAST('NaN' AS DOUBLE), 1D) AS v
----
true

SELECT array_contains(array(1, 2), 1) AS v
----
true

SELECT array_position(array(1, 2), 1) AS v
----
1

SELECT array_contains(array(1, 2), 2L) AS v
----
true

SELECT array_position(array(1, 2), 2L) AS v
----
2

SELECT array_contains(array(1, 2), NULL) AS v
----
error DATATYPE_MISMATCH.NULL_TYPE 42K09

SELECT array_contains(array('1', 'a'), NULL) AS v
----
error DATATYPE_MISMATCH.NULL_TYPE 42K09

SELECT array_contains(array('1', 'a'), '1') AS v
----
true

SELECT array_contains(array(1, 2), 1.0) AS v
----
true

SELECT array_contains(array('1', 'a'), 'x') AS v
----
false

SELECT array(1, 2.5) AS v
----
[1.0,2.5]

SELECT array(1, 'a') AS v
----
error CAST_INVALID_INPUT 22018

SELECT array('1', 2) AS v
----
[1,2]

SELECT array(1, true) AS v
----
error DATATYPE_MISMATCH.DATA_DIFF_TYPES 42K09

SELECT array(1, DATE '2024-01-02') AS v
----
error DATATYPE_MISMATCH.DATA_DIFF_TYPES 42K09

SELECT array(NULL) AS v
----
[null]

SELECT typeof(array(NULL)) AS v
----
array<void>

SELECT array(NULL, NULL) AS v
----
[null,null]

SELECT array(array(1), array('a')) AS v
----
error CAST_INVALID_INPUT 22018

SELECT array(1) || array(2) AS v
----
[1,2]

SELECT concat(array(1), array(2, NULL), array()) AS v
----
[1,2,null]

SELECT concat(array(1), array('a')) AS v
----
error CAST_INVALID_INPUT 22018

SELECT concat(array(1), 2) AS v
----
error DATATYPE_MISMATCH.DATA_DIFF_TYPES 42K09

SELECT flatten(array(array(1, 2), array(3))) AS v
----
[1,2,3]

SELECT flatten(array(array(1), NULL)) AS v
----
NULL

SELECT flatten(array(array())) AS v
----
[]

SELECT flatten(array(1)) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT slice(array(1, 2, 3), 1, 2) AS v
----
[1,2]

SELECT slice(array(1, 2, 3), 2, 99) AS v
----
[2,3]

SELECT slice(array(1, 2, 3), 9, 1) AS v
----
[]

SELECT slice(array(1, 2, 3), 1, 0) AS v
----
[]

SELECT array(1, 2) < array(1, 3) AS v
----
true

SELECT array(1) < array(1, 0) AS v
----
true

SELECT array() < array(1) AS v
----
true

SELECT array(1, NULL) = array(1, NULL) AS v
----
true

SELECT array(1) = array(1L) AS v
----
true

SELECT array(1) = 1 AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT array(1) <=> NULL AS v
----
false

SELECT array(1) IN (array(1), array(2)) AS v
----
true

SELECT greatest(array(1), array(2)) AS v
----
[2]

SELECT transform(array(1, 2), x -> x + 1) AS v
----
[2,3]

SELECT transform(array('a', NULL), x -> upper(x)) AS v
----
["A",null]

SELECT transform(array(), x -> x) AS v
----
[]

SELECT transform(NULL, x -> x) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT transform(CAST(NULL AS ARRAY<INT>), x -> x + 1) AS v
----
NULL

SELECT transform(array(1), x -> NULL) AS v
----
[null]

SELECT transform(array(array(1, 2)), x -> size(x)) AS v
----
[2]

SELECT transform(array(1, 2), x -> transform(array(10, 20), y -> x + y)) AS v
----
[[11,21],[12,22]]

SELECT transform(array(named_struct('a', 1)), s -> s.a) AS v
----
[1]

SELECT transform(array(1), x -> x / 0) AS v
----
error DIVIDE_BY_ZERO 22012

SELECT transform(1, x -> x) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT filter(array(1, NULL, 3), x -> x > 1) AS v
----
[3]

SELECT filter(array(1, 2, 3), x -> x IS NULL) AS v
----
[]

SELECT filter(array(1, NULL), x -> x IS NOT NULL) AS v
----
[1]

SELECT filter(array(1), x -> NULL) AS v
----
[]

SELECT exists(array(1, 2), x -> x = 2) AS v
----
true

SELECT exists(array(1, NULL), x -> x = 2) AS v
----
NULL

SELECT exists(array(), x -> true) AS v
----
false

SELECT exists(array(NULL), x -> x IS NULL) AS v
----
true

SELECT forall(array(1, 2), x -> x > 0) AS v
----
true

SELECT forall(array(1, NULL), x -> x > 0) AS v
----
NULL

SELECT forall(array(), x -> false) AS v
----
true

SELECT aggregate(array(1, 2, 3), 0, (acc, x) -> acc + x) AS v
----
6

SELECT aggregate(array(1, 2, 3), 0, (acc, x) -> acc + x, acc -> acc * 10) AS v
----
60

SELECT aggregate(CAST(NULL AS ARRAY<INT>), 0, (acc, x) -> acc + x) AS v
----
NULL

SELECT aggregate(array(1, NULL), 0, (acc, x) -> acc + x) AS v
----
NULL

SELECT reduce(array(1, 2), 0, (acc, x) -> acc + x) AS v
----
3

SELECT split('a,b', ',')[1] AS v
----
b

SELECT array(1, 2, 3)[1 + 1] AS v
----
3

SELECT array(1)[NULL] AS v
----
NULL

SELECT array(1)[0L] AS v
----
1

SELECT array_join(array(1, 2), ',') AS v
----
1,2

SELECT array_join(array(true), ',') AS v
----
true

SELECT size('a') AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT sort_array(1) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT array_max(1) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09
