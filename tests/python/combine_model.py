"""What `casebook combine` is to write, worked out with the standard library: csv, json, decimal.

It holds everything in memory, reads whole files, and takes good records only. Values are compared
as `read_json` gives them: numbers by their spelling, objects by their members in order.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

from casebook.readers.archives import zstd

GUESS_ROWS = FIRST_ROWS = 1000
csv.field_size_limit(1 << 27)


def combine(raw: Path) -> dict[str, list[Any]]:
    """The records of each subfolder, as `read_json` gives them."""
    return {
        folder.name: [
            record
            for path in sorted(
                (path for path in folder.rglob("*") if path.is_file()), key=os.fsencode
            )
            if not any(part.startswith(".") for part in path.relative_to(folder).parts)
            for record in records_of(path)
        ]
        for folder in raw.iterdir()
        if folder.is_dir() and not folder.name.startswith(".")
    }


def records_of(path: Path) -> list[Any]:
    """The records of one file."""
    content, name = path.read_bytes(), path.name.lower()
    if name.endswith(".gz"):
        content, name = gzip.decompress(content), name.removesuffix(".gz")
    if name.endswith(".zst"):
        content, name = zstd.decompress(content), name.removesuffix(".zst")
    text = content.decode("utf-8-sig")
    if name.endswith((".csv", ".tsv", ".txt")):
        return rows_of(text)
    if name.endswith(".json") and text.lstrip().startswith("["):
        return read_json(text)
    return [read_json(line) for line in text.split("\n") if line.strip()]


def read_json(text: str) -> Any:
    """A JSON value: objects as lists of pairs, numbers as `("number", spelling)`."""
    number = ("number",).__add__
    return json.loads(
        text,
        object_pairs_hook=lambda pairs: ("object", pairs),
        parse_int=lambda spelling: number((spelling,)),
        parse_float=lambda spelling: number((spelling,)),
        parse_constant=no_json,
    )


def no_json(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def rows_of(text: str) -> list[Any]:
    header, *rows = parse(text) or [[]]
    names = [name.strip() for name in header]
    first = rows[:FIRST_ROWS]
    numbers = [
        any(row[place] for row in first)
        and all(is_number(row[place]) for row in first if row[place])
        for place in range(len(names))
    ]
    return [
        (
            "object",
            [
                (name, as_json(value, number))
                for name, value, number in zip(names, row, numbers, strict=True)
            ],
        )
        for row in rows
    ]


def parse(text: str) -> list[list[str]]:
    """The rows of a CSV text, under the delimiter that the header has and most rows agree with."""
    found: list[tuple[tuple[bool, int, int], list[list[str]]]] = []
    for delimiter in ",;\t|":
        lines = io.StringIO(text, newline="")
        rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
        if rows:
            fields = len(rows[0])
            agreeing = sum(len(row) == fields for row in rows[:GUESS_ROWS])
            found.append(((fields > 1, agreeing, fields), rows))
    return max(found, key=lambda one: one[0])[1] if found else []


def as_json(value: str, in_column_of_numbers: bool) -> Any:
    if value == "":
        return None
    if in_column_of_numbers and is_number(value):
        return ("number", value.strip(" \t"))
    return value


def is_number(value: str) -> bool:
    """Whether JSON, too, takes the value for a number, perhaps with blanks around it."""
    try:
        number = json.loads(value, parse_float=Decimal, parse_int=Decimal, parse_constant=no_json)
    except ValueError:
        return False
    return isinstance(number, Decimal) and value.strip() == value.strip(" \t")
