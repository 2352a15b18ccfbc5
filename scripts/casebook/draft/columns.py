"""What the columns of a table seem to hold: types, nulls, two names of one column, a key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from math import prod
from types import SimpleNamespace
from typing import TYPE_CHECKING

from casebook.draft.kinds import (
    BOOLEAN,
    CASTS,
    DATE,
    DECIMAL,
    INSTANT,
    INTEGER,
    JSON,
    TEXT,
    Casts,
    Kind,
)
from casebook.draft.names import Name
from casebook.draft.render import render
from casebook.load.decode import literal_to_json
from casebook.sql import quote_name

if TYPE_CHECKING:
    import duckdb

# A type is suggested where so many of a column's values have it; staging rejects the others.
FITTING = 0.9
# A column that is so seldom null may be one that no record should lack.
SELDOM = 0.1
_MOST_PLACES = 20
# A few records that were delivered twice do not hide a key.
REPEATED_LEFT = 0.8
LONGEST_KEY, LONGEST_KEY_TEXT, MOST_CANDIDATES = 3, 64, 12
ID_LIKE = re.compile(r"(^|_)(id|key|number|no|nr|code|uuid|guid|isbn|sku)$")
_OTHER = 3


@dataclass(frozen=True)
class Guess:
    """What a column seems to hold.

    Attributes:
        name: what it is called.
        kind: its type.
        size: precision and scale of a decimal, else empty.
        decode: how its text is brought to JSON before it lands, or None.
        required: whether no record of those looked at lacks it.
        remarks: what whoever confirms the draft should know.
        different: how many different values it has.
        longest: characters of the longest one.
        others: other names under which files deliver the column.
    """

    name: Name
    kind: Kind
    size: tuple[int, ...] = ()
    decode: str | None = None
    required: bool = False
    remarks: tuple[str, ...] = ()
    different: int = 0
    longest: int = 0
    others: tuple[str, ...] = ()

    @property
    def aliases(self) -> tuple[str, ...]:
        """The names under which the column is delivered, where they are not the declared one."""
        return (*self.name.aliases, *self.others)

    @property
    def type_name(self) -> str:
        """The type in a word or two, such as `decimal(18, 2)`."""
        size = f"({', '.join(map(str, self.size))})" if self.size else ""
        return self.kind.name.split(" ", 1)[1] + size


def guess_columns(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Sequence[Name]], casts: Casts
) -> list[Guess]:
    """Guess the columns of the table `head`; of two that seem to be one, the second is an alias.

    They are one where no file has both, they stand at the same place of files that have as many
    columns, and hold the same type.

    Args:
        connection: where the table is, all text; what is one column becomes one there.
        files: the columns of each file, as they are declared, in its order.
        casts: the macros that staging will cast with.
    """
    places: dict[Name, dict[int, tuple[int, int]]] = {}
    for number, names in enumerate(files):
        for place, name in enumerate(names):
            places.setdefault(name, {})[number] = place, len(names)
    guesses = {name: _guess(connection, name, casts) for name in places}
    for first, second in combinations(places if len(files) > 1 else (), 2):
        one, other = places[first], places[second]
        if not (one.keys().isdisjoint(other) and {*one.values()} & {*other.values()}):
            continue
        if {first, second} <= guesses.keys() and guesses[first].kind is guesses[second].kind:
            kept, dropped = quote_name(first.declared), quote_name(second.declared)
            connection.execute(f"update head set {kept} = coalesce({kept}, {dropped})")
            connection.execute(f"alter table head drop column {dropped}")
            others = (*guesses[first].others, second.delivered)
            guesses[first] = _guess(connection, first, casts, others)
            del guesses[second]
    return list(guesses.values())


def _guess(
    connection: duckdb.DuckDBPyConnection, name: Name, casts: Casts, others: tuple[str, ...] = ()
) -> Guess:
    column, cast = quote_name(name.declared), {k.name: casts.cast(k, "value") for k in CASTS}
    counted = connection.execute(render("profile.sql", column=column, casts=cast, fitting=FITTING))
    values = counted.fetchone() or ()
    seen = SimpleNamespace(**dict(zip((c[0] for c in counted.description), values, strict=True)))
    nulls = seen.records - seen.present
    remarks = []
    if 0 < nulls <= seen.records * SELDOM:
        remarks.append(f"missing in {nulls} of {seen.records} records: perhaps required")
    kind, remark = _kind(seen)
    remarks += [remark] if remark else []
    size: tuple[int, ...] = ()
    if kind is DECIMAL:
        places = min(max(seen.places, 2), _MOST_PLACES)
        remarks.append(f"at most {places} decimals were seen")
        size = (18 if seen.digits + places <= 16 else 38, places)
    is_literal = kind is JSON and bool(remark)
    if kind in CASTS and not is_literal:
        fitting = f"select count({casts.cast(kind, column, size)}) from head"
        if misfits := seen.present - (connection.execute(fitting).fetchone() or (0,))[0]:
            note = f" ({seen.blank} blank)" if seen.blank else ""
            are_not = f"{'is' if misfits == 1 else 'are'} not {kind.name}: rejected"
            remarks.append(f"{misfits} of {seen.present} values{note} {are_not}")
    if kind is INTEGER and seen.different == 2 and seen.is_flag:
        remarks.append("only 0 and 1: perhaps a boolean")
    if others:
        what = "stands at its place in other files, and seems to be the same column"
        remarks.append(f"{' and '.join(others)} {what}")
    decode, required = "python_literal" if is_literal else None, seen.present > 0 == nulls
    counts = seen.different, seen.longest or 0
    return Guess(name, kind, size, decode, required, tuple(remarks), *counts, others)


def _kind(seen: SimpleNamespace) -> tuple[Kind, str]:
    """The type of a column, and what is to be remarked of that choice, if anything."""
    if not seen.present:
        return TEXT, "no value in any record" if seen.records else "no record to judge by"
    fits = dict(zip(CASTS, seen.fits, strict=True))
    # The first literals stand for all.
    literals = [literal_to_json(text) != text for text in seen.first_literals]
    are_literals = sum(literals) / max(len(literals), 1) * seen.literals
    if are_literals and (fits[JSON] + are_literals) / seen.present >= FITTING:
        return JSON, "Python literals; the loader brings them to JSON"
    if seen.is_padded:
        fits[INTEGER] = fits[DECIMAL] = 0
    kind = max(CASTS, key=lambda cast: fits[cast])
    share = fits[kind] / seen.present
    almost = f"{kind.name} in {fits[kind]} of {seen.present} values"
    # Days that no calendar has are rejected, where the most are spelled as dates.
    if share < (0.5 if kind is DATE and seen.is_day else FITTING):
        if seen.is_zoned or seen.spelling:
            return (INSTANT, "") if seen.is_zoned else (TEXT, f"{seen.spelling}; kept as text")
        note = f", {seen.blank} blank" if seen.blank else ""
        return TEXT, f"{almost}{note}" if share >= 0.5 else ""
    if kind in (INTEGER, DECIMAL) and seen.codes:
        return TEXT, f"{almost}, and a code such as {seen.code} in {seen.codes}; kept as text"
    if kind is BOOLEAN and seen.different == 1 and seen.longest == 1:
        return TEXT, "the same letter in all values: perhaps a boolean"
    return kind, ""


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
