"""Quarantined records tried again, as they stand or as someone has corrected them by hand.

Only the lake is needed: the quarantine has each record's own bytes, and the ledger entry what a
reader must know of the file that the record is from.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from casebook.errors import CasebookError, Refused
from casebook.lake.layout import Lake, LedgerEntry, landed_name
from casebook.lake.quarantine import Quarantine, Quarantined, read_quarantine
from casebook.load.corrections import Corrections
from casebook.load.decode import decode_columns
from casebook.load.discover import choose_tables
from casebook.readers.base import RECORD_COLUMN, Text, Workspace
from casebook.readers.choose import reader_of
from casebook.settings import Settings
from casebook.sources import Table, read_sources
from casebook.sql import connect, quote_text

if TYPE_CHECKING:
    import duckdb

MAX_CORRECTIONS_BYTES = 8 << 20
_BATCH_RECORDS = 8192
_BATCH_BYTES = 4 << 20


@dataclass(frozen=True)
class Failure:
    """A correction that does not help, or a raw file whose quarantine could not be read.

    Attributes:
        source_file: the raw file.
        reason: what is wrong.
        record: the number of the corrected record, or None for a whole file.
        line: its line in the corrections file, or None.
    """

    source_file: str
    reason: str
    record: int | None = None
    line: int | None = None

    def __str__(self) -> str:
        line = "" if self.line is None else f"line {self.line}: "
        record = "" if self.record is None else f"record {self.record}: "
        return f"{line}{self.source_file}: {record}{self.reason}"


@dataclass
class TableReplay:
    """Numbers of one table.

    Attributes:
        files: raw files with records in quarantine.
        tried: records that were in quarantine.
        landed: those of them that are landed now.
    """

    files: int = 0
    tried: int = 0
    landed: int = 0

    @property
    def left(self) -> int:
        """Records that stay in quarantine."""
        return self.tried - self.landed


@dataclass
class ReplayReport:
    """What a replay did.

    Attributes:
        tables: numbers by `source.table`, of the tables that had records in quarantine.
        failures: what did not go well; a record that merely stays is none.
    """

    tables: dict[str, TableReplay] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    @property
    def landed(self) -> int:
        """Records that were landed, of all tables."""
        return sum(table.landed for table in self.tables.values())

    @property
    def exit_status(self) -> int:
        """1 if something did not go well, else 0."""
        return 1 if self.failures else 0


@dataclass(frozen=True)
class Attempt:
    """What came of the quarantined records of one raw file.

    Attributes:
        entry: its ledger entry as it is to be committed; the one given where nothing was landed.
        tried: records that were in quarantine.
        landed: those of them that were landed.
        failures: corrections that do not help.
    """

    entry: LedgerEntry
    tried: int
    landed: int = 0
    failures: list[Failure] = field(default_factory=list)


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
    lake = Lake(settings.lake)
    try:
        with ExitStack() as stack:
            given = stack.enter_context(closing(Corrections(corrections))) if corrections else None
            if given:
                _check(given, chosen, lake)
            entries = [e for e in lake.entries() if e.rejected_file and e.full_table_name in chosen]
            if not entries:
                return ReplayReport()
            lake.remove_abandoned()
            folder = stack.enter_context(lake.workspace())
            connection = stack.enter_context(connect(folder / "spill"))
            bench = _Bench(lake, connection, folder, given, _counter(entries, progress))
            return _replay_all(entries, chosen, bench)
    except (OSError, duckdb.Error) as error:
        raise CasebookError(
            f"the lake cannot be read or written: {error}",
            file=settings.lake,
            fix="free some space or mend the permissions, then run `casebook replay` again; what"
            " is landed so far stays",
        ) from error


def reapply_corrections(
    lake: Lake,
    entry: LedgerEntry,
    table: Table,
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
) -> LedgerEntry:
    """Apply the corrections of a raw file again that has just been landed again.

    To be called with the file's lock held, before the entry is committed. A correction counts
    where the same bytes are quarantined under the same number; the others stay remembered.

    Args:
        lake: the lake.
        entry: the new entry, its files in their places, with the corrections of the old one.
        table: the declaration that the file was read with.
        connection: a DuckDB connection with bounded memory.
        folder: for temporary files, on the lake's disk.

    Returns:
        The entry to commit.

    Raises:
        Refused: if the count of records does not come out.
    """
    if not entry.corrections:
        return entry
    entry = replace(entry, corrections=[{**c, "applied": False} for c in entry.corrections])
    bench = _Bench(lake, connection, folder)
    attempt = _try_again(entry, table, bench, only_corrected=True)
    # The quarantine that was just written was never committed: no build can be reading it.
    return replace(attempt.entry, replaced_files=entry.replaced_files)


@dataclass(frozen=True)
class _Bench:
    """What all files of a replay have in common.

    Attributes:
        lake: the lake.
        connection: a DuckDB connection with bounded memory.
        folder: for temporary files, on the lake's disk.
        given: corrections besides those that the ledger remembers.
        tell: is told that so many more records are done.
    """

    lake: Lake
    connection: duckdb.DuckDBPyConnection
    folder: Path
    given: Corrections | None = None
    tell: Callable[[int], None] = lambda records: None


@dataclass(frozen=True)
class _Correction:
    """What to read instead of a record: as the ledger remembers it, and the line that says so."""

    remembered: dict[str, Any]
    line: int | None


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


def _check(given: Corrections, tables: dict[str, Table], lake: Lake) -> None:
    """Raise an error about the first line that is of no record in quarantine.

    A correction that was applied earlier is passed over, so that the same file may be given again.
    """
    import duckdb

    entries: dict[tuple[str, str], LedgerEntry | None] = {}
    numbers: dict[tuple[str, str], set[int]] = {}
    for name, source_file, record, line in given:
        if name not in tables:
            fix = f"give corrections of these only: {', '.join(sorted(tables))}"
            raise given.error(line, f"{name} is no declared table, or not chosen", fix)
        where = (name, source_file)
        if where not in entries:
            entry = lake.read_entry(tables[name].source, tables[name].name, source_file)
            path = lake.root / entry.rejected_file if entry and entry.rejected_file else None
            entries[where], numbers[where] = entry, set()
            if path and path.is_file():
                with duckdb.connect() as connection:
                    query = f"select record from read_parquet({quote_text(path)})"
                    numbers[where] = {n for (n,) in connection.execute(query).fetchall()}
        if record not in numbers[where]:
            _pass_over(given, entries[where], name, source_file, record)


def _pass_over(
    given: Corrections, entry: LedgerEntry | None, table: str, source_file: str, record: int
) -> None:
    """Take a correction out that was applied earlier; raise an error if it was not."""
    taken = given.take(table, source_file, record)
    assert taken is not None
    line, text = taken
    for correction in entry.corrections if entry else ():
        known = (correction["record"], correction["text"], correction["applied"])
        if known == (record, text, True):
            return
    raise given.error(
        line,
        f"record {record} of {source_file} is not in quarantine",
        "remove the line; `casebook replay --export` writes what is in quarantine now",
    )


def _counter(
    entries: list[LedgerEntry], progress: Callable[[int, int], None] | None
) -> Callable[[int], None]:
    done, total = 0, sum(entry.quarantined for entry in entries)

    def tell(records: int) -> None:
        nonlocal done
        done += records
        if progress:
            progress(done, total)

    return tell


def _replay_all(
    entries: list[LedgerEntry], tables: dict[str, Table], bench: _Bench
) -> ReplayReport:
    report = ReplayReport()
    for known in entries:
        name = known.full_table_name
        try:
            attempt = _replay_file(known, tables[name], bench)
        except Refused as refusal:
            failure = Failure(known.source_file, str(refusal))
            attempt = Attempt(known, known.quarantined, 0, [failure])
        count = report.tables.setdefault(name, TableReplay())
        count.files += 1
        count.tried += attempt.tried
        count.landed += attempt.landed
        report.failures += attempt.failures
    unread = {failure.source_file for failure in report.failures if failure.record is None}
    report.failures += [
        Failure(source_file, "is not in quarantine any more", record, line)
        for _, source_file, record, line in bench.given or ()
        if source_file not in unread
    ]
    report.tables = dict(sorted(report.tables.items()))
    return report


def _replay_file(known: LedgerEntry, table: Table, bench: _Bench) -> Attempt:
    """Replay one raw file under its lock: a loader may have landed it again since it was found."""
    import duckdb

    lake = bench.lake
    with lake.file_lock(known.source_file):
        entry = lake.read_entry(known.source_name, known.table_name, known.source_file)
        if entry is None:
            return Attempt(known, 0)
        try:
            attempt = _try_again(entry, table, bench)
        except duckdb.OutOfMemoryException as error:
            raise Refused("its records are too large for the loader's memory") from error
        except duckdb.IOException:
            raise
        except duckdb.Error as error:
            raise Refused(f"cannot be read: {str(error).splitlines()[0]}") from error
        if attempt.landed:
            lake.commit(attempt.entry)
            lake.sweep(attempt.entry)
        return attempt


def _try_again(
    entry: LedgerEntry,
    table: Table,
    bench: _Bench,
    *,
    only_corrected: bool = False,
) -> Attempt:
    """Read the quarantined records of one raw file again, and land those that can be read now.

    They go into a landed file of their own beside the others; what cannot be read goes as it was
    into a new quarantine file. Neither counts before the entry is committed.

    Raises:
        Refused: if the quarantine is missing, no reader reads the format, or the count of records
            does not come out.
        OSError: if the lake cannot be read or written.
    """
    if entry.rejected_file is None:
        return Attempt(entry, 0)
    quarantine = bench.lake.root / entry.rejected_file
    if not quarantine.is_file():
        raise Refused("its quarantine is missing from the lake; `casebook load` lands it again")
    reader = reader_of(entry.format)
    with tempfile.TemporaryDirectory(dir=bench.folder) as temporary:
        folder = Path(temporary)
        work = folder / "work"
        work.mkdir()
        rest = Quarantine(folder / "rest.jsonl")
        parts: list[Path] = []
        applied: list[dict[str, Any]] = []
        failures: list[Failure] = []
        for batch in _batches(read_quarantine(bench.connection, quarantine)):
            corrections = _corrections_for(batch, entry, bench.given)
            texts = [
                Text(row.record, row.first_line, _to_read(row, corrections))
                for row in batch
                if row.record in corrections or not only_corrected
            ]
            refusals = _Refusals()
            part = folder / f"{len(parts)}.parquet"
            if texts:
                reader.again(
                    table, Workspace(bench.connection, work, part, refusals), entry.layout, texts
                )
                _check_numbers(bench.connection, part, texts, refusals)
                parts.append(part)
            landed_now = {text.number for text in texts} - refusals.reasons.keys()
            for row in batch:
                if row.record not in landed_now:
                    rest.add(row.record, row.first_line, row.reason_code, row.message, row.raw)
            for record, correction in corrections.items():
                if record in landed_now:
                    applied.append(correction.remembered)
                elif record in refusals.reasons:
                    reason = f"still cannot be read: {refusals.reasons[record]}"
                    failures.append(Failure(entry.source_file, reason, record, correction.line))
            bench.tell(len(batch))
        if rest.count == entry.quarantined:
            return Attempt(entry, entry.quarantined, 0, failures)
        landed = folder / "landed.parquet"
        count = _merge(bench.connection, parts, landed)
        decode_columns(bench.connection, work, landed, table)
        left = folder / "left.parquet"
        written = rest.write(bench.connection, left, entry.source_file, entry.file_hash)
        changed = _changed(entry, count, written, applied)
        _place(bench.lake, changed, landed, left if written else None)
        return Attempt(changed, entry.quarantined, count, failures)


def _batches(rows: Iterable[Quarantined]) -> Iterator[list[Quarantined]]:
    batch: list[Quarantined] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += len(row.raw)
        if len(batch) >= _BATCH_RECORDS or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _corrections_for(
    batch: list[Quarantined], entry: LedgerEntry, given: Corrections | None
) -> dict[int, _Correction]:
    """The corrections of some records, by number: one that is given counts before an older one."""
    earlier = {(c["record"], c["raw_hash"]): c["text"] for c in entry.corrections}
    found: dict[int, _Correction] = {}
    for row in batch if earlier or given else ():
        raw_hash = hashlib.sha256(row.raw).hexdigest()
        line, text = None, earlier.get((row.record, raw_hash))
        taken = given.take(entry.full_table_name, entry.source_file, row.record) if given else None
        if taken and taken[1] != row.text:
            line, text = taken
        if text is not None:
            remembered = {"record": row.record, "raw_hash": raw_hash, "text": text, "applied": True}
            found[row.record] = _Correction(remembered, line)
    return found


def _to_read(row: Quarantined, corrections: dict[int, _Correction]) -> bytes:
    correction = corrections.get(row.record)
    return correction.remembered["text"].encode("utf-8") if correction else row.raw


def _check_numbers(
    connection: duckdb.DuckDBPyConnection, part: Path, texts: list[Text], refusals: _Refusals
) -> None:
    """Each record that was tried must have been landed once, under its own number, or refused."""
    query = f"select {RECORD_COLUMN} from read_parquet({quote_text(part)})"
    landed = [number for (number,) in connection.execute(query).fetchall()]
    if sorted([*landed, *refusals.reasons]) != sorted(text.number for text in texts):
        raise Refused(
            f"the count does not come out: {len(texts)} records tried, but {len(landed)} landed"
            f" and {refusals.count} refused; please report this as a bug"
        )


def _merge(connection: duckdb.DuckDBPyConnection, parts: list[Path], target: Path) -> int:
    """Write what the batches landed into one file, in the order of the records."""
    files = ", ".join(quote_text(part) for part in parts)
    row = connection.execute(
        f"""
        copy (select * from read_parquet([{files}]) order by {RECORD_COLUMN})
        to {quote_text(target)}
        (format parquet, compression zstd, row_group_size {_BATCH_RECORDS})
        """
    ).fetchone()
    return row[0] if row else 0


def _changed(
    entry: LedgerEntry, landed: int, left: int, applied: list[dict[str, Any]]
) -> LedgerEntry:
    """The entry with so many more records landed, so many left, and these corrections applied."""
    again = {(c["record"], c["raw_hash"]) for c in applied}
    earlier = [c for c in entry.corrections if (c["record"], c["raw_hash"]) not in again]
    changed = replace(
        entry,
        landed=entry.landed + landed,
        quarantined=left,
        corrections=[*earlier, *applied],
    )
    if changed.landed + left != entry.records:
        raise Refused(
            f"the count does not come out: {entry.records} records, but {changed.landed} landed"
            f" and {left} quarantined; please report this as a bug"
        )
    if applied and len(json.dumps(changed.corrections)) > MAX_CORRECTIONS_BYTES:
        raise Refused(
            f"its corrections take more than the {MAX_CORRECTIONS_BYTES >> 20} MiB that the ledger"
            " keeps for a file; put a mended file in its place"
        )
    return changed


def _place(lake: Lake, entry: LedgerEntry, landed: Path, left: Path | None) -> None:
    """Put the new files beside the old ones, and name them in the entry."""
    now = datetime.now(UTC)
    name = landed_name(entry.file_hash, now)
    keys = (entry.source_name, entry.table_name, entry.source_file)
    replaced = {"file": str(entry.rejected_file), "replaced_at": f"{now:%Y-%m-%dT%H:%M:%S.%f}"}
    placed = lake.place(landed, lake.landed_folder(*keys) / name)
    entry.replayed_files = [*entry.replayed_files, placed]
    entry.replaced_files = [*entry.replaced_files, replaced]
    entry.rejected_file = left and lake.place(left, lake.rejected_folder(*keys) / name)
