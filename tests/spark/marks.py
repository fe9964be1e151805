"""What is Databricks's own, and why. Each mark is used, or the run fails."""

import re


class Mark:
    """Statements that no comparison with Spark is made of.

    what: "skip", not sent; "answer", sent but its rows are not compared; "class", its
    refusal is compared, but not the error's class; "differs", it must differ.
    """

    def __init__(self, what, reason, pattern):
        self.what, self.reason = what, reason
        self.pattern = re.compile(pattern, re.IGNORECASE | re.DOTALL)
        self.used = 0


MARKS = [
    Mark("skip", "volumes are Unity Catalog's", r"^\s*(CREATE|DROP|SHOW|DESCRIBE)\s+VOLUME"),
    Mark("skip", "information_schema is Unity Catalog's", r"\binformation_schema\b"),
    Mark("skip", "tags are Unity Catalog's", r"^\s*ALTER\s+\w+\s+\S+\s+(SET|UNSET)\s+TAGS"),
    Mark("skip", "catalogs are Unity Catalog's", r"^\s*(USE|CREATE|DROP)\s+CATALOG|\bcurrent_(catalog|user)\(|\bnowhere\."),
]


def find(sql):
    """The mark of a statement, or None."""
    for mark in MARKS:
        if mark.pattern.search(sql):
            return mark
    return None
