# Literals, arithmetic and casts of numbers, with the types that come out.
# area: numbers
# source: Spark 4.1

SELECT typeof(1.0 + 2)
----
decimal(3,1)

SELECT typeof(1.50 * 2.5)
----
decimal(6,3)

SELECT typeof(10.0 / 3)
----
decimal(8,6)

SELECT typeof(CAST(1 AS DECIMAL(38,0)) + CAST(1 AS DECIMAL(38,18)))
----
decimal(38,6)

SELECT typeof(5 / 2L)
----
double

SELECT typeof(7 div 2S)
----
bigint

SELECT 1.0 + 2
----
3.0

SELECT 1.50 * 2.5
----
3.750

SELECT 10.0 / 3
----
3.333333

SELECT 0.1 + 0.2
----
0.3

SELECT 0.1D + 0.2D
----
0.30000000000000004

SELECT CAST(0.1 AS FLOAT) + 0.2D
----
0.30000000149011613

SELECT CAST(2.5 AS INT)
----
2

SELECT CAST(-2.5 AS INT)
----
-2

SELECT CAST(2.5D AS BIGINT)
----
2

SELECT CAST(CAST(3.99 AS FLOAT) AS SMALLINT)
----
3

SELECT CAST(true AS INT)
----
1

SELECT CAST(0.0 AS BOOLEAN)
----
false

SELECT CAST(1.005 AS DECIMAL(10,2))
----
1.01

SELECT CAST(-1.005 AS DECIMAL(10,2))
----
-1.01

SELECT CAST(0.125D AS DECIMAL(10,2))
----
0.13

SELECT CAST('1e3' AS DECIMAL(10,2))
----
1000.00

SELECT CAST('  -7.50 ' AS DECIMAL(10,1))
----
-7.5

SELECT CAST('.5' AS DOUBLE)
----
0.5

SELECT CAST('1.' AS DOUBLE)
----
1

SELECT round(2.5)
----
3

SELECT round(-2.5)
----
-3

SELECT round(1234.567, -2)
----
1200

SELECT round(1.45D, 1)
----
1.5

SELECT bround(2.5)
----
2

SELECT ceil(-1.5)
----
-1

SELECT floor(1.5D)
----
1

SELECT CAST(1e7 AS STRING) AS a
----
1.0E7

SELECT CAST(1e-4D AS STRING) AS b
----
1.0E-4

SELECT CAST(123456789.125D AS STRING) AS c
----
1.23456789125E8

SELECT CAST(CAST(1e7 AS FLOAT) AS STRING) AS d
----
1.0E7

SELECT CAST(-0.0D AS STRING) AS e
----
-0.0

SELECT CAST(1e300 AS STRING) AS f
----
1.0E300

SELECT CAST(4.9e-324 AS STRING) AS g
----
4.9E-324

SELECT CAST(CAST(16777216 AS FLOAT) AS STRING) AS h
----
1.6777216E7

SELECT 0.0D = -0.0D AS a
----
true

SELECT CAST('NaN' AS DOUBLE) = CAST('NaN' AS DOUBLE) AS b
----
true

SELECT CAST('NaN' AS DOUBLE) > CAST('Infinity' AS DOUBLE) AS c
----
true

SELECT greatest(CAST('NaN' AS DOUBLE), 1D) AS d
----
NaN

SELECT least(CAST('NaN' AS DOUBLE), 1D) AS e
----
1

SELECT -7 % 3
----
-1

SELECT 7 % -3
----
1

SELECT -7.5 % 2
----
-1.5

SELECT pmod(7, -3)
----
1

SELECT mod(-7, 3)
----
-1

SELECT -7 div 2
----
-3

SELECT 7.9 div 2
----
3

SELECT abs(-2.50)
----
2.50

SELECT sign(-3)
----
-1

SELECT sqrt(2)
----
1.4142135623730951

SELECT power(2, 10)
----
1024

SELECT exp(0)
----
1

SELECT ln(1)
----
0

SELECT log10(1000)
----
3

SELECT CAST(127 AS TINYINT) + 1Y
----
error BINARY_ARITHMETIC_OVERFLOW 22003

SELECT CAST(9223372036854775807 AS BIGINT) + 1
----
error ARITHMETIC_OVERFLOW 22003

SELECT CAST(1e20 AS BIGINT)
----
error CAST_OVERFLOW 22003

SELECT CAST('9223372036854775808' AS BIGINT)
----
error CAST_INVALID_INPUT 22018

SELECT CAST('' AS INT)
----
error CAST_INVALID_INPUT 22018

SELECT CAST(99999 AS DECIMAL(5,1))
----
error NUMERIC_VALUE_OUT_OF_RANGE 22003

SELECT try_cast('abc' AS DOUBLE)
----
NULL

SELECT try_cast(99999 AS DECIMAL(5,1))
----
NULL

SELECT try_cast('2024-02-30' AS DATE)
----
NULL

SELECT try_cast(300 AS TINYINT)
----
NULL

SELECT 5 & 6
----
4

SELECT 5 | 6
----
7

SELECT 5 ^ 6
----
3

SELECT ~5
----
-6

SELECT 1L & 3
----
1

SELECT CAST(12345678901234567890123456789012345678 AS DECIMAL(38,0)) * 10
----
error NUMERIC_VALUE_OUT_OF_RANGE 22003

SELECT 1 = 1.0
----
true

SELECT 1 = '1'
----
true

SELECT '10' > 9
----
true

SELECT 1L <=> 1
----
true

SELECT typeof(coalesce(1, 2.5))
----
decimal(11,1)

SELECT typeof(coalesce(1L, 2.5D))
----
double

SELECT typeof(if(true, 1, 2L))
----
bigint

SELECT typeof(array(1, 2L))
----
array<bigint>

SELECT typeof(CASE WHEN true THEN 1S ELSE 2.25 END)
----
decimal(7,2)

SELECT typeof(greatest(1, 2.5))
----
decimal(11,1)

SELECT hex(17L)
----
11

SELECT hex('é')
----
C3A9
