"""What the README says can be done: its commands run, its queries answer, its links lead somewhere.

Conventions for the README: a block marked `sh` is run as it stands, in a copy of the project in
which the sample lies in `raw/` and is built. Left out are lines that begin with `make`, which only
have to name a target, and the bare `casebook build` that has built the copy. A line that begins
with `casebook serve` is a server on a free port for the rest of its block. A block marked `sql` is
a query to that warehouse. A block marked `<language> file=<path>` is a file that is put into the
copy before the build.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
import typer.main
from casebook.ask.offers import OFFERS
from casebook.ask.warehouse import rows_per_mart
from casebook.build.summary import highlights
from casebook.cli.main import app
from shop import serving
from workbench import PROJECT, Workbench

README = (PROJECT / "README.md").read_text(encoding="utf-8")
PROSE = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md")])
MAKEFILE = (PROJECT / "Makefile").read_text(encoding="utf-8")
SCHEMAS = "audit|blog_analysis|courses|movies|music_store|storefront"
PARTS = ("analyses", "docs", "macros", "models", "seeds", "tests")


@dataclass(frozen=True)
class Block:
    """A fenced block: the language, the file it is to be put into or None, and its text."""

    language: str
    file: str | None
    text: str


def blocks_of(prose: str) -> list[Block]:
    """The fenced blocks of a Markdown text, in order."""
    found = re.findall(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", prose, re.M | re.S)
    return [Block(language, file or None, text) for language, file, text in found]


BLOCKS = blocks_of(README)
LEFT_OUT = re.compile(r"^(make\b.*|casebook build *(#.*)?)\n", re.M)
SERVE = re.compile(r"^casebook serve\b.*\n?", re.M)
SCRIPTS = [
    script
    for block in BLOCKS
    if block.language == "sh" and (script := LEFT_OUT.sub("", block.text).strip())
]
QUERIES = [block.text for block in BLOCKS if block.language == "sql" and not block.file]


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Workbench:
    """A copy of the project, with the README's own files in it, and the sample built."""
    project = tmp_path_factory.mktemp("clone") / "casebook"
    project.mkdir()
    for part in PARTS:
        shutil.copytree(
            PROJECT / part, project / part, ignore=shutil.ignore_patterns("__pycache__")
        )
    for file in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(PROJECT / file, project)
    shutil.copytree(PROJECT / "sample", project / "raw")
    for block in BLOCKS:
        if block.file:
            (project / block.file).write_text(block.text, encoding="utf-8")
    bench = Workbench(project, project)
    bench.casebook("build")
    return bench


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.splitlines()[0])
def test_a_block_of_commands_runs(clone, script) -> None:
    path = f"{Path(sys.executable).parent}:{clone.environment['PATH']}"
    with contextlib.ExitStack() as stack:
        if SERVE.search(script):
            server = stack.enter_context(serving(clone.warehouse))
            asked = SERVE.sub("", script).replace("http://127.0.0.1:8000", server.url)
            script = 'curl() { command curl --silent --show-error --fail "$@"; }\n' + asked
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=clone.project,
            env=clone.environment | {"PATH": path},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.split("from ")[1].split("\n")[0])
def test_a_query_answers(clone, query) -> None:
    assert clone.query(query)


def test_the_output_shown_is_that_of_the_sample(clone) -> None:
    shown = dict(
        re.findall(r"^((?:audit|blog_analysis|storefront|movies)\.\w+) +([\d,]+)$", README, re.M)
    )
    assert shown
    for table, rows in shown.items():
        assert clone.query(f"select count(*) from {table}") == [(int(rows.replace(",", "")),)]
    weeks = re.findall(r"^(\d{4}) {2}(\d+) +(\d+)$", README, re.M)
    first = clone.query(f"from blog_analysis.outlier_weeks limit {len(weeks)}")
    assert [tuple(map(int, week)) for week in weeks] == first
    with duckdb.connect(str(clone.warehouse), read_only=True) as connection:
        for heading, columns, rows in highlights(connection, rows_per_mart(connection)):
            if f"\n{heading}:\n" in README:
                text = " +".join(columns) + "\n" + " +".join(re.escape(str(one)) for one in rows[0])
                assert re.search(f"^{heading}:\n{text}$", README, re.M), heading
    reasons = re.findall(r"^(rejected|quarantined) {2,}(\S.*?) {2,}(\d+)$", README, re.M)
    for stage, reason, records in reasons:
        counted = clone.query(
            "select count(*) from audit.rejected_rows where stage = ? and reasons = ?",
            stage,
            reason,
        )
        assert counted == [(int(records),)]


def test_the_tables_that_it_names_are_those_of_the_warehouse(clone) -> None:
    row = r"^\| `((?:audit|blog_analysis|storefront|movies)\.\w+)` \| (table|view) \|"
    named = dict(re.findall(row, README, re.M))
    own = {Path(block.file).stem for block in BLOCKS if block.file}
    kinds = {"BASE TABLE": "table", "VIEW": "view"}
    built = clone.query(
        "select table_schema, table_name, table_type from information_schema.tables"
        " where table_schema in ('audit', 'blog_analysis', 'storefront', 'movies')"
    )
    assert named == {f"{s}.{t}": kinds[kind] for s, t, kind in built if t not in own}


def test_every_command_of_the_program_is_in_it_and_every_one_in_it_exists() -> None:
    commands = set(typer.main.get_command(app).commands)
    in_blocks = re.findall(r"^casebook ([a-z]\w*)", "\n".join(SCRIPTS), re.M)
    in_text = re.findall(r"`casebook ([a-z]\w*)", README)
    assert set(in_blocks) == commands
    assert set(in_text) <= commands


@pytest.mark.parametrize("offer", OFFERS, ids=lambda offer: offer.path)
def test_every_mart_over_http_is_in_it_with_its_parameters_and_an_example(offer) -> None:
    given = [one for one in offer.parameters if not offer.is_in_path(one)]
    names = ", ".join(f"`{one.name}`" for one in given)
    assert f"| `{offer.path}` | {offer.row} | {names} |" in README.splitlines()
    assert any(f"'http://127.0.0.1:8000{offer.example}'" in script for script in SCRIPTS)


def test_every_make_target_in_it_exists_and_every_one_is_in_it() -> None:
    targets = set(re.findall(r"^([a-z]+):.*## ", MAKEFILE, re.M))
    in_blocks = [
        target
        for block in BLOCKS
        if block.language == "sh"
        for target in re.findall(r"^make ([a-z]+)", block.text, re.M)
    ]
    named = {*in_blocks, *re.findall(r"`make ([a-z]+)", README)}
    assert named == targets


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.relative_to(PROJECT).as_posix())
def test_its_links_and_pictures_are_there(page) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:|#", target):
            assert (page.parent / target.split("#")[0]).exists(), f"{page.name}: {target}"


def test_its_pictures_are_small_enough_to_load() -> None:
    for picture in (PROJECT / "docs" / "pictures").iterdir():
        assert picture.stat().st_size < 300_000, picture
