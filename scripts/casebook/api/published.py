"""The published warehouse, open for reading, and the next one as soon as it is published."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from casebook.ask.ctr import has_click_through_rates, platforms_with_views
from casebook.ask.offers import Offer, find_columns
from casebook.ask.query import Column
from casebook.errors import CasebookError

if TYPE_CHECKING:
    import duckdb

# How long a file that could not be opened is left alone while an earlier build can be served.
RETRY_SECONDS = 1.0
BUILD = "run `casebook build`"

Identity = tuple[int, int, int, int]


@dataclass(frozen=True)
class Build:
    """What is known of a published build.

    Attributes:
        build_id: as in `audit.builds`.
        published_at: when the file was last written to, which publishing does; UTC.
        rows_per_mart: rows by `schema.table`, as the build counted them.
        platforms: those that have click-through rates; None where the build lacks them.
        version: differs between any two files.
    """

    build_id: str
    published_at: datetime
    rows_per_mart: dict[str, int]
    platforms: tuple[str, ...] | None
    version: str


class Published:
    """Opens a warehouse file, and opens it again when another file has taken its place.

    A build is published by a rename, so what was open before stays whole, and whoever is in the
    middle of an answer goes on with it. A file is closed with the last answer from it.

    Args:
        path: the warehouse; it need not be there yet.
        memory: how much DuckDB may hold, such as `1GB`; beyond that it uses a temporary folder.
        threads: how many threads one query may use.
        say: takes a line about something that an operator should know.
    """

    def __init__(self, path: Path, memory: str, threads: int, say: Callable[[str], None]) -> None:
        self.path, self.memory, self.threads, self._say = path, memory, threads, say
        self._lock = threading.Lock()
        self._current: _Open | None = None
        self._refused: tuple[Identity | None, float] | None = None

    def lease(self) -> Lease:
        """The build that is published now, kept open until the lease is released.

        Raises:
            CasebookError: if nothing is published, or it cannot be opened.
        """
        with self._lock:
            self._look()
            return Lease(self, self._current)

    def close(self) -> None:
        """Close what is open, once nobody reads it any more."""
        with self._lock:
            self._retire()

    def _look(self) -> None:
        """Make `_current` the file that is published now."""
        identity = _identity(self.path)
        if self._current and self._current.identity == identity:
            return
        if self._current and self._is_refused(identity):
            return
        try:
            opened = self._open()
        except CasebookError as error:
            if not self._current:
                raise
            # Better the last good build than none.
            if not self._refused or self._refused[0] != identity:
                self._say(f"still serving build {self._current.build.build_id}: {error}")
            self._refused = identity, time.monotonic()
            return
        self._retire()
        self._current, self._refused = opened, None
        self._say(f"serving build {opened.build.build_id}")

    def _is_refused(self, identity: Identity | None) -> bool:
        if not self._refused or self._refused[0] != identity:
            return False
        return time.monotonic() - self._refused[1] < RETRY_SECONDS

    def _open(self) -> _Open:
        for _ in range(10):
            identity = _identity(self.path)
            if identity is None:
                raise CasebookError("nothing is published yet", file=self.path.name, fix=BUILD)
            opened = _Open(self.path, identity, self.memory, self.threads)
            # Another build may have been published in between.
            if _identity(self.path) == identity:
                return opened
            opened.close()
        raise CasebookError(
            "it is being replaced again and again", file=self.path.name, fix="try again later"
        )

    def _retire(self) -> None:
        retired, self._current = self._current, None
        if retired:
            retired.is_retired = True
            if not retired.leases:
                retired.close()

    def _release(self, opened: _Open) -> None:
        with self._lock:
            opened.leases -= 1
            if opened.is_retired and not opened.leases:
                opened.close()


class Lease:
    """A build that stays open as long as someone needs it."""

    def __init__(self, published: Published, opened: _Open) -> None:
        self._published, self._opened = published, opened
        self._cursors: list[duckdb.DuckDBPyConnection] = []
        self._is_released = False
        opened.leases += 1
        self.build = opened.build

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of one's own to the build; closed when the lease is released."""
        cursor = self._opened.cursor()
        self._cursors.append(cursor)
        return cursor

    def columns(self, offer: Offer) -> tuple[Column, ...]:
        """The columns that an offer has in this build.

        Raises:
            CasebookError: if the build lacks the mart, or a column that the offer needs.
        """
        known = self._opened.columns
        if offer not in known:
            known[offer] = find_columns(self.cursor(), offer, self._published.path.name)
        return known[offer]

    def release(self) -> None:
        """Give the build back; more than once does no harm."""
        if self._is_released:
            return
        self._is_released = True
        for cursor in self._cursors:
            cursor.close()
        self._published._release(self._opened)

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class _Open:
    """One published file, open."""

    def __init__(self, path: Path, identity: Identity, memory: str, threads: int) -> None:
        import duckdb

        self.identity = identity
        self.leases = 0
        self.is_retired = False
        self.columns: dict[Offer, tuple[Column, ...]] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="casebook-serve-")
        try:
            self._connection = _connect(path, memory, threads, Path(self._folder.name))
            try:
                with contextlib.closing(self.cursor()) as cursor:
                    self.build = _read_build(cursor, identity)
            except BaseException:
                self._connection.close()
                raise
        except duckdb.Error as error:
            self._folder.cleanup()
            raise CasebookError(
                f"the warehouse cannot be read: {error}",
                file=path.name,
                fix=f"end the process that writes to it, or {BUILD}",
            ) from error
        except BaseException:
            self._folder.cleanup()
            raise

    def cursor(self) -> duckdb.DuckDBPyConnection:
        cursor = self._connection.cursor()
        cursor.execute("use warehouse")
        return cursor

    def close(self) -> None:
        self._connection.close()
        self._folder.cleanup()


def _connect(path: Path, memory: str, threads: int, folder: Path) -> duckdb.DuckDBPyConnection:
    """Attach a file to a database in memory that can do nothing but read it.

    A second `duckdb.connect` of a path would hand out the database that is open already, even where
    another file has taken its place. A database in memory is never shared.
    """
    import duckdb

    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": memory,
            "threads": threads,
            "temp_directory": str(folder),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    try:
        name = str(path).replace("'", "''")
        connection.execute(f"attach '{name}' as warehouse (read_only)")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
    except BaseException:
        connection.close()
        raise
    return connection


def _read_build(cursor: duckdb.DuckDBPyConnection, identity: Identity) -> Build:
    import duckdb

    try:
        last = cursor.execute(
            "select build_id, rows_per_mart from audit.builds order by started_at desc limit 1"
        ).fetchone()
    except duckdb.CatalogException:
        last = None
    if last is None:
        raise CasebookError("no build has recorded itself in audit.builds", fix=BUILD)
    build_id, rows_per_mart = last
    return Build(
        build_id=build_id,
        published_at=datetime.fromtimestamp(identity[2] / 1e9, UTC),
        rows_per_mart=json.loads(rows_per_mart),
        platforms=platforms_with_views(cursor) if has_click_through_rates(cursor) else None,
        version=hashlib.sha256(f"{build_id} {identity}".encode()).hexdigest(),
    )


def _identity(path: Path) -> Identity | None:
    """What tells a file from the one that was there before; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
