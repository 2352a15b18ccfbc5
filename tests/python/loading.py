"""A tiny project with one declared table, and what a test asks of its lake."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from casebook.lake.layout import Lake
from casebook.lake.ledger import LedgerEntry
from casebook.load.report import LoadReport
from casebook.load.run import load
from casebook.readers.archives import zstd
from casebook.settings import Settings

SOURCES = """
sources:
  - name: shop
    tables:
      - name: orders
        columns:
          - name: Id
            config: {meta: {required: true}}
          - name: Amount
            config: {meta: {aliases: [Total, "Sum due"]}}
          - name: Note
"""
COLUMNS = ("Id", "Amount", "Note")


@dataclass
class Workshop:
    """A project folder with raw files and a lake beside it."""

    root: Path

    def __post_init__(self) -> None:
        self.declare(SOURCES)
        (self.root / "dbt_project.yml").write_text("name: tiny\n")
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def settings(self) -> Settings:
        return Settings(
            project=self.root,
            raw=self.root / "raw",
            lake_place=self.root / "lake",
            warehouse=self.root / "warehouse.db",
        )

    @property
    def folder(self) -> Path:
        """The declared table's raw folder."""
        return self.root / "raw" / "shop" / "orders"

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.lake)

    def declare(self, sources: str) -> None:
        models = self.root / "models" / "shop"
        models.mkdir(parents=True, exist_ok=True)
        (models / "_shop__sources.yml").write_text(sources)

    def write(self, name: str, content: bytes | str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = content.encode() if isinstance(content, str) else content
        if name.endswith(".gz"):
            content = gzip.compress(content)
        if name.endswith(".zst"):
            content = zstd.compress(content)
        path.write_bytes(content)
        return path

    def load(self, *tables: str, **options: bool) -> LoadReport:
        return load(self.settings, tables, **options)

    def entry(self, name: str = "a.jsonl") -> LedgerEntry:
        entry = self.lake.read_entry("shop", "orders", f"shop/orders/{name}")
        assert entry is not None
        return entry

    def load_one(self, content: bytes | str, name: str = "a.jsonl") -> LedgerEntry:
        """Load with one file of this content, and give its entry."""
        self.write(name, content)
        self.load()
        return self.entry(name)

    def landed(self, name: str = "a.jsonl") -> list[tuple]:
        """(record number, Id, Amount, Note) of every landed record of a file."""
        entry = self.entry(name)
        return duckdb.execute(
            "select coalesce(_source_record, file_row_number + 1), Id, Amount, Note"
            " from read_parquet($path, file_row_number = true) order by file_row_number",
            {"path": str(self.settings.lake / str(entry.landed_file))},
        ).fetchall()

    def quarantine(self, name: str = "a.jsonl") -> list[tuple]:
        """(record, first line, reason code, raw text, raw bytes) of every quarantined record."""
        entry = self.entry(name)
        if entry.rejected_file is None:
            return []
        return duckdb.execute(
            "select record, first_line, reason_code, raw_text, raw_bytes from read_parquet($path)"
            " order by record",
            {"path": str(self.settings.lake / entry.rejected_file)},
        ).fetchall()

    def messages(self, name: str = "a.jsonl") -> list[str]:
        """Why each of a file's records is quarantined."""
        path = str(self.settings.lake / str(self.entry(name).rejected_file))
        found = duckdb.execute("select message from read_parquet(?) order by record", [path])
        return [message for (message,) in found.fetchall()]

    def went_fast(self, name: str = "a.jsonl") -> bool:
        """Whether DuckDB landed a file of one record or more at once."""
        path = str(self.settings.lake / str(self.entry(name).landed_file))
        count = duckdb.execute("select count(_source_record) from read_parquet(?)", [path])
        return count.fetchall() == [(0,)]

    def files_in_lake(self) -> list[str]:
        """Landed and quarantine files, and whatever lies beside them, as paths under the lake."""
        lake = self.settings.lake
        return sorted(
            path.relative_to(lake).as_posix()
            for path in lake.rglob("*")
            if path.is_file()
            and not path.relative_to(lake).parts[0].startswith(("_led", "_lo"))
            and path.name != "_lake.json"
        )

    def copy_of_lake(self) -> dict[str, bytes]:
        """Every file of the lake by path."""
        lake = self.settings.lake
        return {str(p.relative_to(lake)): p.read_bytes() for p in lake.rglob("*") if p.is_file()}


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    """To be imported by the modules of tests that take it."""
    return Workshop(tmp_path)


def lines(*records: object) -> bytes:
    """Records as JSON lines; bytes stand for themselves."""
    return b"".join(
        (record if isinstance(record, bytes) else json.dumps(record).encode()) + b"\n"
        for record in records
    )
