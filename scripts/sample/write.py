"""Generated raw files: realistic, deliberately dirty, and the same bytes on every machine.

The SQL beside this module says what the files hold and what becomes of each record; DuckDB makes
the records, and this module writes them.
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import duckdb
from casebook.errors import CasebookError

HERE = Path(__file__).parent
SOURCES = ("blog", "storefront", "movies", "music_store", "courses", "film_store")
CHUNK = 20_000  # records that are held at once
ITEMS = ("rejected", "left_out", "duplicate", "superseded", "redelivered", "kept")
SQLITE_VERSION = 3_040_001  # that a database says it was written by last


class TableReport(NamedTuple):
    """What was written for one raw table."""

    counts: Counter[str]  # files, records, and what becomes of those, as in audit.row_accounting
    reasons: Counter[tuple[str, str]]  # by outcome; of those kept, what is odd about them


class SampleReport(NamedTuple):
    """What `write_sample` wrote: where, how large it is, and what by `source.table`."""

    folder: Path
    size_bytes: int
    tables: dict[str, TableReport]


def write_sample(
    out_dir: Path,
    scale: float = 1.0,
    *,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SampleReport:
    """Write raw files for every source, laid out like `raw/`, and return what was planted.

    Args:
        out_dir: none yet, an empty folder, or an earlier sample, which is written over.
        scale: how many times the base number of records (5,000 votes and so on). The files stay
            the same in number and grow. Below 1 some kinds of bad records do not occur.
        threads: how many DuckDB uses; the bytes are the same.
        progress: called after each file with the files written so far and those to write in all.

    Raises:
        CasebookError: if the scale is not above 0, or the folder holds anything else.
    """
    tables: dict[str, TableReport] = {}
    with generator(scale, threads) as db:
        found = db.sql("select * from layouts order by table_name, first, path")
        layouts = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
        names = {one[key] for one in layouts for key in ("file", "again") if one[key]}
        _check_folder(out_dir, names)
        databases = {out_dir / one["file"] for one in layouts if one["style"] == "sqlite"}
        for path in databases:
            path.parent.mkdir(parents=True, exist_ok=True)
            _temporary(path).unlink(missing_ok=True)
        for number, layout in enumerate(layouts, 1):
            if layout["table_name"] not in tables:
                tables[layout["table_name"]] = _tell(db, layout["table_name"])
            _write_file(out_dir, db, layout)
            if progress:
                progress(number, len(layouts))
    for path in databases:
        with _temporary(path).open("r+b") as file:
            file.seek(96)
            file.write(SQLITE_VERSION.to_bytes(4, "big"))
        _temporary(path).replace(path)
    size_bytes = sum((out_dir / name).stat().st_size for name in names)
    return SampleReport(out_dir, size_bytes, tables)


def write_application_sql(path: Path, scale: float = 1.0) -> None:
    """Write the SQL text that fills the film store's database, with the same dirt as the files.

    Args:
        path: the file to write; not below a raw folder, where it would be taken for a delivery.
        scale: as in `write_sample`.
    """
    with generator(scale) as db, open_file(path) as file:
        write_texts(file, db.sql("select text from application_sql()"))


@contextmanager
def generator(scale: float, threads: int | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with the macros and views that describe the sample at a scale."""
    if not 0 < scale < float("inf"):
        raise CasebookError(f"a sample at scale {scale} has no records", fix="give a scale above 0")
    with tempfile.TemporaryDirectory() as spill, closing(duckdb.connect()) as db:
        db.execute(f"set temp_directory = '{spill}'; set enable_progress_bar = false")
        if threads:
            db.execute(f"set threads = {threads}")
        db.execute("set variable scale = ?::double", [scale])
        db.execute("set variable here = ?", [str(HERE)])
        for name in ("layout", *SOURCES):
            db.execute((HERE / f"{name}.sql").read_text(encoding="utf-8"))
        yield db


def _tell(db: duckdb.DuckDBPyConnection, name: str) -> TableReport:
    """Make the records of a table's files, and count them."""
    db.execute(f"create or replace table told_now as from told('{name}')")
    report = TableReport(Counter(), Counter())
    planted = (HERE / "planted.sql").read_text(encoding="utf-8")
    for outcome, reason, total in db.execute(planted, {"name": name}).fetchall():
        report.counts[outcome] += int(total or 0)
        if reason:
            report.reasons[outcome, reason] += int(total)
    report.counts["items"] = sum(report.counts[outcome] for outcome in ITEMS)
    return report


def _write_file(out_dir: Path, db: duckdb.DuckDBPyConnection, layout: dict) -> None:
    path = out_dir / layout["file"]
    ordered = "select text from told_now where file = ? order by position, n, step"
    texts = db.execute(ordered, [layout["file"]])
    if layout["style"] == "sqlite":
        _write_table(_temporary(path), layout["table_name"].split(".")[1], texts)
        return
    with open_file(path) as file:
        write_texts(file, texts, layout)
    if layout["again"]:
        copy = out_dir / layout["again"]
        shutil.copyfile(path, _temporary(copy))
        _temporary(copy).replace(copy)


LINES = {"style": "lines", "options": "", "opening": "", "between": "\n", "ending": "\n"}


def write_texts(file: BinaryIO, texts: duckdb.DuckDBPyConnection, layout: dict = LINES) -> None:
    """Write what the first column of a query holds, laid out as a row of `layouts` says."""
    before = layout["opening"]
    while rows := texts.fetchmany(CHUNK):
        text = before + layout["between"].join([text for (text,) in rows])
        if "ascii" in layout["options"]:
            text = re.sub(r"[^\x00-\x7f\uf8e3]", lambda found: f"\\u{ord(found[0]):04x}", text)
        file.write(_encoded(text))
        before = layout["between"]
    if before == layout["between"]:
        file.write(layout["ending"].encode())
    elif layout["style"] == "array":
        file.write(b"[]\n")


def _encoded(text: str) -> bytes:
    return text.encode().replace("\uf8e3".encode(), b"\xe3")


def _write_table(path: Path, table: str, texts: duckdb.DuckDBPyConnection) -> None:
    """Add a table to a database, in small pages and in one transaction: the same bytes."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for setting in ("page_size = 1024", "auto_vacuum = none", "journal_mode = off"):
            database.execute(f"pragma {setting}")
        database.execute("begin")
        columns = str(texts.fetchone()[0]).split(",")
        database.execute(f"create table {table} ({', '.join(columns)})")
        # Texts are handed over as bytes, which need not be UTF-8.
        marks = [f"iif(typeof(?{n}) = 'blob', cast(?{n} as text), ?{n})" for n in range(1, 99)]
        insert = f"insert into {table} values ({', '.join(marks[: len(columns)])})"
        while rows := texts.fetchmany(CHUNK):
            records = [json.loads(text) for (text,) in rows]
            values = [[record.get(column) for column in columns] for record in records]
            encoded = [[_encoded(v) if isinstance(v, str) else v for v in row] for row in values]
            database.executemany(insert, encoded)
        database.execute("commit")


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write, put in place when it is whole; packed bytes carry no time and no name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _temporary(path)
    with part.open("wb") as file:
        if path.suffix == ".gz":
            with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed:
                yield packed
        else:
            yield file
    part.replace(path)


def _temporary(path: Path) -> Path:
    """The name under which a file is written until it is whole; no loader reads dot files."""
    return path.with_name(f".{path.name}.part")


def _check_folder(out_dir: Path, names: set[str]) -> None:
    """See that writing a sample destroys nothing but an earlier sample."""
    if out_dir.is_file():
        fix = "name a folder that does not exist yet"
        raise CasebookError("this is a file, and a sample is a folder", file=out_dir, fix=fix)
    ours = {out_dir / name for name in names}
    ours |= {_temporary(path) for path in ours}
    found = {path for path in out_dir.rglob("*") if path.is_symlink() or not path.is_dir()}
    if strangers := sorted(found - ours):
        such = f"{len(strangers)} files, such as {strangers[0].relative_to(out_dir)}"
        fix = "name a folder that is empty or does not exist yet, or holds an earlier sample"
        raise CasebookError(f"the folder holds {such}, not of a sample", file=out_dir, fix=fix)
