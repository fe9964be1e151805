# LIKE, ILIKE and regular expressions.
# area: text
# source: Spark 4.1

SELECT 'hello' LIKE 'hello' AS v
----
true

SELECT 'hello' NOT LIKE 'hello' AS v
----
false

SELECT 'hello' ILIKE 'hello' AS v
----
true

SELECT 'hello' LIKE 'h%' AS v
----
true

SELECT 'hello' NOT LIKE 'h%' AS v
----
false

SELECT 'hello' ILIKE 'h%' AS v
----
true

SELECT 'hello' LIKE '%l%' AS v
----
true

SELECT 'hello' NOT LIKE '%l%' AS v
----
false

SELECT 'hello' ILIKE '%l%' AS v
----
true

SELECT 'hello' LIKE '_ello' AS v
----
true

SELECT 'hello' NOT LIKE '_ello' AS v
----
false

SELECT 'hello' ILIKE '_ello' AS v
----
true

SELECT 'hello' LIKE '_' AS v
----
false

SELECT 'hello' NOT LIKE '_' AS v
----
true

SELECT 'hello' ILIKE '_' AS v
----
false

SELECT 'hello' LIKE '%' AS v
----
true

SELECT 'hello' NOT LIKE '%' AS v
----
false

SELECT 'hello' ILIKE '%' AS v
----
true

SELECT '' LIKE '%' AS v
----
true

SELECT '' NOT LIKE '%' AS v
----
false

SELECT '' ILIKE '%' AS v
----
true

SELECT '' LIKE '' AS v
----
true

SELECT '' NOT LIKE '' AS v
----
false

SELECT '' ILIKE '' AS v
----
true

SELECT '' LIKE '_' AS v
----
false

SELECT '' NOT LIKE '_' AS v
----
true

SELECT '' ILIKE '_' AS v
----
false

SELECT 'Hello' LIKE 'hello' AS v
----
false

SELECT 'Hello' NOT LIKE 'hello' AS v
----
true

SELECT 'Hello' ILIKE 'hello' AS v
----
true

SELECT 'a%b' LIKE 'a\\%b' AS v
----
true

SELECT 'a%b' NOT LIKE 'a\\%b' AS v
----
false

SELECT 'a%b' ILIKE 'a\\%b' AS v
----
true

SELECT 'axb' LIKE 'a\\%b' AS v
----
false

SELECT 'axb' NOT LIKE 'a\\%b' AS v
----
true

SELECT 'axb' ILIKE 'a\\%b' AS v
----
false

SELECT 'a_b' LIKE 'a\\_b' AS v
----
true

SELECT 'a_b' NOT LIKE 'a\\_b' AS v
----
false

SELECT 'a_b' ILIKE 'a\\_b' AS v
----
true

SELECT 'a\\b' LIKE 'a\\\\b' AS v
----
true

SELECT 'a\\b' NOT LIKE 'a\\\\b' AS v
----
false

SELECT 'a\\b' ILIKE 'a\\\\b' AS v
----
true

SELECT '😀' LIKE '_' AS v
----
true

SELECT '😀' NOT LIKE '_' AS v
----
false

SELECT '😀' ILIKE '_' AS v
----
true

SELECT 'é' LIKE '_' AS v
----
true

SELECT 'é' NOT LIKE '_' AS v
----
false

SELECT 'é' ILIKE '_' AS v
----
true

SELECT NULL LIKE 'a' AS v
----
NULL

SELECT NULL NOT LIKE 'a' AS v
----
NULL

SELECT NULL ILIKE 'a' AS v
----
NULL

SELECT 'a' LIKE NULL AS v
----
NULL

SELECT 'a' NOT LIKE NULL AS v
----
NULL

SELECT 'a' ILIKE NULL AS v
----
NULL

SELECT 123 LIKE '1%' AS v
----
true

SELECT 123 NOT LIKE '1%' AS v
----
false

SELECT 123 ILIKE '1%' AS v
----
true

SELECT 'a\nb' LIKE 'a_b' AS v
----
true

SELECT 'a\nb' NOT LIKE 'a_b' AS v
----
false

SELECT 'a\nb' ILIKE 'a_b' AS v
----
true

SELECT 'hello' LIKE '%%o' AS v
----
true

SELECT 'hello' NOT LIKE '%%o' AS v
----
false

SELECT 'hello' ILIKE '%%o' AS v
----
true

SELECT 'hello' LIKE 'h%l_' AS v
----
true

SELECT 'hello' NOT LIKE 'h%l_' AS v
----
false

SELECT 'hello' ILIKE 'h%l_' AS v
----
true

SELECT true LIKE 't%' AS v
----
true

SELECT true NOT LIKE 't%' AS v
----
false

SELECT true ILIKE 't%' AS v
----
true

SELECT 1.50 LIKE '1.5_' AS v
----
true

SELECT 1.50 NOT LIKE '1.5_' AS v
----
false

SELECT 1.50 ILIKE '1.5_' AS v
----
true

SELECT 'a.c' LIKE 'a.c' AS v
----
true

SELECT 'a.c' NOT LIKE 'a.c' AS v
----
false

SELECT 'a.c' ILIKE 'a.c' AS v
----
true

SELECT 'abc' LIKE 'a.c' AS v
----
false

SELECT 'abc' NOT LIKE 'a.c' AS v
----
true

SELECT 'abc' ILIKE 'a.c' AS v
----
false

SELECT 'a*' LIKE 'a*' AS v
----
true

SELECT 'a*' NOT LIKE 'a*' AS v
----
false

SELECT 'a*' ILIKE 'a*' AS v
----
true

SELECT '[a]' LIKE '[a]' AS v
----
true

SELECT '[a]' NOT LIKE '[a]' AS v
----
false

SELECT '[a]' ILIKE '[a]' AS v
----
true

SELECT 'a%b' LIKE 'a!%b' ESCAPE '!' AS v
----
true

SELECT 'a!b' LIKE 'a!!b' ESCAPE '!' AS v
----
true

SELECT 'abc\\' LIKE 'abc\\' AS v
----
error INVALID_FORMAT.ESC_AT_THE_END 42601

SELECT 'abc123' RLIKE '[a-z]+' AS v
----
true

SELECT 'abc123' REGEXP '[a-z]+' AS v
----
true

SELECT regexp_like('abc123', '[a-z]+') AS v
----
true

SELECT regexp_replace('abc123', '[a-z]+', 'X') AS v
----
X123

SELECT 'abc123' RLIKE '^[a-z]+$' AS v
----
false

SELECT 'abc123' REGEXP '^[a-z]+$' AS v
----
false

SELECT regexp_like('abc123', '^[a-z]+$') AS v
----
false

SELECT regexp_replace('abc123', '^[a-z]+$', 'X') AS v
----
abc123

SELECT 'abc123' RLIKE '\\d+' AS v
----
true

SELECT 'abc123' REGEXP '\\d+' AS v
----
true

SELECT regexp_like('abc123', '\\d+') AS v
----
true

SELECT regexp_replace('abc123', '\\d+', 'X') AS v
----
abcX

SELECT 'abc' RLIKE 'B' AS v
----
false

SELECT 'abc' REGEXP 'B' AS v
----
false

SELECT regexp_like('abc', 'B') AS v
----
false

SELECT regexp_replace('abc', 'B', 'X') AS v
----
abc

SELECT 'abc' RLIKE '(?i)B' AS v
----
true

SELECT 'abc' REGEXP '(?i)B' AS v
----
true

SELECT regexp_like('abc', '(?i)B') AS v
----
true

SELECT regexp_replace('abc', '(?i)B', 'X') AS v
----
aXc

SELECT '' RLIKE '' AS v
----
true

SELECT '' REGEXP '' AS v
----
true

SELECT regexp_like('', '') AS v
----
true

SELECT regexp_replace('', '', 'X') AS v
----
X

SELECT NULL RLIKE 'a' AS v
----
NULL

SELECT NULL REGEXP 'a' AS v
----
NULL

SELECT regexp_like(NULL, 'a') AS v
----
NULL

SELECT regexp_replace(NULL, 'a', 'X') AS v
----
NULL

SELECT 'a' RLIKE NULL AS v
----
NULL

SELECT 'a' REGEXP NULL AS v
----
NULL

SELECT regexp_like('a', NULL) AS v
----
NULL

SELECT regexp_replace('a', NULL, 'X') AS v
----
NULL

SELECT 'a.b' RLIKE 'a\\.b' AS v
----
true

SELECT 'a.b' REGEXP 'a\\.b' AS v
----
true

SELECT regexp_like('a.b', 'a\\.b') AS v
----
true

SELECT regexp_replace('a.b', 'a\\.b', 'X') AS v
----
X

SELECT 'héllo' RLIKE 'h.llo' AS v
----
true

SELECT 'héllo' REGEXP 'h.llo' AS v
----
true

SELECT regexp_like('héllo', 'h.llo') AS v
----
true

SELECT regexp_replace('héllo', 'h.llo', 'X') AS v
----
X

SELECT 'a\nb' RLIKE 'a.b' AS v
----
false

SELECT 'a\nb' REGEXP 'a.b' AS v
----
false

SELECT regexp_like('a\nb', 'a.b') AS v
----
false

SELECT 'foo bar' RLIKE '\\bbar\\b' AS v
----
true

SELECT 'foo bar' REGEXP '\\bbar\\b' AS v
----
true

SELECT regexp_like('foo bar', '\\bbar\\b') AS v
----
true

SELECT regexp_replace('foo bar', '\\bbar\\b', 'X') AS v
----
foo X

SELECT 'abc' RLIKE 'a|x' AS v
----
true

SELECT 'abc' REGEXP 'a|x' AS v
----
true

SELECT regexp_like('abc', 'a|x') AS v
----
true

SELECT regexp_replace('abc', 'a|x', 'X') AS v
----
Xbc

SELECT 'aaa' RLIKE 'a{2,3}' AS v
----
true

SELECT 'aaa' REGEXP 'a{2,3}' AS v
----
true

SELECT regexp_like('aaa', 'a{2,3}') AS v
----
true

SELECT regexp_replace('aaa', 'a{2,3}', 'X') AS v
----
X

SELECT 'abc' RLIKE '[' AS v
----
error INVALID_PARAMETER_VALUE.PATTERN 22023

SELECT 'abc' REGEXP '[' AS v
----
error INVALID_PARAMETER_VALUE.PATTERN 22023

SELECT regexp_like('abc', '[') AS v
----
error INVALID_PARAMETER_VALUE.PATTERN 22023

SELECT regexp_replace('abc', '[', 'X') AS v
----
error INVALID_PARAMETER_VALUE.PATTERN 22023

SELECT 'x' RLIKE r'\w' AS v
----
true

SELECT 'x' REGEXP r'\w' AS v
----
true

SELECT regexp_like('x', r'\w') AS v
----
true

SELECT regexp_replace('x', r'\w', 'X') AS v
----
X

SELECT 'ab' RLIKE '(a)(b)?' AS v
----
true

SELECT 'ab' REGEXP '(a)(b)?' AS v
----
true

SELECT regexp_like('ab', '(a)(b)?') AS v
----
true

SELECT regexp_replace('ab', '(a)(b)?', 'X') AS v
----
X

SELECT regexp_extract('100-200', '(\\d+)-(\\d+)', 1) AS v
----
100

SELECT regexp_extract('100-200', '(\\d+)-(\\d+)', 2) AS v
----
200

SELECT regexp_extract('100-200', '(\\d+)-(\\d+)', 0) AS v
----
100-200

SELECT regexp_extract('100-200', '(\\d+)-(\\d+)') AS v
----
100

SELECT regexp_extract('abc', '(\\d+)', 1) = '' AS v
----
true

SELECT regexp_extract(NULL, '(a)', 1) AS v
----
NULL

SELECT regexp_extract('abx', '(a)(y)?', 2) = '' AS v
----
true

SELECT regexp_replace('100-200', '(\\d+)', 'n') AS v
----
n-n

SELECT regexp_replace('abc', '(a)(b)', '$2$1') AS v
----
bac

SELECT regexp_replace('abc', 'b', '') AS v
----
ac

SELECT regexp_replace('aaa', 'a', 'b') AS v
----
bbb

SELECT regexp_replace('abc', '', '-') AS v
----
-a-b-c-

SELECT regexp_replace('abc', 'x*', '-') AS v
----
-a-b-c-

SELECT regexp_replace(NULL, 'a', 'b') AS v
----
NULL

SELECT regexp_replace('a', 'a', NULL) AS v
----
NULL

SELECT regexp_replace('a.b', '.', 'x') AS v
----
xxx
