# Comparisons of numbers with each other and with text.
# area: numbers
# source: Spark 4.1

SELECT 1 = 1L AS v
----
true

SELECT 1 < 1L AS v
----
false

SELECT 1 <=> 1L AS v
----
true

SELECT 1 >= 1L AS v
----
true

SELECT 1 <> 1L AS v
----
false

SELECT 1 != 1L AS v
----
false

SELECT 1 = 1.0 AS v
----
true

SELECT 1 < 1.0 AS v
----
false

SELECT 1 <=> 1.0 AS v
----
true

SELECT 1 >= 1.0 AS v
----
true

SELECT 1 <> 1.0 AS v
----
false

SELECT 1 != 1.0 AS v
----
false

SELECT 1 = 1D AS v
----
true

SELECT 1 < 1D AS v
----
false

SELECT 1 <=> 1D AS v
----
true

SELECT 1 >= 1D AS v
----
true

SELECT 1 <> 1D AS v
----
false

SELECT 1 != 1D AS v
----
false

SELECT 1 = '1' AS v
----
true

SELECT 1 < '1' AS v
----
false

SELECT 1 <=> '1' AS v
----
true

SELECT 1 >= '1' AS v
----
true

SELECT 1 <> '1' AS v
----
false

SELECT 1 != '1' AS v
----
false

SELECT 1 = '1.0' AS v
----
error CAST_INVALID_INPUT 22018

SELECT 1 < '1.0' AS v
----
error CAST_INVALID_INPUT 22018

SELECT 1 <=> '1.0' AS v
----
error CAST_INVALID_INPUT 22018

SELECT 1 >= '1.0' AS v
----
error CAST_INVALID_INPUT 22018

SELECT 1 <> '1.0' AS v
----
error CAST_INVALID_INPUT 22018

SELECT 1 != '1.0' AS v
----
error CAST_INVALID_INPUT 22018

SELECT 1.0 = '1.0' AS v
----
true

SELECT 1.0 < '1.0' AS v
----
false

SELECT 1.0 <=> '1.0' AS v
----
true

SELECT 1.0 >= '1.0' AS v
----
true

SELECT 1.0 <> '1.0' AS v
----
false

SELECT 1.0 != '1.0' AS v
----
false

SELECT 1.0 = 1.00 AS v
----
true

SELECT 1.0 < 1.00 AS v
----
false

SELECT 1.0 <=> 1.00 AS v
----
true

SELECT 1.0 >= 1.00 AS v
----
true

SELECT 1.0 <> 1.00 AS v
----
false

SELECT 1.0 != 1.00 AS v
----
false

SELECT 0.1 = 0.1D AS v
----
true

SELECT 0.1 < 0.1D AS v
----
false

SELECT 0.1 <=> 0.1D AS v
----
true

SELECT 0.1 >= 0.1D AS v
----
true

SELECT 0.1 <> 0.1D AS v
----
false

SELECT 0.1 != 0.1D AS v
----
false

SELECT 0.1D = CAST(0.1 AS FLOAT) AS v
----
false

SELECT 0.1D < CAST(0.1 AS FLOAT) AS v
----
true

SELECT 0.1D <=> CAST(0.1 AS FLOAT) AS v
----
false

SELECT 0.1D >= CAST(0.1 AS FLOAT) AS v
----
false

SELECT 0.1D <> CAST(0.1 AS FLOAT) AS v
----
true

SELECT 0.1D != CAST(0.1 AS FLOAT) AS v
----
true

SELECT 0.1 = CAST(0.1 AS FLOAT) AS v
----
false

SELECT 0.1 < CAST(0.1 AS FLOAT) AS v
----
true

SELECT 0.1 <=> CAST(0.1 AS FLOAT) AS v
----
false

SELECT 0.1 >= CAST(0.1 AS FLOAT) AS v
----
false

SELECT 0.1 <> CAST(0.1 AS FLOAT) AS v
----
true

SELECT 0.1 != CAST(0.1 AS FLOAT) AS v
----
true

SELECT CAST('NaN' AS DOUBLE) = CAST('NaN' AS DOUBLE) AS v
----
true

SELECT CAST('NaN' AS DOUBLE) < CAST('NaN' AS DOUBLE) AS v
----
false

SELECT CAST('NaN' AS DOUBLE) <=> CAST('NaN' AS DOUBLE) AS v
----
true

SELECT CAST('NaN' AS DOUBLE) >= CAST('NaN' AS DOUBLE) AS v
----
true

SELECT CAST('NaN' AS DOUBLE) <> CAST('NaN' AS DOUBLE) AS v
----
false

SELECT CAST('NaN' AS DOUBLE) != CAST('NaN' AS DOUBLE) AS v
----
false

SELECT CAST('NaN' AS DOUBLE) = CAST('Infinity' AS DOUBLE) AS v
----
false

SELECT CAST('NaN' AS DOUBLE) < CAST('Infinity' AS DOUBLE) AS v
----
false

SELECT CAST('NaN' AS DOUBLE) <=> CAST('Infinity' AS DOUBLE) AS v
----
false

SELECT CAST('NaN' AS DOUBLE) >= CAST('Infinity' AS DOUBLE) AS v
----
true

SELECT CAST('NaN' AS DOUBLE) <> CAST('Infinity' AS DOUBLE) AS v
----
true

SELECT CAST('NaN' AS DOUBLE) != CAST('Infinity' AS DOUBLE) AS v
----
true

SELECT 0.0D = -0.0D AS v
----
true

SELECT 0.0D < -0.0D AS v
----
false

SELECT 0.0D <=> -0.0D AS v
----
true

SELECT 0.0D >= -0.0D AS v
----
true

SELECT 0.0D <> -0.0D AS v
----
false

SELECT 0.0D != -0.0D AS v
----
false

SELECT NULL = 1 AS v
----
NULL

SELECT NULL < 1 AS v
----
NULL

SELECT NULL <=> 1 AS v
----
false

SELECT NULL >= 1 AS v
----
NULL

SELECT NULL <> 1 AS v
----
NULL

SELECT NULL != 1 AS v
----
NULL

SELECT NULL = NULL AS v
----
NULL

SELECT NULL < NULL AS v
----
NULL

SELECT NULL <=> NULL AS v
----
true

SELECT NULL >= NULL AS v
----
NULL

SELECT NULL <> NULL AS v
----
NULL

SELECT NULL != NULL AS v
----
NULL

SELECT 9007199254740993L = 9007199254740992D AS v
----
true

SELECT 9007199254740993L < 9007199254740992D AS v
----
false

SELECT 9007199254740993L <=> 9007199254740992D AS v
----
true

SELECT 9007199254740993L >= 9007199254740992D AS v
----
true

SELECT 9007199254740993L <> 9007199254740992D AS v
----
false

SELECT 9007199254740993L != 9007199254740992D AS v
----
false

SELECT 16777217 = CAST(16777216 AS FLOAT) AS v
----
false

SELECT 16777217 < CAST(16777216 AS FLOAT) AS v
----
false

SELECT 16777217 <=> CAST(16777216 AS FLOAT) AS v
----
false

SELECT 16777217 >= CAST(16777216 AS FLOAT) AS v
----
true

SELECT 16777217 <> CAST(16777216 AS FLOAT) AS v
----
true

SELECT 16777217 != CAST(16777216 AS FLOAT) AS v
----
true

SELECT true = false AS v
----
false

SELECT true < false AS v
----
false

SELECT true <=> false AS v
----
false

SELECT true >= false AS v
----
true

SELECT true <> false AS v
----
true

SELECT true != false AS v
----
true

SELECT true = 'true' AS v
----
true

SELECT true < 'true' AS v
----
false

SELECT true <=> 'true' AS v
----
true

SELECT true >= 'true' AS v
----
true

SELECT true <> 'true' AS v
----
false

SELECT true != 'true' AS v
----
false

SELECT 1 = true AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT 1 < true AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT 1 <=> true AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT 1 >= true AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT 1 <> true AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT 1 != true AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT 1 = DATE '2024-01-01' AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT 1 < DATE '2024-01-01' AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT 1 <=> DATE '2024-01-01' AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT 1 >= DATE '2024-01-01' AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT 1 <> DATE '2024-01-01' AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT 1 != DATE '2024-01-01' AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT CAST(1 AS DECIMAL(38,0)) = CAST(1 AS DECIMAL(38,38)) AS v
----
error NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION 22003

SELECT CAST(1 AS DECIMAL(38,0)) < CAST(1 AS DECIMAL(38,38)) AS v
----
error NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION 22003

SELECT CAST(1 AS DECIMAL(38,0)) <=> CAST(1 AS DECIMAL(38,38)) AS v
----
error NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION 22003

SELECT CAST(1 AS DECIMAL(38,0)) >= CAST(1 AS DECIMAL(38,38)) AS v
----
error NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION 22003

SELECT CAST(1 AS DECIMAL(38,0)) <> CAST(1 AS DECIMAL(38,38)) AS v
----
error NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION 22003

SELECT CAST(1 AS DECIMAL(38,0)) != CAST(1 AS DECIMAL(38,38)) AS v
----
error NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION 22003
