"""Quarantined records tried again, as they stand or as someone has corrected them by hand.

Only the lake is needed: the quarantine has each record's own bytes, and the ledger entry what a
reader must know of the file that the record is from.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from casebook.errors import CasebookError, Refused
from casebook.lake.layout import Lake, landed_name
from casebook.lake.ledger import LedgerEntry
from casebook.lake.quarantine import Quarantine
from casebook.load.decode import decode_columns
from casebook.load.discover import choose_tables
from casebook.load.known import replaced_now
from casebook.load.original import read_corrections
from casebook.load.report import Failure, ReplayReport, TableReplay
from casebook.readers.base import RECORD_COLUMN, Text, Workspace
from casebook.readers.choose import reader_of
from casebook.settings import Settings
from casebook.sources import Table, read_sources
from casebook.sql import connect, quote_text

if TYPE_CHECKING:
    import duckdb

MAX_CORRECTIONS_BYTES = 8 << 20
_BATCH_RECORDS = 2048
_BATCH_BYTES = 4 << 20


def replay(
    settings: Settings,
    tables: Sequence[str] = (),
    *,
    corrections: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ReplayReport:
    """Try every quarantined record again, land what now reads, and leave the rest as it is.

    Args:
        settings: where the project and the lake are.
        tables: only these, each `SOURCE` or `SOURCE.TABLE`; all declared ones by default.
        corrections: a file as `export_quarantine` writes it, edited by hand: where a text differs
            from the quarantined one, it is read instead, and remembered in the ledger.
        progress: is told how many records are done, and how many there are.

    Returns:
        What was landed and what stays, by table.

    Raises:
        CasebookError: if a table is not declared, a correction is of no quarantined record, or the
            lake cannot be read or written. What was landed until then stays landed.
    """
    import duckdb

    chosen = {t.full_name: t for t in choose_tables(read_sources(settings.project), tables)}
    lake, report = Lake(settings.lake), ReplayReport()
    try:
        entries = lake.entries(lambda damage: report.failures.append(Failure("", str(damage))))
        entries = [e for e in entries if e.rejected_file and e.full_table_name in chosen]
        if not entries and corrections is None:
            return report
        lake.remove_abandoned()
        with lake.workspace() as folder, connect(folder / "spill") as connection:
            if corrections:
                read_corrections(connection, corrections, lake, chosen)
            tools = _Tools(connection, folder, has_given=corrections is not None)
            done, total = 0, sum(entry.quarantined for entry in entries)
            for entry in entries:
                count = report.tables.setdefault(entry.full_table_name, TableReplay())
                _replay_file(entry, chosen[entry.full_table_name], lake, tools, report)
                count.files += 1
                done += entry.quarantined
                if progress:
                    progress(done, total)
    except (OSError, duckdb.Error) as error:
        raise CasebookError(
            f"the lake cannot be read or written: {error}",
            file=settings.lake,
            fix="free some space or mend the permissions, then run `casebook replay` again; what"
            " is landed so far stays",
        ) from error
    report.tables = dict(sorted(report.tables.items()))
    return report


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
    tools = _Tools(connection, folder)
    return _try_again(entry, quarantine, table, tools, only_corrected=True)


@dataclass(frozen=True)
class Attempt:
    """What came of the quarantined records of one raw file.

    Attributes:
        entry: its ledger entry with the new counts; the one given where nothing was landed.
        landed: the Parquet file of those that were landed, or None where none was.
        left: the Parquet file of those that stay in quarantine, or None where none does.
        landed_count: how many were landed.
        failures: corrections that do not help.
    """

    entry: LedgerEntry
    landed: Path | None = None
    left: Path | None = None
    landed_count: int = 0
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class _Tools:
    """What all files of a replay have in common.

    Attributes:
        connection: a DuckDB connection with bounded memory.
        folder: for temporary files, on the lake's disk.
        has_given: whether the connection has corrections that are given now, as table `given`.
    """

    connection: duckdb.DuckDBPyConnection
    folder: Path
    has_given: bool = False


@dataclass(frozen=True)
class _Row:
    """A quarantined record, and what is to be read instead of it.

    Attributes:
        line: the line of its correction, where one is given.
        raw: its bytes.
        text: what to read instead, or None.
    """

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


class _Refusals(Quarantine):
    """Notes which records a reader does not take, and why: what is kept of them is kept already."""

    def __init__(self) -> None:
        self.count = 0
        self.reasons: dict[int, str] = {}

    def add(self, record: int, first_line: int, reason_code: str, message: str, raw: bytes) -> None:
        self.count += 1
        self.reasons[record] = f"{reason_code}: {message}"

    def add_query(self, connection: duckdb.DuckDBPyConnection, query: str) -> int:
        rows = connection.execute(
            f"select record, first_line, reason_code, message, raw from ({query})"
        ).fetchall()
        for row in rows:
            self.add(*row)
        return len(rows)


def _replay_file(
    known: LedgerEntry, table: Table, lake: Lake, tools: _Tools, report: ReplayReport
) -> None:
    """Replay one raw file under its lock: a loader may have landed it again since it was found."""
    import duckdb

    count, tried = report.tables[known.full_table_name], known.quarantined
    try:
        with (
            lake.file_lock(known.source_file),
            tempfile.TemporaryDirectory(dir=tools.folder) as folder,
        ):
            entry = lake.read_entry(known.source_name, known.table_name, known.source_file)
            tried = entry.quarantined if entry else 0
            if entry is not None and entry.rejected_file is not None:
                quarantine = _whole_quarantine(entry, lake)
                attempt = _try_again(entry, quarantine, table, replace(tools, folder=Path(folder)))
                _commit(lake, attempt)
                count.landed += attempt.landed_count
                report.failures += attempt.failures
    except Refused as refusal:
        report.failures.append(Failure(known.source_file, str(refusal)))
    except duckdb.OutOfMemoryException:
        reason = "its records are too large for the loader's memory"
        report.failures.append(Failure(known.source_file, reason))
    except duckdb.IOException:
        raise
    except duckdb.Error as error:
        reason = f"cannot be read: {str(error).splitlines()[0]}"
        report.failures.append(Failure(known.source_file, reason))
    count.tried += tried


def _whole_quarantine(entry: LedgerEntry, lake: Lake) -> Path:
    """The quarantine of a raw file, if its landed files are as they were written."""
    path = lake.root / str(entry.rejected_file)
    if not path.is_file():
        raise Refused("its quarantine is missing from the lake; `casebook load` lands it again")
    if entry.landed_hash is not None and lake.hash_of(entry.files) != entry.landed_hash:
        raise Refused("a landed file of it is damaged; `casebook load --verify` lands it again")
    return path


def _try_again(
    entry: LedgerEntry,
    quarantine: Path,
    table: Table,
    tools: _Tools,
    *,
    only_corrected: bool = False,
) -> Attempt:
    """Read the quarantined records of one raw file again, and land those that can be read now.

    They go into a landed file of their own beside the others; what cannot be read goes as it was
    into a new quarantine file. Neither counts before the entry is committed.

    Raises:
        Refused: if no reader reads the format, or the count of records does not come out.
        OSError: if the lake cannot be read or written.
    """
    connection, folder = tools.connection, tools.folder
    reader, work = reader_of(entry.format), folder / "work"
    work.mkdir()
    parts: list[Path] = []
    applied: list[dict[str, Any]] = []
    failures: list[Failure] = []
    for batch in _batches(entry, quarantine, tools, only_corrected):
        refusals = _Refusals()
        parts.append(folder / f"{len(parts)}.parquet")
        workspace = Workspace(connection, work, parts[-1], refusals)
        reader.again(table, workspace, entry.layout, [row.to_read for row in batch])
        _check_numbers(connection, parts[-1], batch, refusals)
        for row in batch:
            if row.text is not None and row.record not in refusals.reasons:
                applied.append(row.correction)
            elif row.text is not None:
                reason = f"still cannot be read: {refusals.reasons[row.record]}"
                failures.append(Failure(entry.source_file, reason, row.record, row.line))
    landed, left = folder / "landed.parquet", folder / "left.parquet"
    files = ", ".join(map(quote_text, parts))
    merged = f"select * from read_parquet([{files}]) order by {RECORD_COLUMN}"
    count = _copy(connection, merged, landed) if parts else 0
    if not count:
        return Attempt(entry, failures=failures)
    decode_columns(connection, work, landed, table)
    rest = f"""
        select * from read_parquet({quote_text(quarantine)}) where record not in
        (select {RECORD_COLUMN} from read_parquet({quote_text(landed)})) order by record
    """
    written = _copy(connection, rest, left)
    changed = _changed(entry, count, written, applied)
    return Attempt(changed, landed, left if written else None, count, failures)


def _batches(
    entry: LedgerEntry, quarantine: Path, tools: _Tools, only_corrected: bool
) -> Iterator[list[_Row]]:
    """The quarantined records, some at a time; a correction that is given comes first."""
    earlier = {(c["record"], c["raw_hash"]): c["text"] for c in entry.corrections}
    given = f"""
        left join given on
            given.source_file = {quote_text(entry.source_file)} and given.record = bad.record
            and given.text <> bad.raw_text
    """
    columns = "given.line, given.text" if tools.has_given else "null, null"
    with tools.connection.cursor() as cursor:
        found = cursor.execute(
            f"select bad.record, bad.first_line, bad.raw_bytes, {columns}"
            f" from read_parquet({quote_text(quarantine)}) as bad"
            f" {given if tools.has_given else ''} order by bad.record"
        )
        batch: list[_Row] = []
        size = 0
        while values := found.fetchone():
            row = _Row(*values)
            if row.text is None and earlier:
                row = replace(row, text=earlier.get((row.record, row.correction["raw_hash"])))
            if row.text is None and only_corrected:
                continue
            batch.append(row)
            size += len(row.raw)
            if len(batch) >= _BATCH_RECORDS or size >= _BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch


def _check_numbers(
    connection: duckdb.DuckDBPyConnection, part: Path, rows: list[_Row], refusals: _Refusals
) -> None:
    """Each record that was tried must have been landed once, under its own number, or refused."""
    query = f"select {RECORD_COLUMN} from read_parquet({quote_text(part)})"
    landed = [number for (number,) in connection.execute(query).fetchall()]
    if sorted([*landed, *refusals.reasons]) != [row.record for row in rows]:
        raise Refused(
            f"the count does not come out: {len(rows)} records tried, but {len(landed)} landed"
            f" and {refusals.count} refused; please report this as a bug"
        )


def _copy(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> int:
    row = connection.execute(
        f"copy ({query}) to {quote_text(target)}"
        f" (format parquet, compression zstd, row_group_size {_BATCH_RECORDS})"
    ).fetchone()
    return row[0] if row else 0


def _changed(
    entry: LedgerEntry, landed: int, left: int, applied: list[dict[str, Any]]
) -> LedgerEntry:
    """The entry with so many more records landed, so many left, and these corrections applied."""
    again = {(c["record"], c["raw_hash"]) for c in applied}
    earlier = [c for c in entry.corrections if (c["record"], c["raw_hash"]) not in again]
    corrections = [*earlier, *applied]
    landed += entry.landed
    if landed + left != entry.records:
        raise Refused(
            f"the count does not come out: {entry.records} records, but {landed} landed"
            f" and {left} quarantined; please report this as a bug"
        )
    if applied and len(json.dumps(corrections)) > MAX_CORRECTIONS_BYTES:
        raise Refused(
            f"its corrections take more than the {MAX_CORRECTIONS_BYTES >> 20} MiB that the ledger"
            " keeps for a file; put a mended file in its place"
        )
    return replace(entry, landed=landed, quarantined=left, corrections=corrections)


def _commit(lake: Lake, attempt: Attempt) -> None:
    """Put new files beside the old ones, and name them in the entry."""
    if attempt.landed is None:
        return
    entry = attempt.entry
    name = landed_name(entry.file_hash, datetime.now(UTC))
    keys = (entry.source_name, entry.table_name, entry.source_file)
    placed = lake.place(attempt.landed, lake.landed_folder(*keys) / name)
    entry.replayed_files = [*entry.replayed_files, placed]
    entry.replaced_files = [*entry.replaced_files, replaced_now(str(entry.rejected_file))]
    entry.rejected_file = attempt.left and lake.place(
        attempt.left, lake.rejected_folder(*keys) / name
    )
    entry.landed_hash = entry.landed_hash and lake.hash_of(entry.files)
    lake.commit(entry)
    lake.sweep(entry)
