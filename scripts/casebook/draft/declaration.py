"""The YAML of a source: where a table is declared, and what is to be added to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from casebook.draft.insert import NotThere, add, item
from casebook.draft.render import Draft, render, scalar
from casebook.errors import CasebookError
from casebook.sources import Table


def declaration_of(project: Path, full_name: str) -> Path:
    """The YAML that declares a table."""
    source, _, name = full_name.partition(".")
    for path in sorted((project / "models").rglob("*__sources.yml")):
        for entry in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("sources", []):
            if entry["name"] == source and any(t["name"] == name for t in entry.get("tables", [])):
                return path
    return project / "models"


def with_table(path: Path, draft: Draft) -> str:
    """The source YAML with the table in it.

    Raises:
        CasebookError: if the file is not of a form that the table can be added to.
    """
    entry = render("table.yml", draft)
    if not path.exists():
        return render("sources.yml", draft) + item(entry, 6)
    try:
        text = path.read_bytes().decode("utf-8")
        return add(text, ["sources", f"name={draft.source}", "tables"], entry)
    except NotThere as error:
        raise CasebookError(
            f"its form is not one that a table can be added to under the source {draft.source}",
            file=path,
            fix=f"add the table by hand, below `tables:` of the source:\n{item(entry, 0)}",
        ) from error


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
