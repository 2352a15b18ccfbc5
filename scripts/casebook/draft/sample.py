"""The first records of a table's raw files, as the loader's readers land them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from casebook.draft.names import Name, name_columns
from casebook.errors import CasebookError, Refused
from casebook.lake.quarantine import Quarantine
from casebook.readers.archives import CHUNK, UNREADABLE, open_text, refused
from casebook.readers.base import Measured, Raw, Reader, Text, Workspace
from casebook.readers.choose import find_reader
from casebook.readers.columns import MAX_COLUMNS
from casebook.readers.header import Header, guess_header
from casebook.sources import Column, Table
from casebook.sql import quote_name, quote_text

if TYPE_CHECKING:
    import duckdb

# Of all files together.
MOST_RECORDS = 20_000
MOST_BYTES = 64 << 20
# What no column is called: a number that is no year, a date, a time.
_VALUE = re.compile(r"[-+]?(\d{1,3}|\d{5,}|\d*[.,]\d+)|\d{4}-\d\d-\d\d([ T].*)?")
_KEYS = "select flatten([case when json_valid(t) then json_keys(t) end for t in $texts])"


@dataclass(frozen=True)
class Sample:
    """What was read of a table's files, into the DuckDB table `head`: every column as text.

    Attributes:
        files: the columns of each file, in its order.
        bad: records that could not be read.
        why_bad: the reason for the first of them; empty where there are none.
        seen: what was read, in words.
    """

    files: list[list[Name]]
    bad: int
    why_bad: str
    seen: str


@dataclass
class _Head:
    """The first records of one file, and all that `Reader.again` takes to read them."""

    reader: Reader
    layout: dict[str, Any]
    names: Sequence[str]
    texts: list[Text]
    is_whole: bool


def read_sample(
    connection: duckdb.DuckDBPyConnection,
    paths: Sequence[Path],
    member: str | None,
    table: str,
    work: Path,
) -> Sample:
    """Land the first records of files, and make of them the table `head`.

    Args:
        connection: where to make it.
        paths: the raw files.
        member: the table in it, where it is one SQLite file.
        table: the name of the table that is to be declared.
        work: an empty folder.

    Raises:
        CasebookError: if a file cannot be read, or has no columns.
    """
    heads = []
    for path in paths:
        try:
            heads.append(_read_head(connection, path, member, len(paths), work))
        except (Refused, *UNREADABLE) as error:
            reason = refused(error) if isinstance(error, UNREADABLE) else error
            fix = "name a file that `casebook load` reads"
            raise CasebookError(f"cannot be read: {reason}", file=path, fix=fix) from error
    delivered = dict.fromkeys(name for head in heads for name in head.names)
    named = name_columns(list(delivered)[:MAX_COLUMNS], table)
    columns = [Column(name.declared, aliases=name.aliases) for name in named] or [Column("none")]
    names = {name.delivered.lower(): name for name in named}
    files, bad, why_bad = list[list[Name]](), 0, ""
    for number, (path, head) in enumerate(zip(paths, heads, strict=True)):
        quarantine = Quarantine(work / f"{number}.jsonl")
        workspace = Workspace(connection, work, work / f"{number}.parquet", quarantine)
        head.reader.again(Table("", table, tuple(columns)), workspace, head.layout, head.texts)
        why = _why_bad(workspace)
        found = (names[name.lower()] for name in head.names if name.lower() in names)
        files.append(list(dict.fromkeys(found)))
        bad, why_bad = bad + quarantine.count, why_bad or why
        if not files[-1]:
            raise CasebookError(
                "no record with columns can be read in it" + (f": {why}" if why else ""),
                file=path,
                fix="draft from a file that has records, each with named values",
            )
    listed = ", ".join(quote_name(column.name) for column in columns)
    parts = ", ".join(quote_text(work / f"{number}.parquet") for number in range(len(paths)))
    connection.execute(f"create table head as select {listed} from read_parquet([{parts}])")
    (records,) = connection.execute("select count(*) from head").fetchone() or (0,)
    is_whole = all(head.is_whole for head in heads)
    place = f"{paths[0].name}#{member}" if member else paths[0].name
    return Sample(files, bad, why_bad, _seen(records, is_whole, place, len(paths)))


def _read_head(
    connection: duckdb.DuckDBPyConnection, path: Path, member: str | None, files: int, work: Path
) -> _Head:
    """Read a file's share of the records."""
    reader, compression = find_reader(path)
    counter = reader.counter()
    with open_text(path, compression) as file:
        counter.add(file.read(CHUNK))
    header = _header(path, compression) if reader.format == "delimited" else None
    names: Sequence[str] = header.names if header else []
    columns = [Column(name) for name in names if name] or [Column("\ufffd")]
    table = Table("", member or "", tuple(columns))
    raw = Raw(path, compression, table, lambda: Measured(0, "", None, counter), member)
    texts, size, is_whole = list[Text](), 0, True
    for number, text in reader.texts(raw):
        is_whole = len(texts) * files < MOST_RECORDS and size * files <= MOST_BYTES
        if texts and not is_whole:
            break
        texts.append(Text(number, number, text))
        size += len(text)
    if header is None and texts:
        found = [text.raw.decode("utf-8", "replace") for text in texts]
        (keys,) = connection.execute(_KEYS, {"texts": found}).fetchone() or ([],)
        names = list(dict.fromkeys(keys))
    elif header is None:
        quarantine = Quarantine(work / "empty.jsonl")
        workspace = Workspace(connection, work, work / "empty.parquet", quarantine)
        names = reader.read(raw, workspace).columns_ignored
    return _Head(reader, header.layout if header else {}, names, texts, is_whole)


def _header(path: Path, compression: str | None) -> Header:
    header = guess_header(path, compression)
    if header is None:
        fix = "draft from a file that has a header and records"
        raise CasebookError("it is empty", file=path, fix=fix)
    if any(_VALUE.fullmatch(name) for name in header.names):
        raise CasebookError(
            f"it seems to have no header: its first record is {', '.join(header.names)[:200]}",
            file=path,
            fix="have it delivered with one, or put a line with the columns' names before it",
        )
    return header


def _why_bad(workspace: Workspace) -> str:
    """Why the first record could not be read that was put into quarantine; empty if none was."""
    rejected = workspace.landed.with_suffix(".rejected")
    if not workspace.quarantine.write(workspace.connection, rejected, "", ""):
        return ""
    (why,) = workspace.connection.execute(
        "select first(concat_ws(': ', reason_code, message) order by record)"
        f" from read_parquet({quote_text(rejected)})"
    ).fetchone() or ("",)
    return str(why)


def _seen(records: int, is_whole: bool, place: str, files: int) -> str:
    if files > 1:
        return f"{records:,} records of {files} files"
    if not records:
        return f"{place}, which has no records"
    first = "" if is_whole else "first "
    return f"the {first}{records:,} record{'s' * (records > 1)} of {place}"
