"""The courses' raw files: a learning site's catalogue, and how its users rate what is in it.

What happens to a course, or to a user's rating of one, is its story: which rows tell of it, in
which files, and what becomes of each. Stories are told once, for scale 1. At scale N all are told N
times, each time of other courses and of other users, who rate those; of a scale that is no whole
number the last part has all courses, and some of the ratings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, islice
from math import ceil
from pathlib import Path
from random import Random

from casebook.sample.files import copy_file, open_file
from casebook.sample.orders import BOM, Delivery, Layout, Row
from casebook.sample.report import TableReport

FOLDER = "courses"
CHUNK = 1_000  # rows that are written at once
USERS = 320
FIRST_COURSE, NEXT_CATALOGUE = 101, 1_000  # ids, and how far apart those of two repetitions are
NO_COURSE, WITHDRAWN = 800, 190  # added to an id; the id of a course whose record is rejected
SPECIAL = 9  # something happens to one rating in so many

COURSE_COLUMNS = ("course_id", "title", "description", "programming_language")
RATING_COLUMNS = ("user_id", "course_id", "rating")

# In file order.
COURSES = (
    Delivery("courses/courses_2021-03-01.csv", Layout(COURSE_COLUMNS)),
    Delivery(
        "courses/courses_2021-04-15.csv",
        Layout(COURSE_COLUMNS, {"title": "Title"}, delimiter=";", newline="\r\n"),
    ),
    Delivery(
        "courses/courses_2021-05-20_changed.csv.gz",
        Layout(("title", "course_id", "programming_language", "level", "description")),
    ),
)
RATINGS = (
    Delivery("ratings/2021/ratings_2021-03.csv", Layout(RATING_COLUMNS)),
    Delivery(
        "ratings/2021/ratings_2021-04.csv",
        Layout(RATING_COLUMNS, newline="\r\n", opening=BOM),
        again="ratings/2021/ratings_2021-04 (1).csv",
    ),
    Delivery("ratings/2021/ratings_2021-05.csv.gz", Layout(("rating", "user_id", "course_id"))),
    Delivery(
        "ratings/2021/ratings_2021-06.tsv",
        Layout(RATING_COLUMNS, {"user_id": "USER_ID", "rating": "Rating"}, delimiter="\t"),
    ),
    Delivery(
        "ratings/2021/ratings_2021-06_changed.txt",
        Layout(RATING_COLUMNS, delimiter="|", quotes_all=True),
    ),
)
MONTHS, LATER = 4, 4
FILES = tuple(
    f"{FOLDER}/{name}" for file in (*COURSES, *RATINGS) for name in (file.name, file.again) if name
)

Values = Mapping[str, str]


@dataclass(frozen=True)
class Course:
    """A course of the catalogue.

    Attributes:
        title: what it is called.
        language: the programming language, as it is delivered; often none.
        description: what it is about.
        quality: what its ratings lie around, in tenths.
    """

    title: str
    language: str
    description: str
    quality: int


@dataclass(frozen=True)
class CourseStory:
    """What becomes of a course.

    Attributes:
        place: how many courses of the catalogue come before it; -1 for one that is in none.
        course: the course.
        rows: the rows that tell of it.
    """

    place: int
    course: Course
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class RatingStory:
    """What becomes of a user's rating of a course.

    Attributes:
        place: how many stories come before it.
        user: how many users come before this one.
        course: the place of the course in the catalogue.
        rating: how it is rated.
        rows: the rows that tell of it.
    """

    place: int
    user: int
    course: int
    rating: str
    rows: tuple[Row, ...]


CATALOGUE = (
    Course("Introduction to R", "R", "Vectors, factors and data frames, from the start.", 46),
    Course("Data Frames, in Depth", "R", "Reshape, join and summarise.", 42),
    Course("Pipes and Verbs", "r", "", 48),
    Course("Graphics by Grammar", "R", "Layers, scales and facets.", 49),
    Course("Text Mining", "", "Tokens, sentiment and topics.", 36),
    Course("Linear Models", "r", "Regression, and what its residuals tell.", 39),
    Course("Reports that Build Themselves", "R", "", 44),
    Course("Writing Functions", "R", "Arguments, scope and errors.", 41),
    Course('The "apply" Family', "", "Loops without loops.", 33),
    Course("Strings and Dates", "R", "Two things that everyone gets wrong.", 40),
    Course("Maps and Territories", "r", "Shapes, projections and tiles.", 45),
    Course("Packages of Your Own", "R", "", 47),
    Course("Time Series", "", "Seasons, trends and forecasts.", 37),
    Course("Bayes for Beginners", "R", "Priors, likelihoods, posteriors.", 44),
    Course("Dashboards in a Day", "R", "Inputs, outputs and what connects them.", 43),
    Course("Introduction to Python", "Python", "Lists, dictionaries and functions.", 47),
    Course("Python for Analysts", "python", "", 45),
    Course("Arrays and Matrices", "Python", "Shapes, strides and broadcasting.", 43),
    Course("Tables at Speed", "Python", "Columns instead of rows.", 48),
    Course("Plots that Explain", "python", "", 42),
    Course("Scraping the Web, Politely", "Python", "Requests, selectors, robots.txt.", 38),
    Course("Classification", "Python", "Trees, forests and support vectors.", 44),
    Course("Neural Networks from Scratch", "Python", "", 41),
    Course("Testing What You Write", "Python", "Fixtures, properties, coverage.", 49),
    Course("Dates, Zones & Leap Seconds", "python", "", 29),
    Course("APIs in an Afternoon", "Python", "Routes, schemas; and a client.", 40),
    Course("Generators and Decorators", "Python", "", 45),
    Course("Natural Language Processing", "Python", "From n-grams to transformers.", 46),
    Course("Introduction to SQL", "SQL", "Select, filter, group.", 47),
    Course("Joins, All of Them", "SQL", "Inner, outer, semi, anti and as-of.", 48),
    Course("Window Functions", "sql", "Ranks, running sums and gaps.", 50),
    Course("Designing a Schema", "SQL", "Normal forms, and when to stop.", 39),
    Course("Query Plans", " SQL ", "Why it is slow.", 45),
    Course("Dimensional Modelling", "SQL", "Facts and dimensions.", 41),
    Course("Introduction to Shell", "Shell", "Files, pipes and loops.", 44),
    Course("Regular Expressions", "shell", "One page of rules; years of practice.", 43),
    Course("Make and Friends", "Shell", "", 35),
    Course("Version Control with Git", "Shell", "Commits, branches, merges.", 48),
    Course("Spreadsheets for Programmers", "  ", "", 31),
    Course("Introduction to Scala", "Scala", "", 38),
    Course("Clusters and Partitions", "Scala", "Shuffles, skew and spills.", 42),
    Course("Introduction to Julia", "Julia", "Types and dispatch.", 46),
    Course("Statistics without Tears", "", "Samples, intervals and tests.", 45),
    Course("Ethics of Data", "", "Consent, bias and harm.", 40),
    Course("Excel to R", "R", "Not rated yet.", 0),
    Course("Polars for Python", "Python", "Not rated yet.", 0),
)


def count_records(scale: float) -> int:
    """How many records `write` writes.

    Args:
        scale: how many times the base number of records.
    """
    return sum(table.records for table in _report(scale))


def write(out_dir: Path, scale: float, advance: Callable[[int], None]) -> list[TableReport]:
    """Write the raw files of courses and of ratings.

    Args:
        out_dir: the folder that is laid out like `raw/`.
        scale: how many times the base number of records.
        advance: called with a number of records whenever as many more have been written.

    Returns:
        What was planted in `courses.courses` and in `courses.ratings`.
    """
    for files, lines_of in ((COURSES, _course_lines), (RATINGS, _rating_lines)):
        for place, file in enumerate(files):
            _write_file(out_dir, file, lines_of(place, file.layout, scale), advance)
    return _report(scale)


# --- What happens to courses


def _course_stories() -> list[CourseStory]:
    stories = [
        CourseStory(place, course, _course_rows(place, course))
        for place, course in enumerate(CATALOGUE)
    ]
    return [*stories, *(CourseStory(-1, CATALOGUE[0], rows) for rows in _no_courses())]


def _course_rows(place: int, course: Course) -> tuple[Row, ...]:
    """Rows of a course: the whole catalogue is delivered twice, and then some that changed."""
    twice = (Row(0, "duplicate"), Row(1))
    kinds: dict[int, tuple[Row, ...]] = {
        1: (Row(0, "superseded", changes={"title": "Data Frames"}), Row(1)),
        2: (Row(0, "superseded", changes={"description": "Coming soon."}), Row(1)),
        4: (*twice, _rejected(2, "title missing", title="")),
        6: (Row(0, "duplicate"), Row(0, "duplicate"), Row(1)),
        9: (Row(0, "duplicate", changes={"course_id": "+{}".format}), Row(1)),
        11: (Row(1),),
        13: (Row(0, "duplicate", changes={"programming_language": ""}), Row(1)),
        16: (Row(0, "superseded", changes={"programming_language": ""}), Row(1)),
        17: (Row(0, detail="newline_in_quotes", changes={"description": _on_two_lines}),),
        20: (_unreadable(0, "wrong_field_count", _broken_line, 2), Row(1)),
        23: (
            Row(0, "superseded", changes={"title": "Testing"}),
            Row(1, "superseded", changes={"title": "Testing, once more"}),
            Row(2),
        ),
        25: (_unreadable(0, "wrong_field_count", _too_few), Row(1)),
        27: (Row(0, "duplicate"), Row(1, "superseded", changes={"title": "NLP"}), Row(2)),
        29: (_rejected(0, "course_id not an integer", course_id="SQL-{}".format), Row(1)),
        31: (Row(0, "superseded", changes={"description": "Normal forms."}), Row(2)),
        33: (*twice, _rejected(2, "course_id missing", course_id="")),
        36: (_unreadable(0, "bad_bytes", _bad_byte), Row(1)),
        39: (Row(2),),
        41: (Row(0, "superseded"), Row(1, changes={"title": "  {} ".format, "description": ""})),
        45: (Row(1),),
    }
    rows = kinds.get(place, twice)
    if any(row.outcome == "kept" for row in rows) and not course.language.strip():
        return tuple(
            Row(row.file, row.outcome, "no_language", row.changes) if row.outcome == "kept" else row
            for row in rows
        )
    return rows


def _no_courses() -> tuple[tuple[Row, ...], ...]:
    """Rows of what turns out to be no course."""
    withdrawn = {"course_id": _withdrawn, "description": "Withdrawn."}
    return (
        (Row(1, "rejected", "title not a title", withdrawn | {"title": "  "}),),
        (Row(1, "rejected", "title missing", withdrawn | {"title": ""}),),
        (Row(1, "rejected", "course_id not an integer; title missing", NOTHING),),
        (_unreadable(2, "wrong_field_count", _one_text),),
    )


# --- What happens to ratings


@cache
def _rating_stories() -> tuple[RatingStory, ...]:
    """Users rate popular courses more often than others, and good ones better."""
    random = Random(2_021)

    def below(number: float) -> int:
        return int(number * random.random())

    rated_courses = [place for place, course in enumerate(CATALOGUE) if course.quality]
    popular = list(accumulate(1 + below(12) * below(12) for _ in rated_courses))
    found: list[tuple[float, int, int, str, int]] = []
    for user in range(USERS):
        mood, courses = random.random() - 0.5, set()
        for _ in range(2 + below(4) * below(5)):
            at = below(popular[-1])
            courses.add(next(p for p, end in zip(rated_courses, popular, strict=True) if at < end))
        for course in sorted(courses):
            value = CATALOGUE[course].quality / 10 + mood + (random.random() - 0.5) * 1.4
            steps = 20 if random.random() < 0.06 else 2  # most people take halves
            value = min(5 * steps, max(steps // 2, int(value * steps + 0.5))) / steps
            rating = f"{value:.2f}" if steps == 20 else f"{value:g}"
            found.append((random.random(), user, course, rating, below(MONTHS)))
    stories = []
    for place, (_, user, course, rating, month) in enumerate(sorted(found)):
        turn, kind = divmod(place, SPECIAL)
        special = _special_ratings(month)
        rows = special[turn % len(special)] if kind == SPECIAL // 2 else (Row(month),)
        stories.append(RatingStory(place, user, course, rating, rows))
    return tuple(stories)


def _special_ratings(month: int) -> tuple[tuple[Row, ...], ...]:
    """The rows of each rating to which something happens, in file order."""
    kept, later, other = Row(month), Row(LATER), {"rating": _another}
    unknown = "course_id unknown course"
    return (
        (Row(month, "duplicate"), kept),
        (Row(month, "superseded", changes=other), later),
        (_rejected(month, "rating out of range", rating="6"),),
        (kept, _rejected(LATER, "rating not a number", rating="R")),
        (_rejected(month, "rating not a number", rating="4,5"), kept),
        (_unreadable(month, "wrong_field_count", _too_few),),
        (_rejected(month, unknown, course_id=_unknown),),
        (Row(month, "superseded", changes=other), Row(month, "duplicate"), kept),
        (_rejected(month, "rating out of range", rating="0.4"), later),
        (_rejected(month, "user_id not an integer", user_id="guest"),),
        (Row(month, "duplicate", changes={"rating": _with_two_decimals}), kept),
        (_unreadable(month, "wrong_field_count", _one_more), kept),
        (_rejected(month, "rating too many decimals", rating="4.555"), later),
        (_rejected(month, unknown, course_id=_withdrawn),),
        (_rejected(month, "rating missing", rating=""), later),
        (Row(month, changes={"user_id": " {}".format, "course_id": "+{}".format}),),
        (_unreadable(month, "bad_bytes", _bad_byte), kept),
        (Row(month, "superseded", changes=other), Row(LATER, "superseded", changes=other), later),
        (_rejected(month, "rating out of range", rating="0"),),
        (_rejected(month, "course_id not an integer", course_id="C-{}".format), kept),
        (
            _rejected(month, unknown, course_id=_unknown),
            _rejected(LATER, unknown, course_id=_unknown),
        ),
        (_unreadable(month, "wrong_field_count", _one_text), kept),
        (_rejected(month, "user_id missing", user_id=""),),
        (_rejected(month, "rating not a number", rating="  "), later),
        (Row(month, "duplicate"), later),
        (_rejected(month, "course_id missing; rating not a number", course_id="", rating="n/a"),),
        (kept, _rejected(LATER, "rating out of range", rating="50")),
    )


# --- How rows are told


def _unreadable(
    file: int, reason: str, spoil: Callable[[list[str], int], list[str]], records: int = 1
) -> Row:
    return Row(file, "quarantined", reason, spoil=spoil, records=records)


def _rejected(file: int, reason: str, **changes: str | Callable[[str], str]) -> Row:
    return Row(file, "rejected", reason, changes)


def _too_few(fields: list[str], at: int) -> list[str]:
    return fields[:-1]


def _one_more(fields: list[str], at: int) -> list[str]:
    return [*fields, "1"]


def _one_text(fields: list[str], at: int) -> list[str]:
    return ["-- end of export --"]


def _broken_line(fields: list[str], at: int) -> list[str]:
    """A newline that should stand in quotes; the part on each side of it is a record."""
    text = fields[at].replace('"', "").replace(",", "")
    return [*fields[:at], f"{text[:8]}\n{text[8:]}", *fields[at + 1 :]]


def _bad_byte(fields: list[str], at: int) -> list[str]:
    """A byte that is not UTF-8, as half of a surrogate pair."""
    return [*fields[:at], f"{fields[at]}\udce3", *fields[at + 1 :]]


def _on_two_lines(text: str) -> str:
    return text.replace(", ", ",\n", 1)


def _unknown(text: str) -> str:
    return str(int(text) + NO_COURSE)


def _withdrawn(text: str) -> str:
    return str(int(text) // NEXT_CATALOGUE * NEXT_CATALOGUE + WITHDRAWN)


def _another(text: str) -> str:
    return "2.5" if float(text) == 3 else "3"


def _with_two_decimals(text: str) -> str:
    return f"{float(text):.2f}"


NOTHING = {"course_id": "n/a", "title": "", "description": "", "programming_language": ""}


def _repetitions(scale: float) -> Iterator[tuple[int, float]]:
    """The repetitions of a scale, each with the share of the ratings that are told in it."""
    for repetition in range(ceil(scale)):
        yield repetition, min(1.0, scale - repetition)


def _is_told(story: RatingStory, share: float) -> bool:
    """Whether a part of the stories has this one; those that are left out lie scattered."""
    stories = len(_rating_stories())
    return story.place * 37 % stories < round(share * stories)


Line = tuple[str, int]


def _course_lines(file: int, layout: Layout, scale: float) -> Iterator[Line]:
    for repetition, _ in _repetitions(scale):
        for story in _course_stories():
            title = story.course.title
            values = {
                "course_id": str(_course_id(story.place, repetition)),
                "title": f"{title} (part {repetition + 1})" if repetition else title,
                "description": story.course.description,
                "programming_language": story.course.language,
            }
            yield from _lines(file, layout, values, story.rows)


def _rating_lines(file: int, layout: Layout, scale: float) -> Iterator[Line]:
    for repetition, share in _repetitions(scale):
        for story in _rating_stories():
            if _is_told(story, share):
                values = {
                    "user_id": str(1 + story.user + USERS * repetition),
                    "course_id": str(_course_id(story.course, repetition)),
                    "rating": story.rating,
                }
                yield from _lines(file, layout, values, story.rows)


def _course_id(place: int, repetition: int) -> int:
    return FIRST_COURSE + place + NEXT_CATALOGUE * repetition


def _lines(file: int, layout: Layout, values: Values, rows: tuple[Row, ...]) -> Iterator[Line]:
    """The lines that a file has of a story, each with the number of records in it."""
    for row in rows:
        if row.file != file:
            continue
        changed = {
            column: change if isinstance(change, str) else change(values[column])
            for column, change in row.changes.items()
        }
        fields = layout.fields({**values, **changed})
        if row.spoil:
            fields = row.spoil(fields, 1)
        yield layout.delimiter.join(fields) + layout.newline, row.records


def _write_file(
    out_dir: Path, file: Delivery, lines: Iterator[Line], advance: Callable[[int], None]
) -> None:
    path = out_dir / FOLDER / file.name
    records = 0
    with open_file(path) as raw:
        raw.write(file.layout.first_line().encode())
        while chunk := list(islice(lines, CHUNK)):
            raw.write("".join(line for line, _ in chunk).encode("utf-8", "surrogateescape"))
            advance(sum(count for _, count in chunk))
            records += sum(count for _, count in chunk)
    if file.again:
        copy_file(path, out_dir / FOLDER / file.again)
        advance(records)


def _report(scale: float) -> list[TableReport]:
    courses = TableReport(FOLDER, "courses", files=_count_files(COURSES))
    ratings = TableReport(FOLDER, "ratings", files=_count_files(RATINGS))
    for _, share in _repetitions(scale):
        for story in _course_stories():
            for row in story.rows:
                courses.records += row.records
                courses.count(row.outcome, row.detail, row.records)
        for row in (row for s in _rating_stories() if _is_told(s, share) for row in s.rows):
            ratings.records += row.records
            ratings.count(row.outcome, row.detail, row.records)
            if RATINGS[row.file].again:  # of two equal records one can be kept
                ratings.records += row.records
                outcome = "duplicate" if row.outcome == "kept" else row.outcome
                ratings.count(outcome, row.detail, row.records)
    return [courses, ratings]


def _count_files(files: tuple[Delivery, ...]) -> int:
    return sum(2 if file.again else 1 for file in files)
