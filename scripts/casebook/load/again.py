"""Quarantined records of one raw file read again, as they stand or as they were corrected."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from casebook.errors import Refused
from casebook.lake.ledger import LedgerEntry
from casebook.lake.quarantine import Quarantine
from casebook.load.decode import decode_columns
from casebook.load.worker import Worker
from casebook.readers.base import RECORD_COLUMN, Text, Workspace
from casebook.readers.choose import reader_of
from casebook.sources import Table
from casebook.sql import quote_text

MAX_CORRECTIONS_BYTES = 8 << 20
NONE = "(select null as source_file, null as record, null as line, null as text)"
_BATCH_RECORDS = 2048
_BATCH_BYTES = 4 << 20


@dataclass(frozen=True)
class Attempt:
    """What came of the quarantined records of one raw file.

    Attributes:
        entry: its ledger entry with the new counts; the one given where nothing was landed.
        landed: the Parquet file of those that were landed, or None where none was.
        left: the Parquet file of those that stay in quarantine, or None where none does.
        failures: what is wrong with corrections that do not help.
    """

    entry: LedgerEntry
    landed: Path | None = None
    left: Path | None = None
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Row:
    """A quarantined record; the text to read instead of it, or None, and the line that gives it."""

    record: int
    first_line: int
    raw: bytes
    raw_hash: str
    line: int | None
    text: str | None


def reapply_corrections(
    entry: LedgerEntry, quarantine: Path, table: Table, worker: Worker
) -> Attempt:
    """Apply the corrections of a raw file again that is being landed again.

    A correction counts where the same bytes are quarantined under the same number; the others stay
    remembered. `entry` is the new one, with the corrections of the old one; arguments and errors
    are those of `try_again` else.
    """
    entry = replace(entry, corrections=[{**c, "applied": False} for c in entry.corrections])
    if not entry.corrections or not entry.quarantined:
        return Attempt(entry)
    return try_again(entry, quarantine, table, worker, only="where text is not null")


def try_again(
    entry: LedgerEntry,
    quarantine: Path,
    table: Table,
    worker: Worker,
    given: str = NONE,
    only: str = "",
) -> Attempt:
    """Read quarantined records of one raw file again, and land those that can be read now.

    They go into a landed file of their own beside the others; what cannot be read goes as it was
    into a new quarantine file. Neither counts before the entry is committed. Read is what `given`,
    a relation of the worker's connection, has for a record, or else what the entry remembers, or
    else what is in quarantine.

    Raises:
        Refused: if no reader reads the format, or the count of records does not come out.
        OSError: if the lake cannot be read or written.
    """
    reader, connection = reader_of(entry.format), worker.connection
    folder, work = worker.empty_folder("again"), worker.empty_folder("work")
    refusals = Quarantine(folder / "refusals")
    parts: list[Path] = []
    tried: list[int] = []
    corrected: dict[int, _Row] = {}
    for batch in _batches(entry, quarantine, worker, given, only):
        corrected |= {row.record: row for row in batch if row.text is not None}
        texts = [
            Text(row.record, row.first_line, row.raw if row.text is None else row.text.encode())
            for row in batch
        ]
        tried += [text.number for text in texts]
        parts.append(folder / f"{len(parts)}.parquet")
        reader.again(table, Workspace(connection, work, parts[-1], refusals), entry.layout, texts)
    if not parts:
        return Attempt(entry)
    landed, left, refused = (folder / f"{name}.parquet" for name in ("landed", "left", "refused"))
    files = ", ".join(map(quote_text, parts))
    count = _copy(worker, f"from read_parquet([{files}]) order by {RECORD_COLUMN}", landed)
    refusals.write(connection, refused, entry.source_file, entry.file_hash)
    reasons = _check_numbers(worker, landed, refused, tried)
    failures = [
        ("" if row.line is None else f"line {row.line}: ")
        + f"{entry.source_file}: record {record}: still cannot be read: {reasons[record]}"
        for record, row in corrected.items()
        if record in reasons
    ]
    if not count:
        return Attempt(entry, failures=failures)
    decode_columns(connection, work, landed, table)
    numbers = f"select {RECORD_COLUMN} from {_parquet(landed)}"
    rest = f"from {_parquet(quarantine)} where record not in ({numbers}) order by record"
    has_left = _copy(worker, rest, left) > 0
    changed = _changed(entry, count, [row for n, row in corrected.items() if n not in reasons])
    return Attempt(changed, landed, left if has_left else None, failures)


def _batches(
    entry: LedgerEntry, quarantine: Path, worker: Worker, given: str, only: str
) -> Iterator[list[_Row]]:
    """The quarantined records, each with what is to be read instead of it."""
    earlier = {
        name: [correction[name] for correction in entry.corrections]
        for name in ("record", "raw_hash", "text")
    }
    batch: list[_Row] = []
    size = 0
    with worker.connection.cursor() as cursor:
        cursor.execute(
            f"""
            select record, first_line, raw_bytes, raw_hash, line, text
            from (
                select bad.*, given.line, coalesce(given.text, earlier.text) as text
                from (from {_parquet(quarantine)} select *, sha256(raw_bytes) as raw_hash) as bad
                left join {given} as given
                    on given.source_file = {quote_text(entry.source_file)}
                    and given.record = bad.record and given.text <> bad.raw_text
                left join (
                    select
                        unnest($record::bigint[]) as record,
                        unnest($raw_hash::varchar[]) as raw_hash,
                        unnest($text::varchar[]) as text
                ) as earlier on earlier.record = bad.record and earlier.raw_hash = bad.raw_hash
            )
            {only}
            order by record
            """,
            earlier,
        )
        while values := cursor.fetchone():
            batch.append(_Row(*values))
            size += len(batch[-1].raw)
            if len(batch) >= _BATCH_RECORDS or size >= _BATCH_BYTES:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def _check_numbers(worker: Worker, landed: Path, refused: Path, tried: list[int]) -> dict[int, str]:
    """The reasons why records are refused, by their numbers; each was landed once, or refused."""
    reasons: dict[int, str] = {}
    if refused.exists():
        query = f"select record, reason_code || ': ' || message from {_parquet(refused)}"
        reasons = dict(worker.connection.execute(query).fetchall())
    query = f"select {RECORD_COLUMN} from {_parquet(landed)}"
    numbers = [number for (number,) in worker.connection.execute(query).fetchall()]
    if sorted([*numbers, *reasons]) != tried:
        raise Refused(
            f"the count does not come out: {len(tried)} records tried, but {len(numbers)} landed"
            f" and {len(reasons)} refused; please report this as a bug"
        )
    return reasons


def _parquet(path: Path) -> str:
    return f"read_parquet({quote_text(path)})"


def _copy(worker: Worker, query: str, target: Path) -> int:
    row = worker.connection.execute(
        f"copy ({query}) to {quote_text(target)}"
        f" (format parquet, compression zstd, row_group_size {_BATCH_RECORDS})"
    ).fetchone()
    return row[0] if row else 0


def _changed(entry: LedgerEntry, landed: int, corrected: list[_Row]) -> LedgerEntry:
    """The entry with so many more records landed, and these corrections applied."""
    keys = {(row.record, row.raw_hash) for row in corrected}
    corrections = [c for c in entry.corrections if (c["record"], c["raw_hash"]) not in keys]
    corrections += [
        {"record": row.record, "raw_hash": row.raw_hash, "text": row.text, "applied": True}
        for row in corrected
    ]
    if corrected and len(json.dumps(corrections)) > MAX_CORRECTIONS_BYTES:
        raise Refused(
            f"its corrections take more than the {MAX_CORRECTIONS_BYTES >> 20} MiB that the ledger"
            " keeps for a file; put a mended file in its place"
        )
    left = entry.quarantined - landed
    return replace(entry, landed=entry.landed + landed, quarantined=left, corrections=corrections)
