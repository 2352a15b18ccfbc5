"""What a client sent: named values from a query string or a JSON body, and the formats it takes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any
from urllib.parse import parse_qsl

from casebook.ask.parameters import BadQuestionError, Problem

LARGEST_BODY = 65_536
JSON, CSV = "application/json", "text/csv"


class NotAJsonObjectError(Exception):
    """A body that is not what it should be, and how."""


def read_query(query: bytes, path: Mapping[str, str] | None = None) -> dict[str, object]:
    """The values of a query string and of the address itself, by name.

    Args:
        query: what stands behind the question mark.
        path: the values that stand in the address.

    Raises:
        BadQuestionError: if a name comes twice, or the text is not UTF-8.
    """
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100
        )
    except ValueError as error:
        expected = "names and values in percent-encoded UTF-8, each once"
        sent = query.decode(errors="replace")
        raise BadQuestionError([Problem("the query string", sent, expected)]) from error
    return _once([*(path or {}).items(), *pairs])


def read_body(body: bytes) -> dict[str, object]:
    """The values of a JSON object, by name.

    Raises:
        NotAJsonObjectError: if the body is something else.
        BadQuestionError: if a name comes twice.
    """
    try:
        values = json.loads(
            body.decode(),
            object_pairs_hook=_Pairs,
            parse_float=_finite,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError) as error:
        raise NotAJsonObjectError(f"the body cannot be read as JSON: {error}") from error
    if not isinstance(values, _Pairs):
        raise NotAJsonObjectError("the body is JSON, but not an object")
    return _once([(name, _plain(value)) for name, value in values])


def choose_format(accept: str) -> str | None:
    """The format that a client likes best of the two there are; None if it takes neither.

    Args:
        accept: the header `Accept`; empty where there was none.
    """
    if not accept.strip():
        return JSON
    ranges = [_media_range(part) for part in accept.split(",") if part.strip()]
    liked = [(_liking(ranges, media), media) for media in (JSON, CSV)]
    best = max(liked, key=lambda one: one[0])
    return best[1] if best[0] > 0 else None


def _media_range(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                quality = min(max(float(parameter[2:]), 0.0), 1.0)
            except ValueError:
                quality = 0.0
    return name, quality


def _liking(ranges: Sequence[tuple[str, float]], media: str) -> float:
    """How much a client likes a format: what it says of the format itself comes first."""
    for name in (media, f"{media.split('/')[0]}/*", "*/*"):
        said = [quality for range_, quality in ranges if range_ == name]
        if said:
            return max(said)
    return 0.0


class _Pairs(list[tuple[str, Any]]):
    """A JSON object, with all its names, as a name may come twice."""


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, _Pairs) else value


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text[:40]} is too large a number")
    return number


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _once(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise BadQuestionError(
            [
                Problem(name, [value for other, value in pairs if other == name], "only one value")
                for name in values
                if names.count(name) > 1
            ]
        )
    return values
