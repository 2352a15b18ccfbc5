"""What comes before the API of a build: which build, whom a request is from, what is refused."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from casebook.api.app import create_app, failed
from casebook.api.published import Build, Published
from casebook.api.turns import Turns
from casebook.errors import CasebookError

PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")


@dataclass(frozen=True)
class Trust:
    """What a client is believed.

    Attributes:
        hosts: the names that may stand in the header `Host`, besides addresses, which no other
            site can make a browser resolve, and this machine's own; `*` takes any.
        proxies: addresses or networks whose `X-Forwarded-For` and `X-Forwarded-Prefix` hold.
    """

    hosts: Sequence[str] = ()
    proxies: Sequence[str] = ()

    def takes(self, host: str) -> bool:
        """Whether a request with this `Host` is answered."""
        name = re.sub(r":[0-9]*$", "", host).lower()
        return (
            _is_address(name.strip("[]"))
            or name in {"localhost", socket.gethostname().lower()}
            or not {"*", name}.isdisjoint(one.lower() for one in self.hosts)
        )

    def is_proxy(self, peer: str) -> bool:
        """Whether an address is that of a proxy."""
        return _is_address(peer) and any(
            ipaddress.ip_address(peer) in ipaddress.ip_network(one, strict=False)
            for one in self.proxies
        )

    def client(self, peer: str, headers: Headers) -> tuple[str, str]:
        """The address that a request is from, and the prefix that a proxy serves under."""
        if not self.is_proxy(peer):
            return peer, ""
        chain = ",".join(headers.getlist("x-forwarded-for")).split(",")
        known = [one.strip() for one in chain if _is_address(one.strip())]
        others = [one for one in known if not self.is_proxy(one)]
        prefix = headers.get("x-forwarded-prefix", "").rstrip("/")
        return (others or [peer])[-1], prefix if PREFIX.fullmatch(prefix) else ""


class Front:
    """The API as one ASGI app: every request is answered from the build that is published then.

    Args:
        published: the warehouse.
        turns: who may use it.
        trust: what clients are believed.
    """

    def __init__(self, published: Published, turns: Turns, trust: Trust) -> None:
        self._published, self._turns, self._trust = published, turns, trust
        self._last: tuple[Build, ASGIApp] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        unavailable = None
        try:
            if not self._published.is_current():
                await run_in_threadpool(self._published.open)
        except CasebookError as error:
            unavailable = error
        build = self._published.enter()

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                if "vary" in headers:
                    headers["Vary"] = "Accept, Accept-Encoding"
                if build:
                    headers["Casebook-Build"] = build.build_id
            await send(message)

        try:
            headers = Headers(scope=scope)
            if refused := self._refused(headers):
                answer = failed(400, refused)
                answer.headers["Connection"] = "close"
                return await answer(scope, receive, named)
            peer, prefix = self._trust.client((scope["client"] or ("",))[0], headers)
            is_head = scope["method"] == "HEAD"
            seen = scope | {
                "client": (peer, 0),
                "root_path": prefix,
                "path": prefix + scope["path"],
                "method": "GET" if is_head else scope["method"],
                "state": {"build": build, "is_head": is_head},
            }
            app = await self._app(build, unavailable)
            await app(seen, receive, named)
        finally:
            if build:
                self._published.leave(build)

    async def _app(self, build: Build | None, unavailable: CasebookError | None) -> ASGIApp:
        if self._last and self._last[0] is build:
            return self._last[1]
        plain = await run_in_threadpool(create_app, build, unavailable, self._turns)
        app = GZipMiddleware(plain, minimum_size=1_000, compresslevel=4)
        if build and build is self._published.current:
            self._last = build, app
        return app

    def _refused(self, headers: Headers) -> str:
        if "content-length" in headers and "transfer-encoding" in headers:
            return "a request has Content-Length or Transfer-Encoding, not both"
        host = headers.get("host", "localhost")
        if not self._trust.takes(host):
            return (
                f"this server is not {host[:100]!r}; `casebook serve --allowed-host` names others"
            )
        return ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
