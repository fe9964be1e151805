"""Goes through the Databricks SQL connector, with results in Arrow and in columns."""

import datetime
import decimal
import os
import sys
import tempfile

import databricks.sql
from databricks import sql

HOST, PATH, TOKEN = (os.environ[n] for n in ("DATABRICKS_SERVER_HOSTNAME", "DATABRICKS_HTTP_PATH", "DATABRICKS_TOKEN"))
CATALOG = os.environ["INGEST_CATALOG"]
checks = 0


def want(got, expected, what):
    global checks
    checks += 1
    if got != expected:
        sys.exit(f"{what}: {got!r}, want {expected!r}")


def connect(**how):
    host, port = HOST.split(":")
    return sql.connect(
        server_hostname=host, _port=int(port), http_path=PATH, access_token=TOKEN, catalog=CATALOG, enable_telemetry=False, **how
    )


def refused(cursor, query, part):
    try:
        cursor.execute(query)
    except sql.exc.Error as error:
        want(part in str(error), True, f"{query}: {error}")
    else:
        sys.exit(f"{query}: no error, want {part}")


TYPES = """SELECT true AS b, CAST(1 AS TINYINT) AS t, CAST(2 AS SMALLINT) AS s, 3 AS i, 4L AS l, CAST(1.5 AS FLOAT) AS f, 2.5D AS d,
    CAST('-12.30' AS DECIMAL(10, 2)) AS n, 'text' AS x, X'00ff' AS y, DATE '1969-12-31' AS day,
    TIMESTAMP '2024-02-29 12:34:56.123456' AS at, TIMESTAMP_NTZ '1960-01-01 00:00:00' AS local,
    array('a', NULL) AS list, map('k', 1) AS pairs, named_struct('a', 1, 'b', array(2)) AS record, CAST(NULL AS INT) AS nothing"""


def types(connection):
    with connection.cursor() as cursor:
        cursor.execute(TYPES)
        names = [d[0] for d in cursor.description]
        row = cursor.fetchone().asDict()
        want(names, list(row), "names")
        want(row["n"], decimal.Decimal("-12.30"), "DECIMAL")
        want(row["day"], datetime.date(1969, 12, 31), "DATE")
        want(row["at"].isoformat()[:26], "2024-02-29T12:34:56.123456", "TIMESTAMP")
        want((row["b"], row["t"], row["s"], row["i"], row["l"], row["f"], row["d"], row["x"], bytes(row["y"]), row["nothing"]),
             (True, 1, 2, 3, 4, 1.5, 2.5, "text", b"\x00\xff", None), "the other values")
        want(list(row["list"]), ["a", None], "ARRAY")
        want(dict(row["pairs"]), {"k": 1}, "MAP")
        want((row["record"]["a"], list(row["record"]["b"])), (1, [2]), "STRUCT")


def arrow(connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, CAST(id AS STRING) AS text FROM range(250000)")
        table = cursor.fetchall_arrow()
        want(table.num_rows, 250_000, "rows in Arrow")
        want([str(f.type) for f in table.schema], ["int64", "string"], "types in Arrow")
        want(table["id"].to_pylist() and sum(table["id"].to_pylist()), 249_999 * 125_000, "sum")
        cursor.execute("SELECT 1 AS a WHERE false")
        want(cursor.fetchall_arrow().num_rows, 0, "no rows in Arrow")


def columns():
    """Without pyarrow the connector asks for columns."""
    import databricks.sql.backend.thrift_backend as backend

    kept, backend.pyarrow = backend.pyarrow, None
    try:
        with connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id, CAST(id AS STRING) FROM range(3) ORDER BY id")
            want([tuple(r) for r in cursor.fetchall()], [(0, "0"), (1, "1"), (2, "2")], "rows in columns")
    finally:
        backend.pyarrow = kept


def statements(connection):
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA connector")
        cursor.execute("CREATE TABLE t (id INT, name STRING, at TIMESTAMP)")  # in the session's schema, which is there by now
        cursor.execute("INSERT INTO t VALUES (:id, :name, '2024-01-01 00:00:00 +0100')", {"id": 1, "name": "it's"})
        cursor.executemany("INSERT INTO t VALUES (?, ?, NULL)", [[2, "two"], [3, None]])
        cursor.execute("SELECT id, name FROM t ORDER BY id")
        want([tuple(r) for r in cursor.fetchall()], [(1, "it's"), (2, "two"), (3, None)], "rows inserted")
        cursor.execute("SELECT CAST(at AS STRING) FROM t WHERE id = 1")
        want(cursor.fetchone()[0], "2023-12-31 23:00:00", "a text stored in a TIMESTAMP")
        refused(cursor, "INSERT INTO t VALUES ('one', 'x', NULL)", "CAST_INVALID_INPUT")
        refused(cursor, "SELECT * FROM nowhere", "TABLE_OR_VIEW_NOT_FOUND")
        cursor.tables(CATALOG, "connector")
        want([(r.TABLE_SCHEM, r.TABLE_NAME, r.TABLE_TYPE) for r in cursor.fetchall()], [("connector", "t", "TABLE")], "tables")
        cursor.columns(CATALOG, "connector", "t")
        want([(r.COLUMN_NAME, r.TYPE_NAME) for r in cursor.fetchall()], [("id", "INT"), ("name", "STRING"), ("at", "TIMESTAMP")], "columns")
        cursor.schemas(CATALOG, "conn%")
        want([r.TABLE_SCHEM for r in cursor.fetchall()], ["connector"], "schemas")
        cursor.execute("EXPLAIN SELECT id FROM t")
        want("Physical Plan" in cursor.fetchone()[0], True, "EXPLAIN")
        cursor.execute("SET a.b = c")
        cursor.execute("SET a.b")
        want(tuple(cursor.fetchone()), ("a.b", "c"), "SET")


def files(connection, directory):
    local, back = os.path.join(directory, "local.txt"), os.path.join(directory, "back.txt")
    with open(local, "w") as f:
        f.write("a file\n")
    remote = f"/Volumes/{CATALOG}/connector/files/deep/er/file.txt"
    with connection.cursor() as cursor:
        cursor.execute("CREATE VOLUME files")
        cursor.execute(f"PUT '{local}' INTO '{remote}'")
        refused(cursor, f"PUT '{local}' INTO '{remote}'", "FILE_IN_STAGING_PATH_ALREADY_EXISTS")
        cursor.execute(f"PUT '{local}' INTO '{remote}' OVERWRITE")
        cursor.execute(f"LIST '{os.path.dirname(remote)}'")
        want([(r.path, r.name, r.size) for r in cursor.fetchall()], [("dbfs:" + remote, "file.txt", 7)], "LIST")
        cursor.execute(f"GET '{remote}' TO '{back}'")
        with open(back) as f:
            want(f.read(), "a file\n", "GET")
        cursor.execute(f"REMOVE '{remote}'")
        refused(cursor, f"GET '{remote}' TO '{back}'", "PATH_NOT_FOUND")
        cursor.execute(f"REMOVE '{os.path.dirname(remote)}'")


def main():
    with tempfile.TemporaryDirectory() as directory, connect(schema="connector", staging_allowed_local_path=directory) as connection:
        types(connection)
        arrow(connection)
        statements(connection)
        files(connection, directory)
    columns()
    print("databricks-sql-connector", databricks.sql.__version__, checks, "checks")


main()
