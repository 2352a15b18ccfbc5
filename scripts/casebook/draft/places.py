"""Which raw files are meant, and which table their place makes them files of."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from casebook.errors import CasebookError, Refused
from casebook.readers.sqlite_file import find_table, is_database, table_names
from casebook.settings import Settings

NAME = re.compile(r"[a-z][a-z0-9_]*")


def files_and_member(paths: Sequence[str]) -> tuple[list[Path], str | None]:
    """The files that paths name, of a folder all that are not hidden; for SQLite the table too.

    Raises:
        CasebookError: if a file is not there, or a path does not name one table of a SQLite file.
    """
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
    return files, _member(files[0], member) if is_database(files[0].name) else None


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


def table_of(
    settings: Settings, files: Sequence[Path], member: str | None, table: str | None
) -> tuple[str, str]:
    """Source and table of files, from `--table` or the folders below the raw folder.

    Raises:
        CasebookError: if they do not say it, or are of several tables.
    """
    if table is not None:
        source, _, name = table.partition(".")
        if not (NAME.fullmatch(source) and NAME.fullmatch(name)):
            fix = "give SOURCE.TABLE, as library.loans: lower case, digits and underscores"
            raise CasebookError(f"{table} is no name for a table", fix=fix)
        if member and name != member.lower():
            raise CasebookError(
                f"its table {member} cannot be declared as {name}",
                file=files[0],
                fix="a table of a SQLite file is declared under its own name, in lower case",
            )
        return source, name
    places = {_place_of(settings, file, member) for file in files}
    if len(places) > 1:
        names = " and ".join(sorted(".".join(place) for place in places))
        raise CasebookError(f"they are files of {names}", fix="declare one table at a time")
    for part, what in zip(*places, ("source", "table"), strict=True):
        if not NAME.fullmatch(part):
            raise CasebookError(
                f"{part} is no name for a {what}",
                file=files[0],
                fix="name its folders in lower case with digits and underscores, as library/loans",
            )
    return places.pop()


def _place_of(settings: Settings, file: Path, member: str | None) -> tuple[str, str]:
    """Source and table as the folders below the raw folder say them."""
    try:
        parts = file.absolute().relative_to(settings.raw).parts
    except ValueError:
        parts = ()
    if member and len(parts) == 2:
        return parts[0], member.lower()
    if not member and len(parts) > 2:
        return parts[0], parts[1]
    where = f"raw/<source>/{file.name}" if member else f"raw/<source>/<table>/{file.name}"
    raise CasebookError(
        f"its folders do not say which table it is of: it is not at {where}",
        file=file,
        fix=f"put it there ({settings.raw} is the raw folder, --raw names another), or give"
        " --table SOURCE.TABLE",
    )


def path_values(settings: Settings, files: Sequence[Path], table: str | None) -> list[str]:
    """Names for the folders between a table's own and its files."""
    try:
        parts = [file.absolute().relative_to(settings.raw).parts[2:-1] for file in files]
    except ValueError:
        return []
    depth = min(map(len, parts)) if table is None else 0
    named = [part.partition("=")[0] if "=" in part else "" for part in parts[0][:depth]]
    return [
        name if NAME.fullmatch(name) else f"folder_{place}"
        for place, name in enumerate(named, start=1)
    ]
