# Truth values with NULL, IS, IN, BETWEEN and the conditional functions.
# area: nulls
# source: Spark 4.1

SELECT true AND true AS v
----
true

SELECT true OR true AS v
----
true

SELECT true = true AS v
----
true

SELECT true <=> true AS v
----
true

SELECT true IS DISTINCT FROM true AS v
----
false

SELECT true AND false AS v
----
false

SELECT true OR false AS v
----
true

SELECT true = false AS v
----
false

SELECT true <=> false AS v
----
false

SELECT true IS DISTINCT FROM false AS v
----
true

SELECT true AND NULL AS v
----
NULL

SELECT true OR NULL AS v
----
true

SELECT true = NULL AS v
----
NULL

SELECT true <=> NULL AS v
----
false

SELECT true IS DISTINCT FROM NULL AS v
----
true

SELECT NOT true AS v
----
false

SELECT true IS NULL AS v
----
false

SELECT true IS NOT NULL AS v
----
true

SELECT true IS TRUE AS v
----
true

SELECT true IS NOT TRUE AS v
----
false

SELECT true IS FALSE AS v
----
false

SELECT true IS NOT FALSE AS v
----
true

SELECT true IS UNKNOWN AS v
----
false

SELECT true IS NOT UNKNOWN AS v
----
true

SELECT ! true AS v
----
false

SELECT if(true, 1, 2) AS v
----
1

SELECT CASE WHEN true THEN 1 ELSE 2 END AS v
----
1

SELECT CASE WHEN true THEN 1 END AS v
----
1

SELECT nvl2(true, 'a', 'b') AS v
----
a

SELECT isnull(true) AS v
----
false

SELECT isnotnull(true) AS v
----
true

SELECT false AND true AS v
----
false

SELECT false OR true AS v
----
true

SELECT false = true AS v
----
false

SELECT false <=> true AS v
----
false

SELECT false IS DISTINCT FROM true AS v
----
true

SELECT false AND false AS v
----
false

SELECT false OR false AS v
----
false

SELECT false = false AS v
----
true

SELECT false <=> false AS v
----
true

SELECT false IS DISTINCT FROM false AS v
----
false

SELECT false AND NULL AS v
----
false

SELECT false OR NULL AS v
----
NULL

SELECT false = NULL AS v
----
NULL

SELECT false <=> NULL AS v
----
false

SELECT false IS DISTINCT FROM NULL AS v
----
true

SELECT NOT false AS v
----
true

SELECT false IS NULL AS v
----
false

SELECT false IS NOT NULL AS v
----
true

SELECT false IS TRUE AS v
----
false

SELECT false IS NOT TRUE AS v
----
true

SELECT false IS FALSE AS v
----
true

SELECT false IS NOT FALSE AS v
----
false

SELECT false IS UNKNOWN AS v
----
false

SELECT false IS NOT UNKNOWN AS v
----
true

SELECT ! false AS v
----
true

SELECT if(false, 1, 2) AS v
----
2

SELECT CASE WHEN false THEN 1 ELSE 2 END AS v
----
2

SELECT CASE WHEN false THEN 1 END AS v
----
NULL

SELECT nvl2(false, 'a', 'b') AS v
----
a

SELECT isnull(false) AS v
----
false

SELECT isnotnull(false) AS v
----
true

SELECT NULL AND true AS v
----
NULL

SELECT NULL OR true AS v
----
true

SELECT NULL = true AS v
----
NULL

SELECT NULL <=> true AS v
----
false

SELECT NULL IS DISTINCT FROM true AS v
----
true

SELECT NULL AND false AS v
----
false

SELECT NULL OR false AS v
----
NULL

SELECT NULL = false AS v
----
NULL

SELECT NULL <=> false AS v
----
false

SELECT NULL IS DISTINCT FROM false AS v
----
true

SELECT NULL AND NULL AS v
----
NULL

SELECT NULL OR NULL AS v
----
NULL

SELECT NULL = NULL AS v
----
NULL

SELECT NULL <=> NULL AS v
----
true

SELECT NULL IS DISTINCT FROM NULL AS v
----
false

SELECT NOT NULL AS v
----
NULL

SELECT NULL IS NULL AS v
----
true

SELECT NULL IS NOT NULL AS v
----
false

SELECT NULL IS TRUE AS v
----
false

SELECT NULL IS NOT TRUE AS v
----
true

SELECT NULL IS FALSE AS v
----
false

SELECT NULL IS NOT FALSE AS v
----
true

SELECT NULL IS UNKNOWN AS v
----
true

SELECT NULL IS NOT UNKNOWN AS v
----
false

SELECT ! NULL AS v
----
NULL

SELECT if(NULL, 1, 2) AS v
----
2

SELECT nvl2(NULL, 'a', 'b') AS v
----
b

SELECT isnull(NULL) AS v
----
true

SELECT isnotnull(NULL) AS v
----
false

SELECT 1 IS NULL AS v
----
false

SELECT 'true' AND true AS v
----
true

SELECT 'x' AND true AS v
----
error CAST_INVALID_INPUT 22018

SELECT NOT 1 AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT NOT 'false' AS v
----
true

SELECT 1 IN (1, NULL) AS v
----
true

SELECT 2 IN (1, NULL) AS v
----
NULL

SELECT NULL IN (1, 2) AS v
----
NULL

SELECT 2 NOT IN (1, NULL) AS v
----
NULL

SELECT 1 NOT IN (1, NULL) AS v
----
false

SELECT NULL NOT IN (1) AS v
----
NULL

SELECT 1 IN (1.0, 2) AS v
----
true

SELECT 1 IN ('1', '2') AS v
----
true

SELECT 1 IN ('x') AS v
----
error CAST_INVALID_INPUT 22018

SELECT 1 IN (true) AS v
----
error DATATYPE_MISMATCH.DATA_DIFF_TYPES 42K09

SELECT 1 BETWEEN 0 AND 2 AS v
----
true

SELECT 1 NOT BETWEEN 0 AND 2 AS v
----
false

SELECT 1 BETWEEN 2 AND 0 AS v
----
false

SELECT NULL BETWEEN 0 AND 2 AS v
----
NULL

SELECT 1 BETWEEN NULL AND 2 AS v
----
NULL

SELECT 1 BETWEEN 2 AND NULL AS v
----
false

SELECT 1 BETWEEN '0' AND '2' AS v
----
true

SELECT 1.5 BETWEEN 1 AND 2 AS v
----
true

SELECT coalesce(NULL, NULL) AS v
----
NULL

SELECT coalesce(NULL, 1, 2) AS v
----
1

SELECT coalesce(1, 1 / 0) AS v
----
1

SELECT coalesce(NULL, 'a', 1) AS v
----
error CAST_INVALID_INPUT 22018

SELECT coalesce(1, 2.5) AS v
----
1.0

SELECT coalesce(1, 'x') AS v
----
1

SELECT nvl(NULL, 1) AS v
----
1

SELECT nvl(1, 2L) AS v
----
1

SELECT ifnull(NULL, 'x') AS v
----
x

SELECT nullif(1, 1) AS v
----
NULL

SELECT nullif(1, 2) AS v
----
1

SELECT nullif(NULL, 1) AS v
----
NULL

SELECT nullif(1, NULL) AS v
----
1

SELECT nullif(1, 1.0) AS v
----
NULL

SELECT nullif('a', 'A') AS v
----
a

SELECT nullif(1, 'x') AS v
----
error CAST_INVALID_INPUT 22018

SELECT typeof(nullif(1, 2L)) AS v
----
int

SELECT typeof(coalesce(NULL, NULL)) AS v
----
void

SELECT typeof(if(true, NULL, 1)) AS v
----
int

SELECT typeof(CASE WHEN true THEN 1 WHEN false THEN 2.5 ELSE 3L END) AS v
----
decimal(21,1)

SELECT typeof(nvl(1, 1.5D)) AS v
----
double

SELECT typeof(coalesce(1, '2')) AS v
----
bigint

SELECT typeof(if(true, 1, 'a')) AS v
----
bigint

SELECT CASE 1 WHEN 1 THEN 'a' WHEN 2 THEN 'b' ELSE 'c' END AS v
----
a

SELECT CASE 3 WHEN 1 THEN 'a' WHEN 2 THEN 'b' END AS v
----
NULL

SELECT CASE NULL WHEN NULL THEN 'a' ELSE 'b' END AS v
----
b

SELECT CASE 1 WHEN '1' THEN 'a' END AS v
----
a

SELECT CASE 1 WHEN 1.0 THEN 'a' END AS v
----
a

SELECT CASE WHEN false THEN 1 / 0 ELSE 2 END AS v
----
2

SELECT CASE WHEN true THEN 1 ELSE 'x' END AS v
----
1

SELECT CASE WHEN 1 THEN 2 END AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT CASE 'a' WHEN 'A' THEN 1 ELSE 2 END AS v
----
2

SELECT if(false, 1 / 0, 3) AS v
----
3

SELECT if(1 > 0, 'yes', 'no') AS v
----
yes

SELECT if('true', 1, 2) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT if(1, 2, 3) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT greatest(1, NULL, 3) AS v
----
3

SELECT least(1, NULL, 3) AS v
----
1

SELECT greatest(NULL, NULL) AS v
----
NULL

SELECT greatest(1) AS v
----
error WRONG_NUM_ARGS.WITHOUT_SUGGESTION 42605

SELECT greatest(1, 2.5) AS v
----
2.5

SELECT greatest(true, false) AS v
----
true

SELECT greatest(1, true) AS v
----
error DATATYPE_MISMATCH.DATA_DIFF_TYPES 42K09

SELECT 1 <=> NULL AS v
----
false

SELECT 1 IS NOT DISTINCT FROM 1.0 AS v
----
true

SELECT NULL IS DISTINCT FROM 1 AS v
----
true

SELECT NULL <> 1 AS v
----
NULL

SELECT NULL + 1 AS v
----
NULL

SELECT NULL || 'a' AS v
----
NULL

SELECT concat(NULL) AS v
----
NULL

SELECT - NULL AS v
----
NULL

SELECT typeof(NULL) AS v
----
void

SELECT typeof(NULL + 1) AS v
----
int

SELECT typeof(NULL AND true) AS v
----
boolean

SELECT typeof(NULL = 1) AS v
----
boolean

SELECT 1 = 1 AND NULL IS NULL AS v
----
true

SELECT false AND 1 / 0 = 1 AS v
----
false

SELECT assert_true(true) AS v
----
NULL

SELECT assert_true(false) AS v
----
error USER_RAISED_EXCEPTION P0001

SELECT assert_true(NULL) AS v
----
error USER_RAISED_EXCEPTION P0001

SELECT assert_true(false, 'no') AS v
----
error USER_RAISED_EXCEPTION P0001

SELECT raise_error('my message') AS v
----
error USER_RAISED_EXCEPTION P0001

SELECT assert_true(1) AS v
----
error DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09
