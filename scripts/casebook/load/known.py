"""What is known of a raw file before it is read: whether there is anything to do about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from casebook.errors import Refused
from casebook.lake.layout import Lake, fits
from casebook.lake.ledger import Damaged, LedgerEntry, read_corrections
from casebook.load.discover import RawFile
from casebook.load.report import Options
from casebook.readers.archives import refused

KEEP_REPLACED = timedelta(days=1)


class Shrunk(Refused):
    """The file has fewer bytes than when it was landed."""


@dataclass(frozen=True)
class Known:
    """What the ledger and the lake have of a raw file.

    Attributes:
        stored: its entry, if there is one that can be read.
        landed: its entry, if all files that it names are there.
        why_again: why it must be landed again even if it has not changed, or None.
        stop: why the lake's part of it must not be touched, or None.
        corrections: records that were corrected by hand.
        replaced: files that a build may be reading, once the file is landed again.
    """

    stored: LedgerEntry | None = None
    landed: LedgerEntry | None = None
    why_again: str | None = None
    stop: str | None = None
    corrections: list[dict[str, Any]] = field(default_factory=list)
    replaced: list[dict[str, str]] = field(default_factory=list)


def look_up(file: RawFile, lake: Lake, *, verify: bool) -> Known:
    """Look a raw file, whose lock is held, up in the lake; `verify` hashes its landed files."""
    path = lake.entry_path(*file.key)
    try:
        stored = lake.read_entry(*file.key)
        if stored is None:
            return Known(corrections=read_corrections(path))
    except Damaged as damaged:
        try:
            corrections = read_corrections(path)
        except Damaged as also:
            return Known(stop=f"{also}; put it back from a backup, or delete it")
        left = [replaced_now(name) for name in lake.parquet_files(*file.key)]
        return Known(why_again=str(damaged), corrections=corrections, replaced=left)
    known = Known(stored, corrections=stored.corrections)
    if stored.landed_file is None:
        return known
    left = stored.replaced_files + [replaced_now(name) for name in stored.files]
    if why := lake.why_damaged(stored, by_hash=False):
        return replace(known, why_again=why, replaced=left)
    why = lake.why_damaged(stored) if verify else None
    return replace(known, landed=stored, why_again=why, replaced=left)


def unchanged(
    file: RawFile, known: Known, options: Options, hashed: Callable[[], str]
) -> LedgerEntry | None:
    """The entry of a file whose bytes and declaration are those that were landed, or None.

    `hashed` gives the SHA-256 of its bytes; raises Refused if it cannot be landed, whatever is in
    it.
    """
    landed = known.landed
    if reason := file.refusal or known.stop:
        raise Refused(reason)
    if not fits(file.source_file):
        raise Refused("its path is too long for the lake; shorten its names to 80 characters")
    try:
        size, modified = file.status()
    except OSError as error:
        raise refused(error) from error
    if landed is None:
        return None
    may_shrink = options.allow_shrink or file.source_file == file.table.snapshot
    if size < landed.size_bytes and not may_shrink:
        raise Shrunk(
            f"it has shrunk from {landed.size_bytes:,} to {size:,} bytes; what was"
            " landed is kept; if that is right, load it with --allow-shrink"
        )
    if size != landed.size_bytes or landed.declaration != file.table.declaration:
        return None
    is_touched = options.verify or modified != landed.modified_ns
    if known.why_again or (is_touched and hashed() != landed.file_hash):
        return None
    return replace(landed, state="unchanged", modified_ns=modified, refusal=None)


def needs_nothing(file: RawFile, known: LedgerEntry, lake: Lake) -> bool:
    """Whether a glance at a raw file and at its entry tells that there is nothing to do."""
    return (
        not file.refusal
        and known.state == "unchanged"
        and known.declaration == file.table.declaration
        and file.seen() == (known.size_bytes, known.modified_ns)
        and not lake.why_damaged(known, by_hash=False)
        and not any(map(is_old, known.replaced_files))
    )


def replaced_now(file: str) -> dict[str, str]:
    """What an entry says of a file, a path under the lake, that is replaced now."""
    return {"file": file, "replaced_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"}


def is_old(replaced: dict[str, str]) -> bool:
    """Whether no build can be reading a replaced file any more."""
    at = datetime.fromisoformat(replaced["replaced_at"]).replace(tzinfo=UTC)
    return datetime.now(UTC) - at > KEEP_REPLACED
