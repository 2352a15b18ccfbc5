"""What the ledger says of a raw file: the entry that commits what was landed of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from casebook.errors import Refused
from casebook.files import write_json

CORRECTIONS = "~corrections.json"
Key = tuple[str, str, str]  # source, table, path of a raw file


class Damaged(Refused):
    """A ledger entry cannot be read."""

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(f"its ledger entry {path} is damaged: {reason}")


@dataclass
class LedgerEntry:
    """What the ledger says of one raw file (for SQLite: of one table in it).

    Attributes:
        source_file: path under `raw/`, with `/`; for SQLite path, `#`, table; for a member of a
            zip archive path, `#`, member.
        source_name: the dbt source.
        table_name: the dbt source table.
        format: the reader that read it, such as `json_lines`.
        size_bytes: size of the raw file.
        modified_ns: its modification time, in nanoseconds since 1970.
        file_hash: SHA-256 of its bytes, as hex digits.
        declaration: hash of the declaration that it was read with (`Table.declaration`).
        state: what the file was on the last run: new, unchanged, amended, …
        content_hash: SHA-256 of its unpacked bytes; None in entries of older lakes.
        landed_hash: SHA-256 of `files`, one after another; None in entries of older lakes.
        loaded_at: UTC time at which it was landed, `YYYY-MM-DDTHH:MM:SS.ffffff`.
        records: records in the file, counted independently of the reader where that is possible.
        landed: records in `landed_file` and `replayed_files`.
        quarantined: records in `rejected_file`.
        columns_ignored: columns of the file that the source does not declare.
        notes: what the reader noticed of the file as a whole, one line each.
        landed_file: path under the lake, or None where nothing was landed.
        rejected_file: path under the lake, or None where nothing was quarantined.
        replaced_files: earlier landed and rejected files, with the time at which they were
            replaced; kept until no build can be reading them.
        refusal: why the file as it is now was not landed, or None.
        layout: what the reader must know to read one of its records by itself (`Reading.layout`).
        replayed_files: landed files with the records that `casebook replay` has landed since.
        corrections: records corrected by hand: `record`, `raw_hash` (SHA-256 of the quarantined
            bytes), `text` (what to read instead) and `applied` (whether it stands in a landed
            file now). They are applied again when the file is landed again and the same bytes are
            quarantined under the same number.
    """

    source_file: str
    source_name: str
    table_name: str
    format: str
    size_bytes: int
    modified_ns: int
    file_hash: str
    declaration: str
    state: str
    content_hash: str | None = None
    landed_hash: str | None = None
    loaded_at: str | None = None
    records: int = 0
    landed: int = 0
    quarantined: int = 0
    columns_ignored: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    landed_file: str | None = None
    rejected_file: str | None = None
    replaced_files: list[dict[str, str]] = field(default_factory=list)
    refusal: str | None = None
    layout: dict[str, Any] = field(default_factory=dict)
    replayed_files: list[str] = field(default_factory=list)
    corrections: list[dict[str, Any]] = field(default_factory=list)

    @property
    def key(self) -> Key:
        """Source, table and path: what the lake names its files after."""
        return self.source_name, self.table_name, self.source_file

    @property
    def full_table_name(self) -> str:
        """`source.table`, as it is given on the command line."""
        return f"{self.source_name}.{self.table_name}"

    @property
    def files(self) -> list[str]:
        """All landed and quarantine files that count now, as paths under the lake."""
        files = [self.landed_file, self.rejected_file, *self.replayed_files]
        return [file for file in files if file]


_decode = msgspec.json.Decoder(LedgerEntry).decode


def read_entry(path: Path) -> LedgerEntry | None:
    """The entry in a file, or None where there is none; raises Damaged if it cannot be read."""
    try:
        return _decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Damaged(path, error) from error


def write_entry(path: Path, entry: LedgerEntry, *, durably: bool) -> None:
    """Write an entry, and the corrections in it once more: they come from nowhere else."""
    copy = path.with_name(CORRECTIONS)
    if entry.corrections or copy.exists():
        write_json(copy, {"corrections": entry.corrections}, durably=durably)
    write_json(path, vars(entry), durably=durably)


def read_corrections(path: Path) -> list[dict[str, Any]]:
    """The corrections of a file whose entry, at this path, is missing or damaged."""
    try:
        content = path.with_name(CORRECTIONS).read_bytes()
        return list(msgspec.json.decode(content)["corrections"])
    except FileNotFoundError:
        return []
    except (msgspec.MsgspecError, UnicodeDecodeError, LookupError, TypeError) as error:
        raise Damaged(path.with_name(CORRECTIONS), error) from error
