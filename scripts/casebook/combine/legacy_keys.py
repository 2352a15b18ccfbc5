"""Which keys of a JSON file hold which declared column."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from casebook.errors import Refused

if TYPE_CHECKING:
    from casebook.sources import Table

SAMPLE_RECORDS = 20_000


@dataclass(frozen=True)
class Keys:
    """The keys of a file.

    Attributes:
        key_of: for every declared column the key that it is read from, in the declared order.
        column_of: the declared column of each spelling that occurs, and of each in `key_of`.
        other_spellings: further keys that hold a column which `key_of` reads from another key.
        ignored: keys that no column declares, sorted.
    """

    key_of: dict[str, str]
    column_of: dict[str, str]
    other_spellings: frozenset[str]
    ignored: list[str]


def match_keys(table: Table, found: Iterable[str], objects: int) -> Keys:
    """Match keys to declared columns: by name without regard to case, then by alias.

    A column that no sampled record has is read from the key of its own name, so that it is found
    where it occurs only later in the file.

    Args:
        table: the declaration.
        found: the keys of the first `SAMPLE_RECORDS` records.
        objects: how many objects were among those records.

    Raises:
        Refused: if there are objects, and none of them has a required column.
    """
    rank: dict[str, tuple[str, int]] = {}
    for column in table.columns:
        for place, spelling in enumerate((column.name, *column.aliases)):
            rank[spelling.lower()] = (column.name, place)
    spellings: dict[str, list[tuple[bool, int, str]]] = {}
    ignored: list[str] = []
    for key in sorted(set(found)):
        column, place = rank.get(key.lower(), (None, 0))
        if column is None:
            ignored.append(key)
        else:
            spellings.setdefault(column, []).append((key != column, place, key))
    missing = [c.name for c in table.columns if c.required and c.name not in spellings]
    if objects and missing:
        raise Refused(
            f"no record has the required column {', '.join(missing)}; its keys are:"
            f" {', '.join(sorted(set(found))) or 'none'}"
        )
    key_of = {
        c.name: min(spellings[c.name])[2] if c.name in spellings else c.name for c in table.columns
    }
    column_of = {key: column for column, keys in spellings.items() for _, _, key in keys}
    other = frozenset(column_of) - frozenset(key_of.values())
    column_of.update({key: column for column, key in key_of.items()})
    return Keys(key_of, column_of, other, ignored)
