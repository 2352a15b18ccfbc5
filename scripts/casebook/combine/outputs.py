"""The folder of outputs of `casebook combine`: `<subfolder>.json.gz` and `.rejected.jsonl`.

An output is made in `.casebook-combine/work` there, and renamed to its place when it is whole. Of
what lies in the folder, only what combine wrote, as its beginning shows, is replaced or removed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from isal import isal_zlib

from casebook.combine.workers import Converted
from casebook.errors import CasebookError

ENDINGS = OUTPUT, REJECTED = (".json.gz", ".rejected.jsonl")
# Of a gzip file, without a time, by the name of which combine knows its own. A comment would say it
# better, but DuckDB reads no file with one.
_HEADER = b"\x1f\x8b\x08\x08\0\0\0\0\0\xffcasebook combine\0"
_LAST_BLOCK = b"\x03\0"
# With which a line of rejects begins.
_REJECT_START = b'{"source_file": '


@contextmanager
def hold(out: Path, raw: Path) -> Iterator[Path]:
    """Keep other combines out of a folder of outputs; gives a folder in it to work in.

    Raises:
        CasebookError: if another one works there, or it is another raw folder's, or it cannot be
            written to.
    """
    home, fix = out / ".casebook-combine", "name another folder, or delete this one"
    works, mine = home / "work", os.fsencode(raw.resolve())
    try:
        works.mkdir(parents=True, exist_ok=True)
        with (home / "raw").open("ab+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lock.seek(0)
            if (known := lock.read() or mine) != mine:
                reason = f"it holds what was combined from {os.fsdecode(known)}"
                raise CasebookError(reason, file=out, fix=fix)
            lock.truncate(0)
            lock.write(mine)
            # Left by a killed combine, whose workers may still be writing there.
            shutil.rmtree(works, ignore_errors=True)
            works.mkdir(exist_ok=True)
            try:
                yield Path(tempfile.mkdtemp(dir=works))
            finally:
                shutil.rmtree(works, ignore_errors=True)
    except BlockingIOError as error:
        reason = "another `casebook combine` writes there now"
        raise CasebookError(reason, file=out, fix=fix) from error
    except OSError as error:
        reason = f"it cannot be written to: {error.strerror}"
        raise CasebookError(reason, file=error.filename or out, fix=fix) from error


def publish(out: Path, subfolder: str, files: Sequence[Converted], work: Path) -> int:
    """Write a subfolder's outputs from what its files became; returns the first one's size.

    Raises:
        CasebookError: if a file that combine has not written stands in their place.
        OSError: if they cannot be written.
    """
    places = [out / (subfolder + ending) for ending in ENDINGS]
    for place in places:
        if os.path.lexists(place) and not _is_ours(place):
            reason, fix = "combine has not written this file", "move it, or name another folder"
            raise CasebookError(reason, file=place, fix=fix)
    whole = [work / ending for ending in ENDINGS]
    crc = size = 0
    with whole[0].open("wb") as records, whole[1].open("wb") as rejects:
        records.write(_HEADER)
        for file in files:
            _move(Path(file.part), records)
            _move(Path(f"{file.part}{REJECTED}"), rejects)
            crc = isal_zlib.crc32_combine(crc, file.crc, file.text_bytes)
            size = (size + file.text_bytes) % (1 << 32)
        records.write(_LAST_BLOCK + crc.to_bytes(4, "little") + size.to_bytes(4, "little"))
        for written in (records, rejects):
            written.flush()
            os.fsync(written.fileno())
    if whole[1].stat().st_size:
        whole[1].replace(places[1])
    else:
        places[1].unlink(missing_ok=True)
    return whole[0].replace(places[0]).stat().st_size


def remove_others(out: Path, kept: Container[str]) -> list[tuple[str, Path]]:
    """Remove the outputs of all but some subfolders; returns the subfolder and the file of each."""
    found = [(path.name.removesuffix(end), path) for end in ENDINGS for path in out.glob(f"*{end}")]
    ours = [(name, path) for name, path in sorted(found) if name not in kept and _is_ours(path)]
    for _, path in ours:
        path.unlink()
    return ours


def _is_ours(place: Path) -> bool:
    try:
        with place.open("rb") as file:
            return file.read(len(_HEADER)).startswith((_HEADER, _REJECT_START))
    except OSError:
        return False


def _move(path: Path, file: BinaryIO) -> None:
    """Write a file behind what another one has, and remove it."""
    with path.open("rb") as part:
        shutil.copyfileobj(part, file, 1 << 18)
    path.unlink()
