"""Who may use the warehouse, and for how long.

A small answer takes a quick turn. One that takes its thread more than a moment of processor time,
or is longer than a batch of rows, gives that up for one of a few slow turns, which it holds until
it is sent: small answers never wait for large ones. What was quick the last time does not wait for
what nobody has asked before. No address has all turns, or waits for more.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from math import inf
from typing import Any
from weakref import WeakValueDictionary

import duckdb

from casebook.api.published import Build
from casebook.errors import CasebookError

QUICK_TURNS, QUICK_TURNS_EACH, SLOW_TURNS, SLOW_TURNS_EACH = 6, 4, 4, 3
# Of processor time, so that a busy machine makes no answer slow; it is looked at this often.
QUICK_SECONDS, LOOK_SECONDS = 0.05, 0.02
# How many requests are known as slow or quick.
MOST_KNOWN = 1_000

Cursors = Callable[[], duckdb.DuckDBPyConnection]
# Given a maker of cursors: how many rows there are on all pages, and the answer, whole or in pieces
# where it is long.
Begin = Callable[[Cursors], tuple[int, bytes | Iterator[bytes]]]


class Lane:
    """Turns of one kind, of which an address can have, or wait for, some at a time."""

    def __init__(self, turns: int, each: int) -> None:
        self._all, self._each = asyncio.Semaphore(turns), each
        self._of = WeakValueDictionary[str, asyncio.Semaphore]()

    def is_free(self, peer: str) -> bool:
        """Whether an address would not wait."""
        own = self._of.get(peer)
        return not (self._all.locked() or (own and own.locked()))

    @asynccontextmanager
    async def turn(self, peer: str) -> AsyncIterator[None]:
        """Wait for a turn, and have it."""
        own = self._of.setdefault(peer, asyncio.Semaphore(self._each))
        async with own, self._all:
            yield


class Reading:
    """An answer that is read from a build, in a thread."""

    def __init__(self, pool: ThreadPoolExecutor, build: Build, begin: Begin) -> None:
        self.turn, self.total = AsyncExitStack(), 0
        self.body: bytes | Iterator[bytes] = iter(())
        self.spent: Callable[[], float] = lambda: 0.0  # of processor time
        self._pool, self._build, self._begin = pool, build, begin
        self._cursors: list[duckdb.DuckDBPyConnection] = []
        self._work: asyncio.Future[Any] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all of it is there."""
        return isinstance(self.body, bytes)

    async def go_on(self, most: float = inf) -> None:
        """Wait for its first rows, or until that has taken so many seconds of processor time."""
        work = self._work or self._run(self._first)
        while not work.done() and self.spent() < most:
            await asyncio.wait({work}, timeout=LOOK_SECONDS)
        if work.done():
            work.result()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The pieces of a long answer."""
        while True:
            work = self._run(next, self.body, b"")
            await asyncio.wait({work})
            if not (piece := work.result()):
                return
            yield piece

    async def stop(self) -> None:
        """Interrupt what goes on; `go_on` begins again."""
        while self._work and not self._work.done():
            for cursor in self._cursors:
                cursor.interrupt()
            # A query that was about to begin is not interrupted; the next time it is.
            await asyncio.wait({self._work}, timeout=0.05)
        if self._work:
            self._work.exception()
        for cursor in self._cursors:
            cursor.close()
        self._work, self._cursors = None, []

    async def end(self) -> None:
        """Stop, and give the turn back."""
        try:
            await self.stop()
        finally:
            await self.turn.aclose()

    def _run(self, *work: Any) -> asyncio.Future[Any]:  # noqa: ANN401
        # To be waited for, and never awaited: that would cancel what cannot be cancelled.
        self._work = asyncio.get_running_loop().run_in_executor(self._pool, *work)
        return self._work

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        self._cursors.append(self._build.cursor())
        return self._cursors[-1]

    def _first(self) -> None:
        clock = time.pthread_getcpuclockid(threading.get_ident())
        began = time.clock_gettime(clock)
        self.spent = lambda: time.clock_gettime(clock) - began
        self.total, self.body = self._begin(self._cursor)
        took = self.spent()
        self.spent = lambda: took


class Turns:
    """Readings, each with a turn.

    Args:
        seconds: how long an answer may take until its first rows are there.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._quick = Lane(QUICK_TURNS, QUICK_TURNS_EACH)
        self._known_quick = Lane(QUICK_TURNS, QUICK_TURNS_EACH)
        self._slow = Lane(SLOW_TURNS, SLOW_TURNS_EACH)
        # Whether a request was slow the last time.
        self._known: dict[str, bool] = {}
        self._pool = ThreadPoolExecutor(2 * QUICK_TURNS + SLOW_TURNS, "casebook-read")

    async def read(self, build: Build, peer: str, request: str, begin: Begin) -> Reading:
        """A reading that is whole and has ended, or whose first rows are there; end it then.

        Args:
            build: what is read.
            peer: the address that gets the answer.
            request: what is requested; the same is slow again.
            begin: see `Begin`.

        Raises:
            CasebookError: if it is not there in time.
        """
        reading = Reading(self._pool, build, begin)
        # What was quick once is given more: a busy machine takes longer for the same.
        most, lane = QUICK_SECONDS, self._quick
        if self._known.get(request) is False:
            most, lane = 10 * QUICK_SECONDS, self._known_quick
        try:
            async with asyncio.timeout(self._seconds):
                if not self._known.get(request):
                    async with lane.turn(peer):
                        if not self._known.get(request):  # It may be known meanwhile.
                            await reading.go_on(most)
                        if not reading.is_whole and not self._slow.is_free(peer):
                            self._learn(request, is_slow=True)
                            await reading.stop()
                if not reading.is_whole:
                    await reading.turn.enter_async_context(self._slow.turn(peer))
                    await reading.go_on()
            # The first one of a build may be slow, as the file is not in memory yet.
            self._learn(request, is_slow=not reading.is_whole or reading.spent() > most)
            if reading.is_whole:
                await reading.end()
            return reading
        except BaseException as error:
            await reading.end()
            if isinstance(error, TimeoutError):
                reason = f"the answer takes longer than {self._seconds:g} seconds, or waits so long"
                raise CasebookError(reason, fix="ask for less, or again later") from error
            raise

    def _learn(self, request: str, *, is_slow: bool) -> None:
        self._known[request] = is_slow
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
