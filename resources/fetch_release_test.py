"""Tests of scripts/fetch-release, on a release in a directory."""

import hashlib
import os
import shutil
import subprocess
import tempfile
import unittest

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scripts", "fetch-release")
BINARIES = {"ingest-linux-amd64": b"amd64 program", "ingest-linux-arm64": b"arm64 program"}


class FetchReleaseTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.project = os.path.join(directory.name, "project")
        self.releases = os.path.join(directory.name, "releases")
        self.release = os.path.join(self.releases, "download", "v1.2.3")
        os.makedirs(os.path.join(self.project, "scripts"))
        os.makedirs(self.release)
        shutil.copy(SCRIPT, os.path.join(self.project, "scripts"))
        sums = ["0" * 64 + "  ingest-darwin-amd64\n"]  # which is not downloaded
        for name, content in BINARIES.items():
            with open(os.path.join(self.release, name), "wb") as f:
                f.write(content)
            sums.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
        self.write("SHA256SUMS", "".join(sums))

    def write(self, name, text):
        with open(os.path.join(self.release, name), "w") as f:
            f.write(text)

    def fetch(self, *arguments):
        script = os.path.join(self.project, "scripts", "fetch-release")
        env = {"PATH": os.environ["PATH"], "RELEASES": "file://" + self.releases}
        return subprocess.run([script, *arguments], env=env, capture_output=True, text=True, check=False)

    def fetched(self):
        dist = os.path.join(self.project, "dist")
        return sorted(os.listdir(dist)) if os.path.isdir(dist) else []

    def test_binaries_whose_sums_are_right(self):
        result = self.fetch("v1.2.3")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.fetched(), sorted(BINARIES))
        for name, content in BINARIES.items():
            path = os.path.join(self.project, "dist", name)
            with open(path, "rb") as f:
                self.assertEqual(f.read(), content)
            self.assertTrue(os.access(path, os.X_OK))

    def test_a_wrong_sum_leaves_nothing(self):
        self.write("ingest-linux-arm64", "something else")
        result = self.fetch("v1.2.3")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("ingest-linux-arm64", result.stdout + result.stderr)
        self.assertEqual(self.fetched(), [])

    def test_a_binary_without_a_sum_leaves_nothing(self):
        self.write("SHA256SUMS", "0" * 64 + "  ingest-linux-amd64\n")
        result = self.fetch("v1.2.3")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("no sums of both", result.stderr)
        self.assertEqual(self.fetched(), [])

    def test_a_release_that_is_not_there(self):
        result = self.fetch("v9.9.9")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("Hint: curl", result.stderr)
        self.assertEqual(self.fetched(), [])
        self.assertNotEqual(self.fetch().returncode, 0)


if __name__ == "__main__":
    unittest.main()
