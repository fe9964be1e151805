# Aggregate functions over rows with NULLs, over no rows, and their types.
# area: aggregates
# source: Spark 4.1

CREATE TEMPORARY VIEW t AS SELECT * FROM VALUES (1, 'a', 10, 1.25, 0.5D, DATE '2024-01-01', true), (2, 'a', NULL, 2.50, CAST('NaN' AS DOUBLE), NULL, false), (3, 'b', -5, NULL, NULL, DATE '1969-12-31', NULL), (4, NULL, 7, -0.75, CAST('Infinity' AS DOUBLE), DATE '2024-01-01', true), (5, NULL, 7, -0.75, -0.0D, NULL, false) AS t(id, g, n, d, x, day, b)

CREATE TEMPORARY VIEW e AS SELECT id, g, n, d, x, day, b FROM t WHERE false

SELECT count(*) AS v FROM t
----
5

SELECT count(n) AS v FROM t
----
4

SELECT count(DISTINCT n) AS v FROM t
----
3

SELECT sum(n) AS v FROM t
----
19

SELECT avg(n) AS v FROM t
----
4.75

SELECT min(n) AS v FROM t
----
-5

SELECT max(n) AS v FROM t
----
10

SELECT any_value(n) AS v FROM t
----
10

SELECT first(n, true) AS v FROM t
----
10

SELECT last(n, true) AS v FROM t
----
7

SELECT stddev(n) AS v FROM t
----
6.652067347825035

SELECT stddev_pop(n) AS v FROM t
----
5.7608593109014565

SELECT variance(n) AS v FROM t
----
44.25

SELECT sum(DISTINCT n) AS v FROM t
----
12

SELECT avg(DISTINCT n) AS v FROM t
----
4

SELECT count_if(n > 1) AS v FROM t
----
3

SELECT collect_list(n) AS v FROM t
----
[10,-5,7,7]

SELECT sort_array(collect_set(n)) AS v FROM t
----
[-5,7,10]

SELECT array_agg(n) AS v FROM t
----
[10,-5,7,7]

SELECT max_by(id, n) AS v FROM t
----
1

SELECT min_by(id, n) AS v FROM t
----
3

SELECT count(*) AS v FROM t
----
5

SELECT count(d) AS v FROM t
----
4

SELECT count(DISTINCT d) AS v FROM t
----
3

SELECT sum(d) AS v FROM t
----
2.25

SELECT avg(d) AS v FROM t
----
0.562500

SELECT min(d) AS v FROM t
----
-0.75

SELECT max(d) AS v FROM t
----
2.50

SELECT any_value(d) AS v FROM t
----
1.25

SELECT first(d, true) AS v FROM t
----
1.25

SELECT last(d, true) AS v FROM t
----
-0.75

SELECT stddev(d) AS v FROM t
----
1.5991534218662906

SELECT stddev_pop(d) AS v FROM t
----
1.3849074878850212

SELECT variance(d) AS v FROM t
----
2.5572916666666665

SELECT sum(DISTINCT d) AS v FROM t
----
3.00

SELECT avg(DISTINCT d) AS v FROM t
----
1.000000

SELECT count_if(d > 1) AS v FROM t
----
2

SELECT collect_list(d) AS v FROM t
----
[1.25,2.50,-0.75,-0.75]

SELECT sort_array(collect_set(d)) AS v FROM t
----
[-0.75,1.25,2.50]

SELECT array_agg(d) AS v FROM t
----
[1.25,2.50,-0.75,-0.75]

SELECT max_by(id, d) AS v FROM t
----
2

SELECT count(*) AS v FROM t
----
5

SELECT count(x) AS v FROM t
----
4

SELECT count(DISTINCT x) AS v FROM t
----
4

SELECT min(x) AS v FROM t
----
-0

SELECT max(x) AS v FROM t
----
NaN

SELECT count_if(x > 1) AS v FROM t
----
2

SELECT max_by(id, x) AS v FROM t
----
2

SELECT min_by(id, x) AS v FROM t
----
5

SELECT count(*) AS v FROM t
----
5

SELECT count(id) AS v FROM t
----
5

SELECT count(DISTINCT id) AS v FROM t
----
5

SELECT sum(id) AS v FROM t
----
15

SELECT avg(id) AS v FROM t
----
3

SELECT min(id) AS v FROM t
----
1

SELECT max(id) AS v FROM t
----
5

SELECT any_value(id) AS v FROM t
----
1

SELECT first(id, true) AS v FROM t
----
1

SELECT last(id, true) AS v FROM t
----
5

SELECT stddev(id) AS v FROM t
----
1.5811388300841898

SELECT stddev_pop(id) AS v FROM t
----
1.4142135623730951

SELECT variance(id) AS v FROM t
----
2.5

SELECT sum(DISTINCT id) AS v FROM t
----
15

SELECT avg(DISTINCT id) AS v FROM t
----
3

SELECT count_if(id > 1) AS v FROM t
----
4

SELECT collect_list(id) AS v FROM t
----
[1,2,3,4,5]

SELECT sort_array(collect_set(id)) AS v FROM t
----
[1,2,3,4,5]

SELECT array_agg(id) AS v FROM t
----
[1,2,3,4,5]

SELECT max_by(id, id) AS v FROM t
----
5

SELECT min_by(id, id) AS v FROM t
----
1

SELECT count(*) AS v FROM e
----
0

SELECT count(n) AS v FROM e
----
0

SELECT count(DISTINCT n) AS v FROM e
----
0

SELECT sum(n) AS v FROM e
----
NULL

SELECT avg(n) AS v FROM e
----
NULL

SELECT min(n) AS v FROM e
----
NULL

SELECT max(n) AS v FROM e
----
NULL

SELECT any_value(n) AS v FROM e
----
NULL

SELECT first(n, true) AS v FROM e
----
NULL

SELECT last(n, true) AS v FROM e
----
NULL

SELECT stddev(n) AS v FROM e
----
NULL

SELECT stddev_pop(n) AS v FROM e
----
NULL

SELECT variance(n) AS v FROM e
----
NULL

SELECT sum(DISTINCT n) AS v FROM e
----
NULL

SELECT avg(DISTINCT n) AS v FROM e
----
NULL

SELECT count_if(n > 1) AS v FROM e
----
0

SELECT collect_list(n) AS v FROM e
----
[]

SELECT sort_array(collect_set(n)) AS v FROM e
----
[]

SELECT array_agg(n) AS v FROM e
----
[]

SELECT max_by(id, n) AS v FROM e
----
NULL

SELECT min_by(id, n) AS v FROM e
----
NULL

SELECT min(g) AS v FROM t
----
a

SELECT min(day) AS v FROM t
----
1969-12-31 00:00:00

SELECT min(b) AS v FROM t
----
false

SELECT max(g) AS v FROM t
----
b

SELECT max(day) AS v FROM t
----
2024-01-01 00:00:00

SELECT max(b) AS v FROM t
----
true

SELECT count(g) AS v FROM t
----
3

SELECT count(day) AS v FROM t
----
3

SELECT count(b) AS v FROM t
----
4

SELECT count(DISTINCT g) AS v FROM t
----
2

SELECT count(DISTINCT day) AS v FROM t
----
2

SELECT count(DISTINCT b) AS v FROM t
----
2

SELECT collect_list(g) AS v FROM t
----
["a","a","b"]

SELECT collect_list(day) AS v FROM t
----
["2024-01-01","1969-12-31","2024-01-01"]

SELECT collect_list(b) AS v FROM t
----
[true,false,true,false]

SELECT bool_or(b) AS v FROM t
----
true

SELECT bool_and(b) AS v FROM t
----
false

SELECT every(b) AS v FROM t
----
false

SELECT some(b) AS v FROM t
----
true

SELECT any(b) AS v FROM t
----
true

SELECT bit_and(id) AS v FROM t
----
0

SELECT bit_or(id) AS v FROM t
----
7

SELECT bit_xor(id) AS v FROM t
----
1

SELECT sum(n) + count(*) AS v FROM t
----
24

SELECT sum(n * 2) / 3 AS v FROM t
----
12.666666666666666

SELECT max(id) - min(id) AS v FROM t
----
4

SELECT round(avg(d), 1) AS v FROM t
----
0.6

SELECT count(1) AS v FROM t
----
5

SELECT count(NULL) AS v FROM t
----
0

SELECT count(n, d) AS v FROM t
----
3

SELECT count(DISTINCT g, n) AS v FROM t
----
2

SELECT sum(1) AS v FROM t
----
5

SELECT sum(NULL) AS v FROM t
----
NULL

SELECT sum('2') AS v FROM t
----
10

SELECT sum(g) AS v FROM t
----
error CAST_INVALID_INPUT 22018

SELECT avg('3') AS v FROM t
----
3

SELECT max(g || 'x') AS v FROM t
----
bx

SELECT sum(b) AS v FROM t
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT sum(day) AS v FROM t
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT avg(g) AS v FROM t
----
error CAST_INVALID_INPUT 22018

SELECT max(array(id)) AS v FROM t
----
[5]

SELECT min(named_struct('a', id)) AS v FROM t
----
{"a":1}

SELECT max(map('a', id)) AS v FROM t
----
error DATATYPE_MISMATCH.INVALID_ORDERING_TYPE 42K09

SELECT sum(CASE WHEN b THEN n ELSE 0 END) AS v FROM t
----
17

SELECT sum(n) FILTER (WHERE b) AS v FROM t
----
17

SELECT count(*) FILTER (WHERE n > 0) AS v FROM t
----
3

SELECT count(DISTINCT n) FILTER (WHERE id > 1) AS v FROM t
----
2

SELECT max(id) FILTER (WHERE false) AS v FROM t
----
NULL

SELECT sum(sum(n)) AS v FROM t
----
error NESTED_AGGREGATE_FUNCTION 42607

SELECT sum(CAST(n AS TINYINT)) AS v FROM t
----
19

SELECT approx_count_distinct(n) AS v FROM t
----
3

SELECT sum(n, d) AS v FROM t
----
error WRONG_NUM_ARGS.WITHOUT_SUGGESTION 42605

SELECT max() AS v FROM t
----
error WRONG_NUM_ARGS.WITHOUT_SUGGESTION 42605

SELECT std(n) AS v FROM t
----
6.652067347825035

SELECT stddev_samp(n) AS v FROM t
----
6.652067347825035

SELECT var_samp(n) AS v FROM t
----
44.25

SELECT mean(n) AS v FROM t
----
4.75

SELECT first_value(id) AS v FROM t
----
1

SELECT last_value(id) AS v FROM t
----
5

SELECT product(n) AS v FROM t
----
error UNRESOLVED_ROUTINE 42883

SELECT typeof(sum(n)) AS v FROM t
----
bigint

SELECT typeof(sum(id)) AS v FROM t
----
bigint

SELECT typeof(sum(d)) AS v FROM t
----
decimal(13,2)

SELECT typeof(sum(x)) AS v FROM t
----
double

SELECT typeof(avg(n)) AS v FROM t
----
double

SELECT typeof(avg(d)) AS v FROM t
----
decimal(7,6)

SELECT typeof(avg(x)) AS v FROM t
----
double

SELECT typeof(count(*)) AS v FROM t
----
bigint

SELECT typeof(min(g)) AS v FROM t
----
string

SELECT typeof(max(day)) AS v FROM t
----
date

SELECT typeof(collect_list(n)) AS v FROM t
----
array<int>

SELECT typeof(stddev(n)) AS v FROM t
----
double

SELECT typeof(sum(CAST(n AS FLOAT))) AS v FROM t
----
double

SELECT typeof(sum(CAST(d AS DECIMAL(38,10)))) AS v FROM t
----
decimal(38,10)

SELECT typeof(avg(CAST(d AS DECIMAL(38,10)))) AS v FROM t
----
decimal(38,14)

SELECT typeof(avg(CAST(d AS DECIMAL(5,0)))) AS v FROM t
----
decimal(9,4)

SELECT typeof(bool_or(b)) AS v FROM t
----
boolean

SELECT typeof(bit_and(id)) AS v FROM t
----
int

SELECT typeof(max_by(g, id)) AS v FROM t
----
string

SELECT typeof(count_if(b)) AS v FROM t
----
bigint

SELECT typeof(first(day)) AS v FROM t
----
date

SELECT typeof(sum('1')) AS v FROM t
----
double

SELECT sum(v) AS v FROM VALUES (127Y), (1Y) AS s(v)
----
128

SELECT sum(v) AS v FROM VALUES (2147483647), (1) AS s(v)
----
2147483648

SELECT sum(v) AS v FROM VALUES (9223372036854775807L), (1L) AS s(v)
----
error ARITHMETIC_OVERFLOW 22003

SELECT sum(v) AS v FROM VALUES (1e308D), (1e308D) AS s(v)
----
+Inf

SELECT sum(v) AS v FROM VALUES (0.1), (0.2) AS s(v)
----
0.3

SELECT sum(v) AS v FROM VALUES (0.1D), (0.2D), (0.3D) AS s(v)
----
0.6000000000000001

SELECT sum(v) AS v FROM VALUES (CAST(NULL AS INT)) AS s(v)
----
NULL

SELECT sum(v) AS v FROM VALUES ('1'), ('2.5') AS s(v)
----
3.5

SELECT avg(v) AS v FROM VALUES (1), (2) AS s(v)
----
1.5

SELECT avg(v) AS v FROM VALUES (1), (2), (2) AS s(v)
----
1.6666666666666667

SELECT avg(v) AS v FROM VALUES (1.0), (2.0), (2.0) AS s(v)
----
1.66667

SELECT avg(v) AS v FROM VALUES (9223372036854775807L), (9223372036854775807L) AS s(v)
----
9.223372036854776e+18

SELECT avg(v) AS v FROM VALUES (1.5D), (CAST(NULL AS DOUBLE)) AS s(v)
----
1.5

SELECT avg(v) AS v FROM VALUES (CAST('Infinity' AS DOUBLE)), (CAST('-Infinity' AS DOUBLE)) AS s(v)
----
NaN
