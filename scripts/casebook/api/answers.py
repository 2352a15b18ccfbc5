"""Rows of an endpoint as an answer: format, ETag, pages, and whole or streamed."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import duckdb
from fastapi.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from casebook import __version__
from casebook.api.messages import CSV, JSON, choose_format, encode
from casebook.api.published import Build
from casebook.api.turns import Reading, Turns
from casebook.ask.declared import Endpoint
from casebook.ask.query import BATCH, Query, select
from casebook.errors import CasebookError

OTHER_BUILD = (
    "another build is published now, which Casebook-Build names; leave out offset and build, and"
    " begin with its first page"
)
# How long a streamed answer may take to its last row.
SENDING_SECONDS = 600

Cursors = Callable[[], duckdb.DuckDBPyConnection]


async def answer(
    turns: Turns, request: Request, endpoint: Endpoint, values: Mapping[str, Any]
) -> Response:
    """The answer to a valid request for rows.

    Args:
        turns: who may use the warehouse.
        request: the request, whose state has its build.
        endpoint: whose rows they are.
        values: valid values of parameters, paging and formats, by name.

    Raises:
        HTTPException: if the client takes no format that there is, or pages of another build.
        CasebookError: if the build lacks the mart.
        BusyError: if it takes too long.
    """
    build: Build = request.state.build
    columns = build.columns[endpoint.path]
    if isinstance(columns, CasebookError):
        raise columns
    with_bom = values.get("bom") == "true"
    media = choose_format(request.headers.get("accept", ""), (CSV,) if with_bom else (JSON, CSV))
    if media is None:
        raise HTTPException(406, f"the answer is {JSON} or {CSV}; the header Accept takes neither")
    if values.get("build", build.build_id) != build.build_id:
        raise HTTPException(409, OTHER_BUILD)
    query = select(endpoint, values, columns)
    headers = {"Vary": "Accept"} | cached(request, text := f"{query} {media} {with_bom}")
    if is_known(request, headers):
        return Response(status_code=304, headers=headers)
    if media == CSV:
        name = "-".join([*filter(None, endpoint.path.split("{")[0].split("/"))])
        headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'

    def begin(cursor: Cursors) -> tuple[int, bool, Iterator[bytes]]:
        if request.state.is_head:
            return query.count(cursor()) if endpoint.key else 0, True, iter(())
        batches = query.rows(cursor(), as_json=media == JSON)
        first = next(batches, [])
        total = _total(query, len(first), cursor) if endpoint.key else 0
        rest = itertools.chain([first] if first else [], batches)
        return total, len(first) < BATCH, encode(columns, rest, media, with_bom=with_bom)

    reading = await turns.read(build, request.client.host if request.client else "", text, begin)
    if endpoint.key:
        headers |= _page_headers(request, endpoint, values, reading.total)
    if not reading.is_whole:
        return StreamedAnswer(reading, media, headers)
    try:
        response = Response(await reading.piece(), media_type=media, headers=headers)
    finally:
        await reading.end()
    if request.state.is_head:
        # It was not worked out, so nobody knows how long it is.
        del response.headers["content-length"]
    return response


class StreamedAnswer(StreamingResponse):
    """An answer that is sent while it is read; ends its reading however that goes."""

    def __init__(self, reading: Reading, media: str, headers: dict[str, str]) -> None:
        super().__init__(aiter(reading), media_type=media, headers=headers)
        self._reading = reading

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            async with asyncio.timeout(SENDING_SECONDS):
                await super().__call__(scope, receive, send)
        finally:
            await self._reading.end()


def cached(request: Request, answer: str) -> dict[str, str]:
    """The headers of an answer that a client may keep.

    Args:
        request: the request.
        answer: what tells the answer from others of the same build.
    """
    build: Build | None = request.state.build
    if build is None:
        return {"Cache-Control": "no-cache"}
    is_packed = "gzip" in request.headers.get("accept-encoding", "")
    text = f"{__version__} {build.identity} {is_packed} {answer}"
    tag = f'"{build.build_id}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    return {"Cache-Control": "no-cache", "ETag": tag}


def is_known(request: Request, headers: Mapping[str, str]) -> bool:
    """Whether the client has an answer with these headers already, and said so."""
    known = request.headers.get("if-none-match", "").split(",")
    tags = {one.strip().removeprefix("W/") for one in known}
    return "ETag" in headers and not tags.isdisjoint({headers["ETag"], "*"})


def _total(query: Query, first: int, cursor: Cursors) -> int:
    """How many rows there are on all pages; counted only where the first rows do not show it."""
    offset: int = query.paging.get("offset", 0)
    if first < min(query.paging.get("limit", BATCH), BATCH) and (first or not offset):
        return offset + first
    return query.count(cursor())


def _page_headers(
    request: Request, endpoint: Endpoint, values: Mapping[str, Any], total: int
) -> dict[str, str]:
    """How many rows there are on all pages, and where the other pages are."""
    headers = {"Casebook-Total-Rows": str(total)}
    limit, offset = values.get("limit"), values.get("offset", 0)
    if limit is None:
        return headers
    offsets = {"first": 0}
    if offset:
        offsets["prev"] = max(0, offset - limit)
    if offset + limit < total:
        offsets["next"] = offset + limit
    given = {name: value for name, value in values.items() if name not in endpoint.in_path}
    path = quote(request.scope["path"])
    headers["Link"] = ", ".join(
        f'<{path}?{urlencode(given | {"offset": start}, quote_via=quote)}>; rel="{name}"'
        for name, start in offsets.items()
    )
    return headers
