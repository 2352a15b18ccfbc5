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

    config = {
        "memory_limit": memory_limit,
        "temp_directory": str(spill),
        "preserve_insertion_order": "true",
        "autoinstall_known_extensions": "false",
    }
    if threads:
        config["threads"] = str(threads)
    return duckdb.connect(config=config)


class LateConnection:
    """A connection to a database in memory that is made when it is first used.

    Most files need none, and DuckDB alone takes 40 MB.

    Args:
        spill: as for `connect`; so are the others.
    """

    def __init__(self, spill: Path, memory_limit: str, threads: int) -> None:
        self._arguments = (spill, memory_limit, threads)
        self._connection: duckdb.DuckDBPyConnection | None = None

    def execute(self, query: str) -> duckdb.DuckDBPyConnection:
        """Run a query."""
        if self._connection is None:
            self._connection = connect(*self._arguments)
        return self._connection.execute(query)

    def close(self) -> None:
        """Close the connection if there is one."""
        if self._connection is not None:
            self._connection.close()


def quote_name(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_relation(relation: str) -> str:
    """A relation, `schema.name`, quoted."""
    return ".".join(quote_name(part) for part in relation.split(".", 1))


def quote_text(text: object) -> str:
    """A text as a SQL literal."""
    return "'" + str(text).replace("'", "''") + "'"
