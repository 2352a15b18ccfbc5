"""Tables of a PostgreSQL database, each copied whole, all as of one moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from casebook.addresses import Address, postgres
from casebook.errors import CasebookError
from casebook.fetch.delivery import Delivery, Workplace, is_same
from casebook.sources import Table
from casebook.sql import quote_name

if TYPE_CHECKING:
    from adbc_driver_postgresql.dbapi import Cursor

# What decides how PostgreSQL spells a value, whatever the server, the database and the user set.
_SPELLING = (
    "set datestyle to 'ISO, YMD'",
    "set intervalstyle to 'iso_8601'",
    "set extra_float_digits to 1",
    "set bytea_output to 'hex'",
    "set lc_monetary to 'C'",
    "set xmloption to 'content'",
    "set lock_timeout to '60s'",
)
_RELATIONS = """
    select relation.oid, namespace.nspname, relation.relname, pg_table_is_visible(relation.oid)
    from pg_catalog.pg_class as relation
    inner join pg_catalog.pg_namespace as namespace on relation.relnamespace = namespace.oid
    where relation.relkind in ('r', 'p', 'v', 'm', 'f')
        and namespace.nspname not in ('pg_catalog', 'information_schema')
    order by pg_table_is_visible(relation.oid) desc, namespace.nspname, relation.relname
"""
_COLUMNS = """
    select attribute.attname, type.typcategory::text
    from pg_catalog.pg_attribute as attribute
    inner join pg_catalog.pg_type as type on attribute.atttypid = type.oid
    where attribute.attrelid = {oid} and attribute.attnum > 0 and not attribute.attisdropped
    order by attribute.attnum
"""
_ORDERED_AS_THEY_ARE = ("N", "D", "B")  # numbers, times, booleans: no collation


def snapshots(tables: Sequence[Table], address: Address, place: Workplace) -> list[Delivery]:
    """Copy tables in one read-only transaction, each to a Parquet file of text columns.

    Args:
        tables: the declared tables, which the database has under their names or aliases.
        address: of the database.
        place: where to write them.

    Raises:
        TransientError: if the connection fails or breaks.
        CasebookError: if a table is missing or empty, or may not be read.
    """
    found = []
    with postgres(address, "casebook fetch") as cursor:
        for setting in _SPELLING:
            cursor.execute(setting)
        cursor.execute("begin isolation level repeatable read, read only")
        cursor.execute(_RELATIONS)
        relations = cursor.fetchall()
        for table in tables:
            oid, schema, name = _find(table, relations, address)
            cursor.execute(_COLUMNS.format(oid=int(oid)))
            query = _query(table, f"{quote_name(schema)}.{quote_name(name)}", cursor.fetchall())
            found.append(_copy(cursor, query, table, place))
    return found


def _find(
    table: Table, relations: list[tuple[int, str, str, bool]], address: Address
) -> tuple[int, str, str]:
    """A table's object id, schema and name: by name, else by alias; what is on the path first."""
    for spelling in table.names:
        called = spelling.lower()
        fits = [one for one in relations if called in (one[2].lower(), ".".join(one[1:3]).lower())]
        fits = [one for one in fits if one[3]] or fits
        if len(fits) > 1:
            raise CasebookError(
                f"the database has {len(fits)} tables for {table.full_name}: "
                + ", ".join(f"{schema}.{name}" for _, schema, name, _ in fits),
                file=address.shown,
                fix="name the one with its schema among the table's aliases, or set the user's"
                " search_path",
            )
        if fits:
            return fits[0][:3]
    raise CasebookError(
        f"the database has no table {' or '.join(table.names)}",
        file=address.shown,
        fix="name it among the table's `aliases` in the source YAML, or let the user see it",
    )


def _query(table: Table, relation: str, columns: list[tuple[str, str]]) -> str:
    """All columns as text, arrays as JSON, by key and, of one key, by all columns."""
    keys = []
    for key in table.key:
        declared = next((column for column in table.columns if column.name == key), None)
        spellings = (key, *(declared.aliases if declared else ()))
        keys += [c for s in spellings for c in columns if c[0].lower() == s.lower()][:1]
    texts = {
        quote_name(name): f"{'to_json' if category == 'A' else ''}(whole.{quote_name(name)})::text"
        for name, category in columns
    }
    order = [
        f"whole.{name}" if category in _ORDERED_AS_THEY_ARE else f'{texts[name]} collate "C"'
        for name, category in ((quote_name(name), category) for name, category in keys)
    ]
    order += [f'{text} collate "C"' for text in texts.values()]
    selected = ", ".join(f"{text} as {name}" for name, text in texts.items())
    return f"select {selected} from {relation} as whole order by {', '.join(order)}"


def _copy(cursor: Cursor, query: str, table: Table, place: Workplace) -> Delivery:
    import pyarrow.parquet

    name, rows = f"{table.name}.parquet", 0
    staged, target = place.folder / name, place.target(table, name)
    cursor.execute(query)
    reader = cursor.fetch_record_batch()
    schema = reader.schema.remove_metadata()
    with pyarrow.parquet.ParquetWriter(staged, schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)
            rows += batch.num_rows
            place.progress(table.full_name, rows, "rows")
    if not rows and not place.allow_empty and target.exists():
        before = pyarrow.parquet.read_metadata(target).num_rows
        if before:
            raise CasebookError(
                f"{table.full_name} has no rows now, and had {before:,}",
                file=target,
                fix="if that is right, `casebook fetch --allow-empty` takes it",
            )
    moves = [] if is_same(staged, target) else [(staged, target)]
    return Delivery(table, moves, f"{rows:,} rows" if moves else f"nothing new, {rows:,} rows")
