"""Answers as bytes: JSON and CSV of click-through rates, piece by piece, and JSON of errors."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from json.encoder import encode_basestring as quoted
from typing import Any

from casebook.api.requests import JSON
from casebook.ctr import COLUMNS, Problem, Row

LONGEST_SHOWN = 200


def encode(batches: Iterable[Sequence[Row]], media: str) -> Iterator[bytes]:
    """Click-through rates in a format, one piece for each batch of rows.

    In JSON a rate is a number with four decimals, as the warehouse has it: `0.0150`. It never is a
    double on the way.
    """
    return _json(batches) if media == JSON else _csv(batches)


def error_body(error: str, problems: Sequence[Problem] = (), fix: str = "") -> dict[str, Any]:
    """What an error says, to be written as JSON.

    Args:
        error: what is wrong, in one sentence.
        problems: the parameters that it is about.
        fix: what to do about it.
    """
    body: dict[str, Any] = {"error": error}
    if problems:
        body["problems"] = [
            {
                "parameter": _shortened(one.parameter),
                "sent": _shortened(one.sent),
                "expected": one.expected,
            }
            for one in problems
        ]
    if fix:
        body["fix"] = fix
    return body


def _json(batches: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    before = "["
    for rows in batches:
        text = ",\n".join(
            f'{{"timestamp":"{timestamp}","platform":{quoted(platform)},'
            f'"product":{quoted(product)},"CTR":{rate or "null"}}}'
            for timestamp, platform, product, rate in rows
        )
        yield f"{before}{text}".encode()
        before = ",\n"
    yield b"[]\n" if before == "[" else b"]\n"


def _csv(batches: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for rows in batches:
        writer.writerows(rows)
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
    yield text.getvalue().encode()


def _shortened(value: object) -> object:
    """A value to show to whoever sent it, without sending all of a long one back."""
    try:
        text = value if isinstance(value, str) else json.dumps(value)
    except RecursionError:
        return "lists in lists"
    return value if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
