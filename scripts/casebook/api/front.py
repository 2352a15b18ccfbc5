"""What comes before the API of a build: which build, whom a request is from, what is refused."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from casebook.api.answers import failed
from casebook.api.app import create_app
from casebook.api.published import Build, Identity
from casebook.api.turns import Turns
from casebook.errors import CasebookError

PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
# How long a file that could not be opened is left alone.
RETRY_SECONDS = 1.0


class Front:
    """The API as one ASGI app: every request is answered from the build that is published then.

    A build is published by a rename, so what was open before stays whole, and whoever is in the
    middle of an answer goes on with it.

    Args:
        warehouse: the published file; it need not be there yet.
        open_build: opens it, given its identity.
        turns: who may use it.
        hosts: the names that may stand in the header `Host`, besides addresses, which no other
            site can make a browser resolve, and this machine's own; `*` takes any.
        proxies: addresses or networks whose `X-Forwarded-For` and `X-Forwarded-Prefix` hold.
        say: takes a line about something that an operator should know.
    """

    def __init__(
        self,
        warehouse: Path,
        open_build: Callable[[Identity | None], Build],
        turns: Turns,
        hosts: Sequence[str],
        proxies: Sequence[str],
        say: Callable[[str], None],
    ) -> None:
        self._warehouse, self._open_build = warehouse, open_build
        self._turns, self._say = turns, say
        self._hosts = {"localhost", socket.gethostname().lower(), *map(str.lower, hosts)}
        self._proxied = ProxyHeadersMiddleware(self._answer, [*proxies])  # type: ignore[arg-type]
        self._opening = asyncio.Lock()
        self._current: tuple[Build | None, ASGIApp]
        self._current = None, failed(503, "nothing was opened yet")
        # What was opened last, or could not be, and when it is tried again.
        self._seen: tuple[Identity | None, float] = None, 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        prefix = ""
        if (scope["client"] or ("",))[0] in self._proxied.trusted_hosts:
            sent = Headers(scope=scope).get("x-forwarded-prefix", "").rstrip("/")
            prefix = sent if PREFIX.fullmatch(sent) else ""
        seen = {**scope, "root_path": prefix, "path": prefix + scope["path"]}
        await self._proxied(seen, receive, send)  # type: ignore[arg-type]

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._opening:
            identity = _identity(self._warehouse)
            if self._seen[0] != identity or time.monotonic() > self._seen[1]:
                await run_in_threadpool(self._open, identity)
            build, app = self._current

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                if "vary" in headers:
                    headers["Vary"] = "Accept, Accept-Encoding"
                if build:
                    headers["Casebook-Build"] = build.build_id
            await send(message)

        if refused := self._refused(Headers(scope=scope)):
            app = failed(400, refused)
            app.headers["Connection"] = "close"
        if scope["method"] == "HEAD":
            scope["method"] = "GET"  # uvicorn leaves out the body.
        scope["state"] = {"build": build}
        await app(scope, receive, named)

    def _open(self, identity: Identity | None) -> None:
        """Serve what is published now; where that cannot be, the last good build is better."""
        try:
            build = self._open_build(identity)
        except CasebookError as error:
            current = self._current[0]
            if current is None:
                self._current = None, create_app(None, error, self._turns)
            elif self._seen[0] != identity:
                self._say(f"still serving build {current.build_id}: {error}")
            self._seen = identity, time.monotonic() + RETRY_SECONDS
            return
        self._current, self._seen = (build, create_app(build, None, self._turns)), (identity, inf)
        self._say(f"serving build {build.build_id}")

    def _refused(self, headers: Headers) -> str:
        if "content-length" in headers and "transfer-encoding" in headers:
            return "a request has Content-Length or Transfer-Encoding, not both"
        host = headers.get("host", "localhost")
        name = re.sub(r":[0-9]*$", "", host).lower()
        if not self._hosts.isdisjoint({"*", name}):
            return ""
        with suppress(ValueError):
            ipaddress.ip_address(name.strip("[]"))
            return ""
        return f"this server is not {host[:100]!r}; `casebook serve --allowed-host` names others"


def _identity(path: Path) -> Identity | None:
    """What tells a file from the one that was there before; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
