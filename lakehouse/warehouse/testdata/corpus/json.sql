# JSON text and VARIANT.
# area: json
# source: Spark 4.1

SELECT get_json_object('{"a": 1}', '$') AS v
----
{"a":1}

SELECT get_json_object('{"a": 1}', '$.a') AS v
----
1

SELECT get_json_object('{"a": 1}', '$.a.b') AS v
----
NULL

SELECT get_json_object('{"a": 1}', '$[0]') AS v
----
NULL

SELECT CAST(parse_json('{"a": 1}') AS STRING) AS v
----
{"a":1}

SELECT to_json(parse_json('{"a": 1}')) AS v
----
{"a":1}

SELECT variant_get(parse_json('{"a": 1}'), '$.a', 'STRING') AS v
----
1

SELECT try_variant_get(try_parse_json('{"a": 1}'), '$.a', 'INT') AS v
----
1

SELECT get_json_object('{"a": "x"}', '$') AS v
----
{"a":"x"}

SELECT get_json_object('{"a": "x"}', '$.a') AS v
----
x

SELECT get_json_object('{"a": "x"}', '$.a.b') AS v
----
NULL

SELECT get_json_object('{"a": "x"}', '$[0]') AS v
----
NULL

SELECT CAST(parse_json('{"a": "x"}') AS STRING) AS v
----
{"a":"x"}

SELECT to_json(parse_json('{"a": "x"}')) AS v
----
{"a":"x"}

SELECT variant_get(parse_json('{"a": "x"}'), '$.a', 'STRING') AS v
----
x

SELECT try_variant_get(try_parse_json('{"a": "x"}'), '$.a', 'INT') AS v
----
NULL

SELECT get_json_object('{"a": null}', '$') AS v
----
{"a":null}

SELECT get_json_object('{"a": null}', '$.a') AS v
----
NULL

SELECT get_json_object('{"a": null}', '$.a.b') AS v
----
NULL

SELECT get_json_object('{"a": null}', '$[0]') AS v
----
NULL

SELECT CAST(parse_json('{"a": null}') AS STRING) AS v
----
{"a":null}

SELECT to_json(parse_json('{"a": null}')) AS v
----
{"a":null}

SELECT variant_get(parse_json('{"a": null}'), '$.a', 'STRING') AS v
----
NULL

SELECT try_variant_get(try_parse_json('{"a": null}'), '$.a', 'INT') AS v
----
NULL

SELECT get_json_object('{"a": {"b": [1, 2, {"c": true}]}}', '$') AS v
----
{"a":{"b":[1,2,{"c":true}]}}

SELECT get_json_object('{"a": {"b": [1, 2, {"c": true}]}}', '$.a') AS v
----
{"b":[1,2,{"c":true}]}

SELECT get_json_object('{"a": {"b": [1, 2, {"c": true}]}}', '$.a.b') AS v
----
[1,2,{"c":true}]

SELECT get_json_object('{"a": {"b": [1, 2, {"c": true}]}}', '$[0]') AS v
----
NULL

SELECT CAST(parse_json('{"a": {"b": [1, 2, {"c": true}]}}') AS STRING) AS v
----
{"a":{"b":[1,2,{"c":true}]}}

SELECT to_json(parse_json('{"a": {"b": [1, 2, {"c": true}]}}')) AS v
----
{"a":{"b":[1,2,{"c":true}]}}

SELECT variant_get(parse_json('{"a": {"b": [1, 2, {"c": true}]}}'), '$.a', 'STRING') AS v
----
{"b":[1,2,{"c":true}]}

SELECT try_variant_get(try_parse_json('{"a": {"b": [1, 2, {"c": true}]}}'), '$.a', 'INT') AS v
----
NULL

SELECT get_json_object('[1, 2, 3]', '$') AS v
----
[1,2,3]

SELECT get_json_object('[1, 2, 3]', '$.a') AS v
----
NULL

SELECT get_json_object('[1, 2, 3]', '$.a.b') AS v
----
NULL

SELECT get_json_object('[1, 2, 3]', '$[0]') AS v
----
1

SELECT CAST(parse_json('[1, 2, 3]') AS STRING) AS v
----
[1,2,3]

SELECT to_json(parse_json('[1, 2, 3]')) AS v
----
[1,2,3]

SELECT variant_get(parse_json('[1, 2, 3]'), '$.a', 'STRING') AS v
----
NULL

SELECT try_variant_get(try_parse_json('[1, 2, 3]'), '$.a', 'INT') AS v
----
NULL

SELECT get_json_object('"x"', '$') AS v
----
x

SELECT get_json_object('"x"', '$.a') AS v
----
NULL

SELECT get_json_object('"x"', '$.a.b') AS v
----
NULL

SELECT get_json_object('"x"', '$[0]') AS v
----
NULL

SELECT CAST(parse_json('"x"') AS STRING) AS v
----
x

SELECT to_json(parse_json('"x"')) AS v
----
"x"

SELECT variant_get(parse_json('"x"'), '$.a', 'STRING') AS v
----
NULL

SELECT try_variant_get(try_parse_json('"x"'), '$.a', 'INT') AS v
----
NULL

SELECT get_json_object('1.50', '$') AS v
----
1.5

SELECT get_json_object('1.50', '$.a') AS v
----
NULL

SELECT get_json_object('1.50', '$.a.b') AS v
----
NULL

SELECT get_json_object('1.50', '$[0]') AS v
----
NULL

SELECT CAST(parse_json('1.50') AS STRING) AS v
----
1.5

SELECT to_json(parse_json('1.50')) AS v
----
1.5

SELECT variant_get(parse_json('1.50'), '$.a', 'STRING') AS v
----
NULL

SELECT try_variant_get(try_parse_json('1.50'), '$.a', 'INT') AS v
----
NULL

SELECT get_json_object('1e3', '$') AS v
----
1000.0

SELECT get_json_object('1e3', '$.a') AS v
----
NULL

SELECT get_json_object('1e3', '$.a.b') AS v
----
NULL

SELECT get_json_object('1e3', '$[0]') AS v
----
NULL

SELECT CAST(parse_json('1e3') AS STRING) AS v
----
1000.0

SELECT to_json(parse_json('1e3')) AS v
----
1000.0

SELECT variant_get(parse_json('1e3'), '$.a', 'STRING') AS v
----
NULL

SELECT try_variant_get(try_parse_json('1e3'), '$.a', 'INT') AS v
----
NULL

SELECT get_json_object('true', '$') AS v
----
true

SELECT get_json_object('true', '$.a') AS v
----
NULL

SELECT get_json_object('true', '$.a.b') AS v
----
NULL

SELECT get_json_object('true', '$[0]') AS v
----
NULL

SELECT CAST(parse_json('true') AS STRING) AS v
----
true

SELECT to_json(parse_json('true')) AS v
----
true

SELECT variant_get(parse_json('true'), '$.a', 'STRING') AS v
----
NULL

SELECT try_variant_get(try_parse_json('true'), '$.a', 'INT') AS v
----
NULL

SELECT get_json_object('null', '$.a') AS v
----
NULL

SELECT get_json_object('null', '$.a.b') AS v
----
NULL

SELECT get_json_object('null', '$[0]') AS v
----
NULL

SELECT CAST(parse_json('null') AS STRING) AS v
----
NULL

SELECT to_json(parse_json('null')) AS v
----
null

SELECT variant_get(parse_json('null'), '$.a', 'STRING') AS v
----
NULL

SELECT try_variant_get(try_parse_json('null'), '$.a', 'INT') AS v
----
NULL

SELECT get_json_object('', '$') AS v
----
NULL

SELECT get_json_object('', '$.a') AS v
----
NULL

SELECT get_json_object('', '$.a.b') AS v
----
NULL

SELECT get_json_object('', '$[0]') AS v
----
NULL

SELECT CAST(parse_json('') AS STRING) AS v
----
error MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION 22023

SELECT to_json(parse_json('')) AS v
----
error MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION 22023

SELECT variant_get(parse_json(''), '$.a', 'STRING') AS v
----
error MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION 22023

SELECT try_variant_get(try_parse_json(''), '$.a', 'INT') AS v
----
NULL

SELECT get_json_object('{', '$') AS v
----
NULL

SELECT get_json_object('{', '$.a') AS v
----
NULL

SELECT get_json_object('{', '$.a.b') AS v
----
NULL

SELECT get_json_object('{', '$[0]') AS v
----
NULL

SELECT CAST(parse_json('{') AS STRING) AS v
----
error MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION 22023

SELECT to_json(parse_json('{')) AS v
----
error MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION 22023

SELECT variant_get(parse_json('{'), '$.a', 'STRING') AS v
----
error MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION 22023

SELECT try_variant_get(try_parse_json('{'), '$.a', 'INT') AS v
----
NULL

SELECT get_json_object('nonsense', '$') AS v
----
NULL

SELECT get_json_object('nonsense', '$.a') AS v
----
NULL

SELECT get_json_object('nonsense', '$.a.b') AS v
----
NULL

SELECT get_json_object('nonsense', '$[0]') AS v
----
NULL

SELECT CAST(parse_json('nonsense') AS STRING) AS v
----
error MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION 22023

SELECT to_json(parse_json('nonsense')) AS v
----
error MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION 22023

SELECT variant_get(parse_json('nonsense'), '$.a', 'STRING') AS v
----
error MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION 22023

SELECT try_variant_get(try_parse_json('nonsense'), '$.a', 'INT') AS v
----
NULL

SELECT get_json_object('{"a": 1, "a": 2}', '$') AS v
----
{"a":1,"a":2}

SELECT get_json_object('{"a": 1, "a": 2}', '$.a') AS v
----
1

SELECT get_json_object('{"a": 1, "a": 2}', '$.a.b') AS v
----
NULL

SELECT get_json_object('{"a": 1, "a": 2}', '$[0]') AS v
----
NULL

SELECT CAST(parse_json('{"a": 1, "a": 2}') AS STRING) AS v
----
error MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION 22023

SELECT to_json(parse_json('{"a": 1, "a": 2}')) AS v
----
error MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION 22023

SELECT variant_get(parse_json('{"a": 1, "a": 2}'), '$.a', 'STRING') AS v
----
error MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION 22023

SELECT try_variant_get(try_parse_json('{"a": 1, "a": 2}'), '$.a', 'INT') AS v
----
NULL

SELECT get_json_object('{"A": 1}', '$') AS v
----
{"A":1}

SELECT get_json_object('{"A": 1}', '$.a') AS v
----
NULL

SELECT get_json_object('{"A": 1}', '$.a.b') AS v
----
NULL

SELECT get_json_object('{"A": 1}', '$[0]') AS v
----
NULL

SELECT CAST(parse_json('{"A": 1}') AS STRING) AS v
----
{"A":1}

SELECT to_json(parse_json('{"A": 1}')) AS v
----
{"A":1}

SELECT variant_get(parse_json('{"A": 1}'), '$.a', 'STRING') AS v
----
NULL

SELECT try_variant_get(try_parse_json('{"A": 1}'), '$.a', 'INT') AS v
----
NULL

SELECT get_json_object('  {"a" : 1 }  ', '$') AS v
----
{"a":1}

SELECT get_json_object('  {"a" : 1 }  ', '$.a') AS v
----
1

SELECT get_json_object('  {"a" : 1 }  ', '$.a.b') AS v
----
NULL

SELECT get_json_object('  {"a" : 1 }  ', '$[0]') AS v
----
NULL

SELECT CAST(parse_json('  {"a" : 1 }  ') AS STRING) AS v
----
{"a":1}

SELECT to_json(parse_json('  {"a" : 1 }  ')) AS v
----
{"a":1}

SELECT variant_get(parse_json('  {"a" : 1 }  '), '$.a', 'STRING') AS v
----
1

SELECT try_variant_get(try_parse_json('  {"a" : 1 }  '), '$.a', 'INT') AS v
----
1

SELECT get_json_object('{"a": 12345678901234567890}', '$') AS v
----
{"a":12345678901234567890}

SELECT get_json_object('{"a": 12345678901234567890}', '$.a') AS v
----
12345678901234567890

SELECT get_json_object('{"a": 12345678901234567890}', '$.a.b') AS v
----
NULL

SELECT get_json_object('{"a": 12345678901234567890}', '$[0]') AS v
----
NULL

SELECT CAST(parse_json('{"a": 12345678901234567890}') AS STRING) AS v
----
{"a":12345678901234567890}

SELECT to_json(parse_json('{"a": 12345678901234567890}')) AS v
----
{"a":12345678901234567890}

SELECT variant_get(parse_json('{"a": 12345678901234567890}'), '$.a', 'STRING') AS v
----
12345678901234567890

SELECT try_variant_get(try_parse_json('{"a": 12345678901234567890}'), '$.a', 'INT') AS v
----
NULL

SELECT get_json_object('{"a": 0.1}', '$') AS v
----
{"a":0.1}

SELECT get_json_object('{"a": 0.1}', '$.a') AS v
----
0.1

SELECT get_json_object('{"a": 0.1}', '$.a.b') AS v
----
NULL

SELECT get_json_object('{"a": 0.1}', '$[0]') AS v
----
NULL

SELECT CAST(parse_json('{"a": 0.1}') AS STRING) AS v
----
{"a":0.1}

SELECT to_json(parse_json('{"a": 0.1}')) AS v
----
{"a":0.1}

SELECT variant_get(parse_json('{"a": 0.1}'), '$.a', 'STRING') AS v
----
0.1

SELECT try_variant_get(try_parse_json('{"a": 0.1}'), '$.a', 'INT') AS v
----
0

SELECT get_json_object('{"a b": 1}', '$') AS v
----
{"a b":1}

SELECT get_json_object('{"a b": 1}', '$.a') AS v
----
NULL

SELECT get_json_object('{"a b": 1}', '$.a.b') AS v
----
NULL

SELECT get_json_object('{"a b": 1}', '$[0]') AS v
----
NULL

SELECT CAST(parse_json('{"a b": 1}') AS STRING) AS v
----
{"a b":1}

SELECT to_json(parse_json('{"a b": 1}')) AS v
----
{"a b":1}

SELECT variant_get(parse_json('{"a b": 1}'), '$.a', 'STRING') AS v
----
NULL

SELECT try_variant_get(try_parse_json('{"a b": 1}'), '$.a', 'INT') AS v
----
NULL

SELECT get_json_object('{"a":"\\u00e9"}', '$') AS v
----
{"a":"é"}

SELECT get_json_object('{"a":"\\u00e9"}', '$.a') AS v
----
é

SELECT get_json_object('{"a":"\\u00e9"}', '$.a.b') AS v
----
NULL

SELECT get_json_object('{"a":"\\u00e9"}', '$[0]') AS v
----
NULL

SELECT CAST(parse_json('{"a":"\\u00e9"}') AS STRING) AS v
----
{"a":"é"}

SELECT to_json(parse_json('{"a":"\\u00e9"}')) AS v
----
{"a":"é"}

SELECT variant_get(parse_json('{"a":"\\u00e9"}'), '$.a', 'STRING') AS v
----
é

SELECT try_variant_get(try_parse_json('{"a":"\\u00e9"}'), '$.a', 'INT') AS v
----
NULL

SELECT CAST(parse_json('1') AS INT) AS v
----
1

SELECT try_variant_get(parse_json('1'), '$', 'INT') AS v
----
1

SELECT variant_get(parse_json('1'), '$', 'INT') AS v
----
1

SELECT CAST(parse_json('1.75') AS INT) AS v
----
1

SELECT try_variant_get(parse_json('1.75'), '$', 'INT') AS v
----
1

SELECT variant_get(parse_json('1.75'), '$', 'INT') AS v
----
1

SELECT CAST(parse_json('"12"') AS INT) AS v
----
12

SELECT try_variant_get(parse_json('"12"'), '$', 'INT') AS v
----
12

SELECT variant_get(parse_json('"12"'), '$', 'INT') AS v
----
12

SELECT CAST(parse_json('"x"') AS INT) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT try_variant_get(parse_json('"x"'), '$', 'INT') AS v
----
NULL

SELECT variant_get(parse_json('"x"'), '$', 'INT') AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('true') AS INT) AS v
----
1

SELECT try_variant_get(parse_json('true'), '$', 'INT') AS v
----
1

SELECT variant_get(parse_json('true'), '$', 'INT') AS v
----
1

SELECT CAST(parse_json('null') AS INT) AS v
----
NULL

SELECT try_variant_get(parse_json('null'), '$', 'INT') AS v
----
NULL

SELECT variant_get(parse_json('null'), '$', 'INT') AS v
----
NULL

SELECT CAST(parse_json('[1, 2]') AS INT) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT try_variant_get(parse_json('[1, 2]'), '$', 'INT') AS v
----
NULL

SELECT variant_get(parse_json('[1, 2]'), '$', 'INT') AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('{"a": 1}') AS INT) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT try_variant_get(parse_json('{"a": 1}'), '$', 'INT') AS v
----
NULL

SELECT variant_get(parse_json('{"a": 1}'), '$', 'INT') AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('300') AS INT) AS v
----
300

SELECT try_variant_get(parse_json('300'), '$', 'INT') AS v
----
300

SELECT variant_get(parse_json('300'), '$', 'INT') AS v
----
300

SELECT CAST(parse_json('"2024-01-02"') AS INT) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT try_variant_get(parse_json('"2024-01-02"'), '$', 'INT') AS v
----
NULL

SELECT variant_get(parse_json('"2024-01-02"'), '$', 'INT') AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('1') AS BIGINT) AS v
----
1

SELECT CAST(parse_json('1.75') AS BIGINT) AS v
----
1

SELECT CAST(parse_json('"12"') AS BIGINT) AS v
----
12

SELECT CAST(parse_json('"x"') AS BIGINT) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('true') AS BIGINT) AS v
----
1

SELECT CAST(parse_json('null') AS BIGINT) AS v
----
NULL

SELECT CAST(parse_json('[1, 2]') AS BIGINT) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('{"a": 1}') AS BIGINT) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('300') AS BIGINT) AS v
----
300

SELECT CAST(parse_json('"2024-01-02"') AS BIGINT) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('1') AS STRING) AS v
----
1

SELECT try_variant_get(parse_json('1'), '$', 'STRING') AS v
----
1

SELECT variant_get(parse_json('1'), '$', 'STRING') AS v
----
1

SELECT CAST(parse_json('1.75') AS STRING) AS v
----
1.75

SELECT try_variant_get(parse_json('1.75'), '$', 'STRING') AS v
----
1.75

SELECT variant_get(parse_json('1.75'), '$', 'STRING') AS v
----
1.75

SELECT CAST(parse_json('"12"') AS STRING) AS v
----
12

SELECT try_variant_get(parse_json('"12"'), '$', 'STRING') AS v
----
12

SELECT variant_get(parse_json('"12"'), '$', 'STRING') AS v
----
12

SELECT try_variant_get(parse_json('"x"'), '$', 'STRING') AS v
----
x

SELECT variant_get(parse_json('"x"'), '$', 'STRING') AS v
----
x

SELECT try_variant_get(parse_json('true'), '$', 'STRING') AS v
----
true

SELECT variant_get(parse_json('true'), '$', 'STRING') AS v
----
true

SELECT try_variant_get(parse_json('null'), '$', 'STRING') AS v
----
NULL

SELECT variant_get(parse_json('null'), '$', 'STRING') AS v
----
NULL

SELECT CAST(parse_json('[1, 2]') AS STRING) AS v
----
[1,2]

SELECT try_variant_get(parse_json('[1, 2]'), '$', 'STRING') AS v
----
[1,2]

SELECT variant_get(parse_json('[1, 2]'), '$', 'STRING') AS v
----
[1,2]

SELECT try_variant_get(parse_json('{"a": 1}'), '$', 'STRING') AS v
----
{"a":1}

SELECT variant_get(parse_json('{"a": 1}'), '$', 'STRING') AS v
----
{"a":1}

SELECT CAST(parse_json('300') AS STRING) AS v
----
300

SELECT try_variant_get(parse_json('300'), '$', 'STRING') AS v
----
300

SELECT variant_get(parse_json('300'), '$', 'STRING') AS v
----
300

SELECT CAST(parse_json('"2024-01-02"') AS STRING) AS v
----
2024-01-02

SELECT try_variant_get(parse_json('"2024-01-02"'), '$', 'STRING') AS v
----
2024-01-02

SELECT variant_get(parse_json('"2024-01-02"'), '$', 'STRING') AS v
----
2024-01-02

SELECT CAST(parse_json('1') AS DOUBLE) AS v
----
1

SELECT CAST(parse_json('1.75') AS DOUBLE) AS v
----
1.75

SELECT CAST(parse_json('"12"') AS DOUBLE) AS v
----
12

SELECT CAST(parse_json('"x"') AS DOUBLE) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('true') AS DOUBLE) AS v
----
1

SELECT CAST(parse_json('null') AS DOUBLE) AS v
----
NULL

SELECT CAST(parse_json('[1, 2]') AS DOUBLE) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('{"a": 1}') AS DOUBLE) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('300') AS DOUBLE) AS v
----
300

SELECT CAST(parse_json('"2024-01-02"') AS DOUBLE) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('1') AS BOOLEAN) AS v
----
true

SELECT CAST(parse_json('1.75') AS BOOLEAN) AS v
----
true

SELECT CAST(parse_json('"12"') AS BOOLEAN) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('"x"') AS BOOLEAN) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('true') AS BOOLEAN) AS v
----
true

SELECT CAST(parse_json('null') AS BOOLEAN) AS v
----
NULL

SELECT CAST(parse_json('[1, 2]') AS BOOLEAN) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('{"a": 1}') AS BOOLEAN) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('300') AS BOOLEAN) AS v
----
true

SELECT CAST(parse_json('"2024-01-02"') AS BOOLEAN) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('1') AS DECIMAL(5,2)) AS v
----
1.00

SELECT CAST(parse_json('1.75') AS DECIMAL(5,2)) AS v
----
1.75

SELECT CAST(parse_json('"12"') AS DECIMAL(5,2)) AS v
----
12.00

SELECT CAST(parse_json('"x"') AS DECIMAL(5,2)) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('true') AS DECIMAL(5,2)) AS v
----
1.00

SELECT CAST(parse_json('null') AS DECIMAL(5,2)) AS v
----
NULL

SELECT CAST(parse_json('[1, 2]') AS DECIMAL(5,2)) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('{"a": 1}') AS DECIMAL(5,2)) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('300') AS DECIMAL(5,2)) AS v
----
300.00

SELECT CAST(parse_json('"2024-01-02"') AS DECIMAL(5,2)) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('1') AS DATE) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('1.75') AS DATE) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('"12"') AS DATE) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('"x"') AS DATE) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('true') AS DATE) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('null') AS DATE) AS v
----
NULL

SELECT CAST(parse_json('[1, 2]') AS DATE) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('{"a": 1}') AS DATE) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('300') AS DATE) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('"2024-01-02"') AS DATE) AS v
----
2024-01-02 00:00:00

SELECT CAST(parse_json('"12"') AS TIMESTAMP) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('"x"') AS TIMESTAMP) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('true') AS TIMESTAMP) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('null') AS TIMESTAMP) AS v
----
NULL

SELECT CAST(parse_json('[1, 2]') AS TIMESTAMP) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('{"a": 1}') AS TIMESTAMP) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('"2024-01-02"') AS TIMESTAMP) AS v
----
2024-01-02 00:00:00

SELECT CAST(parse_json('1') AS TINYINT) AS v
----
1

SELECT try_variant_get(parse_json('1'), '$', 'TINYINT') AS v
----
1

SELECT variant_get(parse_json('1'), '$', 'TINYINT') AS v
----
1

SELECT CAST(parse_json('1.75') AS TINYINT) AS v
----
1

SELECT try_variant_get(parse_json('1.75'), '$', 'TINYINT') AS v
----
1

SELECT variant_get(parse_json('1.75'), '$', 'TINYINT') AS v
----
1

SELECT CAST(parse_json('"12"') AS TINYINT) AS v
----
12

SELECT try_variant_get(parse_json('"12"'), '$', 'TINYINT') AS v
----
12

SELECT variant_get(parse_json('"12"'), '$', 'TINYINT') AS v
----
12

SELECT CAST(parse_json('"x"') AS TINYINT) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT try_variant_get(parse_json('"x"'), '$', 'TINYINT') AS v
----
NULL

SELECT variant_get(parse_json('"x"'), '$', 'TINYINT') AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('true') AS TINYINT) AS v
----
1

SELECT try_variant_get(parse_json('true'), '$', 'TINYINT') AS v
----
1

SELECT variant_get(parse_json('true'), '$', 'TINYINT') AS v
----
1

SELECT CAST(parse_json('null') AS TINYINT) AS v
----
NULL

SELECT try_variant_get(parse_json('null'), '$', 'TINYINT') AS v
----
NULL

SELECT variant_get(parse_json('null'), '$', 'TINYINT') AS v
----
NULL

SELECT CAST(parse_json('[1, 2]') AS TINYINT) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT try_variant_get(parse_json('[1, 2]'), '$', 'TINYINT') AS v
----
NULL

SELECT variant_get(parse_json('[1, 2]'), '$', 'TINYINT') AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('{"a": 1}') AS TINYINT) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT try_variant_get(parse_json('{"a": 1}'), '$', 'TINYINT') AS v
----
NULL

SELECT variant_get(parse_json('{"a": 1}'), '$', 'TINYINT') AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('300') AS TINYINT) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT try_variant_get(parse_json('300'), '$', 'TINYINT') AS v
----
NULL

SELECT variant_get(parse_json('300'), '$', 'TINYINT') AS v
----
error INVALID_VARIANT_CAST 22023

SELECT CAST(parse_json('"2024-01-02"') AS TINYINT) AS v
----
error INVALID_VARIANT_CAST 22023

SELECT try_variant_get(parse_json('"2024-01-02"'), '$', 'TINYINT') AS v
----
NULL

SELECT variant_get(parse_json('"2024-01-02"'), '$', 'TINYINT') AS v
----
error INVALID_VARIANT_CAST 22023

SELECT get_json_object('{"a":{"b":[1,2]}}', '$.a.b[1]') AS v
----
2

SELECT get_json_object('{"a b":1}', "$['a b']") AS v
----
1

SELECT get_json_object('{"a":1}', 'a') AS v
----
NULL

SELECT get_json_object('{"a":1}', NULL) AS v
----
NULL

SELECT get_json_object(NULL, '$.a') AS v
----
NULL

SELECT from_json('{"a":"b"}', 'MAP<STRING,STRING>') AS v
----
{"a":"b"}

SELECT from_json('{"a":1}', 'MAP<STRING,STRING>') AS v
----
{"a":"1"}

SELECT from_json('nonsense', 'MAP<STRING,STRING>') AS v
----
NULL

SELECT from_json(NULL, 'MAP<STRING,STRING>') AS v
----
NULL

SELECT from_json('{}', 'MAP<STRING,STRING>') AS v
----
{}

SELECT to_json(array(1, NULL)) AS v
----
[1,null]

SELECT to_json(map('a', 1)) AS v
----
{"a":1}

SELECT to_json(array('é', '\\"')) AS v
----
["é","\\\""]

SELECT to_json(array(DATE '2024-01-02')) AS v
----
["2024-01-02"]

SELECT typeof(parse_json('1')) AS v
----
variant

SELECT parse_json('1') = parse_json('1') AS v
----
error DATATYPE_MISMATCH.INVALID_ORDERING_TYPE 42K09

SELECT parse_json(NULL) IS NULL AS v
----
true

SELECT CAST(1 AS VARIANT) AS v
----
1

SELECT typeof(CAST(1 AS VARIANT)) AS v
----
variant

SELECT to_json(CAST(array(1, NULL) AS VARIANT)) AS v
----
[1,null]

SELECT to_json(CAST('x' AS VARIANT)) AS v
----
"x"

SELECT to_json(CAST(1.50 AS VARIANT)) AS v
----
1.5

SELECT to_json(CAST(map('a', 1) AS VARIANT)) AS v
----
error DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION 42K09

SELECT to_json(CAST(named_struct('a', 1) AS VARIANT)) AS v
----
error DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION 42K09

SELECT to_json(CAST(true AS VARIANT)) AS v
----
true

SELECT to_json(CAST(NULL AS VARIANT)) AS v
----
NULL

SELECT to_json(CAST(1.5D AS VARIANT)) AS v
----
1.5

SELECT variant_get(parse_json('{"a":[10,20]}'), '$.a[1]', 'INT') AS v
----
20

SELECT variant_get(parse_json('{"a":[10,20]}'), '$.a[9]', 'INT') AS v
----
NULL

SELECT variant_get(parse_json('{"a":1}'), 'a', 'INT') AS v
----
error INVALID_VARIANT_GET_PATH 22023

SELECT variant_get(parse_json('{"a":1}'), '$.b', 'INT') AS v
----
NULL

SELECT try_parse_json('{') AS v
----
NULL

SELECT parse_json('{') AS v
----
error MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION 22023
