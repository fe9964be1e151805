# Functions of one text, over ASCII, accents, characters beyond the basic plane, numbers and NULL.
# area: text
# source: Spark 4.1

SELECT concat('<', upper('hello'), '>') AS v
----
<HELLO>

SELECT concat('<', upper('Héllo'), '>') AS v
----
<HÉLLO>

SELECT concat('<', upper('😀ab'), '>') AS v
----
<😀AB>

SELECT concat('<', upper(''), '>') AS v
----
<>

SELECT concat('<', upper(NULL), '>') AS v
----
NULL

SELECT concat('<', upper(12345), '>') AS v
----
<12345>

SELECT concat('<', upper(1.50), '>') AS v
----
<1.50>

SELECT concat('<', upper(true), '>') AS v
----
<TRUE>

SELECT concat('<', upper(DATE '2024-01-02'), '>') AS v
----
<2024-01-02>

SELECT concat('<', upper(' a '), '>') AS v
----
< A >

SELECT concat('<', lower('hello'), '>') AS v
----
<hello>

SELECT concat('<', lower('Héllo'), '>') AS v
----
<héllo>

SELECT concat('<', lower('😀ab'), '>') AS v
----
<😀ab>

SELECT concat('<', lower(''), '>') AS v
----
<>

SELECT concat('<', lower(NULL), '>') AS v
----
NULL

SELECT concat('<', lower(12345), '>') AS v
----
<12345>

SELECT concat('<', lower(1.50), '>') AS v
----
<1.50>

SELECT concat('<', lower(true), '>') AS v
----
<true>

SELECT concat('<', lower(DATE '2024-01-02'), '>') AS v
----
<2024-01-02>

SELECT concat('<', lower(' a '), '>') AS v
----
< a >

SELECT concat('<', length('hello'), '>') AS v
----
<5>

SELECT concat('<', length('Héllo'), '>') AS v
----
<5>

SELECT concat('<', length('😀ab'), '>') AS v
----
<3>

SELECT concat('<', length(''), '>') AS v
----
<0>

SELECT concat('<', length(NULL), '>') AS v
----
NULL

SELECT concat('<', length(12345), '>') AS v
----
<5>

SELECT concat('<', length(1.50), '>') AS v
----
<4>

SELECT concat('<', length(true), '>') AS v
----
<4>

SELECT concat('<', length(DATE '2024-01-02'), '>') AS v
----
<10>

SELECT concat('<', length(' a '), '>') AS v
----
<3>

SELECT concat('<', char_length('hello'), '>') AS v
----
<5>

SELECT concat('<', char_length('Héllo'), '>') AS v
----
<5>

SELECT concat('<', char_length('😀ab'), '>') AS v
----
<3>

SELECT concat('<', char_length(''), '>') AS v
----
<0>

SELECT concat('<', char_length(NULL), '>') AS v
----
NULL

SELECT concat('<', char_length(12345), '>') AS v
----
<5>

SELECT concat('<', char_length(1.50), '>') AS v
----
<4>

SELECT concat('<', char_length(true), '>') AS v
----
<4>

SELECT concat('<', char_length(DATE '2024-01-02'), '>') AS v
----
<10>

SELECT concat('<', char_length(' a '), '>') AS v
----
<3>

SELECT concat('<', reverse('hello'), '>') AS v
----
<olleh>

SELECT concat('<', reverse('Héllo'), '>') AS v
----
<olléH>

SELECT concat('<', reverse('😀ab'), '>') AS v
----
<ba😀>

SELECT concat('<', reverse(''), '>') AS v
----
<>

SELECT concat('<', reverse(NULL), '>') AS v
----
NULL

SELECT concat('<', reverse(12345), '>') AS v
----
<54321>

SELECT concat('<', reverse(1.50), '>') AS v
----
<05.1>

SELECT concat('<', reverse(true), '>') AS v
----
<eurt>

SELECT concat('<', reverse(DATE '2024-01-02'), '>') AS v
----
<20-10-4202>

SELECT concat('<', reverse(' a '), '>') AS v
----
< a >

SELECT concat('<', trim('hello'), '>') AS v
----
<hello>

SELECT concat('<', trim('Héllo'), '>') AS v
----
<Héllo>

SELECT concat('<', trim('😀ab'), '>') AS v
----
<😀ab>

SELECT concat('<', trim(''), '>') AS v
----
<>

SELECT concat('<', trim(NULL), '>') AS v
----
NULL

SELECT concat('<', trim(12345), '>') AS v
----
<12345>

SELECT concat('<', trim(1.50), '>') AS v
----
<1.50>

SELECT concat('<', trim(true), '>') AS v
----
<true>

SELECT concat('<', trim(DATE '2024-01-02'), '>') AS v
----
<2024-01-02>

SELECT concat('<', trim(' a '), '>') AS v
----
<a>

SELECT concat('<', ltrim('hello'), '>') AS v
----
<hello>

SELECT concat('<', ltrim('Héllo'), '>') AS v
----
<Héllo>

SELECT concat('<', ltrim('😀ab'), '>') AS v
----
<😀ab>

SELECT concat('<', ltrim(''), '>') AS v
----
<>

SELECT concat('<', ltrim(NULL), '>') AS v
----
NULL

SELECT concat('<', ltrim(12345), '>') AS v
----
<12345>

SELECT concat('<', ltrim(1.50), '>') AS v
----
<1.50>

SELECT concat('<', ltrim(true), '>') AS v
----
<true>

SELECT concat('<', ltrim(DATE '2024-01-02'), '>') AS v
----
<2024-01-02>

SELECT concat('<', ltrim(' a '), '>') AS v
----
<a >

SELECT concat('<', rtrim('hello'), '>') AS v
----
<hello>

SELECT concat('<', rtrim('Héllo'), '>') AS v
----
<Héllo>

SELECT concat('<', rtrim('😀ab'), '>') AS v
----
<😀ab>

SELECT concat('<', rtrim(''), '>') AS v
----
<>

SELECT concat('<', rtrim(NULL), '>') AS v
----
NULL

SELECT concat('<', rtrim(12345), '>') AS v
----
<12345>

SELECT concat('<', rtrim(1.50), '>') AS v
----
<1.50>

SELECT concat('<', rtrim(true), '>') AS v
----
<true>

SELECT concat('<', rtrim(DATE '2024-01-02'), '>') AS v
----
<2024-01-02>

SELECT concat('<', rtrim(' a '), '>') AS v
----
< a>

SELECT ascii('hello') AS v
----
104

SELECT ascii('Héllo') AS v
----
72

SELECT ascii('😀ab') AS v
----
128512

SELECT ascii('') AS v
----
0

SELECT ascii(NULL) AS v
----
NULL

SELECT ascii(12345) AS v
----
49

SELECT hex('hello') AS v
----
68656C6C6F

SELECT hex('Héllo') AS v
----
48C3A96C6C6F

SELECT hex('😀ab') AS v
----
F09F98806162

SELECT hex('') AS v
----
(empty)

SELECT hex(NULL) AS v
----
NULL

SELECT hex(12345) AS v
----
3039

SELECT md5('hello') AS v
----
5d41402abc4b2a76b9719d911017c592

SELECT md5('Héllo') AS v
----
7bcccc0ef7ab321fc90eadb112c3b81b

SELECT md5('😀ab') AS v
----
baa92254cdf79ed3861b6472bbd6c832

SELECT md5('') AS v
----
d41d8cd98f00b204e9800998ecf8427e

SELECT md5(NULL) AS v
----
NULL

SELECT md5(12345) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT base64('hello') AS v
----
aGVsbG8=

SELECT base64('Héllo') AS v
----
SMOpbGxv

SELECT base64('😀ab') AS v
----
8J+YgGFi

SELECT base64('') AS v
----
(empty)

SELECT base64(NULL) AS v
----
NULL

SELECT base64(12345) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT ucase('hello') AS v
----
HELLO

SELECT ucase('Héllo') AS v
----
HÉLLO

SELECT ucase('😀ab') AS v
----
😀AB

SELECT ucase('') AS v
----
(empty)

SELECT ucase(NULL) AS v
----
NULL

SELECT ucase(12345) AS v
----
12345

SELECT lcase('hello') AS v
----
hello

SELECT lcase('Héllo') AS v
----
héllo

SELECT lcase('😀ab') AS v
----
😀ab

SELECT lcase('') AS v
----
(empty)

SELECT lcase(NULL) AS v
----
NULL

SELECT lcase(12345) AS v
----
12345

SELECT character_length('hello') AS v
----
5

SELECT character_length('Héllo') AS v
----
5

SELECT character_length('😀ab') AS v
----
3

SELECT character_length('') AS v
----
0

SELECT character_length(NULL) AS v
----
NULL

SELECT character_length(12345) AS v
----
5
