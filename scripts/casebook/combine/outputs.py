"""The folder of outputs of `casebook combine`.

    OUT_DIR/<subfolder>.json.gz              the records
    OUT_DIR/<subfolder>.rejected.jsonl       with --skip-bad: the records that cannot be read
    OUT_DIR/.casebook-combine/written.json   of which raw folder they are, and which files are ours
    OUT_DIR/.casebook-combine/work/          what is not finished yet

An output is made below `work/` and renamed when it is whole. It is named in `written.json` before
that, so that of what lies there, only what combine wrote is ever replaced or removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from casebook.errors import CasebookError
from casebook.files import MAX_NAME, write_json

HOME = ".casebook-combine"
OUTPUT = ".json.gz"
REJECTED = ".rejected.jsonl"


class Outputs:
    """An OUT_DIR, held by one combine at a time.

    Args:
        folder: the OUT_DIR; made when it is needed.
        raw: the raw folder.
    """

    def __init__(self, folder: Path, raw: Path) -> None:
        self._folder, self._raw = folder, raw.resolve()
        self._home = folder / HOME
        # Not that of a killed combine, whose workers may still be writing.
        self.work = self._home / "work" / f"{os.getpid()}-{time.time_ns()}"
        self._written: set[str] = set()

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Keep other combines out, and begin with nothing that is left of killed ones.

        Raises:
            CasebookError: if another one works there, the outputs of another raw folder are there,
                or it cannot be written to.
        """
        try:
            self._home.mkdir(parents=True, exist_ok=True)
            with (self._home / "lock").open("w") as lock:
                self._lock(lock.fileno())
                self._remember()
                shutil.rmtree(self.work.parent, ignore_errors=True)
                self.work.mkdir(parents=True)
                try:
                    yield
                finally:
                    shutil.rmtree(self.work.parent, ignore_errors=True)
        except OSError as error:
            raise CasebookError(
                f"it cannot be written to: {error.strerror}",
                file=error.filename or self._folder,
                fix="make room, mend its permissions, or name another folder",
            ) from error

    def _lock(self, file: int) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CasebookError(
                "another `casebook combine` writes there now",
                file=self._folder,
                fix="wait until it has ended, or name another folder",
            ) from error

    def _remember(self) -> None:
        """Read which files are ours; the first combine decides of which raw folder they are."""
        known = self._home / "written.json"
        if known.exists():
            try:
                content = json.loads(known.read_bytes())
                raw, self._written = content["raw"], set(content["written"])
            except (ValueError, KeyError, TypeError) as error:
                raise CasebookError(
                    f"what combine wrote there cannot be told: {error}",
                    file=known,
                    fix=f"delete {self._folder}, or name another folder",
                ) from error
            if raw != str(self._raw):
                raise CasebookError(
                    f"it holds what was combined from {raw}, not from {self._raw}",
                    file=self._folder,
                    fix="name another folder for this one's outputs, or delete it",
                )

    def claim(self, subfolders: Iterable[str]) -> dict[str, CasebookError]:
        """Note that the outputs of subfolders are about to be written.

        Returns:
            The subfolders for which that cannot be, as a file stands in the place of an output that
            combine has not written, with the reason.
        """
        refused = {}
        claimed = set(self._written)
        for subfolder in subfolders:
            names = (subfolder + OUTPUT, subfolder + REJECTED)
            if why := _unfit(subfolder):
                refused[subfolder] = CasebookError(
                    f"no output can be named after it: its name is {why}",
                    file=self._raw / os.fsencode(subfolder).decode("utf-8", "backslashreplace"),
                    fix="rename it",
                )
                continue
            for name in names:
                if name not in self._written and os.path.lexists(self._folder / name):
                    refused[subfolder] = CasebookError(
                        "combine has not written this file, and leaves it",
                        file=self._folder / name,
                        fix="move it, or name another folder",
                    )
            if subfolder not in refused:
                claimed.update(names)
        if claimed != self._written:
            self._written = claimed
            self._note()
        return refused

    def publish(self, subfolder: str, output: Path, rejected: Path | None) -> None:
        """Move a subfolder's finished outputs to their places.

        Args:
            subfolder: the subfolder.
            output: the file of records, below `work`.
            rejected: the file of those that cannot be read; None where there are none.
        """
        place = self._folder / (subfolder + REJECTED)
        if rejected is None:
            place.unlink(missing_ok=True)
        else:
            rejected.replace(place)
        output.replace(self._folder / (subfolder + OUTPUT))

    def discard(self, subfolder: str) -> None:
        """Remove what an earlier combine has written for a subfolder."""
        for name in {subfolder + OUTPUT, subfolder + REJECTED} & self._written:
            (self._folder / name).unlink(missing_ok=True)

    def discard_others(self, subfolders: set[str]) -> list[str]:
        """Remove the outputs of subfolders that are gone; returns the files' names."""
        kept = {name + end for name in subfolders for end in (OUTPUT, REJECTED)}
        removed = []
        for name in sorted(self._written - kept):
            if os.path.lexists(self._folder / name):
                (self._folder / name).unlink()
                removed.append(name)
        self._written = {name for name in self._written if os.path.lexists(self._folder / name)}
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
