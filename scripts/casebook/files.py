"""Raw files before they are read, and small files that are written as a whole."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from pathlib import Path
from typing import Any, BinaryIO

MAX_NAME = 255
# C0 without tab and line feed, delete, C1, and what turns the direction of text around.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def status_below(path: Path, raw: Path) -> os.stat_result:
    """The status of what a path leads to.

    Raises:
        OSError: if that cannot be told, or lies outside the raw folder.
    """
    if path.is_symlink() and not path.resolve().is_relative_to(raw.resolve()):
        raise OSError(errno.ELOOP, "a symbolic link that leads out of the raw folder")
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
        with create(temporary) as file:
            file.write(f"{{\n {members}\n}}".encode("ascii"))
            if durably:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def create(path: Path) -> BinaryIO:
    """Open a file for writing, in a folder that is made if need be."""
    try:
        return path.open("wb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")


def escaped(text: str) -> str:
    """A text with control characters as `\\xNN`, so that no terminal takes it for commands.

    Line ends and tabs stay; so does all that is printed, in any script.
    """
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
