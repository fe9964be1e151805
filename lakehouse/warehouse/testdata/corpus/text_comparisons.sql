# Comparisons of text and bytes, with each other and with other types.
# area: text
# source: Spark 4.1

SELECT 'a' = 'b' AS v
----
false

SELECT 'a' < 'b' AS v
----
true

SELECT 'a' <=> 'b' AS v
----
false

SELECT 'a' >= 'b' AS v
----
false

SELECT 'a' = 'A' AS v
----
false

SELECT 'a' < 'A' AS v
----
false

SELECT 'a' <=> 'A' AS v
----
false

SELECT 'a' >= 'A' AS v
----
true

SELECT 'a' = 'a ' AS v
----
false

SELECT 'a' < 'a ' AS v
----
true

SELECT 'a' <=> 'a ' AS v
----
false

SELECT 'a' >= 'a ' AS v
----
false

SELECT '' = ' ' AS v
----
false

SELECT '' < ' ' AS v
----
true

SELECT '' <=> ' ' AS v
----
false

SELECT '' >= ' ' AS v
----
false

SELECT 'a' = NULL AS v
----
NULL

SELECT 'a' < NULL AS v
----
NULL

SELECT 'a' <=> NULL AS v
----
false

SELECT 'a' >= NULL AS v
----
NULL

SELECT '10' = '9' AS v
----
false

SELECT '10' < '9' AS v
----
true

SELECT '10' <=> '9' AS v
----
false

SELECT '10' >= '9' AS v
----
false

SELECT '10' = 9 AS v
----
false

SELECT '10' < 9 AS v
----
false

SELECT '10' <=> 9 AS v
----
false

SELECT '10' >= 9 AS v
----
true

SELECT 'é' = 'e' AS v
----
false

SELECT 'é' < 'e' AS v
----
false

SELECT 'é' <=> 'e' AS v
----
false

SELECT 'é' >= 'e' AS v
----
true

SELECT '😀' = 'z' AS v
----
false

SELECT '😀' < 'z' AS v
----
false

SELECT '😀' <=> 'z' AS v
----
false

SELECT '😀' >= 'z' AS v
----
true

SELECT 'abc' = 'abd' AS v
----
false

SELECT 'abc' < 'abd' AS v
----
true

SELECT 'abc' <=> 'abd' AS v
----
false

SELECT 'abc' >= 'abd' AS v
----
false

SELECT 'a' = 'aa' AS v
----
false

SELECT 'a' < 'aa' AS v
----
true

SELECT 'a' <=> 'aa' AS v
----
false

SELECT 'a' >= 'aa' AS v
----
false

SELECT '2024-01-02' = DATE '2024-01-02' AS v
----
true

SELECT '2024-01-02' < DATE '2024-01-02' AS v
----
false

SELECT '2024-01-02' <=> DATE '2024-01-02' AS v
----
true

SELECT '2024-01-02' >= DATE '2024-01-02' AS v
----
true

SELECT 'true' = true AS v
----
true

SELECT 'true' < true AS v
----
false

SELECT 'true' <=> true AS v
----
true

SELECT 'true' >= true AS v
----
true

SELECT '1' = 1.0 AS v
----
true

SELECT '1' < 1.0 AS v
----
false

SELECT '1' <=> 1.0 AS v
----
true

SELECT '1' >= 1.0 AS v
----
true

SELECT 'x' = 1 AS v
----
error CAST_INVALID_INPUT 22018

SELECT 'x' < 1 AS v
----
error CAST_INVALID_INPUT 22018

SELECT 'x' <=> 1 AS v
----
error CAST_INVALID_INPUT 22018

SELECT 'x' >= 1 AS v
----
error CAST_INVALID_INPUT 22018

SELECT X'41' = 'A' AS v
----
true

SELECT X'41' < 'A' AS v
----
false

SELECT X'41' <=> 'A' AS v
----
true

SELECT X'41' >= 'A' AS v
----
true

SELECT X'41' = X'4100' AS v
----
false

SELECT X'41' < X'4100' AS v
----
true

SELECT X'41' <=> X'4100' AS v
----
false

SELECT X'41' >= X'4100' AS v
----
false

SELECT X'FF' = X'00' AS v
----
false

SELECT X'FF' < X'00' AS v
----
false

SELECT X'FF' <=> X'00' AS v
----
false

SELECT X'FF' >= X'00' AS v
----
true

SELECT 'b' BETWEEN 'a' AND 'c' AS v
----
true

SELECT 'B' BETWEEN 'a' AND 'c' AS v
----
false

SELECT 'a' IN ('a', 'b') AS v
----
true

SELECT 'a' NOT IN ('b', NULL) AS v
----
NULL

SELECT '1' IN (1, 2) AS v
----
true

SELECT 'x' IN (1, 2) AS v
----
error CAST_INVALID_INPUT 22018

SELECT greatest('a', 'B', 'é') AS v
----
é

SELECT least('a', 'B', 'é') AS v
----
B

SELECT greatest('a', NULL) AS v
----
a

SELECT least(NULL, NULL) AS v
----
NULL

SELECT 'a' < 'b' < 'c' AS v
----
error CAST_INVALID_INPUT 22018

SELECT typeof('a' || 1) AS v
----
string

SELECT typeof(concat(X'01', X'02')) AS v
----
binary

SELECT typeof(concat('a', X'02')) AS v
----
string

SELECT typeof(upper(1)) AS v
----
string

SELECT typeof(length('a')) AS v
----
int

SELECT typeof(split('a', ',')) AS v
----
array<string>

SELECT typeof(instr('a', 'a')) AS v
----
int

SELECT typeof(ascii('a')) AS v
----
int
