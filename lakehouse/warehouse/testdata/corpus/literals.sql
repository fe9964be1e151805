# Literals and their types.
# area: literals
# source: Spark 4.1

SELECT 1 AS v
----
1

SELECT -1 AS v
----
-1

SELECT 1L AS v
----
1

SELECT 1S AS v
----
1

SELECT 1Y AS v
----
1

SELECT 1BD AS v
----
1

SELECT 1D AS v
----
1

SELECT 1F AS v
----
1

SELECT 1.5 AS v
----
1.5

SELECT 1.5D AS v
----
1.5

SELECT 1.5F AS v
----
1.5

SELECT 1.5BD AS v
----
1.5

SELECT 1e3 AS v
----
1000

SELECT 1E3 AS v
----
1000

SELECT 1e-3 AS v
----
0.001

SELECT 1e3D AS v
----
1000

SELECT 1e3F AS v
----
1000

SELECT 1e3BD AS v
----
1000

SELECT .5 AS v
----
0.5

SELECT 5. AS v
----
5

SELECT 0.0 AS v
----
0.0

SELECT 00012 AS v
----
12

SELECT 2147483647 AS v
----
2147483647

SELECT 2147483648 AS v
----
2147483648

SELECT -2147483648 AS v
----
-2147483648

SELECT -2147483649 AS v
----
-2147483649

SELECT 9223372036854775807 AS v
----
9223372036854775807

SELECT 9223372036854775808 AS v
----
9223372036854775808

SELECT 12345678901234567890123456789012345678 AS v
----
12345678901234567890123456789012345678

SELECT 128Y AS v
----
error INVALID_NUMERIC_LITERAL_RANGE 22003

SELECT -129Y AS v
----
error INVALID_NUMERIC_LITERAL_RANGE 22003

SELECT 32768S AS v
----
error INVALID_NUMERIC_LITERAL_RANGE 22003

SELECT 9223372036854775808L AS v
----
error INVALID_NUMERIC_LITERAL_RANGE 22003

SELECT 'a' AS v
----
a

SELECT "a" AS v
----
a

SELECT 'a' 'b' AS v
----
ab

SELECT 'it''s' AS v
----
it's

SELECT "it's" AS v
----
it's

SELECT 'a\nb' = 'a\nb' AS v
----
true

SELECT r'a\nb' AS v
----
a\nb

SELECT R'\\' AS v
----
\\

SELECT '\u00e9' AS v
----
é

SELECT '\U0001F600' AS v
----
😀

SELECT '\101' AS v
----
A

SELECT '\t' = chr(9) AS v
----
true

SELECT '\0' = chr(0) AS v
----
true

SELECT '\Z' = chr(26) AS v
----
true

SELECT X'41' AS v
----
A

SELECT x'4142' AS v
----
AB

SELECT X'' AS v
----
(empty)

SELECT X'4' AS v
----


SELECT true AS v
----
true

SELECT TRUE AS v
----
true

SELECT False AS v
----
false

SELECT NULL AS v
----
NULL

SELECT null AS v
----
NULL

SELECT DATE '2024-01-02' AS v
----
2024-01-02 00:00:00

SELECT date'2024-01-02' AS v
----
2024-01-02 00:00:00

SELECT DATE '2024-1-2' AS v
----
2024-01-02 00:00:00

SELECT DATE 'nonsense' AS v
----
error INVALID_TYPED_LITERAL 42604

SELECT DATE '2024-02-30' AS v
----
error INVALID_TYPED_LITERAL 42604

SELECT TIMESTAMP '2024-01-02 03:04:05' AS v
----
2024-01-02 03:04:05

SELECT TIMESTAMP '2024-01-02' AS v
----
2024-01-02 00:00:00

SELECT TIMESTAMP 'nonsense' AS v
----
error INVALID_TYPED_LITERAL 42604

SELECT TIMESTAMP '2024-01-02 03:04:05+01:00' AS v
----
2024-01-02 02:04:05

SELECT TIMESTAMP_NTZ '2024-01-02 03:04:05' AS v
----
2024-01-02 03:04:05

SELECT TIMESTAMP_LTZ '2024-01-02 03:04:05' AS v
----
2024-01-02 03:04:05

SELECT TIMESTAMP_NTZ '2024-01-02T03:04' AS v
----
2024-01-02 03:04:00

SELECT 1e400 AS v
----
error INVALID_NUMERIC_LITERAL_RANGE 22003

SELECT 1e400D AS v
----
error INVALID_NUMERIC_LITERAL_RANGE 22003

SELECT - 1 AS v
----
-1

SELECT +1 AS v
----
1

SELECT - -1 AS v
----
1

SELECT + -1 AS v
----
-1

SELECT 1 -1 AS v
----
0

SELECT --1
1 AS v
----
1

SELECT /* c */ 1 AS v
----
1

SELECT /* a /* b */ c */ 1 AS v
----
1

SELECT 1 /* end */ AS v
----
1

SELECT -9223372036854775808 AS v
----
-9223372036854775808

SELECT -9223372036854775808L AS v
----
-9223372036854775808

SELECT 1e39 AS v
----
1e+39

SELECT 0.12345678901234567890123456789012345678 AS v
----
0.12345678901234567890123456789012345678

SELECT 1.0000000000000000000000000000000000000000 AS v
----
error DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION 22003

SELECT typeof(1) AS v
----
int

SELECT typeof(-1) AS v
----
int

SELECT typeof(1L) AS v
----
bigint

SELECT typeof(1S) AS v
----
smallint

SELECT typeof(1Y) AS v
----
tinyint

SELECT typeof(1BD) AS v
----
decimal(1,0)

SELECT typeof(1D) AS v
----
double

SELECT typeof(1F) AS v
----
float

SELECT typeof(1.5) AS v
----
decimal(2,1)

SELECT typeof(1.5D) AS v
----
double

SELECT typeof(1.5F) AS v
----
float

SELECT typeof(1.5BD) AS v
----
decimal(2,1)

SELECT typeof(1e3) AS v
----
double

SELECT typeof(1E3) AS v
----
double

SELECT typeof(1e-3) AS v
----
double

SELECT typeof(1e3D) AS v
----
double

SELECT typeof(1e3F) AS v
----
float

SELECT typeof(1e3BD) AS v
----
decimal(4,0)

SELECT typeof(.5) AS v
----
decimal(1,1)

SELECT typeof(5.) AS v
----
decimal(1,0)

SELECT typeof(0.0) AS v
----
decimal(1,1)

SELECT typeof(00012) AS v
----
int

SELECT typeof(2147483647) AS v
----
int

SELECT typeof(2147483648) AS v
----
bigint

SELECT typeof(-2147483648) AS v
----
int

SELECT typeof(-2147483649) AS v
----
bigint

SELECT typeof(9223372036854775807) AS v
----
bigint

SELECT typeof(9223372036854775808) AS v
----
decimal(19,0)

SELECT typeof(12345678901234567890123456789012345678) AS v
----
decimal(38,0)

SELECT typeof(128Y) AS v
----
error INVALID_NUMERIC_LITERAL_RANGE 22003

SELECT typeof(-129Y) AS v
----
error INVALID_NUMERIC_LITERAL_RANGE 22003

SELECT typeof(32768S) AS v
----
error INVALID_NUMERIC_LITERAL_RANGE 22003

SELECT typeof(9223372036854775808L) AS v
----
error INVALID_NUMERIC_LITERAL_RANGE 22003

SELECT typeof('a') AS v
----
string

SELECT typeof("a") AS v
----
string

SELECT typeof('a' 'b') AS v
----
string

SELECT typeof('it''s') AS v
----
string

SELECT typeof("it's") AS v
----
string

SELECT typeof('a\nb' = 'a\nb') AS v
----
boolean

SELECT typeof(r'a\nb') AS v
----
string

SELECT typeof(R'\\') AS v
----
string

SELECT typeof('\u00e9') AS v
----
string

SELECT typeof('\U0001F600') AS v
----
string

SELECT typeof('\101') AS v
----
string

SELECT typeof('\t' = chr(9)) AS v
----
boolean

SELECT typeof('\0' = chr(0)) AS v
----
boolean

SELECT typeof('\Z' = chr(26)) AS v
----
boolean

SELECT typeof(X'41') AS v
----
binary

SELECT typeof(x'4142') AS v
----
binary

SELECT typeof(X'') AS v
----
binary

SELECT typeof(X'4') AS v
----
binary

SELECT typeof(true) AS v
----
boolean

SELECT typeof(TRUE) AS v
----
boolean

SELECT typeof(False) AS v
----
boolean

SELECT typeof(NULL) AS v
----
void

SELECT typeof(null) AS v
----
void

SELECT typeof(DATE '2024-01-02') AS v
----
date

SELECT typeof(date'2024-01-02') AS v
----
date

SELECT typeof(DATE '2024-1-2') AS v
----
date

SELECT typeof(DATE 'nonsense') AS v
----
error INVALID_TYPED_LITERAL 42604

SELECT typeof(DATE '2024-02-30') AS v
----
error INVALID_TYPED_LITERAL 42604

SELECT typeof(TIMESTAMP '2024-01-02 03:04:05') AS v
----
timestamp

SELECT typeof(TIMESTAMP '2024-01-02') AS v
----
timestamp

SELECT typeof(TIMESTAMP 'nonsense') AS v
----
error INVALID_TYPED_LITERAL 42604

SELECT typeof(TIMESTAMP '2024-01-02 03:04:05+01:00') AS v
----
timestamp

SELECT typeof(TIMESTAMP_NTZ '2024-01-02 03:04:05') AS v
----
timestamp_ntz

SELECT typeof(TIMESTAMP_LTZ '2024-01-02 03:04:05') AS v
----
timestamp

SELECT typeof(TIMESTAMP_NTZ '2024-01-02T03:04') AS v
----
timestamp_ntz

SELECT typeof(1e400) AS v
----
error INVALID_NUMERIC_LITERAL_RANGE 22003

SELECT typeof(1e400D) AS v
----
error INVALID_NUMERIC_LITERAL_RANGE 22003

SELECT typeof(- 1) AS v
----
int

SELECT typeof(+1) AS v
----
int

SELECT typeof(- -1) AS v
----
int

SELECT typeof(+ -1) AS v
----
int

SELECT typeof(1 -1) AS v
----
int

SELECT typeof(/* c */ 1) AS v
----
int

SELECT typeof(/* a /* b */ c */ 1) AS v
----
int

SELECT typeof(1 /* end */) AS v
----
int

SELECT typeof(-9223372036854775808) AS v
----
bigint

SELECT typeof(-9223372036854775808L) AS v
----
bigint

SELECT typeof(1e39) AS v
----
double

SELECT typeof(0.12345678901234567890123456789012345678) AS v
----
decimal(38,38)

SELECT typeof(1.0000000000000000000000000000000000000000) AS v
----
error DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION 22003
