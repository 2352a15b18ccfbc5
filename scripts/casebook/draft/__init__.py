"""Drafts what a new raw table needs, from the first records of one of its files."""

from __future__ import annotations

import difflib
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from casebook.draft.cases import project_files
from casebook.draft.columns import Casts, Guess, Key, find_key
from casebook.draft.head import Head
from casebook.draft.merge import guess_all, read_heads
from casebook.draft.names import singular
from casebook.draft.render import Draft, NotThere, add, item, render, scalar
from casebook.errors import CasebookError, Refused
from casebook.readers.sqlite_file import find_table, is_database, table_names
from casebook.settings import Settings
from casebook.sources import Table, read_sources

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

    files, member = _files_and_member([paths] if isinstance(paths, str) else paths)
    if is_database(files[0].name):
        member = _member(files[0], member)
    places = [_table_of(settings, file, member, table) for file in files]
    if len(set(places)) > 1:
        names = " and ".join(sorted({".".join(place) for place in places}))
        raise CasebookError(f"they are files of {names}", fix="declare one table at a time")
    source, name = places[0]
    full_name = f"{source}.{name}"
    if case is not None and not _NAME.fullmatch(case):
        fix = "lower case, digits and underscores"
        raise CasebookError(f"{case} is no name for a case", fix=fix)
    known = read_sources(settings.project).get(full_name)
    folder = settings.project / "models" / "staging" / source
    model = f"stg_{source}__{name}"
    for there in (folder / f"{model}.sql", folder / f"{model}.yml"):
        if there.exists() and not force and not known:
            fix = "--force writes a new draft over it"
            raise CasebookError("it exists already", file=there, fix=fix)
    casts = Casts(settings.project)
    with (
        tempfile.TemporaryDirectory(prefix="casebook_") as work,
        duckdb.connect(config={"memory_limit": _MEMORY_LIMIT}) as connection,
    ):
        heads = read_heads(connection, files, member, name, Path(work))
        if known:
            raise CasebookError(
                f"{full_name} is declared already",
                file=_declaration_of(settings.project, full_name),
                fix=_what_to_add(known, [name.delivered for head in heads for name in head.names]),
            )
        guesses = guess_all(connection, heads, casts)
        key = find_key(connection, guesses, singular(name))
    _refuse_jinja(guesses, files[0])
    seen = _seen(heads, files, member)
    project_file = settings.project / "dbt_project.yml"
    has_group = _folder_has_group(project_file.read_text(encoding="utf-8"), source)
    group = None if has_group or case else _GROUP
    values = _path_values(settings, files, table)
    draft = Draft(source, name, seen, guesses, key, group, values, case)
    sources_file = folder / f"_{source}__sources.yml"
    around, by_hand = project_files(settings.project, draft)
    drafted = {
        sources_file: _with_table(sources_file, draft),
        folder / f"{model}.sql": render("staging.sql", draft),
        folder / f"{model}.yml": render("staging.yml", draft),
        **around,
    }
    new = frozenset(path for path in drafted if not path.exists())
    return Declared(full_name, drafted, new, guesses, key, heads, seen, by_hand)


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


def _files_and_member(paths: Sequence[str]) -> tuple[list[Path], str | None]:
    """The files that paths name; of a folder all that are not hidden."""
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            found = (file for file in path.rglob("[!.]*") if file.is_file())
            files += sorted(found, key=os.fsencode)
        else:
            files.append(path)
    member = None
    if len(files) == 1 and not files[0].exists() and "#" in str(files[0]):
        before, _, member = str(files[0]).rpartition("#")
        files = [Path(before)]
    for file in files:
        if not file.is_file():
            raise CasebookError("there is no such file", file=file, fix="name a raw file")
        if is_database(file.name) and len(files) > 1:
            raise CasebookError("it is a SQLite file", file=file, fix="declare it by itself")
    if not files:
        raise CasebookError("there is no file in it", file=paths[0], fix="name a raw file")
    if member is not None and not is_database(files[0].name):
        raise CasebookError(
            f"only a SQLite file has tables such as {member}",
            file=files[0],
            fix=f"declare {files[0]}",
        )
    return files, member


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


def _refuse_jinja(guesses: Sequence[Guess], file: Path) -> None:
    """dbt renders the text of its YAML, so that a column's name could run what it likes."""
    for guess in guesses:
        for name in (guess.name.delivered, *guess.others):
            if any(mark in name for mark in ("{{", "{%", "{#")):
                reason = f"dbt would take the column's name {name!r} for a template"
                raise CasebookError(reason, file=file, fix="have the column renamed")


def _path_values(settings: Settings, files: Sequence[Path], table: str | None) -> list[str]:
    """Names for the folders between a table's own and its files."""
    try:
        parts = [file.absolute().relative_to(settings.raw).parts[2:-1] for file in files]
    except ValueError:
        return []
    depth = min(map(len, parts)) if table is None else 0
    named = [part.partition("=")[0] if "=" in part else "" for part in parts[0][:depth]]
    return [
        name if _NAME.fullmatch(name) else f"folder_{place}"
        for place, name in enumerate(named, start=1)
    ]


def _folder_has_group(project_text: str, source: str) -> bool:
    """Whether dbt_project.yml gives the staging models of a source a group."""
    node: Any = yaml.safe_load(project_text)
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
