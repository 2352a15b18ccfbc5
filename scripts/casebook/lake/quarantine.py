"""Records that could not be read: kept byte for byte, with where they stood and why."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from casebook.sql import quote_text

if TYPE_CHECKING:
    import duckdb

_COLUMNS = (
    "{record: 'BIGINT', first_line: 'BIGINT', reason_code: 'VARCHAR', message: 'VARCHAR',"
    " shown: 'VARCHAR', raw: 'VARCHAR'}"
)
_SMALLEST_OBJECT_LIMIT = 16 << 20
_ROW_GROUP_BYTES = 32 << 20


class Quarantine:
    """Collects the bad records of one raw file in a temporary file, then writes Parquet.

    Args:
        spool: a temporary file that does not exist yet.
    """

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self._file: BinaryIO | None = None
        self._longest = 0
        self._size = 0
        self.count = 0

    def add(self, record: int, first_line: int, reason_code: str, message: str, raw: bytes) -> None:
        """Put one record into quarantine.

        Args:
            record: its 1-based number in the file.
            first_line: the 1-based number of the line that it begins in.
            reason_code: the kind of reason, such as `not_json`.
            message: the reason, for people.
            raw: its bytes, exactly as they stand in the file.
        """
        content = {
            "record": record,
            "first_line": first_line,
            "reason_code": reason_code,
            "message": message,
            "shown": _shown(raw),
            "raw": base64.b64encode(raw).decode("ascii"),
        }
        line = json.dumps(content).encode("ascii") + b"\n"
        if self._file is None:
            self._file = self._spool.open("wb")
        self._file.write(line)
        self._longest = max(self._longest, len(line))
        self._size += len(line)
        self.count += 1

    def write(
        self,
        connection: duckdb.DuckDBPyConnection,
        target: Path,
        source_file: str,
        file_hash: str,
    ) -> int:
        """Write what was collected as Parquet; nothing where nothing was.

        Columns: source_file, file_hash, record, first_line, reason_code, message, raw_text (bytes
        that are not UTF-8 as `\\xNN`), raw_bytes.

        Returns:
            The number of rows written.
        """
        if self._file is None:
            return 0
        self._file.close()
        limit = max(_SMALLEST_OBJECT_LIMIT, self._longest + 1)
        rows = max(2048, min(122880, _ROW_GROUP_BYTES * self.count // self._size))
        written = connection.execute(
            f"""
            copy (
                select
                    {quote_text(source_file)} as source_file,
                    {quote_text(file_hash)} as file_hash,
                    record,
                    first_line,
                    reason_code,
                    message,
                    case when shown is null then decode(from_base64(raw)) else shown end
                        as raw_text,
                    from_base64(raw) as raw_bytes
                from read_json(
                    {quote_text(self._spool)}, format = 'newline_delimited', columns = {_COLUMNS},
                    maximum_object_size = {limit}
                )
            ) to {quote_text(target)} (format parquet, compression zstd, row_group_size {rows})
            """
        ).fetchone()
        self._spool.unlink()
        return written[0] if written else 0


@dataclass(frozen=True)
class Quarantined:
    """One record in quarantine.

    Attributes:
        record: its 1-based number in its raw file.
        first_line: the 1-based number of the line that it begins in.
        reason_code: the kind of reason, such as `not_json`.
        message: the reason, for people.
        text: its text; bytes that are not UTF-8 as `\\xNN`.
        raw: its bytes as they were delivered.
    """

    record: int
    first_line: int
    reason_code: str
    message: str
    text: str
    raw: bytes

    @property
    def reason(self) -> str:
        """Code and message, as `audit.rejected_rows` spells them."""
        return f"{self.reason_code}: {self.message}"


def read_quarantine(connection: duckdb.DuckDBPyConnection, path: Path) -> Iterator[Quarantined]:
    """The records that `Quarantine.write` wrote, one after another.

    Args:
        connection: a DuckDB connection; it may be used for other things meanwhile.
        path: the Parquet file.
    """
    with closing(connection.cursor()) as cursor:
        found = cursor.execute(
            "select record, first_line, reason_code, message, raw_text, raw_bytes"
            f" from read_parquet({quote_text(path)})"
        )
        while row := found.fetchone():
            yield Quarantined(*row)


def _shown(raw: bytes) -> str | None:
    """The raw bytes as text where they are not UTF-8; None where they are."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "backslashreplace")
    return None
