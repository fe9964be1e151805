"""Cells of the two engines in one form, and their comparison.

The local workspace's cells come as text, as local.go writes them. Spark's are asked
for in the same form where Python has no value for them: a day or a microsecond as a
number, because Python's dates end at the year 9999.
"""

import decimal
import json
import math
from collections import Counter

WIRE = {
    "boolean": "BOOLEAN", "tinyint": "TINYINT", "smallint": "SMALLINT", "int": "INT", "bigint": "BIGINT", "float": "FLOAT",
    "double": "DOUBLE", "string": "STRING", "timestamp": "TIMESTAMP", "timestamp_ntz": "TIMESTAMP", "binary": "BINARY",
    "date": "DATE", "void": "NULL", "variant": "STRING",
}


def wire_type(simple):
    """The name that a client sees for one of Spark's types."""
    head = simple.split("(")[0].split("<")[0]
    if head in ("array", "map", "struct", "decimal"):
        return head.upper()
    if head.startswith("interval") or head in ("char", "varchar"):
        return "STRING"
    return WIRE.get(head, head.upper())


def asked(simple, column):
    """The expression that brings a column of this type over."""
    if simple == "timestamp":
        return f"unix_micros({column})"
    if simple == "timestamp_ntz":
        return f"unix_micros(CAST({column} AS TIMESTAMP))"
    if simple == "date":
        return f"unix_date({column})"
    if simple == "binary":
        return f"lower(hex({column}))"
    if simple == "variant":
        return f"to_json({column})"
    if simple == "decimal" or simple.startswith(("decimal", "interval", "char", "varchar")):
        return f"CAST({column} AS STRING)"
    return column


def cell(value):
    """Spark's value as local.go writes it, or a structure for complex ones."""
    if value is None or isinstance(value, (str, float, list, dict, tuple)):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def number(text):
    return {"+Inf": math.inf, "-Inf": -math.inf, "NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}.get(text) or float(text)


def same_float(a, b):
    return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))


def plain(value):
    """A complex value of Spark's as JSON has it."""
    if isinstance(value, tuple) and hasattr(value, "asDict"):
        return {k: plain(v) for k, v in zip(value.__fields__, value)}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {key_text(k): plain(v) for k, v in value.items()}
    return value


def key_text(key):
    return cell(key) if not isinstance(key, float) else repr(key)


def same_leaf(mine, theirs):
    """mine is what JSON gave, its numbers as text; theirs is Python's."""
    if theirs is None or mine is None or isinstance(theirs, bool):
        return mine is theirs or mine == theirs
    if isinstance(theirs, float):
        return same_float(number(str(mine)), theirs)
    if isinstance(theirs, decimal.Decimal):
        return str(mine) == format(theirs, "f")
    if isinstance(theirs, (bytes, bytearray)):
        import base64

        return mine == base64.b64encode(bytes(theirs)).decode()
    if hasattr(theirs, "isoformat"):
        text = str(theirs).replace("+00:00", "")
        return str(mine) == (text.rstrip("0") if "." in text else text)
    return str(mine) == str(theirs)


def same_tree(mine, theirs):
    if isinstance(theirs, dict):
        return isinstance(mine, dict) and set(mine) == set(theirs) and all(same_tree(mine[k], v) for k, v in theirs.items())
    if isinstance(theirs, list):
        return isinstance(mine, list) and len(mine) == len(theirs) and all(map(same_tree, mine, theirs))
    return same_leaf(mine, theirs)


def same(mine, theirs, simple):
    """Whether the local workspace's cell is Spark's, which has this type."""
    if mine is None or theirs is None:
        return mine is None and theirs is None
    if simple in ("float", "double"):
        return same_float(number(mine), theirs)
    if simple.startswith(("array", "map", "struct")):
        try:
            tree = json.loads(mine, parse_float=str, parse_int=str)
        except ValueError:
            return False
        return same_tree(tree, plain(theirs))
    return mine == theirs


def frozen(row):
    return json.dumps(row, default=repr)


def rows_differ(mine, theirs, types, ordered):
    """What is different, in words, or None. Without an order, rows are matched by
    their text first and then in the order of it."""
    if len(mine) != len(theirs):
        return f"{len(mine)} rows, Spark has {len(theirs)}"

    def key(row):
        return frozen([sort_text(c, t) for c, t in zip(row, types)])

    if not ordered:
        mine, theirs = sorted(mine, key=key), sorted(theirs, key=key)
    for i, (a, b) in enumerate(zip(mine, theirs)):
        for j, simple in enumerate(types):
            if not same(a[j], b[j], simple):
                return f"row {i + 1}, column {j + 1} ({simple}): {shown(a[j])}, Spark has {shown(plain(b[j]))}"
    return None


def sort_text(value, simple):
    """A text by which equal cells of both engines sort alike."""
    if value is None:
        return None
    if simple in ("float", "double"):
        return repr(float(number(value) if isinstance(value, str) else value))
    if simple.startswith(("array", "map", "struct")):
        tree = json.loads(value, parse_float=str, parse_int=str) if isinstance(value, str) else plain(value)
        return sort_tree(tree)
    return value


def sort_tree(tree):
    if isinstance(tree, dict):
        return {k: sort_tree(v) for k, v in tree.items()}
    if isinstance(tree, list):
        return [sort_tree(v) for v in tree]
    if isinstance(tree, float):
        return repr(tree)
    return tree if tree is None or isinstance(tree, bool) else str(tree)


def shown(value):
    text = "NULL" if value is None else value if isinstance(value, str) else repr(value)
    return text if len(text) <= 300 else text[:300] + "…"


def counted(rows):
    return Counter(map(frozen, rows))
