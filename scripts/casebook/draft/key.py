"""A key: the fewest columns that tell the records of a table apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from casebook.draft.columns import Guess
from casebook.draft.kinds import BOOLEAN, DECIMAL, JSON
from casebook.draft.names import Name
from casebook.sql import quote_name

if TYPE_CHECKING:
    import duckdb

REPEATED_LEFT = 0.8
LONGEST_KEY = 3
_KEY_CANDIDATES = 12
_LONGEST_KEY_TEXT = 64
_ID_LIKE = re.compile(r"(^|_)(id|key|number|no|nr|code|uuid|guid|isbn|sku)$")


@dataclass(frozen=True)
class Key:
    """A key that was found, or why there is none.

    Attributes:
        columns: the columns; empty where no few columns tell all records apart.
        remark: what speaks for it, or which column comes closest.
    """

    columns: tuple[Name, ...]
    remark: str


def find_key(connection: duckdb.DuckDBPyConnection, guesses: Sequence[Guess], noun: str) -> Key:
    """Find the fewest columns that tell all records of the table `head` apart.

    Names that look like a key's come first; then one column of any name, then combinations with
    at least one name that looks like a key's. Decimals, booleans, JSON and long texts are no keys.

    Args:
        connection: where the table is.
        guesses: its columns.
        noun: the table's noun in the singular, so that a column of that name counts as a key's.
    """
    records, distinct = connection.execute(
        "select count(*), (select count(*) from (select distinct * from head)) from head"
    ).fetchone() or (0, 0)
    # A few records that were delivered twice do not hide a key.
    records = distinct if distinct >= REPEATED_LEFT * records else records
    if records < 2:
        return Key((), "too few records to tell")
    different = {guess.name: _different(connection, guess) for guess in guesses}

    def looks_like_key(name: Name) -> bool:
        return bool(_ID_LIKE.search(name.staging)) or name.staging == noun

    able = [
        guess.name
        for guess in guesses
        if guess.required and guess.kind not in (DECIMAL, BOOLEAN, JSON) and different[guess.name]
    ]
    able.sort(key=lambda name: (not looks_like_key(name), _key_rank(name.staging, noun)))
    likely = [name for name in able if looks_like_key(name)]
    ranked = [
        *_combined(likely[:_KEY_CANDIDATES], range(1, LONGEST_KEY + 1)),
        *((name,) for name in able if name not in likely),
        *(
            names
            for names in _combined(able[:_KEY_CANDIDATES], range(2, LONGEST_KEY + 1))
            if not all(map(looks_like_key, names)) and any(map(looks_like_key, names))
        ),
    ]
    for names in ranked:
        # Columns with too few values between them cannot tell the records apart.
        most = 1
        for name in names:
            most *= different[name]
        if most >= records and _tells_apart(connection, names, records):
            return Key(tuple(names), f"never null and never twice in {_number(records)} records")
    likely = [guess.name for guess in guesses if looks_like_key(guess.name)]
    closest = max(likely, key=lambda name: different[name], default=None)
    if closest is None:
        return Key((), "no few columns tell all records apart")
    return Key(
        (),
        f"{closest.declared} comes closest, with {_number(different[closest])} values in"
        f" {_number(records)} records",
    )


def _different(connection: duckdb.DuckDBPyConnection, guess: Guess) -> int:
    """Different values of a column that may be part of a key; none of one with long texts."""
    column = quote_name(guess.name.declared)
    row = connection.execute(
        f"select count(distinct {column}), max(length({column})) from head"
    ).fetchone()
    return row[0] if row and (row[1] or 0) <= _LONGEST_KEY_TEXT else 0


def _combined(names: Sequence[Name], sizes: range) -> list[tuple[Name, ...]]:
    return [names_ for size in sizes for names_ in combinations(names, size)]


def _key_rank(staging: str, noun: str) -> int:
    """A column named after the table's own noun first, then `id`s, then other likely names."""
    if staging in (noun, f"{noun}_id", f"{noun}_number", f"{noun}_key", f"{noun}_code"):
        return 0
    return 1 if staging.endswith("_id") else 2


def _tells_apart(
    connection: duckdb.DuckDBPyConnection, names: Sequence[Name], records: int
) -> bool:
    columns = ", ".join(quote_name(name.declared) for name in names)
    row = connection.execute(f"select count(*) from (select distinct {columns} from head)")
    return row.fetchone() == (records,)


def _number(value: int) -> str:
    return f"{value:,}"
