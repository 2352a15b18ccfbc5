"""DuckDB in bounded memory, spilling to a folder of the lake; SQL names and texts, quoted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

MEMORY_LIMIT = "600MB"


def connect(
    spill: Path, memory_limit: str = MEMORY_LIMIT, threads: int | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection to a database in memory.

    Args:
        spill: the folder for what does not fit into memory; made when it is needed.
        memory_limit: how much memory DuckDB may use.
        threads: how many threads it may use; as many as there are processors by default.
    """
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory_limit,
        "temp_directory": str(spill),
        "preserve_insertion_order": "true",
        "autoinstall_known_extensions": "false",
        # It takes a file that was written anew within a moment for the one before.
        "enable_external_file_cache": "false",
    }
    if threads:
        config["threads"] = threads
    return duckdb.connect(config=config)


def quote_name(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_relation(relation: str) -> str:
    """A relation, `schema.name`, quoted."""
    return ".".join(quote_name(part) for part in relation.split(".", 1))


def quote_text(text: object) -> str:
    """A text as a SQL literal."""
    return "'" + str(text).replace("'", "''") + "'"
