"""The files that a draft writes or adds to: the table's own, and those around it in the project."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from casebook.draft.columns import Guess
from casebook.draft.insert import NotThere, add, item
from casebook.draft.key import Key
from casebook.draft.render import render, scalar
from casebook.draft.sample import Sample
from casebook.sources import Table

_SCHEMAS = re.compile(r"(include: \^models/marts\n\s+schema_name_pattern: \^\()([^)]*)(\)\$)")
# Who owns a staging model whose source has no case, and so no group, yet.
_GROUP = "audit"


@dataclass
class Draft:
    """What was drafted of a table.

    Attributes:
        source: the dbt source.
        table: its table.
        sample: what the guesses rest on.
        guesses: its columns.
        key: its key, or why there is none.
        path_values: names for what the folders say.
        case: the case that takes the table up, or None.
        files: the text of each file to write, by its path in the project.
        by_hand: what has to be added to files by hand.
    """

    source: str
    table: str
    sample: Sample
    guesses: Sequence[Guess]
    key: Key
    path_values: Sequence[str]
    case: str | None
    files: dict[Path, str] = field(default_factory=dict)
    by_hand: list[str] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        """`source.table`."""
        return f"{self.source}.{self.table}"


def draft_files(project: Path, draft: Draft) -> None:
    """Draft the text of each file, and what has to be added to others by hand.

    Args:
        project: the project's folder.
        draft: the table; with a case, the case's own entries are drafted too.
    """
    files, source, table, case = draft.files, draft.source, draft.table, draft.case

    def change(name: str, *additions: tuple[list[str], str | tuple[str, str]]) -> None:
        path = project / name
        for keys, value in additions:
            try:
                text = files.get(path) or path.read_bytes().decode("utf-8")
                files[path] = add(text, keys, value)
            except (NotThere, FileNotFoundError):
                text = item(value, 0) if isinstance(value, str) else ": ".join(value)
                draft.by_hand.append(f"to {name}, under {' '.join(keys)}:\n{text}")

    config = yaml.safe_load((project / "dbt_project.yml").read_text(encoding="utf-8"))
    layers = ["models", config["name"]]
    staging = (config.get("models", {}).get(config["name"]) or {}).get("staging") or {}
    has_group = case or "+group" in (staging.get(draft.source) or {})
    folder = project / "models" / "staging" / source
    sources, model = folder / f"_{source}__sources.yml", f"stg_{source}__{table}"
    values = {"draft": draft, "model": model, "group": None if has_group else _GROUP}
    entry = render("table.yml", **values)
    if sources.exists():
        change(
            sources.relative_to(project).as_posix(),
            (["sources", f"name={source}", "tables"], entry),
        )
    else:
        files[sources] = render("sources.yml", **values) + item(entry, 6)
    for ending in ("sql", "yml"):
        files[folder / f"{model}.{ending}"] = render(f"staging.{ending}", **values)
    items = f"{{items: int_{case}__{table}}}" if case and draft.key.columns else "{}"
    change("dbt_project.yml", (["vars", "audited_tables"], (f"{source}.{table}", items)))
    if not case:
        return
    change(
        "dbt_project.yml",
        ([*layers, "staging"], (source, f"{{+group: {case}}}")),
        ([*layers, "intermediate"], (case, f"{{+group: {case}}}")),
        ([*layers, "marts"], (case, f"{{+schema: {case}, +group: {case}}}")),
    )
    change("models/marts/_groups.yml", (["groups"], render("group.yml", **values)))
    bouncer = project / "dbt-bouncer.yml"
    text = bouncer.read_text(encoding="utf-8") if bouncer.exists() else ""
    found = _SCHEMAS.search(text)
    if found and case not in found[2].split("|"):
        files[bouncer] = text.replace(found[0], f"{found[1]}{found[2]}|{case}{found[3]}")
    if draft.key.columns:
        for ending in ("sql", "yml"):
            path = project / "models" / "intermediate" / case / f"int_{case}__{table}.{ending}"
            files[path] = render(f"intermediate.{ending}", **values)


def what_to_add(known: Table, delivered: Sequence[str]) -> str:
    """What a file delivers that is not declared, as aliases of what it does not deliver."""
    spellings = {s.lower(): c.name for c in known.columns for s in (c.name, *c.aliases)}
    new = [name for name in dict.fromkeys(delivered) if name.lower() not in spellings]
    found = {spellings.get(name.lower()) for name in delivered}
    lacking = [column.name for column in known.columns if column.name not in found]
    if not new:
        return "edit it there, or remove it to have it drafted anew"
    if len(new) != len(lacking):
        return f"add what is new to it: {', '.join(new)}; it does not have {', '.join(lacking)}"
    pairs = (
        f"`aliases: [{scalar(n)}]` to the column {c}" for n, c in zip(new, lacking, strict=True)
    )
    return f"add {', '.join(pairs)}, if that is what they are"
