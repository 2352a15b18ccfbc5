"""Quarantined records tried again, as they stand or as someone has corrected them by hand.

Only the lake is needed: the quarantine has each record's own bytes, and the ledger entry what a
reader must know of the file that the record is from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from casebook.errors import CasebookError, Refused
from casebook.lake.layout import Lake, landed_name
from casebook.lake.ledger import Damaged, Key, LedgerEntry
from casebook.load.again import NONE, Attempt, try_again
from casebook.load.known import replaced_now
from casebook.load.report import Options
from casebook.load.worker import Worker, failures_told_apart
from casebook.settings import Settings
from casebook.sources import Table, choose_tables, read_sources
from casebook.sql import MEMORY_LIMIT, quote_text

if TYPE_CHECKING:
    import duckdb

_NOT_EXPORTED = "not as it was exported"


@dataclass
class TableReplay:
    """Numbers of one table: raw files with quarantined records, these, and how many landed now."""

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
    failures: list[str] = field(default_factory=list)

    @property
    def landed(self) -> int:
        """Records that were landed, of all tables."""
        return sum(table.landed for table in self.tables.values())

    @property
    def exit_status(self) -> int:
        """1 if something did not go well, else 0."""
        return 1 if self.failures else 0


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
    damaged: dict[Key, Damaged] = {}
    with lake.failures_told("replay", duckdb.Error):
        entries = lake.entries(damaged)
        report.failures += map(str, damaged.values())
        bad = [e for e in entries if e.rejected_file and e.full_table_name in chosen]
        if not bad and corrections is None:
            return report
        lake.remove_abandoned()
        with Worker(lake, Options(), MEMORY_LIMIT) as worker:
            if corrections:
                _read_corrections(worker.connection, corrections)
                _check_corrections(worker.connection, corrections, lake, entries, sorted(chosen))
            done, total = 0, sum(entry.quarantined for entry in bad)
            for entry in sorted(bad, key=lambda entry: entry.full_table_name):
                count = report.tables.setdefault(entry.full_table_name, TableReplay())
                given = "given" if corrections else NONE
                try:
                    with failures_told_apart():
                        table = chosen[entry.full_table_name]
                        report.failures += _replay_file(entry, table, worker, given, count)
                except Refused as refusal:
                    report.failures.append(f"{entry.source_file}: {refusal}")
                done += entry.quarantined
                if progress:
                    progress(done, total)
    return report


def _read_corrections(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Read a file that `export_quarantine` wrote and that someone has edited, as table `given`."""
    import duckdb

    columns = "{source_file: 'VARCHAR', \"table\": 'VARCHAR', record: 'BIGINT', text: 'VARCHAR'}"
    try:
        size = path.stat().st_size
        connection.execute(
            "create table given as select row_number() over () as line, *"
            f" from read_json({quote_text(path)}, format = 'newline_delimited',"
            f" columns = {columns}, maximum_object_size = {size + 1})"
        )
    except (OSError, duckdb.IOException) as error:
        reason = f"the corrections cannot be read: {getattr(error, 'strerror', None) or error}"
        fix = "name the file that `casebook replay --export` wrote"
        raise CasebookError(reason, file=path, fix=fix) from error
    except duckdb.Error as error:
        reason = f"{_NOT_EXPORTED}: {str(error).splitlines()[0]}"
        fix = 'change nothing but `text`, and write \\" for " and \\\\ for \\ in it'
        raise CasebookError(reason, file=path, fix=fix) from error


def _check_corrections(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    lake: Lake,
    entries: list[LedgerEntry],
    tables: list[str],
) -> None:
    """Raise an error about the first line that is of no record in quarantine.

    A correction that was applied earlier is passed over, so that the same file may be given again.
    """
    named = set(connection.execute('select distinct "table", source_file from given').fetchall())
    known = [entry for entry in entries if (entry.full_table_name, entry.source_file) in named]
    applied = [
        (entry.source_file, correction["record"], correction["text"])
        for entry in known
        for correction in entry.corrections
        if correction["applied"]
    ]
    if applied:
        connection.execute(
            "delete from given where (source_file, record, text) in"
            " (select unnest($1), unnest($2), unnest($3))",
            [*map(list, zip(*applied, strict=True))],
        )
    files = [lake.root / entry.rejected_file for entry in known if entry.rejected_file]
    names = ", ".join(quote_text(file) for file in files if file.is_file())
    bad = f"from read_parquet([{names}]) select source_file, record" if names else "select '', 0"
    wrong = connection.execute(
        f"""
        select line, case
            when "table" is null or source_file is null or record is null or text is null
                then '{_NOT_EXPORTED}'
            when "table" not in (select unnest($1))
                then "table" || ' is no declared table, or not chosen'
            when row_number() over (partition by source_file, record order by line) > 1
                then 'a second line for the same record'
            when (source_file, record) not in ({bad})
                then 'record ' || record || ' of ' || source_file || ' is not in quarantine'
        end as reason
        from given
        qualify reason is not null
        order by line
        """,
        [tables],
    ).fetchone()
    if wrong:
        raise CasebookError(
            f"line {wrong[0]}: {wrong[1]}",
            file=path,
            fix="remove the line, or change nothing but `text` in it; `casebook replay --export`"
            " writes what is in quarantine now",
        )


def _replay_file(
    known: LedgerEntry, table: Table, worker: Worker, given: str, count: TableReplay
) -> list[str]:
    """Replay one raw file under its lock: a loader may have landed it again since it was found."""
    lake = worker.lake
    count.files += 1
    with lake.file_lock(known.source_file):
        entry = lake.read_entry(*known.key)
        if entry is None or entry.rejected_file is None:
            return []
        count.tried += entry.quarantined
        if why := lake.why_damaged(entry, by_hash=entry.landed_hash is not None):
            raise Refused(f"{why}; `casebook load --verify` lands it again")
        attempt = try_again(entry, lake.root / entry.rejected_file, table, worker, given)
        if attempt.landed:
            _commit(lake, entry, attempt, attempt.landed)
            count.landed += attempt.entry.landed - entry.landed
    return attempt.failures


def _commit(lake: Lake, before: LedgerEntry, attempt: Attempt, landed: Path) -> None:
    """Put new files beside the old ones, and name them in the entry."""
    entry, left = attempt.entry, attempt.left
    name = landed_name(entry.file_hash, datetime.now(UTC))
    placed = lake.place(landed, lake.landed_folder(*entry.key) / name)
    rejected = lake.rejected_folder(*entry.key) / name
    entry.replayed_files = [*before.replayed_files, placed]
    entry.replaced_files = [*before.replaced_files, replaced_now(str(before.rejected_file))]
    entry.rejected_file = lake.place(left, rejected) if left else None
    entry.landed_hash = entry.landed_hash and lake.hash_of(entry.files)
    lake.commit(entry)
    lake.sweep(entry)
