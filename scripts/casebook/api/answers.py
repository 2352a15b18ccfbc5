"""Answers as bytes: rows as JSON or CSV, piece by piece, and errors as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from casebook.api.requests import JSON
from casebook.ask.parameters import Problem
from casebook.ask.query import Query, Row

LONGEST_SHOWN = 200


def encode(query: Query, batches: Iterable[Sequence[Row]], media: str) -> Iterator[bytes]:
    """The answer to a question in a format, one piece for each batch of rows.

    Args:
        query: what was asked.
        batches: its rows, as objects for JSON and as texts for CSV.
        media: the format.
    """
    return _json(batches) if media == JSON else _csv(query, batches)


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
        text = ",\n".join([row for (row,) in rows])
        yield f"{before}{text}".encode()
        before = ",\n"
    yield b"[]\n" if before == "[" else b"]\n"


def _csv(query: Query, batches: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in query.columns])
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
