"""Quarantined records tried again, as they stand or as someone has corrected them by hand.

Only the lake is needed: the quarantine has each record's own bytes, and the ledger entry what a
reader must know of the file that the record is from.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from casebook.errors import CasebookError, Refused
from casebook.lake.layout import Lake, landed_name
from casebook.lake.ledger import LedgerEntry
from casebook.load.again import rows_to_read, try_again
from casebook.load.discover import choose_tables
from casebook.load.known import has_files, replaced_now, why_damaged
from casebook.load.original import read_corrections
from casebook.load.report import Failure, ReplayReport, TableReplay
from casebook.settings import Settings
from casebook.sources import Table, read_sources
from casebook.sql import connect

if TYPE_CHECKING:
    import duckdb


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
            done, total = 0, sum(entry.quarantined for entry in entries)
            for entry in entries:
                table = chosen[entry.full_table_name]
                count = report.tables.setdefault(entry.full_table_name, TableReplay())
                with tempfile.TemporaryDirectory(dir=folder) as own:
                    one, failures = _replay_file(
                        entry, table, lake, connection, Path(own), corrections is not None
                    )
                count.files, count.tried, count.landed = (
                    count.files + one.files,
                    count.tried + one.tried,
                    count.landed + one.landed,
                )
                report.failures += failures
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


def _replay_file(
    known: LedgerEntry,
    table: Table,
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    has_given: bool,
) -> tuple[TableReplay, list[Failure]]:
    """Replay one raw file under its lock: a loader may have landed it again since it was found."""
    import duckdb

    try:
        with lake.file_lock(known.source_file):
            entry = lake.read_entry(known.source_name, known.table_name, known.source_file)
            if entry is None or entry.rejected_file is None:
                return TableReplay(1), []
            if not has_files(entry, lake):
                raise Refused("a landed file of it is missing; `casebook load` lands it again")
            if entry.landed_hash and (why := why_damaged(entry, lake)):
                raise Refused(f"{why}; `casebook load --verify` lands it again")
            quarantine = lake.root / entry.rejected_file
            rows = rows_to_read(entry, quarantine, connection, has_given=has_given)
            attempt = try_again(entry, quarantine, rows, table, connection, folder)
            landed = attempt.entry.landed - entry.landed
            if attempt.landed:
                _commit(lake, attempt.entry, attempt.landed, attempt.left)
            return TableReplay(1, entry.quarantined, landed), attempt.failures
    except Refused as refusal:
        reason = str(refusal)
    except duckdb.OutOfMemoryException:
        reason = "its records are too large for the loader's memory"
    except duckdb.IOException:
        raise
    except duckdb.Error as error:
        reason = f"cannot be read: {str(error).splitlines()[0]}"
    return TableReplay(1, known.quarantined), [Failure(known.source_file, reason)]


def _commit(lake: Lake, entry: LedgerEntry, landed: Path, left: Path | None) -> None:
    """Put new files beside the old ones, and name them in the entry."""
    name = landed_name(entry.file_hash, datetime.now(UTC))
    keys = (entry.source_name, entry.table_name, entry.source_file)
    entry.replayed_files = [
        *entry.replayed_files,
        lake.place(landed, lake.landed_folder(*keys) / name),
    ]
    entry.replaced_files = [*entry.replaced_files, replaced_now(str(entry.rejected_file))]
    entry.rejected_file = left and lake.place(left, lake.rejected_folder(*keys) / name)
    entry.landed_hash = entry.landed_hash and lake.hash_of(entry.files)
    lake.commit(entry)
    lake.sweep(entry)
