"""The music store's files: a small SQLite database, and CSV and JSON of one table each."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from casebook.sample.files import copy_file, open_file, temporary

CHUNK = 200  # records that are written at once
WRITER = 3_040_001  # the SQLite version that the database says it was written by last

Value = str | int | float | None
Values = dict[str, Value]
# A record, and what makes it unreadable, if anything: `short` of fields, cut in `half`, a `list`.
Rows = Iterator[tuple[Values, str]]


@dataclass(frozen=True)
class Export:
    """A CSV or JSON file of one table.

    Attributes:
        name: its name in the table's folder.
        style: `csv`, `lines` or `array`.
        prefixed: whether columns are named after their table, too: `tracks.TrackId`.
        delimiter: of CSV: the character between two fields.
        newline: what ends a line.
        opening: text before everything else.
        nothing: of CSV: what stands for a missing composer.
        again: of tables without a key: under which name the same bytes are delivered once more.
    """

    name: str
    style: str
    prefixed: bool = False
    delimiter: str = ","
    newline: str = "\n"
    opening: str = ""
    nothing: str = ""
    again: str = ""


def write_database(
    path: Path,
    tables: dict[str, tuple[str, ...]],
    rows_of: Callable[[str], Rows],
    advance: Callable[[int], None],
) -> None:
    """Write a database in one transaction and in small pages, the same bytes every time.

    Args:
        path: the file.
        tables: the columns of each table, as SQL declares them.
        rows_of: gives the rows of a table; texts may hold bytes that are not UTF-8 as halves of
            surrogate pairs.
        advance: called with a number of records whenever as many more have been written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = temporary(path)
    part.unlink(missing_ok=True)
    with closing(sqlite3.connect(part, isolation_level=None)) as database:
        for setting in ("page_size = 1024", "auto_vacuum = none", "journal_mode = off"):
            database.execute(f"pragma {setting}")
        database.execute("begin")
        for table, columns in tables.items():
            database.execute(f"create table {table} ({', '.join(columns)})")
            names = [column.split()[0] for column in columns]
            # Texts are handed over as bytes, which need not be UTF-8.
            are_texts = ["VARCHAR" in column for column in columns]
            marks = ", ".join("cast(? as text)" if is_text else "?" for is_text in are_texts)
            rows = rows_of(table)
            while chunk := list(islice(rows, CHUNK)):
                bound = [
                    [
                        _bound(values[name], is_text)
                        for name, is_text in zip(names, are_texts, strict=True)
                    ]
                    for values, _ in chunk
                ]
                database.executemany(f"insert into {table} values ({marks})", bound)
                advance(len(chunk))
        database.execute("commit")
    with part.open("r+b") as file:
        file.seek(96)
        file.write(WRITER.to_bytes(4, "big"))
    part.replace(path)


def _bound(value: Value, is_text: bool) -> object:
    return value.encode("utf-8", "surrogateescape") if is_text and isinstance(value, str) else value


def write_export(
    folder: Path,
    export: Export,
    columns: Sequence[str],
    rows: Rows,
    advance: Callable[[int], None],
) -> None:
    """Write a file of a table, and the same bytes once more where it is delivered again.

    Args:
        folder: the table's; its name is the table's.
        export: how the file looks.
        columns: the table's columns, in their order.
        rows: its records.
        advance: called with a number of records whenever as many more have been written.
    """
    names = [f"{folder.name}.{column}" if export.prefixed else column for column in columns]
    records = 0
    with open_file(folder / export.name) as file:
        if export.style == "csv":
            file.write((export.opening + export.delimiter.join(names) + export.newline).encode())
        between = "[\n" if export.style == "array" else ""
        while chunk := list(islice(rows, CHUNK)):
            for values, spoil in chunk:
                if export.style == "csv":
                    text = _csv_line(columns, values, spoil, export)
                else:
                    text = between + _json_text(names, list(values.values()), spoil)
                    between = ",\n" if export.style == "array" else "\n"
                file.write(text.encode("utf-8", "surrogateescape"))
            records += len(chunk)
            advance(len(chunk))
        if export.style == "array":
            file.write(b"\n]\n" if records else b"[]\n")
        elif export.style == "lines" and records:
            file.write(b"\n")
    if export.again:
        copy_file(folder / export.name, folder / export.again)
        advance(records)


def _csv_line(columns: Sequence[str], values: Values, spoil: str, export: Export) -> str:
    fields = []
    for column in columns:
        value = values[column]
        nothing = export.nothing if column == "Composer" else ""
        fields.append(nothing if value is None else _quoted(str(value), export.delimiter))
    if spoil == "short":
        fields = fields[:-2] or ["?"] * 3
    return export.delimiter.join(fields) + export.newline


def _quoted(text: str, delimiter: str) -> str:
    return '"' + text.replace('"', '""') + '"' if delimiter in text or '"' in text else text


def _json_text(names: Sequence[str], values: list[Value], spoil: str) -> str:
    if spoil == "list":
        return json.dumps(values, ensure_ascii=False)
    text = json.dumps(dict(zip(names, values, strict=True)), ensure_ascii=False)
    return text[: len(text) // 2] if spoil == "half" else text
