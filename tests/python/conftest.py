"""What every test starts from."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from clone import built_clone as built_clone
from marts import build_marts
from services import postgres as postgres
from shop import Server, Shop, client_of, publish, random_shop, serving
from workbench import UNTESTED, Workbench, vote, workbench_of

# Tests choose their folders themselves; what the shell says of yours must not reach them.
for name in list(os.environ):
    if name.startswith(("CASEBOOK_", "DBT_")):
        del os.environ[name]
os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults", type=int, default=62, help="how many faults test_faults.py tries")
    parser.addoption("--publishes", type=int, default=0, help="and how many builds readers watch")


# What beside DuckDB a module of tests works with; the first that its name begins with counts.
PARTS = {
    "test_spark": "Spark",
    "test_fetch": "databases, buckets, web",
    "test_deliver": "databases, buckets, web",
    "test_schedule": "Airflow",
    "test_report": "browser",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spark's first: one worker takes them, and nothing long is left for the end of the run."""
    items.sort(key=lambda item: not item.path.name.startswith("test_spark"))


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


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Iterator[Workbench]:
    """An empty workbench with the cases that the module names, or the blog's."""
    with workbench_of(*getattr(request.module, "CASES", ("blog",))) as bench:
        yield bench


@pytest.fixture
def built(bench: Workbench) -> Workbench:
    """That workbench with the votes 1 and 2 loaded and built: once, and put back after that."""
    kept = bench.root.with_name(f"{bench.root.name}_built")
    if kept.exists():
        shutil.copytree(kept, bench.root, dirs_exist_ok=True)
    else:
        bench.write("a.jsonl", [vote(1), vote(2)])
        bench.casebook("build", *UNTESTED)
        shutil.copytree(bench.root, kept, ignore=shutil.ignore_patterns("target", "logs"))
    return bench


@pytest.fixture
def own_project() -> Iterator[Workbench]:
    """An empty workbench with a copy of the blog's project, to be changed."""
    with workbench_of("blog", own=True) as bench:
        yield bench


@pytest.fixture(scope="session")
def shop() -> Shop:
    """What was viewed and bought in a small shop."""
    return random_shop(7)


@pytest.fixture(scope="session")
def built_marts(tmp_path_factory, shop) -> Workbench:
    """A warehouse with that shop in it, and all else that the API can be asked for.

    Tests may read it, or copy it, and leave it as it is.
    """
    return build_marts(tmp_path_factory.mktemp("marts"), shop)


@pytest.fixture
def warehouse(built_marts, tmp_path) -> Path:
    """A copy of it, of a test's own."""
    return Path(shutil.copy(built_marts.warehouse, tmp_path / "warehouse.db"))


@pytest.fixture(scope="session")
def large(built_marts, tmp_path_factory) -> Path:
    """A warehouse in which two marts have 400,000 rows more: see `asking.LARGE`."""
    path = tmp_path_factory.mktemp("large") / "warehouse.db"
    publish(
        path,
        """
        insert into storefront.product_views
        select any_view.* replace (
            timestamp '2023-01-01' + to_seconds(n) as viewed_at,
            'iOS' as platform,
            'p' || n as product_id
        )
        from range(400000) as numbers (n)
        cross join (from storefront.product_views limit 1) as any_view
        """,
        "insert into movies.company_genre_year_releases"
        " select n, 'Company ' || n, 500, 'Long', 2021, 1 from range(400000) as numbers (n)",
        like=built_marts.warehouse,
    )
    return path


@pytest.fixture(scope="session")
def server(built_marts) -> Iterator[Server]:
    """`casebook serve` over it."""
    with serving(built_marts.warehouse) as running:
        yield running


@pytest.fixture
def client(server) -> Iterator[httpx.Client]:
    with client_of(server) as one:
        yield one
