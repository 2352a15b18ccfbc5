"""Drafts what a new raw table needs, from the first records of one of its files."""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from casebook.draft.cases import project_files
from casebook.draft.columns import Guess
from casebook.draft.declaration import declaration_of, what_to_add, with_table
from casebook.draft.head import Head
from casebook.draft.key import Key, find_key
from casebook.draft.kinds import Casts
from casebook.draft.merge import guess_all, read_heads
from casebook.draft.names import singular
from casebook.draft.places import NAME, files_and_member, path_values, table_of
from casebook.draft.render import Draft, render
from casebook.errors import CasebookError
from casebook.settings import Settings
from casebook.sources import read_sources

_MEMORY_LIMIT = "600MB"
# Who owns a staging model whose source has no case, and so no group, yet.
_GROUP = "audit"


@dataclass(frozen=True)
class Declared:
    """What was drafted.

    Attributes:
        table: `source.table`.
        files: the text of each file to write, by its path in the project.
        new: those of them that are not there yet.
        guesses: what the columns seem to hold.
        key: the key, or why there is none.
        heads: what the guesses rest on, of each file.
        seen: that in words.
        by_hand: what has to be added to files by hand.
    """

    table: str
    files: dict[Path, str]
    new: frozenset[Path]
    guesses: list[Guess]
    key: Key
    heads: Sequence[Head]
    seen: str
    by_hand: Sequence[str]


def declare(
    settings: Settings,
    paths: str | Sequence[str],
    table: str | None = None,
    *,
    case: str | None = None,
    force: bool = False,
) -> Declared:
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
    import duckdb

    files, member = files_and_member([paths] if isinstance(paths, str) else paths)
    source, name = table_of(settings, files, member, table)
    if case is not None and not NAME.fullmatch(case):
        fix = "lower case, digits and underscores"
        raise CasebookError(f"{case} is no name for a case", fix=fix)
    known = read_sources(settings.project).get(f"{source}.{name}")
    folder = settings.project / "models" / "staging" / source
    if not known and not force:
        _refuse_to_overwrite(folder, f"stg_{source}__{name}")
    casts = Casts(settings.project)
    with (
        tempfile.TemporaryDirectory(prefix="casebook_") as work,
        duckdb.connect(config={"memory_limit": _MEMORY_LIMIT}) as connection,
    ):
        heads = read_heads(connection, files, member, name, Path(work))
        if known:
            raise CasebookError(
                f"{source}.{name} is declared already",
                file=declaration_of(settings.project, known.full_name),
                fix=what_to_add(known, [name.delivered for head in heads for name in head.names]),
            )
        guesses = guess_all(connection, heads, casts)
        key = find_key(connection, guesses, singular(name))
    _refuse_jinja(guesses, files[0])
    seen = _seen(heads, files, member)
    has_group = _folder_has_group(settings.project / "dbt_project.yml", source)
    group = None if has_group or case else _GROUP
    values = path_values(settings, files, table)
    draft = Draft(source, name, seen, guesses, key, group, values, case)
    drafted, by_hand = _texts(settings.project, folder, draft)
    new = frozenset(path for path in drafted if not path.exists())
    return Declared(f"{source}.{name}", drafted, new, guesses, key, heads, seen, by_hand)


def _refuse_to_overwrite(folder: Path, model: str) -> None:
    for there in (folder / f"{model}.sql", folder / f"{model}.yml"):
        if there.exists():
            fix = "--force writes a new draft over it"
            raise CasebookError("it exists already", file=there, fix=fix)


def _texts(project: Path, folder: Path, draft: Draft) -> tuple[dict[Path, str], Sequence[str]]:
    """The text of each file of a draft, and what is to be added by hand."""
    sources_file = folder / f"_{draft.source}__sources.yml"
    model = f"stg_{draft.source}__{draft.table}"
    around, by_hand = project_files(project, draft)
    drafted = {
        sources_file: with_table(sources_file, draft),
        folder / f"{model}.sql": render("staging.sql", draft),
        folder / f"{model}.yml": render("staging.yml", draft),
        **around,
    }
    return drafted, by_hand


def preview(settings: Settings, declared: Declared) -> str:
    """What `write` would do: new files as they are, and what changes in the others."""
    parts = []
    for path, text in declared.files.items():
        name = path.relative_to(settings.project).as_posix()
        if path in declared.new:
            parts.append(f"# {name}\n{text}")
        else:
            before = path.read_bytes().decode("utf-8")
            lines = before.splitlines(), text.splitlines()
            parts.append("\n".join(difflib.unified_diff(*lines, name, name, lineterm="")) + "\n")
    return "\n".join(parts)


def write(declared: Declared) -> None:
    """Write the files of a draft."""
    for path, text in declared.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8"))


def _refuse_jinja(guesses: Sequence[Guess], file: Path) -> None:
    """dbt renders the text of its YAML, so that a column's name could run what it likes."""
    for guess in guesses:
        for name in (guess.name.delivered, *guess.others):
            if any(mark in name for mark in ("{{", "{%", "{#")):
                reason = f"dbt would take the column's name {name!r} for a template"
                raise CasebookError(reason, file=file, fix="have the column renamed")


def _folder_has_group(project_file: Path, source: str) -> bool:
    """Whether dbt_project.yml gives the staging models of a source a group."""
    node: Any = yaml.safe_load(project_file.read_text(encoding="utf-8"))
    for key in ("models", node.get("name"), "staging", source):
        node = node.get(key) if isinstance(node, dict) else None
    return isinstance(node, dict) and "+group" in node


def _seen(heads: Sequence[Head], files: Sequence[Path], member: str | None) -> str:
    place = f"{files[0].name}#{member}" if member else files[0].name
    records, whole = sum(head.records for head in heads), all(head.whole for head in heads)
    if len(files) > 1:
        return f"{records:,} records of {len(files)} files"
    if not records:
        return f"{place}, which has no records"
    if records == 1:
        return f"the only record of {place}" if whole else f"the first record of {place}"
    return f"the {'' if whole else 'first '}{records:,} records of {place}"
