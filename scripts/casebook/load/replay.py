"""Quarantined records tried again, as they stand or as someone has corrected them by hand.

Only the lake is needed: the quarantine has each record's own bytes, and the ledger entry what a
reader must know of the file that the record is from.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from casebook.errors import CasebookError, Refused
from casebook.lake.layout import Lake, landed_name
from casebook.lake.ledger import Damaged, Key, LedgerEntry
from casebook.load.again import NONE, Attempt, rows_to_read, try_again
from casebook.load.known import replaced_now
from casebook.settings import Settings
from casebook.sources import Table, choose_tables, read_sources
from casebook.sql import connect, quote_text

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
    try:
        entries = {(e.full_table_name, e.source_file): e for e in lake.entries(damaged)}
        report.failures += map(str, damaged.values())
        bad = [e for e in entries.values() if e.rejected_file and e.full_table_name in chosen]
        if not bad and corrections is None:
            return report
        lake.remove_abandoned()
        with lake.workspace() as folder, connect(folder / "spill") as connection:
            if corrections:
                _read_corrections(connection, corrections)
                _check_corrections(connection, corrections, lake, entries, sorted(chosen))
            done, total = 0, sum(entry.quarantined for entry in bad)
            for entry in bad:
                count = report.tables.setdefault(entry.full_table_name, TableReplay())
                table, given = chosen[entry.full_table_name], "from given" if corrections else NONE
                with tempfile.TemporaryDirectory(dir=folder) as own:
                    failures = _replay_file(entry, table, lake, connection, Path(own), given, count)
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
    entries: dict[tuple[str, str], LedgerEntry],
    tables: list[str],
) -> None:
    """Raise an error about the first line that is of no record in quarantine.

    A correction that was applied earlier is passed over, so that the same file may be given again.
    """
    named = connection.execute('select distinct "table", source_file from given').fetchall()
    files, applied = [], []
    for entry in (entries[key] for key in named if key in entries):
        if entry.rejected_file and (lake.root / entry.rejected_file).is_file():
            files.append(quote_text(lake.root / entry.rejected_file))
        applied += [{**c, "source_file": entry.source_file} for c in entry.corrections]
    bad = f"read_parquet([{', '.join(files)}])" if files else "(select '' source_file, 0 record)"
    wrong = connection.execute(
        f"""
        with applied as (
            select unnest(from_json(
                $applied,
                '[{{"source_file": "VARCHAR", "record": "BIGINT", "text": "VARCHAR",
                    "applied": "BOOLEAN"}}]'
            )) as one
        )

        select line, "table", record, source_file, case
            when "table" is null or source_file is null or record is null or text is null
                then '{_NOT_EXPORTED}'
            when "table" not in (select unnest($tables)) then 'other table'
            when row_number() over (partition by source_file, record order by line) > 1
                then 'a second line for the same record'
            when (source_file, record) in (select source_file, record from {bad}) then null
            when (source_file, record, text) in (
                select one.source_file, one.record, one.text from applied where one.applied
            ) then 'applied'
            else 'not in quarantine'
        end as reason
        from given
        qualify reason is not null
        order by line
        """,
        {"applied": json.dumps(applied), "tables": tables},
    ).fetchall()
    for line, table, record, source_file, reason in wrong:
        if reason == "applied":
            connection.execute("delete from given where line = ?", [line])
            continue
        fix = "remove one of them"
        if reason == _NOT_EXPORTED:
            fix = "change nothing but `text`"
        elif reason == "other table":
            reason = f"{table} is no declared table, or not chosen"
            fix = f"give corrections of these only: {', '.join(tables)}"
        elif reason == "not in quarantine":
            reason = f"record {record} of {source_file} is not in quarantine"
            fix = "remove the line; `casebook replay --export` writes what is in quarantine now"
        raise CasebookError(f"line {line}: {reason}", file=path, fix=fix)


def _replay_file(
    known: LedgerEntry,
    table: Table,
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    given: str,
    count: TableReplay,
) -> list[str]:
    """Replay one raw file under its lock: a loader may have landed it again since it was found."""
    import duckdb

    count.files += 1
    tried = known.quarantined
    try:
        with lake.file_lock(known.source_file):
            entry = lake.read_entry(*known.key)
            tried = entry.quarantined if entry else 0
            if entry is None or entry.rejected_file is None:
                return []
            if not lake.has_files(entry):
                raise Refused("a landed file of it is missing; `casebook load` lands it again")
            if entry.landed_hash and (why := lake.why_damaged(entry)):
                raise Refused(f"{why}; `casebook load --verify` lands it again")
            quarantine = lake.root / entry.rejected_file
            rows = rows_to_read(entry, quarantine, connection, given)
            attempt = try_again(entry, quarantine, rows, table, connection, folder)
            if attempt.landed:
                _commit(lake, entry, attempt, attempt.landed)
                count.landed += attempt.entry.landed - entry.landed
            return attempt.failures
    except Refused as refusal:
        reason = str(refusal)
    except duckdb.OutOfMemoryException:
        reason = "its records are too large for the loader's memory"
    except duckdb.IOException:
        raise
    except duckdb.Error as error:
        reason = f"cannot be read: {str(error).splitlines()[0]}"
    finally:
        count.tried += tried
    return [f"{known.source_file}: {reason}"]


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
