# CHAR(n) and VARCHAR(n) as types of a cast.
# area: casts
# source: Spark 4.1

SELECT concat('<', CAST('abc' AS CHAR(3)), '>') AS v
----
<abc>

SELECT concat('<', CAST('abc' AS VARCHAR(2)), '>') AS v
----
<abc>

SELECT concat('<', CAST('abc' AS VARCHAR(10)), '>') AS v
----
<abc>

SELECT concat('<', CAST('abc' AS CHAR(1)), '>') AS v
----
<abc>

SELECT concat('<', CAST('a' AS CHAR(3)), '>') AS v
----
<a>

SELECT concat('<', CAST('a' AS VARCHAR(2)), '>') AS v
----
<a>

SELECT concat('<', CAST('a' AS VARCHAR(10)), '>') AS v
----
<a>

SELECT concat('<', CAST('a' AS CHAR(1)), '>') AS v
----
<a>

SELECT concat('<', CAST('' AS CHAR(3)), '>') AS v
----
<>

SELECT concat('<', CAST('' AS VARCHAR(2)), '>') AS v
----
<>

SELECT concat('<', CAST('' AS VARCHAR(10)), '>') AS v
----
<>

SELECT concat('<', CAST('' AS CHAR(1)), '>') AS v
----
<>

SELECT concat('<', CAST(12345 AS CHAR(3)), '>') AS v
----
<12345>

SELECT concat('<', CAST(12345 AS VARCHAR(2)), '>') AS v
----
<12345>

SELECT concat('<', CAST(12345 AS VARCHAR(10)), '>') AS v
----
<12345>

SELECT concat('<', CAST(12345 AS CHAR(1)), '>') AS v
----
<12345>

SELECT concat('<', CAST(true AS CHAR(3)), '>') AS v
----
<true>

SELECT concat('<', CAST(true AS VARCHAR(2)), '>') AS v
----
<true>

SELECT concat('<', CAST(true AS VARCHAR(10)), '>') AS v
----
<true>

SELECT concat('<', CAST(true AS CHAR(1)), '>') AS v
----
<true>

SELECT concat('<', CAST(NULL AS CHAR(3)), '>') AS v
----
NULL

SELECT concat('<', CAST(NULL AS VARCHAR(2)), '>') AS v
----
NULL

SELECT concat('<', CAST(NULL AS VARCHAR(10)), '>') AS v
----
NULL

SELECT concat('<', CAST(NULL AS CHAR(1)), '>') AS v
----
NULL
