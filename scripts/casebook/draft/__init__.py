"""Drafts what a new raw table needs, from the first records of one of its files."""

from __future__ import annotations

import difflib
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from casebook.draft.draft import Draft, source_start, staging_sql, staging_yaml, table_entry
from casebook.draft.head import Head, read_head
from casebook.draft.insert import NotThere, add_staged_table, add_table
from casebook.draft.judge import Casts, Guess, Key, find_key, guess_columns
from casebook.draft.names import singular
from casebook.errors import CasebookError, Refused
from casebook.readers.sqlite_file import find_table, is_database, table_names
from casebook.settings import Settings
from casebook.sources import read_sources

_NAME = re.compile(r"[a-z][a-z0-9_]*")
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
        head: what the guesses rest on.
        seen: that in words.
        by_hand: what has to be added to dbt_project.yml by hand; None where that was done.
    """

    table: str
    files: dict[Path, str]
    new: frozenset[Path]
    guesses: list[Guess]
    key: Key
    head: Head
    seen: str
    by_hand: str | None


def declare(
    settings: Settings, path: str, table: str | None = None, *, force: bool = False
) -> Declared:
    """Draft the declaration, the staging model and its YAML for a raw file. Nothing is written.

    Args:
        settings: where the project and the raw files are.
        path: the file; for SQLite with `#` and a table, where it has several.
        table: `source.table`, where the file's folders do not say it.
        force: draft the staging model even where there is one already.

    Raises:
        CasebookError: if the file cannot be read, its folders do not say which table it is of,
            the table is declared already, or a file of the draft exists.
    """
    import duckdb

    file, member = _file_and_member(path)
    if is_database(file.name):
        member = _member(file, member)
    source, name = _table_of(settings, file, member, table)
    full_name = f"{source}.{name}"
    if full_name in read_sources(settings.project):
        raise CasebookError(
            f"{full_name} is declared already",
            file=_declaration_of(settings.project, full_name),
            fix="edit it there, or remove it to have it drafted anew",
        )
    folder = settings.project / "models" / "staging" / source
    model = f"stg_{source}__{name}"
    if not force:
        for there in (folder / f"{model}.sql", folder / f"{model}.yml"):
            if there.exists():
                raise CasebookError(
                    "it exists already", file=there, fix="--force writes a new draft over it"
                )
    casts = Casts(settings.project)
    with (
        tempfile.TemporaryDirectory(prefix="casebook_") as work,
        duckdb.connect(config={"memory_limit": _MEMORY_LIMIT}) as connection,
    ):
        head = read_head(connection, file, member, name, Path(work))
        guesses = guess_columns(connection, head.names, casts)
        key = find_key(connection, guesses, singular(name))
    seen = _seen(head, file, member)
    project_file = settings.project / "dbt_project.yml"
    project_text = project_file.read_bytes().decode("utf-8")
    has_group = _folder_has_group(project_text, source)
    draft = Draft(source, name, seen, guesses, key, None if has_group else _GROUP)
    sources_file = folder / f"_{source}__sources.yml"
    files = {
        sources_file: _with_table(sources_file, draft),
        folder / f"{model}.sql": staging_sql(draft),
        folder / f"{model}.yml": staging_yaml(draft),
    }
    by_hand = None
    try:
        files[project_file] = add_staged_table(project_text, full_name)
    except NotThere:
        by_hand = f"vars:\n  staged_tables: [{full_name}]"
    new = frozenset(path for path in files if not path.exists())
    return Declared(full_name, files, new, guesses, key, head, seen, by_hand)


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


def _file_and_member(path: str) -> tuple[Path, str | None]:
    file, member = Path(path), None
    if not file.exists() and "#" in path:
        before, _, member = path.rpartition("#")
        file = Path(before)
    if file.is_dir():
        raise CasebookError("it is a folder", file=file, fix="name one of the files in it")
    if not file.is_file():
        raise CasebookError("there is no such file", file=file, fix="name a raw file")
    if member is not None and not is_database(file.name):
        raise CasebookError(
            f"only a SQLite file has tables such as {member}", file=file, fix=f"declare {file}"
        )
    return file, member


def _member(file: Path, member: str | None) -> str:
    """The table of a SQLite file that is meant."""
    try:
        tables = table_names(file)
    except Refused as refused:
        raise CasebookError(
            f"cannot be read: {refused}", file=file, fix="name a file that `casebook load` reads"
        ) from refused
    if member is None and len(tables) == 1:
        return tables[0]
    found = find_table(tables, member) if member else None
    if found:
        return found
    example = f"{file}#{tables[0]}" if tables else "a file with tables"
    raise CasebookError(
        f"it has no table {member}" if member else f"it has {len(tables)} tables",
        file=file,
        fix=f"name one of them, as {example}; they are: {', '.join(tables) or 'none'}",
    )


def _table_of(
    settings: Settings, file: Path, member: str | None, table: str | None
) -> tuple[str, str]:
    """Source and table, from `--table` or the folders below the raw folder."""
    if table is not None:
        source, dot, name = table.partition(".")
        if not (dot and _NAME.fullmatch(source) and _NAME.fullmatch(name)):
            raise CasebookError(
                f"{table} is no name for a table",
                fix="give SOURCE.TABLE, as library.loans: lower case, digits and underscores",
            )
        if member and name != member.lower():
            raise CasebookError(
                f"its table {member} cannot be declared as {name}",
                file=file,
                fix="a table of a SQLite file is declared under its own name, in lower case",
            )
        return source, name
    where = f"raw/<source>/{file.name}" if member else f"raw/<source>/<table>/{file.name}"
    try:
        parts = file.absolute().relative_to(settings.raw).parts
    except ValueError:
        parts = ()
    if len(parts) != 2 if member else len(parts) < 3:
        raise CasebookError(
            f"its folders do not say which table it is of: it is not at {where}",
            file=file,
            fix=f"put it there ({settings.raw} is the raw folder, --raw names another), or give"
            " --table SOURCE.TABLE",
        )
    source, name = parts[0], member.lower() if member else parts[1]
    for part, what in ((source, "source"), (name, "table")):
        if not _NAME.fullmatch(part):
            raise CasebookError(
                f"{part} is no name for a {what}",
                file=file,
                fix="name its folders in lower case with digits and underscores, as library/loans",
            )
    return source, name


def _declaration_of(project: Path, full_name: str) -> Path:
    """The YAML that declares a table."""
    source, _, name = full_name.partition(".")
    for path in sorted((project / "models").rglob("*__sources.yml")):
        for entry in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("sources", []):
            if entry["name"] == source and any(t["name"] == name for t in entry.get("tables", [])):
                return path
    return project / "models"


def _with_table(path: Path, draft: Draft) -> str:
    """The source YAML with the table in it."""
    entry = table_entry(draft)
    if not path.exists():
        start = source_start(draft)
        return start + "".join(f"      {line}\n" for line in entry.splitlines())
    try:
        return add_table(path.read_bytes().decode("utf-8"), draft.source, entry)
    except NotThere as error:
        raise CasebookError(
            f"its form is not one that a table can be added to under the source {draft.source}",
            file=path,
            fix=f"add the table by hand, below `tables:` of the source:\n{entry}",
        ) from error


def _folder_has_group(project_text: str, source: str) -> bool:
    """Whether dbt_project.yml gives the staging models of a source a group."""
    node: Any = yaml.safe_load(project_text)
    for key in ("models", node.get("name"), "staging", source):
        node = node.get(key) if isinstance(node, dict) else None
    return isinstance(node, dict) and "+group" in node


def _seen(head: Head, file: Path, member: str | None) -> str:
    place = f"{file.name}#{member}" if member else file.name
    if not head.records:
        return f"{place}, which has no records"
    if head.records == 1:
        return f"the only record of {place}" if head.whole else f"the first record of {place}"
    which = "" if head.whole else "first "
    return f"the {which}{head.records:,} records of {place}"
