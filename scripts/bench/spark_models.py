"""Both sides of a model on Spark: dbt's node, and the same statement in a bare session."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import jinja2
import yaml
from casebook.build.spark import spark_environment
from casebook.settings import Settings
from measure import PROJECT, SCRIPTS, BenchError, program, run

OPTIONS = (
    *("--target", "spark", "--full-refresh", "--threads", "1"),
    *("--select", "+votes", "+product_views", "--indirect-selection", "buildable"),
)
SCRATCH = "bare"
CREATE = re.compile(r"\s*create table (\S+)", re.IGNORECASE)

Command = list[str | Path]


def measure_models(work: Path, environment: dict[str, str]) -> tuple[Command, Command]:
    """Build once on Spark, and give the commands of dbt and of the bare session.

    The statements are those that dbt ran, as the first build left them in its target folder, in the
    same order. Each side is a Java program of its own with the same settings, and first runs all
    statements once in the bare way, which is not measured; with one thread no model waits for
    another. So both are as warm.

    Args:
        work: the folder of raw files, lake and warehouse.
        environment: of both sides; gets what a build gives to Spark.
    """
    settings = Settings(PROJECT, work / "raw", work / "lake", work / "warehouse.db")
    environment |= spark_environment(settings, environment)
    run([program("casebook"), "build", *OPTIONS], environment)
    before, named = read_statements(work / "dbt")
    if not named:
        raise BenchError(f"{work / 'dbt'} has no statement that makes a table")
    asked = work / "asked.json"
    given = {"settings": session_settings(environment), "scratch": SCRATCH, "before": before}
    given |= {"statements": named, "results": str(work / "dbt" / "run_results.json")}
    asked.write_text(json.dumps(given), encoding="utf-8")
    bare: Command = [sys.executable, SCRIPTS / "bare_models.py", asked]
    return [*bare, "build", *OPTIONS, "--exclude-resource-type", "unit_test"], bare


def session_settings(environment: dict[str, str]) -> dict[str, str]:
    """What profiles.yml sets in Spark's session."""
    text = (PROJECT / "profiles.yml").read_text(encoding="utf-8")
    given = yaml.safe_load(text)["casebook"]["outputs"]["spark"]["server_side_parameters"]
    render = jinja2.Environment(autoescape=False).from_string
    get = environment.get
    return {
        name: render(value).render(env_var=lambda name, default="": get(name, default))
        for name, value in given.items()
    }


def read_statements(dbt: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """Views that dbt made on Spark, and statements of tables and tests by name, in its order.

    Args:
        dbt: dbt's target folder, after a full build of one thread.
    """
    nodes = json.loads((dbt / "manifest.json").read_text(encoding="utf-8"))["nodes"]
    results = json.loads((dbt / "run_results.json").read_text(encoding="utf-8"))["results"]
    before: list[str] = []
    named: list[tuple[str, str]] = []
    for result in results:
        node = nodes.get(result["unique_id"], {"resource_type": "operation"})
        name = result["unique_id"].split(".", 2)[2]
        if node["resource_type"] == "test":
            table = f"{SCRATCH}.{node['name']}"
            named.append((name, f"create table {table} as {result['compiled_code']}"))
        elif node["resource_type"] == "model":
            file = dbt / "run" / node["package_name"] / node["original_file_path"]
            statement = file.read_text(encoding="utf-8")
            if CREATE.match(statement):
                statement = CREATE.sub(f"create table {SCRATCH}.{node['name']}", statement, 1)
                named.append((name, statement))
            else:
                before.append(statement)
    return before, named
