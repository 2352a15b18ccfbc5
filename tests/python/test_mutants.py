"""scripts/mutants.py: what a test misses survives, and what decides nothing does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from workbench import PROJECT

IN_SQL = {
    "dbt_project.yml": "{name: small, profile: small}",
    "profiles.yml": """
small:
  target: small
  outputs:
    small: {type: duckdb, path: "{{ env_var('CASEBOOK_WAREHOUSE') }}"}
""",
    "models/numbers.sql": "select 1 as number",
    "models/large.sql": """
select number from {{ ref('numbers') }}
where number > 1
order by number desc
""",
    "models/large.yml": """
unit_tests:
  - name: large_numbers_are_above_1
    model: large
    given: [{input: ref('numbers'), rows: [{number: 1}, {number: 2}]}]
    expect: {rows: [{number: 2}]}
""",
}
IN_PYTHON = {
    "scripts/casebook/__init__.py": "",
    "scripts/casebook/load/__init__.py": "",
    "scripts/casebook/load/larger.py": """
def larger(one: int, other: int) -> int:
    if one > other:
        return one
    return other
""",
    "tests/python/test_larger.py": """
from casebook.load.larger import larger

def test_the_larger_of_two():
    assert larger(1, 2) == larger(2, 1) == 2
""",
}


@pytest.mark.parametrize(
    ("files", "arguments", "killed", "survives"),
    [
        (IN_SQL, ["large"], {"comparison": "unit", "where": "unit", "constant": "unit"}, "order"),
        (IN_PYTHON, ["--of", "py"], {"condition": "pytest"}, "comparison"),
    ],
    ids=["SQL", "Python"],
)
def test_a_mutant_dies_or_is_named(
    tmp_path: Path, files: dict[str, str], arguments: list[str], killed: dict, survives: str
) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    program = [sys.executable, str(PROJECT / "scripts" / "mutants.py"), "--project", str(tmp_path)]
    done = subprocess.run([*program, *arguments], capture_output=True, text=True, check=True)
    tried = re.findall(r"^\d+/\d+ (\w+): \S+ \(\w+\): ([\w ]+):", done.stdout, flags=re.MULTILINE)
    assert {operator: by for by, operator in tried} == killed | {survives: "SURVIVES"}
    assert f"| all | | {len(tried)} | {len(killed)} |" in done.stdout
    assert survives in done.stdout.partition("Survivors:")[2]
    assert all((tmp_path / name).read_text() == text for name, text in files.items())
