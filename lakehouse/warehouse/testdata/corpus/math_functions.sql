# Functions of numbers.
# area: numbers
# source: Spark 4.1

SELECT sqrt(0) AS v
----
0

SELECT sqrt(1) AS v
----
1

SELECT sqrt(2) AS v
----
1.4142135623730951

SELECT sqrt(-1) AS v
----
NaN

SELECT sqrt(0.5) AS v
----
0.7071067811865476

SELECT sqrt(100) AS v
----
10

SELECT sqrt('4') AS v
----
2

SELECT sqrt(NULL) AS v
----
NULL

SELECT sqrt(CAST('NaN' AS DOUBLE)) AS v
----
NaN

SELECT sqrt(CAST('Infinity' AS DOUBLE)) AS v
----
+Inf

SELECT sqrt(true) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT exp(0) AS v
----
1

SELECT exp(2) AS v
----
7.38905609893065

SELECT exp(-1) AS v
----
0.36787944117144233

SELECT exp(0.5) AS v
----
1.6487212707001282

SELECT exp(100) AS v
----
2.6881171418161356e+43

SELECT exp('4') AS v
----
54.598150033144236

SELECT exp(NULL) AS v
----
NULL

SELECT exp(CAST('NaN' AS DOUBLE)) AS v
----
NaN

SELECT exp(CAST('Infinity' AS DOUBLE)) AS v
----
+Inf

SELECT exp(true) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT ln(0) AS v
----
NULL

SELECT ln(1) AS v
----
0

SELECT ln(2) AS v
----
0.6931471805599453

SELECT ln(-1) AS v
----
NULL

SELECT ln(0.5) AS v
----
-0.6931471805599453

SELECT ln(100) AS v
----
4.605170185988092

SELECT ln('4') AS v
----
1.3862943611198906

SELECT ln(NULL) AS v
----
NULL

SELECT ln(CAST('NaN' AS DOUBLE)) AS v
----
NaN

SELECT ln(CAST('Infinity' AS DOUBLE)) AS v
----
+Inf

SELECT ln(true) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT log10(0) AS v
----
NULL

SELECT log10(1) AS v
----
0

SELECT log10(2) AS v
----
0.3010299956639812

SELECT log10(-1) AS v
----
NULL

SELECT log10(0.5) AS v
----
-0.3010299956639812

SELECT log10(100) AS v
----
2

SELECT log10('4') AS v
----
0.6020599913279624

SELECT log10(NULL) AS v
----
NULL

SELECT log10(CAST('NaN' AS DOUBLE)) AS v
----
NaN

SELECT log10(CAST('Infinity' AS DOUBLE)) AS v
----
+Inf

SELECT log10(true) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT power(2, 10) AS v
----
1024

SELECT pow(2, 10) AS v
----
1024

SELECT power(2, 0.5) AS v
----
1.4142135623730951

SELECT pow(2, 0.5) AS v
----
1.4142135623730951

SELECT power(-8, 1) AS v
----
-8

SELECT pow(-8, 1) AS v
----
-8

SELECT power(0, 0) AS v
----
1

SELECT pow(0, 0) AS v
----
1

SELECT power(2, -1) AS v
----
0.5

SELECT pow(2, -1) AS v
----
0.5

SELECT power(10, 400) AS v
----
+Inf

SELECT pow(10, 400) AS v
----
+Inf

SELECT power(-2, 0.5) AS v
----
NaN

SELECT pow(-2, 0.5) AS v
----
NaN

SELECT power(NULL, 1) AS v
----
NULL

SELECT pow(NULL, 1) AS v
----
NULL

SELECT power('2', 3) AS v
----
8

SELECT pow('2', 3) AS v
----
8

SELECT power(1, CAST('NaN' AS DOUBLE)) AS v
----
NaN

SELECT pow(1, CAST('NaN' AS DOUBLE)) AS v
----
NaN

SELECT pmod(7, 3) AS v
----
1

SELECT mod(7, 3) AS v
----
1

SELECT try_divide(7, 3) AS v
----
2.3333333333333335

SELECT pmod(-7, 3) AS v
----
2

SELECT mod(-7, 3) AS v
----
-1

SELECT try_divide(-7, 3) AS v
----
-2.3333333333333335

SELECT pmod(7, -3) AS v
----
1

SELECT mod(7, -3) AS v
----
1

SELECT try_divide(7, -3) AS v
----
-2.3333333333333335

SELECT pmod(-7, -3) AS v
----
-1

SELECT mod(-7, -3) AS v
----
-1

SELECT try_divide(-7, -3) AS v
----
2.3333333333333335

SELECT pmod(7.5, 2) AS v
----
1.5

SELECT mod(7.5, 2) AS v
----
1.5

SELECT try_divide(7.5, 2) AS v
----
3.750000

SELECT pmod(-7.5, 2) AS v
----
0.5

SELECT mod(-7.5, 2) AS v
----
-1.5

SELECT try_divide(-7.5, 2) AS v
----
-3.750000

SELECT pmod(-7.5D, 2) AS v
----
0.5

SELECT mod(-7.5D, 2) AS v
----
-1.5

SELECT try_divide(-7.5D, 2) AS v
----
-3.75

SELECT try_divide(7, 0) AS v
----
NULL

SELECT pmod(NULL, 1) AS v
----
NULL

SELECT mod(NULL, 1) AS v
----
NULL

SELECT try_divide(NULL, 1) AS v
----
NULL

SELECT pmod(-1L, 5) AS v
----
4

SELECT mod(-1L, 5) AS v
----
-1

SELECT try_divide(-1L, 5) AS v
----
-0.2

SELECT pmod(-128Y, 100Y) AS v
----
72

SELECT mod(-128Y, 100Y) AS v
----
-28

SELECT try_divide(-128Y, 100Y) AS v
----
-1.28

SELECT pmod('7', 3) AS v
----
1

SELECT mod('7', 3) AS v
----
1

SELECT try_divide('7', 3) AS v
----
2.3333333333333335

SELECT bit_count(0) AS v
----
0

SELECT bit_count(1) AS v
----
1

SELECT bit_count(-1) AS v
----
64

SELECT bit_count(255) AS v
----
8

SELECT bit_count(7L) AS v
----
3

SELECT bit_count(NULL) AS v
----
NULL

SELECT bit_count(-128Y) AS v
----
57

SELECT isnan(CAST('NaN' AS DOUBLE)) AS v
----
true

SELECT isnan(1D) AS v
----
false

SELECT isnan(NULL) AS v
----
false

SELECT isnan(CAST('NaN' AS FLOAT)) AS v
----
true

SELECT isnan('NaN') AS v
----
true

SELECT isnan(1) AS v
----
false

SELECT negative(1) AS v
----
-1

SELECT negative(1.5) AS v
----
-1.5

SELECT negative(-1.5D) AS v
----
1.5

SELECT negative(NULL) AS v
----
NULL

SELECT negative(-2147483648) AS v
----
error ARITHMETIC_OVERFLOW 22003

SELECT negative('3') AS v
----
-3

SELECT rand() BETWEEN 0 AND 1 AS v
----
true

SELECT random() < 1 AS v
----
true
