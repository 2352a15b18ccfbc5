"""Records that could not be read: kept byte for byte, with where they stood and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from casebook.sql import quote_text

if TYPE_CHECKING:
    import duckdb

_COLUMNS = {"record": "BIGINT", "first_line": "BIGINT"}
_COLUMNS |= dict.fromkeys(("reason_code", "message", "raw"), "VARCHAR")
_SMALLEST_OBJECT_LIMIT = 16 << 20
_ROW_GROUP_BYTES = 32 << 20
# Bytes that are not UTF-8 are shown as \xNN: runs of well-formed characters (table 3-7 of Unicode)
# and single bytes between them are told apart in the hexadecimal digits of the whole.
_NEXT = "[89AB]."
_CHARACTERS = (
    f"(?:[0-7].|(?:C[2-9A-F]|D.){_NEXT}|(?:E0[AB].|E[1-9A-CEF]{_NEXT}|ED[89].){_NEXT}"
    f"|(?:F0[9AB].|F[1-3]{_NEXT}|F48.){_NEXT}{_NEXT})+"
)
# A record of over 1 MiB would take too much memory that way, and shows all but ASCII as \xNN.
_SHOWN = f"""
coalesce(try(decode(raw)), case when octet_length(raw) > {1 << 20} then raw::varchar else
    array_to_string(list_transform(
        regexp_extract_all(hex(raw), '{_CHARACTERS}|..'),
        lambda part: if(
            length(part) = 2 and part >= '80', '\\x' || lower(part), decode(unhex(part))
        )
    ), '')
end)
"""
_encode = msgspec.json.Encoder().encode


class Quarantine:
    """Collects the bad records of one raw file in temporary files, then writes Parquet.

    Attributes:
        count: records so far.
    """

    def __init__(self, spool: Path) -> None:
        self._spool = spool  # does not exist yet; others are made beside it
        self._file: BinaryIO | None = None
        self._parts: list[Path] = []
        self._longest = 0
        self._size = 0
        self.count = 0

    def add(self, record: int, first_line: int, reason_code: str, message: str, raw: bytes) -> None:
        """Put one record into quarantine.

        Args:
            record: its number in the file, from 1.
            first_line: the number of the line that it begins in, from 1.
            reason_code: the kind of reason, such as `not_json`.
            message: the reason, for people.
            raw: its bytes, exactly as they stand in the file.
        """
        row = (record, first_line, reason_code, message, raw)
        line = _encode(dict(zip(_COLUMNS, row, strict=True))) + b"\n"  # bytes as base64
        if self._file is None:
            self._file = self._spool.open("wb")
        self._file.write(line)
        self._longest = max(self._longest, len(line))
        self._size += len(line)
        self.count += 1

    def add_query(self, connection: duckdb.DuckDBPyConnection, query: str) -> int:
        """Put records into quarantine that DuckDB has singled out; returns how many.

        The query gives columns as the arguments of `add`: record, first_line, reason_code, message
        and raw, a BLOB.
        """
        part = self._spool.with_name(f"{self._spool.name}.{len(self._parts)}.parquet")
        written = connection.execute(
            f"copy (select record, first_line, reason_code, message, raw from ({query}))"
            f" to {quote_text(part)} (format parquet, compression zstd, row_group_size 8192)"
        ).fetchone()
        count = written[0] if written else 0
        if count:
            self._parts.append(part)
            self._size += part.stat().st_size
            self.count += count
        else:
            part.unlink()
        return count

    def write(
        self, connection: duckdb.DuckDBPyConnection, target: Path, source_file: str, file_hash: str
    ) -> int:
        """Write what was collected as Parquet, in the order of the records; returns how many.

        Columns: source_file, file_hash, record, first_line, reason_code, message, raw_text (bytes
        that are not UTF-8 as `\\xNN`), raw_bytes. Nothing is written where there is nothing.
        """
        if not self.count:
            return 0
        collected = [f"from read_parquet({quote_text(part)})" for part in self._parts]
        if self._file is not None:
            self._file.close()
            limit = max(_SMALLEST_OBJECT_LIMIT, self._longest + 1)
            collected.append(
                "select * replace (from_base64(raw) as raw)"
                f" from read_json({quote_text(self._spool)}, format = 'newline_delimited',"
                f" columns = {_COLUMNS}, maximum_object_size = {limit})"
            )
        rows = max(2048, min(122880, _ROW_GROUP_BYTES * self.count // self._size))
        written = connection.execute(
            f"""
            copy (
                select
                    {quote_text(source_file)} as source_file,
                    {quote_text(file_hash)} as file_hash,
                    record, first_line, reason_code, message,
                    {_SHOWN} as raw_text,
                    raw as raw_bytes
                from ({" union all ".join(collected)})
                {"order by record" if len(collected) > 1 else ""}
            ) to {quote_text(target)} (format parquet, compression zstd, row_group_size {rows})
            """
        ).fetchone()
        for path in (self._spool, *self._parts):
            path.unlink(missing_ok=True)
        return written[0] if written else 0
