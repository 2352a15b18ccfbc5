"""Lands rows of values, such as a database's or a workbook's, by way of a JSON array of arrays."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from casebook.readers.base import Reading, Workspace
from casebook.readers.columns import Columns, coalesced, row_as_json, why_bad_bytes
from casebook.readers.rows import check_landed, copy_rows, rows_per_group
from casebook.sql import quote_text

_OBJECT_LIMIT = 1 << 20
_encode = json.JSONEncoder(
    ensure_ascii=False,
    separators=(",", ":"),
    default=lambda blob: blob.decode("utf-8", "surrogateescape"),
).encode


def land_values(
    workspace: Workspace,
    names: Sequence[str],
    columns: Columns,
    pieces: Iterable[Sequence[Sequence[object] | None]],
) -> Reading:
    """Land rows; those with bytes that are not UTF-8 go into quarantine.

    Args:
        workspace: where to work.
        names: the names of all columns.
        columns: which of them are read.
        pieces: the rows with all columns, some at a time; None for one in quarantine already. Text
            has lone surrogates for bytes that are not UTF-8.
    """
    path = workspace.folder / "rows.json"
    records = bad = longest = size = 0
    with path.open("wb") as file:
        for rows in pieces:
            read = [row and [row[place] for place in columns.read] for row in rows]
            try:
                piece = _encode(read).encode()
            except UnicodeEncodeError:
                for n, values in enumerate(read):
                    if values and (why := _why_bad(values, columns, names)):
                        number, raw = records + n + 1, row_as_json(names, rows[n] or ())
                        workspace.quarantine.add(number, number, "bad_bytes", why, raw)
                        read[n] = None
                piece = _encode(read).encode()
            file.write((b",\n" if records else b"[") + piece[1:-1])
            records, bad, size = records + len(rows), bad + read.count(None), size + len(piece)
            if len(piece) > max(longest, _OBJECT_LIMIT):
                longest = max(longest, *(len(_encode(values).encode()) for values in read))
        file.write(b"]" if records else b"[]")
    source = f"""read_json(
        {quote_text(path)}, format = 'array', records = false, columns = {{r: 'VARCHAR[]'}},
        compression = 'uncompressed', maximum_object_size = {max(_OBJECT_LIMIT, longest) + 1}
    )"""
    row_number = "null::bigint"
    if bad:
        row_number = "n"
        source = f"(select r, row_number() over () as n from {source}) where r is not null"
    value_of = {place: f"r[{n}]" for n, place in enumerate(columns.read, 1)}
    cells = [(coalesced(value_of[p] for p in ps), name) for name, ps in columns.places.items()]
    landed = copy_rows(workspace, source, cells, row_number, rows_per_group(records, size))
    check_landed(landed, records - bad)
    path.unlink()
    return Reading(records, landed, columns.ignored)


def _why_bad(values: Sequence[object], columns: Columns, names: Sequence[str]) -> str:
    for place, value in zip(columns.read, values, strict=True):
        raw = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
        if isinstance(raw, bytes) and (why := why_bad_bytes(names[place], raw)):
            return why
    return ""
