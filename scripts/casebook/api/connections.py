"""Connections that cannot be held open: uvicorn's protocol, with limits on slow clients."""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

# A request has to be there as a whole, and an answer to be taken further, within so many seconds.
SECONDS = 10.0
# Connections that are accepted in one go, and file handles that are left to others: a few rounds of
# these are open before the first of them is closed.
BACKLOG, RESERVED = 64, 500
# The system holds so much of an answer; it takes more when a third of that is free.
SEND_BUFFER = 262_144
LOG_SECONDS = 60.0


class Connections:
    """All connections of a server.

    Args:
        say: takes a line about what was cut off, once a minute at most.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        handles, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 8_192 if most == resource.RLIM_INFINITY else min(most, 8_192)
        if handles < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
        self._most = max(BACKLOG, min(max(handles, wanted), 4_096 + RESERVED) - RESERVED)
        self.open: set[BoundedProtocol] = set()
        # Those that have not sent a whole request; the one that has waited longest comes first.
        self.waiting: OrderedDict[BoundedProtocol, None] = OrderedDict()
        self._say, self._cut, self._said_at = say, Counter[str](), 0.0

    def make_room(self) -> None:
        """Close a connection where there are too many: the oldest of those without a request."""
        if len(self.open) > self._most:
            oldest = next(iter(self.waiting))
            oldest.cut("to make room")

    def count(self, why: str) -> None:
        """Note a connection that was cut off."""
        self._cut[why] += 1
        loop = asyncio.get_running_loop()
        if self._cut.total() == 1:
            loop.call_later(max(0.0, self._said_at + LOG_SECONDS - time.monotonic()), self._report)

    def _report(self) -> None:
        self._said_at = time.monotonic()
        counts = ", ".join(f"{number:,} {why}" for why, number in self._cut.items())
        self._say(f"connections closed: {counts}")
        self._cut.clear()


class BoundedProtocol(H11Protocol):
    """A connection on which nothing may take for ever."""

    def __init__(self, connections: Connections, **others: Any) -> None:  # noqa: ANN401
        super().__init__(**others)
        self._all = connections
        self._app, self.app = self.app, self._run
        self._timer: asyncio.TimerHandle | None = None
        self._unsent = 0
        self._task: asyncio.Task[Any] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, and begin to wait for a request."""
        super().connection_made(transport)
        self._all.open.add(self)
        self._watch()
        self._all.make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """End what was being done for the client."""
        super().connection_lost(exc)
        self._all.open.discard(self)
        self._stop_waiting()
        if self._task and self.cycle.disconnected:
            self._task.cancel()

    def handle_events(self) -> None:
        """Take what has come, and see whether it is a whole request."""
        super().handle_events()
        self._watch()

    def pause_writing(self) -> None:
        """Begin to wait for the client to take what was sent."""
        super().pause_writing()
        self._unsent = self.transport.get_write_buffer_size()
        self.loop.call_later(SECONDS, self._check_writing)

    def cut(self, why: str) -> None:
        """Close the connection at once."""
        self._all.count(why)
        self._stop_waiting()
        self.transport.abort()

    def _watch(self) -> None:
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._stop_waiting()
        elif self._timer is None and not self.transport.is_closing():
            self._timer = self.loop.call_later(SECONDS, self.cut, "as the request was too slow")
            self._all.waiting[self] = None

    def _stop_waiting(self) -> None:
        self._all.waiting.pop(self, None)
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _check_writing(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        if self.flow.write_paused and not self.transport.is_closing():
            if unsent >= self._unsent:
                self.cut("as the answer was not taken")
            self._unsent = unsent
            self.loop.call_later(SECONDS, self._check_writing)

    async def _run(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
        self._task = asyncio.current_task()
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            if not self.cycle.disconnected:
                raise
            self._all.count("by the client, before the answer was sent")
        finally:
            self._task = None


class BoundedServer(uvicorn.Server):
    """uvicorn, with a longer queue of connections than it accepts in one go."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        await super().startup(sockets)
        for one in sockets or ():
            one.listen(4_096)
