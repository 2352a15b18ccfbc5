"""Several files of one table: all their columns, and two names of one column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from casebook.draft.columns import Guess, guess_columns
from casebook.draft.head import Head, read_head
from casebook.draft.kinds import Casts
from casebook.draft.names import name_columns
from casebook.sql import quote_name

if TYPE_CHECKING:
    import duckdb


def read_heads(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[Path],
    member: str | None,
    table: str,
    work: Path,
) -> list[Head]:
    """Load the first records of files, as the table `head`; its columns are those of the result.

    Args:
        connection: where to make the table.
        files: the raw files.
        member: the table in it, where it is one SQLite file.
        table: the name of the table that is to be declared.
        work: an empty folder.
    """
    heads = []
    for number, file in enumerate(files):
        folder = work / str(number)
        folder.mkdir()
        heads.append(read_head(connection, file, member, table, folder))
        connection.execute(f"alter table head rename to head_{number}")
    delivered = [name.delivered for head in heads for name in head.names]
    names = {name.delivered.lower(): name for name in name_columns(delivered, table)}
    parts = []
    for number, head in enumerate(heads):
        columns = ", ".join(
            f"{quote_name(own.declared)} as {quote_name(names[own.delivered.lower()].declared)}"
            for own in head.names
        )
        parts.append(f"select {columns} from head_{number}")
    connection.execute(f"create table head as {' union all by name '.join(parts)}")
    return [
        replace(head, names=[names[own.delivered.lower()] for own in head.names]) for head in heads
    ]


def guess_all(
    connection: duckdb.DuckDBPyConnection, heads: Sequence[Head], casts: Casts
) -> list[Guess]:
    """Guess the columns of files; of two that seem to be one, the second becomes an alias.

    They are one where no file has both, the files have as many columns, they stand at the same
    place, and hold the same type.
    """
    names = list(dict.fromkeys(name for head in heads for name in head.names))
    guesses = {guess.name: guess for guess in guess_columns(connection, names, casts)}
    others: dict[str, list[str]] = {}
    for first in names:
        for second in names[names.index(first) + 1 :]:
            if first not in guesses or second not in guesses:
                continue
            places = [
                {(head.names.index(name), len(head.names)) for head in heads if name in head.names}
                for name in (first, second)
            ]
            have_both = any(first in head.names and second in head.names for head in heads)
            same_kind = guesses[first].kind is guesses[second].kind
            if have_both or not same_kind or not places[0] & places[1]:
                continue
            one, other = quote_name(first.declared), quote_name(second.declared)
            connection.execute(f"update head set {one} = coalesce({one}, {other})")
            connection.execute(f"alter table head drop column {other}")
            del guesses[second]
            others.setdefault(first.declared, []).append(second.delivered)
    found = guess_columns(connection, list(guesses), casts)
    return [
        replace(
            guess,
            others=tuple(others[guess.name.declared]),
            remarks=(
                *guess.remarks,
                f"{' and '.join(others[guess.name.declared])} stands at its place in other files,"
                " and seems to be the same column",
            ),
        )
        if guess.name.declared in others
        else guess
        for guess in found
    ]
