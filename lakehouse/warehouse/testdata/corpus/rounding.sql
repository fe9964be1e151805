# round, bround, floor, ceil, sign and abs of each type.
# area: numbers
# source: Spark 4.1

SELECT round(2.5) AS v
----
3

SELECT bround(2.5) AS v
----
2

SELECT floor(2.5) AS v
----
2

SELECT ceil(2.5) AS v
----
3

SELECT sign(2.5) AS v
----
1

SELECT abs(2.5) AS v
----
2.5

SELECT round(-2.5) AS v
----
-3

SELECT bround(-2.5) AS v
----
-2

SELECT floor(-2.5) AS v
----
-3

SELECT ceil(-2.5) AS v
----
-2

SELECT sign(-2.5) AS v
----
-1

SELECT abs(-2.5) AS v
----
2.5

SELECT round(3.5) AS v
----
4

SELECT bround(3.5) AS v
----
4

SELECT floor(3.5) AS v
----
3

SELECT ceil(3.5) AS v
----
4

SELECT sign(3.5) AS v
----
1

SELECT abs(3.5) AS v
----
3.5

SELECT round(2.45) AS v
----
2

SELECT bround(2.45) AS v
----
2

SELECT floor(2.45) AS v
----
2

SELECT ceil(2.45) AS v
----
3

SELECT sign(2.45) AS v
----
1

SELECT abs(2.45) AS v
----
2.45

SELECT round(-0.5) AS v
----
-1

SELECT bround(-0.5) AS v
----
0

SELECT floor(-0.5) AS v
----
-1

SELECT ceil(-0.5) AS v
----
0

SELECT sign(-0.5) AS v
----
-1

SELECT abs(-0.5) AS v
----
0.5

SELECT round(0.5) AS v
----
1

SELECT bround(0.5) AS v
----
0

SELECT floor(0.5) AS v
----
0

SELECT ceil(0.5) AS v
----
1

SELECT sign(0.5) AS v
----
1

SELECT abs(0.5) AS v
----
0.5

SELECT round(1234.5678) AS v
----
1235

SELECT bround(1234.5678) AS v
----
1235

SELECT floor(1234.5678) AS v
----
1234

SELECT ceil(1234.5678) AS v
----
1235

SELECT sign(1234.5678) AS v
----
1

SELECT abs(1234.5678) AS v
----
1234.5678

SELECT round(2.5D) AS v
----
3

SELECT bround(2.5D) AS v
----
2

SELECT floor(2.5D) AS v
----
2

SELECT ceil(2.5D) AS v
----
3

SELECT sign(2.5D) AS v
----
1

SELECT abs(2.5D) AS v
----
2.5

SELECT round(-2.5D) AS v
----
-3

SELECT bround(-2.5D) AS v
----
-2

SELECT floor(-2.5D) AS v
----
-3

SELECT ceil(-2.5D) AS v
----
-2

SELECT sign(-2.5D) AS v
----
-1

SELECT abs(-2.5D) AS v
----
2.5

SELECT round(3.5D) AS v
----
4

SELECT bround(3.5D) AS v
----
4

SELECT floor(3.5D) AS v
----
3

SELECT ceil(3.5D) AS v
----
4

SELECT sign(3.5D) AS v
----
1

SELECT abs(3.5D) AS v
----
3.5

SELECT round(0.5D) AS v
----
1

SELECT bround(0.5D) AS v
----
0

SELECT floor(0.5D) AS v
----
0

SELECT ceil(0.5D) AS v
----
1

SELECT sign(0.5D) AS v
----
1

SELECT abs(0.5D) AS v
----
0.5

SELECT round(1.005D) AS v
----
1

SELECT bround(1.005D) AS v
----
1

SELECT floor(1.005D) AS v
----
1

SELECT ceil(1.005D) AS v
----
2

SELECT sign(1.005D) AS v
----
1

SELECT abs(1.005D) AS v
----
1.005

SELECT round(12345) AS v
----
12345

SELECT bround(12345) AS v
----
12345

SELECT floor(12345) AS v
----
12345

SELECT ceil(12345) AS v
----
12345

SELECT sign(12345) AS v
----
1

SELECT abs(12345) AS v
----
12345

SELECT round(-15) AS v
----
-15

SELECT bround(-15) AS v
----
-15

SELECT floor(-15) AS v
----
-15

SELECT ceil(-15) AS v
----
-15

SELECT sign(-15) AS v
----
-1

SELECT abs(-15) AS v
----
15

SELECT round(9223372036854775807L) AS v
----
9223372036854775807

SELECT floor(9223372036854775807L) AS v
----
9223372036854775807

SELECT ceil(9223372036854775807L) AS v
----
9223372036854775807

SELECT sign(9223372036854775807L) AS v
----
1

SELECT abs(9223372036854775807L) AS v
----
9223372036854775807

SELECT round(CAST(2.5 AS FLOAT)) AS v
----
3

SELECT bround(CAST(2.5 AS FLOAT)) AS v
----
2

SELECT floor(CAST(2.5 AS FLOAT)) AS v
----
2

SELECT ceil(CAST(2.5 AS FLOAT)) AS v
----
3

SELECT sign(CAST(2.5 AS FLOAT)) AS v
----
1

SELECT abs(CAST(2.5 AS FLOAT)) AS v
----
2.5

SELECT round('2.5') AS v
----
3

SELECT bround('2.5') AS v
----
2

SELECT floor('2.5') AS v
----
2

SELECT ceil('2.5') AS v
----
3

SELECT sign('2.5') AS v
----
1

SELECT abs('2.5') AS v
----
2.5

SELECT round(NULL) AS v
----
NULL

SELECT bround(NULL) AS v
----
NULL

SELECT floor(NULL) AS v
----
NULL

SELECT ceil(NULL) AS v
----
NULL

SELECT sign(NULL) AS v
----
NULL

SELECT abs(NULL) AS v
----
NULL

SELECT round(CAST('NaN' AS DOUBLE)) AS v
----
NaN

SELECT bround(CAST('NaN' AS DOUBLE)) AS v
----
NaN

SELECT sign(CAST('NaN' AS DOUBLE)) AS v
----
NaN

SELECT abs(CAST('NaN' AS DOUBLE)) AS v
----
NaN

SELECT round(CAST('Infinity' AS DOUBLE)) AS v
----
+Inf

SELECT bround(CAST('Infinity' AS DOUBLE)) AS v
----
+Inf

SELECT sign(CAST('Infinity' AS DOUBLE)) AS v
----
1

SELECT abs(CAST('Infinity' AS DOUBLE)) AS v
----
+Inf
