"""The SQL that makes a table of PostgreSQL look like a mart, and its rows equal to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from casebook.deliver.marts import Mart
from casebook.sql import quote_name, quote_text

# Temporary tables of rows that a table lacks, and of the places of those that it has no more.
COME, GONE = "casebook_come", "casebook_gone"


def create(mart: Mart, name: str, kind: str = "table") -> str:
    """A table with a mart's columns, without constraints."""
    columns = ", ".join(f"{quote_name(column.name)} {column.type}" for column in mart.columns)
    return f"create {kind} {name} ({columns})"


def reshape(mart: Mart, before: dict[str, Any]) -> Iterator[str]:
    """Take all rows out of a table, and give it the mart's columns.

    Args:
        mart: the mart.
        before: the shape that the table has.
    """
    table = f"alter table {mart.table}"
    had = {name: (kind, required) for name, kind, required in before["columns"]}
    wanted = {column.name: column for column in mart.columns}
    yield f"delete from {mart.table}"
    if before["key"]:
        yield f"{table} drop constraint {_key_name(mart)}"
    for name, (kind, required) in had.items():
        column = quote_name(name)
        if name not in wanted:
            yield f"{table} drop column {column}"
            continue
        if required:
            yield f"{table} alter column {column} drop not null"
        if kind != wanted[name].type:
            yield f"{table} alter column {column} type {wanted[name].type} using null"
    for name in wanted.keys() - had:
        yield f"{table} add column {quote_name(name)} {wanted[name].type}"


def constrain(mart: Mart) -> Iterator[str]:
    """Add not-null constraints and the primary key, once the rows are there."""
    table = f"alter table {mart.table}"
    for column in mart.columns:
        if column.required:
            yield f"{table} alter column {quote_name(column.name)} set not null"
    if mart.key:
        yield f"{table} add constraint {_key_name(mart)} primary key ({_list(mart.key)})"


def comment(mart: Mart) -> Iterator[str]:
    """The descriptions of a mart and its columns; `comment on` keeps no reader out."""
    target = mart.table
    yield f"comment on table {target} is {quote_text(mart.comment or '')}"
    for column in mart.columns:
        name = f"{target}.{quote_name(column.name)}"
        yield f"comment on column {name} is {quote_text(column.comment or '')}"


def merge(mart: Mart) -> Iterator[str]:
    """Take out the rows of a table whose places are in GONE, and take in those that are in COME."""
    target, names = mart.table, [column.name for column in mart.columns]
    yield f"delete from {target} where ctid in (select place::tid from {GONE})"
    insert = f"insert into {target} ({_list(names)}) select {_list(names)} from {COME}"
    if others := [name for name in names if name not in mart.key] if mart.key else []:
        insert += f" on conflict ({_list(mart.key)}) do update"
        insert += f" set ({_list(others)}) = row({_list(others, 'excluded.')})"
    yield insert


def _key_name(mart: Mart) -> str:
    return quote_name(f"{mart.target[1][:40]}_delivered_key")


def _list(names: Sequence[str], prefix: str = "") -> str:
    return ", ".join(prefix + quote_name(name) for name in names)
