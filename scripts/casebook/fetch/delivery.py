"""What is fetched: written aside first, and moved into the raw folder when all of it is whole."""

from __future__ import annotations

import contextlib
import fcntl
import filecmp
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from casebook.errors import CasebookError
from casebook.files import write_json
from casebook.sources import Table


@dataclass(frozen=True)
class Delivery:
    """What was fetched for one table.

    Attributes:
        table: the table.
        moves: whole files and where in the raw folder they belong; empty where nothing is new.
        message: what came, in a few words.
        known: what to remember of the place, for the next fetch.
    """

    table: Table
    moves: Sequence[tuple[Path, Path]]
    message: str
    known: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Workplace:
    """Where a source is fetched to, and what is remembered of its places, `lake/_fetch/<source>/`.

    Attributes:
        raw: the raw folder.
        folder: the source's folder of the lake.
        progress: gets a table's name, how much has come, and its unit, `bytes` or `rows`.
        allow_empty: whether a table without rows is taken even where there were some.
    """

    raw: Path
    folder: Path
    progress: Callable[[str, int, str], None]
    allow_empty: bool

    @contextlib.contextmanager
    def only_fetch(self) -> Iterator[None]:
        """Keep other fetches of the source out, and end what a killed one began.

        Raises:
            CasebookError: if one is running.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise CasebookError(
                    f"another fetch of {self.folder.name} is running", fix="wait until it has ended"
                ) from error
            self._finish()
            yield

    def target(self, table: Table, name: str) -> Path:
        """Where a file of a table belongs."""
        return self.raw / table.source / table.name / name

    def known(self, table: Table) -> dict[str, Any]:
        """What is remembered of a table's place."""
        return dict(_read(self.folder / "known.json").get(table.name, {}))

    def take(self, deliveries: Sequence[Delivery]) -> None:
        """Move what was fetched into the raw folder; if that is killed, the next fetch ends it.

        Raises:
            OSError: if the raw folder cannot be written.
        """
        moves = {str(s): str(t) for delivery in deliveries for s, t in delivery.moves}
        write_json(self.folder / "moves.json", moves)
        self._finish()
        known = _read(self.folder / "known.json")
        known |= {d.table.name: d.known for d in deliveries if d.known}
        write_json(self.folder / "known.json", known)

    def _finish(self) -> None:
        moves = self.folder / "moves.json"
        for staged, target in _read(moves).items():
            if Path(staged).exists():
                _move(Path(staged), Path(target))
        moves.unlink(missing_ok=True)


def is_same(path: Path, other: Path) -> bool:
    """Whether two files have the same bytes; false where the other one is missing."""
    return other.is_file() and filecmp.cmp(path, other, shallow=False)


def _move(staged: Path, target: Path) -> None:
    """Rename a file, by way of a copy where the lake is on another disk than the raw folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = staged
    if staged.stat().st_dev != target.parent.stat().st_dev:
        beside = target.with_name(f".{target.name}.tmp")
        shutil.copyfile(staged, beside)
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    beside.replace(target)
    staged.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any]:
    """What is remembered; nothing where that is damaged, so that it is fetched once more."""
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
