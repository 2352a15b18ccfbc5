"""What lies in the raw folder: the files of each declared table, and what no source declares."""

from __future__ import annotations

import os
import shutil
import stat
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile, ZipInfo

from casebook.errors import CasebookError, Refused
from casebook.files import check_file, name_below, status_below, why_unreadable
from casebook.lake.ledger import Key
from casebook.readers.archives import CHUNK, COMPRESSIONS, refused
from casebook.readers.sqlite_file import (
    find_table,
    is_database,
    is_sidecar,
    no_such_table,
    table_names,
)
from casebook.sources import Table

_BAD_ZIP = (BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error)


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
    archived: ZipInfo | None = None

    @property
    def key(self) -> Key:
        """Source, table and path: what the ledger has it under."""
        return self.table.source, self.table.name, self.source_file

    def status(self) -> tuple[int, int]:
        """Its size in bytes, and its modification time in nanoseconds since 1970."""
        status = self.path.stat()
        size = self.archived.file_size if self.archived else status.st_size
        return size, status.st_mtime_ns

    def seen(self) -> tuple[int, int]:
        """Its status, or zeros where that cannot be told."""
        try:
            return self.status()
        except OSError:
            return 0, 0

    def delivered(self, folder: Path) -> Path:
        """The file to read: a copy in a folder, under its own name, of a member of an archive.

        Raises Refused if the member is damaged, or larger than what is free on the disk.
        """
        if self.archived is None:
            return self.path
        size = self.archived.file_size
        if size > shutil.disk_usage(folder).free:
            raise Refused(f"it takes {size:,} bytes unpacked, more than the disk has free")
        target = folder / Path(self.archived.filename).name
        with (
            _opened(self.path) as archive,
            archive.open(self.archived) as packed,
            target.open("wb") as file,
        ):
            shutil.copyfileobj(packed, file, CHUNK)
        return target


@contextmanager
def _opened(path: Path) -> Iterator[ZipFile]:
    """An archive; whatever is wrong with it is a refusal."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise refused(error) from error
    try:
        with file, ZipFile(file) as archive:
            yield archive
    except _BAD_ZIP as error:
        raise Refused(f"the archive is damaged ({error}); have it delivered again") from error


@dataclass(frozen=True)
class Found:
    """What `find_files` saw.

    Attributes:
        files: the files of declared tables, by `source_file` in byte order.
        undeclared: folders, files and tables of databases that no declaration covers, and dot
            files, as paths under the raw folder; folders end in `/`.
    """

    files: list[RawFile]
    undeclared: list[str]


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
        fix = "put files into raw/<source>/<table>/, or name the folder with --raw or CASEBOOK_RAW"
        raise CasebookError("there is no such raw folder", file=raw, fix=fix)
    try:
        found = list(_things(raw, tables, whole))
    except OSError as error:
        reason = f"the folder cannot be listed: {error.strerror}"
        raise CasebookError(reason, file=error.filename, fix="mend its permissions") from error
    files = _checked(thing for thing in found if isinstance(thing, RawFile))
    return Found(
        sorted(files, key=lambda file: os.fsencode(file.source_file)),
        sorted(thing for thing in found if isinstance(thing, str)),
    )


def _checked(files: Iterable[RawFile]) -> Iterator[RawFile]:
    """Each name once, as of two things neither is read; a snapshot's table has no other files."""
    named: dict[str, RawFile] = {}
    for file in files:
        if file.source_file in named:
            file = replace(file, refusal="another file goes by the same name; rename one of them")
        named[file.source_file] = file
    for name, file in named.items():
        snapshot = file.table.snapshot
        if snapshot in named and name != snapshot:
            takes = "and takes no other files; remove this one"
            file = replace(file, refusal=f"its table has a snapshot, {snapshot}, {takes}")
        yield file


def _things(raw: Path, tables: Sequence[Table], whole: bool) -> Iterator[RawFile | str]:
    """All that lies in the raw folder: files of tables, and names of what is undeclared."""
    sources = {table.source: raw / table.source for table in tables}
    folders = {raw / table.source / table.name: table for table in tables}
    databases = {source: set(_databases(folder)) for source, folder in sources.items()}
    for folder, table in folders.items():
        if os.path.lexists(folder):
            yield from _in_folder(folder, raw, table)
    for source, paths in databases.items():
        for path in paths:
            yield from _in_database(path, raw, [t for t in tables if t.source == source], whole)
    for first in raw.iterdir() if whole else ():
        if first.name not in sources:
            yield _shown(raw, first)
        elif first.is_dir():
            known = databases[first.name] | folders.keys()
            yield from (_shown(raw, second) for second in first.iterdir() if second not in known)


def _in_folder(
    path: Path, raw: Path, table: Table, above: tuple[tuple[int, int], ...] = ()
) -> Iterator[RawFile | str]:
    """A file, or all in a folder; `above` are device and inode of the folders above."""
    try:
        status = status_below(path, raw)
        if not stat.S_ISDIR(status.st_mode):
            yield from _file(path, status, raw, table)
            return
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            raise OSError("a symbolic link that leads back to a folder around it")
        children = list(path.iterdir())
    except (OSError, RuntimeError) as error:
        yield RawFile(path, name_below(raw, path), table, why_unreadable(error))
        return
    for child in children:
        if child.name.startswith(".") or is_sidecar(child.name):
            yield _shown(raw, child)
        else:
            yield from _in_folder(child, raw, table, (*above, identity))


def _file(path: Path, status: os.stat_result, raw: Path, table: Table) -> Iterator[RawFile | str]:
    """A file in a declared table's folder: of a database its table, of an archive all files."""
    name, member = name_below(raw, path), None
    refusal = check_file(path, status) or _lacks_folders(path, raw, table)
    try:
        if path.suffix.lower() == ".zip" and not refusal:
            yield from _members(path, name, table)
            return
        if is_database(path.name) and not refusal:
            names = table_names(path)
            member = find_table(names, *table.names)
            yield from (f"{name}#{other}" for other in names if other != member)
            refusal = None if member else no_such_table(table.name, names)
    except Refused as reason:
        refusal = str(reason)
    if is_database(path.name):
        name = f"{name}#{table.name}"
    yield RawFile(path, name, table, refusal, member)


def _members(path: Path, name: str, table: Table) -> Iterator[RawFile | str]:
    """The files in an archive; those that are hidden, or that macOS adds, are undeclared."""
    with _opened(path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
    if not members:
        raise Refused("the archive holds no files")
    for member in members:
        full_name, refusal = f"{name}#{member.filename}", None
        *folders, last = member.filename.split("/")
        parts = [*(part for part in folders if part not in (".", "..")), last]
        if parts[0] == "__MACOSX" or any(part.startswith(".") for part in parts):
            yield full_name
            continue
        if member.flag_bits & 1:
            refusal = "it is encrypted; have it delivered without a password"
        elif is_database(member.filename) or member.filename.lower().endswith(".zip"):
            refusal = "it is not read from an archive; deliver it unpacked"
        yield RawFile(path, full_name, table, refusal, archived=member)


def _databases(folder: Path) -> Iterator[Path]:
    """The databases that lie in a source's own folder, packed ones too."""
    for path in folder.iterdir() if folder.is_dir() else ():
        unpacked = path.stem if path.suffix.lower() in COMPRESSIONS else path.name
        if is_database(unpacked) and not path.name.startswith(".") and not path.is_dir():
            yield path


def _in_database(
    path: Path, raw: Path, tables: Sequence[Table], whole: bool
) -> Iterator[RawFile | str]:
    """The declared tables of a source's database, or the database where it cannot be read."""
    name = name_below(raw, path)
    try:
        if refusal := check_file(path, status_below(path, raw)):
            raise Refused(refusal)
        if not is_database(path.name):
            raise Refused("a database is not read from an archive; deliver it unpacked")
        names = table_names(path)
    except (OSError, RuntimeError, Refused) as error:
        reason = str(error) if isinstance(error, Refused) else why_unreadable(error)
        yield RawFile(path, name, Table(tables[0].source, PurePosixPath(name).stem, ()), reason)
        return
    others = set(names)
    for table in tables:
        if member := find_table(names, *table.names):
            others.discard(member)
            refusal = _lacks_folders(path, raw, table)
            yield RawFile(path, f"{name}#{table.name}", table, refusal, member)
    if whole and len(others) == len(names):
        has, wanted = ", ".join(names) or "none", ", ".join(table.name for table in tables)
        yield f"{name} (its tables: {has}; declared: {wanted})"
    elif whole:
        yield from (f"{name}#{other}" for other in others)


def _lacks_folders(path: Path, raw: Path, table: Table) -> str | None:
    """Why a file is refused that lies in too few folders to carry the declared values, or None."""
    home = raw / table.source / table.name
    folders = len(path.relative_to(home).parts) - 1 if path.is_relative_to(home) else 0
    if folders >= len(table.path_values):
        return None
    missing = table.path_values[max(0, folders)]
    place = "/".join(["raw", table.source, table.name, *(f"<{v}>" for v in table.path_values)])
    return f"it lies in no folder that says its {missing}; put it into {place}/"


def _shown(raw: Path, path: Path) -> str:
    return name_below(raw, path) + ("/" if path.is_dir() else "")
