"""Raw files before they are read, and small files that are written as a whole."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

MAX_NAME = 255


def status_below(path: Path, raw: Path) -> os.stat_result:
    """The status of what a path leads to.

    Raises:
        OSError: if that cannot be told, or lies outside the raw folder.
    """
    if path.is_symlink() and not path.resolve().is_relative_to(raw.resolve()):
        raise OSError("a symbolic link that leads out of the raw folder")
    return path.stat()


def why_unreadable(error: Exception) -> str:
    """What an error says of a file or folder, as a reason to refuse it."""
    return f"cannot be read: {getattr(error, 'strerror', None) or error}"


def check_file(path: Path, status: os.stat_result) -> str | None:
    """The reason to refuse a file whatever is in it, or None."""
    if not stat.S_ISREG(status.st_mode):
        return "cannot be read: not a regular file"
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8; rename it"
    return None


def name_below(raw: Path, path: Path) -> str:
    """A path below the raw folder, with `/`; bytes that are not UTF-8 as `\\xNN`."""
    relative = path.relative_to(raw).as_posix()
    return os.fsencode(relative).decode("utf-8", "backslashreplace")


def write_json(path: Path, content: dict[str, Any], *, durably: bool = True) -> None:
    """Write a JSON object, a line for each member, so that a reader sees all of it or nothing.

    Args:
        path: where to write it; whoever calls holds the lock of what it is about.
        content: the object.
        durably: whether it must outlast a crash of the machine right afterwards.
    """
    members = ",\n ".join(f"{json.dumps(key)}: {json.dumps(v)}" for key, v in content.items())
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with _create(temporary) as file:
            file.write(f"{{\n {members}\n}}".encode("ascii"))
            if durably:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _create(path: Path) -> BinaryIO:
    """Open a file for writing, in a folder that is made if need be."""
    try:
        return path.open("wb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")
