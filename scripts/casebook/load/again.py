"""Quarantined records of one raw file read again, as they stand or as they were corrected."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from casebook.errors import Refused
from casebook.lake.ledger import LedgerEntry
from casebook.lake.quarantine import Quarantine
from casebook.load.decode import decode_columns
from casebook.load.report import Failure
from casebook.readers.base import RECORD_COLUMN, Text, Workspace
from casebook.readers.choose import reader_of
from casebook.sources import Table
from casebook.sql import quote_text

if TYPE_CHECKING:
    import duckdb

MAX_CORRECTIONS_BYTES = 8 << 20
_BATCH_RECORDS = 2048
_BATCH_BYTES = 4 << 20


def reapply_corrections(
    entry: LedgerEntry,
    quarantine: Path,
    table: Table,
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
) -> Attempt:
    """Apply the corrections of a raw file again that is being landed again.

    A correction counts where the same bytes are quarantined under the same number; the others stay
    remembered.

    Args:
        entry: the new entry, with the corrections of the old one.
        quarantine: what was quarantined of the file now.
        table: the declaration that the file was read with.
        connection: a DuckDB connection with bounded memory.
        folder: an empty folder for temporary files, on the lake's disk.

    Raises:
        Refused: if the count of records does not come out.
    """
    entry = replace(entry, corrections=[{**c, "applied": False} for c in entry.corrections])
    if not entry.corrections or not entry.quarantined:
        return Attempt(entry)
    rows = (
        row
        for row in rows_to_read(entry, quarantine, connection, has_given=False)
        if row.text is not None
    )
    return try_again(entry, quarantine, rows, table, connection, folder)


@dataclass(frozen=True)
class Attempt:
    """What came of the quarantined records of one raw file.

    Attributes:
        entry: its ledger entry with the new counts; the one given where nothing was landed.
        landed: the Parquet file of those that were landed, or None where none was.
        left: the Parquet file of those that stay in quarantine, or None where none does.
        failures: corrections that do not help.
    """

    entry: LedgerEntry
    landed: Path | None = None
    left: Path | None = None
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """A quarantined record; the text to read instead of it, or None, and the line that gives it."""

    record: int
    first_line: int
    raw: bytes
    line: int | None
    text: str | None

    @property
    def to_read(self) -> Text:
        raw = self.raw if self.text is None else self.text.encode("utf-8")
        return Text(self.record, self.first_line, raw)

    @property
    def correction(self) -> dict[str, Any]:
        """What the ledger remembers of its correction, once that is applied."""
        raw_hash = hashlib.sha256(self.raw).hexdigest()
        return {"record": self.record, "raw_hash": raw_hash, "text": self.text, "applied": True}


def try_again(
    entry: LedgerEntry,
    quarantine: Path,
    rows: Iterator[Row],
    table: Table,
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
) -> Attempt:
    """Read quarantined records of one raw file again, and land those that can be read now.

    They go into a landed file of their own beside the others; what cannot be read goes as it was
    into a new quarantine file. Neither counts before the entry is committed.

    Raises:
        Refused: if no reader reads the format, or the count of records does not come out.
        OSError: if the lake cannot be read or written.
    """
    reader, work = reader_of(entry.format), folder / "work"
    work.mkdir()
    refusals = Quarantine(folder / "refusals")
    parts: list[Path] = []
    corrected: dict[int, tuple[dict[str, Any], int | None]] = {}
    tried = 0
    for batch in _batches(rows):
        parts.append(folder / f"{len(parts)}.parquet")
        workspace = Workspace(connection, work, parts[-1], refusals)
        reader.again(table, workspace, entry.layout, [row.to_read for row in batch])
        corrected |= {
            row.record: (row.correction, row.line) for row in batch if row.text is not None
        }
        tried += len(batch)
    if not parts:
        return Attempt(entry)
    landed, left, refused = (folder / f"{name}.parquet" for name in ("landed", "left", "refused"))
    files = ", ".join(map(quote_text, parts))
    count = _copy(connection, f"from read_parquet([{files}]) order by {RECORD_COLUMN}", landed)
    refusals.write(connection, refused, entry.source_file, entry.file_hash)
    reasons = _check_numbers(connection, quarantine, landed, refused, tried)
    failures = [
        Failure(entry.source_file, f"still cannot be read: {reasons[record]}", record, line)
        for record, (_, line) in corrected.items()
        if record in reasons
    ]
    if not count:
        return Attempt(entry, failures=failures)
    decode_columns(connection, work, landed, table)
    rest = f"""
        from {_parquet(quarantine)} where record not in
        (select {RECORD_COLUMN} from {_parquet(landed)}) order by record
    """
    has_left = _copy(connection, rest, left) > 0
    applied = [remembered for record, (remembered, _) in corrected.items() if record not in reasons]
    changed = _changed(entry, count, applied)
    return Attempt(changed, landed, left if has_left else None, failures)


def rows_to_read(
    entry: LedgerEntry, quarantine: Path, connection: duckdb.DuckDBPyConnection, *, has_given: bool
) -> Iterator[Row]:
    """The quarantined records, each with what is to be read instead of it.

    Args:
        entry: the raw file's entry, with the corrections that are remembered.
        quarantine: its quarantine file.
        connection: may be used for other things meanwhile.
        has_given: whether it has a table `given`, whose corrections come before remembered ones.
    """
    earlier = {(c["record"], c["raw_hash"]): c["text"] for c in entry.corrections}
    given = "(select null as line, null as text) as none on true"
    if has_given:
        given = f"""
            given on given.source_file = {quote_text(entry.source_file)}
                and given.record = bad.record and given.text <> bad.raw_text
        """
    with connection.cursor() as cursor:
        found = cursor.execute(
            f"select bad.record, first_line, raw_bytes, line, text"
            f" from {_parquet(quarantine)} as bad left join {given} order by bad.record"
        )
        while values := found.fetchone():
            row = Row(*values)
            if row.text is None and earlier:
                row = replace(row, text=earlier.get((row.record, row.correction["raw_hash"])))
            yield row


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += len(row.raw)
        if len(batch) >= _BATCH_RECORDS or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _check_numbers(
    connection: duckdb.DuckDBPyConnection, quarantine: Path, landed: Path, refused: Path, tried: int
) -> dict[int, str]:
    """The reasons why records are refused, by their numbers.

    Raises:
        Refused: if a record that was tried was not landed once, under its own number, or refused.
    """
    reasons: dict[int, str] = {}
    if refused.exists():
        query = f"select record, reason_code || ': ' || message from {_parquet(refused)}"
        reasons = dict(connection.execute(query).fetchall())
    query = f"""
        select {RECORD_COLUMN}, {RECORD_COLUMN} in (select record from {_parquet(quarantine)})
        from {_parquet(landed)}
    """
    numbers = connection.execute(query).fetchall()
    known = {number for number, is_known in numbers if is_known}
    if len(known | reasons.keys()) != tried or len(numbers) + len(reasons) != tried:
        raise Refused(
            f"the count does not come out: {tried} records tried, but {len(numbers)} landed"
            f" and {len(reasons)} refused; please report this as a bug"
        )
    return reasons


def _parquet(path: Path) -> str:
    return f"read_parquet({quote_text(path)})"


def _copy(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> int:
    row = connection.execute(
        f"copy ({query}) to {quote_text(target)}"
        f" (format parquet, compression zstd, row_group_size {_BATCH_RECORDS})"
    ).fetchone()
    return row[0] if row else 0


def _changed(entry: LedgerEntry, landed: int, applied: list[dict[str, Any]]) -> LedgerEntry:
    """The entry with so many more records landed, and these corrections applied."""
    again = {(c["record"], c["raw_hash"]) for c in applied}
    earlier = [c for c in entry.corrections if (c["record"], c["raw_hash"]) not in again]
    corrections = [*earlier, *applied]
    if applied and len(json.dumps(corrections)) > MAX_CORRECTIONS_BYTES:
        raise Refused(
            f"its corrections take more than the {MAX_CORRECTIONS_BYTES >> 20} MiB that the ledger"
            " keeps for a file; put a mended file in its place"
        )
    return replace(
        entry,
        landed=entry.landed + landed,
        quarantined=entry.quarantined - landed,
        corrections=corrections,
    )
