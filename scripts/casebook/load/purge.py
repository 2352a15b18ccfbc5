"""Raw is the truth: leaves no trace of what raw files no longer hold, and looks for a text."""

from __future__ import annotations

import json
import mmap
from pathlib import Path
from typing import TYPE_CHECKING

from casebook.lake.layout import TEMPORARY, Lake, encode
from casebook.load.report import LoadReport, Progress
from casebook.load.run import load
from casebook.settings import Settings
from casebook.sql import connect, quote_name, quote_text

if TYPE_CHECKING:
    import duckdb


def purge(settings: Settings, *, progress: Progress | None = None) -> LoadReport:
    """Load every raw file that has changed, and remove whatever is not of raw files as they are.

    What was replaced goes at once, and so does what was landed of files that are gone. A file that
    is refused keeps what was landed of it before.

    Args:
        settings: where the project, the raw files and the lake are.
        progress: is kept up to date.

    Returns:
        What became of each file; nothing may linger where none was refused.

    Raises:
        CasebookError: as `load`.
    """
    report = load(settings, verify=True, allow_shrink=True, progress=progress)
    lake = Lake(settings.lake)
    with lake.failures_told("build --purge"):
        lake.purge({result.entry.key for result in report.files})
    return report


def find_text(settings: Settings, text: str) -> list[str]:
    """Where a text stands in the lake and in the warehouse.

    The bytes of every file are searched, free blocks and all, as are the names. What is compressed
    shows no text in its bytes, so the values of Parquet files and of tables are searched, too.

    Args:
        settings: where the lake and the warehouse are.
        text: at least one character, upper and lower case told apart.

    Returns:
        Paths, with the table where it is one of the warehouse.
    """
    import duckdb

    spellings = {text.encode(), json.dumps(text)[1:-1].encode("ascii")}
    warehouse = settings.warehouse
    files = sorted(path for path in settings.lake.rglob("*") if path.is_file())
    files += [p for p in (warehouse, warehouse.with_name(f"{warehouse.name}.wal")) if p.is_file()]
    found = []
    with connect(settings.lake / TEMPORARY / "find") as connection:
        for path in files:
            name = str(path)
            try:
                if text in name or encode(text) in name or _in_bytes(path, spellings):
                    found.append(name)
                elif path.suffix == ".parquet":
                    values = f"read_parquet({quote_text(path)})"
                    found += [name] if _holds(connection, values, text) else []
            except duckdb.Error:
                found.append(f"{name}: cannot be read, so it may be there")
    if warehouse.is_file():
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            tables = connection.execute("select schema_name, table_name from duckdb_tables()")
            for schema, table in sorted(tables.fetchall()):
                if _holds(connection, f"{quote_name(schema)}.{quote_name(table)}", text):
                    found.append(f"{warehouse}: {schema}.{table}")
    return found


def _in_bytes(path: Path, spellings: set[bytes]) -> bool:
    if not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(spelling) >= 0 for spelling in spellings)


def _holds(connection: duckdb.DuckDBPyConnection, relation: str, text: str) -> bool:
    columns = connection.execute(f"describe from {relation}").fetchall()
    holds = " or ".join(f"contains({quote_name(name)}::varchar, $1)" for name, *_ in columns)
    query = f"select 1 from {relation} where {holds} limit 1"
    return connection.execute(query, [text]).fetchone() is not None
