"""A key: the fewest columns that tell the records of a table apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
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
_OTHER = 3


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

    def rank(guess: Guess) -> int:
        """Names like a key's first: after the table's own noun, then `id`s, then the others."""
        name = guess.name.staging
        if name in (noun, *(f"{noun}_{end}" for end in ("id", "number", "key", "code"))):
            return 0
        return 1 if name.endswith("_id") else 2 if ID_LIKE.search(name) else _OTHER

    def count(what: str) -> int:
        return int((connection.execute(f"select count(*) from {what}").fetchone() or (0,))[0])

    records, distinct = count("head"), count("(select distinct * from head)")
    records = distinct if distinct >= REPEATED_LEFT * records else records
    if records < 2:
        return Key((), "too few records to tell")
    able = [
        guess
        for guess in sorted(guesses, key=rank)
        if guess.required and guess.kind not in (DECIMAL, BOOLEAN, JSON)
        if guess.longest <= LONGEST_KEY_TEXT
    ]
    for key in _candidates(able, [guess for guess in able if rank(guess) < _OTHER]):
        # Columns with too few values between them cannot tell the records apart.
        if prod(guess.different for guess in key) >= records:
            columns = ", ".join(quote_name(guess.name.declared) for guess in key)
            if count(f"(select distinct {columns} from head)") == records:
                names = tuple(guess.name for guess in key)
                return Key(names, f"never null and never twice in {records:,} records")
    alike = [guess for guess in guesses if rank(guess) < _OTHER]
    closest = max(alike, key=lambda guess: guess.different, default=None)
    if closest is None:
        return Key((), "no few columns tell all records apart")
    share = f"{closest.different:,} values in {records:,} records"
    if closest in able and closest.different >= REPEATED_LEFT * records:
        return Key((closest.name,), f"{share}; of those with the same one the last counts")
    return Key((), f"{closest.name.declared} comes closest, with {share}")


def _candidates(able: Sequence[Guess], likely: Sequence[Guess]) -> Iterator[tuple[Guess, ...]]:
    """Keys to try, in their order: `likely` are those of the columns that look like a key's."""

    def combined(columns: Sequence[Guess], least: int) -> Iterator[tuple[Guess, ...]]:
        sizes = range(least, LONGEST_KEY + 1)
        return chain(*(combinations(columns[:MOST_CANDIDATES], size) for size in sizes))

    yield from combined(likely, 1)
    yield from ((guess,) for guess in able if guess not in likely)
    yield from (key for key in combined(able, 2) if len({guess in likely for guess in key}) == 2)
