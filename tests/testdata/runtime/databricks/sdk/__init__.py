"""What a task of a job finds as databricks.sdk, as far as run_ingest.py uses it.

The task's sign-in is in TASK_HOST and TASK_TOKEN.
"""

import base64
import json
import os
import types
import urllib.parse
import urllib.request


class WorkspaceClient:
    def __init__(self):
        self.config = types.SimpleNamespace(
            host=os.environ["TASK_HOST"], authenticate=lambda: {"Authorization": "Bearer " + os.environ["TASK_TOKEN"]}
        )
        self.dbutils = types.SimpleNamespace(secrets=types.SimpleNamespace(get=self._secret))

    def _secret(self, scope, key):
        query = urllib.parse.urlencode({"scope": scope, "key": key})
        request = urllib.request.Request(f"{self.config.host}/api/2.0/secrets/get?{query}", headers=self.config.authenticate())
        with urllib.request.urlopen(request) as answer:
            return base64.b64decode(json.load(answer)["value"]).decode()
