"""The way of one raw file into the lake, from top to bottom.

known?     what the ledger and the lake have of it
read       its reader lands its records, and puts what it cannot read into quarantine
decode     columns that are declared to be decoded
measure    its size, hashes and count, in a pass of its own beside the reader
check      whether the counts come out, and enough of it could be read
place      landed and quarantine file get their names
commit     the ledger entry
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from casebook.errors import Refused
from casebook.lake.layout import Lake, landed_name
from casebook.lake.ledger import LedgerEntry
from casebook.lake.quarantine import Quarantine
from casebook.load.again import reapply_corrections
from casebook.load.decode import decode_columns
from casebook.load.discover import RawFile
from casebook.load.known import Known, Shrunk, is_old, look_up, unchanged
from casebook.load.measure import hash_file
from casebook.load.report import FileResult
from casebook.load.worker import Worker, failures_told_apart
from casebook.readers.archives import refused
from casebook.readers.base import Measured, Raw, Reading, Workspace
from casebook.readers.choose import find_reader, read

ATTEMPTS = 3
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9_./ -]+")


def land(file: RawFile, size: int, worker: Worker) -> FileResult:
    """Land a raw file if need be, and bring its ledger entry up to date, under its lock.

    `size` is that in bytes, as progress was told of it.
    """
    lake, options = worker.lake, worker.options
    worker.unread = size
    with lake.file_lock(file.source_file):
        known = look_up(file, lake, verify=options.verify)

        def hashed() -> str:
            return hash_file(_delivered(file, worker), worker.read)

        try:
            entry = unchanged(file, known, options, hashed) or _land(file, known, worker)
        except Refused as refusal:
            worker.mend_connection(refusal)
            entry = _refused(file, known, refusal)
        if not entry.refusal or known.stored or not (known.why_again or known.stop):
            _commit(lake, entry, known)
    return FileResult(entry, known.why_again)


def _land(file: RawFile, known: Known, worker: Worker) -> LedgerEntry:
    """Read a file that does not change meanwhile, and put what came of it into its place."""
    for _ in range(ATTEMPTS):
        try:
            return _land_once(file, known, worker)
        except _Changed:
            continue
    raise Refused(
        f"it changed {ATTEMPTS} times while it was read; load it when its delivery is complete"
    )


def _land_once(file: RawFile, known: Known, worker: Worker) -> LedgerEntry:
    identity = _identity(file)
    path, folder = _delivered(file, worker), worker.empty_folder("file")
    reader, compression = find_reader(path, file.table)
    prefix = known.landed.size_bytes if known.landed else None
    measuring = worker.measure(path, identity, compression, prefix, reader.counter)
    quarantine = Quarantine(folder / "quarantine.jsonl")
    workspace = Workspace(worker.connection, folder, folder / "landed.parquet", quarantine)
    raw = Raw(_plainly_named(path, folder), compression, file.table, measuring.result, file.member)
    rejected = folder / "rejected.parquet"
    try:
        with failures_told_apart(measuring.result):
            reading = read(reader, raw, workspace)
            decode_columns(workspace.connection, folder, workspace.landed, file.table)
            measured = measuring.result()
            written = quarantine.write(
                workspace.connection, rejected, file.source_file, measured.file_hash
            )
    finally:
        measuring.exception()
        if _identity(file) != identity:
            raise _Changed
    _check_counts(reading, written, quarantine.count)
    entry = _entry(file, known, reader.format, measured, reading)
    with failures_told_apart(measuring.result):
        attempt = reapply_corrections(entry, rejected, file.table, worker)
    _check_shares(attempt.entry, file, known)
    left = attempt.left if attempt.landed else rejected
    _place(worker.lake, attempt.entry, workspace.landed, left, attempt.landed)
    return attempt.entry


def _delivered(file: RawFile, worker: Worker) -> Path:
    return file.delivered(worker.empty_folder("unpacked")) if file.archived else file.path


def _plainly_named(path: Path, folder: Path) -> Path:
    """A path to a raw file in which no character means something in a glob."""
    if _PLAIN_PATH.fullmatch(str(path)):
        return path
    link = folder / "raw"
    link.symlink_to(path.absolute())
    return link


def _identity(file: RawFile) -> tuple[int, ...]:
    try:
        status = file.path.stat()
    except OSError as error:
        raise refused(error) from error
    member = file.archived.header_offset if file.archived else -1
    return status.st_dev, status.st_ino, status.st_size, member, status.st_mtime_ns


class _Changed(Exception):
    """The file was changed while it was read."""


def _check_counts(reading: Reading, written: int, quarantined: int) -> None:
    if written != quarantined or reading.records != reading.landed + quarantined:
        raise Refused(
            f"the count does not come out: {reading.records} records, but {reading.landed} landed"
            f" and {written} of {quarantined} quarantined; please report this as a bug"
        )


def _check_shares(entry: LedgerEntry, file: RawFile, known: Known) -> None:
    """Refuse a file of which too little can be read."""
    if entry.records and not entry.landed and known.landed and known.landed.landed:
        raise Refused(
            f"none of its {entry.records:,} records can be read; what was landed of it before is"
            " kept"
        )
    most = file.table.max_bad_share
    if most is not None and entry.quarantined > most * entry.records:
        raise Refused(
            f"{entry.quarantined:,} of its {entry.records:,} records cannot be read, more than the"
            f" share of {most:g} that its table allows (max_bad_share)"
        )


def _entry(
    file: RawFile, known: Known, format_: str, measured: Measured, reading: Reading
) -> LedgerEntry:
    return replace(
        _unread_entry(file),
        format=format_,
        size_bytes=measured.size_bytes,
        file_hash=measured.file_hash,
        content_hash=measured.content_hash,
        state=_state(file, known, measured),
        loaded_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}",
        records=reading.records,
        landed=reading.landed,
        quarantined=reading.records - reading.landed,
        columns_ignored=[_plain(column) for column in reading.columns_ignored],
        notes=[_plain(note) for note in reading.notes],
        layout=reading.layout,
        corrections=known.corrections,
        replaced_files=known.replaced,
    )


def _state(file: RawFile, known: Known, measured: Measured) -> str:
    """What a file that is landed now is, against what was landed of it before."""
    landed = known.landed
    if landed is None:
        return "new"
    if measured.file_hash == landed.file_hash:
        return "redeclared" if landed.declaration != file.table.declaration else "new"
    if measured.size_bytes < landed.size_bytes and file.source_file != file.table.snapshot:
        return "shrunk"
    return "appended" if measured.prefix_hash == landed.file_hash else "amended"


def _refused(file: RawFile, known: Known, refusal: Refused) -> LedgerEntry:
    """The entry of a file that is not landed as it is now: what was landed before stays."""
    return replace(
        known.landed or _unread_entry(file),
        state="shrunk" if isinstance(refusal, Shrunk) else "refused",
        refusal=_plain(str(refusal)),
        corrections=known.corrections,
    )


def _unread_entry(file: RawFile) -> LedgerEntry:
    size, modified = file.seen()
    return LedgerEntry(
        source_file=file.source_file,
        source_name=file.table.source,
        table_name=file.table.name,
        format=file.path.suffix.lower().removeprefix("."),
        size_bytes=size,
        modified_ns=modified,
        file_hash="",
        declaration=file.table.declaration,
        state="refused",
    )


def _plain(text: str) -> str:
    """A text without lone surrogates, which no JSON reader of the ledger would take."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _place(
    lake: Lake, entry: LedgerEntry, landed: Path, rejected: Path | None, replayed: Path | None
) -> None:
    """Put new files into their places, and name them in the entry."""
    name = landed_name(entry.file_hash, datetime.fromisoformat(f"{entry.loaded_at}+00:00"))
    entry.landed_file = lake.place(landed, lake.landed_folder(*entry.key) / name)
    if rejected and rejected.exists():
        entry.rejected_file = lake.place(rejected, lake.rejected_folder(*entry.key) / name)
    if replayed:
        name = landed_name(entry.file_hash, datetime.now(UTC))
        entry.replayed_files = [lake.place(replayed, lake.landed_folder(*entry.key) / name)]
    entry.landed_hash = lake.hash_of(entry.files)


def _commit(lake: Lake, entry: LedgerEntry, known: Known) -> None:
    entry.replaced_files = [old for old in entry.replaced_files if not is_old(old)]
    stored = known.stored
    has_same_files = stored is not None and (
        (entry.files, entry.replaced_files) == (stored.files, stored.replaced_files)
    )
    if entry != stored:
        lake.commit(entry, durably=not has_same_files)
    if not has_same_files:
        lake.sweep(entry)
