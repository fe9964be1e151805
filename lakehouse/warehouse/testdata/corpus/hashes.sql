# Hashes, hexadecimal and base 64, of text, bytes and numbers.
# area: hashes
# source: Spark 4.1

SELECT md5('') AS v
----
d41d8cd98f00b204e9800998ecf8427e

SELECT sha1('') AS v
----
da39a3ee5e6b4b0d3255bfef95601890afd80709

SELECT sha('') AS v
----
da39a3ee5e6b4b0d3255bfef95601890afd80709

SELECT sha2('', 256) AS v
----
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855

SELECT sha2('', 0) AS v
----
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855

SELECT hex('') AS v
----
(empty)

SELECT base64('') AS v
----
(empty)

SELECT xxhash64('') AS v
----
-7444071767201028348

SELECT md5('a') AS v
----
0cc175b9c0f1b6a831c399e269772661

SELECT sha1('a') AS v
----
86f7e437faa5a7fce15d1ddcb9eaeaea377667b8

SELECT sha('a') AS v
----
86f7e437faa5a7fce15d1ddcb9eaeaea377667b8

SELECT sha2('a', 256) AS v
----
ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb

SELECT sha2('a', 0) AS v
----
ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb

SELECT hex('a') AS v
----
61

SELECT base64('a') AS v
----
YQ==

SELECT xxhash64('a') AS v
----
-8582455328737087284

SELECT md5('é') AS v
----
66ddcd97cfdeabb2f6fb8a999b4bc76f

SELECT sha1('é') AS v
----
bf15be717ac1b080b4f1c456692825891ff5073d

SELECT sha('é') AS v
----
bf15be717ac1b080b4f1c456692825891ff5073d

SELECT sha2('é', 256) AS v
----
4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c

SELECT sha2('é', 0) AS v
----
4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c

SELECT hex('é') AS v
----
C3A9

SELECT base64('é') AS v
----
w6k=

SELECT xxhash64('é') AS v
----
2065146811275570100

SELECT md5(X'') AS v
----
d41d8cd98f00b204e9800998ecf8427e

SELECT sha1(X'') AS v
----
da39a3ee5e6b4b0d3255bfef95601890afd80709

SELECT sha(X'') AS v
----
da39a3ee5e6b4b0d3255bfef95601890afd80709

SELECT sha2(X'', 256) AS v
----
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855

SELECT sha2(X'', 0) AS v
----
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855

SELECT hex(X'') AS v
----
(empty)

SELECT base64(X'') AS v
----
(empty)

SELECT xxhash64(X'') AS v
----
-7444071767201028348

SELECT md5(X'00') AS v
----
93b885adfe0da089cdf634904fd59f71

SELECT sha1(X'00') AS v
----
5ba93c9db0cff93f52b521d7420e43f6eda2784f

SELECT sha(X'00') AS v
----
5ba93c9db0cff93f52b521d7420e43f6eda2784f

SELECT sha2(X'00', 256) AS v
----
6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d

SELECT sha2(X'00', 0) AS v
----
6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d

SELECT hex(X'00') AS v
----
00

SELECT base64(X'00') AS v
----
AA==

SELECT xxhash64(X'00') AS v
----
-8959994473701255385

SELECT md5(NULL) AS v
----
NULL

SELECT sha1(NULL) AS v
----
NULL

SELECT sha(NULL) AS v
----
NULL

SELECT sha2(NULL, 256) AS v
----
NULL

SELECT sha2(NULL, 0) AS v
----
NULL

SELECT hex(NULL) AS v
----
NULL

SELECT base64(NULL) AS v
----
NULL

SELECT xxhash64(NULL) AS v
----
42

SELECT md5(1) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT sha1(1) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT sha(1) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT sha2(1, 256) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT sha2(1, 0) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT hex(1) AS v
----
1

SELECT base64(1) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT xxhash64(1) AS v
----
-6698625589789238999

SELECT md5(1.5) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT sha1(1.5) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT sha(1.5) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT sha2(1.5, 256) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT sha2(1.5, 0) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT base64(1.5) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT xxhash64(1Y) AS v
----
-6698625589789238999

SELECT xxhash64(1S) AS v
----
-6698625589789238999

SELECT xxhash64(1L) AS v
----
-7001672635703045582

SELECT xxhash64(true) AS v
----
-6698625589789238999

SELECT xxhash64(false) AS v
----
3614696996920510707

SELECT xxhash64(1.0D) AS v
----
-2162451265447482029

SELECT xxhash64(-0.0D) AS v
----
-5252525462095825812

SELECT xxhash64(0.0D) AS v
----
-5252525462095825812

SELECT xxhash64(CAST(1 AS FLOAT)) AS v
----
700633588856507837

SELECT xxhash64(CAST('NaN' AS DOUBLE)) AS v
----
-3127944061524951246

SELECT xxhash64(DATE '2024-01-02') AS v
----
2483697508354006915

SELECT xxhash64(TIMESTAMP '2024-01-02 03:04:05') AS v
----
3399828698716617085

SELECT xxhash64('a', 'b') AS v
----
-7357372313250070212

SELECT xxhash64('ab', NULL) AS v
----
2710560539726725091

SELECT xxhash64(NULL, NULL) AS v
----
42

SELECT xxhash64(1, 2, 3) AS v
----
8592097078962733837

SELECT xxhash64(array(1, 2)) AS v
----
-8133857028838179022

SELECT xxhash64(array('a', NULL)) AS v
----
-8582455328737087284

SELECT xxhash64('The quick brown fox jumps over the lazy dog, twice.') AS v
----
-7832108766258816934

SELECT hex(17) AS v
----
11

SELECT hex(-1) AS v
----
FFFFFFFFFFFFFFFF

SELECT hex(-1L) AS v
----
FFFFFFFFFFFFFFFF

SELECT hex(255Y) AS v
----
error INVALID_NUMERIC_LITERAL_RANGE 22003

SELECT hex(0) AS v
----
0

SELECT hex('Spark') AS v
----
537061726B

SELECT hex(X'0F') AS v
----
0F

SELECT unhex('4142') AS v
----
AB

SELECT unhex('4') AS v
----


SELECT hex(unhex('F')) AS v
----
0F

SELECT unhex('xx') AS v
----
NULL

SELECT unhex(NULL) AS v
----
NULL

SELECT unhex('') AS v
----
(empty)

SELECT CAST(unhex('4142') AS STRING) AS v
----
AB

SELECT hex(CAST('é' AS BINARY)) AS v
----
C3A9

SELECT length(X'C3A9') AS v
----
2

SELECT length(CAST(X'C3A9' AS STRING)) AS v
----
1

SELECT CAST(unbase64('YWJj') AS STRING) AS v
----
abc

SELECT unbase64('') AS v
----
(empty)

SELECT unbase64(NULL) AS v
----
NULL

SELECT base64('abc') AS v
----
YWJj

SELECT base64(X'00FF') AS v
----
AP8=

SELECT hex(concat(X'01', X'02')) AS v
----
0102

SELECT hex(X'01' || X'02') AS v
----
0102

SELECT X'41' = 'A' AS v
----
true

SELECT X'41' < X'42' AS v
----
true

SELECT typeof(X'41') AS v
----
binary

SELECT typeof(unhex('41')) AS v
----
binary

SELECT typeof(md5('a')) AS v
----
string

SELECT typeof(xxhash64(1)) AS v
----
bigint

SELECT typeof(sha2('a', 256)) AS v
----
string

SELECT hex(encode('é', 'UTF-8')) AS v
----
C3A9

SELECT decode(X'C3A9', 'UTF-8') AS v
----
é

SELECT encode(NULL, 'UTF-8') AS v
----
NULL

SELECT hex(reverse('ab')) AS v
----
6261
