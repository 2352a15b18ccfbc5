"""The lake's layout: where landed files, quarantine and ledger lie, and how they are committed.

    lake/<source>/<table>/<raw path, encoded>/<sha256>-<loaded at>.parquet      landed records
    lake/_rejected/<source>/<table>/<raw path, encoded>/<same name>.parquet     quarantined records
    lake/_ledger/<source>/<table>/<raw path, encoded>/~entry.json               one per raw file
    lake/_fetch/                                                      what `casebook fetch` knows

The raw path stands in the landed file's own path, so that a view can say for every record which
raw file it came from without that text standing in every row.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from casebook.errors import CasebookError
from casebook.files import MAX_NAME, write_json
from casebook.lake.ledger import Damaged, LedgerEntry, read_entry, write_entry
from casebook.lake.locks import Locks

LEDGER = "_ledger"
REJECTED = "_rejected"
FETCH = "_fetch"
MARK = "_lake.json"
# Spark takes names that begin with _ or . for hidden, and no encoded raw path begins with ~.
ENTRY = "~entry.json"
OLD_ENTRY = "_entry.json"  # in lakes of before, which Spark could not read
MAX_PATH = 3000

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_. ")


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


class Lake(Locks):
    """One lake folder.

    Args:
        root: the lake's folder; made when something is first written.
    """

    @property
    def fetch_folder(self) -> Path:
        """Where `casebook fetch` keeps what it knows of the places that deliveries come from."""
        return self.root / FETCH

    def entry_path(self, source: str, table: str, source_file: str) -> Path:
        """Where the ledger entry of a raw file is.

        A path that no folder can be named after (`fits`) has its entry under the path's hash.
        """
        digest = hashlib.sha256(os.fsencode(source_file)).hexdigest
        name = encode(source_file) if fits(source_file) else f"~{digest()}"
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
            Damaged: if the entry cannot be read.
        """
        return read_entry(self.entry_path(source, table, source_file))

    def entries(self, damaged: Callable[[Damaged], None] | None = None) -> list[LedgerEntry]:
        """All ledger entries, in file order: by source file in byte order, then table.

        Args:
            damaged: is given what is wrong with an entry that cannot be read.

        Raises:
            CasebookError: for an entry that cannot be read, without `damaged`.
        """
        found = []
        for path in (self.root / LEDGER).rglob(ENTRY):
            try:
                found.append(read_entry(path))
            except Damaged as error:
                if damaged is None:
                    raise CasebookError(
                        str(error), fix="run `casebook load`: it lands the raw file again"
                    ) from error
                damaged(error)
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
        write_entry(path, entry, durably=durably)

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

    def hash_of(self, files: Iterable[str]) -> str:
        """SHA-256 of some files, paths under the lake, one after another.

        Raises:
            OSError: if one cannot be read.
        """
        digest = hashlib.sha256()
        for name in files:
            with (self.root / name).open("rb") as file:
                while piece := file.read(1 << 20):
                    digest.update(piece)
        return digest.hexdigest()

    def parquet_files(self, source: str, table: str, source_file: str) -> list[str]:
        """All landed and quarantine files of a raw file, replaced ones too, as paths under the
        lake.
        """
        if not fits(source_file):
            return []
        folders = (
            self.landed_folder(source, table, source_file),
            self.rejected_folder(source, table, source_file),
        )
        found = (path for folder in folders for path in folder.glob("*.parquet"))
        return [path.relative_to(self.root).as_posix() for path in found]

    def sweep(self, entry: LedgerEntry) -> None:
        """Delete what an entry does not name: left by killed loaders, or replaced long ago."""
        kept = {*entry.files, *(old["file"] for old in entry.replaced_files)}
        keys = (entry.source_name, entry.table_name, entry.source_file)
        for name in self.parquet_files(*keys):
            if name not in kept:
                (self.root / name).unlink(missing_ok=True)

    def raw_folder(self) -> Path | None:
        """The raw folder that the lake was loaded from, or None if nothing was loaded yet.

        Raises:
            CasebookError: if what the lake remembers cannot be read.
        """
        known = self._mark().get("raw")
        return None if known is None else Path(known)

    def check_raw_folder(self, raw: Path) -> None:
        """Remember the raw folder on the first load; refuse another one later.

        Raises:
            CasebookError: if the lake was loaded from another raw folder.
        """
        with self.file_lock(MARK):
            mark, resolved = self._mark(), str(raw.resolve())
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

    def _mark(self) -> dict[str, str]:
        path = self.root / MARK
        try:
            content = json.loads(path.read_bytes())
            if not isinstance(content, dict) or not isinstance(content["raw"], str):
                raise ValueError("it names no raw folder")
        except FileNotFoundError:
            return {}
        except (ValueError, LookupError) as error:
            raise CasebookError(
                f"it cannot be read: {error}",
                file=path,
                fix="delete it: the next `casebook load` writes it anew",
            ) from error
        return content
