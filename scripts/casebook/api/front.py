"""What comes before the API of a build: which build, whom a request is from, what is refused."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from casebook.api.app import create_app
from casebook.api.messages import failed
from casebook.api.published import Build, Published
from casebook.api.turns import Turns
from casebook.errors import CasebookError

PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")


class Front:
    """The API as one ASGI app: every request is answered from the build that is published then.

    Args:
        published: the warehouse.
        turns: who may use it.
        hosts: the names that may stand in the header `Host`, besides addresses, which no other
            site can make a browser resolve, and this machine's own; `*` takes any.
        proxies: addresses or networks whose `X-Forwarded-For` and `X-Forwarded-Prefix` hold.
    """

    def __init__(
        self, published: Published, turns: Turns, hosts: Sequence[str], proxies: Sequence[str]
    ) -> None:
        self._published, self._turns = published, turns
        self._hosts = {"localhost", socket.gethostname().lower(), *map(str.lower, hosts)}
        self._proxied = ProxyHeadersMiddleware(self._answer, [*proxies])  # type: ignore[arg-type]
        self._last: tuple[Build, ASGIApp] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        prefix = ""
        if (scope["client"] or ("",))[0] in self._proxied.trusted_hosts:
            sent = Headers(scope=scope).get("x-forwarded-prefix", "").rstrip("/")
            prefix = sent if PREFIX.fullmatch(sent) else ""
        seen = {**scope, "root_path": prefix, "path": prefix + scope["path"]}
        await self._proxied(seen, receive, send)  # type: ignore[arg-type]

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        unavailable = None
        try:
            if not self._published.is_current():
                await run_in_threadpool(self._published.open)
        except CasebookError as error:
            unavailable = error
        build = self._published.current

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
            answer = failed(400, refused)
            answer.headers["Connection"] = "close"
            await answer(scope, receive, named)
            return
        is_head = scope["method"] == "HEAD"
        scope["method"] = "GET" if is_head else scope["method"]
        scope["state"] = {"build": build, "is_head": is_head}
        if build is None or self._last is None or self._last[0] is not build:
            app: ASGIApp = await run_in_threadpool(create_app, build, unavailable, self._turns)
            self._last = (build, app) if build and build is self._published.current else None
        else:
            app = self._last[1]
        await app(scope, receive, named)

    def _refused(self, headers: Headers) -> str:
        if "content-length" in headers and "transfer-encoding" in headers:
            return "a request has Content-Length or Transfer-Encoding, not both"
        host = headers.get("host", "localhost")
        name = re.sub(r":[0-9]*$", "", host).lower()
        if _is_address(name.strip("[]")) or not self._hosts.isdisjoint({"*", name}):
            return ""
        return f"this server is not {host[:100]!r}; `casebook serve --allowed-host` names others"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
