"""Loads with dlt's databricks destination: append, merge and replace, each run twice."""

import os
import sys
import tempfile

import dlt
from databricks import sql

HOST, PATH, TOKEN = (os.environ[n] for n in ("DATABRICKS_SERVER_HOSTNAME", "DATABRICKS_HTTP_PATH", "DATABRICKS_TOKEN"))
CATALOG = os.environ["INGEST_CATALOG"]


def connect():
    return sql.connect(
        server_hostname=HOST, http_path=PATH, access_token=TOKEN, catalog=CATALOG, enable_telemetry=False,
        _connection_uri=f"https://{HOST}{PATH}",
    )


def pipeline(state):
    return dlt.pipeline(
        pipeline_name="chinook", dataset_name="dlt_chinook", pipelines_dir=state,
        destination=dlt.destinations.databricks(
            credentials={
                "catalog": CATALOG, "server_hostname": HOST, "http_path": PATH, "access_token": TOKEN,
                "connection_parameters": {"_connection_uri": f"https://{HOST}{PATH}", "enable_telemetry": False},
            }
        ),
    )


@dlt.resource(primary_key="id", write_disposition="merge")
def customers(rows):
    yield rows


@dlt.resource(write_disposition="append")
def events(rows):
    yield rows


@dlt.resource(write_disposition="replace")
def countries(rows):
    yield rows


def load(state, customer_rows, event_rows, country_rows, **how):
    info = pipeline(state).run([customers(customer_rows), events(event_rows), countries(country_rows)], **how)
    info.raise_on_failed_jobs()


def main():
    with tempfile.TemporaryDirectory() as state:
        for file_format in ("jsonl", "parquet"):
            load(
                state,
                [{"id": 1, "name": "Ada", "born": "1815-12-10T00:00:00Z", "tags": [{"tag": "a"}, {"tag": "b"}]}, {"id": 2, "name": "Bo"}],
                [{"at": "2024-01-01T00:00:00Z", "amount": 1.5}],
                [{"code": "NO"}, {"code": "DE"}],
                loader_file_format=file_format,
            )
            load(
                state,
                [{"id": 2, "name": "Bo the second", "email": "bo@example.com"}, {"id": 3, "name": "Cy"}],
                [{"at": "2024-01-02T00:00:00Z", "amount": 2.5}],
                [{"code": "FR"}],
                loader_file_format=file_format,
            )
    with connect() as connection, connection.cursor() as cursor:
        def rows(query):
            cursor.execute(query)
            return [tuple(r) for r in cursor.fetchall()]

        expect = [
            ("SELECT id, name, email FROM dlt_chinook.customers ORDER BY id",
             [(1, "Ada", None), (2, "Bo the second", "bo@example.com"), (3, "Cy", None)]),
            ("SELECT t.tag FROM dlt_chinook.customers__tags AS t ORDER BY 1", [("a",), ("b",)]),
            ("SELECT count(*), CAST(sum(amount) AS STRING) FROM dlt_chinook.events", [(4, "8.0")]),
            ("SELECT code FROM dlt_chinook.countries", [("FR",)]),
            ("SELECT count(*) FROM dlt_chinook._dlt_loads WHERE status = 0", [(4,)]),
            ("SELECT count(*) > 0 FROM dlt_chinook._dlt_version", [(True,)]),
            ("SELECT count(*) > 0 FROM dlt_chinook._dlt_pipeline_state", [(True,)]),
        ]
        for query, want in expect:
            got = rows(query)
            if got != want:
                sys.exit(f"{query}: {got}, want {want}")
    print("dlt", dlt.__version__, len(expect), "queries")


main()
