"""Workbooks (.xlsx): the rows of one sheet, below a header."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from functools import reduce
from pathlib import Path

from casebook.errors import Refused
from casebook.readers.archives import CHUNK
from casebook.readers.base import Raw, Reader, Reading, Workspace
from casebook.readers.columns import match_columns, row_as_json
from casebook.readers.count import NoText
from casebook.readers.json_rows import land_again
from casebook.readers.values import land_values

MAX_UNPACKED = 256 << 20
MAX_CELLS = 10_000_000
_EXACT = 1 << 53
_CELL = re.compile(rb'\br="([A-Z]{1,3})(\d{1,7})"')


def read(raw: Raw, workspace: Workspace) -> Reading:
    """Land the rows of a sheet; rows without a value take no number.

    A workbook's numbers are doubles: a row with a whole number of which not all digits may be kept
    goes into quarantine.

    Raises:
        Refused: if it is no workbook, too large, has no such sheet, or lacks a required column.
    """
    names, rows = _sheet(raw)
    if not names:
        raise Refused("no header: the sheet is empty")
    read = match_columns(raw.table, names).read

    def pieces() -> Iterator[list[list[str | None] | None]]:
        for number, row in enumerate(rows, 1):
            values = list(map(_text, row))
            is_exact = not any(_is_inexact(row[place]) for place in read)
            if not is_exact:
                why = "a number of more digits than a workbook keeps"
                content = row_as_json(names, values)
                workspace.quarantine.add(number, number, "inexact_number", why, content)
            yield [values if is_exact else None]

    return land_values(raw.table, workspace, names, pieces())


def texts(raw: Raw) -> Iterator[tuple[int, bytes]]:
    """The number of each row, and the row as a JSON object with all columns of the sheet."""
    names, rows = _sheet(raw)
    return enumerate((row_as_json(names, list(map(_text, row))) for row in rows), 1)


def _sheet(raw: Raw) -> tuple[list[str], Iterator[Sequence[object]]]:
    """The names in the header, and the rows below it that have a value."""
    rows = _rows(raw)
    return [str(_text(value) or "").strip() for value in next(rows, ())], rows


def _rows(raw: Raw) -> Iterator[Sequence[object]]:
    import python_calamine

    _check_size(raw.path)
    table = raw.table
    try:
        workbook = python_calamine.CalamineWorkbook.from_path(raw.path)
        if table.sheet is None:
            sheet = workbook.get_sheet_by_index(0)
        elif table.sheet in workbook.sheet_names:
            sheet = workbook.get_sheet_by_name(table.sheet)
        else:
            has = ", ".join(workbook.sheet_names)
            raise Refused(f"it has no sheet {table.sheet}; its sheets are: {has}")
        for line, row in enumerate(sheet.iter_rows(), (sheet.start or (0, 0))[0]):
            if line >= table.skip_lines and any(value != "" for value in row):
                yield row
    except python_calamine.CalamineError as error:
        raise Refused(f"it is damaged or no workbook ({error}); have it delivered again") from error


def _check_size(path: Path) -> None:
    """Refuse what takes too much memory when it is unpacked, or is no workbook."""
    unpacked = 0
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                column, row, tail = b"A", 0, b""
                with archive.open(member) as file:
                    while piece := file.read(CHUNK):
                        unpacked += len(piece)
                        if unpacked > MAX_UNPACKED:
                            limit = f"{MAX_UNPACKED >> 20} MiB; have it delivered as CSV"
                            raise Refused(f"it unpacks to more than {limit}")
                        for letters, digits in _CELL.findall(tail + piece):
                            column = max(column, letters, key=lambda name: (len(name), name))
                            row = max(row, int(digits))
                        tail = piece[-24:]
                if row * reduce(lambda n, letter: 26 * n + letter - 64, column, 0) > MAX_CELLS:
                    raise Refused(
                        f"its sheet reaches to cell {column.decode()}{row}; at most"
                        f" {MAX_CELLS:,} cells are read: have it delivered as CSV"
                    )
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise Refused(f"it is damaged or no workbook ({error}); have it delivered again") from error


def _is_inexact(value: object) -> bool:
    return isinstance(value, float) and value.is_integer() and abs(value) >= _EXACT


def _text(value: object) -> str | None:
    """A cell as text: numbers as they are stored, dates and times in ISO form."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)
    if isinstance(value, date | time):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    return str(value)


READER = Reader("xlsx", "a ZIP archive or a workbook", read, texts, land_again, NoText)
