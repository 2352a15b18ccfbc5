"""Runs the API until it is told to stop."""

from __future__ import annotations

import errno
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from casebook.api.app import create_app
from casebook.errors import CasebookError

# Answers that are being sent may take so long to end after a stop.
STOP_SECONDS = 10
MOST_THREADS = 4


def serve(
    warehouse: Path,
    host: str,
    port: int,
    *,
    memory: str,
    log: bool,
    started: Callable[[str], None],
    say: Callable[[str], None],
) -> None:
    """Serve a warehouse until SIGINT or SIGTERM; answers that have begun are sent to their end.

    Args:
        warehouse: the published DuckDB file; it need not be there yet.
        host: the address or name to listen on.
        port: the port; 0 takes a free one.
        memory: how much DuckDB may hold, such as `1GB`.
        log: write a line for each request.
        started: takes the server's address, once it can be asked.
        say: takes a line about something that an operator should know.

    Raises:
        CasebookError: if the port or the address cannot be had.
    """
    threads = min(MOST_THREADS, os.cpu_count() or 1)
    app = create_app(warehouse, memory=memory, threads=threads, say=say)
    with _listen(host, port) as listener:
        address, port = listener.getsockname()[:2]
        started(f"http://{f'[{address}]' if ':' in address else address}:{port}")
        config = uvicorn.Config(
            app,
            access_log=log,
            log_level="info" if log else "warning",
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        # uvicorn raises the signal once more after it has stopped; to be stopped is no failure.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )[0]
        # asyncio sends small answers without delay only where a socket knows that it speaks TCP.
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
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
