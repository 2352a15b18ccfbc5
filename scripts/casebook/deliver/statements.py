"""The SQL that makes a table of PostgreSQL look like a mart, and its rows equal to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from casebook.deliver.marts import Mart, Shape, qualified
from casebook.sql import quote_name, quote_text


def create(mart: Mart, name: str, kind: str = "table") -> str:
    """A table with a mart's columns, without constraints."""
    columns = ", ".join(f"{quote_name(column.name)} {column.type}" for column in mart.columns)
    return f"create {kind} {name} ({columns})"


def reshape(mart: Mart, before: Shape) -> Iterator[str]:
    """Take all rows out of a table, and give it the mart's columns.

    Args:
        mart: the mart.
        before: the shape that the table has.
    """
    table = f"alter table {qualified(mart.target)}"
    had = {name: (kind, required) for name, kind, required in before.columns}
    wanted = {column.name: column for column in mart.columns}
    yield f"delete from {qualified(mart.target)}"
    if before.key:
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
    table = f"alter table {qualified(mart.target)}"
    for column in mart.columns:
        if column.required:
            yield f"{table} alter column {quote_name(column.name)} set not null"
    if mart.key:
        yield f"{table} add constraint {_key_name(mart)} primary key ({_list(mart.key)})"


def comment(mart: Mart) -> Iterator[str]:
    """The descriptions of a mart and its columns; `comment on` keeps no reader out."""
    target = qualified(mart.target)
    yield f"comment on table {target} is {quote_text(mart.comment or '')}"
    for column in mart.columns:
        name = f"{target}.{quote_name(column.name)}"
        yield f"comment on column {name} is {quote_text(column.comment or '')}"


def merge(mart: Mart, new: str) -> Iterator[str]:
    """Delete, update and insert what differs from another table, and leave equal rows alone."""
    target, names = qualified(mart.target), [column.name for column in mart.columns]
    if not mart.key:
        yield from _merge_whole_rows(target, _list(names), new)
        return
    same = " and ".join(f"new.{quote_name(name)} = old.{quote_name(name)}" for name in mart.key)
    yield f"delete from {target} as old where not exists (select from {new} as new where {same})"
    if others := [name for name in names if name not in mart.key]:
        yield (
            f"update {target} as old set ({_list(others)}) = row({_list(others, 'new.')})"
            f" from {new} as new where {same}"
            f" and row({_list(others, 'new.')}) is distinct from row({_list(others, 'old.')})"
        )
    yield (
        f"insert into {target} ({_list(names)}) select {_list(names)} from {new} as new"
        f" where not exists (select from {target} as old where {same})"
    )


def _merge_whole_rows(target: str, names: str, new: str) -> Iterator[str]:
    """Without a key: the first, second, … of equal rows is told apart by its number."""
    whole = f"row({names}, row_number() over (partition by {names}))"

    def only_in(table: str, other: str) -> str:
        return (
            f"select place from (select ctid as place, {whole} as whole from {table}) as one where"
            f" not exists (select from (select {whole} as whole from {other}) as two"
            " where one.whole = two.whole)"
        )

    yield f"delete from {target} where ctid in ({only_in(target, new)})"
    yield (
        f"insert into {target} ({names}) select {names} from {new}"
        f" where ctid in ({only_in(new, target)})"
    )


def _key_name(mart: Mart) -> str:
    return quote_name(f"{mart.target[1][:40]}_delivered_key")


def _list(names: Sequence[str], prefix: str = "") -> str:
    return ", ".join(prefix + quote_name(name) for name in names)
