"""Names for the columns of a new table: plain ones for the raw view, the project's for staging."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count

# So that a line of the staging model has room for a name twice.
LONGEST = 34
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PREFIXED = re.compile(r"\w[\w ]*\.([^.]+)")
# Columns that the raw view and the staging model have already.
_TAKEN = {
    *("_source_file", "_source_record", "_file_hash", "_loaded_at"),
    *("source_file", "source_record", "loaded_at", "rejection_reason", "rejected_text"),
}
# Beside DuckDB's reserved words: what other engines or sqlfluff take for more than a name.
_OTHER_WORDS = {
    *("commutator", "connect", "current_catalog", "current_date", "current_role", "current_schema"),
    *("current_time", "current_timestamp", "current_user", "grant", "hashes", "localtime"),
    *("localtimestamp", "merges", "minus", "negator", "prior", "rightarg", "session_user"),
}


@dataclass(frozen=True)
class Name:
    """What a column is called.

    Attributes:
        delivered: its name in the file.
        declared: its name in the source YAML and the raw view; an identifier that needs no quotes.
        staging: its name in the staging model.
    """

    delivered: str
    declared: str
    staging: str

    @property
    def aliases(self) -> tuple[str, ...]:
        """The delivered name, where the declared one is not that."""
        return () if self.declared.lower() == self.delivered.lower() else (self.delivered,)


def name_columns(delivered: Sequence[str], table: str) -> list[Name]:
    """Name the columns of a table.

    Args:
        delivered: their names in the file; of two that differ only in case the first counts, as
            the loader takes the other for another spelling of it.
        table: the table's name; `loans` makes `loan_id` of a column `Id`.

    Returns:
        A name for each column that can be declared, in the same order. A name is declared as it is
        delivered where it needs no quotes; else it becomes an alias.
    """
    noun, reserved = singular(table), _reserved_words()
    kept: dict[str, str] = {}
    for name in filter(str.strip, delivered):
        kept.setdefault(name.lower(), name)

    def is_plain(name: str) -> bool:
        return bool(_PLAIN.fullmatch(name)) and name.lower() not in reserved

    endings = [_ending(name).lower() for name in kept.values()]
    used_by_raw, used_by_staging = set(kept), set(_TAKEN)
    names = []
    for place, name in enumerate(kept.values(), start=1):
        declared = name
        if not is_plain(name) or len(name) > LONGEST:
            ending = _ending(name)
            wanted = ending if endings.count(ending.lower()) == 1 else name
            declared = _plain(wanted) or f"column_{place}"
            declared = declared if is_plain(declared) else f"{noun}_{declared.strip('_')}"
            declared = _unused(declared, used_by_raw)
        staging = snake_case(declared) or f"column_{place}"
        if staging in ("id", "key") or not is_plain(staging):
            staging = f"{noun}_{staging}"
        names.append(Name(name, declared, _unused(staging, used_by_staging)))
    return names


def snake_case(name: str) -> str:
    """`CreationDate` as `creation_date`, `HTTPStatus2` as `http_status2`."""
    name = re.sub(r"(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"_+", "_", name).strip("_").lower()


def singular(table: str) -> str:
    """The table's noun in the singular, as far as a rule of thumb goes."""
    if re.search(r"(^|_)(series|species|news)$|(ss|us|is)$", table):
        return table
    if re.search(r"(mov|cook|calor|zomb|rook|self|gen|brown|hood|prair|(^|_)[pltd])ies$", table):
        return table[:-1]
    if table.endswith("ies"):
        return table[:-3] + "y"
    return re.sub(r"(?<=ss|us|ch|sh)es$|(?<=x)es$|(?<=[^s])s$", "", table)


def _reserved_words() -> set[str]:
    """Names that no column may have, in lower case."""
    import duckdb

    rows = duckdb.execute(
        "select keyword_name from duckdb_keywords()"
        " where keyword_category in ('reserved', 'type_function')"
    ).fetchall()
    return {word for (word,) in rows} | _OTHER_WORDS | _TAKEN


def _ending(name: str) -> str:
    """`TrackId` of `tracks.TrackId`; any other name as it is."""
    prefixed = _PREFIXED.fullmatch(name)
    return prefixed.group(1) if prefixed else name


def _plain(name: str) -> str:
    """The letters, digits and underscores of a name, without accents, in words joined by `_`."""
    name = name.replace("ß", "ss").replace("æ", "ae").replace("ø", "o").replace("Ø", "O")
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    plain = re.sub(r"[^A-Za-z0-9_]+", "_", ascii_only).strip("_")
    plain = f"_{plain}" if plain[:1].isdigit() else plain
    return plain[:LONGEST].rstrip("_")


def _unused(name: str, used: set[str]) -> str:
    """The name, or with a number where it is used; it is used from then on."""
    names = chain([name], (f"{name}_{number}" for number in count(2)))
    found = next(name for name in names if name.lower() not in used)
    used.add(found.lower())
    return found
