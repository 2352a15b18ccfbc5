"""The HTTP API: `/ctr`, `/health` and their description."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import duckdb
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from casebook import __version__
from casebook.api import description
from casebook.api.answers import encode, error_body
from casebook.api.published import BUILD, Build, Lease, Published
from casebook.api.requests import (
    CSV,
    JSON,
    LARGEST_BODY,
    NotAJsonObjectError,
    choose_format,
    read_body,
    read_query,
)
from casebook.ctr import BATCH, BadQuestionError, Question, ask, read_question
from casebook.errors import CasebookError

# Questions that are worked on at the same time; others wait for their turn. More than there are
# cores would only be in each other's way.
AT_ONCE = max(2, os.cpu_count() or 1)


def create_app(
    warehouse: Path, *, memory: str, threads: int, say: Callable[[str], None]
) -> FastAPI:
    """The API over a warehouse file, which need not be there yet.

    Args:
        warehouse: the published DuckDB file.
        memory: how much DuckDB may hold, such as `1GB`.
        threads: how many threads one query may use.
        say: takes a line about something that an operator should know.
    """
    published = Published(warehouse, memory, threads, say)
    turns = anyio.CapacityLimiter(AT_ONCE)

    async def answer(request: Request, given: Callable[[], dict[str, object]]) -> Response:
        return await anyio.to_thread.run_sync(_answer, published, request, given, limiter=turns)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        published.close()

    app = FastAPI(
        title="Casebook",
        version=__version__,
        description=description.ABOUT,
        lifespan=lifespan,
        redoc_url=None,
        exception_handlers={
            HTTPException: _http_error,
            BadQuestionError: _bad_question,
            CasebookError: _unavailable,
            duckdb.OutOfMemoryException: _too_much,
            Exception: _broken,
        },
    )

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return _json(
            {
                "ctr": "/ctr",
                "health": "/health",
                "documentation": "/docs",
                "openapi": "/openapi.json",
            }
        )

    @app.get("/ctr", **description.CTR_GET)
    async def get_ctr(request: Request) -> Response:
        def given() -> dict[str, object]:
            return read_query(request.scope["query_string"])

        return await answer(request, given)

    app.head("/ctr", include_in_schema=False)(get_ctr)

    @app.post("/ctr", **description.CTR_POST)
    async def post_ctr(request: Request) -> Response:
        body = await _body(request)

        def given() -> dict[str, object]:
            if request.scope["query_string"]:
                raise HTTPException(400, "POST takes parameters in the body, not in the address")
            return read_body(body)

        return await answer(request, given)

    @app.get("/health", **description.HEALTH)
    async def health(request: Request) -> Response:
        return await run_in_threadpool(_health, published, request)

    app.head("/health", include_in_schema=False)(health)

    def openapi() -> dict[str, Any]:
        platforms: tuple[str, ...] | None = None
        with contextlib.suppress(CasebookError), published.lease() as lease:
            platforms = lease.build.platforms
        return description.complete(described(), platforms)

    described = app.openapi
    app.openapi = openapi  # type: ignore[method-assign]
    return app


class StreamedAnswer(StreamingResponse):
    """An answer that is sent while it is worked out; holds its build until it is sent."""

    def __init__(
        self, pieces: Iterator[bytes], lease: Lease, media: str, headers: dict[str, str]
    ) -> None:
        super().__init__(iterate_in_threadpool(pieces), media_type=media, headers=headers)
        self._lease = lease

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, and give the build back however that ends."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._lease.release()


def _answer(
    published: Published, request: Request, given: Callable[[], dict[str, object]]
) -> Response:
    """The answer to a question for click-through rates."""
    media = choose_format(request.headers.get("accept", ""))
    if media is None:
        raise HTTPException(406, f"the answer is {JSON} or {CSV}; the header Accept takes neither")
    lease = published.lease()
    is_streamed = False
    try:
        if lease.build.platforms is None:
            raise CasebookError("the published build has no storefront.ctr", fix=BUILD)
        try:
            question = read_question(given(), lease.build.platforms)
        except BadQuestionError as error:
            return _bad_answer(error, _headers(lease.build))
        except NotAJsonObjectError as error:
            fix = "send an object with the names of /openapi.json"
            return _json(error_body(str(error), fix=fix), 400, _headers(lease.build))
        headers = _headers(lease.build, f"{question} {media}") | {"Vary": "Accept"}
        if _is_known(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        if request.method == "HEAD":
            return Response(media_type=media, headers=headers)
        pieces, is_streamed = _pieces(lease, question, media)
        if is_streamed:
            return StreamedAnswer(pieces, lease, media, headers)
        return Response(b"".join(pieces), media_type=media, headers=headers)
    finally:
        if not is_streamed:
            lease.release()


def _pieces(lease: Lease, question: Question, media: str) -> tuple[Iterator[bytes], bool]:
    """The answer in pieces, and whether there are so many rows that it is to be streamed.

    The first rows are fetched at once, so that what goes wrong goes wrong before the answer begins.
    """
    batches = ask(lease.cursor(), question)
    first = next(batches, None)

    def all_batches() -> Iterator[list[Any]]:
        if first is not None:
            yield first
            yield from batches

    return encode(all_batches(), media), first is not None and len(first) == BATCH


def _health(published: Published, request: Request) -> Response:
    with published.lease() as lease:
        build = lease.build
    headers = _headers(build, "health")
    if _is_known(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return _json(
        {
            "build_id": build.build_id,
            "published_at": build.published_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "rows_per_mart": build.rows_per_mart,
        },
        headers=headers,
    )


def _headers(build: Build, answer: str | None = None) -> dict[str, str]:
    """Headers that say which build answers and, where it is an answer, tell it from others."""
    headers = {"Casebook-Build": build.build_id, "Cache-Control": "no-cache"}
    if answer is not None:
        tag = hashlib.sha256(f"{__version__} {build.version} {answer}".encode()).hexdigest()
        headers["ETag"] = f'"{tag[:32]}"'
    return headers


def _is_known(request: Request, tag: str) -> bool:
    """Whether the client has the answer already, and said so."""
    if request.method not in ("GET", "HEAD"):
        return False
    known = request.headers.get("if-none-match", "").split(",")
    return any(one.strip().removeprefix("W/") in (tag, "*") for one in known)


async def _body(request: Request) -> bytes:
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media != JSON:
        raise HTTPException(415, f"the body is to be sent with Content-Type: {JSON}")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_BODY:
            raise HTTPException(413, f"the body is longer than {LARGEST_BODY:,} bytes")
    return bytes(body)


def _json(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    # What a client sent may hold halves of characters; these alone are escaped.
    text = json.dumps(body, ensure_ascii=False, indent=2) + "\n"
    return Response(text.encode(errors="backslashreplace"), status, headers, JSON)


def _bad_answer(error: BadQuestionError, headers: dict[str, str] | None = None) -> Response:
    names = ", ".join(dict.fromkeys(problem.parameter[:40] for problem in error.problems))
    return _json(error_body(f"wrong or missing: {names}", error.problems), 400, headers)


def _bad_question(_: Request, error: BadQuestionError) -> Response:
    return _bad_answer(error)


def _unavailable(_: Request, error: CasebookError) -> Response:
    reason = f"{error.file}: {error.reason}" if error.file else error.reason
    return _json(error_body(reason, fix=error.fix or ""), 503, {"Retry-After": "10"})


def _too_much(_: Request, error: duckdb.Error) -> Response:
    fix = "ask for a shorter range, longer intervals or one product; or serve with more --memory"
    return _json(error_body("not enough memory for this answer", fix=fix), 503)


def _broken(_: Request, error: Exception) -> Response:
    return _json(error_body("something went wrong here; the server's log says what"), 500)


def _http_error(request: Request, error: HTTPException) -> Response:
    headers = dict(error.headers or {})
    reason = str(error.detail)
    if error.status_code == 404:
        reason = "there is no such address; there are /ctr, /health, /docs and /openapi.json"
    if error.status_code == 405:
        allowed = _methods(request)
        headers["Allow"] = ", ".join(allowed)
        reason = f"{request.method} is not possible here; {', '.join(allowed)} are"
    return _json(error_body(reason), error.status_code, headers)


def _methods(request: Request) -> list[str]:
    """The methods of an address, whichever route has them."""
    found: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return sorted(found)
