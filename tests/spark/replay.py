"""Sends to Spark what the local workspace was sent, and compares the answers.

    python replay.py ANSWERS DIRECTORY [--part] [--workers N]

ANSWERS holds a file for each script, as local.go writes them. --part says that not
all scripts are there, so that marks may be unused. Each worker is a Spark of its own,
and takes one script after another.
"""

import argparse
import fnmatch
import functools
import json
import logging
import multiprocessing
import os
import pathlib
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter

import cells
import marks
import rewrite

NOT_SERVED = "the local workspace refuses what it does not serve, with SQLSTATE 0A000"
OTHER_SOURCE = "the corpus has the answer from the documentation, or guesses it"
COPY_REFUSED = "what COPY INTO refuses by itself is Databricks's, and the replayer plays only its loads"
CLASS = re.compile(r"\[([A-Z][A-Z0-9_]+(?:\.[A-Z0-9_]+)*)\]")


class Refused(Exception):
    """An error that the replayer itself stands in for."""

    def __init__(self, condition, state):
        super().__init__(condition)
        self.condition, self.state = condition, state


def open_spark(directory):
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]").appName("ingest")
    settings = {
        # As a SQL warehouse of Databricks has them.
        "spark.sql.ansi.enabled": "true",
        "spark.sql.storeAssignmentPolicy": "ANSI",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.sources.default": "delta",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.catalogImplementation": "in-memory",
        # As a small machine has to have them; no answer depends on them.
        "spark.driver.memory": "4g",
        # Spark keeps the plans of past statements for its UI. Those of a MERGE with the
        # fold in it have megabytes each, and fill any heap.
        "spark.sql.maxPlanStringLength": "1000",
        "spark.sql.ui.retainedExecutions": "2",
        "spark.ui.retainedJobs": "20",
        "spark.ui.retainedStages": "20",
        # Events for the UI wait in a queue, each with such a plan. On a busy machine they
        # wait long; those beyond the capacity are dropped, and nothing here reads them.
        "spark.scheduler.listenerbus.eventqueue.capacity": "50",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Duser.timezone=UTC -Dderby.system.home=" + str(directory),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.warehouse.dir": str(directory / "warehouse"),
        "spark.sql.shuffle.partitions": "1",
        "spark.default.parallelism": "1",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",
        # What follows from conditions is derived for each pair of columns, again and
        # again: a MERGE with the fold in it takes gigabytes and minutes of that.
        "spark.sql.constraintPropagation.enabled": "false",
        "spark.sql.lightweightPlanChangeValidation": "false",
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.databricks.delta.stats.collect": "false",
        "spark.databricks.delta.writeChecksumFile.enabled": "false",
        "spark.databricks.delta.retentionDurationCheck.enabled": "false",
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL + 1)  # refusals are expected
    return spark


class Engine:
    """Spark for one script, which begins with no tables."""

    def __init__(self, spark, directory, head):
        self.root, self.spark = spark, spark.newSession()
        self.catalog = head["catalog"]
        self.volumes = pathlib.Path(head["volumes"]) if head.get("volumes") else directory / "Volumes"
        if not head.get("volumes"):
            shutil.rmtree(self.volumes, ignore_errors=True)
        self.loaded, self.views = {}, 0

    def close(self):
        self.spark.sql("USE default")
        for row in self.spark.sql("SHOW DATABASES").collect():
            if row[0] != "default":
                self.spark.sql(f"DROP DATABASE `{row[0]}` CASCADE")
        for row in self.spark.sql("SHOW TABLES IN default").collect():
            if not row["isTemporary"]:
                what = "VIEW" if self.spark.catalog.getTable("default." + row["tableName"]).tableType == "VIEW" else "TABLE"
                self.spark.sql(f"DROP {what} default.`{row['tableName']}`")

    def path(self, name):
        return self.volumes / pathlib.PurePosixPath(name).relative_to("/Volumes")

    def put(self, name, content):
        target = self.path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(content, target)

    def view(self, frame):
        self.views += 1
        name = f"replayed_{self.views}"
        frame.createOrReplaceTempView(name)
        return name

    def run(self, sql):
        """The statement's answer as a data frame."""
        parts = rewrite.map_names(rewrite.tokens(sql), self.catalog)
        words = rewrite.solid(parts)
        if len(words) > 1 and words[0].is_word("COPY") and words[1].is_word("INTO"):
            return self.copy(rewrite.Copy(parts))
        for first, last, path, options in reversed(rewrite.split_read_files(parts)):
            parts[first : last + 1] = [rewrite.Token("word", self.view(self.read_files(path, options)))]
        return self.spark.sql(rewrite.text_of(parts).rstrip().rstrip(";"))

    def read_files(self, path, options):
        reader = self.spark.read.option("recursiveFileLookup", "true")
        reader = reader.option("datetimeRebaseMode", options.get("datetimerebasemode", "LEGACY"))
        if "schema" in options:
            reader = reader.schema(options["schema"])
        place = self.path(path)
        if not place.exists():
            raise Refused("PATH_NOT_FOUND", "42K03")
        return reader.parquet(str(place))

    def copy(self, c):
        base = self.path(c.path)
        if c.files is not None:
            names = c.files
        else:
            names = [str(p.relative_to(base)) for p in sorted(base.rglob("*")) if p.is_file() and not p.name.startswith(("_", "."))]
            names = [n for n in names if c.pattern is None or fnmatch.fnmatch(n, c.pattern)]
        missing = [n for n in names if not (base / n).exists()]
        if missing and c.format_options.get("ignoremissingfiles", "true") == "false":
            raise Refused("PATH_NOT_FOUND", "42K03")
        memory = self.loaded.setdefault(c.table.lower().replace("`", ""), set())
        force = c.copy_options.get("force", "false") == "true"
        new = [n for n in names if n not in missing and (force or str(base / n) not in memory)]
        if not new:
            return self.counts(0)
        reader = self.spark.read.option("datetimeRebaseMode", c.format_options.get("datetimerebasemode", "LEGACY"))
        reader = reader.option("mergeSchema", c.format_options.get("mergeschema", "false"))
        frame = reader.parquet(*[str(base / n) for n in new])
        if "_metadata" in c.items and "_metadata" not in frame.columns:  # a view does not show it
            frame = frame.select("*", "_metadata")
        source = self.view(frame)
        rows = self.spark.sql(f"SELECT count(*) FROM (SELECT 1 FROM {source} {c.where})").collect()[0][0]
        if c.copy_options.get("mergeschema", "false") == "true":
            self.spark.conf.set("spark.databricks.delta.schema.autoMerge.enabled", "true")
        try:
            self.spark.sql(c.insert(source)).collect()
        finally:
            self.spark.conf.set("spark.databricks.delta.schema.autoMerge.enabled", "false")
        memory.update(str(base / n) for n in new)
        return self.counts(rows)

    def counts(self, rows):
        return self.spark.createDataFrame([(rows, rows, 0)], "num_affected_rows bigint, num_inserted_rows bigint, num_skipped_corrupt_files bigint")


def fetch(frame):
    """Names, types and cells of a data frame."""
    fields = frame.schema.fields
    names = [f.name for f in fields]
    types = [f.dataType.simpleString() for f in fields]
    plain = frame.toDF(*[f"c{i}" for i in range(len(fields))])
    wanted = [cells.asked(t, f"c{i}") for i, t in enumerate(types)]
    if any(w != f"c{i}" for i, w in enumerate(wanted)):
        plain = plain.selectExpr(*wanted)
    return names, types, [[cells.cell(v) for v in row] for row in plain.collect()]


def refusal(error):
    """The class and the SQLSTATE of an error of Spark's."""
    if isinstance(error, Refused):
        return error.condition, error.state, error.condition
    while getattr(error, "java_exception", None) is not None and "SparkThrowableHelper" in str(error) and error.__context__ is not None:
        error = error.__context__  # pyspark asks Spark for the text of a class that only Delta has, and raises that it has none
    condition = state = None
    java = getattr(error, "java_exception", None)
    # What Delta raises inside a job arrives as it is in Java, in an error of the job's.
    while java is not None and (state is None or condition == "TASK_WRITE_FAILED"):
        try:
            condition, state = java.getErrorClass() or condition, java.getSqlState() or state
        except Exception:  # this one has no class, its cause may have
            pass
        java = java.getCause()
    for ask in ("getCondition", "getErrorClass"):
        if condition is None and hasattr(error, ask):
            condition = getattr(error, ask)()
    if state is None and hasattr(error, "getSqlState"):
        state = error.getSqlState()
    text = str(error)
    found = CLASS.search(text)
    if condition is None and found:
        condition = found.group(1)
    return condition or "", state or "", text.split("\n")[0][:300]


class Comparison:
    """What came of one script, or of many."""

    def __init__(self):
        self.sent = self.cells = self.refusals = 0
        self.marked, self.used, self.differences = Counter(), Counter(), []

    def differ(self, script, answer, what):
        self.differences.append(f"differs: {script}: {' '.join(answer['sql'].split())[:400]}\n    {what}")

    def add(self, other):
        self.sent += other.sent
        self.cells += other.cells
        self.refusals += other.refusals
        self.marked += other.marked
        self.used += other.used
        self.differences += other.differences

    def mark(self, mark):
        self.used[marks.MARKS.index(mark)] += 1
        self.marked[mark.reason] += 1

    def statement(self, script, engine, answer):
        if skip := marks.find(answer["sql"], "skip"):
            self.mark(skip)
            return
        mine = answer.get("refused")
        if mine and mine["state"] == "0A000":
            self.marked[NOT_SERVED] += 1
            return
        if mine and re.match(r"\s*COPY\s+INTO\b", answer["sql"], re.IGNORECASE):
            self.marked[COPY_REFUSED] += 1
            return
        self.sent += 1
        kind, what, count = self.compare(engine, answer, mine)
        if kind and (mark := marks.find(answer["sql"], kind)):
            self.mark(mark)
        elif kind and answer.get("source"):
            self.marked[OTHER_SOURCE] += 1
        elif kind:
            self.differ(script, answer, what)
        else:
            self.cells += count

    def compare(self, engine, answer, mine):
        """The kind of a difference and the difference in words, or None twice, and how
        many cells were compared."""
        try:
            names, types, rows = fetch(engine.run(answer["sql"]))
        except Exception as error:  # whatever Spark says counts as its answer
            condition, state, text = refusal(error)
            if mine is None:
                return "refusal", f"Spark refuses it: [{condition}] {state} {text}", 0
            if condition != mine["class"] or state != mine["state"]:
                return "class", f"refused as [{mine['class']}] {mine['state']}, by Spark as [{condition}] {state} {text}", 0
            self.refusals += 1
            return None, None, 0
        if mine is not None:
            return "refusal", f"refused as [{mine['class']}] {mine['state']}, Spark accepts it", 0
        what, count = compare_rows(answer, names, types, rows)
        return ("answer" if what else None), what, count


def columns_of(description):
    """The rows of a DESCRIBE that are of columns."""
    ends = [i for i, row in enumerate(description) if not row[0] or row[0].startswith("# ")]
    return description[: ends[0]] if ends else description


def compare_rows(answer, names, types, rows):
    columns = answer.get("columns") or []
    mine = answer.get("rows") or []
    if not columns and not names:
        return None, 0
    head = [c["name"] for c in columns]
    if head != names:
        return f"columns {head}, Spark has {names}", 0
    wire = [cells.wire_type(t) for t in types]
    if [c["type"] for c in columns] != wire:
        return f"types {[c['type'] for c in columns]}, Spark has {types}", 0
    if re.match(r"\s*SHOW\s+TBLPROPERTIES\b", answer["sql"], re.IGNORECASE):  # Delta adds some by its version
        known = {row[0] for row in mine}
        rows = [row for row in rows if row[0] in known or not row[0].startswith(("delta.", "clusteringColumns"))]
    if re.match(r"\s*DESC(RIBE)?\s+TABLE\b", answer["sql"], re.IGNORECASE):  # only Databricks adds how it is clustered
        mine, rows = columns_of(mine), columns_of(rows)
    ordered = bool(re.search(r"\bORDER\s+BY\b[^()]*$", answer["sql"], re.IGNORECASE))
    return cells.rows_differ(mine, rows, types, ordered), len(rows) * len(types)


def replay(file, directory):
    """Replays one script on this process's Spark, which it opens if it is the first."""
    global opened
    if opened is None:
        own = pathlib.Path(tempfile.mkdtemp(prefix=f"worker-{os.getpid()}-", dir=directory))
        opened = (open_spark(own), own)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    name, begun, result = file.stem[4:], time.monotonic(), Comparison()
    engine = Engine(*opened, lines[0])
    for answer in lines[1:]:
        if "file" in answer:
            engine.put(answer["file"], answer["copy"])
            continue
        answer.setdefault("sql", "")  # a test sends an empty statement
        result.statement(name, engine, answer)
    try:
        engine.close()
    except ConnectionError as error:  # the next script gets another Spark
        result.differences.append(f"differs: {name}: Spark ended in it, {error}")
        forget_spark()
        opened = None
    return name, result, time.monotonic() - begun


opened = None  # this process's Spark, with its directory


def forget_spark():
    """Lets this process start a Spark in the place of one that ended."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    SparkContext._active_spark_context = SparkContext._gateway = SparkContext._jvm = None
    SparkSession._instantiatedSession = None


def run(answers, directory, part, workers):
    started = time.monotonic()
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    # The longest first, so that no worker is left with one in the end.
    files = sorted(answers.glob("*.jsonl"), key=lambda f: -f.stat().st_size)
    result = Comparison()
    with multiprocessing.get_context("spawn").Pool(min(workers, len(files))) as pool:
        for name, one, seconds in pool.imap_unordered(functools.partial(replay, directory=directory), files):
            result.add(one)
            for difference in one.differences:
                print(difference, flush=True)
            print(f"{name}: {one.sent} statements, {seconds:.0f} s", file=sys.stderr, flush=True)
        pool.close()
        pool.join()
    return report(result, len(files), part, time.monotonic() - started)


def report(result, scripts, part, seconds):
    unused = [m.reason for i, m in enumerate(marks.MARKS) if not result.used[i]] if not part else []
    for reason in unused:
        print("unused mark: " + reason)
    print(f"{scripts} scripts, {result.sent} statements replayed, {result.cells} cells and {result.refusals} refusals agree, {seconds:.0f} s")
    print(f"{sum(result.marked.values())} marked as Databricks's own:")
    for reason, count in sorted(result.marked.items()):
        print(f"  {count:5}  {reason}")
    print(f"{len(result.differences)} differences")
    return 1 if result.differences or unused else 0


def main():
    p = argparse.ArgumentParser()
    p.add_argument("answers", type=pathlib.Path)
    p.add_argument("directory", type=pathlib.Path)
    p.add_argument("--part", action="store_true")
    p.add_argument("--workers", type=int, default=2)
    a = p.parse_args()
    os.environ["TZ"] = "UTC"
    time.tzset()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the workers too
    sys.exit(run(a.answers, a.directory, a.part, a.workers))


if __name__ == "__main__":
    main()
