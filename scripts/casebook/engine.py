"""DuckDB as the loader uses it: in bounded memory, and spilling to a folder of the lake."""

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

    config = {
        "memory_limit": memory_limit,
        "temp_directory": str(spill),
        "preserve_insertion_order": "true",
        "autoinstall_known_extensions": "false",
    }
    if threads:
        config["threads"] = str(threads)
    return duckdb.connect(config=config)
