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
    files, member = list[Path](), ""
    for path in map(Path, paths):
        found = path.rglob("[!.]*") if path.is_dir() else [path]
        files += sorted((f for f in found if f == path or f.is_file()), key=os.fsencode)
    if not files:
        raise CasebookError("there is no file in it", file=paths[0], fix="name a raw file")
    if len(files) == 1 and not files[0].exists() and "#" in str(files[0]):
        before, _, member = str(files[0]).rpartition("#")
        files = [Path(before)]
    for file in files:
        if not file.is_file():
            raise CasebookError("there is no such file", file=file, fix="name a raw file")
        if is_database(file.name) and len(files) > 1:
            raise CasebookError("it is a SQLite file", file=file, fix="declare it by itself")
    file = files[0]
    if not is_database(file.name):
        if member:
            reason, fix = f"only a SQLite file has tables such as {member}", f"declare {file}"
            raise CasebookError(reason, file=file, fix=fix)
        return files, None
    try:
        tables = table_names(file)
    except Refused as refused:
        fix = "name a file that `casebook load` reads"
        raise CasebookError(f"cannot be read: {refused}", file=file, fix=fix) from refused
    table = tables[0] if len(tables) == 1 and not member else find_table(tables, member)
    if table is None:
        reason = f"it has no table {member}" if member else f"it has {len(tables)} tables"
        example = f"{file}#{tables[0]}" if tables else "a file with tables"
        fix = f"name one of them, as {example}; they are: {', '.join(tables) or 'none'}"
        raise CasebookError(reason, file=file, fix=fix)
    return files, table


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
            reason = f"its table {member} cannot be declared as {name}"
            fix = "a table of a SQLite file is declared under its own name, in lower case"
            raise CasebookError(reason, file=files[0], fix=fix)
        return source, name
    places = {_place_of(settings, file, member) for file in files}
    if len(places) > 1:
        names = " and ".join(sorted(".".join(place) for place in places))
        raise CasebookError(f"they are files of {names}", fix="declare one table at a time")
    for part, what in zip(*places, ("source", "table"), strict=True):
        if not NAME.fullmatch(part):
            fix = "name its folders in lower case with digits and underscores, as library/loans"
            raise CasebookError(f"{part} is no name for a {what}", file=files[0], fix=fix)
    return places.pop()


def _place_of(settings: Settings, file: Path, member: str | None) -> tuple[str, str]:
    """Source and table as the folders below the raw folder say them."""
    path = file.absolute()
    parts = path.relative_to(settings.raw).parts if path.is_relative_to(settings.raw) else ()
    if len(parts) == 2 if member else len(parts) > 2:
        return parts[0], member.lower() if member else parts[1]
    where = f"raw/<source>/{file.name}" if member else f"raw/<source>/<table>/{file.name}"
    raise CasebookError(
        f"its folders do not say which table it is of: it is not at {where}",
        file=file,
        fix=f"put it there ({settings.raw} is the raw folder, --raw names another), or give"
        " --table SOURCE.TABLE",
    )


def path_values(settings: Settings, files: Sequence[Path]) -> list[str]:
    """Names for the folders between a table's own and its files, all below the raw folder."""
    folders = [file.absolute().relative_to(settings.raw).parts[2:-1] for file in files]
    named = [folder.partition("=")[0] if "=" in folder else "" for folder in folders[0]]
    return [
        name if NAME.fullmatch(name) else f"folder_{place}"
        for place, name in enumerate(named[: min(map(len, folders))], start=1)
    ]
