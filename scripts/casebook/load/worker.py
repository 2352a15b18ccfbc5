"""What loads files one after another: a DuckDB connection, a temporary folder, a thread."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from casebook.errors import Refused
from casebook.lake.layout import Lake
from casebook.load.measure import measure
from casebook.load.report import Progress
from casebook.readers.base import Measured
from casebook.readers.count import Counter
from casebook.sql import MEMORY_LIMIT, connect

if TYPE_CHECKING:
    import duckdb

SMALL_FILE = 1 << 20
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9_./ -]+")


@dataclass(frozen=True)
class Options:
    """What holds for all files of a run.

    Attributes:
        verify: hash raw and landed files even where size and modification time are as before.
        allow_shrink: land a file that has fewer bytes than when it was landed.
        progress: is told how far the run is.
    """

    verify: bool = False
    allow_shrink: bool = False
    progress: Progress | None = None


class Worker:
    """What is made once for many files, each part when it is first needed.

    Args:
        lake: where files are landed.
        options: what holds for all files of the run.
        memory_limit: how much memory DuckDB may use.
        threads: how many threads DuckDB may use; as many as there are processors by default.

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
        self.lake, self.options = lake, options
        self.unread = 0
        self._limits = memory_limit, threads
        self._measured: tuple[object, Future[Measured]] | None = None
        self._stack = ExitStack()
        self._home: Path | None = None
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._thread = self._stack.enter_context(ThreadPoolExecutor(1))

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def empty_folder(self, name: str = "file") -> Path:
        """A temporary folder on the lake's disk, emptied."""
        if self._home is None:
            self._home = self._stack.enter_context(self.lake.workspace())
        folder = self._home / name
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        return folder

    def connect(self) -> duckdb.DuckDBPyConnection:
        """The DuckDB connection, with bounded memory."""
        if self._connection is None:
            assert self._home is not None
            connection = connect(self._home / "spill", *self._limits)
            self._connection = self._stack.enter_context(connection)
        return self._connection

    def drop_broken_connection(self, refusal: Refused) -> None:
        """After an internal error DuckDB answers nothing more: the next file gets a new one."""
        if self._connection is None or refusal.__cause__ is None:
            return
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
            arguments = (path, compression, prefix, self.read, counter)
            future = _do_now if self.unread < SMALL_FILE else self._thread.submit
            self._measured = (wanted, future(measure, *arguments))
        return self._measured[1]

    def read(self, size_bytes: int) -> None:
        """So many more bytes of the current file were read."""
        size_bytes = min(size_bytes, self.unread)
        self.unread -= size_bytes
        if self.options.progress:
            self.options.progress.read(size_bytes)


def _do_now(function: Callable[..., Measured], *arguments: object) -> Future[Measured]:
    future: Future[Measured] = Future()
    try:
        future.set_result(function(*arguments))
    except Refused as refusal:
        future.set_exception(refusal)
    return future


def plainly_named(path: Path, folder: Path) -> Path:
    """A path to a raw file in which no character means something in a glob."""
    if _PLAIN_PATH.fullmatch(str(path)):
        return path
    link = folder / "raw"
    link.symlink_to(path.absolute())
    return link
