"""The other side of `spark_models.py`: statements in a bare Spark session, and how long each took.

All of them run twice, as on Casebook's side, and those of the second time are measured.

Reads a file of JSON: `settings` of the session, the `scratch` database, statements to run `before`,
and named `statements`. Writes the seconds of the named ones to stdout, as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter

from pyspark.sql import SparkSession

asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
builder = SparkSession.builder.enableHiveSupport()
for setting, value in asked["settings"].items():
    builder = builder.config(setting, value)
session = builder.getOrCreate()
scratch = asked["scratch"]
seconds = {}
for _ in range(2):
    session.sql(f"drop database if exists {scratch} cascade")
    session.sql(f"create database {scratch}")
    for statement in asked["before"]:
        session.sql(statement).collect()
    for name, statement in asked["statements"]:
        started = perf_counter()
        session.sql(statement).collect()
        seconds[name] = perf_counter() - started
session.sql(f"drop database {scratch} cascade")
session.stop()
json.dump(seconds, sys.stdout)
