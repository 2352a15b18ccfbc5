"""The folder of outputs of `casebook combine`.

    OUT_DIR/<subfolder>.json.gz              the records
    OUT_DIR/<subfolder>.rejected.jsonl       with --skip-bad: the records that cannot be read
    OUT_DIR/.casebook-combine/written.json   of which raw folder they are, and which files are ours
    OUT_DIR/.casebook-combine/work/          what is not finished yet

An output is renamed to its place when it is whole, and named in `written.json` before that: of what
lies there, only what combine wrote is ever replaced or removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from isal import isal_zlib

from casebook.combine.text import Converted
from casebook.errors import CasebookError
from casebook.files import MAX_NAME, write_json

HOME = ".casebook-combine"
OUTPUT, REJECTED = ".json.gz", ".rejected.jsonl"
# Of a gzip file, without time and name.
_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
_LAST_BLOCK = b"\x03\0"


class Outputs:
    """The folder `folder` of outputs for the raw folder `raw`."""

    def __init__(self, folder: Path, raw: Path) -> None:
        self._folder, self._raw, self._home = folder, raw.resolve(), folder / HOME
        self._work = self._home
        self._written: set[str] = set()

    @contextlib.contextmanager
    def hold(self) -> Iterator[Path]:
        """Keep other combines out; gives a new folder for what is not finished.

        Raises:
            CasebookError: if another one works there, the outputs of another raw folder are there,
                or it cannot be written to.
        """
        works = self._home / "work"
        try:
            works.mkdir(parents=True, exist_ok=True)
            with (self._home / "lock").open("w") as lock:
                self._lock(lock.fileno())
                self._recall()
                # Left by a killed combine, whose workers may still be writing there.
                shutil.rmtree(works, ignore_errors=True)
                works.mkdir(exist_ok=True)
                self._work = Path(tempfile.mkdtemp(dir=works))
                try:
                    yield self._work
                finally:
                    shutil.rmtree(works, ignore_errors=True)
        except OSError as error:
            fix = "make room, correct its permissions, or name another folder"
            reason, file = f"it cannot be written to: {error.strerror}", error.filename
            raise CasebookError(reason, file=file or self._folder, fix=fix) from error

    def _lock(self, file: int) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            reason = "another `casebook combine` writes there now"
            fix = "wait until it has ended, or name another folder"
            raise CasebookError(reason, file=self._folder, fix=fix) from error

    def _recall(self) -> None:
        """Read which files are ours."""
        known = self._home / "written.json"
        try:
            content = json.loads(known.read_bytes()) if known.exists() else {"raw": str(self._raw)}
            raw, self._written = content["raw"], set(content.get("written", ()))
        except (ValueError, KeyError, TypeError) as error:
            reason = f"which files combine wrote there is not known: {error}"
            fix = f"delete {self._folder}, or name another folder"
            raise CasebookError(reason, file=known, fix=fix) from error
        if raw != str(self._raw):
            reason = f"it holds what was combined from {raw}, not from {self._raw}"
            fix = "name another folder for this one's outputs, or delete it"
            raise CasebookError(reason, file=self._folder, fix=fix)

    def claim(self, subfolders: Iterable[str]) -> dict[str, CasebookError]:
        """Note that the outputs of subfolders are about to be written.

        Returns:
            Those for which that cannot be, with the reason: no file can be named after it, or one
            that combine has not written stands in its place.
        """
        refused = {}
        for subfolder in subfolders:
            names = {subfolder + OUTPUT, subfolder + REJECTED}
            taken = [self._folder / name for name in names - self._written]
            taken = list(filter(os.path.lexists, taken))
            if why := _unfit(subfolder):
                reason = f"no output can be named after it: its name is {why}"
                file = os.fsencode(self._raw / subfolder).decode("utf-8", "backslashreplace")
                refused[subfolder] = CasebookError(reason, file=file, fix="rename it")
            elif taken:
                reason = "combine has not written this file, and leaves it"
                fix = "move it, or name another folder"
                refused[subfolder] = CasebookError(reason, file=taken[0], fix=fix)
            else:
                self._written |= names
        self._note()
        return refused

    def publish(self, subfolder: str, parts: list[tuple[Path, Converted]]) -> int:
        """Write a subfolder's outputs from what its files became; returns the first one's size."""
        output, rejected = self._work / OUTPUT, self._work / REJECTED
        crc = size = 0
        with output.open("wb") as records, rejected.open("wb") as rejects:
            records.write(_HEADER)
            for part, done in parts:
                _move(part, records)
                _move(Path(f"{part}{REJECTED}"), rejects)
                crc = isal_zlib.crc32_combine(crc, done.crc, done.text_bytes)
                size = (size + done.text_bytes) % (1 << 32)
            records.write(_LAST_BLOCK + crc.to_bytes(4, "little") + size.to_bytes(4, "little"))
            for file in (records, rejects):
                file.flush()
                os.fsync(file.fileno())
        place = self._folder / (subfolder + REJECTED)
        if rejected.stat().st_size:
            rejected.replace(place)
        else:
            place.unlink(missing_ok=True)
        return output.replace(self._folder / (subfolder + OUTPUT)).stat().st_size

    def discard(self, subfolder: str) -> None:
        """Remove what an earlier combine has written for a subfolder."""
        for name in {subfolder + OUTPUT, subfolder + REJECTED} & self._written:
            (self._folder / name).unlink(missing_ok=True)

    def discard_others(self, subfolders: Iterable[str]) -> list[str]:
        """Remove the outputs of subfolders that are gone; returns the files' names."""
        kept = {name + end for name in subfolders for end in (OUTPUT, REJECTED)}
        written = [name for name in self._written if os.path.lexists(self._folder / name)]
        removed = sorted(set(written) - kept)
        for name in removed:
            (self._folder / name).unlink()
        self._written = set(written) & kept
        self._note()
        return removed

    def _note(self) -> None:
        written = {"raw": str(self._raw), "written": sorted(self._written)}
        write_json(self._home / "written.json", written)


def _unfit(subfolder: str) -> str:
    """Why no file can be named after a subfolder; empty where one can."""
    try:
        return "too long" if len((subfolder + REJECTED).encode("utf-8")) > MAX_NAME else ""
    except UnicodeEncodeError:
        return "not UTF-8"


def _move(path: Path, file: BinaryIO) -> None:
    """Write a file behind what another one has, and remove it."""
    with path.open("rb") as part:
        shutil.copyfileobj(part, file, 1 << 18)
    path.unlink()
