"""The movies' rules once more, in plain Python over the raw files."""

from __future__ import annotations

import ast
import csv
import gzip
import io
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

FOLDER = Path("movies") / "movies_metadata"
DIGITS = Context(prec=500)
NUMBER = re.compile(r"\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?\s*", re.ASCII)
INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)
LONGEST = {"popularity": (12, 6), "runtime": (7, 2), "vote_average": (6, 3)}
BUSINESS = (
    *("imdb_id", "title", "original_title", "original_language", "tagline", "overview", "status"),
    *("is_adult", "release_on", "runtime", "budget", "revenue", "popularity", "vote_average"),
    *("vote_count", "genres", "companies"),
)
Pairs = set[tuple[int, int]]


@dataclass
class Movies:
    """What the marts must hold.

    Attributes:
        movies: by id, the record that counts, its fields cast, with `file` and `record`.
        quarantined: file and record.
        rejected: file, record and reasons.
        undated: movies that count and have no date, by file and status.
        outcomes: by file, how many records came to which end.
    """

    movies: dict[int, dict[str, Any]] = field(default_factory=dict)
    quarantined: list[tuple[str, int]] = field(default_factory=list)
    rejected: list[tuple[str, int, str]] = field(default_factory=list)
    undated: Counter[tuple[str, str]] = field(default_factory=Counter)
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)

    def pairs(self, of: str) -> Pairs:
        """Movie and genre, or movie and company."""
        return {(i, item) for i, movie in self.movies.items() for item, _ in movie[of]}

    def names(self, of: str) -> dict[int, tuple[str, int]]:
        """By id of a genre or company: its name and the movie that gives it."""
        mentions: dict[int, list[tuple]] = defaultdict(list)
        for i, movie in self.movies.items():
            for place, (item, name) in enumerate(movie[of]):
                mentions[item].append((movie["release_on"] or date.min, i, place, name))
        return {item: (max(found)[3], max(found)[1]) for item, found in mentions.items()}

    def year_facts(self, of: str) -> list[tuple]:
        """The rows of `genre_year_facts` or `company_year_facts`, in their order."""
        names = self.names(of)
        groups: dict[tuple[int, int], list[dict]] = defaultdict(list)
        for i, item in self.pairs(of):
            if self.movies[i]["release_on"]:
                groups[item, self.movies[i]["release_on"].year].append(self.movies[i])
        rows = [
            (item, names[item][0], year, *figures(movies))
            for (item, year), movies in groups.items()
        ]
        if of == "genres":
            return sorted(rows, key=lambda row: (row[2], row[4] is None, -(row[4] or 0), row[0]))
        return sorted(rows, key=lambda row: (row[1].encode(), row[0], row[2]))

    def releases(self) -> list[tuple]:
        """The rows of `company_genre_year_releases`, in their order."""
        genres, companies = self.names("genres"), self.names("companies")
        counts: Counter[tuple] = Counter()
        for i, company in self.pairs("companies"):
            movie = self.movies[i]
            if movie["release_on"]:
                year = movie["release_on"].year
                for genre in {genre for genre, _ in movie["genres"]} or {None}:
                    named = (0, "(none listed)") if genre is None else (genre, genres[genre][0])
                    counts[(company, companies[company][0], *named, year)] += 1
        rows = [(*key, count) for key, count in counts.items()]
        return sorted(rows, key=lambda r: (r[1].encode(), r[0], r[4], r[3].encode(), r[2]))


def figures(movies: list[dict[str, Any]]) -> tuple:
    """What `genre_year_facts` says of some movies, from `movie_count` on."""
    budgets = [movie["budget"] or 0 for movie in movies]
    revenues = [movie["revenue"] or 0 for movie in movies]
    profits = [r - b for b, r in zip(budgets, revenues, strict=True) if b > 0 and r > 0]
    known_budgets = [budget for budget in budgets if budget > 0]
    known_revenues = [revenue for revenue in revenues if revenue > 0]
    return (
        len(movies),
        average(m["popularity"] for m in movies if m["popularity"] is not None),
        sum(budgets),
        sum(revenues),
        sum(revenues) - sum(budgets),
        average(known_budgets),
        average(known_revenues),
        average(profits),
        len(known_budgets),
        len(known_revenues),
    )


def average(values: Iterable[int | Decimal]) -> Decimal | None:
    """Exactly, then to six places, half away from zero."""
    amounts = [Fraction(value) for value in values]
    if not amounts:
        return None
    millionths = sum(amounts) / len(amounts) * 1_000_000
    away = math.floor(abs(millionths) + Fraction(1, 2))
    return Decimal(away if millionths >= 0 else -away).scaleb(-6, DIGITS)


def read(raw: Path) -> Movies:
    """Apply the rules to the raw files below `raw`."""
    found = Movies()
    accepted: list[dict[str, Any]] = []
    for file in files_of(raw):
        found.outcomes[file] = Counter()
        for number, row in rows_of(raw / file):
            if row is None:
                found.quarantined.append((file, number))
                continue
            movie, reasons = cast(row)
            if reasons:
                found.rejected.append((file, number, "; ".join(reasons)))
                found.outcomes[file]["rejected"] += 1
            else:
                accepted.append(movie | {"file": file, "record": number})
    found.movies = {movie["id"]: movie for movie in accepted}
    for movie in accepted:
        winner = found.movies[movie["id"]]
        same = all(movie[name] == winner[name] for name in BUSINESS)
        outcome = "kept" if movie is winner else "duplicate" if same else "superseded"
        found.outcomes[movie["file"]][outcome] += 1
        if movie is winner and movie["release_on"] is None:
            found.undated[movie["file"], movie["status"] or "(no status)"] += 1
    return found


def files_of(raw: Path) -> list[str]:
    """The raw files of movies in file order, by their paths below `raw`."""
    paths = [path for path in (raw / FOLDER).rglob("*") if path.is_file()]
    return sorted((path.relative_to(raw).as_posix() for path in paths), key=str.encode)


def rows_of(path: Path) -> Iterator[tuple[int, dict[str, str] | None]]:
    """Number and fields of each record, in the source's spelling; None where it is unreadable.

    An empty field is left out. Texts of lists are as they stand in a CSV, and JSON in JSON lines.
    """
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    # Halves of surrogate pairs stand for bytes that are not UTF-8.
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    if ".jsonl" in path.name:
        for number, line in enumerate(filter(str.strip, text.split("\n")), start=1):
            yield number, json_row(line) if is_utf8(line) else None
        return
    delimiter = "\t" if ".tsv" in path.name else ","
    header, *records = (r for r in csv.reader(io.StringIO(text), delimiter=delimiter) if r)
    names = [name.lower() for name in header]
    for number, record in enumerate(records, start=1):
        row = {name: value for name, value in zip(names, record, strict=False) if value}
        is_readable = len(record) == len(header) and is_utf8("".join(record))
        yield number, row if is_readable else None


def is_utf8(text: str) -> bool:
    return not re.search("[\ud800-\udfff]", text)


def json_row(line: str) -> dict[str, str] | None:
    try:
        record = json.loads(line, parse_float=str)
    except ValueError:
        return None
    if not isinstance(record, dict):
        return None
    return {
        name.lower(): value if isinstance(value, str) else json.dumps(value)
        for name, value in record.items()
        if value is not None
    }


def cast(row: dict[str, str]) -> tuple[dict[str, Any], list[str]]:
    """A record's values, and why it is rejected."""
    row = {name: value for name, value in row.items() if value.strip(" ")}
    movie: dict[str, Any] = {
        **{
            name: row.get(name)
            for name in ("imdb_id", "original_title", "original_language", "tagline", "overview")
        },
        "status": row.get("status"),
    }
    reasons = []
    for column, name, kind, required in (
        ("id", "id", "an_integer", True),
        ("title", "title", "a_title", True),
        ("release_date", "release_on", "a_date", False),
        ("budget", "budget", "an_integer", False),
        ("revenue", "revenue", "an_integer", False),
        ("popularity", "popularity", "a_number", False),
        ("genres", "genres", "a_list_of_ids_and_names", True),
        ("production_companies", "companies", "a_list_of_ids_and_names", True),
        ("adult", "is_adult", "a_boolean", False),
        ("runtime", "runtime", "a_number", False),
        ("vote_average", "vote_average", "a_number", False),
        ("vote_count", "vote_count", "an_integer", False),
    ):
        text = row.get(column)
        movie[name] = None if text is None else cast_value(column, text)
        if text is None and required:
            reasons.append(f"{column}: missing")
        if text is not None and movie[name] is None:
            reasons.append(f"{column}: not_{kind}")
    return movie, reasons


def cast_value(column: str, text: str) -> Any:
    if column in LONGEST:
        return cast_decimal(text, *LONGEST[column])
    if column in ("genres", "production_companies"):
        return cast_list(text)
    if column == "release_date":
        return cast_date(text)
    if column == "adult":
        return {"true": True, "false": False}.get(text.strip().lower())
    return text if column == "title" else cast_integer(text)


def cast_integer(text: str) -> int | None:
    if not INTEGER.fullmatch(text):
        return None
    return int(text) if -(2**63) <= int(text) < 2**63 else None


def cast_decimal(text: str, whole: int, places: int) -> Decimal | None:
    if not NUMBER.fullmatch(text):
        return None
    number = DIGITS.create_decimal(text.strip())
    rounded = number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, DIGITS)
    return rounded if abs(rounded) < 10**whole else None


def cast_date(text: str) -> date | None:
    iso = re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", text)
    us = re.fullmatch(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})", text)
    if not iso and not us:
        return None
    year, month, day = iso.groups() if iso else (us[3], us[1], us[2])
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def cast_list(text: str) -> list[tuple[int, str]] | None:
    """Ids and names in their order."""
    value = value_of(text)
    if not isinstance(value, (list, tuple)):
        return None
    found = []
    for item in value:
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            return None
        spelled = item.get("id")
        if isinstance(spelled, bool) or not isinstance(spelled, (int, str)):
            return None
        number = cast_integer(str(spelled))
        if number is None:
            return None
        found.append((number, item["name"]))
    return found


def value_of(text: str) -> Any:
    """What a JSON text or a Python literal means; Ellipsis where it is neither.

    A literal that JSON has no words for is neither: a set, a key that is no text, half of a
    surrogate pair.
    """
    try:
        value = json.loads(text)
    except ValueError:
        try:
            value = ast.literal_eval(text.lstrip(" \t"))
        except (ValueError, SyntaxError):
            return ...
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (UnicodeEncodeError, TypeError):
        return ...
    return value if has_text_keys(value) else ...


def has_text_keys(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and has_text_keys(of) for key, of in value.items())
    return not isinstance(value, (list, tuple)) or all(map(has_text_keys, value))
