"""The rules of the courses once more, in plain Python over the raw files, by brute force."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path

INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*")
NUMBER = re.compile(r"\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?\s*")

Record = dict[str, str | None]


@dataclass
class Courses:
    """What the marts must hold.

    Attributes:
        courses: by id: title, language, description, file, record.
        ratings: by user and course: the rating, file, record.
        rejected: file, record and reasons.
        quarantined: file, record and reason.
        outcomes: by file, how many records came to which end.
    """

    courses: dict[int, tuple] = field(default_factory=dict)
    ratings: dict[tuple[int, int], tuple] = field(default_factory=dict)
    rejected: list[tuple[str, int, str]] = field(default_factory=list)
    quarantined: list[tuple[str, int, str]] = field(default_factory=list)
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)

    def means(self) -> dict[int, tuple[Decimal, int]]:
        """The mean, to six places, and the number of ratings of each course that has any."""
        given: dict[int, list[Decimal]] = {}
        for (_, course), (rating, *_) in self.ratings.items():
            given.setdefault(course, []).append(rating)
        return {course: (mean(ratings), len(ratings)) for course, ratings in given.items()}

    def ranked(self) -> list[int]:
        """The courses that have ratings, best first."""
        means = self.means()
        return sorted(means, key=lambda course: (-means[course][0], -means[course][1], course))

    def recommendations(self, scope: str = "all", most: int = 3) -> list[tuple]:
        """User, rank, course and rating, sorted: for each user, a walk down all ranked courses."""
        means, ranked = self.means(), self.ranked()
        rows = []
        for user in sorted({user for user, _ in self.ratings}):
            rated = {course for someone, course in self.ratings if someone == user}
            languages = Counter(self.courses[course][1] for course in rated)
            most_rated = max(languages.values())
            language = min(name for name, count in languages.items() if count == most_rated)
            unrated = [
                course
                for course in ranked
                if course not in rated and (scope == "all" or self.courses[course][1] == language)
            ]
            rows += [
                (user, rank, course, means[course][0])
                for rank, course in enumerate(unrated[:most], start=1)
            ]
        return rows


def mean(ratings: list[Decimal]) -> Decimal:
    """Six places, half up, exactly."""
    exact = sum(map(Fraction, ratings), Fraction()) / len(ratings)
    millionths = exact * 1_000_000 + Fraction(1, 2)
    return Decimal(millionths.numerator // millionths.denominator).scaleb(-6)


def read_csv(path: Path) -> list[Record]:
    """The records of a comma-separated file; what is empty is None."""
    with path.open(newline="", encoding="utf-8") as text:
        return [{name: value or None for name, value in r.items()} for r in csv.DictReader(text)]


def read(
    raw: Path,
    default_language: str = "r",
    read_file: Callable[[Path], Iterable[Record | str]] = read_csv,
) -> Courses:
    """Apply the rules to the files below `raw`.

    Args:
        raw: the folder of raw files.
        default_language: the language of courses that do not say theirs.
        read_file: gives the records of a file, and the reason instead of one that it cannot read.
    """
    found = Courses()
    records = (judged(found, raw, read_file, *of) for of in (COURSE, RATING))
    accepted = [
        (file, number, course(record, default_language)) for file, number, record in next(records)
    ]
    for file, number, (key, *values) in winners(found, accepted):
        found.courses[key] = (*values, file, number)
    known = []
    for file, number, record in next(records):
        user, course_id = int(record["user_id"]), int(record["course_id"])
        if course_id in found.courses:
            known.append((file, number, ((user, course_id), Decimal(record["rating"].strip()))))
        else:
            reject(found, file, number, "course_id: unknown_course")
    for file, number, (key, rating) in winners(found, known):
        found.ratings[key] = (rating, file, number)
    return found


def judged(
    found: Courses,
    raw: Path,
    read_file: Callable[[Path], Iterable[Record | str]],
    table: str,
    why_not: Callable[[Record], list[str]],
) -> Iterator[tuple[str, int, Record]]:
    """The records of a table that can stand by themselves, in file order; others are rejected."""
    paths = (raw / "courses" / table).rglob("*.*")
    for file in sorted((str(path.relative_to(raw)) for path in paths), key=str.encode):
        found.outcomes[file] = Counter()
        for number, record in enumerate(read_file(raw / file), start=1):
            if isinstance(record, str):
                found.quarantined.append((file, number, record))
            elif reasons := why_not(record):
                reject(found, file, number, "; ".join(reasons))
            else:
                yield file, number, record


def reject(found: Courses, file: str, number: int, reasons: str) -> None:
    found.rejected.append((file, number, reasons))
    found.outcomes[file]["rejected"] += 1


def winners(found: Courses, accepted: list[tuple]) -> Iterator[tuple]:
    """The last record of each key; all are put among the outcomes."""
    last = {content[0]: (file, number, content) for file, number, content in accepted}
    for file, number, content in accepted:
        winner = last[content[0]]
        if winner[:2] == (file, number):
            found.outcomes[file]["kept"] += 1
        else:
            is_equal = content == winner[2]
            found.outcomes[file]["duplicate" if is_equal else "superseded"] += 1
    yield from last.values()


def course(record: Record, default_language: str) -> tuple:
    language = (record["programming_language"] or "").strip(" ").lower()
    return (
        int(record["course_id"]),
        record["title"].strip(" "),
        language or default_language,
        record["description"],
    )


def why_no_course(record: Record) -> list[str]:
    reasons = why_no_integer(record, "course_id")
    if record["title"] is None:
        reasons.append("title: missing")
    elif not record["title"].strip(" "):
        reasons.append("title: not_a_title")
    return reasons


def why_no_rating(record: Record) -> list[str]:
    reasons = [*why_no_integer(record, "user_id"), *why_no_integer(record, "course_id")]
    text = record["rating"]
    if text is None:
        reasons.append("rating: missing")
    elif not NUMBER.fullmatch(text):
        reasons.append("rating: not_a_number")
    else:
        rating = Decimal(text.strip())
        if not Decimal("0.5") <= rating <= 5:
            reasons.append("rating: out_of_range")
        elif rating != rating.quantize(Decimal("0.01"), ROUND_HALF_UP):
            reasons.append("rating: too_many_decimals")
    return reasons


def why_no_integer(record: Record, column: str) -> list[str]:
    text = record[column]
    if text is None:
        return [f"{column}: missing"]
    is_one = INTEGER.fullmatch(text) and -(2**63) <= int(text) < 2**63
    return [] if is_one else [f"{column}: not_an_integer"]


COURSE = ("courses", why_no_course)
RATING = ("ratings", why_no_rating)
