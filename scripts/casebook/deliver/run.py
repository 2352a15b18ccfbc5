"""Deliver the published warehouse's marts to PostgreSQL, and compare both."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from casebook.addresses import Address, find_address, postgres
from casebook.deliver import statements
from casebook.deliver.marts import Mart, Shape, qualified, read_marts, without_nul
from casebook.errors import CasebookError
from casebook.settings import Settings
from casebook.sql import quote_name, quote_text

if TYPE_CHECKING:
    from adbc_driver_postgresql.dbapi import Cursor
    from duckdb import DuckDBPyConnection

VARIABLE = "CASEBOOK_DELIVER_URL"
_LOCK = int.from_bytes(b"casebook", "big")
_SETTINGS = ("lock_timeout to '5s'", "work_mem to '128MB'", "maintenance_work_mem to '256MB'")
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
        last = warehouse.execute(
            "select build_id from audit.builds order by started_at desc limit 1"
        )
        report = DeliveryReport(str((last.fetchone() or ("",))[0]))
        marts = [
            without_nul(warehouse, mart)
            for mart in read_marts(warehouse, selected, with_raw_text=with_raw_text)
        ]
        if not _rows(cursor, f"select where pg_try_advisory_lock({_LOCK})"):
            raise CasebookError(
                "another delivery is running", file=address.shown, fix="wait until it has ended"
            )
        report.replaced = {mart.name: mart.replaced for mart in marts if mart.replaced}
        if waiting := _waiting(cursor, address, marts, report):
            _deliver(warehouse, cursor, waiting, report, progress)
        for mart in marts if verify else ():
            progress(mart.name)
            report.differences[mart.name] = _compare(warehouse, cursor, mart)
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
) -> dict[Mart, Shape | None]:
    """The marts that are not there as the build has them, with the shape of tables that are."""
    held: dict[tuple[str, str], tuple[str, Shape]] = {}
    if _rows(cursor, "select where to_regclass('audit.deliveries') is not null"):
        query = "select schema_name, table_name, build_id, shape from audit.deliveries"
        for schema, name, build, shape in _rows(cursor, query):
            held[schema, name] = build, msgspec.json.decode(shape, type=Shape)
    waiting: dict[Mart, Shape | None] = {}
    for mart in marts:
        exists = f"select where to_regclass({quote_text(qualified(mart.target))}) is not null"
        if not _rows(cursor, exists):
            waiting[mart] = None
        elif mart.target not in held:
            raise CasebookError(
                f"the database has a {mart.name} that no delivery made; nothing is changed",
                file=address.shown,
                fix="rename or drop it, or deliver the mart under another name: `meta: deliver:`",
            )
        elif held[mart.target] == (report.build, mart.shape):
            report.unchanged.append(mart.name)
        else:
            waiting[mart] = held[mart.target][1]
    return waiting


def _deliver(
    warehouse: DuckDBPyConnection,
    cursor: Cursor,
    waiting: dict[Mart, Shape | None],
    report: DeliveryReport,
    progress: Callable[[str], None],
) -> None:
    copies, rows = dict[Mart, str](), dict[Mart, int]()
    for mart in (mart for mart, before in waiting.items() if before):
        progress(mart.name)
        copies[mart] = f"casebook_{len(copies)}"
        cursor.execute(statements.create(mart, copies[mart], "temporary table"))
        rows[mart] = _copy(warehouse, cursor, mart, copies[mart], temporary=True)
        cursor.execute(f"analyze {copies[mart]}")
    cursor.execute("begin")
    _run(cursor, (f"set local {setting}" for setting in _SETTINGS))
    for schema in {"audit"} | {mart.target[0] for mart in waiting}:
        # Who may not make schemas can be given one.
        if _rows(cursor, f"select where to_regnamespace({quote_text(quote_name(schema))}) is null"):
            cursor.execute(f"create schema {quote_name(schema)}")
    cursor.execute(_LEDGER)
    for mart, before in waiting.items():
        progress(mart.name)
        changed = _write(warehouse, cursor, mart, before, copies.get(mart, ""))
        report.delivered.append((mart.name, rows.get(mart, changed), changed))
        target = ", ".join(map(quote_text, mart.target))
        shape = quote_text(msgspec.json.encode(mart.shape).decode())
        cursor.execute(f"delete from audit.deliveries where (schema_name, table_name) = ({target})")
        cursor.execute(
            f"insert into audit.deliveries values ({target}, {quote_text(report.build)}, now(),"
            f" {rows.get(mart, changed)}, {changed}, {shape})"
        )
    cursor.execute("commit")


def _write(
    warehouse: DuckDBPyConnection, cursor: Cursor, mart: Mart, before: Shape | None, copy: str
) -> int:
    """Make a table equal to a mart, from a copy or, where it is new, directly; the rows changed."""
    wanted = mart.shape
    if before is None:
        cursor.execute(statements.create(mart, qualified(mart.target)))
        schema, name = mart.target
        changed = _copy(warehouse, cursor, mart, name, db_schema_name=schema)
        before = Shape([], [], [])
    elif (before.columns, before.key) == (wanted.columns, wanted.key):
        changed = _run(cursor, statements.merge(mart, copy))
    else:
        _run(cursor, statements.reshape(mart, before))
        changed = _run(cursor, statements.merge(mart, copy))
    if (before.columns, before.key) != (wanted.columns, wanted.key):
        _run(cursor, statements.constrain(mart))
    if before.comments != wanted.comments:
        _run(cursor, statements.comment(mart))
    return changed


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
    warehouse: DuckDBPyConnection, cursor: Cursor, mart: Mart, name: str, **place: str | bool
) -> int:
    reader = warehouse.execute(mart.query).to_arrow_reader(100_000)
    return int(cursor.adbc_ingest(name, reader, mode="append", **place))


def _compare(warehouse: DuckDBPyConnection, cursor: Cursor, mart: Mart) -> tuple[int, int]:
    """How many rows only the warehouse has, and how many only the database."""
    here = warehouse.execute(f"describe {mart.query}").fetchall()
    names = ", ".join(quote_name(name) for name, *_ in here)
    cast = ", ".join(f"cast({quote_name(name)} as {kind})" for name, kind, *_ in here)
    cursor.execute(f"select {names} from {qualified(mart.target)}")
    warehouse.register("arriving", cursor.fetch_record_batch())
    warehouse.execute(f"create or replace table memory.there as select {cast} from arriving")
    there = "from memory.there"
    only = [
        warehouse.execute(f"select count(*) from ({one} except all {other})").fetchone() or (0,)
        for one, other in ((mart.query, there), (there, mart.query))
    ]
    return only[0][0], only[1][0]
