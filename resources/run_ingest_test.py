"""Tests of run_ingest.py, on shell scripts in the place of ingest: python3 -m unittest discover -s resources -p '*_test.py'"""

import contextlib
import io
import os
import platform
import signal
import tempfile
import types
import unittest

import run_ingest


class Workspace:
    """What run_ingest asks of databricks.sdk.WorkspaceClient."""

    def __init__(self):
        self.config = types.SimpleNamespace(
            host="https://workspace.example.com", authenticate=lambda: {"Authorization": "Bearer task-token"}
        )
        secrets = types.SimpleNamespace(get=lambda scope, key: f"value of {scope} {key}")
        self.dbutils = types.SimpleNamespace(secrets=secrets)


def no_workspace():
    raise AssertionError("the task's sign-in was asked for")


class ParseTest(unittest.TestCase):
    def test_variables_end_at_the_command(self):
        got = run_ingest.parse(["--binaries=/b", "A=1", "B=x=y", "C=", "sql", "D=2", "--tables=a"])
        self.assertEqual(got, ("/b", {"A": "1", "B": "x=y", "C": ""}, ["sql", "D=2", "--tables=a"]))

    def test_settings_are_variables_in_one_argument(self):
        got = run_ingest.parse(["--binaries=/b", "--settings=A=1 B='x y' C=", "A=2", "cdc", "--settings=D=1"])
        self.assertEqual(got, ("/b", {"A": "2", "B": "x y", "C": ""}, ["cdc", "--settings=D=1"]))

    def test_refuses(self):
        for arguments in (
            [],
            ["cdc"],
            ["--binaries=/b"],
            ["--binaries=/b", "A=1"],
            ["--binaries=/b", "--settings=A=1"],
            ["--binaries=/b", "--settings=A", "cdc"],
        ):
            with self.subTest(arguments), self.assertRaises(ValueError):
                run_ingest.parse(arguments)


class ChooseTest(unittest.TestCase):
    def test_by_architecture(self):
        with tempfile.TemporaryDirectory() as d:
            for architecture in ("amd64", "arm64"):
                open(os.path.join(d, f"ingest-linux-{architecture}"), "w").close()
            for machine, want in (("x86_64", "amd64"), ("aarch64", "arm64"), ("ARM64", "arm64")):
                self.assertEqual(run_ingest.choose(d, machine), os.path.join(d, f"ingest-linux-{want}"))
            with self.assertRaisesRegex(ValueError, "riscv64"):
                run_ingest.choose(d, "riscv64")

    def test_missing_binary_says_how_to_mend_it(self):
        with tempfile.TemporaryDirectory() as d, self.assertRaisesRegex(FileNotFoundError, "make build-static"):
            run_ingest.choose(d, "x86_64")


class EnvironmentTest(unittest.TestCase):
    def test_own_sign_in_is_left_alone(self):
        got = run_ingest.environment({"DATABRICKS_HOST": "h", "X": "1"}, {"PATH": "p"}, no_workspace)
        self.assertEqual(got, {"PATH": "p", "DATABRICKS_HOST": "h", "X": "1"})

    def test_task_sign_in(self):
        got = run_ingest.environment({}, {}, Workspace)
        self.assertEqual(
            got,
            {
                "DATABRICKS_HOST": "https://workspace.example.com",
                "DATABRICKS_TOKEN": "task-token",
                "DATABRICKS_AUTH_TYPE": "pat",
            },
        )

    def test_task_sign_in_without_what_is_empty(self):
        got = run_ingest.environment({"DATABRICKS_CLIENT_ID": "", "DATABRICKS_CLIENT_SECRET": "", "X": ""}, {}, Workspace)
        self.assertEqual(got["DATABRICKS_AUTH_TYPE"], "pat")
        self.assertNotIn("DATABRICKS_CLIENT_ID", got)
        self.assertNotIn("X", got)

    def test_service_principal_at_the_task_s_workspace(self):
        variables = {"DATABRICKS_CLIENT_ID": "id", "DATABRICKS_CLIENT_SECRET": "secret:scope/client_secret"}
        got = run_ingest.environment(variables, {}, Workspace)
        self.assertEqual(
            got,
            {
                "DATABRICKS_HOST": "https://workspace.example.com",
                "DATABRICKS_CLIENT_ID": "id",
                "DATABRICKS_CLIENT_SECRET": "value of scope client_secret",
                "DATABRICKS_AUTH_TYPE": "oauth-m2m",
            },
        )

    def test_secret(self):
        got = run_ingest.environment({"S": "secret:scope/a/b"}, {"DATABRICKS_HOST": "h"}, Workspace)
        self.assertEqual(got["S"], "value of scope a/b")
        with self.assertRaisesRegex(ValueError, "S: want secret:SCOPE/KEY"):
            run_ingest.environment({"S": "secret:scope"}, {}, Workspace)


class MainTest(unittest.TestCase):
    def main(self, script, *arguments):
        """Runs main on a script; gives what it printed, and its error."""
        with tempfile.TemporaryDirectory() as d:
            architecture = run_ingest.ARCHITECTURES[platform.machine().lower()]
            with open(os.path.join(d, f"ingest-linux-{architecture}"), "w") as f:
                f.write("#!/bin/sh\n" + script)
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                try:
                    run_ingest.main([f"--binaries={d}", *arguments], client=Workspace)
                except run_ingest.IngestError as e:
                    return out.getvalue(), str(e)
            return out.getvalue(), None

    def test_passes_arguments_variables_and_output(self):
        out, err = self.main('echo "$@"; echo "$X" >&2', "X=y z", "cdc", "a b", "--c=d")
        self.assertEqual((out, err), ("cdc a b --c=d\ny z\n", None))

    def test_raises_with_the_end_of_the_output(self):
        out, err = self.main("seq 100; echo 'Error: no such table' >&2; exit 11", "full-load")
        self.assertEqual(out.count("\n"), 101)
        self.assertIn("ingest full-load ended with exit code 11 (Databricks: ", err)
        self.assertTrue(err.endswith("99\n100\nError: no such table"))
        self.assertNotIn("\n50\n", err)

    def test_error_has_the_exit_code(self):
        self.assertEqual(run_ingest.IngestError("cdc", 12, []).code, 12)
        self.assertIn("exit code 7; the end", str(run_ingest.IngestError("cdc", 7, [])))
        self.assertIn("want of memory", str(run_ingest.IngestError("cdc", -9, [])))

    def test_output_comes_at_once(self):
        """The script ends only after the first line of its output was seen."""
        with tempfile.TemporaryDirectory() as d:
            fifo = os.path.join(d, "seen")
            os.mkfifo(fifo)

            class Output(io.StringIO):
                def write(self, text):
                    if text.startswith("first"):
                        with open(fifo, "w") as f:
                            f.write("seen\n")
                    return super().write(text)

            path = os.path.join(d, "ingest")
            with open(path, "w") as f:
                f.write(f"#!/bin/sh\necho first\nread line <'{fifo}'\necho $line\n")
            os.chmod(path, 0o755)
            out = Output()
            with contextlib.redirect_stdout(out):
                self.assertEqual(run_ingest.run([path], dict(os.environ)), (0, ["first", "seen"]))

    def test_output_that_is_no_utf_8(self):
        out, err = self.main("printf 'a\\377b\\n'", "cdc")
        self.assertEqual((out, err), ("a\ufffdb\n", None))

    def test_cancelled_run_ends_at_a_safe_point(self):
        for number, error in ((signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)):
            with self.subTest(number):
                self.cancel(number, error)

    def cancel(self, number, error):
        class Output(io.StringIO):
            """Signals the test's main thread, as a cancellation does, when ingest has begun."""

            def write(self, text):
                if text.startswith("begun"):
                    os.kill(os.getpid(), number)
                return super().write(text)

        script = "trap 'echo ended cleanly; exit 0' TERM\necho begun\ni=0; while [ $i -lt 400 ]; do sleep 0.05; i=$((i+1)); done\n"
        out = Output()
        with contextlib.redirect_stdout(out), tempfile.TemporaryDirectory() as d:
            path = os.path.join(d, "ingest")
            with open(path, "w") as f:
                f.write("#!/bin/sh\n" + script)
            os.chmod(path, 0o755)
            # A test that runs in the background of a shell inherits that SIGINT is ignored.
            self.addCleanup(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))
            with self.assertRaises(error):
                run_ingest.run([path], dict(os.environ))
        self.assertEqual(out.getvalue(), "begun\nended cleanly\n")


if __name__ == "__main__":
    unittest.main()
