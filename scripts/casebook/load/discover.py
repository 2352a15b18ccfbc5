"""What lies in the raw folder: the files of each declared table, and what no source declares."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from casebook.errors import CasebookError, Refused
from casebook.files import check_file, name_below, status_below, why_unreadable
from casebook.load import zipped
from casebook.readers.archives import COMPRESSIONS
from casebook.readers.sqlite_file import (
    find_table,
    is_database,
    is_sidecar,
    no_such_table,
    table_names,
)
from casebook.sources import Table


@dataclass(frozen=True)
class RawFile:
    """One thing in a declared table's folder, or a declared table in a database.

    Attributes:
        path: where it is.
        source_file: its path under the raw folder, with `/`; bytes that are not UTF-8 as `\\xNN`;
            for a table in a database path, `#`, the table's declared name; for a member of a zip
            archive path, `#`, the member's name.
        table: the declared table that it belongs to; for a source's database that cannot be read,
            a table without columns, named after the file.
        refusal: why it cannot be read whatever is in it, or None.
        member: the table in the file, as the database spells it, else None.
        archived: the member of a zip archive that it is, else None.
    """

    path: Path
    source_file: str
    table: Table
    refusal: str | None = None
    member: str | None = None
    archived: zipfile.ZipInfo | None = None

    def status(self) -> tuple[int, int]:
        """Its size in bytes, and its modification time in nanoseconds since 1970.

        Raises:
            OSError: if they cannot be had.
        """
        status = self.path.stat()
        size = self.archived.file_size if self.archived else status.st_size
        return size, status.st_mtime_ns


@dataclass
class Found:
    """What `find_files` saw.

    Attributes:
        files: the files of declared tables, by `source_file` in byte order.
        undeclared: folders, files and tables of databases that no declaration covers, and dot
            files, as paths under the raw folder; folders end in `/`.
    """

    files: list[RawFile] = field(default_factory=list)
    undeclared: list[str] = field(default_factory=list)


def choose_tables(declared: dict[str, Table], chosen: Sequence[str]) -> list[Table]:
    """The declared tables that `SOURCE` or `SOURCE.TABLE` filters name; all where there are none.

    Raises:
        CasebookError: for a filter that names no declared table.
    """
    for name in chosen:
        if not any(name in (table.source, table.full_name) for table in declared.values()):
            raise CasebookError(
                f"no source declares {name}",
                fix="name one of these: " + (", ".join(sorted(declared)) or "none is declared"),
            )
    return [
        table
        for table in declared.values()
        if not chosen or table.source in chosen or table.full_name in chosen
    ]


def find_files(raw: Path, tables: Sequence[Table], *, whole: bool) -> Found:
    """Look through the raw folder.

    Args:
        raw: the raw folder.
        tables: the tables whose files are wanted.
        whole: whether `tables` are all that is declared, so that anything else is undeclared.

    Raises:
        CasebookError: if the raw folder is missing or cannot be listed.
    """
    if not raw.is_dir():
        raise CasebookError(
            "there is no such raw folder",
            file=raw,
            fix="put files into raw/<source>/<table>/, or name the folder with --raw or"
            " CASEBOOK_RAW",
        )
    try:
        return _find_files(raw, tables, whole)
    except OSError as error:
        raise CasebookError(
            f"the folder cannot be listed: {error.strerror}",
            file=error.filename,
            fix="mend its permissions",
        ) from error


def _find_files(raw: Path, tables: Sequence[Table], whole: bool) -> Found:
    found = Found()
    for table in tables:
        folder = raw / table.source / table.name
        if os.path.lexists(folder):
            _look(folder, raw, table, found, ())
    for source in sorted({table.source for table in tables}):
        of_source = [table for table in tables if table.source == source]
        for path in _databases(raw / source):
            _look_into(path, raw, of_source, found, whole)
    if whole:
        found.undeclared += _undeclared(raw, tables)
    found.files = sorted(_checked(found.files), key=lambda file: os.fsencode(file.source_file))
    found.undeclared.sort()
    return found


def _checked(files: list[RawFile]) -> list[RawFile]:
    """Each name once: where two things go by the same, neither is read. And a table that has a
    snapshot takes nothing else.
    """
    named: dict[str, RawFile] = {}
    for file in files:
        if file.source_file in named:
            file = replace(file, refusal="another file goes by the same name; rename one of them")
        named[file.source_file] = file
    for name, file in named.items():
        snapshot = file.table.snapshot
        if snapshot in named and name != snapshot:
            reason = (
                f"its table has a snapshot, {snapshot}, and takes no other files; remove this one"
            )
            named[name] = replace(file, refusal=reason)
    return list(named.values())


def _look(
    path: Path, raw: Path, table: Table, found: Found, above: tuple[tuple[int, int], ...]
) -> None:
    """Add a file, or all files of a folder; `above` are device and inode of the folders above."""
    name = name_below(raw, path)
    try:
        status = status_below(path, raw)
        if not stat.S_ISDIR(status.st_mode):
            _add_file(path, status, raw, table, found)
            return
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            raise OSError("a symbolic link that leads back to a folder around it")
        children = list(path.iterdir())
    except (OSError, RuntimeError) as error:
        found.files.append(RawFile(path, name, table, why_unreadable(error)))
        return
    for child in children:
        if child.name.startswith(".") or is_sidecar(child.name):
            found.undeclared.append(_with_slash(raw, child))
        else:
            _look(child, raw, table, found, (*above, identity))


def _add_file(path: Path, status: os.stat_result, raw: Path, table: Table, found: Found) -> None:
    """Add a file in a declared table's folder: of a database its table, of an archive all files."""
    name = name_below(raw, path)
    refusal = check_file(path, status) or _lacks_folders(path, raw, table)
    is_zip, member = path.suffix.lower() == ".zip", None
    try:
        if is_zip and not refusal:
            _add_members(path, name, table, found)
            return
        if is_database(path.name):
            names = [] if refusal else table_names(path)
            member = delivered_table(names, table)
            found.undeclared += [f"{name}#{other}" for other in names if other != member]
            if member is None and not refusal:
                refusal = no_such_table(table.name, names)
    except Refused as reason:
        refusal = str(reason)
    if is_database(path.name):
        name = f"{name}#{table.name}"
    found.files.append(RawFile(path, name, table, refusal, member))


def _add_members(path: Path, name: str, table: Table, found: Found) -> None:
    for member in zipped.members(path):
        full_name = f"{name}#{member.filename}"
        if zipped.is_hidden(member):
            found.undeclared.append(full_name)
        else:
            refusal = zipped.why_refused(member)
            found.files.append(RawFile(path, full_name, table, refusal, archived=member))


def delivered_table(names: Sequence[str], table: Table) -> str | None:
    """The one of a database's tables that is a declared one: by its name, then by its aliases."""
    found = (find_table(names, name) for name in table.names)
    return next((name for name in found if name is not None), None)


def _databases(folder: Path) -> Iterator[Path]:
    """The databases that lie in a source's own folder, packed ones too."""
    if folder.is_dir():
        for path in folder.iterdir():
            unpacked = path.stem if path.suffix.lower() in COMPRESSIONS else path.name
            if is_database(unpacked) and not path.name.startswith(".") and not path.is_dir():
                yield path


def _look_into(path: Path, raw: Path, tables: Sequence[Table], found: Found, whole: bool) -> None:
    """Add the declared tables of a source's database, or the database where it cannot be read."""
    name = name_below(raw, path)
    try:
        if refusal := check_file(path, status_below(path, raw)):
            raise Refused(refusal)
        if not is_database(path.name):
            raise Refused("a database is not read from an archive; deliver it unpacked")
        names = table_names(path)
    except (OSError, RuntimeError, Refused) as error:
        reason = str(error) if isinstance(error, Refused) else why_unreadable(error)
        table = Table(tables[0].source, PurePosixPath(name).stem, ())
        found.files.append(RawFile(path, name, table, reason))
        return
    delivered = {table.name: delivered_table(names, table) for table in tables}
    for table in tables:
        if (member := delivered[table.name]) is not None:
            refusal = _lacks_folders(path, raw, table)
            file = RawFile(path, f"{name}#{table.name}", table, refusal, member)
            found.files.append(file)
    others = [other for other in names if other not in delivered.values()]
    if whole and len(others) == len(names):
        has = ", ".join(names) or "none"
        wanted = ", ".join(table.name for table in tables)
        found.undeclared.append(f"{name} (its tables: {has}; declared: {wanted})")
    elif whole:
        found.undeclared += [f"{name}#{other}" for other in others]


def _lacks_folders(path: Path, raw: Path, table: Table) -> str | None:
    """The reason to refuse a file that lies in too few folders to carry the declared values."""
    home = raw / table.source / table.name
    folders = len(path.relative_to(home).parts) - 1 if path.is_relative_to(home) else 0
    if folders >= len(table.path_values):
        return None
    missing = table.path_values[max(0, folders)]
    place = "/".join(["raw", table.source, table.name, *(f"<{v}>" for v in table.path_values)])
    return f"it lies in no folder that says its {missing}; put it into {place}/"


def _undeclared(raw: Path, tables: Sequence[Table]) -> Iterator[str]:
    sources = {table.source for table in tables}
    folders = {(table.source, table.name) for table in tables}
    for first in raw.iterdir():
        if first.name not in sources:
            yield _with_slash(raw, first)
        elif first.is_dir():
            databases = set(_databases(first))
            for second in first.iterdir():
                if (first.name, second.name) not in folders and second not in databases:
                    yield _with_slash(raw, second)


def _with_slash(raw: Path, path: Path) -> str:
    return name_below(raw, path) + ("/" if path.is_dir() else "")
