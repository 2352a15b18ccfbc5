"""Quarantined records tried again, as they stand or as someone has corrected them by hand.

Only the lake is needed: the quarantine has each record's own bytes, and the ledger entry what a
reader must know of the file that the record is from.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from casebook.errors import CasebookError, Refused
from casebook.lake.layout import Lake, landed_name
from casebook.lake.ledger import LedgerEntry
from casebook.load.again import rows_to_read, try_again
from casebook.load.discover import choose_tables
from casebook.load.known import has_files, replaced_now, why_damaged
from casebook.load.report import Failure, ReplayReport, TableReplay
from casebook.settings import Settings
from casebook.sources import Table, read_sources
from casebook.sql import connect, quote_text

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
                _read_corrections(connection, corrections, lake, chosen)
            done, total = 0, sum(entry.quarantined for entry in entries)
            for entry in entries:
                table = chosen[entry.full_table_name]
                with tempfile.TemporaryDirectory(dir=folder) as own:
                    report.add(
                        entry.full_table_name,
                        *_replay_file(entry, table, lake, connection, Path(own), bool(corrections)),
                    )
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


def _read_corrections(
    connection: duckdb.DuckDBPyConnection, path: Path, lake: Lake, tables: Iterable[str]
) -> None:
    """Read a file that `export_quarantine` wrote and that someone has edited, as table `given`.

    Args:
        connection: where to make the table: line, source_file, record and text.
        path: JSON lines with `source_file`, `table`, `record` and `text`.
        lake: the lake, in whose quarantine each record must be, unless it stands in the ledger as
            corrected that way.
        tables: the tables whose records may be corrected, each `SOURCE.TABLE`.

    Raises:
        CasebookError: if it cannot be read, or a line is of no such record.
    """
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
        reason = getattr(error, "strerror", None) or str(error)
        fix = "name the file that `casebook replay --export` wrote"
        raise CasebookError(
            f"the corrections cannot be read: {reason}", file=path, fix=fix
        ) from error
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise CasebookError(
            f"not as it was exported: {reason}",
            file=path,
            fix='change nothing but `text`, and write \\" for " and \\\\ for \\ in it',
        ) from error
    _check_corrections(connection, path, lake, sorted(tables))


def _check_corrections(
    connection: duckdb.DuckDBPyConnection, path: Path, lake: Lake, tables: list[str]
) -> None:
    """Raise an error about the first line that is of no record in quarantine.

    A correction that was applied earlier is passed over, so that the same file may be given again.
    """
    entries = {(e.full_table_name, e.source_file): e for e in lake.entries(lambda damage: None)}
    named = connection.execute('select distinct "table", source_file from given').fetchall()
    rejected = [lake.root / str(entries[key].rejected_file) for key in named if key in entries]
    files = ", ".join(quote_text(file) for file in rejected if file.is_file())
    bad = f"select source_file, record from read_parquet([{files}])" if files else "select '', 0"
    wrong = connection.execute(
        f"""
        select
            line, "table", source_file, record, text,
            row_number() over (partition by source_file, record order by line) > 1 as is_second,
            (source_file, record) in ({bad}) as is_bad
        from given
        qualify
            "table" is null or text is null or is_second or is_bad is not true
            or "table" not in (select unnest(?))
        order by line
        """,
        [tables],
    ).fetchall()
    for line, table, source_file, record, text, is_second, is_bad in wrong:
        entry = entries.get((table, source_file))
        applied = (
            [(c["record"], c["text"]) for c in entry.corrections if c["applied"]] if entry else []
        )
        if None in (table, source_file, record, text):
            reason, fix = "not as it was exported", "change nothing but `text`"
        elif table not in tables:
            reason = f"{table} is no declared table, or not chosen"
            fix = f"give corrections of these only: {', '.join(tables)}"
        elif is_second:
            reason, fix = "a second line for the same record", "remove one of them"
        elif (record, text) in applied and not is_bad:
            connection.execute("delete from given where line = ?", [line])
            continue
        else:
            reason = f"record {record} of {source_file} is not in quarantine"
            fix = "remove the line; `casebook replay --export` writes what is in quarantine now"
        raise CasebookError(f"line {line}: {reason}", file=path, fix=fix)


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
    rejected_folder = lake.rejected_folder(*keys)
    entry.rejected_file = lake.place(left, rejected_folder / name) if left else None
    entry.landed_hash = entry.landed_hash and lake.hash_of(entry.files)
    lake.commit(entry)
    lake.sweep(entry)
