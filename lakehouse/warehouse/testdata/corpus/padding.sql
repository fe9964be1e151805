# Padding, trimming, repeating and joining.
# area: text
# source: Spark 4.1

SELECT concat('<', lpad('hi', 5), '>') AS v
----
<   hi>

SELECT concat('<', lpad('hi', 5, 'xy'), '>') AS v
----
<xyxhi>

SELECT concat('<', lpad('hi', 1, 'x'), '>') AS v
----
<h>

SELECT concat('<', lpad('hi', 0, 'x'), '>') AS v
----
<>

SELECT concat('<', lpad('hi', -1, 'x'), '>') AS v
----
<>

SELECT concat('<', lpad('hi', 5, ''), '>') AS v
----
<hi>

SELECT concat('<', lpad('', 3, 'ab'), '>') AS v
----
<aba>

SELECT concat('<', lpad(NULL, 3, 'a'), '>') AS v
----
NULL

SELECT concat('<', lpad('hi', NULL, 'a'), '>') AS v
----
NULL

SELECT concat('<', lpad('hi', 4, NULL), '>') AS v
----
NULL

SELECT concat('<', lpad('é', 3, '😀'), '>') AS v
----
<😀😀é>

SELECT concat('<', lpad(12, 4, 0), '>') AS v
----
<0012>

SELECT concat('<', rpad('hi', 5), '>') AS v
----
<hi   >

SELECT concat('<', rpad('hi', 5, 'xy'), '>') AS v
----
<hixyx>

SELECT concat('<', rpad('hi', 1, 'x'), '>') AS v
----
<h>

SELECT concat('<', rpad('hi', 0, 'x'), '>') AS v
----
<>

SELECT concat('<', rpad('hi', -1, 'x'), '>') AS v
----
<>

SELECT concat('<', rpad('hi', 5, ''), '>') AS v
----
<hi>

SELECT concat('<', rpad('', 3, 'ab'), '>') AS v
----
<aba>

SELECT concat('<', rpad(NULL, 3, 'a'), '>') AS v
----
NULL

SELECT concat('<', rpad('hi', NULL, 'a'), '>') AS v
----
NULL

SELECT concat('<', rpad('hi', 4, NULL), '>') AS v
----
NULL

SELECT concat('<', rpad('é', 3, '😀'), '>') AS v
----
<é😀😀>

SELECT concat('<', rpad(12, 4, 0), '>') AS v
----
<1200>

SELECT concat('<', trim('  hi  '), '>') AS v
----
<hi>

SELECT concat('<', trim(''), '>') AS v
----
<>

SELECT concat('<', trim(NULL), '>') AS v
----
NULL

SELECT concat('<', trim('xxhixx'), '>') AS v
----
<xxhixx>

SELECT concat('<', ltrim('  hi  '), '>') AS v
----
<hi  >

SELECT concat('<', ltrim(''), '>') AS v
----
<>

SELECT concat('<', ltrim(NULL), '>') AS v
----
NULL

SELECT concat('<', ltrim('xxhixx'), '>') AS v
----
<xxhixx>

SELECT concat('<', rtrim('  hi  '), '>') AS v
----
<  hi>

SELECT concat('<', rtrim(''), '>') AS v
----
<>

SELECT concat('<', rtrim(NULL), '>') AS v
----
NULL

SELECT concat('<', rtrim('xxhixx'), '>') AS v
----
<xxhixx>

SELECT concat('<', trim(BOTH FROM '  hi  '), '>') AS v
----
<hi>

SELECT concat('<', trim(LEADING FROM '  hi  '), '>') AS v
----
<hi  >

SELECT concat('<', trim(TRAILING FROM '  hi  '), '>') AS v
----
<  hi>

SELECT concat('<', trim(BOTH 'xy' FROM 'xyhiyx'), '>') AS v
----
<hi>

SELECT concat('<', trim(LEADING 'xy' FROM 'xyhiyx'), '>') AS v
----
<hiyx>

SELECT concat('<', trim(TRAILING 'xy' FROM 'xyhiyx'), '>') AS v
----
<xyhi>

SELECT concat('<', trim('x' FROM 'xhix'), '>') AS v
----
<hi>

SELECT concat('<', trim('' FROM 'xhix'), '>') AS v
----
<xhix>

SELECT concat('<', trim(NULL FROM 'hi'), '>') AS v
----
NULL

SELECT concat('<', ltrim('x', 'xxhi'), '>') AS v
----
<hi>

SELECT concat('<', rtrim('x', 'hixx'), '>') AS v
----
<hi>

SELECT concat('<', repeat('ab', 3), '>') AS v
----
<ababab>

SELECT concat('<', repeat('ab', 0), '>') AS v
----
<>

SELECT concat('<', repeat('ab', -2), '>') AS v
----
<>

SELECT concat('<', repeat(NULL, 2), '>') AS v
----
NULL

SELECT concat('<', repeat('a', NULL), '>') AS v
----
NULL

SELECT concat('<', space(3), '>') AS v
----
<   >

SELECT concat('<', space(0), '>') AS v
----
<>

SELECT concat('<', space(-1), '>') AS v
----
<>

SELECT concat('<', repeat(1, 2), '>') AS v
----
<11>

SELECT concat('<', concat(), '>') AS v
----
<>

SELECT concat('<', concat('a'), '>') AS v
----
<a>

SELECT concat('<', concat('a', NULL, 'b'), '>') AS v
----
NULL

SELECT concat('<', concat(1, 2.50, true), '>') AS v
----
<12.50true>

SELECT concat('<', concat_ws('-', 'a', NULL, 'b'), '>') AS v
----
<a-b>

SELECT concat('<', concat_ws('-'), '>') AS v
----
<>

SELECT concat('<', concat_ws(NULL, 'a', 'b'), '>') AS v
----
NULL

SELECT concat('<', concat_ws('-', array('a', NULL, 'b'), 'c'), '>') AS v
----
<a-b-c>

SELECT concat('<', concat_ws('-', 1, 2.0), '>') AS v
----
<1-2.0>

SELECT concat('<', concat_ws('', '', ''), '>') AS v
----
<>

SELECT concat('<', concat_ws('-', array()), '>') AS v
----
<>

SELECT concat('<', 'a' || 'b' || 1, '>') AS v
----
<ab1>

SELECT concat('<', 'a' || NULL, '>') AS v
----
NULL

SELECT concat('<', concat('a', X'42'), '>') AS v
----
<aB>

SELECT concat('<', concat(X'41', X'42'), '>') AS v
----
<AB>
