"""Which raw tables are declared: read from the dbt source YAML, the one place that does so."""

from __future__ import annotations

import codecs
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import yaml

from casebook.errors import CasebookError

_NAMES = "a list of names, as [one, two]"
_WANTED = {
    "aliases": _NAMES,
    "decode": "one of: python_literal",
    "encoding": "the name of an encoding, as windows-1252",
    "fetch": "where deliveries come from, as {files: …} or {database: …}",
    "key": _NAMES,
    "max_bad_share": "a share from 0 to 1, as 0.1",
    "name": "a name",
    "path_values": _NAMES,
    "records_at": "the name of a member, as data",
    "required": "true or false",
    "sheet": "the name of a sheet, as a text",
    "skip_lines": "a number of lines, 0 or more",
    "source": "a name",
}
_Kind = TypeVar("_Kind")
# One that is a folder below the raw folder and the lake, and leads out of neither.
_Folder = Annotated[str, msgspec.Meta(pattern=r"^[^./][^/]*$")]


@dataclass(frozen=True)
class Column:
    """A declared column of a raw table; it always lands as text.

    Attributes:
        name: the name that the raw view shows.
        required: whether a file without this column is refused.
        aliases: other spellings that deliveries use for it.
        decode: how its text is brought to JSON before it lands, such as `python_literal`, or None.
    """

    name: str
    required: bool = False
    aliases: tuple[str, ...] = ()
    decode: Literal["python_literal"] | None = None


@dataclass(frozen=True)
class Table:
    """A declared raw table: dbt's `source(source, name)`, the folder `raw/<source>/<name>/`.

    Attributes:
        source: name of the dbt source, the first folder under `raw/`.
        name: name of the table, the second folder.
        columns: its columns in the order of the YAML.
        key: the columns that identify a record; empty where records have no key.
        path_values: names of values that the folders below the table's carry, outermost first.
        table_aliases: other names that databases use for the table.
        encoding: the encoding of its text files, or None for UTF-8.
        skip_lines: lines before the header of its CSV files.
        records_at: the member that holds the records, where a JSON file is one object, or None.
        sheet: the sheet of its workbooks, or None for the first.
        max_bad_share: a file with a larger share of bad records, from 0 to 1, is refused, or None.
        fetch: where its deliveries come from: `meta: fetch:` of the table, else of its source, as
            it stands in the YAML; None where neither says so.
    """

    source: _Folder
    name: _Folder
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    path_values: tuple[str, ...] = ()
    table_aliases: tuple[str, ...] = ()
    encoding: str | None = None
    skip_lines: Annotated[int, msgspec.Meta(ge=0)] = 0
    records_at: str | None = None
    sheet: str | None = None
    max_bad_share: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    fetch: Mapping[str, Any] | None = field(default=None, hash=False)

    @property
    def full_name(self) -> str:
        """`source.table`, as it is given on the command line."""
        return f"{self.source}.{self.name}"

    @property
    def names(self) -> tuple[str, ...]:
        """Its name and its aliases, in the order in which a database is searched for them."""
        return (self.name, *self.table_aliases)

    @property
    def snapshot(self) -> str | None:
        """The path under `raw/` of the snapshot of a database that `casebook fetch` writes."""
        is_fetched = self.fetch is not None and "database" in self.fetch
        return f"{self.source}/{self.name}/{self.name}.parquet" if is_fetched else None

    @property
    def declaration(self) -> str:
        """A hash of all that decides how a file is read, so that a change of it is noticed."""
        columns = [asdict(column) for column in self.columns]
        reading: dict[str, object] = {"columns": columns, "path_values": self.path_values}
        # What is not declared is left out, so that a new kind of declaration changes no old one.
        for name in ("encoding", "skip_lines", "records_at", "sheet", "max_bad_share"):
            value = getattr(self, name)
            if value is not None and (name, value) != ("skip_lines", 0):
                reading[name] = value
        canonical = json.dumps(reading, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def read_sources(project: Path) -> dict[str, Table]:
    """Every raw table that the project declares, by `source.table`.

    Args:
        project: the dbt project's folder; `models/**/*__sources.yml` is read.

    Raises:
        CasebookError: for YAML that does not parse, a table without columns, a value that is not
            of the right kind, a table that is declared twice, or two names or aliases of tables of
            a source, or of columns of a table, that differ only in case.
    """
    tables: dict[str, Table] = {}
    names: dict[str, dict[str, str]] = {}
    for path in sorted((project / "models").rglob("*__sources.yml")):
        try:
            for table in _tables_of(path):
                tables[table.full_name] = table
                what = f"source {table.source} declares the table"
                _claim(table.names, table.name, names.setdefault(table.source, {}), what)
        except CasebookError as error:
            raise CasebookError(error.reason, file=path, fix=error.fix) from error.__cause__
    return tables


def choose_tables(declared: dict[str, Table], chosen: Sequence[str]) -> list[Table]:
    """The declared tables that `SOURCE` or `SOURCE.TABLE` filters name; all where there are none.

    Raises:
        CasebookError: for a filter that names no declared table.
    """
    known = declared.keys() | {table.source for table in declared.values()}
    for name in chosen:
        if name not in known:
            fix = "name one of these: " + (", ".join(sorted(declared)) or "none is declared")
            raise CasebookError(f"no source declares {name}", fix=fix)
    return [t for t in declared.values() if not chosen or {t.source, t.full_name} & {*chosen}]


def _claim(names: Iterable[str], owner: str, owners: dict[str, str], what: str) -> None:
    """Give names to a table or column; an error where another has one of them in whatever case."""
    for name in names:
        if name.lower() in owners:
            raise CasebookError(
                f"{what} or alias {name} twice, for {owners[name.lower()]} and {owner}",
                fix="names and aliases must differ in more than their case",
            )
        owners[name.lower()] = owner


def _tables_of(path: Path) -> list[Table]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        return [
            _table(source["name"], entry, _meta(source).get("fetch"))
            for source in document.get("sources", [])
            if _meta(source).get("raw", True)
            for entry in source.get("tables") or []
        ]
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise CasebookError(f"not valid YAML: {error}") from error
    except (AttributeError, KeyError, TypeError) as error:
        reason = f"not as dbt has sources declared: {error}"
        raise CasebookError(reason, fix="`dbt parse` shows what is wrong") from error


def _table(source: str, entry: dict[str, Any], fetch: object) -> Table:
    what = f"table {source}.{entry['name']}"
    columns: list[Column] = []
    names: dict[str, str] = {}
    for content in entry.get("columns") or []:
        about = f"the column {content['name']} of {what}"
        column = _convert({**_meta(content), "name": content["name"]}, Column, about)
        spellings = (column.name, *column.aliases)
        _claim(spellings, column.name, names, f"{what} declares the column")
        columns.append(column)
    if not columns:
        fix = "list the columns to land under `columns:`"
        raise CasebookError(f"{what} declares no columns", fix=fix)
    meta = {"fetch": fetch, **_meta(entry)}
    meta |= {"source": source, "name": entry["name"], "table_aliases": meta.get("aliases", [])}
    table = _convert({**meta, "columns": []}, Table, what)
    return replace(table, columns=tuple(columns), encoding=_encoding(table.encoding, what))


def _meta(entry: Mapping[str, Any]) -> dict[str, Any]:
    return (entry.get("config") or {}).get("meta") or {}


def _convert(content: dict[str, Any], kind: type[_Kind], what: str) -> _Kind:
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$.")
        name = re.match(r"\w*", place)[0]  # type: ignore[index]
        declared = name.removeprefix("table_")
        raise CasebookError(
            f"{what} declares `{declared}: {content[name]}`: {reason}",
            fix=f"leave it out, or give {_WANTED[declared]}",
        ) from error


def _encoding(name: str | None, what: str) -> str | None:
    """Python's name of a declared encoding; None for UTF-8."""
    try:
        "".encode(name or "utf-8")
    except (LookupError, UnicodeError) as error:
        reason = f"{what} declares `encoding: {name}`, which is none"
        fix = f"leave it out, or give {_WANTED['encoding']}"
        raise CasebookError(reason, fix=fix) from error
    found = codecs.lookup(name or "utf-8").name
    return None if found == "utf-8" else found
