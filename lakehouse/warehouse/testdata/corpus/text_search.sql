# Positions, prefixes, replacements and parts of text.
# area: text
# source: Spark 4.1

SELECT instr('hello', 'l') AS v
----
3

SELECT locate('l', 'hello') AS v
----
3

SELECT position('l' IN 'hello') AS v
----
3

SELECT contains('hello', 'l') AS v
----
true

SELECT startswith('hello', 'l') AS v
----
false

SELECT endswith('hello', 'l') AS v
----
false

SELECT instr('hello', 'lo') AS v
----
4

SELECT locate('lo', 'hello') AS v
----
4

SELECT position('lo' IN 'hello') AS v
----
4

SELECT contains('hello', 'lo') AS v
----
true

SELECT startswith('hello', 'lo') AS v
----
false

SELECT endswith('hello', 'lo') AS v
----
true

SELECT instr('hello', '') AS v
----
1

SELECT locate('', 'hello') AS v
----
1

SELECT position('' IN 'hello') AS v
----
1

SELECT contains('hello', '') AS v
----
true

SELECT startswith('hello', '') AS v
----
true

SELECT endswith('hello', '') AS v
----
true

SELECT instr('hello', 'z') AS v
----
0

SELECT locate('z', 'hello') AS v
----
0

SELECT position('z' IN 'hello') AS v
----
0

SELECT contains('hello', 'z') AS v
----
false

SELECT startswith('hello', 'z') AS v
----
false

SELECT endswith('hello', 'z') AS v
----
false

SELECT instr('hello', NULL) AS v
----
NULL

SELECT locate(NULL, 'hello') AS v
----
NULL

SELECT position(NULL IN 'hello') AS v
----
NULL

SELECT contains('hello', NULL) AS v
----
NULL

SELECT startswith('hello', NULL) AS v
----
NULL

SELECT endswith('hello', NULL) AS v
----
NULL

SELECT instr('hello', '😀') AS v
----
0

SELECT locate('😀', 'hello') AS v
----
0

SELECT position('😀' IN 'hello') AS v
----
0

SELECT contains('hello', '😀') AS v
----
false

SELECT startswith('hello', '😀') AS v
----
false

SELECT endswith('hello', '😀') AS v
----
false

SELECT instr('héllo😀', 'l') AS v
----
3

SELECT locate('l', 'héllo😀') AS v
----
3

SELECT position('l' IN 'héllo😀') AS v
----
3

SELECT contains('héllo😀', 'l') AS v
----
true

SELECT startswith('héllo😀', 'l') AS v
----
false

SELECT endswith('héllo😀', 'l') AS v
----
false

SELECT instr('héllo😀', 'lo') AS v
----
4

SELECT locate('lo', 'héllo😀') AS v
----
4

SELECT position('lo' IN 'héllo😀') AS v
----
4

SELECT contains('héllo😀', 'lo') AS v
----
true

SELECT startswith('héllo😀', 'lo') AS v
----
false

SELECT endswith('héllo😀', 'lo') AS v
----
false

SELECT instr('héllo😀', '') AS v
----
1

SELECT locate('', 'héllo😀') AS v
----
1

SELECT position('' IN 'héllo😀') AS v
----
1

SELECT contains('héllo😀', '') AS v
----
true

SELECT startswith('héllo😀', '') AS v
----
true

SELECT endswith('héllo😀', '') AS v
----
true

SELECT instr('héllo😀', 'z') AS v
----
0

SELECT locate('z', 'héllo😀') AS v
----
0

SELECT position('z' IN 'héllo😀') AS v
----
0

SELECT contains('héllo😀', 'z') AS v
----
false

SELECT startswith('héllo😀', 'z') AS v
----
false

SELECT endswith('héllo😀', 'z') AS v
----
false

SELECT instr('héllo😀', NULL) AS v
----
NULL

SELECT locate(NULL, 'héllo😀') AS v
----
NULL

SELECT position(NULL IN 'héllo😀') AS v
----
NULL

SELECT contains('héllo😀', NULL) AS v
----
NULL

SELECT startswith('héllo😀', NULL) AS v
----
NULL

SELECT endswith('héllo😀', NULL) AS v
----
NULL

SELECT instr('héllo😀', '😀') AS v
----
6

SELECT locate('😀', 'héllo😀') AS v
----
6

SELECT position('😀' IN 'héllo😀') AS v
----
6

SELECT contains('héllo😀', '😀') AS v
----
true

SELECT startswith('héllo😀', '😀') AS v
----
false

SELECT endswith('héllo😀', '😀') AS v
----
true

SELECT instr('', 'l') AS v
----
0

SELECT locate('l', '') AS v
----
0

SELECT position('l' IN '') AS v
----
0

SELECT contains('', 'l') AS v
----
false

SELECT startswith('', 'l') AS v
----
false

SELECT endswith('', 'l') AS v
----
false

SELECT instr('', 'lo') AS v
----
0

SELECT locate('lo', '') AS v
----
0

SELECT position('lo' IN '') AS v
----
0

SELECT contains('', 'lo') AS v
----
false

SELECT startswith('', 'lo') AS v
----
false

SELECT endswith('', 'lo') AS v
----
false

SELECT instr('', '') AS v
----
1

SELECT locate('', '') AS v
----
1

SELECT position('' IN '') AS v
----
1

SELECT contains('', '') AS v
----
true

SELECT startswith('', '') AS v
----
true

SELECT endswith('', '') AS v
----
true

SELECT instr('', 'z') AS v
----
0

SELECT locate('z', '') AS v
----
0

SELECT position('z' IN '') AS v
----
0

SELECT contains('', 'z') AS v
----
false

SELECT startswith('', 'z') AS v
----
false

SELECT endswith('', 'z') AS v
----
false

SELECT instr('', NULL) AS v
----
NULL

SELECT locate(NULL, '') AS v
----
NULL

SELECT position(NULL IN '') AS v
----
NULL

SELECT contains('', NULL) AS v
----
NULL

SELECT startswith('', NULL) AS v
----
NULL

SELECT endswith('', NULL) AS v
----
NULL

SELECT instr('', '😀') AS v
----
0

SELECT locate('😀', '') AS v
----
0

SELECT position('😀' IN '') AS v
----
0

SELECT contains('', '😀') AS v
----
false

SELECT startswith('', '😀') AS v
----
false

SELECT endswith('', '😀') AS v
----
false

SELECT instr(NULL, 'l') AS v
----
NULL

SELECT locate('l', NULL) AS v
----
NULL

SELECT position('l' IN NULL) AS v
----
NULL

SELECT contains(NULL, 'l') AS v
----
NULL

SELECT startswith(NULL, 'l') AS v
----
NULL

SELECT endswith(NULL, 'l') AS v
----
NULL

SELECT instr(NULL, 'lo') AS v
----
NULL

SELECT locate('lo', NULL) AS v
----
NULL

SELECT position('lo' IN NULL) AS v
----
NULL

SELECT contains(NULL, 'lo') AS v
----
NULL

SELECT startswith(NULL, 'lo') AS v
----
NULL

SELECT endswith(NULL, 'lo') AS v
----
NULL

SELECT instr(NULL, '') AS v
----
NULL

SELECT locate('', NULL) AS v
----
NULL

SELECT position('' IN NULL) AS v
----
NULL

SELECT contains(NULL, '') AS v
----
NULL

SELECT startswith(NULL, '') AS v
----
NULL

SELECT endswith(NULL, '') AS v
----
NULL

SELECT instr(NULL, 'z') AS v
----
NULL

SELECT locate('z', NULL) AS v
----
NULL

SELECT position('z' IN NULL) AS v
----
NULL

SELECT contains(NULL, 'z') AS v
----
NULL

SELECT startswith(NULL, 'z') AS v
----
NULL

SELECT endswith(NULL, 'z') AS v
----
NULL

SELECT instr(NULL, NULL) AS v
----
NULL

SELECT locate(NULL, NULL) AS v
----
NULL

SELECT position(NULL IN NULL) AS v
----
NULL

SELECT contains(NULL, NULL) AS v
----
NULL

SELECT startswith(NULL, NULL) AS v
----
NULL

SELECT endswith(NULL, NULL) AS v
----
NULL

SELECT instr(NULL, '😀') AS v
----
NULL

SELECT locate('😀', NULL) AS v
----
NULL

SELECT position('😀' IN NULL) AS v
----
NULL

SELECT contains(NULL, '😀') AS v
----
NULL

SELECT startswith(NULL, '😀') AS v
----
NULL

SELECT endswith(NULL, '😀') AS v
----
NULL

SELECT replace('hello', 'l', 'L') AS v
----
heLLo

SELECT replace('hello', 'l') AS v
----
heo

SELECT replace('hello', '', 'x') AS v
----
hello

SELECT replace('hello', 'lo', NULL) AS v
----
NULL

SELECT replace(NULL, 'a', 'b') AS v
----
NULL

SELECT replace('aaa', 'aa', 'b') AS v
----
ba

SELECT translate('hello', 'el', 'ip') AS v
----
hippo

SELECT translate('hello', 'el', 'i') AS v
----
hio

SELECT translate('hello', '', 'x') AS v
----
hello

SELECT translate('hello', 'h', '') AS v
----
ello

SELECT translate(NULL, 'a', 'b') AS v
----
NULL

SELECT translate('😀a', '😀', 'x') AS v
----
xa

SELECT split_part('a,b,c', ',', 1) AS v
----
a

SELECT split_part('a,b,c', ',', -1) AS v
----
c

SELECT split_part('a,b,c', ',', 4) = '' AS v
----
true

SELECT split_part('a,b,c', ',', 0) AS v
----
error INVALID_INDEX_OF_ZERO 22003

SELECT split_part('abc', '', 1) AS v
----
abc

SELECT split_part(NULL, ',', 1) AS v
----
NULL

SELECT split_part('a||b', '||', 2) AS v
----
b

SELECT split('a,b,c', ',') AS v
----
["a","b","c"]

SELECT split('a1b22c', '[0-9]+') AS v
----
["a","b","c"]

SELECT split('', ',') AS v
----
[""]

SELECT split('abc', '') AS v
----
["a","b","c"]

SELECT split('a,b,', ',') AS v
----
["a","b",""]

SELECT split(NULL, ',') AS v
----
NULL

SELECT split('a.b', '.') AS v
----
["","","",""]

SELECT split('a.b', '\\.') AS v
----
["a","b"]

SELECT chr(65) AS v
----
A

SELECT chr(233) AS v
----
é

SELECT chr(0) = '\0' AS v
----
true

SELECT chr(256) = chr(0) AS v
----
true

SELECT chr(-1) = '' AS v
----
true

SELECT chr(NULL) AS v
----
NULL

SELECT char(97) AS v
----
a

SELECT ascii('a') AS v
----
97

SELECT ascii('') AS v
----
0

SELECT ascii('😀') AS v
----
128512

SELECT ascii(NULL) AS v
----
NULL
