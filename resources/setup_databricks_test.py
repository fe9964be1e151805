"""Tests of scripts/setup-databricks, on a databricks command that records what it creates."""

import os
import subprocess
import tempfile
import unittest

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scripts", "setup-databricks")

# Looking finds what was made; everything is noted.
CLI = r"""#!/bin/sh
echo "$*" >> "$STATE/calls"
name=
case "$1 $2" in
"current-user me") [ ! -e "$STATE/signed-out" ]; exit ;;
"catalogs get" | "schemas get" | "volumes read" | "secrets list-secrets") [ -e "$STATE/$1 $3" ]; exit ;;
"catalogs create" | "secrets create-scope") name=$3 ;;
"schemas create") name=$4.$3 ;;
"volumes create") name=$3.$4.$5 ;;
esac
[ -z "$name" ] || touch "$STATE/$1 $name"
"""


class SetupTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.state = directory.name
        with open(os.path.join(self.state, "databricks"), "w") as f:
            f.write(CLI)
        os.chmod(os.path.join(self.state, "databricks"), 0o755)

    def run_script(self, *arguments):
        """Gives the result, and what changed something."""
        env = {"PATH": self.state + os.pathsep + os.environ["PATH"], "STATE": self.state}
        result = subprocess.run([SCRIPT, *arguments], env=env, capture_output=True, text=True, check=False)
        calls = []
        if os.path.exists(os.path.join(self.state, "calls")):
            with open(os.path.join(self.state, "calls")) as f:
                calls = f.read().splitlines()
            os.remove(os.path.join(self.state, "calls"))
        looks = ("current-user", "catalogs get", "schemas get", "volumes read", "secrets list-secrets")
        return result, [c for c in calls if not c.startswith(looks)]

    def test_makes_what_is_missing_and_nothing_twice(self):
        arguments = ("--target", "prod", "--service-principal", "app-1", "--warehouse", "w1")
        result, first = self.run_script(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(first[0], "catalogs create prod_chinook_lakehouse")
        self.assertTrue(first[1].startswith("schemas create bronze prod_chinook_lakehouse --comment "))
        self.assertTrue(first[2].startswith("volumes create prod_chinook_lakehouse bronze ingest MANAGED --comment "))
        rights = [
            'grants update catalog prod_chinook_lakehouse --json {"changes": [{"principal": "app-1", "add": ["USE_CATALOG"]}]}',
            'grants update schema prod_chinook_lakehouse.bronze --json {"changes": [{"principal": "app-1", '
            '"add": ["USE_SCHEMA", "CREATE_TABLE", "MODIFY", "SELECT"]}]}',
            'grants update volume prod_chinook_lakehouse.bronze.ingest --json {"changes": [{"principal": "app-1", '
            '"add": ["READ_VOLUME", "WRITE_VOLUME"]}]}',
            "secrets put-acl ingest_scope_prod app-1 READ",
            'warehouses update-permissions w1 --json {"access_control_list": [{"service_principal_name": "app-1", '
            '"permission_level": "CAN_USE"}]}',
        ]
        self.assertEqual(first[3:], ["secrets create-scope ingest_scope_prod", *rights])
        result, second = self.run_script(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(second, rights)  # to grant again changes nothing
        self.assertIn("put-secret ingest_scope_prod client_secret", result.stdout)

    def test_dry_run_changes_nothing(self):
        result, calls = self.run_script("--target", "qa", "--service-principal", "app", "--dry-run", "--bind", "--warehouse", "w")
        self.assertEqual((result.returncode, calls), (0, []), result.stderr)
        self.assertIn("+ databricks catalogs create qa_chinook_lakehouse", result.stdout)
        self.assertIn("""--json '{"changes": [{"principal": "app", "add": ["USE_CATALOG"]}]}'""", result.stdout)
        self.assertIn("bind ingest_volume qa_chinook_lakehouse.bronze.ingest --target qa", result.stdout)

    def test_development_needs_no_service_principal(self):
        result, calls = self.run_script("--target", "dev", "--catalog", "main", "--storage-root", "s3://bucket/dev")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(calls[0], "catalogs create main --storage-root s3://bucket/dev")
        self.assertEqual([c for c in calls if c.startswith(("grants", "secrets put-acl"))], [])
        self.assertNotIn("client_secret", result.stdout)

    def test_refuses(self):
        for arguments, message in (
            ((), "--target is missing"),
            (("--target", "test"), "want dev, qa or prod"),
            (("--target",), "--target wants a value"),
            (("--target", "dev", "--what"), "unknown argument --what"),
            (("--target", "dev", "--catalog", 'a"b'), "only letters"),
            (("--target", "dev", "--bind"), "--bind wants --warehouse"),
            (("--target", "prod", "--bind", "--warehouse", "w"), "--bind wants --service-principal"),
        ):
            with self.subTest(arguments):
                result, calls = self.run_script(*arguments)
                self.assertEqual((result.returncode, calls), (64, []))
                self.assertIn(message, result.stderr)

    def test_what_the_bundle_takes_over_is_as_the_bundle_has_it(self):
        with open(os.path.join(os.path.dirname(SCRIPT), "..", "resources", "volume.yml")) as f:
            bundle = f.read()
        _, calls = self.run_script("--target", "dev")
        comments = [c.partition(" --comment ")[2] for c in calls if " --comment " in c]
        self.assertEqual(len(comments), 2)
        for comment in comments:
            self.assertIn(f"comment: {comment}\n", bundle)

    def test_says_that_nobody_is_signed_in(self):
        open(os.path.join(self.state, "signed-out"), "w").close()
        result, calls = self.run_script("--target", "dev")
        self.assertEqual((result.returncode, calls), (64, []))
        self.assertIn("not signed in", result.stderr)


if __name__ == "__main__":
    unittest.main()
