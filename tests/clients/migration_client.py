"""The pipeline of docs/migrating-from-dlt.md: `full` loads with sql_database and replace, `changes` appends what the slot has.

dlt's pg_replication source is in no package registry. `changes` makes rows of the shape that it makes when it is forced to
append: the LSN of the change, and dummy values beside the key of a delete.
"""

import os
import struct
import sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import dlt
import psycopg2
from dlt.sources.sql_database import sql_database

HOST, PATH, TOKEN, URL = (
    os.environ[n] for n in ("DATABRICKS_SERVER_HOSTNAME", "DATABRICKS_HTTP_PATH", "DATABRICKS_TOKEN", "INGEST_SOURCE_URL")
)
INTEGERS, NUMERIC = (20, 21, 23), 1700


def run(name, source, **how):
    pipeline = dlt.pipeline(
        pipeline_name=name, dataset_name="bronze", pipelines_dir=os.environ["DLT_STATE"],
        destination=dlt.destinations.databricks(
            credentials={
                "catalog": os.environ["INGEST_CATALOG"], "server_hostname": HOST, "http_path": PATH, "access_token": TOKEN,
                "connection_parameters": {"_connection_uri": f"https://{HOST}{PATH}", "enable_telemetry": False},
            }
        ),
    )
    pipeline.run(source, **how).raise_on_failed_jobs()


def full():
    url = URL.replace("postgresql://", "postgres://").replace("postgres://", "postgresql+psycopg2://")
    run("full", sql_database(url, schema="public", table_names=["artist", "InvoiceLine"]), write_disposition="replace")


class Message:
    """A message of pgoutput."""

    def __init__(self, data):
        self.data, self.at = bytes(data), 1
        self.kind = chr(self.data[0])

    def number(self, form):
        (value,) = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value

    def text(self):
        end = self.data.index(b"\0", self.at)
        value, self.at = self.data[self.at:end].decode(), end + 1
        return value

    def values(self):
        out = []
        for _ in range(self.number("h")):
            if chr(self.number("b")) == "n":
                out.append(None)
                continue
            size = self.number("i")
            out.append(self.data[self.at:self.at + size].decode())
            self.at += size
        return out


def value(text, oid, delete):
    if oid in INTEGERS:
        return int(text or 0) if text or delete else None
    if oid == NUMERIC:
        return Decimal(text or 0) if text or delete else None
    return "" if text is None and delete else text


def rows():
    """Yields the name of a table, its columns and a row for each change of the slot."""
    relations, committed = {}, None
    with psycopg2.connect(URL) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT lsn - '0/0', data FROM pg_logical_slot_get_binary_changes('dlt_slot', NULL, NULL, "
            "'proto_version', '1', 'publication_names', 'dlt_publication')"
        )
        for lsn, data in cursor.fetchall():
            m = Message(data)
            if m.kind == "B":
                m.number("q")
                committed = datetime(2000, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=m.number("q"))
            elif m.kind == "R":
                oid = m.number("i")
                m.text()
                name = m.text()
                m.number("b")
                columns = []
                for _ in range(m.number("h")):
                    m.number("b")
                    columns.append((m.text(), m.number("i"), m.number("i") - 4))
                relations[oid] = name, columns
            elif m.kind in "IUD":
                name, columns = relations[m.number("i")]
                if chr(m.number("b")) in "KO" and m.kind == "U":
                    m.values()
                    m.number("b")
                delete = m.kind == "D"
                row = {c: value(v, oid, delete) for (c, oid, _), v in zip(columns, m.values())}
                row["lsn"] = int(lsn)
                row["deleted_ts"] = committed if delete else None
                yield name, columns, row


def changes():
    tables, hints = {}, {}
    for name, columns, row in rows():
        tables.setdefault(name, []).append(row)
        hints[name] = {"lsn": {"data_type": "bigint"}, "deleted_ts": {"data_type": "timestamp"}}
        for column, oid, typmod in columns:
            if oid == NUMERIC and typmod >= 0:
                hints[name][column] = {"data_type": "decimal", "precision": typmod >> 16, "scale": typmod & 0xFFFF}
    run("changes", [dlt.resource(r, name=n, write_disposition="append", columns=hints[n]) for n, r in tables.items()])


{"full": full, "changes": changes}[sys.argv[1]]()
print("dlt", dlt.__version__, sys.argv[1])
