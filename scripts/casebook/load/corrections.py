"""Quarantined records as a file that people edit, and what they have made of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from casebook.errors import CasebookError
from casebook.lake.layout import Lake, LedgerEntry
from casebook.lake.quarantine import Quarantined, read_quarantine

_FIELDS = {
    "source_file": (str, "text"),
    "table": (str, "text"),
    "record": (int, "number"),
    "text": (str, "text"),
}


class Corrections:
    """A file that `export_quarantine` wrote and that someone has edited.

    It may be as large as the quarantine, so only the places of its lines are held in memory.

    Args:
        path: JSON lines with `source_file`, `table`, `record` and `text`.

    Raises:
        CasebookError: if it cannot be read, or one of its lines is not as it was exported.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._places: dict[tuple[str, str], dict[int, tuple[int, int]]] = {}
        try:
            self._file = path.open("rb")
            self._read_places()
        except OSError as error:
            raise CasebookError(
                f"the corrections cannot be read: {error.strerror}",
                file=path,
                fix="name the file that `casebook replay --export` wrote",
            ) from error

    def _read_places(self) -> None:
        line, offset = 0, 0
        while text := self._file.readline():
            line, start, offset = line + 1, offset, offset + len(text)
            if text.isspace():
                continue
            content = self._parse(text, line)
            places = self._places.setdefault((content["table"], content["source_file"]), {})
            if content["record"] in places:
                raise self.error(line, "a second line for the same record", "remove one of them")
            places[content["record"]] = line, start

    def _parse(self, text: bytes, line: int) -> dict[str, Any]:
        try:
            content = json.loads(text.decode("utf-8-sig"))
            if not isinstance(content, dict):
                raise ValueError("no JSON object")
            for name, (kind, called) in _FIELDS.items():
                if type(content.get(name)) is not kind:
                    raise ValueError(f"`{name}` is missing, or is no {called}")
            content["text"].encode("utf-8")
        except (ValueError, RecursionError) as error:
            reason = str(error)
            if isinstance(error, json.JSONDecodeError):
                reason = f"{error.msg} at character {error.pos + 1}"
            raise self.error(
                line,
                f"not as it was exported: {reason}",
                'change nothing but `text`, and write \\" for " and \\\\ for \\ in it',
            ) from error
        return content

    def __iter__(self) -> Iterator[tuple[str, str, int, int]]:
        """Table, source file, record and line of every record that was not taken yet."""
        for (table, source_file), places in self._places.items():
            for record, (line, _) in list(places.items()):
                yield table, source_file, record, line

    def take(self, table: str, source_file: str, record: int) -> tuple[int, str] | None:
        """The line and the text of a record, once; None if there is no line for it."""
        place = self._places.get((table, source_file), {}).pop(record, None)
        if place is None:
            return None
        line, offset = place
        self._file.seek(offset)
        return line, self._parse(self._file.readline(), line)["text"]

    def error(self, line: int, reason: str, fix: str) -> CasebookError:
        """What to raise about one of its lines."""
        return CasebookError(f"line {line}: {reason}", file=self.path, fix=fix)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def export_quarantine(lake: Lake, tables: Iterable[str], path: Path) -> int:
    """Write quarantined records as JSON lines, to be corrected by hand.

    Args:
        lake: the lake.
        tables: the tables to look at, each `SOURCE.TABLE`.
        path: the file to write; it must not exist, as corrections may stand in it.

    Returns:
        The number of records.

    Raises:
        CasebookError: if the file exists or cannot be written.
    """
    count = 0
    try:
        with path.open("x", encoding="utf-8") as file:
            for entry, row in all_in_quarantine(lake, tables):
                content = {
                    "source_file": entry.source_file,
                    "table": entry.full_table_name,
                    "record": row.record,
                    "first_line": row.first_line,
                    "reason": row.reason,
                    "text": row.text,
                }
                file.write(json.dumps(content, ensure_ascii=False) + "\n")
                count += 1
    except FileExistsError as error:
        raise CasebookError(
            "this file is there already, perhaps with corrections in it",
            file=path,
            fix="name another file, or delete this one",
        ) from error
    except OSError as error:
        raise CasebookError(f"cannot be written: {error.strerror}", file=path) from error
    return count


def all_in_quarantine(
    lake: Lake, tables: Iterable[str]
) -> Iterator[tuple[LedgerEntry, Quarantined]]:
    """Every quarantined record of some tables, each `SOURCE.TABLE`, in file order.

    Raises:
        CasebookError: if a quarantine file is missing or damaged.
    """
    import duckdb

    names = set(tables)
    with duckdb.connect(config={"memory_limit": "600MB", "temp_directory": ""}) as connection:
        for entry in lake.entries():
            if entry.rejected_file and entry.full_table_name in names:
                path = lake.root / entry.rejected_file
                try:
                    for row in read_quarantine(connection, path):
                        yield entry, row
                except duckdb.Error as error:
                    raise CasebookError(
                        f"the quarantine cannot be read: {error}",
                        file=path,
                        fix="delete it: the next `casebook load` lands its raw file again",
                    ) from error
