"""Whether two warehouses are the same, to the last row.

Those of the two engines (`make parity`), or two files: of a build before a change and after it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
from casebook.build.dbt import run_dbt
from casebook.build.spark import FIRST, NOISE, check_spark, spark_environment
from casebook.errors import CasebookError
from casebook.settings import Settings, find_project
from casebook.sql import quote_text
from compared import LEFT_OUT, SHOWN, Comparison, diff_files, show

FOLDER = "target/parity"

# The lake's own tables and what reads them: each engine gets at the files in its own way.
LEFT_OUT_SCHEMAS = ("raw_",)

# What table functions are asked on both engines.
CALLS = {
    "storefront.ctr": "timestamp '2010-01-01 00:00:00', timestamp '2030-01-01 00:00:00', 1440",
    "courses.recommendations_for_user": "7",
}

# Spark's types, and what they are in DuckDB. Decimals keep their name.
TYPES = {
    "string": "VARCHAR",
    "long": "BIGINT",
    "integer": "INTEGER",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp_ntz": "TIMESTAMP",
}
SPARK_SCHEMA = "org.apache.spark.sql.parquet.row.metadata"


def _build_both(settings: Settings, spark_warehouse: Path, dbt_options: Sequence[str]) -> None:
    """Load the raw files once, and build them on both engines, with a log of each."""
    check_spark()
    # Loaded first, so that both builds find the lake the same: with nothing new in it.
    for engine, command in (
        ("duckdb", ["casebook", "load"]),
        ("duckdb", ["casebook", "build", "--target", "duckdb", *dbt_options]),
        ("spark", ["casebook", "build", "--target", "spark", *dbt_options]),
    ):
        environment = os.environ | settings.environment | _artifacts(spark_warehouse, engine)
        run = subprocess.run(
            [str(Path(sys.executable).with_name(command[0])), *command[1:]],
            cwd=settings.project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise CasebookError(
                f"`{' '.join(command)}` of {settings.raw} failed:\n{run.stdout}{run.stderr}"
            )
        log = spark_warehouse.with_name(f"{engine}.log")
        log.write_text(run.stderr, encoding="utf-8")


def export_spark(settings: Settings, spark_warehouse: Path, to: Path) -> None:
    """Write each table and view of Spark's warehouse, and answers of table functions, as Parquet.

    Raises:
        CasebookError: if Spark does not.
    """
    shutil.rmtree(to, ignore_errors=True)
    environment = os.environ | _artifacts(spark_warehouse, "spark")
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        calls = {name: CALLS[name] for name in _functions(connection) if name in CALLS}
    arguments = json.dumps({"folder": str(to), "calls": calls})
    spark = spark_environment(settings, environment)
    run = run_dbt(
        settings,
        ["run-operation", "--target", "spark", "export_tables", "--args", arguments],
        target=settings.project / spark["DBT_TARGET_PATH"],
        environment=environment | spark,
        noise=NOISE,
        first=FIRST,
    )
    if run.status:
        raise CasebookError("Spark's tables could not be exported: " + "\n".join(run.errors))


def compare(warehouse: Path, exported: Path) -> Iterator[Comparison]:
    """Compare DuckDB's warehouse with what Spark exported, name by name."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        ours = {
            name: f"select * from {name}"
            for (name,) in connection.execute(
                "select table_schema || '.' || table_name from information_schema.tables"
            ).fetchall()
        }
        for name in _functions(connection):
            if name in CALLS:
                ours[name] = f"select * from {name}({CALLS[name]})"
            else:
                yield Comparison(name, None, ("CALLS in parity.py does not say what to ask it",))
        theirs = {path.name for path in exported.iterdir() if path.is_dir()}
        for name in sorted(ours.keys() | theirs):
            if name in LEFT_OUT or name.startswith(LEFT_OUT_SCHEMAS):
                continue
            if name not in theirs:
                yield Comparison(name, None, ("Spark does not have it",))
            elif name not in ours:
                yield Comparison(name, None, ("only Spark has it",))
            else:
                yield _compare(connection, name, ours[name], exported / name)


def _functions(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The table functions of DuckDB's warehouse."""
    return [
        name
        for (name,) in connection.execute(
            "select schema_name || '.' || function_name from duckdb_functions()"
            " where function_type = 'table_macro' and not internal"
        ).fetchall()
    ]


def _compare(
    connection: duckdb.DuckDBPyConnection, name: str, query: str, folder: Path
) -> Comparison:
    files = sorted(str(path) for path in folder.glob("*.parquet"))
    if not files:
        return Comparison(name, None, ("Spark exported no file of it",))
    ours = {row[0]: row[1] for row in connection.execute(f"describe {query}").fetchall()}
    theirs = {
        field["name"]: _duckdb_type(connection, field["type"])
        for field in _spark_schema(connection, files[0])["fields"]
    }
    columns = (list(ours), list(theirs))
    if columns[0] != columns[1]:
        return Comparison(name, None, (f"columns: {columns[0]}, on Spark {columns[1]}",))
    differences = [
        f"type of {column}: {ours[column]}, on Spark {theirs[column]}"
        for column in ours
        if ours[column] != theirs[column]
    ]
    connection.execute(
        "create or replace temp view spark_rows as"
        f" from read_parquet([{', '.join(map(quote_text, files))}])"
    )
    sides = (query, "select * from spark_rows")
    counts = [
        connection.execute(f"select count(*) from ({side})").fetchall()[0][0] for side in sides
    ]
    if counts[0] != counts[1]:
        differences.append(f"rows: {counts[0]:,}, on Spark {counts[1]:,}")
    for side, one, other in (("DuckDB", *sides), ("Spark", *reversed(sides))):
        rows = connection.execute(f"({one}) except all ({other})").fetchmany(SHOWN)
        differences += [f"only on {side}: {row}" for row in rows]
    return Comparison(name, counts[0], tuple(differences))


def _spark_schema(connection: duckdb.DuckDBPyConnection, file: str) -> dict[str, Any]:
    ((text,),) = connection.execute(
        "select decode(value) from parquet_kv_metadata(?) where decode(key) = ?",
        [file, SPARK_SCHEMA],
    ).fetchall()
    return json.loads(text)


def _duckdb_type(connection: duckdb.DuckDBPyConnection, spark: str | Mapping[str, Any]) -> str:
    """What a type of Spark is in DuckDB, spelled as DuckDB spells it."""
    try:
        spelled = _spell(spark)
    except KeyError as error:
        return f"{error.args[0]}, which has no counterpart"
    return connection.execute(f"select typeof(cast(null as {spelled}))").fetchall()[0][0]


def _spell(spark: str | Mapping[str, Any]) -> str:
    if isinstance(spark, str):
        return spark if spark.startswith("decimal(") else TYPES[spark]
    if spark["type"] == "array":
        return _spell(spark["elementType"]) + "[]"
    if spark["type"] == "struct":
        fields = (f'"{field["name"]}" {_spell(field["type"])}' for field in spark["fields"])
        return f"struct({', '.join(fields)})"
    raise KeyError(spark["type"])


def _artifacts(spark_warehouse: Path, engine: str) -> dict[str, str]:
    return {
        "CASEBOOK_SPARK_WAREHOUSE": str(spark_warehouse),
        "DBT_TARGET_PATH": str(spark_warehouse.parent / f"dbt_{engine}"),
        "DBT_LOG_PATH": str(spark_warehouse.parent / "logs"),
    }


def check_parity(
    raw: Path, folder: Path, project: Path, dbt_options: Sequence[str] = ()
) -> list[Comparison]:
    """Build raw files on both engines, below a folder that is made anew, and compare.

    Raises:
        CasebookError: if a build or the export fails.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    settings = Settings(project, raw, folder / "lake", folder / "warehouse.db")
    _build_both(settings, folder / "spark", dbt_options)
    export_spark(settings, folder / "spark", folder / "exported")
    return list(compare(settings.warehouse, folder / "exported"))


def main() -> int:
    """Compare what is named; the exit status is 1 where anything differs."""
    parser = argparse.ArgumentParser(prog="make parity", description=__doc__)
    parser.add_argument("raw", nargs="*", type=Path, help="raw folders, each built on its own")
    parser.add_argument(
        "--files", nargs=2, type=Path, metavar="FILE", help="compare two warehouse files instead"
    )
    options = parser.parse_args()
    raw_folders, project = options.raw, find_project()
    if bool(raw_folders) == bool(options.files):
        parser.error("name raw folders, or two warehouse files with --files")
    if options.files:
        return int(show(list(diff_files(*options.files))))
    failed = False
    for number, raw in enumerate(raw_folders, 1):
        print(f"== {raw}, on DuckDB and on Spark", flush=True)
        try:
            comparisons = check_parity(raw.absolute(), project / FOLDER / str(number), project)
        except CasebookError as error:
            print(error, file=sys.stderr)
            return 1
        failed = show(comparisons) or failed
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
