"""Runs ingest every ten minutes: tables without a snapshot, then all changes.

The exit code decides what Airflow does. It retries after 1, 10, 11 and 12: the source, the
destination or another run may be ready later. It fails at once after 3 (some tables need a person),
64 (the configuration is wrong) and 130 (somebody ended the run).

ingest must be installed on the workers. ingest.toml is in /etc/ingest; PGPASSWORD and the sign-in of
Databricks are in the worker's environment.
"""

import signal
import subprocess
from datetime import datetime, timedelta

from airflow.exceptions import AirflowException, AirflowFailException
from airflow.sdk import dag, task

RETRY = {1, 10, 11, 12}


def run(*arguments):
    """Runs ingest, with its output in the task's log. SIGTERM ends it at a safe point."""
    command = ["ingest", *arguments, "--config", "/etc/ingest/ingest.toml"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        for line in process.stdout:
            print(line, end="")
        code = process.wait()
    except BaseException:  # the task was cleared, or ran out of time
        process.send_signal(signal.SIGTERM)
        process.wait(600)
        raise
    if code in RETRY:
        raise AirflowException(f"{' '.join(command)} ended with exit code {code}")
    if code:
        raise AirflowFailException(f"{' '.join(command)} ended with exit code {code}, which a retry does not change")


@dag(
    schedule="*/10 * * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,  # one run at a time reads the slot
    tags=["ingest"],
)
def ingest():
    @task(retries=2, retry_delay=timedelta(minutes=2), retry_exponential_backoff=True, execution_timeout=timedelta(hours=4))
    def cdc():
        run("cdc", "--snapshot-new")

    @task(trigger_rule="all_done")
    def status():
        run("status", "--exit-code")

    cdc() >> status()


ingest()
