"""What the first records of a file show of its columns: types and nulls."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from casebook.sql import quote_name, quote_text

if TYPE_CHECKING:
    import duckdb

# A type is suggested where so many of a column's values have it; staging rejects the others.
FITTING = 0.9
# A column that is so seldom null may be one that no record should lack.
SELDOM = 0.1
_MOST_PLACES = 20
_LITERALS_LOOKED_AT = 1000
_ZONED = "times with a zone"
_SPELLED_OTHERWISE = {
    "numbers with zeros in front, which a number would lose": r"\s*[+-]?0[0-9]+\s*",
    _ZONED: (
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?\s?"
        r"(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)"
    ),
    "times that are not spelled YYYY-MM-DD HH:MM:SS": (
        r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}[T ][0-9]{1,2}:.*"
    ),
    "dates that are not spelled YYYY-MM-DD": r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}",
    "numbers with a comma": r"\s*[+-]?[0-9]{1,3}([., ][0-9]{3})*,[0-9]+\s*",
}


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
        others: other names under which files deliver the column.
    """

    name: Name
    kind: Kind
    size: tuple[int, ...] = ()
    decode: str | None = None
    required: bool = False
    remarks: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def aliases(self) -> tuple[str, ...]:
        """The names under which the column is delivered, where they are not the declared one."""
        return (*self.name.aliases, *self.others)

    @property
    def described(self) -> str:
        """How it comes, in words."""
        return "as delivered" if self.kind is TEXT else f"as {self.kind.name}"

    @property
    def type_name(self) -> str:
        """The type in a word or two, such as `decimal(18, 2)`."""
        size = f"({', '.join(map(str, self.size))})" if self.size else ""
        return self.kind.name.split(" ", 1)[1] + size


def guess_columns(
    connection: duckdb.DuckDBPyConnection, names: Sequence[Name], casts: Casts
) -> list[Guess]:
    """Say what each column of the table `head`, all text, seems to hold.

    Args:
        connection: where the table is.
        names: its columns, as they are declared.
        casts: the macros that staging will cast with.
    """
    return [_guess(connection, name, casts) for name in names]


@dataclass(frozen=True)
class _Counts:
    """What was counted in a column.

    Attributes:
        records: all records.
        values: those that have the column.
        different: different values.
        blank: values of nothing but spaces.
        longest: characters of the longest value.
        fitting: values that cast to each type.
        spelled: values of each spelling that no type has.
    """

    records: int
    values: int
    different: int
    blank: int
    longest: int
    fitting: dict[Kind, int]
    spelled: dict[str, int]


def _count(connection: duckdb.DuckDBPyConnection, column: str, casts: Casts) -> _Counts:
    fits = [f"count({casts.cast(kind, column)})" for kind in CASTS]
    spelled = [_is_all(column, pattern) for pattern in _SPELLED_OTHERWISE.values()]
    row = connection.execute(
        f"""
        select
            count(*), count({column}), count(distinct {column}),
            count(*) filter (where trim({column}) = ''), max(length({column})),
            {", ".join([*fits, *spelled])}
        from head
        """
    ).fetchone()
    assert row is not None
    fitting = dict(zip(CASTS, row[5 : 5 + len(CASTS)], strict=True))
    otherwise = dict(zip(_SPELLED_OTHERWISE, row[5 + len(CASTS) :], strict=True))
    zeros, *_ = otherwise.values()
    if zeros:
        fitting[INTEGER] = fitting[DECIMAL] = 0
    return _Counts(*row[:5], fitting, otherwise)


def _guess(connection: duckdb.DuckDBPyConnection, name: Name, casts: Casts) -> Guess:
    column = quote_name(name.declared)
    counts = _count(connection, column, casts)
    records, values = counts.records, counts.values
    nulls = records - values
    remarks = []
    if 0 < nulls <= records * SELDOM:
        remarks.append(f"missing in {nulls} of {records} records: perhaps required")
    if not values:
        remarks.append("no value in any record" if records else "no record to judge by")
        return Guess(name, TEXT, remarks=tuple(remarks))
    literals = _python_literals(connection, column)
    if literals and (counts.fitting[JSON] + literals) / values >= FITTING:
        remarks.append("Python literals; the loader brings them to JSON")
        return Guess(name, JSON, (), "python_literal", not nulls, tuple(remarks))
    kind, remark = _kind(connection, column, counts, casts)
    if remark:
        remarks.append(remark)
    guess = Guess(name, kind, required=not nulls, remarks=tuple(remarks))
    return _with_misfits(connection, guess, counts, casts) if kind in CASTS else guess


def _kind(
    connection: duckdb.DuckDBPyConnection, column: str, counts: _Counts, casts: Casts
) -> tuple[Kind, str]:
    """The type of a column; where that is text, what it could nearly be, else an empty remark."""
    values, fitting = counts.values, counts.fitting
    kind = max(CASTS, key=lambda cast: fitting[cast])
    # Days that no calendar has are rejected, where the most are spelled as dates.
    is_spelled = kind is DATE and _spelled_as_dates(connection, column) / values >= FITTING
    if fitting[kind] / values < (0.5 if is_spelled else FITTING):
        common = max(counts.spelled, key=lambda spelling: counts.spelled[spelling])
        if counts.spelled[common] / values >= FITTING:
            if common == _ZONED and casts.has(INSTANT):
                return INSTANT, ""
            return TEXT, f"{common}; kept as text"
        if fitting[kind] / values < 0.5:
            return TEXT, ""
        note = f", {counts.blank} blank" if counts.blank else ""
        return TEXT, f"{kind.name} in {fitting[kind]} of {values} values{note}"
    if kind in (INTEGER, DECIMAL) and (
        codes := _codes(connection, casts.cast(kind, column), column)
    ):
        number, example = codes
        return TEXT, (
            f"{kind.name} in {fitting[kind]} of {values} values, and a code such as {example} in"
            f" {number}; kept as text"
        )
    if kind is BOOLEAN and counts.different == 1 and counts.longest == 1:
        return TEXT, "the same letter in all values: perhaps a boolean"
    return kind, ""


def _with_misfits(
    connection: duckdb.DuckDBPyConnection, guess: Guess, counts: _Counts, casts: Casts
) -> Guess:
    """The guess with the size of its type, and a remark on the values that do not cast to it."""
    column, kind, fitting = quote_name(guess.name.declared), guess.kind, counts.fitting[guess.kind]
    remarks, size = [*guess.remarks], guess.size
    if kind is DECIMAL:
        size = _size(connection, column)
        remarks.append(f"at most {size[1]} decimals were seen")
        (fitting,) = connection.execute(
            f"select count({casts.cast(kind, column, size)}) from head"
        ).fetchone() or (0,)
    misfits = counts.values - fitting
    if misfits:
        note = f" ({counts.blank} blank)" if counts.blank else ""
        is_not = "is" if misfits == 1 else "are"
        remarks.append(
            f"{misfits} of {counts.values} values{note} {is_not} not {kind.name}: rejected"
        )
    if kind is INTEGER and counts.different == 2 and _only(connection, column, ("0", "1")):
        remarks.append("only 0 and 1: perhaps a boolean")
    return replace(guess, size=size, remarks=tuple(remarks))


def _is_all(column: str, pattern: str) -> str:
    return f"count(*) filter (where regexp_full_match({column}, {quote_text(pattern)}))"


def _only(connection: duckdb.DuckDBPyConnection, column: str, values: tuple[str, ...]) -> bool:
    listed = ", ".join(map(quote_text, values))
    row = connection.execute(
        f"select count(*) from head where {column} not in ({listed})"
    ).fetchone()
    return row == (0,)


def _codes(connection: duckdb.DuckDBPyConnection, cast: str, column: str) -> tuple[int, str] | None:
    """How many values are letters and digits and no numbers, and the first of them."""
    row = connection.execute(
        f"""
        select count(*), min({column}) from head
        where regexp_full_match({column}, '[A-Za-z0-9._/-]+') and regexp_matches({column}, '[0-9]')
            and regexp_matches({column}, '[A-Za-z]') and {cast} is null
        """
    ).fetchone()
    return row if row and row[0] else None


def _spelled_as_dates(connection: duckdb.DuckDBPyConnection, column: str) -> int:
    row = connection.execute(
        f"select {_is_all(column, '[0-9]{4}-[0-9]{2}-[0-9]{2}')} from head"
    ).fetchone()
    return row[0] if row else 0


def _size(connection: duckdb.DuckDBPyConnection, column: str) -> tuple[int, int]:
    """Precision and scale that hold the column's decimals, and larger ones like them."""
    before, after = connection.execute(
        rf"""
        select
            max(length(regexp_extract({column}, '([0-9]*)', 1))),
            max(length(regexp_extract({column}, '\.([0-9]+)', 1)))
        from (
            select ltrim({column}, ' +-') as {column} from head
            where regexp_full_match(trim({column}), '[-+]?[0-9]*(\.[0-9]*)?')
        )
        """
    ).fetchone() or (0, 0)
    places = min(max(after or 0, 2), _MOST_PLACES)
    return (18 if (before or 0) + places <= 16 else 38, places)


def _python_literals(connection: duckdb.DuckDBPyConnection, column: str) -> int:
    """How many values are lists or objects as Python writes them, and not JSON.

    Where they are many, the first ones stand for all.
    """
    texts = connection.execute(
        rf"""
        select {column} from head
        where regexp_matches({column}, '^\s*[\[{{]') and not json_valid({column})
        """
    ).fetchall()
    looked_at = [text for (text,) in texts[:_LITERALS_LOOKED_AT]]
    return round(len(texts) * sum(map(_is_literal, looked_at)) / max(len(looked_at), 1))


def _is_literal(text: str) -> bool:
    try:
        return isinstance(ast.literal_eval(text.strip()), (list, dict))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
