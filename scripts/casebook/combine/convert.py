"""Converts one raw file: its records as a part of an output, its bad ones as a list of rejects."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from casebook.combine.delimited import read_delimited
from casebook.combine.json_records import SecondOpinion, read_json_array, read_json_lines
from casebook.combine.segments import PartWriter
from casebook.combine.tasks import Done, Task
from casebook.errors import Refused
from casebook.readers import delimited, json_array, json_lines
from casebook.readers.archives import UNREADABLE, refused
from casebook.readers.choose import find_reader

_JSON_READERS = {
    json_lines.READER.format: read_json_lines,
    json_array.READER.format: read_json_array,
}


class _Bad(Protocol):
    """A record that cannot be read, of whatever format."""

    number: int
    first_line: int
    raw: bytes
    reason_code: str | None
    message: str


class _BadRecordError(Exception):
    def __init__(self, record: _Bad) -> None:
        super().__init__(f"line {record.first_line}: {record.reason_code}: {record.message}")
        self.record = record.number


class _UnwritableError(Exception):
    """What was read cannot be written; not one of the errors that reading raises."""


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _UnwritableError(error.strerror or str(error)) from error


def convert(task: Task, advance: Callable[[int], None]) -> Done:
    """Convert one raw file.

    Args:
        task: which, and how.
        advance: takes the number of bytes of text that were read.
    """
    task.folder.mkdir(parents=True)
    records = 0
    try:
        with PartWriter(task.folder / "part") as writer, _Rejects(task) as rejects:
            for count, lines in _read(task, rejects.add, advance):
                records += count
                with _writing():
                    writer.write(lines)
            with _writing():
                part = writer.finish()
        return Done(task.number, records, rejects.count, part, rejects.path)
    except _BadRecordError as error:
        return Done(task.number, failure=str(error), record=error.record)
    except Refused as error:
        return Done(task.number, failure=str(error))
    except _UnwritableError as error:
        return Done(task.number, failure=f"what was read of it cannot be written: {error}")


def _read(
    task: Task, reject: Callable[[_Bad], None], advance: Callable[[int], None]
) -> Iterator[tuple[int, bytes]]:
    try:
        reader, compression = find_reader(task.path)
        if reader is delimited.READER:
            yield from read_delimited(task.path, compression, reject, advance)
        elif reader.format in _JSON_READERS:
            with SecondOpinion(task.folder) as opinions:
                read = _JSON_READERS[reader.format]
                yield from read(task.path, compression, reject, advance, opinions)
        else:
            raise Refused(f"neither delimited text nor JSON, but {reader.format}")
    except UNREADABLE as error:
        raise refused(error) from error


class _Rejects:
    """Puts bad records aside, or raises at the first one."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._file: BinaryIO | None = None
        self.count = 0

    def __enter__(self) -> _Rejects:
        return self

    def __exit__(self, *failure: object) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def path(self) -> Path | None:
        """Where they are, as JSON lines; None where there are none."""
        return Path(self._file.name) if self._file is not None else None

    def add(self, record: _Bad) -> None:
        """Put a record aside."""
        if not self._task.skip_bad:
            raise _BadRecordError(record)
        line = json.dumps(self._content(record), ensure_ascii=False).encode("utf-8") + b"\n"
        with _writing():
            if self._file is None:
                self._file = (self._task.folder / "rejected").open("wb")
            self._file.write(line)
        self.count += 1

    def _content(self, record: _Bad) -> dict[str, Any]:
        raw = record.raw.rstrip(b"\r\n")
        text = raw.decode("utf-8", "backslashreplace")
        return {
            "source_file": self._task.source_file,
            "record": record.number,
            "first_line": record.first_line,
            "reason_code": record.reason_code,
            "message": record.message,
            "raw_text": text,
            # Where the text does not tell all.
            "raw_bytes": None if text.encode() == raw else base64.b64encode(raw).decode("ascii"),
        }
