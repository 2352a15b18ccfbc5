"""Runs the API until it is told to stop: uvicorn, with limits on clients that are slow."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
import socket
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import h11
import uvicorn
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from casebook.api.front import Front
from casebook.api.published import Build
from casebook.api.turns import Turns
from casebook.errors import CasebookError

# A request has to be there as a whole, and an answer to be taken further, within so many seconds.
SECONDS = 10.0
# Connections that are accepted in one go, and file handles that are left to others: a few rounds of
# these are open before the first of them is closed.
BACKLOG, RESERVED = 64, 500
LOG_SECONDS = 60.0
# Answers that are being sent may take so long to end after a stop.
STOP_SECONDS = 10
THREADS = min(4, os.cpu_count() or 1)
# The system holds so much of an answer; it takes more when a third of that is free.
SEND_BUFFER = 262_144


def serve(
    warehouse: Path,
    host: str,
    port: int,
    *,
    memory: str,
    seconds: float,
    log: bool,
    hosts: Sequence[str],
    proxies: Sequence[str],
    origins: Sequence[str],
    started: Callable[[str], None],
    say: Callable[[str], None],
) -> None:
    """Serve a warehouse until SIGINT or SIGTERM; answers that have begun are sent to their end.

    Args:
        warehouse: as for `Front`; so are `hosts`, `proxies` and `say`; `seconds` as for `Turns`.
        host: the address or name to listen on.
        port: the port; 0 takes a free one.
        memory: how much DuckDB may hold, such as `1GB`.
        log: write a line for each request.
        origins: the sites whose pages may read answers.
        started: takes the server's address, once it can be asked.

    Raises:
        CasebookError: if the port or the address cannot be had.
    """
    build = partial(Build, warehouse, memory, THREADS)
    app: ASGIApp = Front(warehouse, build, Turns(seconds), hosts, proxies, say)
    if origins:
        app = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=["GET", "HEAD", "POST"],
            allow_headers=["Content-Type", "If-None-Match"],
            expose_headers=["Casebook-Build", "Casebook-Total-Rows", "ETag", "Link"],
        )
    with _listen(host, port) as listener:
        connections = Connections(say)
        address, port = listener.getsockname()[:2]
        started(f"http://{f'[{address}]' if ':' in address else address}:{port}")
        config = uvicorn.Config(
            app,
            http=partial(BoundedProtocol, connections),  # type: ignore[arg-type]
            ws="none",
            lifespan="off",
            backlog=BACKLOG,
            access_log=log,
            log_level="info" if log else "error",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
            timeout_notify=0,
            callback_notify=connections.look_after,
        )
        # uvicorn raises the signal once more after it has stopped; to be stopped is no failure.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        BoundedServer(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
        listener = socket.create_server((host, port), family=family, dualstack_ipv6=both)
    except OSError as error:
        where = f"{host}:{port}"
        if error.errno == errno.EADDRINUSE:
            reason = f"another program listens on {where}"
            fix = "stop it, or take another port with --port; 0 takes a free one"
            raise CasebookError(reason, fix=fix) from error
        fix = "name another --host or --port"
        raise CasebookError(f"cannot listen on {where}: {error}", fix=fix) from error
    # Connections have these from it: small answers are sent without delay.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    return listener


class Connections:
    """All connections of a server.

    Args:
        say: takes a line about what was cut off, once a minute at most.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        handles, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        handles = max(handles, 8_192 if most == resource.RLIM_INFINITY else min(most, 8_192))
        resource.setrlimit(resource.RLIMIT_NOFILE, (handles, most))
        self._most = max(BACKLOG, min(handles - RESERVED, 4_096))
        # How much is to be sent to each, and since when the client has taken nothing of it.
        self.open: dict[BoundedProtocol, tuple[int, float]] = {}
        # Since when they have not sent a whole request; who has waited longest comes first.
        self.waiting: dict[BoundedProtocol, float] = {}
        self.cut_off = Counter[str]()
        self._say, self._said_at = say, -LOG_SECONDS

    def make_room(self) -> None:
        """Close a connection where there are too many: the oldest of those without a request."""
        if len(self.open) > self._most:
            self._cut(next(iter(self.waiting)), "to make room")

    async def look_after(self) -> None:
        """Cut off who is too slow; uvicorn calls it every second, with `timeout_notify=0`."""
        now = time.monotonic()
        for one, since in [*self.waiting.items()]:
            if now - since > SECONDS:
                self._cut(one, "as the request was too slow")
        for one, (unsent, since) in [*self.open.items()]:
            left = one.transport.get_write_buffer_size()
            if left == 0 or left != unsent:
                self.open[one] = left, now
            elif now - since > SECONDS:
                self._cut(one, "as the answer was not taken")
        if self.cut_off and now - self._said_at > LOG_SECONDS:
            counts = ", ".join(f"{number:,} {why}" for why, number in self.cut_off.items())
            self._say(f"connections closed: {counts}")
            self._said_at = now
            self.cut_off.clear()

    def _cut(self, one: BoundedProtocol, why: str) -> None:
        self.cut_off[why] += 1
        self.waiting.pop(one, None)
        one.transport.abort()


class BoundedProtocol(H11Protocol):
    """A connection on which nothing may take for ever."""

    def __init__(self, connections: Connections, **others: Any) -> None:  # noqa: ANN401
        super().__init__(**others)
        self._all = connections
        self._app, self.app = self.app, self._run
        self._task: asyncio.Task[Any] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, and begin to wait for a request."""
        super().connection_made(transport)
        self._all.waiting[self] = now = time.monotonic()
        self._all.open[self] = 0, now
        self._all.make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """End what was being done for the client."""
        super().connection_lost(exc)
        self._all.open.pop(self, None)
        self._all.waiting.pop(self, None)
        if self._task and self.cycle.disconnected:
            self._task.cancel()

    def handle_events(self) -> None:
        """Take what has come, and see whether it is a whole request."""
        super().handle_events()
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._all.waiting.pop(self, None)
        elif not self.transport.is_closing():
            self._all.waiting.setdefault(self, time.monotonic())

    async def _run(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
        self._task = asyncio.current_task()
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError as error:
            if not self.cycle.disconnected:
                raise
            # Its frames refer to it, and to the build, which would stay open.
            traceback.clear_frames(error.__traceback__)
            self._all.cut_off["by the client, before the answer was sent"] += 1
        finally:
            self._task = None


class BoundedServer(uvicorn.Server):
    """uvicorn, with a longer queue of connections than it accepts in one go."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        await super().startup(sockets)
        for one in sockets or ():
            one.listen(4_096)
