"""Spark where it does not run or read as on a laptop: a lake at an address, a cluster, a server."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from casebook.build.spark import check_spark, spark_environment
from casebook.errors import CasebookError
from casebook.settings import find_settings
from test_spark import QUICK, needs_spark
from workbench import UNTESTED, Workbench, copy_project, vote

# Hadoop's own file system for tests of another: what is below s3a://bucket/data lies in a folder.
MOUNTED = """\
spark.hadoop.fs.s3a.impl org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme
spark.hadoop.fs.viewfs.mounttable.bucket.link./data file://{folder}
"""
CLUSTER = """\
spark.driver.host 127.0.0.1
spark.executor.memory 512m
spark.executor.extraJavaOptions -XX:TieredStopAtLevel=1
spark.hadoop.hive.metastore.uris thrift://127.0.0.1:{port}
"""
METASTORE = """\
<configuration>
<property><name>javax.jdo.option.ConnectionURL</name>
<value>jdbc:derby:;databaseName={folder}/catalog;create=true</value></property>
<property><name>hive.metastore.warehouse.dir</name><value>{folder}/spark</value></property>
<property><name>datanucleus.schema.autoCreateAll</name><value>true</value></property>
<property><name>hive.metastore.schema.verification</name><value>false</value></property>
<property><name>hive.async.log.enabled</name><value>false</value></property>
</configuration>
"""
METASTORE_LOG = """\
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
"""
SERVER = """\
spark.master local[1]
spark.ui.enabled false
spark.connect.grpc.binding.address 127.0.0.1
spark.connect.grpc.binding.port 0
spark.sql.catalogImplementation hive
spark.sql.warehouse.dir {folder}/tables
spark.hadoop.javax.jdo.option.ConnectionURL jdbc:derby:;databaseName={folder}/metastore;create=true
"""
MARTS = (
    "blog_analysis.votes",
    "audit.loaded_files",
    "audit.rejected_rows",
    "audit.row_accounting",
)
# Without dbt's tests, which other builds on Spark run: rows are compared here.
BUILD = ("build", "--target", "spark", *UNTESTED)
# Names with all that a URI or a ledger's path writes otherwise.
NAMES = ("plain.jsonl", "a+b c.jsonl", "100%25, é=1.jsonl", "_hidden & ünder#?.jsonl")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """The blog's case, loaded and built on DuckDB."""
    folder = tmp_path_factory.mktemp("places")
    bench = Workbench(folder, copy_project(folder / "project", "blog"))
    for number, name in enumerate(NAMES):
        days = [f"2022-0{month}-0{number + 1}" for month in (1, 2, 3)]
        votes = [vote(10 * number + month, day) for month, day in enumerate(days)]
        lines = b"".join(repr(one).replace("'", '"').encode() + b"\n" for one in votes)
        bench.write(name, lines + b"{broken\n")
    # Loaded first: from then on each build finds the same ledger, in which every file is unchanged.
    bench.casebook("load")
    bench.casebook("build", *UNTESTED)
    return bench


def rows(connection: duckdb.DuckDBPyConnection, mart: str, spark: Path) -> list[list[tuple]]:
    """A mart's rows on DuckDB, and in the folder of Spark's warehouse."""
    columns = ", ".join(
        f'cast("{name}" as {type_}) as "{name}"'
        for name, type_, *_ in connection.execute(f"describe warehouse.{mart}").fetchall()
    )
    files = str(spark / mart.replace(".", ".db/") / "**" / "*.parquet")
    sides = (f"warehouse.{mart}", f"read_parquet('{files}', hive_partitioning = true)")
    return [connection.execute(f"select {columns} from {s} order by all").fetchall() for s in sides]


def check_marts(bench: Workbench, spark: Path) -> None:
    """Every mart must be there, and have the rows that DuckDB has."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{bench.warehouse}' as warehouse (read_only)")
        for mart in MARTS:
            ours, theirs = rows(connection, mart, spark)
            assert ours == theirs, mart
            assert ours, mart


def written(tables: Path) -> set[Path]:
    """The files of all tables in the folder of Spark's warehouse; none is written twice."""
    return {path.relative_to(tables) for path in tables.rglob("*.parquet")}


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Spark's settings for little data, and its tables below this test's folder."""
    path = tmp_path / "conf" / "spark-defaults.conf"
    path.parent.mkdir()
    path.write_text(QUICK)
    monkeypatch.setenv("SPARK_CONF_DIR", str(path.parent))
    monkeypatch.setenv("CASEBOOK_SPARK_WAREHOUSE", str(tmp_path / "spark"))
    return path


@needs_spark
def test_lake_and_warehouse_may_be_at_addresses(
    bench: Workbench, conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = tmp_path / "bucket"
    (bucket / "tables").mkdir(parents=True)
    (bucket / "a lake+").symlink_to(bench.lake)
    with conf.open("a") as file:
        file.write(MOUNTED.format(folder=bucket))
    monkeypatch.setenv("CASEBOOK_SPARK_WAREHOUSE", "s3a://bucket/data/tables/")
    built = bench.casebook(*BUILD, "--lake", "s3a://bucket/data/a lake+/")
    assert built.stdout.splitlines()[0] == (
        "the lake is at s3a://bucket/data/a lake+:"
        " nothing is loaded here, its ledger says what is built"
    )
    assert "s3a://bucket/data/tables" in built.stdout
    check_marts(bench, bucket / "tables")
    # Another target in the same metastore leaves what this one has built as it is.
    ours = written(bucket / "tables")
    profiles = bench.project / "profiles.yml"
    text = profiles.read_text(encoding="utf-8")
    profiles.write_text(text.replace("schema: staging", "schema: ada"), encoding="utf-8")
    try:
        bench.casebook(*BUILD, "--lake", "s3a://bucket/data/a lake+/", "--select", "+votes")
    finally:
        profiles.write_text(text, encoding="utf-8")
    both = written(bucket / "tables")
    theirs = {path.parts[0] for path in both - ours}
    assert ours < both
    assert "ada_blog_analysis.db" in theirs
    assert all(name.startswith("ada_") for name in theirs)


# --- What Spark is told.


def write_conf(folder: Path, text: str) -> str:
    folder.mkdir(parents=True)
    (folder / "spark-defaults.conf").write_text(text)
    return str(folder)


def test_a_variable_wins_over_the_conf_folder_and_that_over_one_machine(tmp_path: Path) -> None:
    settings = find_settings(lake=str(tmp_path))

    def submitted(**given: str) -> str:
        return spark_environment(settings, given)["PYSPARK_SUBMIT_ARGS"]

    assert "--conf spark.master=local[*] " in submitted()
    home = write_conf(tmp_path / "home" / "conf", "spark.master yarn\n").removesuffix("/conf")
    folder = write_conf(tmp_path / "conf", "# mine\nspark.driver.memory = 4g\n")
    assert "spark.master" not in submitted(SPARK_HOME=home)
    both = submitted(SPARK_HOME=home, SPARK_CONF_DIR=folder)
    assert "--conf spark.master=local[*] " in both
    assert "spark.driver.memory" not in both
    named = submitted(SPARK_HOME=home, CASEBOOK_SPARK_MASTER="k8s://https://host:443")
    assert "--conf spark.master=k8s://https://host:443 " in named
    last = submitted(PYSPARK_SUBMIT_ARGS="--conf spark.master=yarn pyspark-shell")
    assert last.endswith(" --conf spark.master=yarn pyspark-shell")


def test_the_catalog_is_on_this_machine_where_the_tables_are_at_an_address(tmp_path: Path) -> None:
    settings = find_settings(lake=str(tmp_path))
    folder = write_conf(tmp_path / "conf", "spark.sql.warehouse.dir hdfs://name:8020/tables/\n")
    told = spark_environment(settings, {"SPARK_CONF_DIR": folder})
    assert told["CASEBOOK_SPARK_WAREHOUSE"] == "hdfs://name:8020/tables"
    assert told["CASEBOOK_SPARK_METASTORE"] == f"{settings.project}/target/spark/metastore"
    told = spark_environment(settings, {"CASEBOOK_SPARK_WAREHOUSE": f"file:{tmp_path}"})
    assert told["CASEBOOK_SPARK_WAREHOUSE"] == str(tmp_path)
    assert told["CASEBOOK_SPARK_METASTORE"] == f"{tmp_path}/metastore"


@pytest.mark.parametrize("end", ["", "/", "/;use_ssl=true;token=secret"])
def test_a_connect_server_is_told_nothing_and_its_token_is_not_shown(end: str) -> None:
    told = spark_environment(find_settings(), {"SPARK_REMOTE": f"sc://host:15002{end}"})
    assert told == {
        "CASEBOOK_SPARK_WAREHOUSE": "sc://host:15002",
        "DBT_TARGET_PATH": "target/dbt_spark",
    }


@pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="pyspark is not installed")
def test_a_connect_server_needs_a_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_REMOTE", "sc://host:15002")
    monkeypatch.setitem(sys.modules, "grpc", None)
    with pytest.raises(CasebookError, match=r"pip install 'pyspark\[connect\]'"):
        check_spark()


# --- Programs of Spark's own.


@contextlib.contextmanager
def running(folder: Path, started: str, *command: str) -> Iterator[str]:
    """Run a program of pyspark's until the end of the block.

    Args:
        folder: what it is run in, and where its log is.
        started: a pattern for what it logs once it has started.
        command: a program in pyspark's folder `bin`, and its arguments.

    Yields:
        What the pattern's first group found.
    """
    home = Path(importlib.util.find_spec("pyspark").submodule_search_locations[0])
    folder.mkdir(parents=True)
    log = folder / "log.txt"
    with (
        log.open("w") as file,
        subprocess.Popen(
            [str(home / "bin" / command[0]), *command[1:]],
            cwd=folder,
            env=os.environ | {"SPARK_HOME": str(home), "SPARK_DAEMON_MEMORY": "1g"},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        ) as program,
    ):
        try:
            until = time.monotonic() + 120
            while not (found := re.search(started, log.read_text())):
                assert program.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.2)
            yield found[1]
        finally:
            program.terminate()


@needs_spark
def test_a_standalone_cluster_with_a_metastore_builds_as_a_laptop_does(
    bench: Workbench, conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = tmp_path / "service"
    service.mkdir()
    (service / "hive-site.xml").write_text(METASTORE.format(folder=tmp_path))
    (service / "hive-log4j2.properties").write_text(METASTORE_LOG)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    here = ("--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
    deploy = "org.apache.spark.deploy"
    with contextlib.ExitStack() as programs:
        master = programs.enter_context(
            running(
                tmp_path / "master",
                r"Starting Spark master at (spark://\S+)",
                *("spark-class", f"{deploy}.master.Master", *here),
            )
        )
        programs.enter_context(
            running(
                tmp_path / "worker",
                r"Successfully registered with master (\S+)",
                *("spark-class", f"{deploy}.worker.Worker", *here),
                *("--cores", "1", "--memory", "1g", "--work-dir", str(tmp_path / "work"), master),
            )
        )
        monkeypatch.setenv("SPARK_CONF_DIR", str(service))
        programs.enter_context(
            running(
                tmp_path / "metastore",
                r"(Started the new metaserver) on port",
                *("spark-class", "org.apache.hadoop.hive.metastore.HiveMetaStore", "-p", port),
            )
        )
        monkeypatch.setenv("SPARK_CONF_DIR", str(conf.parent))
        with conf.open("a") as file:
            file.write(CLUSTER.format(port=port))
        monkeypatch.setenv("CASEBOOK_SPARK_MASTER", master)
        built = bench.casebook(*BUILD, "--quiet")
    assert built.stderr == ""
    # The service has the catalog, and a database of this build's own was not made.
    assert not (tmp_path / "spark" / "metastore").exists()
    # An executor has run, and not the driver.
    assert list((tmp_path / "work").glob("app-*/0/stderr"))
    check_marts(bench, tmp_path / "spark")


@needs_spark
@pytest.mark.skipif(
    importlib.util.find_spec("grpc") is None, reason="pyspark[connect] is not installed"
)
def test_a_connect_server_builds_as_a_laptop_does(
    bench: Workbench, conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf.write_text(QUICK + SERVER.format(folder=tmp_path))
    server = running(
        tmp_path / "server",
        r"Spark Connect server started at: (\S+)",
        *("spark-submit", "--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
        "spark-internal",
    )
    with server as address:
        monkeypatch.delenv("SPARK_CONF_DIR")
        monkeypatch.delenv("CASEBOOK_SPARK_WAREHOUSE")
        monkeypatch.setenv("SPARK_REMOTE", f"sc://{address}/;user_id=reader")
        built = bench.casebook(*BUILD)
    assert built.stdout.splitlines()[-1] == f"built in place on Spark: sc://{address}"
    assert "Failed to set" not in built.stderr
    check_marts(bench, tmp_path / "tables")
