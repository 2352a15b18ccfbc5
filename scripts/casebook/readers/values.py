"""Lands rows of values, such as a database's or a workbook's, by way of a JSON array of arrays."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from casebook.readers.base import Reading, Workspace
from casebook.readers.columns import as_text, checked, coalesced, row_as_json, why_bad_bytes
from casebook.readers.text import copy_rows, rows_per_group
from casebook.sql import quote_text

if TYPE_CHECKING:
    from casebook.sources import Table

_OBJECT_LIMIT = 1 << 20
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=as_text).encode


def land_values(
    table: Table,
    workspace: Workspace,
    names: Sequence[str],
    pieces: Iterable[Sequence[Sequence[object] | None]],
) -> Reading:
    """Land rows with all columns; those with bytes that are not UTF-8 go into quarantine.

    They come some at a time, as for `row_as_json`; None stands for one in quarantine already.

    Raises:
        Refused: if a required column is missing, or there are too many columns.
    """
    columns = checked(table, names)
    path = workspace.folder / "rows.json"
    records = bad = longest = size = 0
    with path.open("wb") as file:
        for rows in pieces:
            read = [row and [row[place] for place in columns.read] for row in rows]
            try:
                piece = _encode(read).encode()
            except UnicodeEncodeError:
                for n, row in enumerate(rows):
                    bad_bytes = (why_bad_bytes(names[p], row[p]) for p in columns.read if row)
                    if row and (why := next(filter(None, bad_bytes), "")):
                        number, raw = records + n + 1, row_as_json(names, row)
                        workspace.quarantine.add(number, number, "bad_bytes", why, raw)
                        read[n] = None
                piece = _encode(read).encode()
            file.write((b",\n" if records else b"[") + piece[1:-1])
            records, bad, size = records + len(rows), bad + read.count(None), size + len(piece)
            if len(piece) > max(longest, _OBJECT_LIMIT):
                longest = max(longest, *(len(_encode(values).encode()) for values in read))
        file.write(b"]" if records else b"[]")
    query = f"""(
        select r, row_number() over () as n
        from read_json(
            {quote_text(path)}, format = 'array', records = false, columns = {{r: 'VARCHAR[]'}},
            compression = 'uncompressed', maximum_object_size = {max(_OBJECT_LIMIT, longest) + 1}
        )
    ) where r is not null"""
    value_of = {place: f"r[{n}]" for n, place in enumerate(columns.read, 1)}
    cells = [(coalesced(value_of[p] for p in ps), name) for name, ps in columns.places.items()]
    place, group = "n" if bad else "null::bigint", rows_per_group(records, size)
    landed = copy_rows(workspace, query, cells, place, group, records - bad)
    path.unlink()
    return Reading(records, landed, columns.ignored)
