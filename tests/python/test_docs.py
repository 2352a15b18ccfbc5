"""What README and docs say can be done: commands run, queries answer, links lead somewhere.

Conventions: a block marked `sh` is run as it stands, in a fresh clone right after `make build`,
with no variable set. Left out are lines that begin with `make`, which only have to name a target.
A line that begins with `casebook serve` is a server on a free port for the rest of its block. A
block marked `sql` is a query to the warehouse. A block marked `text` after a block of commands is
what they print: each of its lines, but those of `…`, stands there. A block marked `<language>
file=<path>` is a file that is put into the clone for the blocks after it on its page, and is taken
out again. A block marked `shell` needs more than one machine has, or a service.
"""

from __future__ import annotations

import contextlib
import fcntl
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer.main
from casebook.cli.main import app
from clone import Clone
from shop import serving
from workbench import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (PROJECT / "Makefile").read_text(encoding="utf-8")
PROSE = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md")])
# It begins with an empty folder and has a test of its own.
WITH_TESTS_OF_THEIR_OWN = {"tutorial.md"}
LEFT_OUT = re.compile(r"^(make\b.*|\. \.venv/bin/activate)\n", re.M)
SERVE = re.compile(r"^casebook serve\b.*\n?", re.M)


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, language, the file it is to be put into or None, and its text."""

    page: Path
    language: str
    file: str | None
    text: str

    @property
    def name(self) -> str:
        return f"{self.page.name}: {self.text.strip().splitlines()[0]}"


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found = re.findall(
        r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S
    )
    return [Block(page, language, file or None, text) for language, file, text in found]


BLOCKS = [b for page in PROSE if page.name not in WITH_TESTS_OF_THEIR_OWN for b in blocks_of(page)]
SCRIPTS = [
    b for b in BLOCKS if b.language == "sh" and not b.file and LEFT_OUT.sub("", b.text).strip()
]
QUERIES = [b for b in BLOCKS if b.language == "sql" and not b.file]


@pytest.fixture
def clone(built_clone) -> Iterator[Clone]:
    """The built clone, for one test at a time: builds exclude each other."""
    with (built_clone.project.parent / "busy").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield built_clone


@contextlib.contextmanager
def files_before(block: Block, clone: Clone) -> Iterator[None]:
    """Put the files of a page that stand before a block into the clone."""
    page = [b for b in BLOCKS if b.page == block.page]
    files = [b for b in page[: page.index(block)] if b.file]
    try:
        for one in files:
            (clone.project / str(one.file)).write_text(one.text, encoding="utf-8")
        yield
    finally:
        for one in files:
            (clone.project / str(one.file)).unlink(missing_ok=True)


@pytest.mark.parametrize("block", SCRIPTS, ids=lambda block: block.name)
def test_a_block_of_commands_runs_and_prints_what_is_shown(clone, block) -> None:
    script = LEFT_OUT.sub("", block.text)
    with contextlib.ExitStack() as stack:
        stack.enter_context(files_before(block, clone))
        if SERVE.search(script):
            server = stack.enter_context(serving(clone.warehouse))
            script = SERVE.sub("", script).replace("http://127.0.0.1:8000", server.url)
            script = 'curl() { command curl --silent --show-error --fail "$@"; }\n' + script
        done = clone.run("bash", "-euo", "pipefail", "-c", script)
    printed = {" ".join(line.split()) for line in (done.stdout + done.stderr).splitlines()}
    following = BLOCKS[BLOCKS.index(block) + 1 :][:1]
    for shown in (b for b in following if b.language == "text" and b.page == block.page):
        lines = {" ".join(line.split()) for line in shown.text.splitlines() if line.strip() != "…"}
        assert lines <= printed, f"not printed: {lines - printed}"


@pytest.mark.parametrize("block", QUERIES, ids=lambda block: block.name)
def test_a_query_answers(built_clone, block) -> None:
    assert built_clone.query(block.text)


def test_the_tables_that_docs_name_are_those_of_the_warehouse(built_clone) -> None:
    page = (PROJECT / "docs" / "tables.md").read_text(encoding="utf-8")
    named = dict(re.findall(r"^\| `(\w+\.\w+)` \| (table|view) \|", page, re.M))
    kinds = {"BASE TABLE": "table", "VIEW": "view"}
    built = built_clone.query(
        """
        select table_schema || '.' || table_name, table_type
        from information_schema.tables
        where
            table_schema not in ('staging', 'intermediate', 'main')
            and table_schema not like 'raw_%'
        """
    )
    # The audit's schema holds the wrong rows of tests, too.
    models = {path.stem for path in (PROJECT / "models" / "marts").rglob("*.sql")} | {"genres"}
    assert named == {name: kinds[kind] for name, kind in built if name.split(".")[1] in models}


def test_every_command_of_the_program_has_an_example_and_every_example_exists() -> None:
    commands = set(typer.main.get_command(app).commands)
    prose = "\n".join(page.read_text(encoding="utf-8") for page in PROSE)
    in_blocks = set(re.findall(r"^casebook ([a-z]\w*)", prose, re.M))
    in_text = set(re.findall(r"`casebook ([a-z]\w*)", prose))
    assert in_blocks == commands
    assert in_text <= commands


def test_every_make_target_exists_and_help_lists_it() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.M))
    prose = "\n".join(page.read_text(encoding="utf-8") for page in PROSE)
    named = {*re.findall(r"^make ([a-z]+)", prose, re.M), *re.findall(r"`make ([a-z]+)", prose)}
    assert named <= targets
    assert {"build", "docs", "test", "help"} <= named


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.relative_to(PROJECT).as_posix())
def test_its_links_and_pictures_are_there(page) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:|#", target):
            assert (page.parent / target.split("#")[0]).exists(), f"{page.name}: {target}"


def test_readme_and_pictures_are_small() -> None:
    assert len(README.splitlines()) <= 220
    for picture in (PROJECT / "docs" / "pictures").iterdir():
        assert picture.stat().st_size < 300_000, picture


def test_the_index_of_decisions_is_that_of_its_headings() -> None:
    decisions = (PROJECT / "DECISIONS.md").read_text(encoding="utf-8")
    assert re.findall(r"^- \[(.+)\]\(#", decisions, re.M) == re.findall(
        r"^## (.+)$", decisions, re.M
    )
