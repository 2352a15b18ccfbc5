"""What clients send, read strictly; and what they get: rows as JSON or CSV, errors as JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl

from fastapi.exceptions import HTTPException
from fastapi.responses import JSONResponse
from starlette.requests import Request

from casebook.ask.parameters import InvalidRequestError, Problem
from casebook.ask.query import Column, Row

LARGEST_BODY = 65_536
LONGEST_SHOWN, MOST_PROBLEMS = 200, 20
JSON, CSV = "application/json", "text/csv"
QUALITY = re.compile(r"(0(\.[0-9]*)?|1(\.0*)?)")


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


def choose_format(accept: str, formats: Sequence[str]) -> str | None:
    """The format that a client likes best; None if it takes none of them.

    Args:
        accept: the header `Accept`; empty where there was none.
        formats: what there is.
    """
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


def encode(
    columns: Sequence[Column], batches: Iterable[Sequence[Row]], media: str, *, with_bom: bool
) -> Iterator[bytes]:
    """An answer's rows as JSON or CSV, piece by piece.

    Args:
        columns: of CSV.
        batches: its rows, as objects for JSON and as texts for CSV.
        media: the format.
        with_bom: whether CSV begins with a byte order mark.
    """
    if media == JSON:
        before = "["
        for rows in batches:
            text = ",\n".join([str(row) for (row,) in rows])
            yield f"{before}{text}".encode()
            before = ",\n"
        yield b"[]\n" if before == "[" else b"]\n"
        return
    stream = io.StringIO("\ufeff" if with_bom else "")
    stream.seek(0, io.SEEK_END)
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    for rows in batches:
        writer.writerows(rows)
        yield stream.getvalue().encode()
        stream.seek(0)
        stream.truncate()
    yield stream.getvalue().encode()


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
