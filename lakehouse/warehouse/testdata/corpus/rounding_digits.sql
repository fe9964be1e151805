# round and bround to a number of digits.
# area: numbers
# source: Spark 4.1

SELECT round(1234.5678, 2) AS v
----
1234.57

SELECT bround(1234.5678, 2) AS v
----
1234.57

SELECT round(1234.5678, 1) AS v
----
1234.6

SELECT bround(1234.5678, 1) AS v
----
1234.6

SELECT round(1234.5678, 0) AS v
----
1235

SELECT bround(1234.5678, 0) AS v
----
1235

SELECT round(1234.5678, -1) AS v
----
1230

SELECT bround(1234.5678, -1) AS v
----
1230

SELECT round(1234.5678, -2) AS v
----
1200

SELECT bround(1234.5678, -2) AS v
----
1200

SELECT round(1234.5678, -5) AS v
----
0

SELECT bround(1234.5678, -5) AS v
----
0

SELECT round(1234.5678, 5) AS v
----
1234.5678

SELECT bround(1234.5678, 5) AS v
----
1234.5678

SELECT round(-1234.5678, 2) AS v
----
-1234.57

SELECT bround(-1234.5678, 2) AS v
----
-1234.57

SELECT round(-1234.5678, 1) AS v
----
-1234.6

SELECT bround(-1234.5678, 1) AS v
----
-1234.6

SELECT round(-1234.5678, 0) AS v
----
-1235

SELECT bround(-1234.5678, 0) AS v
----
-1235

SELECT round(-1234.5678, -1) AS v
----
-1230

SELECT bround(-1234.5678, -1) AS v
----
-1230

SELECT round(-1234.5678, -2) AS v
----
-1200

SELECT bround(-1234.5678, -2) AS v
----
-1200

SELECT round(-1234.5678, -5) AS v
----
0

SELECT bround(-1234.5678, -5) AS v
----
0

SELECT round(-1234.5678, 5) AS v
----
-1234.5678

SELECT bround(-1234.5678, 5) AS v
----
-1234.5678

SELECT round(1234.5678D, 2) AS v
----
1234.57

SELECT bround(1234.5678D, 2) AS v
----
1234.57

SELECT round(1234.5678D, 1) AS v
----
1234.6

SELECT bround(1234.5678D, 1) AS v
----
1234.6

SELECT round(1234.5678D, 0) AS v
----
1235

SELECT bround(1234.5678D, 0) AS v
----
1235

SELECT round(1234.5678D, -1) AS v
----
1230

SELECT bround(1234.5678D, -1) AS v
----
1230

SELECT round(1234.5678D, -2) AS v
----
1200

SELECT bround(1234.5678D, -2) AS v
----
1200

SELECT round(1234.5678D, -5) AS v
----
0

SELECT bround(1234.5678D, -5) AS v
----
0

SELECT round(1234.5678D, 5) AS v
----
1234.5678

SELECT bround(1234.5678D, 5) AS v
----
1234.5678

SELECT round(15, 2) AS v
----
15

SELECT bround(15, 2) AS v
----
15

SELECT round(15, 1) AS v
----
15

SELECT bround(15, 1) AS v
----
15

SELECT round(15, 0) AS v
----
15

SELECT bround(15, 0) AS v
----
15

SELECT round(15, -1) AS v
----
20

SELECT bround(15, -1) AS v
----
20

SELECT round(15, -2) AS v
----
0

SELECT bround(15, -2) AS v
----
0

SELECT round(15, -5) AS v
----
0

SELECT bround(15, -5) AS v
----
0

SELECT round(15, 5) AS v
----
15

SELECT bround(15, 5) AS v
----
15

SELECT round(25, 2) AS v
----
25

SELECT bround(25, 2) AS v
----
25

SELECT round(25, 1) AS v
----
25

SELECT bround(25, 1) AS v
----
25

SELECT round(25, 0) AS v
----
25

SELECT bround(25, 0) AS v
----
25

SELECT round(25, -1) AS v
----
30

SELECT bround(25, -1) AS v
----
20

SELECT round(25, -2) AS v
----
0

SELECT bround(25, -2) AS v
----
0

SELECT round(25, -5) AS v
----
0

SELECT bround(25, -5) AS v
----
0

SELECT round(25, 5) AS v
----
25

SELECT bround(25, 5) AS v
----
25

SELECT round(-15, 2) AS v
----
-15

SELECT bround(-15, 2) AS v
----
-15

SELECT round(-15, 1) AS v
----
-15

SELECT bround(-15, 1) AS v
----
-15

SELECT round(-15, 0) AS v
----
-15

SELECT bround(-15, 0) AS v
----
-15

SELECT round(-15, -1) AS v
----
-20

SELECT bround(-15, -1) AS v
----
-20

SELECT round(-15, -2) AS v
----
0

SELECT bround(-15, -2) AS v
----
0

SELECT round(-15, -5) AS v
----
0

SELECT bround(-15, -5) AS v
----
0

SELECT round(-15, 5) AS v
----
-15

SELECT bround(-15, 5) AS v
----
-15

SELECT round(2.345, 2) AS v
----
2.35

SELECT bround(2.345, 2) AS v
----
2.34

SELECT round(2.345, 1) AS v
----
2.3

SELECT bround(2.345, 1) AS v
----
2.3

SELECT round(2.345, 0) AS v
----
2

SELECT bround(2.345, 0) AS v
----
2

SELECT round(2.345, -1) AS v
----
0

SELECT bround(2.345, -1) AS v
----
0

SELECT round(2.345, -2) AS v
----
0

SELECT bround(2.345, -2) AS v
----
0

SELECT round(2.345, -5) AS v
----
0

SELECT bround(2.345, -5) AS v
----
0

SELECT round(2.345, 5) AS v
----
2.345

SELECT bround(2.345, 5) AS v
----
2.345

SELECT round(0.05, 2) AS v
----
0.05

SELECT bround(0.05, 2) AS v
----
0.05

SELECT round(0.05, 1) AS v
----
0.1

SELECT bround(0.05, 1) AS v
----
0.0

SELECT round(0.05, 0) AS v
----
0

SELECT bround(0.05, 0) AS v
----
0

SELECT round(0.05, -1) AS v
----
0

SELECT bround(0.05, -1) AS v
----
0

SELECT round(0.05, -2) AS v
----
0

SELECT bround(0.05, -2) AS v
----
0

SELECT round(0.05, -5) AS v
----
0

SELECT bround(0.05, -5) AS v
----
0

SELECT round(0.05, 5) AS v
----
0.05

SELECT bround(0.05, 5) AS v
----
0.05

SELECT round(999.995, 2) AS v
----
1000.00

SELECT bround(999.995, 2) AS v
----
1000.00

SELECT round(999.995, 1) AS v
----
1000.0

SELECT bround(999.995, 1) AS v
----
1000.0

SELECT round(999.995, 0) AS v
----
1000

SELECT bround(999.995, 0) AS v
----
1000

SELECT round(999.995, -1) AS v
----
1000

SELECT bround(999.995, -1) AS v
----
1000

SELECT round(999.995, -2) AS v
----
1000

SELECT bround(999.995, -2) AS v
----
1000

SELECT round(999.995, -5) AS v
----
0

SELECT bround(999.995, -5) AS v
----
0

SELECT round(999.995, 5) AS v
----
999.995

SELECT bround(999.995, 5) AS v
----
999.995

SELECT round(NULL, 2) AS v
----
NULL

SELECT bround(NULL, 2) AS v
----
NULL

SELECT round(NULL, 1) AS v
----
NULL

SELECT bround(NULL, 1) AS v
----
NULL

SELECT round(NULL, 0) AS v
----
NULL

SELECT bround(NULL, 0) AS v
----
NULL

SELECT round(NULL, -1) AS v
----
NULL

SELECT bround(NULL, -1) AS v
----
NULL

SELECT round(NULL, -2) AS v
----
NULL

SELECT bround(NULL, -2) AS v
----
NULL

SELECT round(NULL, -5) AS v
----
NULL

SELECT bround(NULL, -5) AS v
----
NULL

SELECT round(NULL, 5) AS v
----
NULL

SELECT bround(NULL, 5) AS v
----
NULL

SELECT round(127Y, 2) AS v
----
127

SELECT bround(127Y, 2) AS v
----
127

SELECT round(127Y, 1) AS v
----
127

SELECT bround(127Y, 1) AS v
----
127

SELECT round(127Y, 0) AS v
----
127

SELECT bround(127Y, 0) AS v
----
127

SELECT round(127Y, -1) AS v
----
error ARITHMETIC_OVERFLOW 22003

SELECT bround(127Y, -1) AS v
----
error ARITHMETIC_OVERFLOW 22003

SELECT round(127Y, -2) AS v
----
100

SELECT bround(127Y, -2) AS v
----
100

SELECT round(127Y, -5) AS v
----
0

SELECT bround(127Y, -5) AS v
----
0

SELECT round(127Y, 5) AS v
----
127

SELECT bround(127Y, 5) AS v
----
127

SELECT round(1050S, 2) AS v
----
1050

SELECT bround(1050S, 2) AS v
----
1050

SELECT round(1050S, 1) AS v
----
1050

SELECT bround(1050S, 1) AS v
----
1050

SELECT round(1050S, 0) AS v
----
1050

SELECT bround(1050S, 0) AS v
----
1050

SELECT round(1050S, -1) AS v
----
1050

SELECT bround(1050S, -1) AS v
----
1050

SELECT round(1050S, -2) AS v
----
1100

SELECT bround(1050S, -2) AS v
----
1000

SELECT round(1050S, -5) AS v
----
0

SELECT bround(1050S, -5) AS v
----
0

SELECT round(1050S, 5) AS v
----
1050

SELECT bround(1050S, 5) AS v
----
1050

SELECT typeof(round(1234.5678, 2)) AS v
----
decimal(7,2)

SELECT typeof(round(1234.5678, 0)) AS v
----
decimal(5,0)

SELECT typeof(round(1234.5678, -2)) AS v
----
decimal(5,0)

SELECT typeof(round(1234.5678D, 2)) AS v
----
double

SELECT typeof(round(1234.5678D, 0)) AS v
----
double

SELECT typeof(round(1234.5678D, -2)) AS v
----
double

SELECT typeof(round(15, 2)) AS v
----
int

SELECT typeof(round(15, 0)) AS v
----
int

SELECT typeof(round(15, -2)) AS v
----
int

SELECT typeof(round(15L, 2)) AS v
----
bigint

SELECT typeof(round(15L, 0)) AS v
----
bigint

SELECT typeof(round(15L, -2)) AS v
----
bigint

SELECT typeof(round(127Y, 2)) AS v
----
tinyint

SELECT typeof(round(127Y, 0)) AS v
----
tinyint

SELECT typeof(round(127Y, -2)) AS v
----
tinyint

SELECT round(125Y, -1) AS v
----
error ARITHMETIC_OVERFLOW 22003

SELECT round(2147483647, -1) AS v
----
error ARITHMETIC_OVERFLOW 22003

SELECT round(id, id) AS v FROM range(1)
----
error DATATYPE_MISMATCH.NON_FOLDABLE_INPUT 42K09
