"""JSON that is no lines: an array of objects, objects one after the other, or one that has them."""

from __future__ import annotations

from collections.abc import Iterator

from casebook.readers.archives import open_utf8
from casebook.readers.base import Raw, Reader, Reading, Workspace
from casebook.readers.count import JsonCounter
from casebook.readers.json_fast import land_at_once
from casebook.readers.json_rows import land_again, land_rows
from casebook.readers.json_split import elements
from casebook.readers.rows import Spool
from casebook.readers.text import Source, notes_on_encoding, prepare


def read(raw: Raw, workspace: Workspace) -> Reading:
    """Land a file that holds one JSON array; a record's number is its place in the array.

    DuckDB reads it at once where the text ends in `]` and no row came out empty, as a bare `null`
    does; its rows are the count of records then. If not, elements are told apart, and SQL
    classifies each of them.

    Raises:
        Refused: if no record has a required column, or a record is too long.
    """
    source = prepare(raw, workspace, JsonCounter)
    fast = land_at_once(raw.table, workspace, source, "array")
    if fast is not None and source.counter().last_byte == b"]":
        landed, ignored = fast
        return Reading(landed, landed, ignored)
    return _read_elements(raw, workspace, source)


def read_objects(raw: Raw, workspace: Workspace) -> Reading:
    """Land objects that stand one after the other, or in a member of one object.

    Raises:
        Refused: as `read`; also if the one object has no such member.
    """
    return _read_elements(raw, workspace, prepare(raw, workspace))


def _read_elements(raw: Raw, workspace: Workspace, source: Source) -> Reading:
    spool = Spool(workspace.folder / "records.rows", is_numbered=True)
    with source.open() as text:
        for number, line, content, code, message in elements(text, raw.table.records_at):
            spool.add(content, code, message, 1, (number, line))
    records, landed, ignored = land_rows(raw.table, workspace, spool.rows())
    assert records == spool.count
    notes = notes_on_encoding(raw.table, spool.bad_bytes)
    spool.path.unlink()
    return Reading(records, landed, ignored, notes=notes)


def texts(raw: Raw) -> Iterator[tuple[int, bytes]]:
    """The number and the bytes of each record."""
    with open_utf8(raw.path, raw.compression, raw.table.encoding) as text:
        for element in elements(text, raw.table.records_at):
            yield element.number, element.raw


READER = Reader("json_array", "JSON", read, texts, land_again, JsonCounter)
OBJECTS = Reader("json_objects", "JSON", read_objects, texts, land_again, JsonCounter)
