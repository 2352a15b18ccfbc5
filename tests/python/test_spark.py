"""The same project on Spark: equal to DuckDB's warehouse, quiet, and tidy."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import parity
import pytest
from casebook.build import spark
from casebook.errors import CasebookError
from parity import Comparison
from workbench import PROJECT, Workbench, copy_project, vote

# For a few thousand rows, compiling queries costs more than running them.
QUICK = """\
spark.sql.shuffle.partitions 1
spark.sql.codegen.wholeStage false
spark.sql.codegen.factoryMode NO_CODEGEN
spark.driver.extraJavaOptions -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m
"""


def why_not() -> str | None:
    """Why Spark cannot run here: what is not installed. Whatever else is wrong is a failure."""
    for module in ("pyspark", "dbt.adapters.spark"):
        try:
            found = importlib.util.find_spec(module)
        except ModuleNotFoundError:
            found = None
        if found is None:
            return f"{module} is not installed: it needs Python 3.11 or later and the extra `spark`"
    if shutil.which("java") is None:
        return "there is no Java on the PATH; it is the package openjdk-17-jre-headless"
    return None


needs_spark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@contextlib.contextmanager
def use_quick_settings(folder: Path) -> Iterator[None]:
    """Let Spark run with settings for little data, and with temporary files, in a folder."""
    scratch = folder / "tmp"
    scratch.mkdir()
    (folder / "spark-defaults.conf").write_text(
        QUICK.replace("Options ", f"Options -Djava.io.tmpdir={scratch} ")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(folder))
        yield


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("conf")
    with use_quick_settings(folder):
        yield folder


@dataclass(frozen=True)
class Both:
    """The sample on both engines.

    Attributes:
        project: the project's folder.
        before: what was in it before the builds.
        folder: where lake and warehouses are.
        scratch: what is the system's folder for temporary files to Spark.
        comparisons: what `make parity` says of them.
    """

    project: Path
    before: set[Path]
    folder: Path
    scratch: Path
    comparisons: list[Comparison]


@pytest.fixture(scope="module")
def both(quick: Path, tmp_path_factory: pytest.TempPathFactory) -> Both:
    folder = tmp_path_factory.mktemp("both")
    project = copy_project(folder / "project")
    before = set(project.rglob("*"))
    comparisons = parity.check_parity(PROJECT / "sample", folder / "parity", project)
    return Both(project, before, folder / "parity", quick / "tmp", comparisons)


@needs_spark
def test_each_table_of_the_sample_is_the_same_on_both_engines(both: Both) -> None:
    different = [table for table in both.comparisons if table.differences]
    assert different == []


@needs_spark
def test_every_model_and_seed_is_compared_and_has_rows(both: Both) -> None:
    manifest = json.loads((both.folder / "dbt_duckdb" / "build" / "manifest.json").read_text())
    expected = {
        f"{node['schema']}.{node['alias']}"
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed")
    }
    expected.add("audit.declarations")  # written after a build, by no model
    rows = {table.name: table.rows for table in both.comparisons}
    assert expected - set(rows) == set(parity.LEFT_OUT)
    assert [name for name in expected & set(rows) if not rows[name]] == []


@needs_spark
def test_a_build_on_spark_leaves_nothing_lying_about(both: Both) -> None:
    assert set(both.project.rglob("*")) - both.before == set()
    assert list(both.scratch.iterdir()) == []
    # What Spark would leave in a current folder is where the settings say.
    assert (both.folder / "spark" / "metastore").is_dir()
    assert list(both.folder.rglob("derby.log")) == []


@needs_spark
def test_a_build_on_spark_prints_what_one_on_duckdb_does(both: Both) -> None:
    lines = (both.folder / "spark.log").read_text().splitlines()
    assert any(line.startswith("building: ") for line in lines)
    own = ("raw files: ", "building: ", "warning: ")
    assert [line for line in lines if line.strip() and not line.startswith(own)] == []


# --- A difference is seen.


def write_as_spark(folder: Path, name: str, query: str, fields: list[tuple[str, object]]) -> None:
    """A Parquet file as Spark exports a table, with Spark's schema in it."""
    schema = json.dumps(
        {
            "type": "struct",
            "fields": [{"name": column, "type": type_} for column, type_ in fields],
        }
    )
    (folder / name).mkdir(parents=True)
    duckdb.execute(
        f"copy ({query}) to '{folder / name / 'part-0.parquet'}'"
        f" (format parquet, kv_metadata {{'{parity.SPARK_SCHEMA}': '{schema}'}})"
    )


LISTED = "[{'id': 1, 'name': 'x'}]::struct(id bigint, name varchar)[]"
LIST_ON_SPARK = {
    "type": "array",
    "elementType": {
        "type": "struct",
        "fields": [{"name": "id", "type": "long"}, {"name": "name", "type": "string"}],
    },
}
ROWS = f"""
select 1::bigint as id, 'a' as name, 0.5::decimal(18, 6) as share,
    timestamp '2022-01-01' as made_at, {LISTED} as listed
union all select 2, null, null, null, null
union all select 2, null, null, null, null
"""
FIELDS = [
    ("id", "long"),
    ("name", "string"),
    ("share", "decimal(18,6)"),
    ("made_at", "timestamp_ntz"),
    ("listed", LIST_ON_SPARK),
]


def compared(tmp_path: Path, query: str, fields: list[tuple[str, object]]) -> Comparison:
    with duckdb.connect(str(tmp_path / "warehouse.db")) as connection:
        connection.execute(f"create schema s; create table s.t as {ROWS}")
    write_as_spark(tmp_path / "exported", "s.t", query, fields)
    (comparison,) = parity.compare(tmp_path / "warehouse.db", tmp_path / "exported")
    assert comparison.name == "s.t"
    return comparison


def test_equal_tables_are_the_same_in_whatever_order(tmp_path: Path) -> None:
    found = compared(tmp_path, f"from ({ROWS}) order by id desc", FIELDS)
    assert found == Comparison("s.t", 3, ())


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (f"from ({ROWS}) limit 2", ["rows: 3, on Spark 2", "only on DuckDB: (2, None"]),
        (f"from ({ROWS}) union all select 2, null, null, null, null", ["rows: 3, on Spark 4"]),
        (
            f"select * replace (case when id = 1 then 'A' else name end as name) from ({ROWS})",
            ["only on DuckDB: (1, 'a'", "only on Spark: (1, 'A'"],
        ),
        (
            f"select * replace (share + 0.000001::decimal(18, 6) as share) from ({ROWS})",
            ["only on Spark: (1, 'a', Decimal('0.500001')"],
        ),
        (
            f"select * replace (case when id = 2 then listed else [null] end as listed)"
            f" from ({ROWS})",
            ["only on Spark: (1, 'a'"],
        ),
        (
            f"select * exclude (made_at), made_at from ({ROWS})",
            ["columns: ['id', 'name', 'share', 'made_at'"],
        ),
    ],
    ids=["a row less", "a row more", "a letter", "the last digit", "in a list", "the order"],
)
def test_rows_and_columns_that_differ_are_shown(
    tmp_path: Path, query: str, said: list[str]
) -> None:
    names = [row[0] for row in duckdb.execute(f"describe {query}").fetchall()]
    differences = compared(tmp_path, query, [(name, dict(FIELDS)[name]) for name in names])
    for start in said:
        assert any(text.startswith(start) for text in differences.differences), differences


@pytest.mark.parametrize(
    ("column", "on_spark", "said"),
    [
        ("id", "integer", "type of id: BIGINT, on Spark INTEGER"),
        ("share", "decimal(18,5)", "type of share: DECIMAL(18,6), on Spark DECIMAL(18,5)"),
        (
            "made_at",
            "timestamp",
            "type of made_at: TIMESTAMP, on Spark timestamp, which has no counterpart",
        ),
        ("name", "void", "type of name: VARCHAR, on Spark void, which has no counterpart"),
    ],
)
def test_types_that_differ_are_shown(tmp_path: Path, column: str, on_spark: str, said: str) -> None:
    fields = [(name, on_spark if name == column else type_) for name, type_ in FIELDS]
    assert compared(tmp_path, ROWS, fields).differences == (said,)


def test_a_table_that_one_engine_lacks_is_a_difference(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "warehouse.db")) as connection:
        connection.execute("create schema s; create table s.ours as select 1 as id")
        connection.execute("create schema audit; create table audit.builds as select 1 as id")
        connection.execute("create macro s.asked() as table select 1 as id")
    write_as_spark(tmp_path / "exported", "s.theirs", "select 1 as id", [("id", "integer")])
    found = list(parity.compare(tmp_path / "warehouse.db", tmp_path / "exported"))
    assert found == [
        Comparison("s.asked", None, ("CALLS in parity.py does not say what to ask it",)),
        Comparison("s.ours", None, ("Spark does not have it",)),
        Comparison("s.theirs", None, ("only Spark has it",)),
    ]


# --- Where Spark cannot run.


def install(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only `java` on the PATH: a shell script."""
    java = folder / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f"#!/bin/sh\n{script}\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(java.parent))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return java


def test_a_missing_java_is_an_error_that_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(CasebookError, match="there is none on the PATH") as raised:
        spark.check_java()
    assert "openjdk-17-jre-headless" in str(raised.value)


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ('openjdk version "11.0.2" 2019-01-15', "and this is 11"),
        ('java version "1.8.0_292"', "and this is 8"),
        ("something else", "and this is one of an unknown version"),
    ],
)
def test_an_old_java_is_an_error_that_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, said: str
) -> None:
    java = install(tmp_path, f"echo '{version}' >&2", monkeypatch)
    with pytest.raises(CasebookError, match=f"Spark needs Java 17 or later, {said}") as raised:
        spark.check_java()
    assert str(java) in str(raised.value)
    assert "Fix: install Java 17 or later" in str(raised.value)


def test_a_java_that_does_not_run_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "exit 1", monkeypatch)
    with pytest.raises(CasebookError, match="this does not run"):
        spark.check_java()


def test_java_17_and_later_will_do_and_java_home_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "echo 'openjdk version \"17.0.15\" 2025-04-15' >&2", monkeypatch)
    spark.check_java()
    old = tmp_path / "old"
    old.mkdir()
    install(old, "echo 'openjdk version \"11\"' >&2", monkeypatch)
    with pytest.raises(CasebookError, match="this is 11"):
        spark.check_java()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    spark.check_java()


@pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="pyspark is not installed")
def test_the_command_says_so_before_it_loads_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Workbench(tmp_path)
    bench.write("a.jsonl", [vote(1)])
    install(tmp_path, "echo 'openjdk version \"11.0.2\"' >&2", monkeypatch)
    failed = bench.casebook("build", "--target", "spark", status=1)
    assert "Spark needs Java 17 or later, and this is 11" in failed.stderr
    assert not bench.lake.exists()
