"""Drafts what a new raw table needs, from the first records of its files."""

from __future__ import annotations

import difflib
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from casebook.draft.columns import guess_columns
from casebook.draft.key import find_key
from casebook.draft.kinds import Casts
from casebook.draft.names import singular
from casebook.draft.places import NAME, files_and_member, path_values, table_of
from casebook.draft.project import Draft, draft_files, what_to_add
from casebook.draft.sample import read_sample
from casebook.errors import CasebookError
from casebook.settings import Settings
from casebook.sources import read_sources
from casebook.sql import connect


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
                fix=what_to_add(known, delivered),
            )
        guesses = guess_columns(connection, sample.files, casts)
        key = find_key(connection, guesses, singular(name))
    # dbt renders the text of its YAML, so that a column's name could run what it likes.
    for column in filter(re.compile(r"\{[{%#]").search, delivered):
        reason = f"dbt would take the column's name {column!r} for a template"
        raise CasebookError(reason, file=files[0], fix="have the column renamed")
    values = path_values(settings, files) if table is None else []
    draft = Draft(source, name, sample, guesses, key, values, case)
    draft_files(settings.project, draft)
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
