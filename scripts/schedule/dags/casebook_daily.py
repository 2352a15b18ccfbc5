"""The daily run as an Airflow DAG: fetch, load, build and publish, then deliver, report, freshness.

Airflow's own environment runs this file, and only starts commands of the project's environment.

    CASEBOOK_PROJECT    the project's folder; by default the one that this file is in
    CASEBOOK_BIN        the folder of `casebook` and `dbt`; by default .venv/bin of the project
    CASEBOOK_SCHEDULE   when to run: a cron expression in UTC, or @once; by default 0 3 * * *
    CASEBOOK_ALERT_URL  where to post a failure as JSON; nowhere by default

What `casebook` itself reads (CASEBOOK_RAW, CASEBOOK_DELIVER_URL, addresses of sources, …) reaches
it as it is.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import yaml
from airflow.sdk import DAG, TriggerRule, task
from airflow.sdk.exceptions import AirflowSkipException

PROJECT = Path(os.environ.get("CASEBOOK_PROJECT") or Path(__file__).resolve().parents[3])
PROGRAMS = Path(os.environ.get("CASEBOOK_BIN") or PROJECT / ".venv" / "bin")
PUBLISHED_WITH_REFUSED_FILES = 3
SHOWN_LINES = 5
# Fetch and load may be run again at any time; a build that failed would fail again.
RETRIED = {
    "retries": 2,
    "retry_delay": timedelta(seconds=float(os.environ.get("CASEBOOK_RETRY_SECONDS", "60"))),
    "retry_exponential_backoff": True,
}


def run(*command: str, passes: tuple[int, ...] = (0,), **environment: str) -> int:
    """Run a command of the project, with its output in the task's log.

    Args:
        command: the program's name and its arguments.
        passes: exit statuses that are no failure.
        environment: variables beside those that Airflow was started with.

    Returns:
        Its exit status.

    Raises:
        RuntimeError: if it fails; with the last lines that it printed.
    """
    last: deque[str] = deque(maxlen=SHOWN_LINES)
    with subprocess.Popen(
        [str(PROGRAMS / command[0]), *command[1:]],
        cwd=PROJECT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            last.append(line.rstrip())
    if process.returncode not in passes:
        raise RuntimeError(
            f"{' '.join(command)} ended with status {process.returncode}:\n" + "\n".join(last)
        )
    return process.returncode


def alert(context: dict[str, Any]) -> None:
    """Post a task's failure to `CASEBOOK_ALERT_URL`; called when it will not be tried again."""
    address = os.environ.get("CASEBOOK_ALERT_URL")
    if not address:
        return
    instance = context["task_instance"]
    failure = {
        "dag": instance.dag_id,
        "run": instance.run_id,
        "task": instance.task_id,
        "try": instance.try_number,
        "reason": str(context.get("exception")),
    }
    body = json.dumps(failure).encode()
    urlopen(Request(address, body, {"Content-Type": "application/json"}), timeout=30).close()


def sources() -> dict[str, bool]:
    """The declared sources, and whether they declare where they come from."""
    found: dict[str, bool] = {}
    for path in sorted((PROJECT / "models").rglob("*__sources.yml")):
        for source in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("sources", []):
            metas = [
                (entry.get("config") or {}).get("meta") or {}
                for entry in (source, *source.get("tables", []))
            ]
            if metas[0].get("raw", True):
                found[source["name"]] = any("fetch" in meta for meta in metas)
    return found


@task(**RETRIED)
def fetch(source: str) -> None:
    """Bring a source's deliveries into the raw folder."""
    run("casebook", "fetch", source)


@task(**RETRIED, trigger_rule=TriggerRule.ALL_DONE)
def load(source: str) -> None:
    """Load a source, whatever became of its fetch."""
    run("casebook", "load", source)


@task(trigger_rule=TriggerRule.ALL_DONE)
def build() -> int:
    """Build and publish, whatever became of single sources."""
    return run("casebook", "build", passes=(0, PUBLISHED_WITH_REFUSED_FILES))


@task
def deliver() -> None:
    """Bring marts into the database of CASEBOOK_DELIVER_URL, where that is set."""
    if not os.environ.get("CASEBOOK_DELIVER_URL"):
        raise AirflowSkipException("CASEBOOK_DELIVER_URL is not set")
    run("casebook", "deliver")


@task
def report() -> None:
    """Write the report page and the catalogue."""
    run("casebook", "report")


@task
def freshness() -> None:
    """Fail where a source has not come for too long; on a copy, as dbt keeps readers out."""
    warehouse = Path(os.environ.get("CASEBOOK_WAREHOUSE") or PROJECT / "warehouse.db")
    folder = PROJECT / "target" / "freshness"
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / warehouse.name
    shutil.copyfile(PROJECT / warehouse, copy)
    try:
        run(
            "dbt",
            "source",
            "freshness",
            CASEBOOK_WAREHOUSE=str(copy),
            DBT_TARGET_PATH=str(folder / "dbt"),
        )
    finally:
        copy.unlink()


@task(trigger_rule=TriggerRule.NONE_FAILED)
def end(status: int) -> None:
    """Fail the run where anything failed, so that somebody looks."""
    if status == PUBLISHED_WITH_REFUSED_FILES:
        raise RuntimeError("published, but some raw files were refused: see audit.loaded_files")


with DAG(
    "casebook_daily",
    description="Deliveries into the warehouse, and the warehouse to those who read it",
    schedule=os.environ.get("CASEBOOK_SCHEDULE", "0 3 * * *"),
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"on_failure_callback": alert, "retries": 0},
):
    built = build()
    ended = end(built)
    for name, is_fetched in sources().items():
        loaded = load.override(task_id=f"load_{name}")(name)
        if is_fetched:
            fetched = fetch.override(task_id=f"fetch_{name}")(name)
            fetched >> [loaded, ended]
        loaded >> [built, ended]
    built >> [deliver(), report(), freshness()] >> ended
