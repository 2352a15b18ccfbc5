"""Drafts what a new raw table needs, from the first records of its files, and writes it."""

from __future__ import annotations

import difflib
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from casebook.draft.columns import Guess, Key, find_key, guess_columns
from casebook.draft.kinds import Casts
from casebook.draft.names import singular
from casebook.draft.places import NAME, files_and_member, path_values, table_of
from casebook.draft.render import NotThere, add, item, render, scalar
from casebook.draft.sample import Sample, read_sample
from casebook.errors import CasebookError
from casebook.settings import Settings
from casebook.sources import Table, read_sources
from casebook.sql import connect

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


def declare(
    settings: Settings,
    paths: str | Sequence[str],
    table: str | None = None,
    *,
    case: str | None = None,
    force: bool = False,
) -> Draft:
    """Draft the declaration, the staging model and its YAML for raw files. Nothing is written.

    Args:
        settings: where the project and the raw files are.
        paths: the files, or a folder with all of them; for SQLite one file with `#` and a table,
            where it has several.
        table: `source.table`, where the files' folders do not say it.
        case: the case that takes the table up: its group, schema and intermediate model too.
        force: draft the staging model even where there is one already.

    Raises:
        CasebookError: if a file cannot be read, the folders do not say which table it is of, the
            table is declared already, or a file of the draft exists.
    """
    files, member = files_and_member([paths] if isinstance(paths, str) else paths)
    source, name = table_of(settings, files, member, table)
    if case is not None and not NAME.fullmatch(case):
        fix = "lower case, digits and underscores"
        raise CasebookError(f"{case} is no name for a case", fix=fix)
    known = read_sources(settings.project).get(f"{source}.{name}")
    folder = settings.project / "models" / "staging" / source
    for there in (folder / f"stg_{source}__{name}{ending}" for ending in (".sql", ".yml")):
        if there.exists() and not (known or force):
            fix = "--force writes a new draft over it"
            raise CasebookError("it exists already", file=there, fix=fix)
    casts = Casts(settings.project)
    with (
        tempfile.TemporaryDirectory(prefix="casebook_") as work,
        connect(Path(work, "spill")) as connection,
    ):
        sample = read_sample(connection, files, member, name, Path(work))
        delivered = [name.delivered for names in sample.files for name in names]
        if known:
            raise CasebookError(
                f"{source}.{name} is declared already",
                file=folder / f"_{source}__sources.yml",
                fix=_what_to_add(known, delivered),
            )
        guesses = guess_columns(connection, sample.files, casts)
        key = find_key(connection, guesses, singular(name))
    # dbt renders the text of its YAML, so that a column's name could run what it likes.
    for column in filter(re.compile(r"\{[{%#]").search, delivered):
        reason = f"dbt would take the column's name {column!r} for a template"
        raise CasebookError(reason, file=files[0], fix="have the column renamed")
    values = path_values(settings, files) if table is None else []
    draft = Draft(source, name, sample, guesses, key, values, case)
    _draft_files(settings.project, draft)
    return draft


def preview(settings: Settings, draft: Draft) -> str:
    """What `write` would do: new files as they are, and what changes in the others."""
    parts = []
    for path, text in draft.files.items():
        name = path.relative_to(settings.project).as_posix()
        if path.exists():
            lines = path.read_bytes().decode("utf-8").splitlines(), text.splitlines()
            parts.append("\n".join(difflib.unified_diff(*lines, name, name, lineterm="")) + "\n")
        else:
            parts.append(f"# {name}\n{text}")
    return "\n".join(parts)


def write(draft: Draft) -> list[Path]:
    """Write the files of a draft; returns those of them that were not there yet."""
    new = [path for path in draft.files if not path.exists()]
    for path, text in draft.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8"))
    return new


def _draft_files(project: Path, draft: Draft) -> None:
    """Draft the text of each file, and what has to be added to others by hand."""
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


def _what_to_add(known: Table, delivered: Sequence[str]) -> str:
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
