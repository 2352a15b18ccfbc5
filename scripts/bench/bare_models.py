"""Both sides of `spark_models.py`: a Spark session that runs statements, and then what is measured.

    bare_models.py FILE                runs the statements again
    bare_models.py FILE DBT_OPTION…    runs dbt in the same session

FILE is JSON: `settings` of the session, the `scratch` database, statements to run `before`, named
`statements`, and where dbt writes its `results`. Writes the seconds of each and of all as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter

from pyspark.sql import SparkSession


def run_statements(session: SparkSession, asked: dict) -> dict[str, float]:
    """Run all of them in an empty scratch database; returns the seconds of the named ones."""
    session.sql(f"drop database if exists {asked['scratch']} cascade")
    session.sql(f"create database {asked['scratch']}")
    for statement in asked["before"]:
        session.sql(statement).collect()
    seconds = {}
    for name, statement in asked["statements"]:
        started = perf_counter()
        session.sql(statement).collect()
        seconds[name] = perf_counter() - started
    session.sql(f"drop database {asked['scratch']} cascade")
    return seconds


asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
builder = SparkSession.builder.enableHiveSupport()
for setting, value in asked["settings"].items():
    builder = builder.config(setting, value)
session = builder.getOrCreate()
run_statements(session, asked)
if sys.argv[2:]:
    from dbt.cli.main import dbtRunner

    result = dbtRunner().invoke(sys.argv[2:])
    if not result.success:
        sys.exit(str(result.exception or "dbt failed"))
    results = json.loads(Path(asked["results"]).read_text(encoding="utf-8"))["results"]
    nodes = {one["unique_id"].split(".", 2)[2]: one["execution_time"] for one in results}
    seconds = {name: nodes[name] for name, _ in asked["statements"] if name in nodes}
else:
    seconds = run_statements(session, asked)
print()
json.dump({"seconds": sum(seconds.values()), "parts": seconds}, sys.stdout)
