"""Requests, read strictly, and answers: rows as JSON or CSV, whole or streamed, and errors."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from fastapi.exceptions import HTTPException
from fastapi.responses import JSONResponse
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from casebook import __version__
from casebook.api.published import Build
from casebook.api.turns import Cursors, Reading, Turns
from casebook.ask.declared import Endpoint, InvalidRequestError, Problem
from casebook.ask.query import BATCH, Query, Row
from casebook.errors import CasebookError

LARGEST_BODY = 65_536
LONGEST_SHOWN, MOST_PROBLEMS = 200, 20
JSON, CSV = "application/json", "text/csv"
QUALITY = re.compile(r"(0(\.[0-9]*)?|1(\.0*)?)")
OTHER_BUILD = (
    "another build is published now, which Casebook-Build names; leave out offset and build, and"
    " begin with its first page"
)
# How long a streamed answer may take to its last row.
SENDING_SECONDS = 600


async def read_request(request: Request) -> dict[str, Any]:
    """The values in a request's address and, of a POST, in its body, by name.

    Raises:
        HTTPException: if the body is too long, or is something else than JSON.
        InvalidRequestError: if a name comes twice, or the query string is not UTF-8.
    """
    query = request.scope["query_string"]
    if request.method != "POST":
        try:
            pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
        except ValueError as error:
            wanted = "names and values in percent-encoded UTF-8, each once"
            problem = Problem("the query string", query.decode(errors="replace"), wanted)
            raise InvalidRequestError([problem]) from error
        return _once([*request.path_params.items(), *pairs])
    if query:
        raise HTTPException(400, "POST takes parameters in the body, not in the address")
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != JSON:
        raise HTTPException(415, f"the body is to be sent with Content-Type: {JSON}")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_BODY:
            raise HTTPException(413, f"the body is longer than {LARGEST_BODY:,} bytes")
    try:
        values = json.loads(body.decode(), object_pairs_hook=_once)
        json.dumps(values, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"the body cannot be read as JSON: {error}") from error
    if not isinstance(values, dict):
        raise HTTPException(400, "the body is JSON, but not an object")
    return request.path_params | values


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
        HTTPException: if the client takes no format that there is, or pages of another build, or
            has the answer already.
        CasebookError: if the build lacks the mart, or it takes too long.
    """
    build: Build = request.state.build
    columns = build.columns[endpoint.path]
    if isinstance(columns, CasebookError):
        raise columns.with_traceback(None)  # It would grow with each request.
    with_bom = values.get("bom") == "true"
    media = _choose_format(request.headers.get("accept", ""), (CSV,) if with_bom else (JSON, CSV))
    if media is None:
        raise HTTPException(406, f"the answer is {JSON} or {CSV}; the header Accept takes neither")
    if values.get("build", build.build_id) != build.build_id:
        raise HTTPException(409, OTHER_BUILD)
    query = Query(endpoint, values, columns)
    text = f"{endpoint.path} {values} {media}"
    headers = cached(request, text, "Accept")
    if media == CSV:
        name = "-".join([*filter(None, endpoint.path.split("{")[0].split("/"))])
        headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'

    def begin(cursor: Cursors) -> tuple[int, bytes | Iterator[bytes]]:
        batches = query.rows(cursor(), as_json=media == JSON)
        first = next(batches, [])
        total = 0
        if endpoint.key:
            # They are counted only where the first of them do not show it.
            is_last = 0 < len(first) < min(values.get("limit", BATCH), BATCH)
            total = values.get("offset", 0) + len(first) if is_last else query.count(cursor())
        names = None if media == JSON else [column.name for column in columns]
        pieces = _encode(itertools.chain([first], batches), names, "\ufeff" if with_bom else "")
        return total, b"".join(pieces) if len(first) < BATCH else pieces

    reading = await turns.read(build, request.client.host if request.client else "", text, begin)
    if endpoint.key:
        headers |= _page_headers(request, values, reading.total)
    if not isinstance(reading.body, bytes):
        return StreamedAnswer(reading, media, headers)
    return Response(reading.body, media_type=media, headers=headers)


class StreamedAnswer(StreamingResponse):
    """An answer that is sent while it is read; ends its reading however that goes."""

    def __init__(self, reading: Reading, media: str, headers: dict[str, str]) -> None:
        super().__init__(reading.pieces(), media_type=media, headers=headers)
        self._reading = reading

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            async with asyncio.timeout(SENDING_SECONDS):
                await super().__call__(scope, receive, send)
        finally:
            await self._reading.end()


def cached(request: Request, answer: str, vary: str = "") -> dict[str, str]:
    """The headers of an answer that a client may keep.

    Args:
        request: the request.
        answer: what tells the answer from others of the same build.
        vary: the request's headers that it depends on.

    Raises:
        HTTPException: 304, if the client said that it has the answer already.
    """
    headers = {"Cache-Control": "no-cache"} | ({"Vary": vary} if vary else {})
    build: Build | None = request.state.build
    if build is None:
        return headers
    is_packed = "gzip" in request.headers.get("accept-encoding", "")
    text = f"{__version__} {build.identity} {is_packed} {answer}"
    tag = f'"{build.build_id}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    headers["ETag"] = tag
    known = request.headers.get("if-none-match", "").split(",")
    if not {one.strip().removeprefix("W/") for one in known}.isdisjoint({tag, "*"}):
        raise HTTPException(304, headers=headers)
    return headers


def _page_headers(request: Request, values: Mapping[str, Any], total: int) -> dict[str, str]:
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
    given = {name: value for name, value in values.items() if name not in request.path_params}
    path = quote(request.scope["path"])
    headers["Link"] = ", ".join(
        f'<{path}?{urlencode(given | {"offset": start}, quote_via=quote)}>; rel="{name}"'
        for name, start in offsets.items()
    )
    return headers


class Pretty(JSONResponse):
    """JSON for people; halves of characters, which a client may have sent, are escaped."""

    def render(self, content: Any) -> bytes:  # noqa: ANN401
        """The bytes of a body."""
        text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
        return text.encode(errors="backslashreplace")


def failed(
    status: int, error: str, problems: Sequence[Problem] = (), fix: str | None = None
) -> Pretty:
    """An error: what is wrong, with which parameters, and what to do about it."""
    named = [
        {"parameter": _short(one.parameter), "sent": _short(one.sent), "expected": one.expected}
        for one in problems[:MOST_PROBLEMS]
    ]
    if more := len(problems) - len(named):
        error += f", and {more:,} more"
    body = {"error": error} | ({"problems": named} if named else {}) | ({"fix": fix} if fix else {})
    return Pretty(body, status, {"Retry-After": "10"} if status == 503 else None)


def _choose_format(accept: str, formats: Sequence[str]) -> str | None:
    """The format that a client likes best, as it says in `Accept`; None if it takes none."""
    liked: dict[str, float] = {}
    for part in filter(str.strip, (accept.lower().strip() or "*/*").split(",")):
        name, *parameters = map(str.strip, part.split(";"))
        quality = next((one[2:] for one in parameters if one.startswith("q=")), "1")
        taken = float(quality) if QUALITY.fullmatch(quality) else 0.0
        liked[name] = max(taken, liked.get(name, 0.0))

    def liking(media: str) -> float:
        # What a client says of the format itself comes first.
        ranges = (media, f"{media.split('/')[0]}/*", "*/*")
        return next((liked[name] for name in ranges if name in liked), 0.0)

    best = max(formats, key=liking)
    return best if liking(best) > 0 else None


def _encode(
    batches: Iterable[Sequence[Row]], names: Sequence[str] | None, bom: str
) -> Iterator[bytes]:
    """Batches of rows, one at least: texts as CSV, given names of columns, or objects as JSON."""
    if names is None:
        before = "["
        for rows in batches:
            yield (before + ",\n".join([str(row) for (row,) in rows])).encode()
            before = ",\n"
        yield b"]\n"
        return
    for rows in itertools.chain([[tuple(names)]], batches):
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows(rows)
        yield (bom + stream.getvalue()).encode()
        bom = ""


def _short(value: object) -> object:
    """A value to show to whoever sent it, without sending all of a long one back."""
    try:
        text = value if isinstance(value, str) else json.dumps(value)
    except RecursionError:
        return "lists in lists"
    return value if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, list[Any]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    twice = [Problem(name, sent, "only one value") for name, sent in values.items() if sent[1:]]
    if twice:
        raise InvalidRequestError(twice)
    return dict(pairs)
