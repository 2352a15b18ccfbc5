"""What the formats with rows and columns share: which column is which, and a row as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from casebook.errors import Refused
from casebook.readers.count import Counter

if TYPE_CHECKING:
    from casebook.sources import Table

_encode = json.JSONEncoder(
    ensure_ascii=False, default=lambda raw: raw.decode("utf-8", "surrogateescape")
).encode


@dataclass(frozen=True)
class Columns:
    """Where a file has the declared columns.

    Attributes:
        place_of: for every declared column, in the declared order, its place among the file's
            columns (from 0), or None where the file does not have it.
        ignored: the file's other columns, sorted.
    """

    place_of: dict[str, int | None]
    ignored: list[str]

    @property
    def read(self) -> dict[str, int]:
        """The declared columns that the file has, in the declared order, with their places."""
        return {column: place for column, place in self.place_of.items() if place is not None}


def match_columns(table: Table, names: Sequence[str], whose: str = "its columns are") -> Columns:
    """Match a file's columns to the declared ones.

    The column's own name comes before the same in another case, that before its aliases in the
    order of the YAML, and each of these before the same in another case.

    Args:
        table: the declaration.
        names: the file's columns.
        whose: what the names are, for a refusal.

    Raises:
        Refused: if a required column is missing.
    """
    place_of: dict[str, int | None] = {}
    for column in table.columns:
        found = [
            (spelling_place, name != spelling, place)
            for spelling_place, spelling in enumerate((column.name, *column.aliases))
            for place, name in enumerate(names)
            if name.lower() == spelling.lower()
        ]
        place_of[column.name] = min(found)[2] if found else None
    missing = [c.name for c in table.columns if c.required and place_of[c.name] is None]
    if missing:
        raise Refused(
            f"it does not have the required column {', '.join(missing)};"
            f" {whose}: {', '.join(names) or 'none'}"
        )
    used = set(place_of.values())
    return Columns(place_of, sorted(name for place, name in enumerate(names) if place not in used))


def row_as_json(names: Sequence[str], values: Sequence[object]) -> bytes:
    """A row as one JSON object; bytes that are not UTF-8 stay as they are inside its strings.

    Args:
        names: the names of its columns; of columns with the same name, the last one is shown.
        values: their values: numbers, text, bytes, None; text may hold bytes that are not UTF-8 as
            lone surrogates.
    """
    return _encode(dict(zip(names, values, strict=True))).encode("utf-8", "surrogateescape")


def why_bad_bytes(column: str, value: bytes) -> str:
    """Tell people where a value stops being UTF-8."""
    try:
        value.decode("utf-8")
    except UnicodeDecodeError as error:
        place = f"byte 0x{value[error.start]:02X} at byte {error.start + 1}"
        return f"not UTF-8: {place} of its {column}"
    return ""


class NoText(Counter):
    """Counts nothing: the file is no text."""

    def add(self, piece: bytes | bytearray) -> None:
        """Let the piece pass."""
