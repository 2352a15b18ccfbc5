"""Which raw tables are declared: read from the dbt source YAML, the one place that says so."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from casebook.errors import CasebookError

DECODINGS = ("python_literal",)


@dataclass(frozen=True)
class Column:
    """A declared column of a raw table; it always lands as text.

    Attributes:
        name: the name that the raw view shows.
        required: whether a file without this column is refused.
        aliases: other spellings that deliveries use for it.
        decode: how its text is brought to JSON before it lands, one of `DECODINGS`, or None.
    """

    name: str
    required: bool = False
    aliases: tuple[str, ...] = ()
    decode: str | None = None


@dataclass(frozen=True)
class Table:
    """A declared raw table: dbt's `source(source, name)`, the folder `raw/<source>/<name>/`.

    Attributes:
        source: name of the dbt source, the first folder under `raw/`.
        name: name of the table, the second folder.
        columns: its columns in the order of the YAML.
        key: the columns that identify a record; empty where records have no key.
        path_values: names of values that the folders below the table's carry, outermost first.
    """

    source: str
    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    path_values: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """`source.table`, as it is given on the command line."""
        return f"{self.source}.{self.name}"

    @property
    def declaration(self) -> str:
        """A hash of all that decides how a file is read, so that a change of it is noticed."""
        reading = {
            "columns": [asdict(column) for column in self.columns],
            "path_values": self.path_values,
        }
        canonical = json.dumps(reading, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def read_sources(project: Path) -> dict[str, Table]:
    """Every raw table that the project declares, by `source.table`.

    Args:
        project: the dbt project's folder; `models/**/*__sources.yml` is read.

    Raises:
        CasebookError: for YAML that does not parse, a table without columns, two columns or
            aliases of a table that differ only in case, a column with an unknown `decode`, or a
            table that is declared twice.
    """
    tables: dict[str, Table] = {}
    for path in sorted((project / "models").rglob("*__sources.yml")):
        for table in _tables_of(path):
            if table.full_name in tables:
                raise CasebookError(
                    f"table {table.full_name} is declared twice",
                    file=path,
                    fix="remove one of the two declarations",
                )
            tables[table.full_name] = table
    return tables


def _tables_of(path: Path) -> list[Table]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise CasebookError(f"not valid YAML: {error}", file=path) from error
    return [
        _table(source["name"], entry, path)
        for source in document.get("sources", [])
        if _meta(source).get("raw", True)
        for entry in source.get("tables", [])
    ]


def _table(source: str, entry: dict, path: Path) -> Table:
    meta = _meta(entry)
    columns = tuple(
        Column(
            name=column["name"],
            required=bool(_meta(column).get("required", False)),
            aliases=tuple(_meta(column).get("aliases", ())),
            decode=_meta(column).get("decode"),
        )
        for column in entry.get("columns", [])
    )
    table = Table(
        source=source,
        name=entry["name"],
        columns=columns,
        key=tuple(meta.get("key", ())),
        path_values=tuple(meta.get("path_values", ())),
    )
    if not columns:
        raise CasebookError(
            f"table {table.full_name} declares no columns",
            file=path,
            fix="list the columns to land under `columns:`",
        )
    seen: set[str] = set()
    for column in columns:
        if column.decode is not None and column.decode not in DECODINGS:
            raise CasebookError(
                f"table {table.full_name} declares `decode: {column.decode}` for the column"
                f" {column.name}",
                file=path,
                fix=f"leave it out, or give one of: {', '.join(DECODINGS)}",
            )
        for spelling in (column.name, *column.aliases):
            if spelling.lower() in seen:
                raise CasebookError(
                    f"table {table.full_name} declares the column or alias {spelling} twice",
                    file=path,
                    fix="names of columns and aliases must differ in more than their case",
                )
            seen.add(spelling.lower())
    return table


def _meta(entry: dict) -> dict:
    return (entry.get("config") or {}).get("meta") or {}
