"""Runs the API until it is told to stop."""

from __future__ import annotations

import errno
import os
import signal
import socket
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import uvicorn
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from casebook.api.connections import (
    BACKLOG,
    SEND_BUFFER,
    BoundedProtocol,
    BoundedServer,
    Connections,
)
from casebook.api.front import Front
from casebook.api.published import Published
from casebook.api.turns import Turns
from casebook.errors import CasebookError

# Answers that are being sent may take so long to end after a stop.
STOP_SECONDS = 10
THREADS = min(4, os.cpu_count() or 1)


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
        warehouse: the published DuckDB file; it need not be there yet.
        host: the address or name to listen on.
        port: the port; 0 takes a free one.
        memory: how much DuckDB may hold, such as `1GB`.
        seconds: how long an answer may take until its first rows are there.
        log: write a line for each request.
        hosts: the names that may stand in the header `Host`; `*` takes any.
        proxies: addresses or networks of proxies that say whom requests are from.
        origins: the sites whose pages may read answers.
        started: takes the server's address, once it can be asked.
        say: takes a line about something that an operator should know.

    Raises:
        CasebookError: if the port or the address cannot be had.
    """
    app: ASGIApp = Front(Published(warehouse, memory, THREADS, say), Turns(seconds), hosts, proxies)
    if origins:
        app = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=["GET", "HEAD", "POST"],
            allow_headers=["Content-Type", "If-None-Match"],
            expose_headers=["Casebook-Build", "Casebook-Total-Rows", "ETag", "Link"],
        )
    with _listen(host, port) as listener:
        address, port = listener.getsockname()[:2]
        started(f"http://{f'[{address}]' if ':' in address else address}:{port}")
        config = uvicorn.Config(
            app,
            http=partial(BoundedProtocol, Connections(say)),  # type: ignore[arg-type]
            ws="none",
            lifespan="off",
            backlog=BACKLOG,
            access_log=log,
            log_level="info" if log else "error",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        # uvicorn raises the signal once more after it has stopped; to be stopped is no failure.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        BoundedServer(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )[0]
        # asyncio sends small answers without delay only where a socket knows that it speaks TCP.
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            listener.bind(address)
            listener.listen()
        except OSError:
            listener.close()
            raise
        return listener
    except OSError as error:
        where = f"{host}:{port}"
        if error.errno == errno.EADDRINUSE:
            raise CasebookError(
                f"another program listens on {where}",
                fix="stop it, or take another port with --port; 0 takes a free one",
            ) from error
        raise CasebookError(
            f"cannot listen on {where}: {error}", fix="name another --host or --port"
        ) from error
