"""Finds a delimited file's delimiter, and which of its columns holds which declared one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from casebook.combine.legacy_split import Record, Splitter
from casebook.errors import Refused
from casebook.readers.archives import open_text
from casebook.readers.base import Raw

if TYPE_CHECKING:
    from casebook.sources import Table

DELIMITERS = (",", ";", "\t", "|")
_BOM = b"\xef\xbb\xbf"
_SAMPLE_RECORDS = 100
_GUESS_RECORDS = 1000
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True)
class Header:
    """The header of a file.

    Attributes:
        delimiter: the character between two fields.
        names: the columns' names, without blanks around them.
        first_line: the 1-based number of the line that it begins in; 1 where the layout of
            records by themselves is meant.
    """

    delimiter: str
    names: tuple[str, ...]
    first_line: int = 1

    @property
    def layout(self) -> dict[str, Any]:
        """All that reading one record by itself takes; see `Reading.layout`."""
        return {"delimiter": self.delimiter, "header": list(self.names)}


@dataclass(frozen=True)
class Columns:
    """The columns of a file.

    Attributes:
        place_of: the place, from 0, of each declared column that the file has.
        missing: required columns that it does not have, in the declared order.
        ignored: names of columns that are not read, sorted.
    """

    place_of: dict[str, int]
    missing: list[str]
    ignored: list[str]


@contextmanager
def split(
    path: Path, compression: str | None, delimiter: str, fields: int | None = None
) -> Iterator[Splitter]:
    """A file's records, its header first, without a byte order mark.

    Args:
        path: the file.
        compression: `gzip`, `zstd` or None.
        delimiter: the character between two fields.
        fields: how many a good record has; any number where None.
    """
    with open_text(path, compression) as text:
        yield Splitter(text, delimiter, fields, text.read(len(_BOM)).removeprefix(_BOM))


def find_header(raw: Raw) -> Header:
    """The header of a file, by the delimiter that makes it name the most declared columns.

    Of several such delimiters, the one under which more of the first records have as many fields
    as the header; of several of those, the first in `DELIMITERS`.

    Raises:
        Refused: if the first record names no declared column, or a required one is missing.
    """
    headers = [_read_header(raw, delimiter) for delimiter in DELIMITERS]
    named = [len(match_columns(raw.table, header.names).place_of) for header in headers]
    if not any(named):
        raise Refused(f"no header: {_show_first_record(raw)}")
    best = [header for header, count in zip(headers, named, strict=True) if count == max(named)]
    header = max(best, key=lambda header: _count_good(raw, header)) if best[1:] else best[0]
    missing = match_columns(raw.table, header.names).missing
    if missing:
        raise Refused(
            f"the header lacks the required column {', '.join(missing)}; it has:"
            f" {_shorten(', '.join(header.names))}"
        )
    return header


def guess_header(path: Path, compression: str | None) -> Header | None:
    """The header of a file of which no columns are declared; None if the file has no record.

    The delimiter is the one that the header has and under which the most of the first records have
    as many fields as the header; of several such, the one that makes the most fields.
    """
    best: tuple[int, ...] = ()
    found: Header | None = None
    for delimiter in DELIMITERS:
        with split(path, compression, delimiter) as records:
            first = next(iter(records), None)
        if first is None:
            return None
        header = _header_of(first, delimiter)
        with split(path, compression, delimiter, len(header.names)) as records:
            good = sum(r.reason_code is None for r in islice(records, _GUESS_RECORDS))
        # A line without a delimiter has one field under every other.
        rank = (len(header.names) > 1, good, len(header.names))
        if rank > best:
            best, found = rank, header
    return found


def match_columns(table: Table, names: tuple[str, ...]) -> Columns:
    """Match a header to the declared columns.

    Of two that could hold the same one, its exact name comes before another case of it, that
    before an alias, aliases in the declared order, and the first of two alike before the second.
    """
    rank = {
        spelling.lower(): (column.name, place)
        for column in table.columns
        for place, spelling in enumerate((column.name, *column.aliases))
    }
    found: dict[str, list[tuple[bool, int, int]]] = {}
    for place, name in enumerate(names):
        column, spelling = rank.get(name.lower(), (None, 0))
        if column is not None:
            found.setdefault(column, []).append((name != column, spelling, place))
    place_of = {c.name: min(found[c.name])[2] for c in table.columns if c.name in found}
    missing = [c.name for c in table.columns if c.required and c.name not in found]
    read = set(place_of.values())
    ignored = {
        name or f"(column {place + 1})" for place, name in enumerate(names) if place not in read
    }
    return Columns(place_of, missing, sorted(ignored))


def _read_header(raw: Raw, delimiter: str) -> Header:
    with split(raw.path, raw.compression, delimiter) as records:
        for record in records:
            return _header_of(record, delimiter)
    raise Refused("no header: the file is empty")


def _header_of(record: Record, delimiter: str) -> Header:
    names = (field.decode("utf-8", "backslashreplace") for field in record.fields or ())
    return Header(delimiter, tuple(map(str.strip, names)), record.first_line)


def _count_good(raw: Raw, header: Header) -> int:
    with split(raw.path, raw.compression, header.delimiter, len(header.names)) as records:
        return sum(r.reason_code is None for r in islice(records, _SAMPLE_RECORDS))


def _show_first_record(raw: Raw) -> str:
    with split(raw.path, raw.compression, DELIMITERS[0]) as records:
        first = next(iter(records)).raw
    return f"its first record is: {_shorten(first.decode('utf-8', 'backslashreplace'))}"


def _shorten(text: str) -> str:
    """A text on one line, of bounded length."""
    line = " ".join(text[: 2 * _SHOWN_CHARACTERS].split())
    return line if len(line) <= _SHOWN_CHARACTERS else line[:_SHOWN_CHARACTERS] + " …"
