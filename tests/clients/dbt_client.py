"""Plays a dbt project, twice where it matters, and looks at what it made: dbt_client.py PROJECT."""

import os
import sys

import dbt.version
from databricks import sql
from dbt.adapters.databricks.__version__ import version
from dbt.cli.main import dbtRunner

HOST, PATH, TOKEN = (os.environ[n] for n in ("DATABRICKS_SERVER_HOSTNAME", "DATABRICKS_HTTP_PATH", "DATABRICKS_TOKEN"))
CATALOG = os.environ["INGEST_CATALOG"]
runner = dbtRunner()
commands = 0


def dbt_does(*command):
    global commands
    commands += 1
    result = runner.invoke([*command, "--profiles-dir", "."])
    if not result.success:
        sys.exit(f"dbt {' '.join(command)}: {result.exception or 'failed'}")


def main():
    os.chdir(sys.argv[1])
    connection = sql.connect(
        server_hostname=HOST, http_path=PATH, access_token=TOKEN, catalog=CATALOG, _connection_uri=f"https://{HOST}{PATH}", enable_telemetry=False
    )
    with connection, connection.cursor() as cursor:
        def expect(query, want):
            cursor.execute(query)
            got = [tuple(r) for r in cursor.fetchall()]
            if got != want:
                sys.exit(f"{query}: {got}, want {want}")

        cursor.execute("CREATE SCHEMA bronze")
        cursor.execute("CREATE TABLE bronze.customers (id INT, name STRING, country STRING, updated_at TIMESTAMP)")
        cursor.execute("""INSERT INTO bronze.customers VALUES (1, 'Ada', 'no', TIMESTAMP '2024-01-01 00:00:00'),
            (2, 'Bo', 'de', TIMESTAMP '2024-01-02 00:00:00'), (3, 'Cy', 'fr', TIMESTAMP '2024-01-03 00:00:00')""")
        for command in ("debug", "seed", "run", "test", "snapshot"):
            dbt_does(command)
        cursor.execute("UPDATE bronze.customers SET name = 'Bo the second', updated_at = TIMESTAMP '2024-06-01 00:00:00' WHERE id = 2")
        for command in ("run", "test", "snapshot"):
            dbt_does(command)
        dbt_does("docs", "generate")

        expect("SELECT customer_id, invoices, CAST(total AS STRING) FROM marts.spending ORDER BY place", [(1, 2, "14.75"), (2, 1, "7.00")])
        expect("SELECT id, name FROM marts.recent ORDER BY id", [(1, "Ada"), (2, "Bo the second"), (3, "Cy")])
        expect("SELECT id, name, dbt_valid_to IS NULL FROM marts_history.customers_history ORDER BY id, dbt_valid_from",
               [(1, "Ada", True), (2, "Bo", False), (2, "Bo the second", True), (3, "Cy", True)])
        expect("SELECT count(*) FROM marts_history.spending_history", [(2,)])
        expect("SELECT comment FROM information_schema.tables WHERE table_schema = 'marts' AND table_name = 'customers'",
               [('Customers, one row each; it\'s "quoted".',)])
        expect("SELECT comment FROM information_schema.columns WHERE table_schema = 'marts' AND table_name = 'customers' AND column_name = 'id'",
               [("The key.",)])
    with open("target/catalog.json") as f:
        for relation in ("marts", "spending", "total"):
            if relation not in f.read():
                sys.exit(f"docs generate: {relation} is not in catalog.json")
            f.seek(0)
    print("dbt-core", dbt.version.__version__, "dbt-databricks", version, commands, "commands")


# dbt imports every module in its path whose name begins with dbt_, this one too.
if __name__ == "__main__":
    main()
