"""Builds on Spark: in place, in the catalog that the settings name."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from casebook.build.dbt import Problem, Watcher, run_dbt, with_tests_that_can_run
from casebook.build.publish import only_build
from casebook.errors import CasebookError
from casebook.settings import Settings, is_address, local_path

OLDEST_JAVA = 17
WAREHOUSE = "target/spark"
ARTIFACTS = "target/dbt_spark"
# Written by the Java program itself when it starts; nothing can be told to keep it quiet.
NOISE = ("WARNING: Using incubator modules:",)
# Plans and Java's stack, which Spark puts behind an error's code, and dbt prints as it fails.
AFTER_CODE = re.compile(r"(?s)(\bSQLSTATE: \w{5}(?:; line \d+ pos \d+)?).*")
# Python to run before dbt, which says itself what is wrong with a query.
FIRST = (
    "from pyspark.logger import PySparkLogger;"
    " PySparkLogger.getLogger('SQLQueryContextLogger').disabled = True;"
    # Of a pandas that is newer than PySpark; nothing here uses it.
    "import warnings;"
    " warnings.filterwarnings('ignore', 'PySpark does not yet fully support pandas');"
    # Of what a Connect server has been told already, such as where its tables are.
    " warnings.filterwarnings('ignore', 'Failed to set .*CANNOT_MODIFY_STATIC_CONFIG');"
)


@dataclass(frozen=True)
class SparkResult:
    """How a build on Spark ended.

    Attributes:
        warehouse: the folder or address below which the tables are, or the Connect server that
            knows.
        built: models, seeds and tests that ran.
        failures: what failed, empty if nothing did.
        warnings: tests of severity warn that found something.
    """

    warehouse: str
    built: int
    failures: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def build_on_spark(
    settings: Settings, dbt_options: Sequence[str] = (), *, watcher: Watcher | None = None
) -> SparkResult:
    """Run `dbt build` on Spark, in place: readers see each table as soon as it is built.

    Args:
        settings: where everything is.
        dbt_options: further options for dbt, such as `--select`, `+votes`.
        watcher: whom dbt's run is shown to.

    Raises:
        CasebookError: if Spark or Java is missing, another build of the same warehouse is running,
            dbt could not run, or the selection is empty.
    """
    check_spark()
    spark = spark_environment(settings)
    warehouse = spark["CASEBOOK_SPARK_WAREHOUSE"]
    with only_build(_lock_file(settings, warehouse), warehouse):
        run = run_dbt(
            settings,
            ["build", "--target", "spark", *with_tests_that_can_run(dbt_options)],
            target=settings.project / spark["DBT_TARGET_PATH"],
            environment=spark,
            watcher=watcher,
            noise=NOISE,
            first=FIRST,
        )
    run.check("docs/spark.md has the settings; logs/dbt.log has more")
    failures = tuple(
        replace(one, message=AFTER_CODE.sub(r"\1", one.message)) for one in run.failures
    )
    return SparkResult(warehouse, run.nodes or 0, failures, run.warnings)


def check_spark() -> None:
    """Raise a CasebookError that says what to install if Spark cannot run here."""
    if not all(map(importlib.util.find_spec, ("pyspark", "dbt.adapters.spark"))):
        fix = "in the project's folder, with Python 3.11 or later: pip install -e '.[spark]'"
        raise CasebookError("Spark is not installed", fix=fix)
    # A Spark Connect server runs Java somewhere else.
    if not os.environ.get("SPARK_REMOTE"):
        check_java()
    elif importlib.util.find_spec("grpc") is None:
        raise CasebookError(
            "SPARK_REMOTE is set, and what a client of Spark Connect needs is not installed",
            fix="pip install 'pyspark[connect]', with the version of pyspark that is installed",
        )


def check_java() -> None:
    """Raise a CasebookError if there is no Java, or one that is too old for Spark."""
    fix = (
        f"install Java {OLDEST_JAVA} or later; on Debian and Ubuntu it is the package"
        " openjdk-17-jre-headless. JAVA_HOME names the folder of one that is not on the PATH"
    )
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if java is None:
        raise CasebookError("Spark needs Java, and there is none on the PATH", fix=fix)
    try:
        run = subprocess.run([java, "-version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CasebookError(
            "Spark needs Java, and this does not run", file=java, fix=fix
        ) from error
    found = re.search(r'version "(?:1\.)?(\d+)', run.stderr + run.stdout)
    if found is None or int(found[1]) < OLDEST_JAVA:
        reason = f"this is {found[1] if found else 'one of an unknown version'}"
        raise CasebookError(
            f"Spark needs Java {OLDEST_JAVA} or later, and {reason}", file=java, fix=fix
        )


def spark_environment(
    settings: Settings, environment: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment for dbt's Spark session.

    A variable `CASEBOOK_SPARK_…` wins over spark-defaults.conf in `SPARK_CONF_DIR`, or else in
    `SPARK_HOME`, and that over what suits one machine. Whatever else Spark can be told stands in
    spark-defaults.conf, or in `PYSPARK_SUBMIT_ARGS`, which wins over all. A Spark Connect server,
    named by `SPARK_REMOTE`, has settings of its own: of these it takes what a session may change.

    Args:
        settings: where everything is.
        environment: what is set; this program's own environment by default.
    """
    given = os.environ if environment is None else environment
    found = {"DBT_TARGET_PATH": given.get("DBT_TARGET_PATH", ARTIFACTS)}
    if given.get("SPARK_REMOTE"):
        # Host and port; parameters behind them may hold a token.
        server = re.split(r"(?<![:/])/", given["SPARK_REMOTE"])[0]
        return found | {"CASEBOOK_SPARK_WAREHOUSE": server}
    conf_dir = given.get("SPARK_CONF_DIR")
    if not conf_dir and given.get("SPARK_HOME"):
        conf_dir = str(Path(given["SPARK_HOME"], "conf"))
    defaults = _spark_defaults(conf_dir)
    here = str(settings.project / WAREHOUSE)
    warehouse = (
        given.get("CASEBOOK_SPARK_WAREHOUSE") or defaults.get("spark.sql.warehouse.dir") or here
    )
    warehouse = warehouse.rstrip("/") if is_address(warehouse) else str(local_path(warehouse))
    found["CASEBOOK_SPARK_WAREHOUSE"] = warehouse
    if "CASEBOOK_SPARK_METASTORE" not in given:
        folder = here if is_address(warehouse) else warehouse
        found["CASEBOOK_SPARK_METASTORE"] = f"{folder}/metastore"
    log = Path(__file__).with_name("spark_log4j2.properties")
    if conf_dir and Path(conf_dir, "log4j2.properties").is_file():
        log = Path(conf_dir, "log4j2.properties").absolute()
    found["CASEBOOK_SPARK_LOG"] = str(log)
    on_one_machine = {
        "spark.master": "local[*]",
        "spark.driver.memory": "2g",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    chosen = {name: value for name, value in on_one_machine.items() if name not in defaults}
    for name, variable in (
        ("spark.master", "CASEBOOK_SPARK_MASTER"),
        ("spark.driver.memory", "CASEBOOK_SPARK_MEMORY"),
    ):
        if given.get(variable):
            chosen[name] = given[variable]
    confs = " ".join(f"--conf {name}={value}" for name, value in chosen.items())
    submit = given.get("PYSPARK_SUBMIT_ARGS", "pyspark-shell")
    return found | {"PYSPARK_SUBMIT_ARGS": f"{confs} {submit}"}


def _spark_defaults(folder: str | None) -> dict[str, str]:
    """What spark-defaults.conf says: a name and a value a line, with blanks or `=` between them."""
    path = Path(folder, "spark-defaults.conf") if folder else None
    if path is None or not path.is_file():
        return {}
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    lines = (line for line in lines if line and not line.startswith("#"))
    pairs = (re.split(r"\s*[=\s]\s*", line, maxsplit=1) for line in lines)
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def _lock_file(settings: Settings, warehouse: str) -> Path:
    """Where builds of a warehouse wait for each other: beside it, or here where it is elsewhere."""
    folder = settings.project / WAREHOUSE if is_address(warehouse) else Path(warehouse)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "casebook.lock"
