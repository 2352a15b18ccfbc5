"""A key: the fewest columns that tell the records of a table apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from math import prod
from typing import TYPE_CHECKING

from casebook.draft.columns import Guess
from casebook.draft.kinds import BOOLEAN, DECIMAL, JSON
from casebook.draft.names import Name
from casebook.sql import quote_name

if TYPE_CHECKING:
    import duckdb

# A few records that were delivered twice do not hide a key.
REPEATED_LEFT = 0.8
LONGEST_KEY, LONGEST_KEY_TEXT, MOST_CANDIDATES = 3, 64, 12
ID_LIKE = re.compile(r"(^|_)(id|key|number|no|nr|code|uuid|guid|isbn|sku)$")


@dataclass(frozen=True)
class Key:
    """A key that was found, or why there is none.

    Attributes:
        columns: the columns; empty where no few columns tell all records apart.
        remark: what speaks for it, or which column comes closest.
    """

    columns: tuple[Name, ...]
    remark: str


def _count(connection: duckdb.DuckDBPyConnection, *names: Name) -> int:
    """How many different values these columns have together, or all of them."""
    columns = ", ".join(quote_name(name.declared) for name in names) or "*"
    found = connection.execute(f"select count(*) from (select distinct {columns} from head)")
    return int((found.fetchone() or (0,))[0])


def find_key(connection: duckdb.DuckDBPyConnection, guesses: Sequence[Guess], noun: str) -> Key:
    """Find the fewest columns that tell all records of the table `head` apart.

    Names that look like a key's come first; then one column of any name, then combinations with
    at least one name that looks like a key's. Decimals, booleans, JSON and long texts are no keys.

    Args:
        connection: where the table is.
        guesses: its columns.
        noun: the table's noun in the singular, so that a column of that name counts as a key's.
    """

    def rank(name: Name) -> tuple[bool, int]:
        """Names like a key's first: after the table's own noun, then `id`s, then the others."""
        of_noun = (noun, *(f"{noun}_{end}" for end in ("id", "number", "key", "code")))
        place = 0 if name.staging in of_noun else 1 if name.staging.endswith("_id") else 2
        return not looks_like_key(name), place

    def looks_like_key(name: Name) -> bool:
        return bool(ID_LIKE.search(name.staging)) or name.staging == noun

    (records,) = connection.execute("select count(*) from head").fetchone() or (0,)
    records = distinct if (distinct := _count(connection)) >= REPEATED_LEFT * records else records
    if records < 2:
        return Key((), "too few records to tell")
    names = [guess.name for guess in guesses]
    columns = [quote_name(name.declared) for name in names]
    values = ", ".join(f"count(distinct {one}), max(length({one}))" for one in columns)
    counted = connection.execute(f"select {values} from head").fetchone() or ()
    different = dict(zip(names, counted[::2], strict=True))
    longest = dict(zip(names, counted[1::2], strict=True))
    able = [
        guess.name
        for guess in guesses
        if guess.required and guess.kind not in (DECIMAL, BOOLEAN, JSON)
        if longest[guess.name] <= LONGEST_KEY_TEXT
    ]
    able.sort(key=rank)
    likely = [name for name in able if looks_like_key(name)]
    ranked = chain(
        _combined(likely, 1),
        ((name,) for name in able if name not in likely),
        (key for key in _combined(able, 2) if len({*map(looks_like_key, key)}) == 2),
    )
    for key in ranked:
        # Columns with too few values between them cannot tell the records apart.
        if prod(different[name] for name in key) >= records and _count(connection, *key) == records:
            return Key(key, f"never null and never twice in {records:,} records")
    alike = [guess.name for guess in guesses if looks_like_key(guess.name)]
    closest = max(alike, key=lambda name: different[name], default=None)
    if closest is None:
        return Key((), "no few columns tell all records apart")
    share = f"{different[closest]:,} values in {records:,} records"
    if closest in able and different[closest] >= REPEATED_LEFT * records:
        return Key((closest,), f"{share}; of those with the same one the last counts")
    return Key((), f"{closest.declared} comes closest, with {share}")


def _combined(names: Sequence[Name], least: int) -> list[tuple[Name, ...]]:
    sizes = range(least, LONGEST_KEY + 1)
    return [found for size in sizes for found in combinations(names[:MOST_CANDIDATES], size)]
