"""The daily run by a real scheduler: from a database, through the warehouse, to another one."""

from __future__ import annotations

import http.server
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from services import Postgres
from workbench import PROJECT, project_with

PYTHON = PROJECT / ".venv-airflow" / "bin" / "python"
SECONDS = 900
COURSES = """
    create table courses as
    select n as course_id, 'Course ' || n as title, null::text as programming_language,
        null::text as description
    from generate_series(1, 5) as n
"""
RATINGS = """
    create table ratings as
    select user_id, course_id, (course_id % 5 + 0.5)::numeric(4, 2) as rating
    from generate_series(1, 9) as user_id, generate_series(1, 5) as course_id
    where (user_id + course_id) % 3 = 0
"""


@pytest.fixture(scope="module", autouse=True)
def airflow() -> None:
    if not PYTHON.exists():
        pytest.skip("Airflow is not installed here: make .venv-airflow/.made")


@contextmanager
def listener() -> Iterator[tuple[str, list[dict[str, object]]]]:
    """An address that takes alerts, and those that came."""
    alerts: list[dict[str, object]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            alerts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Not on the tests' output."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", alerts
        server.shutdown()


def run_once(home: Path, **settings: str) -> tuple[str, dict[str, tuple[str, int]]]:
    """Start the scheduler with one run; its state, and the state and tries of each task."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home.mkdir()
    own = {
        "AIRFLOW_HOME": str(home),
        "CASEBOOK_BIN": str(Path(sys.executable).parent),
        "CASEBOOK_SCHEDULE": "@once",
        "CASEBOOK_SCHEDULE_PORT": str(port),
        "CASEBOOK_RETRY_SECONDS": "1",
    }
    command = [str(PYTHON), str(PROJECT / "scripts" / "schedule" / "start.py")]
    with (
        (home / "log").open("wb") as log,
        subprocess.Popen(command, env=os.environ | own | settings, stdout=log, stderr=log) as run,
    ):
        try:
            deadline = time.monotonic() + SECONDS
            while run.poll() is None and time.monotonic() < deadline:
                time.sleep(1)
                state = query(home, "select state from dag_run")
                if state and state[0][0] in ("success", "failed"):
                    break
        finally:
            run.send_signal(signal.SIGTERM)
            run.wait(90)
    tasks = query(home, "select task_id, state, try_number from task_instance order by start_date")
    assert state, (home / "log").read_text()[-5000:]
    return state[0][0], {task: (how, tries) for task, how, tries in tasks}


def query(home: Path, sql: str) -> list[tuple]:
    try:
        with closing(sqlite3.connect(f"file:{home}/airflow.db?mode=ro", uri=True)) as database:
            return database.execute(sql).fetchall()
    except sqlite3.OperationalError:
        return []  # not made yet, or being written


def outputs(home: Path) -> str:
    return "\n".join(path.read_text() for path in home.glob("logs/dag_id*/**/*.log"))


def settings(folder: Path, **others: str) -> dict[str, str]:
    own = {
        "CASEBOOK_PROJECT": str(project_with("courses")),
        "CASEBOOK_RAW": str(folder / "raw"),
        "CASEBOOK_LAKE": str(folder / "lake"),
        "CASEBOOK_WAREHOUSE": str(folder / "warehouse.db"),
    }
    (folder / "raw").mkdir()
    return own | others


def test_the_daily_run_succeeds_from_database_to_database(tmp_path, postgres: Postgres):
    application = postgres.new_database(COURSES, RATINGS)
    marts = postgres.new_database()
    with listener() as (alert_url, alerts):
        state, tasks = run_once(
            tmp_path / "airflow",
            **settings(
                tmp_path,
                COURSES_DATABASE_URL=application,
                CASEBOOK_DELIVER_URL=marts,
                CASEBOOK_ALERT_URL=alert_url,
            ),
        )
    names = ("fetch_courses", "load_courses", "build", "deliver", "report", "freshness", "end")
    assert (state, tasks) == ("success", dict.fromkeys(names, ("success", 1))), outputs(
        tmp_path / "airflow"
    )
    assert alerts == []
    assert postgres.run(marts, "select count(*) from courses.recommendations")[0][0] > 0
    assert postgres.address("").partition("@")[0] not in outputs(tmp_path / "airflow")


@pytest.mark.skipif("LONG_TESTS" not in os.environ, reason="takes minutes: set LONG_TESTS")
def test_a_source_that_cannot_be_fetched_fails_its_task_and_nothing_else(
    tmp_path, postgres: Postgres
):
    """What was delivered before is built and delivered; somebody is told; the run has failed."""
    folder = tmp_path / "raw" / "courses"
    own = settings(tmp_path, COURSES_DATABASE_URL="postgresql://u:pa55@127.0.0.1:1/none")
    for table, content in (
        ("courses", '{"course_id": 1, "title": "One"}\n'),
        ("ratings", '{"user_id": 1, "course_id": 1, "rating": 4}\n'),
    ):
        (folder / table).mkdir(parents=True)
        (folder / table / "a.jsonl").write_text(content)
    marts = postgres.new_database()
    with listener() as (alert_url, alerts):
        state, tasks = run_once(
            tmp_path / "airflow", **own, CASEBOOK_DELIVER_URL=marts, CASEBOOK_ALERT_URL=alert_url
        )
    log = outputs(tmp_path / "airflow")
    assert state == "failed" and tasks["fetch_courses"] == ("failed", 3), log
    assert [tasks[name][0] for name in ("load_courses", "build", "deliver")] == ["success"] * 3
    assert tasks["end"][0] == "upstream_failed"
    assert [(alert["task"], alert["try"]) for alert in alerts] == [("fetch_courses", 3)]
    assert "COURSES_DATABASE_URL" in alerts[0]["reason"] and "refused" in alerts[0]["reason"]
    assert "pa55" not in log + json.dumps(alerts)
    assert postgres.run(marts, "select title from courses.courses") == [("One",)]
