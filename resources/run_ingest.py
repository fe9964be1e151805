"""Runs the ingest binary as a task of a Databricks job, which has no task type for binaries.

    run_ingest.py --binaries=DIR [--settings="NAME=VALUE ..."] [NAME=VALUE ...] COMMAND [ARGUMENT ...]

DIR holds ingest-linux-amd64 and ingest-linux-arm64. NAME=VALUE before the command are variables of
the environment, as with env(1): serverless tasks have no other. --settings has several of them in
one argument, quoted as in a shell. A VALUE of secret:SCOPE/KEY is read from a secret scope; one that
is empty is left out. With DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET ingest signs in as that
service principal, at the task's workspace unless DATABRICKS_HOST names another. Without any of them
the task's own sign-in is passed on; its token is not renewed, so a run of many hours wants a service
principal.

The output is passed through as it comes. An exit code other than 0 raises IngestError, which has
the code, what it means and the output's end.
"""

import collections
import contextlib
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
TAIL_LINES = 40
GRACE_SECONDS = 25  # a cancelled run is killed 30 s after it was asked to end

# What the exit codes of ingest mean for the person on call.
MEANINGS = {
    1: "a failure, or verify found a difference",
    3: "some tables failed or need attention; the others went on",
    10: "the source: its connection, rights or settings",
    11: "Databricks: the sign-in, rights, the warehouse or the volume",
    12: "slot and ledger disagree, or another run holds the pipeline",
    64: "wrong arguments or configuration",
    130: "interrupted; the next run goes on where it ended",
}

VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)


class IngestError(Exception):
    """ingest ended with an exit code other than 0, or by a signal if code is negative."""

    def __init__(self, command, code, tail):
        meaning = MEANINGS.get(code, "")
        if code < 0:
            meaning = f"killed by signal {-code}" + (", perhaps for want of memory" if code == -signal.SIGKILL else "")
        text = f"ingest {command} ended with exit code {code}" + (f" ({meaning})" if meaning else "")
        super().__init__(text + "; the end of its output:\n" + "\n".join(tail))
        self.code = code


def parse(arguments):
    """Splits the arguments into the directory of binaries, the variables, and ingest's own."""
    if not arguments or not arguments[0].startswith("--binaries="):
        raise ValueError("the first argument must be --binaries=DIRECTORY")
    binaries = arguments[0].removeprefix("--binaries=")
    variables = {}
    rest = arguments[1:]
    while rest and (rest[0].startswith("--settings=") or VARIABLE.fullmatch(rest[0])):
        settings = rest[0].startswith("--settings=")
        for word in shlex.split(rest[0].removeprefix("--settings=")) if settings else rest[:1]:
            match = VARIABLE.fullmatch(word)
            if not match:
                raise ValueError(f"--settings: {word!r} is not NAME=VALUE")
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
        if value:
            env[name] = value
    given = "DATABRICKS_HOST" in env
    if not given:
        made = made or client()
        env["DATABRICKS_HOST"] = made.config.host
    if "DATABRICKS_CLIENT_SECRET" in variables and "DATABRICKS_CLIENT_SECRET" in env:
        env.setdefault("DATABRICKS_AUTH_TYPE", "oauth-m2m")
    elif not given:
        env["DATABRICKS_TOKEN"] = made.config.authenticate().get("Authorization", "").removeprefix("Bearer ")
        env["DATABRICKS_AUTH_TYPE"] = "pat"
    return env


def workspace_client():
    from databricks.sdk import WorkspaceClient  # part of every runtime

    return WorkspaceClient()


@contextlib.contextmanager
def raising_on_sigterm():
    """Lets a SIGTERM end the wait by an exception, instead of this process alone and at once."""
    if threading.current_thread() is not threading.main_thread():  # where no handler can be set
        yield
        return

    def stop(number, frame):
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def run(command, env):
    """Runs the command, passes its output on, and returns its exit code and the last lines."""
    tail = collections.deque(maxlen=TAIL_LINES)
    process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def pass_on():
        with process.stdout as lines:
            for line in lines:
                text = line.decode("utf-8", errors="replace").rstrip("\n")
                tail.append(text)
                print(text, flush=True)

    reader = threading.Thread(target=pass_on, name="output of ingest", daemon=True)
    try:
        with raising_on_sigterm():
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
        raise IngestError(rest[0], code, tail)


if __name__ == "__main__":
    main(sys.argv[1:])
