"""Tests of what `make demo` says before it installs anything, and of scripts/build."""

import os
import subprocess
import tempfile
import unittest

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scripts")


class MakeDemoTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.dir = directory.name

    def command(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w") as f:
            f.write("#!/bin/sh\n" + text)
        os.chmod(path, 0o755)

    def run_script(self, name, *arguments, **env):
        env = {**os.environ, "PATH": self.dir + os.pathsep + os.environ["PATH"], **env}
        return subprocess.run([os.path.join(SCRIPTS, name), *arguments], env=env, cwd=self.dir, capture_output=True, text=True, check=False)

    def without_postgres(self):
        self.command("ls", "exit 1\n")
        self.command("pg_config", "exit 1\n")

    def test_what_is_missing_is_named_and_not_installed(self):
        self.without_postgres()
        self.command("apt-get", "touch installed\n")
        self.command("id", "echo 0\n")
        result = self.run_script("demo-plan", CC="no-such-compiler", INGEST_TEST_PG="", INGEST_TEST_PG_BIN="")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("installs by apt-get: gcc g++ libc6-dev postgresql\n", result.stdout)
        self.assertIn("./local-lakehouse", result.stdout)
        self.assertFalse(os.path.exists(os.path.join(self.dir, "installed")))

    def test_a_person_without_rights_installs_it(self):
        self.without_postgres()
        self.command("apt-get", "exit 1\n")
        self.command("sudo", "exit 1\n")
        self.command("id", "echo 1000\n")
        result = self.run_script("demo-plan", CC="no-such-compiler", INGEST_TEST_PG="", INGEST_TEST_PG_BIN="")
        self.assertIn("has no right to install it: gcc g++ libc6-dev postgresql\n", result.stdout)

    def test_a_build_says_what_it_builds(self):
        self.write("go.mod", "module example.com/one\n\ngo 1.26\n")
        self.write("main.go", "package main\n\nfunc main() {}\n")
        result = self.run_script("build", "one", ".", GOFLAGS="-buildvcs=false")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(result.stderr.startswith("building one\n"), result.stderr)
        self.assertIn("built one in ", result.stderr)

    def test_a_build_that_fails_shows_the_error(self):
        self.write("go.mod", "module example.com/two\n\ngo 1.26\n")
        self.write("main.go", "package main\n\nfunc main() { missing() }\n")
        result = self.run_script("build", "two", ".", GOFLAGS="-buildvcs=false")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("undefined: missing", result.stderr)
        self.assertNotIn("built", result.stderr.replace("building", ""))

    def write(self, name, text):
        with open(os.path.join(self.dir, name), "w") as f:
            f.write(text)


if __name__ == "__main__":
    unittest.main()
