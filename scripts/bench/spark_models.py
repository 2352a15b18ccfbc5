"""What dbt adds to a model on Spark: its node beside the same SQL in a bare Spark session."""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import yaml
from builds import read_build
from casebook.build.spark import spark_environment
from casebook.settings import Settings
from history import History, Side
from inputs import write_product_events
from measure import (
    MB,
    BenchError,
    Bound,
    Line,
    Run,
    Runs,
    Section,
    program,
    run,
    settle,
)
from report import say
from spark_side import MILLION, MONTHS, PROJECT, on_spark, parse, report

SCRIPTS = Path(__file__).parent
OPTIONS = (
    *("--target", "spark", "--full-refresh", "--threads", "1"),
    *("--select", "+votes", "+product_views", "--indirect-selection", "buildable"),
)
SCRATCH = "bare"
MOST = 1.3
CREATE = re.compile(r"\s*create table (\S+)", re.IGNORECASE)

ABOUT = """\
Compare what dbt says a model took on Spark with the same statement in a bare Spark session.

Of votes and product_views, with all that they are made of, over one lake. The statements are those
that dbt ran, as a first build left them in its target folder, in the same order: views, tables, and
the queries of the tests. The bare session reads the tables of that build, and writes Parquet tables
of another database in the same warehouse. Casebook's figure is dbt's time for a node of `build
--full-refresh --threads 1`: compiling, hooks, the statement, and comments on columns.

Why it is fair: each side is a Java program of its own, with the same master, memory and settings of
the session. Each first runs all the statements once in the bare way, which is not measured, and
then either dbt or the same statements again: so both are as warm. With one thread no model waits
for another. The sides take turns at going first.
"""


@dataclass(frozen=True)
class Statements:
    """What dbt ran.

    Attributes:
        before: views.
        named: name and statement of each table and test, in order.
        models: the names of those that are models.
    """

    before: list[str]
    named: list[tuple[str, str]]
    models: list[str]


def main(arguments: list[str] | None = None) -> int:
    """Run it and print what was found; 0 unless something did not run."""
    parser = argparse.ArgumentParser(
        description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--events", type=float, default=500.0, help="MB of product events; 500 by default"
    )
    parser.add_argument("--master", default="local[2]", help="local[2] by default")
    options = parse(parser, arguments, rounds=3)
    given = {"events_mb": options.events, "master": options.master}
    return report("spark models", options, lambda work: _measure(options, work), **given)


def _measure(options: argparse.Namespace, work: Path) -> Section:
    records = round(options.votes * MILLION)
    history = History(PROJECT, work, math.ceil(records / MONTHS))
    say(f"landing {records:,} votes and {options.events:g} MB of product events")
    history.grow(records)
    events = history.raw / "storefront" / "product_events" / "iOS" / "events.json"
    events.parent.mkdir(parents=True)
    write_product_events(events, round(options.events * MB))
    history.load()
    runs = Runs()
    with history.side() as copied:
        side = on_spark(copied, options.master, options.memory)
        say("a first build, for its statements")
        build = [program("casebook"), "build", *OPTIONS]
        run(build, PROJECT, side.environment)
        statements = read_statements(side.dbt)
        if not statements.models:
            raise BenchError(f"{side.dbt} has no statement that makes a table")
        for number in range(options.rounds):
            say(f"round {number + 1} of {options.rounds}")
            sides = [
                lambda: _run_dbt(side, statements, runs),
                lambda: _run_bare(side, statements, runs),
            ]
            for measure in sides if number % 2 == 0 else reversed(sides):
                measure()
    ours, theirs = runs.medians("dbt", "nodes"), runs.medians("bare session", "nodes")
    lines = [
        Line(name, "s", ours[name], theirs[name], "bare session", Bound(MOST))
        for name in statements.models
    ]
    lines.append(
        Line(
            "all of them",
            "s",
            sum(ours[name] for name in statements.models),
            sum(theirs[name] for name in statements.models),
            "bare session",
            Bound(MOST),
        )
    )
    memory = runs.median("dbt", "peak_mb"), runs.median("bare session", "peak_mb")
    lines.append(Line("peak memory", "MB", *memory, "bare session"))
    title = f"{records:,} votes and {options.events:g} MB of product events on {options.master}"
    whole = runs.median("dbt"), runs.median("bare session")
    facts = [
        f"The whole of it, with the statements that warm it up, took {whole[0]:,.1f} s with dbt and"
        f" {whole[1]:,.1f} s in the bare session."
    ]
    return Section(title, lines, facts, runs.as_json())


def _run_dbt(side: Side, statements: Statements, runs: Runs) -> None:
    options = (*OPTIONS, "--exclude-resource-type", "unit_test")
    done = _run_session(side, statements, "build", *options)
    built = read_build(done, side.lake, side.dbt)
    runs.add("dbt", done, nodes={node.name: node.seconds for node in built.nodes})
    say(f"  {'dbt':14} {done.seconds:8.2f} s {done.peak_bytes / MB:8,.0f} MB")


def _run_bare(side: Side, statements: Statements, runs: Runs) -> None:
    done = _run_session(side, statements)
    runs.add("bare session", done, nodes=json.loads(done.output))
    say(f"  {'bare session':14} {done.seconds:8.2f} s {done.peak_bytes / MB:8,.0f} MB")


def _run_session(side: Side, statements: Statements, *dbt: str) -> Run:
    """Run the statements, and then dbt, or the statements again where no options for dbt are given.

    In the project's folder, so that relative paths in the settings mean the same on both sides.
    """
    environment = _environment(side)
    asked = {
        "settings": session_settings(environment),
        "scratch": SCRATCH,
        "before": statements.before,
        "statements": statements.named,
    }
    file = side.folder / "asked.json"
    file.write_text(json.dumps(asked), encoding="utf-8")
    settle()
    return run([sys.executable, SCRIPTS / "bare_models.py", file, *dbt], PROJECT, environment)


def _environment(side: Side) -> dict[str, str]:
    """What `casebook build` gives to dbt, and so to the session."""
    settings = Settings(PROJECT, Path(), side.lake, side.warehouse)
    return side.environment | spark_environment(settings, side.environment)


def session_settings(environment: dict[str, str]) -> dict[str, str]:
    """What profiles.yml sets in Spark's session."""

    def env_var(name: str, default: str = "") -> str:
        return environment.get(name, default)

    text = (PROJECT / "profiles.yml").read_text(encoding="utf-8")
    given = yaml.safe_load(text)["casebook"]["outputs"]["spark"]["server_side_parameters"]
    render = jinja2.Environment(autoescape=False).from_string
    return {name: render(value).render(env_var=env_var) for name, value in given.items()}


def read_statements(dbt: Path) -> Statements:
    """The statements that dbt ran on Spark, in its order, with tables in another database.

    Args:
        dbt: dbt's target folder, after a full build of one thread.
    """
    nodes = json.loads((dbt / "manifest.json").read_text(encoding="utf-8"))["nodes"]
    results = json.loads((dbt / "run_results.json").read_text(encoding="utf-8"))["results"]
    before: list[str] = []
    named: list[tuple[str, str]] = []
    models: list[str] = []
    for result in results:
        node: dict[str, Any] = nodes.get(result["unique_id"], {"resource_type": "operation"})
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
                models.append(name)
            else:
                before.append(statement)
    return Statements(before, named, models)


if __name__ == "__main__":
    sys.exit(main())
