"""XML: each child of the root element is a record, its attributes are the columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from xml.parsers import expat

from casebook.errors import Refused
from casebook.readers.archives import open_text, open_utf8
from casebook.readers.base import MAX_RECORD_BYTES, Raw, Reader, Reading, Workspace, too_long
from casebook.readers.count import NoText
from casebook.readers.json_rows import land_again, land_rows
from casebook.readers.text import Spool

_CHUNK = 1 << 16


def read(raw: Raw, workspace: Workspace) -> Reading:
    """Land the children of the root element, in order.

    Raises:
        Refused: if it is not well-formed, has a DTD or entities of its own, no record has a
            required attribute, or a record is too long.
    """
    spool = Spool(workspace.folder / "records.rows", is_numbered=True)
    for number, (line, content) in enumerate(_records(raw), 1):
        spool.add(content, number=(number, line))
    return land_rows(raw.table, workspace, spool)


def texts(raw: Raw) -> Iterator[tuple[int, bytes]]:
    """The number of each record, and its attributes as a JSON object."""
    return enumerate((content for _, content in _records(raw)), 1)


def _records(raw: Raw) -> Iterator[tuple[int, bytes]]:
    """Line and attributes of each child of the root element, in bounded memory."""
    parser = expat.ParserCreate("utf-8" if raw.table.encoding else None)
    found: list[tuple[int, dict[str, str]]] = []
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth == 2:
            found.append((parser.CurrentLineNumber, attributes))

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1

    def refuse(*arguments: object) -> None:
        raise Refused("it has a DTD, which is not read; have it delivered without")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    path, packed, encoding = raw.path, raw.compression, raw.table.encoding
    try:
        # Without a declared encoding the text is as it is for the parser to decode.
        with open_utf8(path, packed, encoding) if encoding else open_text(path, packed) as file:
            fed, piece = 0, b" "
            while piece:
                piece = file.read(_CHUNK)
                parser.Parse(piece, not piece)
                fed += len(piece)
                if piece and fed - max(parser.CurrentByteIndex, 0) > MAX_RECORD_BYTES:
                    raise Refused(too_long(parser.CurrentLineNumber))
                for line, attributes in found:
                    yield line, json.dumps(attributes, ensure_ascii=False).encode()
                found.clear()
    except expat.ExpatError as error:
        raise Refused(f"it is not well-formed XML ({error}); have it delivered again") from error


READER = Reader("xml", "XML", read, texts, land_again, NoText)
