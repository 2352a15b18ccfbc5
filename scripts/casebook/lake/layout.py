"""The lake's layout: where landed files, quarantine and ledger lie, and how they are committed.

    lake/<source>/<table>/<raw path, encoded>/<sha256>-<loaded at>.parquet      landed records
    lake/_rejected/<source>/<table>/<raw path, encoded>/<same name>.parquet     quarantined records
    lake/_ledger/<source>/<table>/<raw path, encoded>/~entry.json               one per raw file

The raw path stands in the landed file's own path, so that a view can say for every record which
raw file it came from without that text standing in every row.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import hashlib
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from casebook.errors import CasebookError
from casebook.files import MAX_NAME, write_json

LEDGER = "_ledger"
REJECTED = "_rejected"
TEMPORARY = "_tmp"
LOCK = "_lock"
MARK = "_lake.json"
# Spark takes names that begin with _ or . for hidden, and no encoded raw path begins with ~.
ENTRY = "~entry.json"
OLD_ENTRY = "_entry.json"  # in lakes of before, which Spark could not read
MAX_PATH = 3000

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_. ")


@dataclass
class LedgerEntry:
    """What the ledger says of one raw file (for SQLite: of one table in it).

    Attributes:
        source_file: path under `raw/`, with `/`; for SQLite path, `#`, table.
        source_name: the dbt source.
        table_name: the dbt source table.
        format: the reader that read it, such as `json_lines`.
        size_bytes: size of the raw file.
        modified_ns: its modification time, in nanoseconds since 1970.
        file_hash: SHA-256 of its bytes, as hex digits.
        declaration: hash of the declaration that it was read with (`Table.declaration`).
        state: what the file was on the last run: new, unchanged, amended, …
        loaded_at: UTC time at which it was landed, `YYYY-MM-DDTHH:MM:SS.ffffff`.
        records: records in the file, counted independently of the reader where that is possible.
        landed: records in `landed_file`.
        quarantined: records in `rejected_file`.
        columns_ignored: columns of the file that the source does not declare.
        landed_file: path under the lake, or None where nothing was landed.
        rejected_file: path under the lake, or None where nothing was quarantined.
        replaced_files: earlier landed and rejected files, with the time at which they were
            replaced; kept until no build can be reading them.
        refusal: why the file as it is now was not landed, or None.
        layout: what the reader must know to read one of its records by itself (`Reading.layout`).
        replayed_files: landed files beside `landed_file` with the records that `casebook replay`
            has landed since, as paths under the lake; `landed` counts them too.
        corrections: records corrected by hand: `record`, `raw_hash` (SHA-256 of the quarantined
            bytes), `text` (what to read instead) and `applied` (whether it stands in a landed
            file now). They are applied again when the file is landed again and the same bytes are
            quarantined under the same number.
    """

    source_file: str
    source_name: str
    table_name: str
    format: str
    size_bytes: int
    modified_ns: int
    file_hash: str
    declaration: str
    state: str
    loaded_at: str | None = None
    records: int = 0
    landed: int = 0
    quarantined: int = 0
    columns_ignored: list[str] = field(default_factory=list)
    landed_file: str | None = None
    rejected_file: str | None = None
    replaced_files: list[dict[str, str]] = field(default_factory=list)
    refusal: str | None = None
    layout: dict[str, Any] = field(default_factory=dict)
    replayed_files: list[str] = field(default_factory=list)
    corrections: list[dict[str, Any]] = field(default_factory=list)

    @property
    def full_table_name(self) -> str:
        """`source.table`, as it is given on the command line."""
        return f"{self.source_name}.{self.table_name}"

    @property
    def files(self) -> list[str]:
        """All landed and quarantine files that count now, as paths under the lake."""
        files = [self.landed_file, self.rejected_file, *self.replayed_files]
        return [file for file in files if file]


@functools.lru_cache(4096)
def encode(path: str) -> str:
    """A raw path as folder names that no reader of the lake takes for anything but names.

    Globs, `key=value` partitions, hidden files (a leading `_` or `.`), `%`, and every character
    that is not a letter, a digit, `-`, `_`, `.` or a blank are written as `%XX`.
    """

    def segment(name: str) -> str:
        spelled = "".join(
            c if c in _PLAIN else "".join(f"%{b:02X}" for b in c.encode("utf-8", "surrogateescape"))
            for c in name
        )
        return f"%{ord(name[0]):02X}{spelled[1:]}" if name[:1] in ("_", ".", " ") else spelled

    return "/".join(segment(name) for name in path.split("/"))


def decode(path: str) -> str:
    """The raw path that `encode` was given."""
    return unquote(path, errors="surrogateescape")


def fits(path: str) -> bool:
    """Whether folders can be named after a raw path: file systems allow 255 bytes a name."""
    encoded = encode(path)
    return len(encoded) <= MAX_PATH and all(len(n) <= MAX_NAME for n in encoded.split("/"))


def landed_name(file_hash: str, loaded_at: datetime) -> str:
    """Name of a landed file: hash of the raw bytes, and time of landing to the microsecond.

    Always 64 + 1 + 21 characters and `.parquet`, so that SQL can take it apart by position.
    """
    return f"{file_hash}-{loaded_at.astimezone(UTC):%Y%m%dT%H%M%S%f}.parquet"


class Lake:
    """One lake folder.

    Args:
        root: the lake's folder; made when something is first written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock_file: int | None = None
        self._one_thread = threading.RLock()

    def entry_path(self, source: str, table: str, source_file: str) -> Path:
        """Where the ledger entry of a raw file is.

        A path that no folder can be named after (`fits`) has its entry under the path's hash.
        """
        name = encode(source_file) if fits(source_file) else f"~{_digest(source_file).hex()}"
        return self.root / LEDGER / source / table / name / ENTRY

    def landed_folder(self, source: str, table: str, source_file: str) -> Path:
        """Where the landed files of a raw file are, the current one and replaced ones."""
        return self.root / source / table / encode(source_file)

    def rejected_folder(self, source: str, table: str, source_file: str) -> Path:
        """Where the quarantine files of a raw file are, the current one and replaced ones."""
        return self.root / REJECTED / source / table / encode(source_file)

    def read_entry(self, source: str, table: str, source_file: str) -> LedgerEntry | None:
        """The ledger entry of a raw file, or None if it was never loaded.

        Raises:
            CasebookError: if the entry cannot be read.
        """
        return _read_entry(self.entry_path(source, table, source_file))

    def entries(self) -> list[LedgerEntry]:
        """All ledger entries, in file order: by source file in byte order, then table."""
        found = [_read_entry(path) for path in (self.root / LEDGER).rglob(ENTRY)]
        return sorted(
            (entry for entry in found if entry is not None),
            key=lambda e: (os.fsencode(e.source_file), e.table_name),
        )

    def commit(self, entry: LedgerEntry, *, durably: bool = True) -> None:
        """Write a ledger entry: from here on the landed file counts.

        Args:
            entry: the entry.
            durably: False where what it says of landed files stood in the ledger before, so that
                a crash of the machine may undo it.
        """
        path = self.entry_path(entry.source_name, entry.table_name, entry.source_file)
        write_json(path, vars(entry), durably=durably)

    def forget(self, entry: LedgerEntry) -> None:
        """Remove a ledger entry."""
        keys = (entry.source_name, entry.table_name, entry.source_file)
        self.entry_path(*keys).unlink(missing_ok=True)

    def place(self, temporary: Path, target: Path) -> str:
        """Move a finished file to its final name; returns that as a path under the lake."""
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        try:
            temporary.replace(target)
        except FileNotFoundError:
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.replace(target)
        return target.relative_to(self.root).as_posix()

    def sweep(self, entry: LedgerEntry) -> None:
        """Delete what an entry does not name: left by killed loaders, or replaced long ago."""
        if not fits(entry.source_file):
            return
        keys = (entry.source_name, entry.table_name, entry.source_file)
        kept = {*entry.files, *(old["file"] for old in entry.replaced_files)}
        for folder in (self.landed_folder(*keys), self.rejected_folder(*keys)):
            for path in folder.glob("*.parquet"):
                if path.relative_to(self.root).as_posix() not in kept:
                    path.unlink(missing_ok=True)

    def check_raw_folder(self, raw: Path) -> None:
        """Remember the raw folder on the first load; refuse another one later.

        Raises:
            CasebookError: if the lake was loaded from another raw folder.
        """
        with self.file_lock(MARK):
            self._check_raw_folder(raw)

    def _check_raw_folder(self, raw: Path) -> None:
        mark = self.root / MARK
        if mark.is_file():
            said = json.loads(mark.read_text(encoding="utf-8"))
            known = said["raw"]
            if known != str(raw.resolve()):
                raise CasebookError(
                    f"this lake was loaded from {known}, not from {raw.resolve()}",
                    file=self.root,
                    fix="give the other raw folder a lake of its own with --lake or CASEBOOK_LAKE,"
                    " or delete this lake to load it anew",
                )
            if said.get("entry") == ENTRY:
                return
            for entry in list((self.root / LEDGER).rglob(OLD_ENTRY)):
                entry.rename(entry.with_name(ENTRY))
        write_json(mark, {"raw": str(raw.resolve()), "entry": ENTRY})

    @contextlib.contextmanager
    def file_lock(self, source_file: str) -> Iterator[None]:
        """Hold the lock of one raw file, waiting for a loader that has it.

        One byte of the lake's lock file stands for each raw file; the system frees it when the
        loader ends, however it ends. It keeps out other processes, not threads of this one.
        """
        with self._one_thread:
            if self._lock_file is None:
                self.root.mkdir(parents=True, exist_ok=True)
                self._lock_file = os.open(self.root / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        place = int.from_bytes(_digest(source_file)[:7], "big")
        _wait_for_lock(self._lock_file, place)
        try:
            yield
        finally:
            fcntl.lockf(self._lock_file, fcntl.LOCK_UN, 1, place)

    def remove_abandoned(self) -> None:
        """Remove temporary folders of loaders that were killed: they are no longer locked."""
        parent = self.root / TEMPORARY
        if parent.is_dir() and any(parent.iterdir()):
            with self._one_thread, self.file_lock(TEMPORARY):
                for folder in parent.iterdir():
                    _remove_if_abandoned(folder)

    @contextlib.contextmanager
    def workspace(self) -> Iterator[Path]:
        """A folder for temporary files, on the lake's own disk and gone when the loader ends."""
        parent = self.root / TEMPORARY
        with self._one_thread, self.file_lock(TEMPORARY):
            parent.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=parent))
            lock = (folder / LOCK).open("w")
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            lock.close()


def _digest(source_file: str) -> bytes:
    return hashlib.sha256(os.fsencode(source_file)).digest()


def _wait_for_lock(file: int, place: int) -> None:
    """Lock one byte of a file.

    Where several threads of two loaders wait for each other's locks, the system may take that for
    a deadlock, as it does not tell threads apart. It is none: no thread holds one lock of a raw
    file while it waits for another.
    """
    while True:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX, 1, place)
        except OSError as error:
            if error.errno != errno.EDEADLK:
                raise
            time.sleep(0.01)
        else:
            return


def _remove_if_abandoned(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError), (folder / LOCK).open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
    shutil.rmtree(folder, ignore_errors=True)


_FIELDS = frozenset(f.name for f in fields(LedgerEntry))


def _read_entry(path: Path) -> LedgerEntry | None:
    try:
        content = json.loads(path.read_bytes())
        return LedgerEntry(**{key: value for key, value in content.items() if key in _FIELDS})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, AttributeError) as error:
        raise CasebookError(
            f"the ledger entry cannot be read: {error}",
            file=path,
            fix="delete it: the next `casebook load` lands its raw file again",
        ) from error
