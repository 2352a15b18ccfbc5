"""The lake's layout: where landed files, quarantine and ledger lie, and how they are committed.

    lake/<source>/<table>/<raw path, encoded>/<sha256>-<loaded at>.parquet      landed records
    lake/_rejected/<source>/<table>/<raw path, encoded>/<same name>.parquet     quarantined records
    lake/_ledger/<source>/<table>/<raw path, encoded>/~entry.json               one per raw file
    lake/_fetch/                                                      what `casebook fetch` knows

The raw path stands in the landed file's own path, so that a view can say for every record which
raw file it came from without that text standing in every row.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote

from casebook.errors import CasebookError
from casebook.files import MAX_NAME, create, write_json
from casebook.lake.ledger import CORRECTIONS, Damaged, Key, LedgerEntry, read_entry, write_entry
from casebook.settings import MARK, read_mark

LEDGER = "_ledger"
REJECTED = "_rejected"
FETCH = "_fetch"
TEMPORARY = "_tmp"
LOCKS = "_locks"
LOCK = "_lock"
# Spark takes names that begin with _ or . for hidden, and no encoded raw path begins with ~.
ENTRY = "~entry.json"
OLD_ENTRY = "_entry.json"  # in lakes of before, which Spark could not read
MAX_PATH = 3000


@functools.lru_cache(4096)
def encode(path: str) -> str:
    """A raw path as folder names that no reader of the lake takes for anything but names.

    Globs, `key=value` partitions, hidden files (a leading `_` or `.`), `%`, and every character
    that is not a letter, a digit, `-`, `_`, `.` or a blank are written as `%XX`.
    """
    spelled = quote(path, safe="/ ", errors="surrogateescape").replace("~", "%7E")
    return re.sub(r"(^|/)([_. ])", lambda found: f"{found[1]}%{ord(found[2]):02X}", spelled)


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


@dataclass(frozen=True)
class Lake:
    """One lake folder, which is made when something is first written."""

    root: Path

    def entry_path(self, source: str, table: str, source_file: str) -> Path:
        """Where the ledger entry of a raw file is.

        A path that no folder can be named after (`fits`) has its entry under the path's hash.
        """
        name = encode(source_file) if fits(source_file) else f"~{_digest(source_file)}"
        return self.root / LEDGER / source / table / name / ENTRY

    def landed_folder(self, source: str, table: str, source_file: str) -> Path:
        """Where the landed files of a raw file are, the current one and replaced ones."""
        return self.root / source / table / encode(source_file)

    def rejected_folder(self, source: str, table: str, source_file: str) -> Path:
        """Where the quarantine files of a raw file are, the current one and replaced ones."""
        return self.root / REJECTED / source / table / encode(source_file)

    def read_entry(self, source: str, table: str, source_file: str) -> LedgerEntry | None:
        """The ledger entry of a raw file, or None; raises Damaged if it cannot be read."""
        return read_entry(self.entry_path(source, table, source_file))

    def entries(self, damaged: dict[Key, Damaged] | None = None) -> list[LedgerEntry]:
        """All ledger entries, in file order: by source file in byte order, then table.

        `damaged` takes what is wrong with entries that cannot be read; without it, such an entry
        is a CasebookError.
        """
        found = []
        for path in (self.root / LEDGER).rglob(ENTRY):
            try:
                if entry := read_entry(path):
                    found.append(entry)
            except Damaged as error:
                if damaged is None:
                    fix = "run `casebook load`: it lands the raw file again"
                    raise CasebookError(str(error), fix=fix) from error
                source, table, *name = path.parent.relative_to(self.root / LEDGER).parts
                damaged[source, table, decode("/".join(name))] = error
        return sorted(found, key=lambda entry: (os.fsencode(entry.source_file), entry.table_name))

    def commit(self, entry: LedgerEntry, *, durably: bool = True) -> None:
        """Write a ledger entry: from here on the landed file counts.

        Not durably where what it says of landed files stood in the ledger before, so that a crash
        of the machine may undo it.
        """
        write_entry(self.entry_path(*entry.key), entry, durably=durably)

    def forget(self, entry: LedgerEntry) -> None:
        """Remove a ledger entry."""
        self.entry_path(*entry.key).unlink(missing_ok=True)

    def place(self, temporary: Path, target: Path) -> str:
        """Move a finished file to its final name; returns that as a path under the lake."""
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(target)
        return target.relative_to(self.root).as_posix()

    def why_damaged(self, entry: LedgerEntry, *, by_hash: bool = True) -> str | None:
        """What is wrong with the files that an entry names, or None; `by_hash` reads them."""
        if not all((self.root / file).is_file() for file in entry.files):
            return "a landed file of it is missing"
        if not by_hash:
            return None
        if entry.landed_hash is None:
            return "the ledger has no hash of its landed files"
        is_same = self.hash_of(entry.files) == entry.landed_hash
        return None if is_same else "a landed file of it is damaged"

    def hash_of(self, files: Iterable[str]) -> str:
        """SHA-256 of some files, paths under the lake, one after another."""
        digest = hashlib.sha256()
        for name in files:
            with (self.root / name).open("rb") as file:
                while piece := file.read(1 << 20):
                    digest.update(piece)
        return digest.hexdigest()

    def parquet_files(self, source: str, table: str, source_file: str) -> list[str]:
        """All landed and quarantine files of a raw file, replaced ones too, below the lake."""
        if not fits(source_file):
            return []
        key = (source, table, source_file)
        folders = (self.landed_folder(*key), self.rejected_folder(*key))
        found = (path for folder in folders for path in folder.glob("*.parquet"))
        return [path.relative_to(self.root).as_posix() for path in found]

    def sweep(self, entry: LedgerEntry) -> None:
        """Delete what an entry does not name: left by killed loaders, or replaced long ago."""
        kept = {*entry.files, *(old["file"] for old in entry.replaced_files)}
        for name in self.parquet_files(*entry.key):
            if name not in kept:
                (self.root / name).unlink(missing_ok=True)

    def purge(self, current: Container[Key]) -> None:
        """Remove files that were replaced, are of raw files that are gone, or that no entry names.

        To be called while nothing loads or builds. What `casebook fetch` knows of places stays;
        `current` are the raw files that were just loaded.
        """
        kept = {self.root / MARK}
        for known in self.entries({}):
            with self.file_lock(known.source_file):
                entry = self.read_entry(*known.key)
                if entry is None or known.key not in current:
                    self.forget(known)
                    continue
                applied = [correction for correction in entry.corrections if correction["applied"]]
                self.commit(replace(entry, replaced_files=[], corrections=applied))
                path = self.entry_path(*known.key)
                kept |= {path, path.with_name(CORRECTIONS), *(self.root / f for f in entry.files)}
        for folder, _, names in os.walk(self.root, topdown=False):
            place = Path(folder)
            if place.relative_to(self.root).parts[:1] in ((TEMPORARY,), (FETCH,), (LOCKS,)):
                continue
            for name in names:
                if place / name not in kept:
                    (place / name).unlink(missing_ok=True)
            if place != self.root and not any(place.iterdir()):
                place.rmdir()

    def check_raw_folder(self, raw: Path) -> None:
        """Remember the raw folder on the first load; another one later is a CasebookError."""
        with self.file_lock(MARK):
            mark, resolved = read_mark(self.root), str(raw.resolve())
            if mark.get("raw", resolved) != resolved:
                raise CasebookError(
                    f"this lake was loaded from {mark['raw']}, not from {resolved}",
                    file=self.root,
                    fix="give the other raw folder a lake of its own with --lake or CASEBOOK_LAKE,"
                    " or delete this lake to load it anew",
                )
            if mark.get("entry") != ENTRY:
                for entry in list((self.root / LEDGER).rglob(OLD_ENTRY)):
                    entry.rename(entry.with_name(ENTRY))
                write_json(self.root / MARK, {"raw": resolved, "entry": ENTRY})

    @contextlib.contextmanager
    def failures_told(self, command: str, kind: type[Exception] = OSError) -> Iterator[None]:
        """Turn failures of the lake's disk, `OSError` and that, into a CasebookError."""
        try:
            yield
        except (OSError, kind) as error:
            raise CasebookError(
                f"the lake cannot be written or read: {error}",
                file=self.root,
                fix=f"free some space or mend the permissions, then run `casebook {command}` again;"
                " what is landed so far stays",
            ) from error

    @contextlib.contextmanager
    def file_lock(self, source_file: str) -> Iterator[None]:
        """Hold the lock of one raw file, waiting for whoever has it.

        256 lock files stand for all raw files. The system frees a lock when the loader ends,
        however it ends. Whoever holds one must not take another.
        """
        with create(self.root / LOCKS / _digest(source_file)[:2]) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def workspace(self) -> Iterator[Path]:
        """A folder for temporary files, on the lake's own disk and gone when the loader ends."""
        parent = self.root / TEMPORARY
        with self.file_lock(TEMPORARY):
            parent.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=parent))
            lock = (folder / LOCK).open("w")
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            lock.close()

    def remove_abandoned(self) -> None:
        """Remove temporary folders of loaders that were killed: they are no longer locked."""
        parent = self.root / TEMPORARY
        if not parent.is_dir() or not any(parent.iterdir()):
            return
        with self.file_lock(TEMPORARY):
            for folder in parent.iterdir():
                with contextlib.suppress(BlockingIOError):
                    with contextlib.suppress(FileNotFoundError), (folder / LOCK).open() as lock:
                        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)


def _digest(source_file: str) -> str:
    return hashlib.sha256(os.fsencode(source_file)).hexdigest()
