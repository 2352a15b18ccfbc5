"""What every test starts from."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from clone import built_clone as built_clone
from marts import build_marts
from services import postgres as postgres
from shop import Shop, build_shop, random_shop
from workbench import Workbench, project_with

# Tests choose their folders themselves; what the shell says of yours must not reach them.
for name in list(os.environ):
    if name.startswith(("CASEBOOK_", "DBT_")):
        del os.environ[name]
os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults", type=int, default=50, help="how many faults test_faults.py tries")
    parser.addoption("--publishes", type=int, default=0, help="and how many builds readers watch")


# What beside DuckDB a module of tests works with; the first that its name begins with counts.
PARTS = {
    "test_spark": "Spark",
    "test_fetch": "databases, buckets, web",
    "test_deliver": "databases, buckets, web",
    "test_schedule": "Airflow",
    "test_report": "browser",
}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what each part took, added up over the workers."""
    seconds: Counter[str] = Counter()
    for report in (report for some in terminalreporter.stats.values() for report in some):
        if isinstance(report, pytest.TestReport):
            module = Path(report.nodeid.partition("::")[0]).name
            part = next((PARTS[name] for name in PARTS if module.startswith(name)), "DuckDB")
            seconds[part] += report.duration
    for part, took in seconds.most_common():
        terminalreporter.write_line(f"{part}: {took:.0f} s of tests")


@pytest.fixture(scope="session")
def blog_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where every test's own workbench is: dbt parses a project anew in another folder."""
    return tmp_path_factory.mktemp("blog")


@pytest.fixture
def bench(blog_folder: Path) -> Workbench:
    """An empty workbench with the blog's case."""
    bench = Workbench(blog_folder, project_with("blog"))
    bench.clear()
    return bench


@pytest.fixture(scope="session")
def shop() -> Shop:
    """What was viewed and bought in a small shop."""
    return random_shop(7)


@pytest.fixture(scope="session")
def built_shop(tmp_path_factory, shop) -> Workbench:
    """The warehouse of that shop. Tests may read it, or copy it, and leave it as it is."""
    return build_shop(tmp_path_factory.mktemp("shop"), shop)


@pytest.fixture(scope="session")
def built_marts(tmp_path_factory, shop) -> Workbench:
    """A warehouse with all that the API can be asked for, to be left as it is, too."""
    return build_marts(tmp_path_factory.mktemp("marts"), shop)
