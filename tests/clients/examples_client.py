"""Plays resources/examples/dbt over a log as ingest writes it: examples_client.py PROJECT."""

import os
import sys

import dbt.version
from databricks import sql
from dbt.adapters.databricks.__version__ import version
from dbt.cli.main import dbtRunner

HOST, PATH, TOKEN = (os.environ[n] for n in ("DATABRICKS_SERVER_HOSTNAME", "DATABRICKS_HTTP_PATH", "DATABRICKS_TOKEN"))
CATALOG = os.environ["INGEST_CATALOG"]
runner = dbtRunner()

LOG = """CREATE OR REPLACE TABLE bronze.customer (customer_id INT, email STRING, city STRING, note STRING, `_op` STRING, `_commit_lsn` BIGINT,
    `_seq` BIGINT, `_commit_ts` TIMESTAMP, `_unchanged` ARRAY<STRING>, `_entry` BIGINT)"""


def dbt_does(*command):
    result = runner.invoke([*command, "--profiles-dir", "."])
    if not result.success:
        sys.exit(f"dbt {' '.join(command)}: {result.exception or 'failed'}")


def row(entry, lsn, seq, op, key, email=None, city=None, note=None, unchanged=()):
    text = lambda v: "NULL" if v is None else f"'{v}'"
    names = f"array({', '.join(map(text, unchanged))})" if unchanged else "CAST(NULL AS ARRAY<STRING>)"
    at = f"TIMESTAMP '2026-01-01 00:00:00' + INTERVAL {lsn} SECONDS"
    return f"({'NULL' if key is None else key}, {text(email)}, {text(city)}, {text(note)}, '{op}', {lsn}, {seq}, {at}, {names}, {entry})"


def main():
    os.chdir(sys.argv[1])
    connection = sql.connect(
        server_hostname=HOST, http_path=PATH, access_token=TOKEN, catalog=CATALOG, _connection_uri=f"https://{HOST}{PATH}", enable_telemetry=False
    )
    with connection, connection.cursor() as cursor:
        def log(*rows):
            cursor.execute("INSERT INTO bronze.customer VALUES " + ", ".join(rows))

        def shows(what, *want):
            cursor.execute("SELECT customer_id, email, city, note, `_deleted_ts` IS NULL FROM silver.customer ORDER BY customer_id")
            got = [tuple(r) for r in cursor.fetchall()]
            if got != list(want):
                sys.exit(f"{what}: {got}, want {list(want)}")

        cursor.execute("CREATE SCHEMA IF NOT EXISTS bronze")
        cursor.execute(LOG)
        log(*(row(2, 10, i, "snapshot", i, f"{i}@x", "Bern", f"note {i}") for i in range(1, 6)),
            row(3, 20, 0, "update", 5, "new@x", "Bern", None, ["note"]))
        dbt_does("build")
        shows("first run", *((i, f"{i}@x", "Bern", f"note {i}", True) for i in range(1, 5)), (5, "new@x", "Bern", "note 5", True))

        log(row(4, 30, 0, "update", 1, "1@x", "Basel", None, ["note"]),  # a large value that was not sent
            row(4, 31, 0, "update", 1, None, "Basel", None, ["note"]),  # a NULL that was
            row(4, 32, 0, "delete", 2),
            row(4, 33, 0, "delete", 3), row(4, 33, 1, "insert", 30, "3@x", "Bern", None, ["note"]),  # a change of the key
            row(4, 34, 0, "delete", 4), row(4, 34, 1, "insert", 4, "4@x", "Genf", "again"),
            row(4, 35, 0, "insert", 6, "6@x", "Bern", "six"), row(4, 36, 0, "update", 6, "6@x", "Chur", None, ["note"]),
            row(4, 37, 0, "delete", 6), row(4, 37, 1, "insert", 60, "6@x", "Chur", None, ["note"]))
        dbt_does("build")
        second = [(1, None, "Basel", "note 1", True), (2, "2@x", "Bern", "note 2", False), (3, "3@x", "Bern", "note 3", False), (4, "4@x", "Genf", "again", True),
                  (5, "new@x", "Bern", "note 5", True), (6, "6@x", "Chur", "six", False), (30, "3@x", "Bern", "note 3", True), (60, "6@x", "Chur", "six", True)]
        shows("second run", *second)
        dbt_does("build")
        shows("nothing new", *second)

        log(row(5, 40, 0, "truncate", None), row(5, 40, 1, "insert", 1, "back@x", None, None))
        dbt_does("build")
        ended = [(k, e, c, n, False) for k, e, c, n, _ in second if k != 1]
        shows("truncate", (1, "back@x", None, None, True), *ended)

        cursor.execute(LOG)  # a full load
        log(row(7, 50, 0, "snapshot", 4, "4@x", "Genf", "snapshot"), row(8, 60, 0, "update", 4, "4@x", "Sitten", None, ["note"]))
        dbt_does("build")
        shows("full load", (1, "back@x", None, None, False), *((4, "4@x", "Sitten", "snapshot", True) if r[0] == 4 else r for r in ended))

        cursor.execute("SELECT customer_id, city, dbt_valid_to IS NULL FROM silver.customer_periods WHERE customer_id = 4 ORDER BY dbt_valid_from")
        got = [tuple(r) for r in cursor.fetchall()]
        if got != [(4, "Bern", False), (4, "Genf", False), (4, "Genf", False), (4, "Sitten", True)]:
            sys.exit(f"periods: {got}")
        cursor.execute("""CREATE OR REPLACE TABLE bronze.`_ingest_loads` AS SELECT * FROM VALUES
            ('public.customer', current_timestamp() - INTERVAL 1 HOUR), ('public.other', current_timestamp() - INTERVAL 9 DAY) AS v(source_table, committed_at)""")
        dbt_does("source", "freshness")
        cursor.execute("UPDATE bronze.`_ingest_loads` SET committed_at = current_timestamp() - INTERVAL 3 DAY")
        if runner.invoke(["source", "freshness", "--profiles-dir", "."]).success:
            sys.exit("a table that is three days old is fresh")
    print("dbt-core", dbt.version.__version__, "dbt-databricks", version, "resources/examples/dbt")


if __name__ == "__main__":
    main()
