"""How long work shows itself: a bar on a terminal, plain lines otherwise."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from casebook.load.report import FileResult

SECONDS_BETWEEN_LINES = 5.0


class LoadProgress:
    """Shows a load while it runs: files, bytes, records, rate and time left."""

    def __init__(self, console: Console, quiet: bool) -> None:
        self._console, self._quiet = console, quiet
        self._files = self._files_done = self._bytes = self._bytes_done = self._records = 0
        self._started = self._last = time.monotonic()
        self._bar: Progress | None = None

    def __enter__(self) -> LoadProgress:
        return self

    def __exit__(self, *failure: object) -> None:
        if self._bar:
            self._bar.stop()

    def begin(self, files: int, size_bytes: int) -> None:
        """There are so many raw files, of so many bytes together."""
        self._files, self._bytes = files, size_bytes
        if self._console.is_terminal and not self._quiet:
            columns = (BarColumn(), DownloadColumn(), TextColumn("{task.fields[rate]}"))
            self._bar = Progress(
                TextColumn("loading {task.fields[files]} files, {task.fields[records]} records"),
                *columns,
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._task = self._bar.add_task("load", total=size_bytes, **self._state())
            self._bar.start()

    def read(self, size_bytes: int) -> None:
        """So many more bytes are dealt with."""
        self._bytes_done += size_bytes
        self._show()

    def done(self, result: FileResult) -> None:
        """One more raw file is dealt with."""
        self._files_done += 1
        self._records += result.entry.records if result.is_landed else 0
        self._show()

    def _state(self) -> dict[str, Any]:
        rate = self._bytes_done / 1e6 / max(time.monotonic() - self._started, 1e-3)
        files = f"{self._files_done}/{self._files}"
        return {"files": files, "records": f"{self._records:,}", "rate": f"{rate:,.0f} MB/s"}

    def _show(self) -> None:
        if self._bar:
            self._bar.update(self._task, completed=self._bytes_done, **self._state())
        elif not self._quiet and time.monotonic() - self._last >= SECONDS_BETWEEN_LINES:
            self._last = time.monotonic()
            share = self._bytes_done / max(self._bytes, 1)
            left = (self._last - self._started) * (1 - share) / max(share, 1e-6)
            self._console.print(
                "loading: {files} files, {done:,.0f} of {size:,.0f} MB, {records} records, {rate},"
                " {left:,.0f} s left".format(
                    done=self._bytes_done / 1e6, size=self._bytes / 1e6, left=left, **self._state()
                )
            )


@contextlib.contextmanager
def counting(
    console: Console, what: str, quiet: bool
) -> Iterator[Callable[[int, int], None] | None]:
    """A function to call with what is done and what there is in all, shown as a bar or lines."""
    if quiet:
        yield None
        return
    if console.is_terminal:
        columns = (TextColumn(what), BarColumn(), TextColumn("{task.percentage:.0f}%"))
        with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
            task = bar.add_task(what)
            yield lambda done, total: bar.update(task, completed=done, total=total)
        return
    last = time.monotonic()

    def line(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            console.print(f"{what}: {done:,} of {total:,}")

    yield line
