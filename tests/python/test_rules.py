"""docs/rules.md, the models and the tests name the same rules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from workbench import PROJECT

ID = re.compile(r"\b[A-Z]+(?:_[A-Z]+)*-\d+\b")
PREFIXES = ("BLOG-", "STOREFRONT-", "MOVIES-", "MUSIC_STORE-", "COURSES-", "FILM_STORE-", "AUDIT-")


def named_in(text: str) -> set[str]:
    return {name for name in ID.findall(text) if name.startswith(PREFIXES)}


def rules() -> set[str]:
    text = (PROJECT / "docs" / "rules.md").read_text()
    return set(re.findall(r"^\| ([A-Z_]+-\d+) \|", text, flags=re.MULTILINE))


def said_of_tests(path: Path) -> str:
    """What a model's YAML says of its tests: descriptions of unit tests and data tests."""
    import yaml

    found: list[str] = []

    def visit(value: object, inside: bool) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                visit(item, inside or key in ("data_tests", "unit_tests"))
        elif isinstance(value, list):
            for item in value:
                visit(item, inside)
        elif inside:
            found.append(str(value))

    visit(yaml.safe_load(path.read_text()), False)
    return "\n".join(found)


def named_by_tests() -> set[str]:
    singular = [path.read_text() for path in (PROJECT / "tests").glob("*.sql")]
    models = [said_of_tests(path) for path in (PROJECT / "models").rglob("*.yml")]
    return named_in("\n".join([*singular, *models]))


def carried_out() -> set[str]:
    folders = [PROJECT / "models", PROJECT / "macros"]
    files = [path for folder in folders for path in folder.rglob("*.*")]
    return named_in("\n".join(path.read_text() for path in files))


def test_there_are_rules_and_each_has_one_sentence_at_least() -> None:
    text = (PROJECT / "docs" / "rules.md").read_text()
    rows = re.findall(r"^\| ([A-Z_]+-\d+) \| (.+) \|$", text, flags=re.MULTILINE)
    assert len(rows) == len(rules()) > 10
    assert all(sentence.endswith(".") for _, sentence in rows)


def test_every_rule_has_a_dbt_test() -> None:
    assert rules() - named_by_tests() == set()


@pytest.mark.parametrize("names", [named_by_tests(), carried_out()], ids=["tests", "models"])
def test_no_rule_is_named_that_does_not_exist(names: set[str]) -> None:
    assert names - rules() == set()
