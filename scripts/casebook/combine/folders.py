"""What lies in the raw folder of `casebook combine`: its subfolders, and all files in each."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from casebook.errors import CasebookError
from casebook.files import check_file, name_below, status_below, why_unreadable


@dataclass(frozen=True)
class RawFile:
    """A file of a subfolder.

    Attributes:
        path: where it is.
        source_file: its path below the raw folder, with `/`; bytes that are not UTF-8 as `\\xNN`.
        size_bytes: its size.
        refusal: why it cannot be read whatever is in it, or None.
    """

    path: Path
    source_file: str
    size_bytes: int = 0
    refusal: str | None = None


@dataclass
class Subfolder:
    """A subfolder.

    Attributes:
        name: its name.
        files: its files and those of all folders in it, by `source_file` in byte order.
    """

    name: str
    files: list[RawFile] = field(default_factory=list)


@dataclass(frozen=True)
class Found:
    """What `find_subfolders` saw.

    Attributes:
        subfolders: the subfolders, by name in byte order.
        left_alone: what lies in no subfolder, and dot files and folders, as paths below the raw
            folder.
    """

    subfolders: list[Subfolder]
    left_alone: list[str]


def find_subfolders(raw: Path) -> Found:
    """Look through the raw folder.

    Raises:
        CasebookError: if it is missing, cannot be listed, or has no subfolder.
    """
    found = Found([], [])
    try:
        if not raw.is_dir():
            raise CasebookError(
                "there is no such folder", file=raw, fix="name a folder that has subfolders"
            )
        for path in sorted(raw.iterdir(), key=os.fsencode):
            if path.name.startswith(".") or not path.is_dir():
                found.left_alone.append(name_below(raw, path))
            else:
                subfolder = Subfolder(path.name)
                subfolder.files += _look(path, raw, found.left_alone, ())
                subfolder.files.sort(key=lambda file: os.fsencode(file.path))
                found.subfolders.append(subfolder)
    except OSError as error:
        raise CasebookError(
            f"the folder cannot be listed: {error.strerror}", file=raw, fix="mend its permissions"
        ) from error
    if not found.subfolders:
        raise CasebookError(
            "it has no subfolders", file=raw, fix="put files into RAW_DIR/<subfolder>/"
        )
    return found


def _look(
    path: Path, raw: Path, left_alone: list[str], above: tuple[tuple[int, int], ...]
) -> Iterator[RawFile]:
    """A file, or all files of a folder; `above` are device and inode of the folders above."""
    name = name_below(raw, path)
    try:
        status = status_below(path, raw)
        if not stat.S_ISDIR(status.st_mode):
            yield RawFile(path, name, status.st_size, check_file(path, status))
            return
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            raise OSError("a symbolic link that leads back to a folder around it")
        children = list(path.iterdir())
    except (OSError, RuntimeError) as error:
        yield RawFile(path, name, refusal=why_unreadable(error))
        return
    for child in children:
        if child.name.startswith("."):
            left_alone.append(name_below(raw, child))
        else:
            yield from _look(child, raw, left_alone, (*above, identity))
