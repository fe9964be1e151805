# The type of a sum, difference, product, quotient and remainder of each two types.
# area: numbers
# source: Spark 4.1

SELECT typeof(1Y + 1Y) AS v
----
tinyint

SELECT typeof(1Y - 1Y) AS v
----
tinyint

SELECT typeof(1Y * 1Y) AS v
----
tinyint

SELECT typeof(1Y / 1Y) AS v
----
double

SELECT typeof(1Y % 1Y) AS v
----
tinyint

SELECT typeof(1S + 1Y) AS v
----
smallint

SELECT typeof(1S - 1Y) AS v
----
smallint

SELECT typeof(1S * 1Y) AS v
----
smallint

SELECT typeof(1S / 1Y) AS v
----
double

SELECT typeof(1S % 1Y) AS v
----
smallint

SELECT typeof(1 + 1S) AS v
----
int

SELECT typeof(1 - 1S) AS v
----
int

SELECT typeof(1 * 1S) AS v
----
int

SELECT typeof(1 / 1S) AS v
----
double

SELECT typeof(1 % 1S) AS v
----
int

SELECT typeof(1L + 1) AS v
----
bigint

SELECT typeof(1L - 1) AS v
----
bigint

SELECT typeof(1L * 1) AS v
----
bigint

SELECT typeof(1L / 1) AS v
----
double

SELECT typeof(1L % 1) AS v
----
bigint

SELECT typeof(1 + 1.5) AS v
----
decimal(3,1)

SELECT typeof(1 - 1.5) AS v
----
decimal(3,1)

SELECT typeof(1 * 1.5) AS v
----
decimal(4,1)

SELECT typeof(1 / 1.5) AS v
----
decimal(8,6)

SELECT typeof(1 % 1.5) AS v
----
decimal(2,1)

SELECT typeof(1L + 1.5) AS v
----
decimal(3,1)

SELECT typeof(1L - 1.5) AS v
----
decimal(3,1)

SELECT typeof(1L * 1.5) AS v
----
decimal(4,1)

SELECT typeof(1L / 1.5) AS v
----
decimal(8,6)

SELECT typeof(1L % 1.5) AS v
----
decimal(2,1)

SELECT typeof(1.50 + 2.5) AS v
----
decimal(4,2)

SELECT typeof(1.50 - 2.5) AS v
----
decimal(4,2)

SELECT typeof(1.50 * 2.5) AS v
----
decimal(6,3)

SELECT typeof(1.50 / 2.5) AS v
----
decimal(8,6)

SELECT typeof(1.50 % 2.5) AS v
----
decimal(3,2)

SELECT typeof(1.5 + 2D) AS v
----
double

SELECT typeof(1.5 - 2D) AS v
----
double

SELECT typeof(1.5 * 2D) AS v
----
double

SELECT typeof(1.5 / 2D) AS v
----
double

SELECT typeof(1.5 % 2D) AS v
----
double

SELECT typeof(1 + 1.5D) AS v
----
double

SELECT typeof(1 - 1.5D) AS v
----
double

SELECT typeof(1 * 1.5D) AS v
----
double

SELECT typeof(1 / 1.5D) AS v
----
double

SELECT typeof(1 % 1.5D) AS v
----
double

SELECT typeof(CAST(1 AS FLOAT) + 1) AS v
----
double

SELECT typeof(CAST(1 AS FLOAT) - 1) AS v
----
double

SELECT typeof(CAST(1 AS FLOAT) * 1) AS v
----
double

SELECT typeof(CAST(1 AS FLOAT) / 1) AS v
----
double

SELECT typeof(CAST(1 AS FLOAT) % 1) AS v
----
double

SELECT typeof(CAST(1 AS FLOAT) + 1.5) AS v
----
double

SELECT typeof(CAST(1 AS FLOAT) - 1.5) AS v
----
double

SELECT typeof(CAST(1 AS FLOAT) * 1.5) AS v
----
double

SELECT typeof(CAST(1 AS FLOAT) / 1.5) AS v
----
double

SELECT typeof(CAST(1 AS FLOAT) % 1.5) AS v
----
double

SELECT typeof(CAST(1 AS FLOAT) + 1D) AS v
----
double

SELECT typeof(CAST(1 AS FLOAT) - 1D) AS v
----
double

SELECT typeof(CAST(1 AS FLOAT) * 1D) AS v
----
double

SELECT typeof(CAST(1 AS FLOAT) / 1D) AS v
----
double

SELECT typeof(CAST(1 AS FLOAT) % 1D) AS v
----
double

SELECT typeof('3' + 2) AS v
----
bigint

SELECT typeof('3' - 2) AS v
----
bigint

SELECT typeof('3' * 2) AS v
----
bigint

SELECT typeof('3' / 2) AS v
----
double

SELECT typeof('3' % 2) AS v
----
bigint

SELECT typeof('3' + 2.0) AS v
----
double

SELECT typeof('3' - 2.0) AS v
----
double

SELECT typeof('3' * 2.0) AS v
----
double

SELECT typeof('3' / 2.0) AS v
----
double

SELECT typeof('3' % 2.0) AS v
----
double

SELECT typeof('3' + '2') AS v
----
error DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE 42K09

SELECT typeof('3' - '2') AS v
----
error DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE 42K09

SELECT typeof('3' * '2') AS v
----
error DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE 42K09

SELECT typeof('3' / '2') AS v
----
error DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE 42K09

SELECT typeof('3' % '2') AS v
----
error DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE 42K09

SELECT typeof(NULL + 1) AS v
----
int

SELECT typeof(NULL - 1) AS v
----
int

SELECT typeof(NULL * 1) AS v
----
int

SELECT typeof(NULL / 1) AS v
----
double

SELECT typeof(NULL % 1) AS v
----
int

SELECT typeof(1 + NULL) AS v
----
int

SELECT typeof(1 - NULL) AS v
----
int

SELECT typeof(1 * NULL) AS v
----
int

SELECT typeof(1 / NULL) AS v
----
double

SELECT typeof(1 % NULL) AS v
----
int

SELECT typeof(CAST(1 AS DECIMAL(38,10)) + CAST(1 AS DECIMAL(38,10))) AS v
----
decimal(38,9)

SELECT typeof(CAST(1 AS DECIMAL(38,10)) - CAST(1 AS DECIMAL(38,10))) AS v
----
decimal(38,9)

SELECT typeof(CAST(1 AS DECIMAL(38,10)) * CAST(1 AS DECIMAL(38,10))) AS v
----
decimal(38,6)

SELECT typeof(CAST(1 AS DECIMAL(38,10)) / CAST(1 AS DECIMAL(38,10))) AS v
----
decimal(38,6)

SELECT typeof(CAST(1 AS DECIMAL(38,10)) % CAST(1 AS DECIMAL(38,10))) AS v
----
decimal(38,10)

SELECT typeof(CAST(1 AS DECIMAL(20,0)) + 3L) AS v
----
decimal(21,0)

SELECT typeof(CAST(1 AS DECIMAL(20,0)) - 3L) AS v
----
decimal(21,0)

SELECT typeof(CAST(1 AS DECIMAL(20,0)) * 3L) AS v
----
decimal(22,0)

SELECT typeof(CAST(1 AS DECIMAL(20,0)) / 3L) AS v
----
decimal(26,6)

SELECT typeof(CAST(1 AS DECIMAL(20,0)) % 3L) AS v
----
decimal(1,0)

SELECT typeof(CAST(7 AS DECIMAL(10,2)) + CAST(2 AS DECIMAL(5,4))) AS v
----
decimal(13,4)

SELECT typeof(CAST(7 AS DECIMAL(10,2)) - CAST(2 AS DECIMAL(5,4))) AS v
----
decimal(13,4)

SELECT typeof(CAST(7 AS DECIMAL(10,2)) * CAST(2 AS DECIMAL(5,4))) AS v
----
decimal(16,6)

SELECT typeof(CAST(7 AS DECIMAL(10,2)) / CAST(2 AS DECIMAL(5,4))) AS v
----
decimal(20,8)

SELECT typeof(CAST(7 AS DECIMAL(10,2)) % CAST(2 AS DECIMAL(5,4))) AS v
----
decimal(5,4)

SELECT typeof(true + 1) AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT typeof(true - 1) AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT typeof(true * 1) AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT typeof(true / 1) AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT typeof(true % 1) AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT typeof(DATE '2024-01-02' * 1.5) AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT typeof(DATE '2024-01-02' / 1.5) AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT typeof(DATE '2024-01-02' % 1.5) AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT typeof(X'01' + 1) AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT typeof(X'01' - 1) AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT typeof(X'01' * 1) AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT typeof(X'01' / 1) AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT typeof(X'01' % 1) AS v
----
error DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09

SELECT typeof(CAST(1 AS FLOAT) + CAST(3 AS FLOAT)) AS v
----
float

SELECT typeof(CAST(1 AS FLOAT) - CAST(3 AS FLOAT)) AS v
----
float

SELECT typeof(CAST(1 AS FLOAT) * CAST(3 AS FLOAT)) AS v
----
float

SELECT typeof(CAST(1 AS FLOAT) / CAST(3 AS FLOAT)) AS v
----
double

SELECT typeof(CAST(1 AS FLOAT) % CAST(3 AS FLOAT)) AS v
----
float
