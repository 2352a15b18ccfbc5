"""The head of a raw file, cut from it as a smaller file of the same format."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from casebook.errors import Refused
from casebook.readers.archives import open_text, open_utf8
from casebook.readers.base import MAX_RECORD_BYTES
from casebook.readers.json_split import elements
from casebook.sql import quote_name, quote_text

MOST_RECORDS = 20_000
MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Cut:
    """The head of a raw file, as a file of the same format.

    Attributes:
        path: the raw file.
        compression: `gzip`, `zstd` or None.
        format: the reader's name for the format.
        member: the table in it, where it is a SQLite file.
        home: the folder of a source, to write below.
    """

    path: Path
    compression: str | None
    format: str
    member: str | None
    home: Path

    @property
    def table(self) -> str:
        """The name under which the head is declared."""
        return self.member or "head"

    @property
    def file(self) -> Path:
        """Where the head is written."""
        suffixes = self.path.suffixes[:-1] if self.compression else self.path.suffixes
        name = "head" + (suffixes[-1] if suffixes else "")
        return self.home / name if self.member else self.home / self.table / name

    def write(self) -> bool:
        """Write the head; returns whether it is all of the file."""
        self.file.parent.mkdir(parents=True)
        if self.member is not None:
            return self._write_sqlite()
        if self.format == "parquet":
            return self._write_parquet()
        if self.format in ("json_array", "json_objects"):
            return self._write_array()
        if self.format in ("xml", "xlsx"):
            with open_text(self.path, self.compression) as text, self.file.open("wb") as file:
                shutil.copyfileobj(text, file)
            return True
        with open_text(self.path, self.compression) as text, self.file.open("wb") as file:
            for line in _first(iter(lambda: text.readline(MAX_RECORD_BYTES), b"")):
                file.write(line)
            return not text.read(1)

    def _write_array(self) -> bool:
        """Write the array's first elements, as a shorter array."""
        texts = self._texts(self.path, self.compression)
        with self.file.open("wb") as file:
            file.write(b"[")
            for number, text in enumerate(_first(texts)):
                file.write((b",\n" if number else b"\n") + text)
            file.write(b"\n]\n")
        return next(texts, None) is None

    def _write_parquet(self) -> bool:
        import duckdb

        source = f"read_parquet({quote_text(self.path)})"
        try:
            with duckdb.connect() as connection:
                connection.execute(
                    f"copy (select * from {source} limit {MOST_RECORDS})"
                    f" to {quote_text(self.file)} (format parquet)"
                )
                (records,) = connection.execute(f"select count(*) from {source}").fetchone() or (0,)
        except duckdb.Error as error:
            raise Refused(str(error).splitlines()[0]) from error
        return records <= MOST_RECORDS

    def _write_sqlite(self) -> bool:
        assert self.member is not None
        table = quote_name(self.member)
        delivered = f"file:{quote(str(self.path.absolute()))}?mode=ro&immutable=1"
        with closing(sqlite3.connect(f"file:{quote(str(self.file))}", uri=True)) as database:
            database.execute("attach ? as delivered", [delivered])
            # The head keeps the types that the columns are declared with.
            columns = database.execute(f"pragma delivered.table_info({table})").fetchall()
            listed = ", ".join(f"{quote_name(name)} {type_}" for _, name, type_, *_ in columns)
            database.execute(f"create table main.{table} ({listed})")
            database.execute(
                f"insert into main.{table} select * from delivered.{table} limit {MOST_RECORDS}"
            )
            database.commit()
            (more,) = database.execute(
                f"select count(*) from (select 1 from delivered.{table} limit {MOST_RECORDS + 1})"
            ).fetchone()
        return more <= MOST_RECORDS

    def order(self) -> list[str]:
        """The names of the head's columns as they come in it; some may be repeated or missing."""
        if self.format.startswith("json"):
            records = map(_loaded, self._texts(self.file, None))
            keys = (key for record in records if isinstance(record, dict) for key in record)
            return list(dict.fromkeys(keys))
        if self.format in ("xml", "xlsx"):
            return []
        if self.format == "parquet":
            import duckdb

            with duckdb.connect() as connection:
                rows = connection.execute(
                    f"describe from read_parquet({quote_text(self.file)})"
                ).fetchall()
            return [row[0] for row in rows]
        with closing(sqlite3.connect(self.file)) as database:
            rows = database.execute(f"pragma table_info({quote_name(self.table)})").fetchall()
        return [row[1] for row in rows]

    def _texts(self, path: Path, compression: str | None) -> Iterator[bytes]:
        """The records of a file of JSON."""
        with open_utf8(path, compression) as text:
            if self.format == "json_lines":
                yield from text
            else:
                yield from (element.raw for element in elements(text) if not element.code)


def _loaded(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _first(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The first pieces, so many and so large that a draft can be made from them."""
    size = 0
    for piece in islice(pieces, MOST_RECORDS):
        yield piece
        size += len(piece)
        if size > MOST_BYTES:
            return
