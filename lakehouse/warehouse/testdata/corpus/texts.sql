# Text: characters beyond ASCII and beyond the basic plane, positions, padding, patterns.
# area: text
# source: Spark 4.1

SELECT length('aé😀')
----
3

SELECT char_length('😀')
----
1

SELECT reverse('aé😀')
----
😀éa

SELECT lower('ÀÉ')
----
àé

SELECT substring('a😀b', 2, 1)
----
😀

SELECT substring('abc', -2)
----
bc

SELECT substring('abc', 0)
----
abc

SELECT length(substring('abc', 4)) AS v
----
0

SELECT length(substring('abc', 2, -1)) AS v
----
0

SELECT left('abc', 2)
----
ab

SELECT right('abc', 2)
----
bc

SELECT substr('abc', -5, 4)
----
ab

SELECT lpad('abc', 2, 'x')
----
ab

SELECT rpad('abc', 5, 'xy')
----
abcxy

SELECT lpad('a', 3)
----
  a

SELECT lpad('a', 3, '')
----
a

SELECT repeat('ab', 2)
----
abab

SELECT length(repeat('ab', -1)) AS v
----
0

SELECT hex(space(2)) AS v
----
2020

SELECT trim('  a b  '), ltrim('  a'), rtrim('a  '), trim(BOTH 'x' FROM 'xxaxx'), trim(LEADING 'x' FROM 'xxaxx')
----
a b|a|a|a|axx

SELECT 'abc' LIKE 'a%'
----
true

SELECT 'abc' LIKE '_b_'
----
true

SELECT 'a%c' LIKE 'a\\%c'
----
true

SELECT 'a_c' LIKE 'a!_c' ESCAPE '!'
----
true

SELECT 'ABC' ILIKE 'abc'
----
true

SELECT 'a\nb' LIKE 'a%b'
----
true

SELECT NULL LIKE 'a'
----
NULL

SELECT regexp_extract('foo123bar', '([a-z]+)([0-9]+)', 2)
----
123

SELECT regexp_replace('a.b.c', '\\.', '-')
----
a-b-c

SELECT 'abc' RLIKE '^a.c$'
----
true

SELECT regexp_like('abc', 'B')
----
false

SELECT split('a,b,,c', ',')
----
["a","b","","c"]

SELECT split('abc', '')
----
["a","b","c"]

SELECT instr('hello', 'l')
----
3

SELECT length(replace('aaa', 'a', '')) AS v
----
0

SELECT translate('abc', 'ab', 'x')
----
xc

SELECT ascii('é')
----
233

SELECT char(233)
----
é

SELECT concat('a', NULL)
----
NULL

SELECT startswith('abc', 'ab')
----
true

SELECT endswith('abc', 'bc')
----
true

SELECT contains('abc', 'd')
----
false

SELECT split_part('a.b.c', '.', 2)
----
b

SELECT 'a' < 'B'
----
false

SELECT 'a' < 'é'
----
true

SELECT 'Z' < 'a'
----
true

SELECT '' = ' '
----
false

SELECT 'a' = 'a '
----
false

SELECT concat_ws('', 'a', 'b')
----
ab

SELECT 'a' || NULL
----
NULL

SELECT coalesce(NULL, '') || 'x'
----
x

SELECT nullif('a', 'a')
----
NULL

SELECT nvl2(NULL, 1, 2)
----
2

SELECT ifnull(NULL, 'd')
----
d

SELECT md5('')
----
d41d8cd98f00b204e9800998ecf8427e

SELECT sha1('a')
----
86f7e437faa5a7fce15d1ddcb9eaeaea377667b8

SELECT sha2('a', 256)
----
ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb

SELECT base64('abc')
----
YWJj

SELECT CAST(unbase64('YWJj') AS STRING)
----
abc

SELECT hex(unhex('0AFF'))
----
0AFF

SELECT CAST(X'C3A9' AS STRING)
----
é

SELECT length(X'C3A9')
----
2

SELECT hex(X'00FF') AS v
----
00FF

SELECT encode('é', 'UTF-8')
----
é

SELECT decode(X'C3A9', 'UTF-8')
----
é

SELECT hex(concat(X'01', X'02')) AS v
----
0102

SELECT '\''
----
'

SELECT "\""
----
"

SELECT '%\_'
----
%\_

SELECT '\%'
----
\%

SELECT '\x'
----
x

SELECT '\\d'
----
\d

SELECT CAST(' true ' AS BOOLEAN)
----
true

SELECT CAST('f' AS BOOLEAN)
----
false

SELECT CAST('1' AS BOOLEAN)
----
true

SELECT CAST('no' AS BOOLEAN)
----
false

SELECT CAST('maybe' AS BOOLEAN)
----
error CAST_INVALID_INPUT 22018

SELECT to_json(array('x', NULL))
----
["x",null]

SELECT to_json(map('k', NULL))
----
{"k":null}

SELECT get_json_object('{"a":{"b":[1,"x",null]}}', '$.a.b[1]')
----
x

SELECT get_json_object('{"a":1.0}', '$.a')
----
1.0

SELECT get_json_object('{"a":"é\\u00e9"}', '$.a')
----
éé

SELECT get_json_object('{"a":null}', '$.a')
----
NULL

SELECT get_json_object('nonsense', '$.a')
----
NULL

SELECT get_json_object('{"a":{"x" : 1}}', '$.a')
----
{"x":1}

SELECT from_json('{"a":"b"}', 'MAP<STRING,STRING>')
----
{"a":"b"}

SELECT from_json('{"a":null,"b":"1"}', 'MAP<STRING,STRING>')['a']
----
NULL

SELECT position('a' IN 'ba') AS x, position('c' IN 'ba') AS y
----
2|0
