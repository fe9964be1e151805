"""The part of the Databricks SDK that a task's sign-in and its secrets take.

A runtime of Databricks has the whole SDK. Where it is installed here, it is found first. Both
sign in by the profile that the local workspace lays into the task's home.
"""

import base64
import configparser
import json
import os
import types
import urllib.parse
import urllib.request


class WorkspaceClient:
    def __init__(self):
        profile = configparser.ConfigParser(interpolation=None)
        profile.read(os.path.expanduser("~/.databrickscfg"), encoding="utf-8")
        self._token = profile["DEFAULT"]["token"]
        self.config = types.SimpleNamespace(
            host=profile["DEFAULT"]["host"], authenticate=lambda: {"Authorization": "Bearer " + self._token}
        )
        self.dbutils = types.SimpleNamespace(secrets=types.SimpleNamespace(get=self._secret))

    def _secret(self, scope, key):
        query = urllib.parse.urlencode({"scope": scope, "key": key})
        request = urllib.request.Request(f"{self.config.host}/api/2.0/secrets/get?{query}", headers=self.config.authenticate())
        with urllib.request.urlopen(request) as answer:
            return base64.b64decode(json.load(answer)["value"]).decode()
