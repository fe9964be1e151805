"""Runs the ingest binary as a task of a Databricks job, which has no task type for binaries.

    run_ingest.py --binaries=DIR [NAME=VALUE ...] COMMAND [ARGUMENT ...]

DIR holds ingest-linux-amd64 and ingest-linux-arm64. NAME=VALUE before the command are variables of
the environment, as with env(1): serverless tasks have no other. A VALUE of secret:SCOPE/KEY is read
from a secret scope. Without DATABRICKS_HOST, the task's own sign-in is passed on; its token is not
renewed, so a run of many hours wants a service principal:

    DATABRICKS_HOST=https://... DATABRICKS_CLIENT_ID=... DATABRICKS_CLIENT_SECRET=secret:SCOPE/KEY

The output is passed through as it comes. An exit code other than 0 raises, with the output's end.
"""

import collections
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading

ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
TAIL_LINES = 40
GRACE_SECONDS = 25  # a cancelled run is killed 30 s after it was told

VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)


class IngestError(Exception):
    """ingest ended with an exit code other than 0."""


def parse(arguments):
    """Splits the arguments into the directory of binaries, the variables, and ingest's own."""
    if not arguments or not arguments[0].startswith("--binaries="):
        raise ValueError("the first argument must be --binaries=DIRECTORY")
    binaries = arguments[0].removeprefix("--binaries=")
    variables = {}
    rest = arguments[1:]
    while rest and (match := VARIABLE.fullmatch(rest[0])):
        variables[match[1]] = match[2]
        rest = rest[1:]
    if not rest:
        raise ValueError("a command of ingest is missing, such as cdc")
    return binaries, variables, rest


def choose(binaries, machine):
    """The binary for this machine's architecture."""
    architecture = ARCHITECTURES.get(machine.lower())
    if architecture is None:
        raise ValueError(f"there is no binary for {machine}: want one of {', '.join(sorted(ARCHITECTURES))}")
    path = os.path.join(binaries, f"ingest-linux-{architecture}")
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{path} is missing: build it by `make build-static`, and deploy the bundle again")
    return path


def environment(variables, inherited, client):
    """The environment of ingest. client() is the task's databricks.sdk.WorkspaceClient, made when needed."""
    env = dict(inherited)
    made = None
    for name, value in variables.items():
        if value.startswith("secret:"):
            scope, slash, key = value.removeprefix("secret:").partition("/")
            if not (scope and slash and key):
                raise ValueError(f"{name}: want secret:SCOPE/KEY")
            made = made or client()
            value = made.dbutils.secrets.get(scope, key)
        env[name] = value
    if "DATABRICKS_HOST" not in env:
        made = made or client()
        token = made.config.authenticate().get("Authorization", "").removeprefix("Bearer ")
        env["DATABRICKS_HOST"] = made.config.host
        env["DATABRICKS_TOKEN"] = token
        env["DATABRICKS_AUTH_TYPE"] = "pat"
    return env


def workspace_client():
    from databricks.sdk import WorkspaceClient  # part of every runtime

    return WorkspaceClient()


def run(command, env):
    """Runs the command, passes its output on, and returns its exit code and the last lines."""
    tail = collections.deque(maxlen=TAIL_LINES)
    process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def pass_on():
        for line in process.stdout:
            text = line.decode("utf-8", errors="replace").rstrip("\n")
            tail.append(text)
            print(text, flush=True)

    reader = threading.Thread(target=pass_on, name="output of ingest", daemon=True)
    try:
        reader.start()
        code = process.wait()
        reader.join()
    except BaseException:  # the task was cancelled: let ingest end at a safe point
        process.terminate()
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(1)
        raise
    return code, list(tail)


def main(arguments, client=workspace_client):
    binaries, variables, rest = parse(arguments)
    source = choose(binaries, platform.machine())
    env = environment(variables, os.environ, client)
    # The workspace's file system keeps no mode, and may not allow running files.
    with tempfile.TemporaryDirectory(prefix="ingest-") as directory:
        binary = os.path.join(directory, "ingest")
        shutil.copyfile(source, binary)
        os.chmod(binary, 0o755)
        code, tail = run([binary, *rest], env)
    if code != 0:
        raise IngestError(f"ingest {rest[0]} ended with exit code {code}; the end of its output:\n" + "\n".join(tail))


if __name__ == "__main__":
    main(sys.argv[1:])
