"""Change one thing that decides in SQL or Python, and see whether a test fails.

python scripts/mutants.py int_movies__movies weekly_votes     # models and macros, by name
python scripts/mutants.py --of py discover ledger         # modules, by name
python scripts/mutants.py --sample 60                         # some of all models and macros

Works in a copy of the project. A mutant of SQL is tried on the unit tests of its model, then on the
data tests of the model and of what is built from it, over the sample; with `--pytest` also on the
case's tests in Python. A mutant of Python is tried on the tests that name its module or room.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

PROJECT = Path(__file__).parent.parent
LEFT_OUT = (".git", ".venv*", "target", "logs", "raw", "lake", "*.db", ".*_cache")
FOLDERS = {
    "sql": ["models", "macros"],
    "py": [f"scripts/casebook/{room}" for room in ("load", "lake", "readers", "ask", "build")],
}
SECONDS = 900

# An operator's name, what it changes (the first group), and into what: which text into which.
Rule = tuple[str, str, str | Callable[[str], str]]
LOGIC: Rule = ("logic", r"(?<=\s)(and|or)(?=\s)", "and/or, or/and")
CONSTANT: Rule = ("constant", r"(?<![\w.'\"{-])(\d+)(?![\w.'\"}])", lambda n: str(int(n) + 1))
SQL: tuple[Rule, ...] = (
    LOGIC,
    CONSTANT,
    ("comparison", r"(?<=\s)([<>!]?=|[<>])(?=\s)", "=/!=, !=/=, </<=, <=/<, >/>=, >=/>"),
    ("comparison", r"\b(is not null|is null)\b", "is null/is not null, is not null/is null"),
    ("join", r"\b(left|inner|full outer)(?= join)", "left/inner, inner/left, full outer/left"),
    ("order", r"\b(asc|desc|nulls last)\b", "asc/desc, desc/asc, nulls last/nulls first"),
    ("order", r"order by [^\n()]+?(, [\w.]+(?: asc| desc)?(?: nulls last)?)\n", lambda _: ""),
    ("partition", r"partition by [^\n]+?((?:, [\w.]+)+)\s", lambda _: ""),
    ("where", r"\bwhere\s+((?:[\w.]+|abs\([^\n]*?\)) [^\n(]+)\n", lambda _: "true"),
    ("where", r"\n(\s+and [^\n]+)(?=\n)", lambda _: ""),
    (
        "coalesce",
        r"\b(coalesce\([^()]*?(?:\([^()]*\))?[^()]*?, [^(),]+\))",
        lambda call: call.removeprefix("coalesce(").rpartition(", ")[0],
    ),
    ("reason", r"\b(?:then|else)\s+'([a-z_ :]+)'", lambda text: text + "_"),
    ("distinct", r"(count\(distinct|union all)", "count(distinct/count(, union all/union"),
    ("field", r"(required=true|a_text\()", "required=true/required=false, a_text(/field("),
)
PYTHON: tuple[Rule, ...] = (
    LOGIC,
    CONSTANT,
    ("comparison", r"(?<=\s)([!=]=|<=?|>=?)(?=\s)", "==/!=, !=/==, </<=, <=/<, >/>=, >=/>"),
    ("comparison", r"(?<=\s)(is not|is)(?=\s)", "is/is not, is not/is"),
    ("condition", r"\b(?:if|while) ([^\n:]+):\n", lambda test: f"not ({test})"),
    ("flag", r"\b(True|False)\b", "True/False, False/True"),
)
# What decides nothing, or is Jinja's: comments, texts, sets, configuration.
NOT_SQL = r"\{#.*?#\}|--[^\n]*|\{%-?\s*(?:set|macro|do|if|elif)\b.*?%\}|\{\{-?\s*config\(.*?\}\}"
NOT_PYTHON = r'""".*?"""|"[^"\n]*"|#[^\n]*'
COMPARED = "{% for column in compared -%}"


@dataclass(frozen=True)
class Mutant:
    """One change of one file.

    Attributes:
        path: the file, below the project.
        operator: what kind of change it is.
        start, end: where in the file's text it is.
        new: what stands there then.
        name: the model, macro or module whose tests should see it.
    """

    path: Path
    operator: str
    start: int
    end: int
    new: str
    name: str

    def describe(self, project: Path) -> str:
        old = (project / self.path).read_text()
        line = old.count("\n", 0, self.start) + 1
        before = " ".join(old[self.start : self.end].split())
        return f"{self.path}:{line} ({self.name}): {self.operator}: `{before}` -> `{self.new}`"

    @property
    def case(self) -> str:
        """What the table of results counts it under: the case or the folder."""
        folder = str(self.path.parent).removeprefix("models/marts/").rpartition("casebook/")[2]
        case = re.match(r"(?:stg|int)_(\w+?)__", self.name)
        return case[1] if case else folder


def changes(path: Path, text: str) -> Iterator[Mutant]:
    in_sql = path.suffix == ".sql"
    other = "spark|default" if "duckdb__" in text else "spark"
    not_sql = rf"\{{% macro (?:{other})__.*?endmacro -?%\}}|{NOT_SQL}"
    spared = list(re.finditer(not_sql if in_sql else NOT_PYTHON, text, re.DOTALL))
    for operator, pattern, into in SQL if in_sql else PYTHON:
        flip = into if callable(into) else dict(p.split("/") for p in into.split(", ")).__getitem__
        for match in re.finditer(pattern, text):
            start, end = match.span(1)
            if operator == "field" or not any(low.start() <= start < low.end() for low in spared):
                yield Mutant(path, operator, start, end, flip(match[1]), path.stem)


def compared_columns(project: Path, path: Path) -> Iterator[Mutant]:
    """One for each column that tells a model's records apart: the macro compares all others."""
    pattern = r"classified_(?:table|records)\((.*?)\)\s*\}\}"
    call = re.search(pattern, path.read_text(), re.DOTALL)
    macro = Path("macros/audit/classified_records.sql")
    if call and (project / macro).exists() and path.name != macro.name:
        start = (project / macro).read_text().index(COMPARED)
        for column in re.findall(r"'(\w+)'", call[1].rpartition("[")[2]):
            new = COMPARED.replace(" -%}", f" if column != '{column}' -%}}")
            yield Mutant(macro, "compared column", start, start + len(COMPARED), new, path.stem)


def find_mutants(project: Path, of: str, names: list[str]) -> list[Mutant]:
    """All mutants of models and macros, or of modules, that are named; of all, where none is."""
    found: list[Mutant] = []
    for path in sorted(p for folder in FOLDERS[of] for p in (project / folder).rglob(f"*.{of}")):
        if not names or path.stem in names:
            found += changes(path.relative_to(project), path.read_text())
            found += compared_columns(project, path)
    return found


class Trials:
    """A copy of the project, and the warehouse of its sample, in which mutants are tried."""

    def __init__(self, project: Path, folder: Path, with_pytest: bool) -> None:
        self.root, self.copy, self.kept = folder, folder / "project", folder / "kept"
        self.with_pytest = with_pytest
        self.copy.mkdir()
        for path in project.iterdir():
            if not any(path.match(pattern) for pattern in LEFT_OUT):
                (shutil.copytree if path.is_dir() else shutil.copy)(path, self.copy / path.name)
        own = ("CASEBOOK_", "DBT_")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(own)} | {
            "CASEBOOK_RAW": str(self.copy / "sample"),
            "CASEBOOK_LAKE": str(folder / "lake"),
            "CASEBOOK_WAREHOUSE": str(folder / "warehouse.db"),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "PYTHONPATH": str(self.copy / "scripts"),
            "PWD": str(self.copy),
        }

    def run(self, *command: str) -> bool:
        """Whether a program ends well, and in time."""
        program = str(Path(sys.executable).with_name(command[0]))
        options: dict[str, Any] = {"cwd": self.copy, "env": self.environment, "timeout": SECONDS}
        with contextlib.suppress(subprocess.TimeoutExpired):
            done = subprocess.run([program, *command[1:]], capture_output=True, **options)
            return done.returncode == 0
        return False

    def dbt(self, *arguments: str) -> bool:
        """Whether dbt ends well: in a fork of this process, which has imported it already."""
        process = multiprocessing.get_context("fork").Process(target=self._dbt, args=(arguments,))
        process.start()
        process.join(SECONDS)
        process.kill()
        process.join()
        return process.exitcode == 0

    def _dbt(self, arguments: tuple[str, ...]) -> None:
        from dbt.cli.main import dbtRunner

        os.environ.clear()
        os.environ.update(self.environment)
        os.chdir(self.copy)
        done = dbtRunner().invoke(["--quiet", "--log-level", "none", *arguments])
        os._exit(0 if done.success else 1)

    def prepare(self) -> None:
        """Build what mutants of SQL start from; SystemExit where a test fails without any."""
        import dbt.cli.main  # noqa: F401

        self.run("casebook", "load")
        if not self.dbt("build"):
            raise SystemExit("without any mutant, `dbt build` of the sample fails")
        # dbt leaves its last rows in the log.
        duckdb.connect(self.root / "warehouse.db").close()
        manifest = json.loads((self.root / "target" / "manifest.json").read_text())
        self.nodes = list(manifest["nodes"].values())
        self.macros = manifest["macros"]
        self.kept.mkdir()
        for name in ("warehouse.db", "target/partial_parse.msgpack"):
            shutil.copy(self.root / name, self.kept)

    def callers(self, name: str) -> list[dict[str, Any]]:
        """What is of a name, or calls such a macro: nothing does what only Spark runs."""
        calls = {key: {*macro["depends_on"]["macros"]} for key, macro in self.macros.items()}
        found = {key for key in calls if self.macros[key]["path"].endswith(f"/{name}.sql")}
        while more := {key for key in calls if calls[key] & found} - found:
            found |= more
        nodes = [(node, {*node["depends_on"].get("macros", ())}) for node in self.nodes]
        return [node for node, used in nodes if found & used or node["name"] == name]

    def seen_in(self, name: str) -> tuple[list[str], list[str]]:
        """The models and the tests by themselves that a model is in, or that call a macro."""
        called = [(n["resource_type"], n["name"], "test_metadata" in n) for n in self.callers(name)]
        models = [one for kind, one, _ in called if kind == "model"]
        if name in models:
            return [name], []
        return models, [one for kind, one, generic in called if kind == "test" and not generic]

    def killed_by(self, mutant: Mutant) -> str:
        """What fails with a mutant: `unit`, `data` or `pytest`; nothing where it survives."""
        path = self.copy / mutant.path
        old = path.read_text()
        path.write_text(old[: mutant.start] + mutant.new + old[mutant.end :])
        try:
            tried = self._in_sql(mutant) if path.suffix == ".sql" else self._in_python(mutant)
            return next((kind for kind, passed in tried if not passed), "")
        finally:
            path.write_text(old)

    def _in_sql(self, mutant: Mutant) -> Iterator[tuple[str, bool]]:
        models, tests = self.seen_in(mutant.name)
        (self.root / "warehouse.db.wal").unlink(missing_ok=True)
        shutil.copy(self.kept / "warehouse.db", self.root)
        shutil.copy(self.kept / "partial_parse.msgpack", self.root / "target")
        tests += [f"{name},test_type:unit" for name in models]
        yield "unit", not tests or self.dbt("test", "--select", *tests)
        options = ("--exclude-resource-type", "unit_test", "--indirect-selection", "buildable")
        models = [f"{name}+" for name in models] or ["*"]  # for what only hooks call
        yield "data", self.dbt("build", *options, "--select", *models)
        if self.with_pytest:
            yield "pytest", self.pytest(rf"test_(order|{re.escape(mutant.case)})\.py", "(?!)")

    def _in_python(self, mutant: Mutant) -> Iterator[tuple[str, bool]]:
        *room, name = mutant.path.with_suffix("").parts[1:]
        named = rf"\b{'.'.join([*room, name])}\b|from {'.'.join(room)} import .*\b{name}\b"
        yield "pytest", self.pytest(rf"test_.*({name}|{room[-1]}).*\.py", named)

    def pytest(self, called: str, naming: str) -> bool:
        """Whether tests pass: in modules that are called so, or whose text names something."""
        files = sorted((self.copy / "tests" / "python").glob("test_*.py"), key=os.path.getsize)
        texts = {str(path): path.read_text() for path in files}
        chosen = [p for p in texts if re.search(f"/{called}$", p) or re.search(naming, texts[p])]
        options = ("-x", "-q", "-n", "0", "-p", "no:cacheprovider")
        return not chosen or self.run("python", "-m", "pytest", *options, *chosen)


def main() -> None:
    parser = argparse.ArgumentParser(description="See whether a test fails for each mutant.")
    parser.add_argument("names", nargs="*", help="models, macros or modules; all by default")
    parser.add_argument("--of", choices=list(FOLDERS), default="sql")
    parser.add_argument("--sample", type=int, help="try so many of them, by chance")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--pytest", action="store_true", help="try survivors of SQL in Python, too")
    parser.add_argument("--project", type=Path, default=PROJECT)
    options = parser.parse_args()
    found = find_mutants(options.project, options.of, options.names)
    tried, killed = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    survivors = []
    with tempfile.TemporaryDirectory(prefix="casebook_mutants_") as folder:
        trials = Trials(options.project, Path(folder), options.pytest)
        if options.of == "sql" and found:
            trials.prepare()
            found = [mutant for mutant in found if trials.callers(mutant.name)]
        found = random.Random(options.seed).sample(found, min(len(found), options.sample or 10**9))
        for number, mutant in enumerate(found, 1):
            by = trials.killed_by(mutant)
            line = mutant.describe(options.project)
            print(f"{number}/{len(found)} {by or 'SURVIVES'}: {line}", flush=True)
            tried[mutant.case, mutant.operator] += 1
            killed[mutant.case, mutant.operator] += bool(by)
            survivors += [line] * (not by)
    print("\n| case | operator | tried | killed |\n| --- | --- | --- | --- |")
    for of, count in sorted(tried.items()):
        print(f"| {' | '.join(of)} | {count} | {killed[of]} |")
    print(f"| all | | {tried.total()} | {killed.total()} |")
    print("\nSurvivors:", *(survivors or ["none"]), sep="\n  ")


if __name__ == "__main__":
    main()
