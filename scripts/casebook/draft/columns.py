"""What the first records of a file show of its columns: types and nulls."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
_ZEROS = "numbers with zeros in front, which a number would lose"
_SPELLED_OTHERWISE = {
    _ZEROS: r"\s*[+-]?0[0-9]+\s*",
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
        fitting: values that cast to each type.
        spelled: values of each spelling that no type has.
        records: all records.
        values: those that have the column.
        different: different values.
        blank: values of nothing but spaces.
        longest: characters of the longest value.
        is_flag: whether all values are 0 or 1.
        days: values that are spelled as dates are, whether there are such days or not.
        digits: the most digits before the point of a number.
        places: the most digits behind it.
        literals: values that may be Python's lists and dictionaries, and are no JSON.
        codes: values of letters and digits that are no numbers.
        code: the first of these.
    """

    fitting: dict[Kind, int]
    spelled: dict[str, int]
    records: int
    values: int
    different: int
    blank: int
    longest: int
    is_flag: bool
    days: int
    digits: int
    places: int
    literals: list[str]
    codes: int
    code: str


def _count(connection: duckdb.DuckDBPyConnection, column: str, casts: Casts) -> _Counts:
    fits = [f"count({casts.cast(kind, column)})" for kind in CASTS]
    spelled = [_are(column, pattern) for pattern in _SPELLED_OTHERWISE.values()]
    number = rf"regexp_extract(trim({column}), '^[-+]?([0-9]*)(?:\.([0-9]*))?$', ['whole', 'part'])"
    is_code = (
        f"regexp_full_match({column}, '[A-Za-z0-9._/-]+') and regexp_matches({column}, '[0-9]')"
        f" and regexp_matches({column}, '[A-Za-z]') and {casts.cast(DECIMAL, column)} is null"
    )
    row = connection.execute(
        rf"""
        select
            count(*), count({column}), count(distinct {column}),
            count(*) filter (where trim({column}) = ''), max(length({column})),
            coalesce(bool_and({column} in ('0', '1')), false),
            {_are(column, "[0-9]{4}-[0-9]{2}-[0-9]{2}")},
            coalesce(max(length({number}.whole)), 0), coalesce(max(length({number}.part)), 0),
            coalesce(list({column}) filter (
                where regexp_matches({column}, '^\s*[\[{{]') and not json_valid({column})
            ), []),
            count(*) filter (where {is_code}), min({column}) filter (where {is_code}),
            {", ".join([*fits, *spelled])}
        from head
        """
    ).fetchone()
    assert row is not None
    counted: list[Any] = list(row)
    otherwise = dict(zip(_SPELLED_OTHERWISE, counted[12 + len(CASTS) :], strict=True))
    fitting = dict(zip(CASTS, counted[12:], strict=False))
    if otherwise[_ZEROS]:
        fitting[INTEGER] = fitting[DECIMAL] = 0
    return _Counts(fitting, otherwise, *counted[:12])


def _are(column: str, pattern: str) -> str:
    return f"count(*) filter (where regexp_full_match({column}, {quote_text(pattern)}))"


def _guess(connection: duckdb.DuckDBPyConnection, name: Name, casts: Casts) -> Guess:
    counts = _count(connection, quote_name(name.declared), casts)
    records, values = counts.records, counts.values
    nulls = records - values
    remarks = []
    if 0 < nulls <= records * SELDOM:
        remarks.append(f"missing in {nulls} of {records} records: perhaps required")
    if not values:
        remarks.append("no value in any record" if records else "no record to judge by")
        return Guess(name, TEXT, remarks=tuple(remarks))
    # The first literals stand for all.
    literals = [_is_literal(text) for text in counts.literals[:_LITERALS_LOOKED_AT]]
    share = sum(literals) / max(len(literals), 1)
    if share and (counts.fitting[JSON] + share * len(counts.literals)) / values >= FITTING:
        remarks.append("Python literals; the loader brings them to JSON")
        return Guess(name, JSON, (), "python_literal", not nulls, tuple(remarks))
    kind, remark = _kind(counts, casts)
    remarks += [remark] if remark else []
    places = min(max(counts.places, 2), _MOST_PLACES)
    size: tuple[int, ...] = ()
    fitting = counts.fitting.get(kind, values)
    if kind is DECIMAL:
        remarks.append(f"at most {places} decimals were seen")
        size = (18 if counts.digits + places <= 16 else 38, places)
        cast = casts.cast(kind, quote_name(name.declared), size)
        (fitting,) = connection.execute(f"select count({cast}) from head").fetchone() or (0,)
    if misfits := values - fitting:
        note = f" ({counts.blank} blank)" if counts.blank else ""
        is_not = "is" if misfits == 1 else "are"
        remarks.append(f"{misfits} of {values} values{note} {is_not} not {kind.name}: rejected")
    if kind is INTEGER and counts.different == 2 and counts.is_flag:
        remarks.append("only 0 and 1: perhaps a boolean")
    return Guess(name, kind, size, None, not nulls, tuple(remarks))


def _kind(counts: _Counts, casts: Casts) -> tuple[Kind, str]:
    """The type of a column; where that is text, what it could nearly be, else an empty remark."""
    values, fitting = counts.values, counts.fitting
    kind = max(CASTS, key=lambda cast: fitting[cast])
    fits = fitting[kind] / values
    almost = f"{kind.name} in {fitting[kind]} of {values} values"
    # Days that no calendar has are rejected, where the most are spelled as dates.
    if fits < (0.5 if kind is DATE and counts.days / values >= FITTING else FITTING):
        common = max(counts.spelled, key=lambda spelling: counts.spelled[spelling])
        if counts.spelled[common] / values >= FITTING:
            is_zoned = common == _ZONED and casts.has(INSTANT)
            return (INSTANT, "") if is_zoned else (TEXT, f"{common}; kept as text")
        note = f", {counts.blank} blank" if counts.blank else ""
        return TEXT, f"{almost}{note}" if fits >= 0.5 else ""
    if kind in (INTEGER, DECIMAL) and counts.codes:
        return TEXT, f"{almost}, and a code such as {counts.code} in {counts.codes}; kept as text"
    if kind is BOOLEAN and counts.different == 1 and counts.longest == 1:
        return TEXT, "the same letter in all values: perhaps a boolean"
    return kind, ""


def _is_literal(text: str) -> bool:
    try:
        return isinstance(ast.literal_eval(text.strip()), (list, dict))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
