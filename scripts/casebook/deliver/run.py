"""Deliver the published warehouse's marts to PostgreSQL, and compare both."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from casebook.addresses import Address, find_address, postgres
from casebook.deliver import statements
from casebook.deliver.marts import Mart, read_marts
from casebook.errors import CasebookError
from casebook.settings import Settings
from casebook.sql import quote_name, quote_text

if TYPE_CHECKING:
    from adbc_driver_postgresql.dbapi import Cursor
    from duckdb import DuckDBPyConnection

# `Mart.shape` of the table as it is; None where there is none.
Shape = dict[str, Any] | None
VARIABLE = "CASEBOOK_DELIVER_URL"
_LOCK = int.from_bytes(b"casebook", "big")
# Names that no mart's column has.
_PLACE, _NTH = '"casebook place"', '"casebook nth"'
_LEDGER = """
    create table if not exists audit.deliveries (
        schema_name text, table_name text, build_id text not null,
        delivered_at timestamptz not null, row_count bigint not null,
        changed_rows bigint not null, shape text not null,
        primary key (schema_name, table_name)
    )
"""


@dataclass
class DeliveryReport:
    """What came of a delivery.

    Attributes:
        build: the build that was delivered.
        delivered: name, rows, and rows that were changed, of each table that was written.
        unchanged: names of tables that held the build before.
        replaced: how many texts had a U+0000 replaced, by table.
        differences: rows only in the warehouse and only in the database, by table compared.
    """

    build: str
    delivered: list[tuple[str, int, int]] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    replaced: dict[str, int] = field(default_factory=dict)
    differences: dict[str, tuple[int, int]] = field(default_factory=dict)


def deliver(
    settings: Settings,
    selected: Sequence[str] = (),
    *,
    verify: bool = False,
    with_raw_text: bool = False,
    progress: Callable[[str], None] = lambda name: None,
) -> DeliveryReport:
    """Make the tables of the database that `CASEBOOK_DELIVER_URL` names equal to the marts.

    Args:
        settings: where everything is.
        selected: names of marts or schemas; all by default.
        verify: compare afterwards, row by row, in both directions.
        with_raw_text: deliver the text of rejected records, too.
        progress: gets the name of each table that is copied or compared.

    Raises:
        TransientError: if the database cannot be reached, or the connection breaks.
        CasebookError: if there is no warehouse or address, another delivery is running, or the
            database refuses; what was delivered before stands.
    """
    address = find_address(None, VARIABLE)
    if address is None:
        raise CasebookError(
            f"{VARIABLE} is not set",
            fix=f"set it, as in {VARIABLE}=postgresql://user:password@host:5432/database",
        )
    with _warehouse(settings) as warehouse, postgres(address, "casebook deliver") as cursor:
        last = "select build_id from audit.builds order by build_number desc limit 1"
        report = DeliveryReport(str((warehouse.execute(last).fetchone() or ("",))[0]))
        marts = read_marts(warehouse, selected, with_raw_text=with_raw_text)
        if not _rows(cursor, f"select where pg_try_advisory_lock({_LOCK})"):
            raise CasebookError(
                "another delivery is running", file=address.shown, fix="wait until it has ended"
            )
        report.replaced = {mart.name: n for mart in marts if (n := mart.count_nul(warehouse))}
        if waiting := _waiting(cursor, address, marts, report):
            _deliver(warehouse, cursor, waiting, report, progress)
        for mart in marts if verify else ():
            progress(mart.name)
            _find_differing(warehouse, cursor, mart, ())
            counts = f"select count({_NTH}), count({_PLACE}) from differing"
            [report.differences[mart.name]] = warehouse.execute(counts).fetchall()
    return report


@contextlib.contextmanager
def _warehouse(settings: Settings) -> Iterator[DuckDBPyConnection]:
    """A connection that reads the published file, and has room beside it for what is compared."""
    import duckdb

    with duckdb.connect(config={"memory_limit": "1GB"}) as connection:
        try:
            if not settings.warehouse.exists():
                raise duckdb.IOException("there is no such file")
            connection.execute(f"attach {quote_text(settings.warehouse)} as warehouse (read_only)")
            connection.execute("use warehouse")
            connection.execute("select keys from audit.declarations limit 0")
        except duckdb.Error as error:
            raise CasebookError(
                f"the warehouse cannot be read: {error}",
                file=settings.warehouse,
                fix="run `casebook build`, after ending any process that writes to the file",
            ) from error
        yield connection


def _waiting(
    cursor: Cursor, address: Address, marts: Sequence[Mart], report: DeliveryReport
) -> list[tuple[Mart, Shape]]:
    """The marts that are not there as the build has them, with the shape of tables that are."""
    held = {}
    if _rows(cursor, "select where to_regclass('audit.deliveries') is not null"):
        query = "select schema_name, table_name, build_id, shape from audit.deliveries"
        held = {(s, t): (build, json.loads(shape)) for s, t, build, shape in _rows(cursor, query)}
    waiting: list[tuple[Mart, Shape]] = []
    for mart in marts:
        if not _rows(cursor, f"select where to_regclass({quote_text(mart.table)}) is not null"):
            waiting.append((mart, None))
        elif mart.target not in held:
            raise CasebookError(
                f"the database has a {mart.name} that no delivery made; nothing is changed",
                file=address.shown,
                fix="rename or drop it, or deliver the mart under another name: `meta: deliver:`",
            )
        elif held[mart.target] == (report.build, mart.shape):
            report.unchanged.append(mart.name)
        else:
            waiting.append((mart, held[mart.target][1]))
    return waiting


def _deliver(
    warehouse: DuckDBPyConnection,
    cursor: Cursor,
    waiting: Sequence[tuple[Mart, Shape]],
    report: DeliveryReport,
    progress: Callable[[str], None],
) -> None:
    cursor.execute("begin")
    cursor.execute("set local lock_timeout to '5s'")
    for schema in {"audit"} | {mart.target[0] for mart, _ in waiting}:
        # Who may not make schemas can be given one.
        if _rows(cursor, f"select where to_regnamespace({quote_text(quote_name(schema))}) is null"):
            cursor.execute(f"create schema {quote_name(schema)}")
    cursor.execute(_LEDGER)
    for mart, before in waiting:
        progress(mart.name)
        changed = _write(warehouse, cursor, mart, before)
        [(rows,)] = warehouse.execute(f"select count(*) from {mart.relation}").fetchall()
        report.delivered.append((mart.name, rows, changed))
        target = ", ".join(map(quote_text, mart.target))
        build, shape = quote_text(report.build), quote_text(json.dumps(mart.shape))
        cursor.execute(f"delete from audit.deliveries where (schema_name, table_name) = ({target})")
        cursor.execute(
            f"insert into audit.deliveries values"
            f" ({target}, {build}, now(), {rows}, {changed}, {shape})"
        )
    cursor.execute("commit")


def _write(warehouse: DuckDBPyConnection, cursor: Cursor, mart: Mart, before: Shape) -> int:
    """Make a table equal to a mart; how many of its rows that changed."""
    wanted = mart.shape
    if before and (before["columns"], before["key"]) == (wanted["columns"], wanted["key"]):
        changed = _merge(warehouse, cursor, mart)
    else:
        create = [statements.create(mart, mart.table)]
        _run(cursor, statements.reshape(mart, before) if before else create)
        schema, name = mart.target
        changed = _copy(warehouse, cursor, mart.query, name, db_schema_name=schema)
        _run(cursor, statements.constrain(mart))
    if not before or before["comments"] != wanted["comments"]:
        _run(cursor, statements.comment(mart))
    return changed


def _merge(warehouse: DuckDBPyConnection, cursor: Cursor, mart: Mart) -> int:
    """Send a table the rows that it lacks, and take out those that it has beyond the mart's."""
    # Others may read it meanwhile, and nobody may write it.
    cursor.execute(f"lock table {mart.table} in share row exclusive mode")
    _find_differing(warehouse, cursor, mart, mart.key)
    cursor.execute(statements.create(mart, statements.COME, "temporary table"))
    cursor.execute(f"create temporary table {statements.GONE} (place text)")
    come = f"select * exclude ({_NTH}, {_PLACE}) from differing where {_NTH} is not null"
    _copy(warehouse, cursor, come, statements.COME, temporary=True)
    gone = f"select {_PLACE} as place from differing where {_NTH} is null"
    _copy(warehouse, cursor, gone, statements.GONE, temporary=True)
    changed = _run(cursor, statements.merge(mart))
    cursor.execute(f"drop table {statements.COME}, {statements.GONE}")
    return changed


def _find_differing(
    warehouse: DuckDBPyConnection, cursor: Cursor, mart: Mart, key: Sequence[str]
) -> None:
    """Fill `differing` with the mart's rows that the table lacks, and places of those beyond it.

    Without a key, the first, second, … of equal rows is told apart by its number.
    """
    described = warehouse.execute(f"describe {mart.query}").fetchall()
    kinds = {quote_name(name): kind for name, kind, *_ in described}
    cursor.execute(f"select {', '.join(kinds)}, ctid::text as {_PLACE} from {mart.table}")
    warehouse.register("arriving", cursor.fetch_record_batch())
    typed = (f"cast({name} as {kind}) as {name}" for name, kind in kinds.items())
    there = f"select {', '.join(typed)}, {_PLACE} from arriving"
    nth = "1" if key else f"row_number() over (partition by {', '.join(kinds)})"
    by = [*(map(quote_name, key) if key else kinds), _NTH]
    same = " and ".join(f"here.{name} is not distinct from there.{name}" for name in by)
    differs = " or ".join(f"here.{name} is distinct from there.{name}" for name in (_NTH, *kinds))
    warehouse.execute(
        f"create or replace temp table differing as"
        f" select {', '.join(f'here.{name}' for name in kinds)}, here.{_NTH}, {_PLACE}"
        f" from (select *, {nth} as {_NTH} from ({mart.query})) as here"
        f" full join (select *, {nth} as {_NTH} from ({there})) as there"
        f" on {same} where {differs}"
    )


def _run(cursor: Cursor, many: Iterable[str]) -> int:
    """Run statements; how many rows they changed."""
    changed = 0
    for statement in many:
        cursor.execute(statement)
        changed += max(cursor.rowcount, 0)
    return changed


def _rows(cursor: Cursor, query: str) -> list[tuple[Any, ...]]:
    cursor.execute(query)
    return list(cursor.fetchall())


def _copy(
    warehouse: DuckDBPyConnection, cursor: Cursor, query: str, name: str, **place: str | bool
) -> int:
    reader = warehouse.execute(query).to_arrow_reader(100_000)
    return int(cursor.adbc_ingest(name, reader, mode="append", **place))
