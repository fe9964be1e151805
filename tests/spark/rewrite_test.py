"""Tests of what replay.py does without Spark."""

import contextlib
import io
import unittest

import cells
import marks
import replay
import rewrite


def mapped(sql):
    return rewrite.text_of(rewrite.map_names(rewrite.tokens(sql), "dev"))


class Names(unittest.TestCase):
    def test_catalog(self):
        self.assertEqual(mapped("SELECT * FROM dev.s.t JOIN `DEV`.s.u"), "SELECT * FROM spark_catalog.s.t JOIN spark_catalog.s.u")

    def test_not_in_literals(self):
        for sql in ("SELECT 'dev.s.t', \"dev.s\", `dev.s`", "SELECT a.dev.b -- dev.s.t", "SELECT 'it\\'s dev.s', dev", "SELECT r'\\' || dev"):
            self.assertEqual(mapped(sql), sql)


class Literals(unittest.TestCase):
    def test_unescape(self):
        for literal, want in {
            "'it\\'s'": "it's",
            "'it''s'": "it's",
            "'a\\\\b\\n\\u0041\\101'": "a\\b\nAA",
            "'\\%\\_'": "\\%\\_",
            '"d""q"': 'd"q',
        }.items():
            self.assertEqual(rewrite.unescape(literal), want)


class Copies(unittest.TestCase):
    def test_select(self):
        c = rewrite.Copy(rewrite.tokens(
            "COPY INTO a.`b c` FROM (SELECT CAST(`x` AS INT) AS `x`, _metadata.file_path FROM '/Volumes/m/s/v/p' WHERE x > 1) FILEFORMAT = PARQUET "
            "FILES = ('1.parquet', 'it\\'s') FORMAT_OPTIONS ('ignoreMissingFiles' = 'false') COPY_OPTIONS ('force' = 'true')"))
        self.assertEqual((c.table, c.path, c.files), ("a.`b c`", "/Volumes/m/s/v/p", ["1.parquet", "it's"]))
        self.assertEqual((c.format_options, c.copy_options), ({"ignoremissingfiles": "false"}, {"force": "true"}))
        self.assertEqual(c.insert("q"), "INSERT INTO a.`b c` BY NAME SELECT CAST ( `x` AS INT ) AS `x` , _metadata.file_path FROM q WHERE x > 1")

    def test_columns_and_position(self):
        c = rewrite.Copy(rewrite.tokens("COPY INTO t (a, b) FROM '/Volumes/x' FILEFORMAT = PARQUET PATTERN = '*.p'"))
        self.assertEqual((c.insert("q"), c.pattern), ("INSERT INTO t (a,b) SELECT * FROM q", "*.p"))
        c = rewrite.Copy(rewrite.tokens("COPY INTO t BY POSITION FROM (SELECT 'p' FROM '/Volumes/x') FILEFORMAT = PARQUET"))
        self.assertEqual(c.insert("q"), "INSERT INTO t SELECT 'p' FROM q")

    def test_read_files(self):
        parts = rewrite.tokens("SELECT a FROM read_files('/Volumes/p', format => 'parquet', schema => '`a``\\'` INT') WHERE a > 1")
        (first, last, path, options), = rewrite.split_read_files(parts)
        self.assertEqual((path, options), ("/Volumes/p", {"format": "parquet", "schema": "`a``'` INT"}))
        parts[first : last + 1] = [rewrite.Token("word", "v")]
        self.assertEqual(rewrite.text_of(parts), "SELECT a FROM v WHERE a > 1")


class Cells(unittest.TestCase):
    def test_same(self):
        for mine, theirs, simple in (
            ("1.5", 1.5, "double"), ("NaN", float("nan"), "float"), ("+Inf", float("inf"), "double"), ("-0", -0.0, "double"),
            ("[1,null]", [1, None], "array<int>"), ('{"k":"v"}', {"k": "v"}, "map<string,string>"), (None, None, "int"), ("1.50", "1.50", "decimal(3,2)"),
        ):
            self.assertTrue(cells.same(mine, theirs, simple), (mine, theirs))
        for mine, theirs, simple in (
            ("1.5", 1.25, "double"), ("0", -0.0, "double"), ("[1]", [1, None], "array<int>"), ("[null,1]", [1, None], "array<int>"),
            ('{"k":"w"}', {"k": "v"}, "map<string,string>"), (None, 0, "int"), ("1.5", "1.50", "decimal(3,2)"), ("", None, "string"),
        ):
            self.assertFalse(cells.same(mine, theirs, simple), (mine, theirs))

    def test_rows(self):
        types = ["bigint", "double"]
        self.assertIsNone(cells.rows_differ([["2", "1"], ["1", "2.0"]], [["1", 2.0], ["2", 1.0]], types, False))
        self.assertIsNotNone(cells.rows_differ([["2", "1"], ["1", "2.0"]], [["1", 2.0], ["2", 1.0]], types, True))
        self.assertIsNotNone(cells.rows_differ([["2", "1"]], [["2", 1.5]], types, False))
        self.assertIsNotNone(cells.rows_differ([["2", "1"]], [], types, False))


class Marks(unittest.TestCase):
    def test_find(self):
        self.assertEqual(marks.find("CREATE VOLUME IF NOT EXISTS a.b", "skip").reason, "volumes are Unity Catalog's")
        self.assertIsNone(marks.find("SELECT 'CREATE VOLUME'", "skip"))
        self.assertIsNone(marks.find("EXPLAIN SELECT 1", "skip"))
        # Of two marks, the one for the kind of the difference.
        self.assertEqual(marks.find("INSERT INTO s.t VALUES (1)", "class").what, "class")
        self.assertEqual(marks.find("INSERT INTO s.t VALUES (1)", "answer").what, "answer")

    def test_covers(self):
        mark = marks.Mark("class", "a reason", "x")
        self.assertTrue(mark.covers("class"))
        self.assertFalse(mark.covers("answer") or mark.covers("refusal"))
        self.assertTrue(marks.Mark("differs", "a reason", "x").covers("refusal"))


class Descriptions(unittest.TestCase):
    def test_columns_of(self):
        self.assertEqual(replay.columns_of([["a", "int"], ["# Clustering Information", ""], ["a", "int"]]), [["a", "int"]])
        self.assertEqual(replay.columns_of([["a", "int"]]), [["a", "int"]])

    def test_properties(self):
        answer = {"sql": "SHOW TBLPROPERTIES t", "columns": [{"name": "key", "type": "STRING"}], "rows": [["mine"], ["delta.a"]]}
        self.assertIsNone(replay.compare_rows(answer, ["key"], ["string"], [["delta.a"], ["delta.b"], ["mine"]])[0])
        self.assertIsNotNone(replay.compare_rows(answer, ["key"], ["string"], [["delta.a"], ["other"], ["mine"]])[0])
        self.assertIsNotNone(replay.compare_rows(answer, ["key"], ["string"], [["delta.a"]])[0])


class Comparisons(unittest.TestCase):
    """What counts as agreed, as marked and as a difference."""

    class Engine:
        def __init__(self, error):
            self.error = error

        def run(self, _):
            raise self.error

    def play(self, answer, error):
        c = replay.Comparison()
        with contextlib.redirect_stdout(io.StringIO()):
            c.statement("s", self.Engine(error), answer)
        return c

    def test_refusals(self):
        refused = {"class": "DIVIDE_BY_ZERO", "state": "22012", "message": ""}
        c = self.play({"sql": "SELECT 1 / 0", "refused": refused}, replay.Refused("DIVIDE_BY_ZERO", "22012"))
        self.assertEqual((c.refusals, c.differences, sum(c.marked.values())), (1, [], 0))
        for error in (replay.Refused("OTHER", "22012"), replay.Refused("DIVIDE_BY_ZERO", "22003")):
            c = self.play({"sql": "SELECT 1 / 0", "refused": refused}, error)
            self.assertEqual((c.refusals, len(c.differences)), (0, 1))
        c = self.play({"sql": "SELECT 1"}, replay.Refused("DIVIDE_BY_ZERO", "22012"))
        self.assertEqual((c.refusals, len(c.differences)), (0, 1))
        c = self.play({"sql": "EXPLAIN", "refused": {"class": "X", "state": "0A000"}}, replay.Refused("Y", "1"))
        self.assertEqual((c.sent, c.differences, c.marked[replay.NOT_SERVED]), (0, [], 1))


class Refusals(unittest.TestCase):
    """What counts as the class of an error."""

    class Java:
        def __init__(self, condition, state, cause=None):
            self.getErrorClass, self.getSqlState, self.getCause = lambda: condition, lambda: state, lambda: cause

    class Raised(Exception):
        def __init__(self, text, java):
            super().__init__(text)
            self.java_exception = java

    def test_of_a_job(self):
        cause = self.Java("DELTA_CAST_OVERFLOW_IN_TABLE_WRITE", "22003")
        error = self.Raised("a job failed", self.Java(None, None, self.Java("TASK_WRITE_FAILED", "58030", cause)))
        self.assertEqual(replay.refusal(error)[:2], ("DELTA_CAST_OVERFLOW_IN_TABLE_WRITE", "22003"))
        error = self.Raised("a job failed", self.Java("TASK_WRITE_FAILED", "58030", self.Java(None, None)))
        self.assertEqual(replay.refusal(error)[:2], ("TASK_WRITE_FAILED", "58030"))

    def test_of_delta_alone(self):
        error = self.Raised("calling org.apache.spark.SparkThrowableHelper.getMessage", self.Java("INTERNAL_ERROR", "XX000"))
        error.__context__ = self.Raised("x", self.Java("DELTA_MERGE_UNRESOLVED_EXPRESSION", "42601"))
        self.assertEqual(replay.refusal(error)[:2], ("DELTA_MERGE_UNRESOLVED_EXPRESSION", "42601"))


if __name__ == "__main__":
    unittest.main()
