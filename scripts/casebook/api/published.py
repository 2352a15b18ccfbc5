"""The published warehouse, open for reading, and the next one as soon as it is published."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from casebook.ask.declared import BUILD, read_endpoints
from casebook.ask.query import Column, find_columns
from casebook.errors import CasebookError
from casebook.sql import quote_text

# How long a file that could not be opened is left alone while an earlier build can be served.
RETRY_SECONDS = 1.0

Identity = tuple[int, int, int, int]


class Build:
    """A published file, open until nobody refers to it any more.

    A second `duckdb.connect` of a path would hand out the database that is open already, even where
    another file has taken its place. So the file is attached to a database in memory, which is
    never shared, and which can do nothing but read it.

    Args:
        path: the file.
        identity: what tells it from others that were there.
        memory: how much DuckDB may hold, such as `1GB`.
        threads: how many threads one query may use.

    Raises:
        CasebookError: if the file is no warehouse.
    """

    def __init__(self, path: Path, identity: Identity, memory: str, threads: int) -> None:
        self.identity = identity
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
            self._read(path.name)
        except duckdb.Error as error:
            fix = f"end the process that writes to it, or {BUILD}"
            reason = f"the warehouse cannot be read: {error}"
            raise CasebookError(reason, file=path.name, fix=fix) from error

    def _read(self, file: str) -> None:
        cursor = self.cursor()
        try:
            last = cursor.execute(
                "select build_id, rows_per_mart from audit.builds"
                " order by build_number desc limit 1"
            ).fetchone()
        except duckdb.CatalogException:
            last = None
        if last is None:
            raise CasebookError("no build has recorded itself in audit.builds", fix=BUILD)
        self.build_id, self.rows_per_mart = str(last[0]), json.loads(last[1])
        self.published_at = datetime.fromtimestamp(self.identity[2] / 1e9, UTC)
        self.endpoints = read_endpoints(cursor)
        # The columns of each endpoint's answers, or why there are none.
        self.columns: dict[str, tuple[Column, ...] | CasebookError] = {}
        for path, endpoint in self.endpoints.items():
            try:
                self.columns[path] = find_columns(cursor, endpoint, file)
            except CasebookError as error:
                self.columns[path] = error

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of one's own."""
        cursor = self._connection.cursor()
        cursor.execute("use warehouse")
        return cursor


class Published:
    """Opens a warehouse file, and opens it again when another file has taken its place.

    A build is published by a rename, so what was open before stays whole, and whoever is in the
    middle of an answer goes on with it: `current` is the build to begin with.

    Args:
        path: the warehouse; it need not be there yet.
        memory: as for `Build`; so is `threads`.
        say: takes a line about something that an operator should know.
    """

    def __init__(self, path: Path, memory: str, threads: int, say: Callable[[str], None]) -> None:
        self.current: Build | None = None
        self._path, self._memory, self._threads, self._say = path, memory, threads, say
        self._opening = threading.Lock()
        self._refused: tuple[Identity | None, float] = None, 0.0

    def is_current(self) -> bool:
        """Whether what is open is what is published, or what is published cannot be opened now."""
        identity = _identity(self._path)
        if self.current is None or self.current.identity == identity:
            return self.current is not None
        refused, at = self._refused
        return refused == identity and time.monotonic() - at < RETRY_SECONDS

    def open(self) -> None:
        """Open what is published now, unless it is open.

        Raises:
            CasebookError: if nothing is published, or it cannot be opened, and nothing is open.
        """
        with self._opening:
            if self.is_current():
                return
            identity = _identity(self._path)
            try:
                self.current, self._refused = self._open(), (None, 0.0)
            except CasebookError as error:
                if self.current is None:
                    raise
                # Better the last good build than none.
                if not self._refused[1] or self._refused[0] != identity:
                    self._say(f"still serving build {self.current.build_id}: {error}")
                self._refused = identity, time.monotonic()
                return
            self._say(f"serving build {self.current.build_id}")

    def _open(self) -> Build:
        for _ in range(10):
            identity = _identity(self._path)
            if identity is None:
                reason = "nothing is published yet"
                raise CasebookError(reason, file=self._path.name, fix=BUILD)
            opened = Build(self._path, identity, self._memory, self._threads)
            # Another build may have been published in between.
            if _identity(self._path) == identity:
                return opened
        reason = "it is being replaced again and again"
        raise CasebookError(reason, file=self._path.name, fix="try again later")


def _identity(path: Path) -> Identity | None:
    """What tells a file from the one that was there before; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
