"""The folder of outputs: `<subfolder>.json.gz`, and `.rejected.jsonl` for records put aside.

An output is made in a folder of `.casebook-combine` there, and renamed to its place when it is
whole. Only what combine wrote, as its beginning shows, is replaced or removed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import tempfile
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from isal import isal_zlib

from casebook.errors import CasebookError

_ENDINGS = (".json.gz", ".rejected.jsonl")
# Of a gzip file, without a time, by the name of which combine knows its own. A comment would say it
# better, but DuckDB reads no file with one.
_HEADER = b"\x1f\x8b\x08\x08\0\0\0\0\0\xffcasebook combine\0"
_LAST_BLOCK = b"\x03\0"
_REJECT_START = b'{"source_file":'


@dataclass
class Converted:
    """What became of a file: where its records are, how many, their text's size and CRC-32."""

    part: str
    records: int = 0
    rejected: int = 0
    text_bytes: int = 0
    crc: int = 0


@dataclass(frozen=True)
class Combined:
    """An output: its subfolder, files, records, rejected records, and its size in bytes."""

    subfolder: str
    files: int
    records: int
    rejected: int
    size_bytes: int


@contextmanager
def hold(out: Path, raw: Path) -> Iterator[Path]:
    """Keep other combines out of a folder of outputs; gives a folder in it to work in.

    Raises:
        CasebookError: if another one works there, or it is another raw folder's, or it cannot be
            written to.
    """
    home, mine = out / ".casebook-combine", os.fsencode(raw.resolve())
    fix = "name another folder, or delete this one"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with (home / "raw").open("ab+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lock.seek(0)
            if (known := lock.read() or mine) != mine:
                reason = f"it holds what was combined from {os.fsdecode(known)}"
                raise CasebookError(reason, file=out, fix=fix)
            lock.truncate(0)
            lock.write(mine)
            # Left by a killed combine, whose workers may still be writing there.
            for left in home.glob("work*"):
                shutil.rmtree(left, ignore_errors=True)
            with tempfile.TemporaryDirectory("", "work", home, ignore_cleanup_errors=True) as work:
                yield Path(work)
    except OSError as error:
        reason = f"it cannot be written to: {error.strerror}"
        if isinstance(error, BlockingIOError):
            reason = "another `casebook combine` writes there now"
        raise CasebookError(reason, file=error.filename or out, fix=fix) from error


def publish(out: Path, subfolder: str, files: Sequence[Converted], work: Path) -> Combined:
    """Write a subfolder's outputs from what its files became.

    Raises:
        CasebookError: if they cannot be written, or a file that combine has not written stands in
            their place.
    """
    places, made = ([at / f"{subfolder}{end}" for end in _ENDINGS] for at in (out, work))
    for place in places:
        if os.path.lexists(place) and not _is_ours(place):
            reason, fix = "combine has not written this file", "move it, or name another folder"
            raise CasebookError(reason, file=place, fix=fix)
    crc, size = 0, sum(file.text_bytes for file in files)
    for file in files:
        crc = isal_zlib.crc32_combine(crc, file.crc, file.text_bytes)
    trailer = _LAST_BLOCK + struct.pack("<II", crc, size % (1 << 32))
    try:
        _join(made[0], [file.part for file in files], _HEADER, trailer)
        _join(made[1], [f"{file.part}{_ENDINGS[1]}" for file in files])
        if made[1].stat().st_size:
            made[1].replace(places[1])
        else:
            places[1].unlink(missing_ok=True)
        size_bytes = made[0].replace(places[0]).stat().st_size
    except OSError as error:
        reason, fix = f"its output cannot be written: {error.strerror}", "rename it, or make room"
        raise CasebookError(reason, file=subfolder, fix=fix) from error
    records, rejected = sum(file.records for file in files), sum(file.rejected for file in files)
    return Combined(subfolder, len(files), records, rejected, size_bytes)


def remove_others(out: Path, kept: Container[str]) -> list[tuple[str, Path]]:
    """Remove the outputs of all but some subfolders; returns the subfolder and the file of each."""
    found = sorted(
        (path.name.removesuffix(end), path) for end in _ENDINGS for path in out.glob(f"*{end}")
    )
    ours = [(name, path) for name, path in found if name not in kept and _is_ours(path)]
    for _, path in ours:
        path.unlink()
    return ours


def _is_ours(place: Path) -> bool:
    try:
        with place.open("rb") as file:
            return file.read(len(_HEADER)).startswith((_HEADER, _REJECT_START))
    except OSError:
        return False


def _join(path: Path, parts: Iterable[str], start: bytes = b"", end: bytes = b"") -> None:
    """Write files one after the other into one, and remove them."""
    with path.open("wb") as file:
        file.write(start)
        for part in map(Path, parts):
            with part.open("rb") as read:
                shutil.copyfileobj(read, file, 1 << 18)
            part.unlink()
        file.write(end)
        file.flush()
        os.fsync(file.fileno())
