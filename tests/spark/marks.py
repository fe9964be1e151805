"""What is Databricks's own, and why. Each mark is used, or the run fails."""

import re


class Mark:
    """Statements that no comparison with Spark is made of.

    what: "skip", the statement is not sent. The others allow a difference, and are unused
    without one: "answer", of columns and rows; "class", of a refusal's class and
    SQLSTATE; "differs", of any kind.
    """

    def __init__(self, what, reason, pattern):
        self.what, self.reason = what, reason
        self.pattern = re.compile(pattern, re.IGNORECASE | re.DOTALL)

    def covers(self, kind):
        """Whether it is a mark for this kind: "skip", or a difference."""
        return self.what == kind or self.what == "differs" and kind != "skip"


MARKS = [
    Mark("skip", "volumes are Unity Catalog's", r"^\s*(CREATE|DROP|SHOW|DESCRIBE)\s+VOLUME"),
    Mark("skip", "information_schema is Unity Catalog's", r"\binformation_schema\b"),
    Mark("skip", "tags are Unity Catalog's", r"^\s*ALTER\s+\w+\s+\S+\s+(SET|UNSET)\s+TAGS"),
    Mark("skip", "catalogs and principals are Unity Catalog's", r"^\s*(USE|CREATE|DROP)\s+CATALOG|^\s*SHOW\s+CATALOGS|\bcurrent_(catalog|user)\(|\b(nowhere|late)\."),
    Mark("skip", "read_files infers a schema by rules of its own", r"read_files\('/Volumes/main/s/v', format => 'parquet'\)"),
    Mark("skip", "privileges are Unity Catalog's", r"^\s*(GRANT|REVOKE|SHOW\s+GRANTS)\b"),
    Mark("skip", "row filters, masks and their functions are Unity Catalog's, and the table that they are of shows it",
         r"\bs\.(above|hidden|guarded)\b|`guarded`"),
    Mark("skip", "a client moves files only by Databricks", r"^\s*(PUT|GET|REMOVE|LIST)\b"),
    Mark("differs", "whether a REPLACE keeps constraints is a question of `ingest check --probe`; Delta outside of Databricks does not",
         r"^CREATE OR REPLACE TABLE s\.kept\b"),
    Mark("answer", "whether a REPLACE keeps properties is a question of `ingest check --probe`; Delta outside of Databricks does not",
         r"^SHOW TBLPROPERTIES s\.t$"),
    Mark("differs", "runtimes before Spark 4 do not group by a MAP, and the local workspace is as strict", r"GROUP BY map\("),
    Mark("class", "a window over a MAP is refused under another class", r"PARTITION BY array\(map\("),
    Mark("class", "Databricks documents DIVIDE_BY_ZERO for a remainder too, Spark 4.1 has REMAINDER_BY_ZERO", r"1 % \(a - 1\)"),
    Mark("class", "Databricks documents SQLSTATEs of its own for what Delta refuses to change", r"^\s*ALTER\s+TABLE\s+\S+\s+(ALTER\s+COLUMN\s+\S+\s+TYPE|DROP\s+COLUMN)\b"),
    Mark("class", "Databricks documents a class of Spark and one of Delta for it, and not which one it raises",
         r"^INSERT INTO s\.(t VALUES \(1\)$|t VALUES \(5, 'e'\)$|t VALUES \(array\(1\)|short VALUES \('abcd')"),
    Mark("answer", "_metadata.file_path names Databricks's file system", r"^SELECT \* FROM (s\.m|`main`\.`s`\.`m`)$"),
    Mark("answer", "Delta outside of Databricks describes CHAR(n) and VARCHAR(n) as a string", r"^DESCRIBE TABLE `main`\.`s`\.`short`$"),
    Mark("differs", "the local workspace reads a column of a file only as what it was written as, and is stricter than Spark",
         r"read_files\(.*schema => '(i4 BIGINT|ts TIMESTAMP_NTZ|ntz TIMESTAMP|s BINARY|bin STRING|m STRING)'\)"),
    Mark("class", "a view dropped as a table, or a table as a view, is refused by Spark's own catalog under another class",
         r"^DROP (TABLE s\.v|VIEW s\.t)$"),
    Mark("class", "a table in a view's place is refused by Delta under another class", r"^CREATE OR REPLACE TABLE s\.v AS"),
    Mark("answer", "a view has the comments of its columns' sources, which the local workspace does not carry over", r"^DESCRIBE TABLE `main`\.`s`\.`[vw]`$"),
    Mark("answer", "a SELECT from a view WITH SCHEMA TYPE EVOLUTION keeps the types that it finds; the local workspace finds them again each time",
         r"^DESCRIBE TABLE (`main`\.`s`\.`(bound|plain)`|`dev`\.`bronze`\.`growing_(current|history)`)$"),
    Mark("skip", "COMMENT ON COLUMN is Databricks's", r"^COMMENT ON COLUMN\b"),
    Mark("skip", "SHOW CREATE TABLE of a Delta table is Databricks's", r"^SHOW CREATE TABLE\b"),
    Mark("differs", "EXPLAIN prints an engine's plan, SHOW TABLE EXTENDED what its store knows", r"^(EXPLAIN|SHOW TABLE EXTENDED)\b"),
    Mark("answer", "SET without a name lists an engine's settings", r"^SET$"),
    Mark("answer", "SHOW TABLES and SHOW SCHEMAS name their columns otherwise in Databricks", r"^SHOW (TABLES|SCHEMAS)\b"),
    Mark("differs", "Databricks counts only the matches that a WHEN MATCHED clause is taken for (Runtime 16.1), Delta elsewhere counts all", r"WHEN MATCHED AND s\.v = 'one of' THEN"),
    Mark("differs", "whether a MERGE that changes no row makes a version is a question of `ingest check --probe`; Delta outside of Databricks makes one "
         "where the MERGE has a clause for new rows", r"^SELECT (\* FROM s\.quiet VERSION AS OF 2|count\(\*\) FROM s\.cur VERSION AS OF 3)$"),
    Mark("differs", "Databricks documents that INSERT stores no BOOLEAN as a number (ANSI compliance in Databricks Runtime), Delta elsewhere casts it",
         r"^INSERT INTO s\.narrow \(small\) SELECT true WHERE false$"),
    Mark("class", "Databricks documents a class for a column without a type, the error of Delta elsewhere has none", r"\bSELECT NULL AS nothing$"),
    Mark("class", "Databricks documents a class for CLUSTER BY beside PARTITIONED BY, Spark has none",
         r"\bPARTITIONED BY \(a\) CLUSTER BY|\bCLUSTER BY \(b\) PARTITIONED BY"),
    Mark("skip", "table_changes has not been compared with Spark's", r"\btable_changes\("),
    Mark("skip", "QUALIFY is Databricks's", r"\bQUALIFY\b"),
    Mark("answer", "INSERT and CREATE TABLE AS SELECT answer with counts", r"^\s*(INSERT\s|CREATE\s+(OR\s+REPLACE\s+)?TABLE\s.*\bAS\s)"),
    Mark("answer", "Delta counts the rows of a DELETE without a condition by statistics, which this Spark does not collect", r"^DELETE FROM s\.t$"),
    Mark("answer", "RESTORE, OPTIMIZE and VACUUM answer with the store's files", r"^\s*(RESTORE|OPTIMIZE|VACUUM)\b"),
    Mark("answer", "history and detail of a table are of its store", r"^\s*DESC(RIBE)?\s+(HISTORY|DETAIL)\b"),
]


def find(sql, kind):
    """The first mark of a statement that covers a difference of this kind, or None."""
    for mark in MARKS:
        if mark.covers(kind) and mark.pattern.search(sql):
            return mark
    return None
