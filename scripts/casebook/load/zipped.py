"""Zip archives: each member is a raw file of its own."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo

from casebook.errors import Refused
from casebook.readers.archives import CHUNK, UNREADABLE, refused
from casebook.readers.sqlite_file import is_database

_DAMAGED = (BadZipFile, NotImplementedError, RuntimeError)


def members(path: Path) -> list[ZipInfo]:
    """The files in an archive.

    Raises:
        Refused: if it cannot be read, or holds no files.
    """
    try:
        with ZipFile(path) as archive:
            found = [member for member in archive.infolist() if not member.is_dir()]
    except _DAMAGED as error:
        raise _refused(error) from error
    except UNREADABLE as error:
        raise refused(error) from error
    if not found:
        raise Refused("the archive holds no files")
    return found


def is_hidden(member: ZipInfo) -> bool:
    """Whether a member is a dot file, or one of those that macOS adds."""
    parts = member.filename.split("/")
    return parts[0] == "__MACOSX" or any(part.startswith(".") for part in parts)


def why_refused(member: ZipInfo) -> str | None:
    """The reason to refuse a member whatever is in it, or None."""
    if member.flag_bits & 1:
        return "it is encrypted; have it delivered without a password"
    if is_database(member.filename) or member.filename.lower().endswith(".zip"):
        return "it is not read from an archive; deliver it unpacked"
    return None


def unpack(path: Path, member: ZipInfo, folder: Path) -> Path:
    """Copy a member into a folder, under the last part of its name.

    Raises:
        Refused: if it is damaged, or larger than what is free on the disk.
        OSError: if it cannot be written.
    """
    if member.file_size > shutil.disk_usage(folder).free:
        raise Refused(f"it takes {member.file_size:,} bytes unpacked, more than the disk has free")
    target = folder / Path(member.filename).name
    try:
        with ZipFile(path) as archive, archive.open(member) as packed, target.open("wb") as file:
            shutil.copyfileobj(packed, file, CHUNK)
    except _DAMAGED as error:
        raise _refused(error) from error
    except (EOFError, zlib.error) as error:
        raise refused(error) from error
    return target


def _refused(error: Exception) -> Refused:
    return Refused(f"the archive is damaged ({error}); have it delivered again")
