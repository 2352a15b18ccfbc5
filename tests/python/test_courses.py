"""The courses from raw files to marts, held to what brute force in Python makes of those files."""

from __future__ import annotations

import csv
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from courses_model import Courses, read
from workbench import UNTESTED, Workbench, workbench_of

CASES = ("courses",)
OUTCOMES = ("rejected", "left_out", "duplicate", "superseded", "redelivered", "kept")
COURSE = ("course_id", "title", "description", "programming_language")
RATING = ("user_id", "course_id", "rating")
# No double tells this id from the next.
LARGE = 9_007_199_254_740_993
HALF, DEFAULT = Decimal("0.5"), Decimal("4.5")


# --- Random files


class World:
    """Random courses and ratings, of few values, so that they tie, meet and compete.

    Args:
        seed: what they follow from.
        courses: how many courses there are at first.
        users: how many users rate some courses, and how many rate one.
    """

    def __init__(self, seed: int, courses: int = 24, users: int = 30) -> None:
        self.random = random.Random(seed)
        self.ids = [*range(1, courses - 1), LARGE, LARGE + 1]
        self.late_id = 5_000
        self.users = users

    def courses(self, ids: Iterable[int]) -> list[tuple]:
        rows = [self.course(number) for number in ids]
        rows += self.random.sample(rows, 4)
        rows += [
            self.random.choice([*COURSES_THAT_ARE_NONE, self.course(self.random.choice(self.ids))])
            for _ in range(8)
        ]
        self.random.shuffle(rows)
        return [*rows, *COURSES_THAT_ARE_NONE]

    def course(self, number: int) -> tuple:
        return (
            self.random.choice([str(number), f" {number}", f"+{number}"]),
            self.random.choice([f"Course {number}", f" Course {number} "]),
            self.random.choice(["", "All, of it"]),
            self.random.choice(["R", "r", " Python", "python", "SQL", "sql", "", "  "]),
        )

    def ratings(self) -> list[tuple]:
        """Of users who rate some courses, one, all, all but a few, unknown ones only, or badly."""
        rated = self.ids[:-1]  # the last one by nobody
        rows: list[tuple] = []
        for user in range(self.users):
            some = self.random.sample(rated, self.random.randrange(1, 12))
            rows += self.rate(user, some)
            rows += self.rate(1_000 + user, [self.random.choice(rated[:5])])
        for user in range(3):
            rows += self.rate(2_000 + user, rated)
            few = self.random.sample(rated, 2)
            rows += self.rate(3_000 + user, [number for number in rated if number not in few])
            rows += self.rate(4_000 + user, [self.late_id, 6_000])
            rows += [(f"{5_000 + user}", "1", rating) for rating in NO_RATINGS]
        rows += [
            (user, course, rating)
            for user, course, rating in self.random.sample(rows, len(rows) // 4)
            for rating in [self.random.choice([rating, self.rating(int(course)), *NO_RATINGS[:1]])]
        ]
        rows += RATINGS_OF_NOBODY
        self.random.shuffle(rows)
        return rows

    def rate(self, user: int, courses: list[int]) -> list[tuple]:
        spell = [str, " {}".format, "+{}".format, "0{}".format]
        return [
            (self.random.choice(spell)(user), str(number), self.rating(number))
            for number in courses
        ]

    def rating(self, course: int) -> str:
        """Every other course is rated alike by everyone, so that there are many equal means."""
        if course % 2 == 0:
            return ("4", "4.50", "5")[course % 3]
        return self.random.choice(RATINGS)

    def deliver(self, raw: Path) -> None:
        """The files of the first delivery."""
        half = len(self.ids) // 2
        write(raw / "courses/courses/a.csv", COURSE, self.courses(self.ids))
        write(raw / "courses/courses/b/B.csv", COURSE, self.courses(self.ids[:half]))
        rows = self.ratings()
        third = len(rows) // 3
        write(raw / "courses/ratings/b.csv", RATING, rows[:third])
        write(raw / "courses/ratings/2021/a.csv", RATING, rows[third : 2 * third])
        write(raw / "courses/ratings/B.csv", RATING, [*rows[2 * third :], rows[0], rows[third]])

    def deliver_late(self, raw: Path) -> None:
        """A course that was rated already, changed courses, and ratings before and after others."""
        changed = [self.late_id, *self.random.sample(self.ids, 6)]
        write(raw / "courses/courses/a_late.csv", COURSE, map(self.course, changed))
        rows = self.ratings()
        write(raw / "courses/ratings/2020/z.csv", RATING, rows[: len(rows) // 4])
        write(raw / "courses/ratings/c.csv", RATING, rows[-len(rows) // 8 :])


RATINGS = ("5", "5", "4.5", "4.50", " 4", "4", "3", "3.5e0", "0.5", "4.25")
NO_RATINGS = (
    *("6", "0.49", "0", "-4", "5.01", "1e3"),
    *("4.555", "4.5000000000001", "R", "4,5", "", "  ", "NaN"),
)
COURSES_THAT_ARE_NONE = [
    ("", "No id", "", "R"),
    ("1.5", "", "", ""),
    ("one", "   ", "", "R"),
    ("6000", "", "rated, but without a title", "R"),
    ("1", "  ", "", "R"),
]
RATINGS_OF_NOBODY = [
    ("", "1", "5"),
    ("guest", "1", "5"),
    ("7", "", "5"),
    ("7.0", "C1", "6"),
    ("9223372036854775808", "1", "5"),
    ("", "", ""),
]


def write(path: Path, columns: tuple[str, ...], rows: Iterable[tuple]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


# --- What is built of them


def check_marts(bench: Workbench, expected: Courses, scope: str, most: int) -> None:
    """The marts and the audit hold what plain Python makes of the same files."""
    origin = "source_file, source_record"
    means = expected.means()
    assert {
        row[0]: row[1:]
        for row in bench.query(
            f"select course_id, title, programming_language, description, {origin},"
            " average_rating, rating_count from courses.courses"
        )
    } == {
        number: (*course, *means.get(number, (None, 0)))
        for number, course in expected.courses.items()
    }
    assert {
        row[:2]: row[2:]
        for row in bench.query(f"select user_id, course_id, rating, {origin} from courses.ratings")
    } == expected.ratings
    assert bench.query(
        "select course_id, rank, average_rating, rating_count from courses.course_ratings"
    ) == [
        (number, rank, *means[number]) for rank, number in enumerate(expected.ranked(), start=1)
    ], "or not highest first"
    assert bench.query(
        "select user_id, rank, course_id, rating from courses.recommendations"
    ) == expected.recommendations(scope, most)
    assert sorted(
        bench.query(f"select {origin}, reasons from audit.rejected_rows where stage = 'rejected'")
    ) == sorted(expected.rejected)
    assert {
        row[0]: +Counter(dict(zip(OUTCOMES, row[1:], strict=True)))
        for row in bench.query(
            f"select source_file, {', '.join(OUTCOMES)} from audit.row_accounting"
        )
    } == expected.outcomes


@pytest.fixture(scope="module")
def built() -> Iterator[Workbench]:
    """A random world, built once for all tests that only read."""
    with workbench_of(*CASES) as bench:
        World(1).deliver(bench.raw)
        bench.casebook("build", "--quiet")
        yield bench


def test_all_courses_by_default(built: Workbench) -> None:
    expected = read(built.raw)
    check_marts(built, expected, "all", 3)
    means = list(expected.means().values())
    ties = Counter(mean for mean, _ in means)
    assert len(ties) < len(means) - 5, "few means are equal"
    assert max(Counter(means).values()) > 1, "no course ties with another in all but its id"
    assert len({count for mean, count in means if ties[mean] > 1}) > 2
    assert LARGE in expected.means()
    assert len(expected.courses) > len(means), "every course has ratings"
    counts = Counter(user for user, *_ in expected.recommendations())
    users = {user for user, _ in expected.ratings}
    assert {counts[user] for user in users} >= {0, 2, 3}
    assert not users & {*range(4_000, 4_003)}, "who rated unknown courses only is recommended some"
    assert {reasons for *_, reasons in expected.rejected} >= {
        *("course_id: unknown_course", "rating: out_of_range", "rating: too_many_decimals"),
        *("rating: not_a_number", "title: not_a_title"),
        "user_id: not_an_integer; course_id: not_an_integer; rating: out_of_range",
    }
    assert all(
        sum(outcomes[kind] for outcomes in expected.outcomes.values())
        for kind in ("rejected", "duplicate", "superseded", "kept")
    )


def test_one_language_and_late_files(bench: Workbench) -> None:
    """Another world, in one language, with another default; then late files, and all of them."""
    world = World(2, courses=40, users=60)
    world.deliver(bench.raw)
    bench.casebook(
        "build",
        "--quiet",
        *UNTESTED,
        "--vars",
        "{recommendation_scope: same_language, recommendations_per_user: 2,"
        " default_programming_language: Python}",
    )
    before = read(bench.raw, "python")
    check_marts(bench, before, "same_language", 2)
    assert before.recommendations("same_language", 2) != before.recommendations("all", 2)
    assert {language for _, language, *_ in before.courses.values()} == {"python", "r", "sql"}

    world.deliver_late(bench.raw)
    bench.casebook("build", "--quiet", "--vars", "{recommendations_per_user: 1000}")
    after = read(bench.raw)
    check_marts(bench, after, "all", 1000)
    late = {user for user, course in after.ratings if course == world.late_id}
    assert late >= {*range(4_000, 4_003)}, "a course that arrives brings its ratings back"
    assert before.ratings.keys() - after.ratings.keys() == set()
    assert before.courses.items() - after.courses.items(), "no course has changed"


# --- The table function


def test_the_function_has_two_columns(built: Workbench) -> None:
    described = built.query("describe from courses.recommendations_for_user(7)")
    assert [column[:2] for column in described] == [
        ("title", "VARCHAR"),
        ("rating", "DECIMAL(18,6)"),
    ]


def test_the_function_gives_a_users_recommendations_above_the_threshold(built: Workbench) -> None:
    expected = read(built.raw)
    recommended = expected.recommendations()
    thresholds = sorted({rating for *_, rating in recommended})
    assert DEFAULT in thresholds, "no rating is exactly at the default"
    assert thresholds[-1] > DEFAULT > thresholds[0]
    users = sorted({user for user, _ in expected.ratings})[::9]

    def above(user: int, threshold: Decimal) -> list[tuple]:
        return [
            (expected.courses[course][0], rating)
            for someone, _, course, rating in recommended
            if someone == user and rating > threshold
        ]

    for user in users:
        by_default = built.query("from courses.recommendations_for_user(?)", user)
        assert by_default == above(user, DEFAULT)
        for threshold in (HALF, *thresholds[-4:]):
            for given in (threshold, float(threshold)):
                shown = built.query(
                    "select title, rating from courses.recommendations_for_user("
                    "user_id => ?, threshold => ?)",
                    user,
                    given,
                )
                assert shown == above(user, threshold)
    assert any(above(user, DEFAULT) for user in users)
    assert any(above(user, DEFAULT) != above(user, DEFAULT - Decimal("1e-6")) for user in users)
    assert any(len(above(user, HALF)) == 3 for user in users)


@pytest.mark.parametrize(
    "arguments",
    ["99999999", "-1", "4000", "null", "7.5", "user_id => 2000, threshold => 0", "7, null", "7, 5"],
)
def test_who_has_no_such_recommendations_gets_none(built: Workbench, arguments: str) -> None:
    """An unknown user, one of unknown courses only, one who has rated all; nothing is above 5."""
    assert built.query(f"from courses.recommendations_for_user({arguments})") == []


# --- Vars


@pytest.mark.parametrize(
    ("case", "var", "value", "expected"),
    [
        ("courses", "recommendation_scope", "language", "all or same_language"),
        ("courses", "default_programming_language", "' '", "the name of a language"),
        ("blog", "outlier_deviation", "0.2) or (1=1", "a number, 0 or more"),
        ("storefront", "ctr_interval_minutes", "2.5", "a whole number, 1 or more"),
    ],
)
def test_a_wrong_var_is_a_clear_error_and_no_sql(
    case: str, var: str, value: object, expected: str
) -> None:
    with workbench_of(case) as bench:
        parse = ("--no-use-colors", "parse", "--vars", f"{{{var}: {value}}}")
        done = bench.dbt(*parse, status=2)
    assert f"the var {var} is " in done.stdout
    assert f"expected: {expected}" in done.stdout
