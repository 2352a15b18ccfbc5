"""Lands rows of values, such as a database's or a workbook's, by way of a JSON array of arrays."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from casebook.readers.base import Workspace
from casebook.readers.columns import Columns, row_as_json, why_bad_bytes
from casebook.readers.rows import check_landed, copy_rows
from casebook.sql import quote_text

if TYPE_CHECKING:
    from casebook.sources import Table

_OBJECT_LIMIT = 1 << 20
_encode = json.JSONEncoder(
    ensure_ascii=False,
    separators=(",", ":"),
    default=lambda blob: blob.decode("utf-8", "surrogateescape"),
).encode


class ValueSpool:
    """Rows of values on their way to DuckDB; `null` stands for one in quarantine.

    Args:
        path: the file to write.
        names: the names of all columns.
        columns: which of them are read.
        workspace: where to work.

    Attributes:
        records: rows so far.
        bad: those of them that are in quarantine.
    """

    def __init__(
        self, path: Path, names: Sequence[str], columns: Columns, workspace: Workspace
    ) -> None:
        self._path, self._names, self._columns = path, names, columns
        self._places, self._quarantine = columns.read, workspace.quarantine
        self._workspace = workspace
        self.records = self.bad = self._longest = self._size = 0
        self._file = path.open("wb")
        self._file.write(b"[")

    def add(self, rows: Sequence[Sequence[object]]) -> None:
        """Add rows with all columns; those with bytes that are not UTF-8 go into quarantine."""
        read = [[row[place] for place in self._places] for row in rows]
        try:
            piece = _encode(read)[1:-1].encode("utf-8")
            longest = len(piece)
            if longest > _OBJECT_LIMIT:
                longest = max(len(_encode(row).encode()) for row in read)
        except UnicodeEncodeError:
            pieces = [self._spell(read[n], rows[n], self.records + n + 1) for n in range(len(read))]
            piece, longest = b",".join(pieces), max(map(len, pieces))
        self._file.write(b",\n" + piece if self.records else piece)
        self.records += len(rows)
        self._size += len(piece)
        self._longest = max(self._longest, longest)

    def _spell(self, values: Sequence[object], row: Sequence[object], number: int) -> bytes:
        try:
            return _encode(values).encode("utf-8")
        except UnicodeEncodeError:
            self.reject(number, "bad_bytes", self._why_bad(values), row)
            return b"null"

    def reject(self, number: int, code: str, message: str, row: Sequence[object]) -> None:
        """Put a row into quarantine, with all its columns."""
        self.bad += 1
        self._quarantine.add(number, number, code, message, row_as_json(self._names, row))

    def add_bad(self, row: Sequence[object], code: str, message: str) -> None:
        """Add a row that cannot be read."""
        self._file.write(b",\nnull" if self.records else b"null")
        self.records += 1
        self.reject(self.records, code, message, row)

    def _why_bad(self, values: Sequence[object]) -> str:
        for place, value in zip(self._places, values, strict=True):
            raw = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
            if isinstance(raw, bytes) and (why := why_bad_bytes(self._names[place], raw)):
                return why
        return ""

    def land(self) -> int:
        """Let DuckDB write the rows; returns how many it wrote."""
        self._file.write(b"]")
        self._file.close()
        number_of = {place: n for n, place in enumerate(self._places, 1)}
        values = []
        for name, places in self._columns.places.items():
            held = ", ".join(f"r[{number_of[place]}]" for place in places)
            value = f"coalesce({held})" if len(places) > 1 else held
            values.append((value or "null::varchar", name))
        rows = f"""read_json(
            {quote_text(self._path)}, format = 'array', records = false,
            columns = {{r: 'VARCHAR[]'}}, compression = 'uncompressed',
            maximum_object_size = {max(_OBJECT_LIMIT, self._longest + 1)}
        )"""
        number = "null::bigint"
        if self.bad:
            number = "n"
            rows = f"(select r, row_number() over () as n from {rows}) where r is not null"
        group = max(2048, min(122_880, (32 << 20) * self.records // max(self._size, 1)))
        landed = copy_rows(self._workspace, rows, values, number, group)
        check_landed(landed, self.records - self.bad)
        self._path.unlink()
        return landed


def land_values(
    table: Table,
    workspace: Workspace,
    names: Sequence[str],
    columns: Columns,
    pieces: Iterable[Sequence[Sequence[object]]],
) -> tuple[int, int]:
    """Land rows with these columns; returns how many there are, and how many landed."""
    spool = ValueSpool(workspace.folder / "rows.json", names, columns, workspace)
    for rows in pieces:
        spool.add(rows)
    return spool.records, spool.land()
