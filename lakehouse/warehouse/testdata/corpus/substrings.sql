# substring, left and right with positions within, before and behind the text.
# area: text
# source: Spark 4.1

SELECT concat('<', substring('hello', 1), '>') AS v
----
<hello>

SELECT concat('<', substring('hello', 2), '>') AS v
----
<ello>

SELECT concat('<', substring('hello', 0), '>') AS v
----
<hello>

SELECT concat('<', substring('hello', -2), '>') AS v
----
<lo>

SELECT concat('<', substring('hello', -9), '>') AS v
----
<hello>

SELECT concat('<', substring('hello', 9), '>') AS v
----
<>

SELECT concat('<', substring('hello', 1, 2), '>') AS v
----
<he>

SELECT concat('<', substring('hello', 2, 0), '>') AS v
----
<>

SELECT concat('<', substring('hello', 0, 2), '>') AS v
----
<he>

SELECT concat('<', substring('hello', -3, 2), '>') AS v
----
<ll>

SELECT concat('<', substring('hello', -9, 6), '>') AS v
----
<he>

SELECT concat('<', substring('hello', 4, 99), '>') AS v
----
<lo>

SELECT concat('<', substring('hello', 2, -1), '>') AS v
----
<>

SELECT concat('<', substring('hello', NULL), '>') AS v
----
NULL

SELECT concat('<', substring('hello', 1, NULL), '>') AS v
----
NULL

SELECT concat('<', substring('😀héé', 1), '>') AS v
----
<😀héé>

SELECT concat('<', substring('😀héé', 2), '>') AS v
----
<héé>

SELECT concat('<', substring('😀héé', 0), '>') AS v
----
<😀héé>

SELECT concat('<', substring('😀héé', -2), '>') AS v
----
<éé>

SELECT concat('<', substring('😀héé', -9), '>') AS v
----
<😀héé>

SELECT concat('<', substring('😀héé', 9), '>') AS v
----
<>

SELECT concat('<', substring('😀héé', 1, 2), '>') AS v
----
<😀h>

SELECT concat('<', substring('😀héé', 2, 0), '>') AS v
----
<>

SELECT concat('<', substring('😀héé', 0, 2), '>') AS v
----
<😀h>

SELECT concat('<', substring('😀héé', -3, 2), '>') AS v
----
<hé>

SELECT concat('<', substring('😀héé', -9, 6), '>') AS v
----
<😀>

SELECT concat('<', substring('😀héé', 4, 99), '>') AS v
----
<é>

SELECT concat('<', substring('😀héé', 2, -1), '>') AS v
----
<>

SELECT concat('<', substring('😀héé', NULL), '>') AS v
----
NULL

SELECT concat('<', substring('😀héé', 1, NULL), '>') AS v
----
NULL

SELECT concat('<', substring('', 1), '>') AS v
----
<>

SELECT concat('<', substring('', 2), '>') AS v
----
<>

SELECT concat('<', substring('', 0), '>') AS v
----
<>

SELECT concat('<', substring('', -2), '>') AS v
----
<>

SELECT concat('<', substring('', -9), '>') AS v
----
<>

SELECT concat('<', substring('', 9), '>') AS v
----
<>

SELECT concat('<', substring('', 1, 2), '>') AS v
----
<>

SELECT concat('<', substring('', 2, 0), '>') AS v
----
<>

SELECT concat('<', substring('', 0, 2), '>') AS v
----
<>

SELECT concat('<', substring('', -3, 2), '>') AS v
----
<>

SELECT concat('<', substring('', -9, 6), '>') AS v
----
<>

SELECT concat('<', substring('', 4, 99), '>') AS v
----
<>

SELECT concat('<', substring('', 2, -1), '>') AS v
----
<>

SELECT concat('<', substring('', NULL), '>') AS v
----
NULL

SELECT concat('<', substring('', 1, NULL), '>') AS v
----
NULL

SELECT concat('<', substring(NULL, 1), '>') AS v
----
NULL

SELECT concat('<', substring(NULL, 2), '>') AS v
----
NULL

SELECT concat('<', substring(NULL, 0), '>') AS v
----
NULL

SELECT concat('<', substring(NULL, -2), '>') AS v
----
NULL

SELECT concat('<', substring(NULL, -9), '>') AS v
----
NULL

SELECT concat('<', substring(NULL, 9), '>') AS v
----
NULL

SELECT concat('<', substring(NULL, 1, 2), '>') AS v
----
NULL

SELECT concat('<', substring(NULL, 2, 0), '>') AS v
----
NULL

SELECT concat('<', substring(NULL, 0, 2), '>') AS v
----
NULL

SELECT concat('<', substring(NULL, -3, 2), '>') AS v
----
NULL

SELECT concat('<', substring(NULL, -9, 6), '>') AS v
----
NULL

SELECT concat('<', substring(NULL, 4, 99), '>') AS v
----
NULL

SELECT concat('<', substring(NULL, 2, -1), '>') AS v
----
NULL

SELECT concat('<', substring(NULL, NULL), '>') AS v
----
NULL

SELECT concat('<', substring(NULL, 1, NULL), '>') AS v
----
NULL

SELECT concat('<', substring(12345, 1), '>') AS v
----
<12345>

SELECT concat('<', substring(12345, 2), '>') AS v
----
<2345>

SELECT concat('<', substring(12345, 0), '>') AS v
----
<12345>

SELECT concat('<', substring(12345, -2), '>') AS v
----
<45>

SELECT concat('<', substring(12345, -9), '>') AS v
----
<12345>

SELECT concat('<', substring(12345, 9), '>') AS v
----
<>

SELECT concat('<', substring(12345, 1, 2), '>') AS v
----
<12>

SELECT concat('<', substring(12345, 2, 0), '>') AS v
----
<>

SELECT concat('<', substring(12345, 0, 2), '>') AS v
----
<12>

SELECT concat('<', substring(12345, -3, 2), '>') AS v
----
<34>

SELECT concat('<', substring(12345, -9, 6), '>') AS v
----
<12>

SELECT concat('<', substring(12345, 4, 99), '>') AS v
----
<45>

SELECT concat('<', substring(12345, 2, -1), '>') AS v
----
<>

SELECT concat('<', substring(12345, NULL), '>') AS v
----
NULL

SELECT concat('<', substring(12345, 1, NULL), '>') AS v
----
NULL

SELECT concat('<', substring('hello' FROM 2), '>') AS v
----
<ello>

SELECT concat('<', substring('hello' FROM -2), '>') AS v
----
<lo>

SELECT concat('<', substring('hello' FROM 2 FOR 2), '>') AS v
----
<el>

SELECT concat('<', substr('hello', 2, 3), '>') AS v
----
<ell>

SELECT concat('<', left('hello', 2), '>') AS v
----
<he>

SELECT concat('<', left('hello', 0), '>') AS v
----
<>

SELECT concat('<', left('hello', -1), '>') AS v
----
<>

SELECT concat('<', left('hi', 9), '>') AS v
----
<hi>

SELECT concat('<', right('hello', 2), '>') AS v
----
<lo>

SELECT concat('<', right('hello', 0), '>') AS v
----
<>

SELECT concat('<', right('hello', -1), '>') AS v
----
<>

SELECT concat('<', right('hi', 9), '>') AS v
----
<hi>

SELECT concat('<', left(NULL, 1), '>') AS v
----
NULL

SELECT concat('<', left('a', NULL), '>') AS v
----
NULL

SELECT concat('<', left(12345, 2), '>') AS v
----
<12>

SELECT concat('<', substring('hello', '2'), '>') AS v
----
<ello>

SELECT concat('<', substring('hello', 2.9), '>') AS v
----
<ello>

SELECT concat('<', left(X'4142', 1), '>') AS v
----
<A>
