"""docs/rules.md, the models and the tests name the same rules."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import yaml
from workbench import PROJECT

ROWS = re.compile(r"^\| ([A-Z_]+-\d+) \| (.+) \|$", re.MULTILINE)
SENTENCES = dict(ROWS.findall((PROJECT / "docs" / "rules.md").read_text()))
IN_SQL = re.compile(r"\{\{ config\(.*?'rules': \[(.*?)\]", re.DOTALL)
# What looks like the id of a rule, and what else looks so.
ID = re.compile(r"\b[A-Z][A-Z_]+-\d+\b")
OTHERS = ("UTF-", "SHA-")


def rules_of(node: dict[str, Any]) -> list[str]:
    """The rules that a model's or a test's config names."""
    found = node.get("config", {}).get("meta", {}).get("rules", [])
    assert isinstance(found, list) and len(found) == len(set(found)), node
    return found


def declared() -> Iterator[tuple[str, str, list[str]]]:
    """Each model or seed, and each test, with its name and rules."""
    for path in [*(PROJECT / "models").rglob("*.yml"), *(PROJECT / "seeds").glob("*.yml")]:
        said = yaml.safe_load(path.read_text())
        for node in (*said.get("models", ()), *said.get("seeds", ())):
            yield "model", node["name"], rules_of(node)
            for holder in (node, *node.get("columns", ())):
                for test in holder.get("data_tests", ()):
                    if isinstance(test, dict):
                        ((kind, about),) = test.items()
                        yield "test", about.get("name", kind), rules_of(about)
        for test in said.get("unit_tests", ()):
            yield "test", test["name"], rules_of(test)
    for path in (PROJECT / "tests").glob("*.sql"):
        found = IN_SQL.search(path.read_text())
        yield "test", path.stem, re.findall(r"'([^']*)'", found[1]) if found else []


DECLARED = list(declared())


def named_by(kind: str) -> set[str]:
    return {rule for of, _, rules in DECLARED if of == kind for rule in rules}


def test_there_are_rules_and_each_has_one_sentence_at_least() -> None:
    ids = ROWS.findall((PROJECT / "docs" / "rules.md").read_text())
    assert [rule for rule, count in Counter(rule for rule, _ in ids).items() if count > 1] == []
    assert len(SENTENCES) > 10
    assert all(sentence.endswith(".") for sentence in SENTENCES.values())


def test_every_rule_has_a_model_and_a_test_whose_config_names_it() -> None:
    assert {kind: sorted(SENTENCES.keys() - named_by(kind)) for kind in ("model", "test")} == {
        "model": [],
        "test": [],
    }


def test_a_config_names_no_rule_that_does_not_exist() -> None:
    wrong = [(name, set(rules) - SENTENCES.keys()) for _, name, rules in DECLARED]
    assert [(name, rules) for name, rules in wrong if rules] == []


def test_nothing_else_names_a_rule_that_does_not_exist() -> None:
    """A comment, a description or a page."""
    folders = [
        PROJECT / name for name in ("models", "macros", "seeds", "analyses", "docs", "tests")
    ]
    files = [p for folder in folders for s in ("sql", "yml", "md") for p in folder.rglob(f"*.{s}")]
    files += [PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "dbt_project.yml")]
    named = {(path.name, rule) for path in files for rule in ID.findall(path.read_text())}
    unknown = {(name, rule) for name, rule in named if not rule.startswith(OTHERS)}
    assert sorted((name, rule) for name, rule in unknown if rule not in SENTENCES) == []
