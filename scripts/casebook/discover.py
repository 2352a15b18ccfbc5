"""What lies in the raw folder: the files of each declared table, and what no source declares."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from casebook.errors import CasebookError
from casebook.sources import Table


@dataclass(frozen=True)
class RawFile:
    """One thing in a declared table's folder.

    Attributes:
        path: where it is.
        source_file: its path under the raw folder, with `/`; bytes that are not UTF-8 as `\\xNN`.
        table: the declared table that it belongs to.
        refusal: why it cannot be read whatever is in it, or None.
        member: the table in the file, where a file holds several (SQLite), else None.
    """

    path: Path
    source_file: str
    table: Table
    refusal: str | None = None
    member: str | None = None


@dataclass
class Found:
    """What `find_files` saw.

    Attributes:
        files: the files of declared tables, by `source_file` in byte order.
        undeclared: folders and files that no declaration covers and dot files, as paths under the
            raw folder; folders end in `/`.
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
    found = Found()
    for table in tables:
        folder = raw / table.source / table.name
        if os.path.lexists(folder):
            _look(folder, raw, table, found, ())
    if whole:
        found.undeclared += _undeclared(raw, tables)
    found.files.sort(key=lambda file: os.fsencode(file.source_file))
    found.undeclared.sort()
    return found


def _look(
    path: Path, raw: Path, table: Table, found: Found, above: tuple[tuple[int, int], ...]
) -> None:
    """Add a file, or all files of a folder; `above` are device and inode of the folders above."""
    name = _under(raw, path)
    try:
        if path.is_symlink() and not path.resolve().is_relative_to(raw.resolve()):
            raise OSError("a symbolic link that leads out of the raw folder")
        status = path.stat()
        if not stat.S_ISDIR(status.st_mode):
            found.files.append(RawFile(path, name, table, _refusal(path, status)))
            return
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            raise OSError("a symbolic link that leads back to a folder around it")
        children = list(path.iterdir())
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        found.files.append(RawFile(path, name, table, f"cannot be read: {reason}"))
        return
    for child in children:
        if child.name.startswith("."):
            found.undeclared.append(_with_slash(raw, child))
        else:
            _look(child, raw, table, found, (*above, identity))


def _refusal(path: Path, status: os.stat_result) -> str | None:
    if not stat.S_ISREG(status.st_mode):
        return "cannot be read: not a regular file"
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8; rename it"
    return None


def _undeclared(raw: Path, tables: Sequence[Table]) -> Iterator[str]:
    sources = {table.source for table in tables}
    folders = {(table.source, table.name) for table in tables}
    for first in raw.iterdir():
        if first.name not in sources:
            yield _with_slash(raw, first)
        elif first.is_dir():
            for second in first.iterdir():
                if (first.name, second.name) not in folders:
                    yield _with_slash(raw, second)


def _with_slash(raw: Path, path: Path) -> str:
    return _under(raw, path) + ("/" if path.is_dir() else "")


def _under(raw: Path, path: Path) -> str:
    relative = path.relative_to(raw).as_posix()
    return os.fsencode(relative).decode("utf-8", "backslashreplace")
