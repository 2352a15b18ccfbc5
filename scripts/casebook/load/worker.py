"""What loads files one after another: a DuckDB connection, a temporary folder, a thread."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from casebook.errors import Refused
from casebook.lake.layout import Lake
from casebook.load.measure import measure
from casebook.load.report import Options
from casebook.readers.archives import UNREADABLE
from casebook.readers.base import Measured
from casebook.readers.count import Counter
from casebook.sql import connect

SMALL_FILE = 1 << 20


class Worker:
    """What is made once for many files.

    Attributes:
        folder: a temporary folder on the lake's disk.
        unread: bytes of the current file that progress was not told of yet.
    """

    def __init__(
        self, lake: Lake, options: Options, memory_limit: str, threads: int | None = None
    ) -> None:
        self.lake, self.options, self.unread = lake, options, 0
        self._limits = memory_limit, threads
        self._measured: tuple[object, Future[Measured]] | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Worker:
        self.folder = self._stack.enter_context(self.lake.workspace())
        self._thread = self._stack.enter_context(ThreadPoolExecutor(1))
        self._connect()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _connect(self) -> None:
        connection = connect(self.folder / "spill", *self._limits)
        self.connection = self._stack.enter_context(connection)

    def empty_folder(self, name: str) -> Path:
        """A temporary folder of that name, emptied."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def mend_connection(self, refusal: Refused) -> None:
        """After an internal error DuckDB answers nothing more: the next file gets a new one."""
        import duckdb

        if isinstance(refusal.__cause__, (duckdb.InternalException, duckdb.FatalException)):
            self._connect()

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
        self.options.progress.read(size_bytes)


@contextmanager
def failures_told_apart(check: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Turn failures of the raw file into refusals, and of the lake's disk into `OSError`.

    `check` raises Refused if it is the raw file that cannot be read.
    """
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise Refused("its records are too large for the loader's memory") from error
    except (*UNREADABLE, duckdb.Error) as error:
        check()
        if isinstance(error, (OSError, duckdb.IOException)):
            raise OSError(str(error)) from error
        raise Refused(f"cannot be read: {str(error).splitlines()[0]}") from error
