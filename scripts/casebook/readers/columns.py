"""Which of a file's columns hold which declared one: one rule for every format."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from casebook.errors import Refused
from casebook.sql import quote_text

if TYPE_CHECKING:
    from casebook.sources import Table

MAX_COLUMNS = 10_000
_SHOWN = 200


@dataclass(frozen=True)
class Columns:
    """Where a file has the declared columns.

    Attributes:
        places: for every declared column, in the declared order, the places (from 0) of the file's
            columns that may hold it, the one that counts first.
        missing: required columns that the file does not have.
        ignored: the file's columns that are not read, or only where the first of several for the
            same declared column has no value; sorted, at most `MAX_COLUMNS`.
    """

    places: dict[str, list[int]]
    missing: list[str]
    ignored: list[str]

    @property
    def read(self) -> list[int]:
        """The places of all columns that are read, in order."""
        return sorted(place for places in self.places.values() for place in places)


def match_columns(table: Table, names: Sequence[str]) -> Columns:
    """Match a file's columns to the declared ones; an empty name is that of none.

    A column goes by its declared name, then by its aliases in the declared order, each in any
    case; of one name in several cases the exact one comes first. In a record that has several of
    them, the first that has a value counts.
    """
    rank = {
        spelling.lower(): (column.name, order, spelling)
        for column in table.columns
        for order, spelling in enumerate((column.name, *column.aliases))
    }
    found: dict[str, list[tuple[int, bool, int]]] = {column.name: [] for column in table.columns}
    for place, name in enumerate(names):
        if name.lower() in rank:
            column, order, spelling = rank[name.lower()]
            found[column].append((order, name != spelling, place))
    places = {column: [entry[2] for entry in sorted(held)] for column, held in found.items()}
    missing = [c.name for c in table.columns if c.required and not places[c.name]]
    first = {held[0] for held in places.values() if held}
    ignored = {
        name or f"(column {place + 1})" for place, name in enumerate(names) if place not in first
    }
    return Columns(places, missing, sorted(ignored)[:MAX_COLUMNS])


def checked(table: Table, names: Sequence[str]) -> Columns:
    """As `match_columns`; Refused if the file lacks a required column, or has too many."""
    if len(names) > MAX_COLUMNS:
        raise Refused(f"it has {len(names):,} columns; at most {MAX_COLUMNS:,} are read")
    columns = match_columns(table, names)
    if columns.missing:
        several = "s" * (len(columns.missing) > 1)
        raise Refused(
            f"lacks the required column{several} {', '.join(columns.missing)};"
            f" it has: {shorten(', '.join(names)) or 'none'}"
        )
    return columns


def first_keys(table: Table) -> str:
    """SQL that keeps `MAX_COLUMNS` of all `key`s of JSON, those of declared columns first."""
    spelled = (name.lower() for column in table.columns for name in (column.name, *column.aliases))
    known = ", ".join(map(quote_text, spelled))
    return f"order by lower(key) not in ({known}), key limit {MAX_COLUMNS}"


def coalesced(values: Iterable[str]) -> str:
    """SQL for the first of some values that there is."""
    held = list(values) or ["null::varchar"]
    return f"coalesce({', '.join(held)})" if len(held) > 1 else held[0]


def shorten(text: str) -> str:
    """A text on one line, of bounded length."""
    line = " ".join(text[: 2 * _SHOWN].split())
    return line if len(line) <= _SHOWN else line[:_SHOWN] + " …"


def as_text(raw: bytes) -> str:
    """Bytes as text; those that are not UTF-8 become lone surrogates."""
    return raw.decode("utf-8", "surrogateescape")


_encode = json.JSONEncoder(ensure_ascii=False, default=as_text).encode


def row_as_json(names: Sequence[str], values: Sequence[object]) -> bytes:
    """A row as one JSON object; bytes that are not UTF-8 stay as they are inside its strings.

    Values are numbers, text, bytes, None; lone surrogates in text are such bytes. Of columns with
    the same name, the last one is shown.
    """
    return _encode(dict(zip(names, values, strict=True))).encode("utf-8", "surrogateescape")


def why_bad_bytes(column: str, value: object) -> str:
    """Where a value, as for `row_as_json`, stops being UTF-8, as a message; empty if it is."""
    raw = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    try:
        return "" if not isinstance(raw, bytes) else raw.decode("utf-8") and ""
    except UnicodeDecodeError as error:
        place = f"byte 0x{error.object[error.start]:02X} at byte {error.start + 1}"
        return f"not UTF-8: {place} of its {column}"
