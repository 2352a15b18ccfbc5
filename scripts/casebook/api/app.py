"""The HTTP API: `/ctr`, an address for each offer, `/health`, and their description."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import duckdb
from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import StreamingResponse
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from casebook import __version__
from casebook.api import description
from casebook.api.answers import encode, error_body
from casebook.api.pages import page_headers
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
from casebook.ask import ctr
from casebook.ask.offers import OFFERS, Offer, Question, read_question
from casebook.ask.parameters import BadQuestionError
from casebook.ask.query import BATCH, Column, Query, Row
from casebook.errors import CasebookError

# Questions that are worked on at the same time; others wait for their turn. More than there are
# cores would only be in each other's way.
AT_ONCE = max(2, os.cpu_count() or 1)
# Where a request keeps the id of the build that it is answered from.
SERVED = "casebook.build_id"

# What a client wants of a build: the query that answers it and, where it has pages, the question.
Read = Callable[[Lease], tuple[Query, Question | None]]


def create_app(
    warehouse: Path,
    *,
    memory: str,
    threads: int,
    say: Callable[[str], None],
    offers: Sequence[Offer] = OFFERS,
) -> ASGIApp:
    """The API over a warehouse file, which need not be there yet.

    Args:
        warehouse: the published DuckDB file.
        memory: how much DuckDB may hold, such as `1GB`.
        threads: how many threads one query may use.
        say: takes a line about something that an operator should know.
        offers: the marts that can be asked besides `/ctr`.
    """
    published = Published(warehouse, memory, threads, say)
    turns = anyio.CapacityLimiter(AT_ONCE)

    async def answer(request: Request, read: Read) -> Response:
        return await anyio.to_thread.run_sync(_answer, published, request, read, limiter=turns)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        published.close()

    app = FastAPI(
        title="Casebook",
        version=__version__,
        description=description.ABOUT,
        lifespan=lifespan,
        openapi_url=None,
        exception_handlers={
            HTTPException: _http_error,
            BadQuestionError: _bad_question,
            NotAJsonObjectError: _bad_body,
            CasebookError: _unavailable,
            duckdb.OutOfMemoryException: _too_much,
            Exception: _broken,
        },
    )

    def get(path: str, handler: Callable[..., Any], **described: object) -> None:
        app.get(path, **described)(handler)
        app.head(path, include_in_schema=False)(handler)

    async def get_ctr(request: Request) -> Response:
        return await answer(request, _rates(lambda: read_query(request.scope["query_string"])))

    async def post_ctr(request: Request) -> Response:
        body = await _body(request)

        def given() -> dict[str, object]:
            if request.scope["query_string"]:
                raise HTTPException(400, "POST takes parameters in the body, not in the address")
            return read_body(body)

        return await answer(request, _rates(given))

    get("/ctr", get_ctr, **description.CTR_GET)
    app.post("/ctr", **description.CTR_POST)(post_ctr)

    def get_offer(offer: Offer) -> None:
        async def get_rows(request: Request) -> Response:
            return await answer(request, _rows(offer, request))

        get(offer.path, get_rows, **description.of_offer(offer))

    for offer in offers:
        get_offer(offer)

    async def health(request: Request) -> Response:
        return await run_in_threadpool(_health, published, request)

    get("/health", health, **description.HEALTH)

    def get_page(path: str, media: str, write: Callable[[Lease | None], str]) -> None:
        async def page(request: Request) -> Response:
            return await run_in_threadpool(_page, published, request, media, write)

        get(path, page, include_in_schema=False)

    def index(_: Lease | None) -> str:
        return _json_text(description.index(offers))

    def openapi(lease: Lease | None) -> str:
        platforms = lease.build.platforms if lease else None
        columns = {offer: _columns(lease, offer) for offer in offers}
        return _json_text(description.complete(app.openapi(), platforms, columns))

    def docs(_: Lease | None) -> str:
        page = get_swagger_ui_html(openapi_url="openapi.json", title="Casebook")
        return bytes(page.body).decode()

    get_page("/", JSON, index)
    get_page("/openapi.json", JSON, openapi)
    get_page("/docs", "text/html", docs)
    return NamesItsBuild(app, published)


class NamesItsBuild:
    """Puts the id of a build into the header of every answer.

    It is the build that the answer was made from and, where no build was needed for an answer, the
    one that is published now. Where none is published there is no such header.
    """

    def __init__(self, app: ASGIApp, published: Published) -> None:
        self._app, self._published = app, published

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and name the build."""

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                build_id = scope.get(SERVED) or await run_in_threadpool(self._build_id)
                if build_id:
                    MutableHeaders(scope=message)["Casebook-Build"] = build_id
            await send(message)

        await self._app(scope, receive, named)

    def _build_id(self) -> str | None:
        try:
            with self._published.lease() as lease:
                return lease.build.build_id
        except CasebookError:
            return None


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


def _lease(published: Published, request: Request) -> Lease:
    """The published build, which the answer to a request is now to be from."""
    lease = published.lease()
    request.scope[SERVED] = lease.build.build_id
    return lease


def _rates(given: Callable[[], dict[str, object]]) -> Read:
    """Reads a question for click-through rates."""

    def read(lease: Lease) -> tuple[Query, None]:
        if lease.build.platforms is None:
            raise CasebookError("the published build has no storefront.ctr", fix=BUILD)
        return ctr.read_question(given(), lease.build.platforms).query, None

    return read


def _rows(offer: Offer, request: Request) -> Read:
    """Reads a question for rows of an offer."""

    def read(lease: Lease) -> tuple[Query, Question | None]:
        columns = lease.columns(offer)
        given = read_query(request.scope["query_string"], request.path_params)
        question = read_question(offer, given)
        if question.build not in (None, lease.build.build_id):
            raise HTTPException(
                409,
                "another build is published now, which Casebook-Build names; leave out offset and"
                " build, and begin with its first page",
            )
        return question.query(columns), question if offer.is_paged else None

    return read


def _answer(published: Published, request: Request, read: Read) -> Response:
    """The answer to a question for rows."""
    media = choose_format(request.headers.get("accept", ""))
    if media is None:
        raise HTTPException(406, f"the answer is {JSON} or {CSV}; the header Accept takes neither")
    lease = _lease(published, request)
    is_streamed = False
    try:
        query, paged = read(lease)
        headers = {
            "Cache-Control": "no-cache",
            "ETag": _tag(lease.build, f"{query.rows_sql} {query.parameters} {media}"),
            "Vary": "Accept",
        }
        if _is_known(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        # The first rows are fetched at once, so that what goes wrong goes wrong before the answer
        # begins.
        ask = query.objects if media == JSON else query.texts
        batches = ask(lease.cursor())
        first = next(batches, []) if request.method != "HEAD" else None
        if paged:
            total = _total(lease, paged, first)
            headers |= page_headers(paged, total, request.scope["path"])
        if first is None:
            return _without_length(Response(media_type=media, headers=headers))
        pieces = encode(query, itertools.chain([first] if first else [], batches), media)
        is_streamed = len(first) == BATCH
        if is_streamed:
            return StreamedAnswer(pieces, lease, media, headers)
        return Response(b"".join(pieces), media_type=media, headers=headers)
    finally:
        if not is_streamed:
            lease.release()


def _total(lease: Lease, question: Question, first: Sequence[Row] | None) -> int:
    """How many rows there are on all pages; counted only where the first do not tell."""
    if first is not None and len(first) < min(question.limit or BATCH, BATCH):
        is_end = bool(first) or not question.offset
        if is_end:
            return question.offset + len(first)
    return question.all_pages(lease.columns(question.offer)).count(lease.cursor())


def _health(published: Published, request: Request) -> Response:
    with _lease(published, request) as lease:
        build = lease.build
    body = {
        "build_id": build.build_id,
        "published_at": build.published_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "rows_per_mart": build.rows_per_mart,
    }
    return _whole(request, build, JSON, _json_text(body))


def _page(
    published: Published, request: Request, media: str, write: Callable[[Lease | None], str]
) -> Response:
    """A page about the API, which is there before anything is published, too."""
    try:
        lease = _lease(published, request)
    except CasebookError:
        return _whole(request, None, media, write(None))
    with lease:
        return _whole(request, lease.build, media, write(lease))


def _columns(lease: Lease | None, offer: Offer) -> tuple[Column, ...] | None:
    """The columns of an offer; None where the build cannot answer it."""
    try:
        return lease.columns(offer) if lease else None
    except CasebookError:
        return None


def _whole(request: Request, build: Build | None, media: str, text: str) -> Response:
    """An answer that is sent as a whole, and again only where it has changed."""
    headers = {"Cache-Control": "no-cache"}
    if build:
        headers["ETag"] = _tag(build, f"{request.scope['path']} {text}")
        if _is_known(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
    return Response(text, media_type=media, headers=headers)


def _without_length(answer: Response) -> Response:
    """The headers of an answer that was not worked out: how long it is nobody knows."""
    del answer.headers["content-length"]
    return answer


def _tag(build: Build, answer: str) -> str:
    """The ETag of an answer: the build that it is from, and what tells it from others."""
    text = f"{__version__} {build.version} {answer}"
    return f'"{build.build_id}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


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


def _json_text(body: object) -> str:
    # What a client sent may hold halves of characters; these alone are escaped.
    text = json.dumps(body, ensure_ascii=False, indent=2) + "\n"
    return text.encode(errors="backslashreplace").decode()


def _json(body: object, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(_json_text(body), status, headers, JSON)


def _bad_question(_: Request, error: BadQuestionError) -> Response:
    names = ", ".join(dict.fromkeys(problem.parameter[:40] for problem in error.problems))
    return _json(error_body(f"wrong or missing: {names}", error.problems), 400)


def _bad_body(_: Request, error: NotAJsonObjectError) -> Response:
    return _json(error_body(str(error), fix="send an object with the names of /openapi.json"), 400)


def _unavailable(_: Request, error: CasebookError) -> Response:
    reason = f"{error.file}: {error.reason}" if error.file else error.reason
    return _json(error_body(reason, fix=error.fix or ""), 503, {"Retry-After": "10"})


def _too_much(_: Request, error: duckdb.Error) -> Response:
    fix = "ask for less: a shorter range, one key, a page; or serve with more --memory"
    return _json(error_body("not enough memory for this answer", fix=fix), 503)


def _broken(_: Request, error: Exception) -> Response:
    return _json(error_body("something went wrong here; the server's log says what"), 500)


def _http_error(request: Request, error: HTTPException) -> Response:
    headers = dict(error.headers or {})
    reason = str(error.detail)
    if error.status_code == 404:
        paths = dict.fromkeys(route.path for route in request.app.routes)
        reason = f"there is no such address; there are {', '.join(paths)}"
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
