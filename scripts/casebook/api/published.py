"""A published warehouse, open for reading."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from casebook.ask.declared import BUILD, read_endpoints
from casebook.ask.query import Column, find_columns
from casebook.ask.warehouse import last_build
from casebook.errors import CasebookError
from casebook.sql import quote_text

Identity = tuple[int, int, int, int]


class Build:
    """A published file, open until nobody refers to it any more.

    A second `duckdb.connect` of a path would hand out the database that is open already, even where
    another file has taken its place. So the file is attached to a database in memory, which is
    never shared, and which can do nothing but read it.

    Args:
        path: the file.
        memory: how much DuckDB may hold, such as `1GB`.
        threads: how many threads one query may use.
        identity: what tells it from others that were there.

    Raises:
        CasebookError: if there is none, or it is no warehouse.
    """

    def __init__(self, path: Path, memory: str, threads: int, identity: Identity | None) -> None:
        if identity is None:
            raise CasebookError("nothing is published yet", file=path.name, fix=BUILD)
        self.identity = identity
        self.published_at = datetime.fromtimestamp(identity[2] // 10**9, UTC)
        self._folder = tempfile.TemporaryDirectory(prefix="casebook-serve-")
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": memory,
                "threads": threads,
                "temp_directory": self._folder.name,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
        try:
            self._connection.execute(f"attach {quote_text(path)} as warehouse (read_only)")
            self._connection.execute("set enable_external_access = false")
            self._connection.execute("set lock_configuration = true")
            self._read()
        except duckdb.Error as error:
            fix = f"end the process that writes to it, or {BUILD}"
            reason = f"the warehouse cannot be read: {error}".replace(str(path), path.name)
            raise CasebookError(reason, file=path.name, fix=fix) from error

    def _read(self) -> None:
        cursor = self.cursor()
        last = last_build(cursor)
        if last is None:
            raise CasebookError("no build has recorded itself in audit.builds", fix=BUILD)
        self.build_id, self.rows_per_mart = last
        self.endpoints = read_endpoints(cursor)
        # The columns of each endpoint's answers, or why there are none.
        self.columns: dict[str, tuple[Column, ...] | CasebookError] = {}
        for path, endpoint in self.endpoints.items():
            try:
                self.columns[path] = find_columns(cursor, endpoint)
            except CasebookError as error:
                self.columns[path] = error

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of one's own."""
        cursor = self._connection.cursor()
        cursor.execute("use warehouse")
        return cursor
