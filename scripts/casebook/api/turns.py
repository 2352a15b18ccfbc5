"""Who may use the warehouse, and for how long.

A small answer takes a quick turn. One that takes its thread more than a moment of processor time,
or is longer than a batch of rows, gives that up for one of a few slow turns, which it holds until
it is sent: small answers never wait for large ones. Turns go round among the addresses that wait
for them, and no address has all slow turns.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import duckdb

from casebook.api.published import Build

QUICK_TURNS, SLOW_TURNS, SLOW_TURNS_EACH = 16, 4, 3
# Of processor time, so that a busy machine makes no answer slow; it is looked at this often.
QUICK_SECONDS, LOOK_SECONDS = 0.05, 0.02
# How many requests of an address may wait, and how many requests are known as slow or quick.
MOST_WAITING, MOST_KNOWN = 200, 1_000


class BusyError(Exception):
    """An answer that was not to be had in time, and why."""


class Lane:
    """Turns of one kind.

    Args:
        turns: how many there are.
        each: how many of them an address may have.
    """

    def __init__(self, turns: int, each: int) -> None:
        self._free, self._each = turns, each
        self._held = Counter[str]()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def take(self, peer: str, seconds: float) -> None:
        """Wait for a turn; with 0 seconds, take one if there is one.

        Raises:
            BusyError: if there is none in time, or too many of the address wait for one.
        """
        queue = self._waiting.setdefault(peer, deque())
        if len(queue) >= MOST_WAITING:
            raise BusyError("too many requests from this address are waiting")
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        self._pass_on()
        try:
            if seconds and not turn.done():
                await asyncio.wait({turn}, timeout=seconds)
        except asyncio.CancelledError:
            if turn.done():
                self.give(peer)
            raise
        finally:
            if not turn.done():
                queue.remove(turn)
        if not turn.done():
            raise BusyError("the server is busy with other requests")

    def give(self, peer: str) -> None:
        """Give a turn back."""
        self._free += 1
        self._held[peer] -= 1
        self._pass_on()

    def _pass_on(self) -> None:
        for peer, queue in list(self._waiting.items()):
            if queue and self._free and self._held[peer] < self._each:
                queue.popleft().set_result(None)
                self._free -= 1
                self._held[peer] += 1
                self._waiting.move_to_end(peer)
            if not queue and not self._held[peer]:
                del self._waiting[peer], self._held[peer]


class Reading:
    """An answer that is read from a build, piece by piece, in a thread."""

    def __init__(self, pool: ThreadPoolExecutor, build: Build, begin: Begin) -> None:
        self._pool, self._build, self._begin = pool, build, begin
        self._cursors: list[duckdb.DuckDBPyConnection] = []
        self.release: Callable[[], None] | None = None
        self.total = 0
        self.is_whole = False
        self._clock, self._began, self.took = 0, 0.0, 0.0
        self._work = asyncio.get_running_loop().run_in_executor(pool, self._first)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection to the build, which is interrupted and closed with the reading."""
        self._cursors.append(self._build.cursor())
        return self._cursors[-1]

    async def is_ready(self, seconds: float) -> bool:
        """Whether the first piece is there in time; what went wrong is raised."""
        await asyncio.wait({self._work}, timeout=max(0, seconds))
        if self._work.done():
            self._work.result()
        return self._work.done()

    def has_taken(self, seconds: float) -> bool:
        """Whether its first piece, which is not there yet, has taken more processor time."""
        return bool(self._clock) and time.clock_gettime(self._clock) - self._began > seconds

    async def piece(self) -> bytes:
        """The first piece, which is all of an answer that is whole."""
        return await self._work

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces."""
        while piece := await self._work:
            loop = asyncio.get_running_loop()
            self._work = loop.run_in_executor(self._pool, next, self._pieces, b"")
            yield piece

    async def end(self) -> None:
        """Interrupt what goes on, and give back cursors and turn."""
        while not self._work.done():
            for cursor in self._cursors:
                cursor.interrupt()
            # A query that was about to begin is not interrupted; the next time it is.
            await asyncio.wait({self._work}, timeout=0.05)
        self._work.exception()
        for cursor in self._cursors:
            cursor.close()
        if self.release:
            self.release()
        self.release = None

    def _first(self) -> bytes:
        clock = time.pthread_getcpuclockid(threading.get_ident())
        self._began = time.clock_gettime(clock)
        self._clock = clock
        self.total, self.is_whole, self._pieces = self._begin(self.cursor)
        piece = b"".join(self._pieces) if self.is_whole else next(self._pieces)
        self.took = time.clock_gettime(clock) - self._began
        return piece


# Given a maker of cursors: how many rows there are on all pages, whether the answer is short enough
# to be sent as a whole, and its pieces.
Begin = Callable[[Callable[[], duckdb.DuckDBPyConnection]], tuple[int, bool, Iterator[bytes]]]


class Turns:
    """Readings, each with a turn.

    Args:
        seconds: how long an answer may take until its first rows are there.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._quick = Lane(QUICK_TURNS, QUICK_TURNS)
        self._slow = Lane(SLOW_TURNS, SLOW_TURNS_EACH)
        # Whether a request was slow the last time.
        self._known: OrderedDict[str, bool] = OrderedDict()
        self._pool = ThreadPoolExecutor(QUICK_TURNS + SLOW_TURNS, "casebook-read")

    async def read(self, build: Build, peer: str, request: str, begin: Begin) -> Reading:
        """A reading whose first piece is there; whoever has it ends it.

        Args:
            build: what is read.
            peer: the address that gets the answer.
            request: what is requested; the same is slow again.
            begin: see `Begin`.

        Raises:
            BusyError: if it is not there in time.
        """
        until = time.monotonic() + self._seconds
        reading = None
        if not (was_slow := self._known.get(request)):
            await self._quick.take(peer, self._seconds)
            try:
                if self._known.get(request):  # The same was slow while this one waited.
                    raise BusyError
                reading = Reading(self._pool, build, begin)
                # What was quick once is given more: a busy machine takes longer for the same.
                most = QUICK_SECONDS if was_slow is None else 10 * QUICK_SECONDS
                while not await reading.is_ready(LOOK_SECONDS) and not reading.has_taken(most):
                    if time.monotonic() > until:
                        raise self._late()
                self._learn(request, is_slow=not reading.is_whole)
                if reading.is_whole:
                    return reading
                await self._slow.take(peer, 0)
                reading.release = lambda: self._slow.give(peer)
            except BaseException as error:
                if reading:
                    await reading.end()
                reading = None
                if not isinstance(error, BusyError):
                    raise
            finally:
                self._quick.give(peer)
        if reading is None:
            await self._slow.take(peer, until - time.monotonic())
            reading = Reading(self._pool, build, begin)
            reading.release = lambda: self._slow.give(peer)
        try:
            if not await reading.is_ready(until - time.monotonic()):
                raise self._late()
            # The first one of a build may be slow, as the file is not in memory yet.
            self._learn(request, is_slow=not reading.is_whole or reading.took > QUICK_SECONDS)
            return reading
        except BaseException:
            await reading.end()
            raise

    def _learn(self, request: str, *, is_slow: bool) -> None:
        self._known[request] = is_slow
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def _late(self) -> BusyError:
        return BusyError(f"the answer took longer than {self._seconds:g} seconds")
