"""What clients send, read strictly; and answers as bytes: rows as JSON or CSV, errors as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite
from typing import Any
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from casebook.ask.parameters import InvalidRequestError, Problem
from casebook.ask.query import Column, Row

LARGEST_BODY = 65_536
LONGEST_SHOWN = 200
# A request may have thousands of problems.
MOST_PROBLEMS = 20
JSON, CSV = "application/json", "text/csv"


def check_names(query: bytes, path: Mapping[str, str]) -> None:
    """Refuse a query string that is not UTF-8, or in which a name comes twice.

    Raises:
        InvalidRequestError: in these cases, and where a name stands in the address itself, too.
    """
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError as error:
        sent = query.decode(errors="replace")
        wanted = "names and values in percent-encoded UTF-8, each once"
        raise InvalidRequestError([Problem("the query string", sent, wanted)]) from error
    _once([*path.items(), *pairs])


async def read_object(request: Request) -> dict[str, Any]:
    """The values of a JSON object that is a request's body, by name.

    Raises:
        HTTPException: if the body is too long, or is something else.
        InvalidRequestError: if a name comes twice.
    """
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != JSON:
        raise HTTPException(415, f"the body is to be sent with Content-Type: {JSON}")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_BODY:
            raise HTTPException(413, f"the body is longer than {LARGEST_BODY:,} bytes")
    try:
        values = json.loads(
            body.decode(), object_pairs_hook=_Pairs, parse_float=_finite, parse_constant=_refuse
        )
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"the body cannot be read as JSON: {error}") from error
    if not isinstance(values, _Pairs):
        raise HTTPException(400, "the body is JSON, but not an object")
    return _once([(name, dict(v) if isinstance(v, _Pairs) else v) for name, v in values])


def choose_format(accept: str, formats: Sequence[str] = (JSON, CSV)) -> str | None:
    """The format that a client likes best; None if it takes none of them.

    Args:
        accept: the header `Accept`; empty where there was none.
        formats: what there is.
    """
    liked: dict[str, float] = {}
    for part in filter(str.strip, accept.split(",")):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = min(max(float(parameter[2:]), 0.0), 1.0)
                except ValueError:
                    quality = 0.0
        liked[name] = max(quality, liked.get(name, 0.0))
    if not accept.strip():
        return formats[0]

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


def json_text(body: object) -> str:
    """A body as JSON; halves of characters, which a client may have sent, are escaped."""
    text = json.dumps(body, ensure_ascii=False, indent=2) + "\n"
    return text.encode(errors="backslashreplace").decode()


def error_body(
    error: str, problems: Sequence[Problem] = (), fix: str | None = None
) -> dict[str, Any]:
    """What an error says: what is wrong, with which parameters, and what to do about it."""
    named = [
        {"parameter": _short(one.parameter), "sent": _short(one.sent), "expected": one.expected}
        for one in problems[:MOST_PROBLEMS]
    ]
    more = len(problems) - len(named)
    body: dict[str, Any] = {"error": error + (f", and {more:,} more" if more else "")}
    return body | ({"problems": named} if named else {}) | ({"fix": fix} if fix else {})


def _short(value: object) -> object:
    """A value to show to whoever sent it, without sending all of a long one back."""
    try:
        text = value if isinstance(value, str) else json.dumps(value)
    except RecursionError:
        return "lists in lists"
    return value if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


class _Pairs(list[tuple[str, Any]]):
    """A JSON object, with all its names, as a name may come twice."""


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text[:40]} is too large a number")
    return number


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, list[Any]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    if twice := [
        Problem(name, sent, "only one value") for name, sent in values.items() if sent[1:]
    ]:
        raise InvalidRequestError(twice)
    return {name: value for name, (value,) in values.items()}
