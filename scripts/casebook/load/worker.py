"""What loads files one after another: a DuckDB connection, a temporary folder, a thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from casebook.errors import Refused
from casebook.lake.layout import Lake
from casebook.load.measure import measure
from casebook.load.report import Options
from casebook.readers.base import Measured
from casebook.readers.count import Counter
from casebook.sql import MEMORY_LIMIT, connect

if TYPE_CHECKING:
    import duckdb

SMALL_FILE = 1 << 20


class Worker:
    """What is made once for many files, each part when it is first needed.

    Attributes:
        unread: bytes of the current file that progress was not told of yet.
    """

    def __init__(
        self,
        lake: Lake,
        options: Options,
        memory_limit: str = MEMORY_LIMIT,
        threads: int | None = None,
    ) -> None:
        self.lake, self.options, self.unread = lake, options, 0
        self._limits = memory_limit, threads
        self._measured: tuple[object, Future[Measured]] | None = None
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._stack = ExitStack()
        self._thread = self._stack.enter_context(ThreadPoolExecutor(1))

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @cached_property
    def folder(self) -> Path:
        """A temporary folder on the lake's disk."""
        return self._stack.enter_context(self.lake.workspace())

    def empty_folder(self, name: str) -> Path:
        """A folder in it, emptied."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        return folder

    def connect(self) -> duckdb.DuckDBPyConnection:
        """The DuckDB connection, with bounded memory."""
        if self._connection is None:
            connection = connect(self.folder / "spill", *self._limits)
            self._connection = self._stack.enter_context(connection)
        return self._connection

    def drop_broken_connection(self, refusal: Refused) -> None:
        """After an internal error DuckDB answers nothing more: the next file gets a new one."""
        if self._connection and refusal.__cause__:
            import duckdb

            if isinstance(refusal.__cause__, (duckdb.InternalException, duckdb.FatalException)):
                self._connection = None

    def measure(
        self,
        path: Path,
        identity: tuple[int, ...],
        compression: str | None,
        prefix: int | None,
        counter: Callable[[], Counter],
    ) -> Future[Measured]:
        """Measure a file: beside the reader, or before it where that takes longer to arrange.

        A file that holds several tables is measured once for those that follow each other.
        """
        wanted = (path, identity, compression, prefix, counter)
        if self._measured is None or self._measured[0] != wanted:
            future = self._thread.submit(measure, path, compression, prefix, self.read, counter)
            if self.unread < SMALL_FILE:
                future.exception()
            self._measured = (wanted, future)
        return self._measured[1]

    def read(self, size_bytes: int) -> None:
        """So many more bytes of the current file were read."""
        size_bytes = min(size_bytes, self.unread)
        self.unread -= size_bytes
        if self.options.progress:
            self.options.progress.read(size_bytes)
