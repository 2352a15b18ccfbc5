"""The movies' raw files: what a movie database delivered in four months, and what changed after.

What happens to a movie is its story: which rows tell of it, in which files, and what becomes of
each. Stories do not bear on one another, except that they share genres and companies. They are told
once, for scale 1; at scale N each is told N times, of N movies, and a scale that is no whole number
leaves whole stories out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import islice
from math import ceil
from pathlib import Path
from random import Random

from casebook.sample.files import open_file
from casebook.sample.report import TableReport

FOLDER = "movies/movies_metadata"
STORIES = 216
FIRST_MOVIE = 300_001
CHUNK = 100  # rows that are written at once
HABITS = 997  # a prime, so that habits and stories do not keep step

COLUMNS = (
    *("adult", "belongs_to_collection", "budget", "genres", "homepage", "id", "imdb_id"),
    *("original_language", "original_title", "overview", "popularity", "poster_path"),
    *("production_companies", "production_countries", "release_date", "revenue", "runtime"),
    *("spoken_languages", "status", "tagline", "title", "video", "vote_average", "vote_count"),
)
FEWER = (
    *("id", "title", "release_date", "genres", "production_companies", "budget", "revenue"),
    *("popularity", "runtime", "vote_average", "vote_count", "status", "original_language"),
    *("original_title", "overview"),
)
LISTS = ("genres", "production_companies")

# A list of genres or companies: ids and names.
Listed = tuple[tuple[int, str], ...]
Values = Mapping[str, str | Listed]


def _python(listed: Listed) -> str:
    return repr([{"id": number, "name": name} for number, name in listed])


def _python_name_first(listed: Listed) -> str:
    return repr([{"name": name, "id": number} for number, name in listed])


def _python_escaped(listed: Listed) -> str:
    items = [{"id": number, "logo_path": None, "name": name} for number, name in listed]
    return ascii(items)


def _json_escaped(listed: Listed) -> str:
    return json.dumps([{"id": number, "name": name} for number, name in listed])


@dataclass(frozen=True)
class Delivery:
    """A file of movies.

    Attributes:
        name: its path below `FOLDER`.
        columns: its columns, in their order.
        spell_list: how it writes lists.
        delimiter: the character between two fields; empty for JSON lines.
        newline: what ends a line.
        opening: text before the header.
        us_dates: whether dates are `10/30/1995`.
        false: how it writes that something is not so.
    """

    name: str
    columns: tuple[str, ...] = COLUMNS
    spell_list: Callable[[Listed], str] = _python
    delimiter: str = ","
    newline: str = "\n"
    opening: str = ""
    us_dates: bool = False
    false: str = "False"

    def header(self) -> str:
        """What stands before the first record."""
        if not self.delimiter:
            return ""
        return self.opening + self.delimiter.join(self.columns) + self.newline

    def texts(self, values: Values) -> dict[str, str]:
        """A movie's fields as they stand in the file, without quotes."""
        texts = {}
        for column in self.columns:
            value = values.get(column, "")
            texts[column] = value if isinstance(value, str) else self.spell_list(value)
        released = texts["release_date"]
        if self.us_dates and re.fullmatch(r"\d{4}-\d{2}-\d{2}", released):
            year, month, day = map(int, released.split("-"))
            texts["release_date"] = f"{month}/{day}/{year}"
        return {name: self.false if text == "False" else text for name, text in texts.items()}

    def line(self, texts: Mapping[str, str]) -> str:
        """A record, without what ends the line."""
        if self.delimiter:
            return self.delimiter.join(map(self.quote, texts.values()))
        record = {name: _json_value(name, text) for name, text in texts.items()}
        return json.dumps(record, ensure_ascii=False)

    def quote(self, text: str) -> str:
        """A field as RFC 4180 has it."""
        if any(character in text for character in (self.delimiter, '"', "\n", "\r")):
            return '"' + text.replace('"', '""') + '"'
        return text


def _json_value(column: str, text: str) -> object:
    """A field as an interface would send it: lists nested, numbers and flags without quotes."""
    if (
        column in LISTS
        or text in ("true", "false")
        or re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", text)
    ):
        try:
            return json.loads(text)
        except ValueError:
            return text or None
    return text or None


# In file order: those of four months, then what was changed or came later.
DELIVERIES = (
    Delivery("2017/movies_metadata_2017-05.csv"),
    Delivery(
        "2017/movies_metadata_2017-06.csv",
        columns=FEWER,
        spell_list=_python_name_first,
        newline="\r\n",
        opening="\ufeff",
        us_dates=True,
        false="FALSE",
    ),
    Delivery(
        "2017/movies_metadata_2017-07.csv.gz",
        columns=tuple(reversed(COLUMNS)),
        spell_list=_json_escaped,
    ),
    Delivery(
        "2017/movies_metadata_2017-08.jsonl", spell_list=_json_escaped, delimiter="", false="false"
    ),
    Delivery(
        "2017/movies_metadata_2017-09_changed.tsv", spell_list=_python_escaped, delimiter="\t"
    ),
)
MONTHS, LATER = 4, 4
FEW, LINES = 1, 3  # those with fewer columns, and of JSON lines
FILES = tuple(f"{FOLDER}/{file.name}" for file in DELIVERIES)

# Makes a line that cannot be read of a movie's fields.
Spoil = Callable[[Delivery, dict[str, str]], str]


@dataclass(frozen=True)
class Row:
    """A row of a story.

    Attributes:
        file: its place in DELIVERIES.
        outcome: `quarantined`, or what the accounting shows.
        detail: the reason, or what is odd about it.
        changes: values that differ from the movie's own.
        spoil: makes it unreadable.
        records: how many records a loader finds in it.
    """

    file: int
    outcome: str = "kept"
    detail: str = ""
    changes: Values = field(default_factory=dict)
    spoil: Spoil | None = None
    records: int = 1


def _split(file: Delivery, texts: dict[str, str]) -> str:
    """A newline in the overview that should stand in quotes; each side of it is a record."""
    marked = file.line(texts | {"overview": "A stranger comes to town\x00 and leaves it again"})
    return marked.replace("\\u0000" if not file.delimiter else "\x00", "\n")


def _cut(file: Delivery, texts: dict[str, str]) -> str:
    """Without its end."""
    if not file.delimiter:
        return file.line(texts)[:-40]
    return file.line(dict(list(texts.items())[:-2]))


def _bad_byte(file: Delivery, texts: dict[str, str]) -> str:
    """With a byte that is not UTF-8, as half of a surrogate pair."""
    return file.line(texts | {"original_title": "Le \udce9tranger"})


def _unreadable(file: int, spoil: Spoil) -> Row:
    reason = "not_json" if file == LINES else "wrong_field_count"
    if spoil is _bad_byte:
        reason = "bad_bytes"
    return Row(file, "quarantined", reason, spoil=spoil, records=2 if spoil is _split else 1)


def _rejected(file: int, reason: str, **changes: str | Listed) -> Row:
    return Row(file, "rejected", reason, changes)


NO_LIST = "not a list of ids and names"
UNDATED = {"release_date": "", "status": "Rumored", "revenue": "0"}
CHANGED = {"popularity": "31.415926", "vote_count": "4711"}
NOT_NUMBERS = {"popularity": "Beware of Frost Bites", "runtime": "ninety"}


def _special_stories(month: int) -> tuple[tuple[Row, ...], ...]:
    """The rows of each movie to which something happens, in file order.

    They are 29, so that what happens does not always happen in the same month.
    """
    kept, later = Row(month), Row(LATER)
    return (
        (Row(month, "superseded"), Row(LATER, changes=CHANGED)),
        (_unreadable(month, _split),),
        (Row(month, detail="without_release_date", changes=UNDATED),),
        (Row(month, "duplicate"), kept),
        (Row(month, detail="without_genres", changes={"genres": ()}),),
        (_rejected(month, f"genres {NO_LIST}", genres="[{'id': 18, 'name': 'Dra"),),
        (Row(month, detail="tiny_popularity", changes={"popularity": "8.2e-05"}),),
        (Row(month, "duplicate"), later),
        (_rejected(month, "id not an integer", id="tt0114709"),),
        (_unreadable(month, _split), later),
        (Row(month, detail="blank_numbers", changes={"budget": "", "runtime": ""}),),
        (Row(month, detail="genre_twice", changes={"genres": ((18, "Drama"), (18, "Drama"))}),),
        (
            Row(month, "superseded", changes=CHANGED),
            Row(month, "duplicate"),
            kept,
        ),
        (_rejected(month, "release_date not a date", release_date="1999-02-30"), later),
        (Row(month, detail="newline_in_quotes", changes={"overview": 'He said:\n"Run, now."'}),),
        (_rejected(month, "genres missing", genres=""),),
        (_unreadable(month, _bad_byte), later),
        (Row(month, detail="without_companies", changes={"production_companies": ()}),),
        (_rejected(month, "budget not an integer", budget="$30,000,000"), later),
        (Row(month, "superseded", changes=UNDATED), later),
        (
            _rejected(
                month,
                f"production_companies {NO_LIST}",
                production_companies='[{"id": 6194, "name": null}]',
            ),
        ),
        (_unreadable(month, _cut),),
        (_rejected(month, "title missing", title=""), later),
        (Row(month, detail="amount_in_millions", changes={"budget": "12", "revenue": "85"}),),
        (
            _rejected(
                month,
                f"id not an integer; release_date not a date; genres {NO_LIST}",
                id="1997-08-20",
                release_date="1",
                genres="['Carousel Productions']",
            ),
        ),
        (Row(month, "duplicate"), Row(LATER, "superseded", changes=CHANGED), later),
        (_rejected(month, "popularity not a number; runtime not a number", **NOT_NUMBERS), later),
        (kept, _rejected(LATER, "id missing", id="")),
        (_rejected(month, "revenue not an integer", revenue="1.2e6"),),
    )


def _rows(place: int) -> tuple[Row, ...]:
    """What becomes of the movie of a story: to every third, something happens."""
    month = place % MONTHS
    turn, kind = divmod(place, 3)
    if kind != 1:
        return (Row(month),)
    special = _special_stories(month)
    return special[turn % len(special)]


def count_records(scale: float) -> int:
    """How many records `write` writes.

    Args:
        scale: how many times the base number of records.
    """
    return _report(scale).records


def write(out_dir: Path, scale: float, advance: Callable[[int], None]) -> list[TableReport]:
    """Write the raw files of movies.

    Args:
        out_dir: the folder that is laid out like `raw/`.
        scale: how many times the base number of records.
        advance: called with a number of records whenever as many more have been written.

    Returns:
        What was planted in `movies.movies_metadata`.
    """
    habits = _habits()
    for place, file in enumerate(DELIVERIES):
        with open_file(out_dir / FOLDER / file.name) as raw:
            raw.write(file.header().encode())
            lines = _lines(place, file, habits, scale)
            while chunk := list(islice(lines, CHUNK)):
                raw.write("".join(line for line, _ in chunk).encode("utf-8", "surrogateescape"))
                advance(sum(records for _, records in chunk))
    return [_report(scale)]


def _uses(place: int, scale: float) -> int:
    """How often a story is told; what a scale that is no whole number leaves out lies scattered."""
    whole, rest = divmod(scale, 1)
    return int(whole) + (place * 37 % STORIES < round(rest * STORIES))


def _lines(
    place: int, file: Delivery, habits: list[Values], scale: float
) -> Iterator[tuple[str, int]]:
    """The lines of a file, each with the number of records in it."""
    rows = [(story, row) for story in range(STORIES) for row in _rows(story) if row.file == place]
    for repetition in range(ceil(scale)):
        for story, row in rows:
            if repetition >= _uses(story, scale):
                continue
            texts = file.texts({**_movie(story, repetition, habits), **row.changes})
            line = row.spoil(file, texts) if row.spoil else file.line(texts)
            yield line + file.newline, row.records


def _report(scale: float) -> TableReport:
    report = TableReport("movies", "movies_metadata", files=len(DELIVERIES))
    for place in range(STORIES):
        for row in _rows(place):
            records = _uses(place, scale) * row.records
            report.records += records
            report.count(row.outcome, row.detail, records)
    return report


def _movie(story: int, repetition: int, habits: list[Values]) -> Values:
    """The values of a movie."""
    number = repetition * STORIES + story
    values = dict(habits[number % HABITS])
    values["id"] = str(FIRST_MOVIE + number)
    if story % MONTHS != FEW:  # of those the first file says no more, nor does a later one
        values |= {
            "adult": "False",
            "imdb_id": f"tt{FIRST_MOVIE + 7 * number:07}",
            "poster_path": f"/{FIRST_MOVIE + number:x}.jpg",
            "video": "False",
            "spoken_languages": "[{'iso_639_1': 'en', 'name': 'English'}]",
            "production_countries": "[{'iso_3166_1': 'US', 'name': 'United States of America'}]",
            "tagline": TAGLINES[number % len(TAGLINES)],
        }
    return values


GENRES = (
    *((18, "Drama"), (18, "Drama"), (35, "Comedy"), (28, "Action"), (53, "Thriller")),
    *((10749, "Romance"), (12, "Adventure"), (80, "Crime"), (878, "Science Fiction")),
    *((27, "Horror"), (10751, "Family"), (14, "Fantasy"), (9648, "Mystery"), (16, "Animation")),
    *((36, "History"), (10402, "Music"), (99, "Documentary"), (10752, "War"), (37, "Western")),
)
# Names that a list can be broken by; some have several ids, and some ids several names.
COMPANIES = (
    *((6194, "Warner Bros."), (33, "Universal"), (5358, "Canal+"), (47532, "Canal+")),
    *((3, "D'Pelicula"), (8411, 'The "Little" Film Company'), (711, 'O\'Hara & "Sons"')),
    *((559, "Lions, Tigers, Bears"), (17, "Studio {Brace}"), (88, "[Square] Films, Inc.")),
    *((2550, "Étoile Noire Cinéma"), (10342, "スタジオ・ミナト"), (907, "Back\\Slash Pictures")),
    *((1632, "None But the Brave"), (4, "Nordlicht: Film"), (12, "20% Off Productions")),
    *((9195, "Teatro 🎬 Nuevo"), (420, "Harbour Lane"), (421, "Harbour Lane"), (77, "Ostrov")),
)
RENAMED = {33: (2005, "Universal Pictures"), 77: (1999, "Ostrov Media")}
FIRST_WORDS = ("The Last", "A Quiet", "Midnight", "Return of the", "Summer of the", "My", "Blue")
SECOND_WORDS = (
    "Harbour",
    "Stranger",
    "Violin",
    "Train",
    "Orchard",
    "Letter",
    "Winter",
    "Detective",
)
HEROES = (
    "A widowed baker",
    "An unlucky thief",
    "A pair of sisters",
    "A retired captain",
    "A young nun",
)
DEEDS = (
    "finds a map that isn't meant to be found",
    "must choose between a promise, a debt and a train",
    'opens a bar called "The Ark"',
    "learns what the neighbours never said",
    "crosses the border at night",
)
TAGLINES = (
    "",
    "",
    "Some doors open once.",
    "",
    "It isn't over, it's Tuesday.",
    'They said "never".',
)
LANGUAGES = ("en", "en", "en", "en", "fr", "de", "ja", "es")


def _habits() -> list[Values]:
    """What movies are like, apart from what is a movie's own."""
    random = Random(1_895)

    def below(number: int) -> int:
        return int(number * random.random())

    def money(most: int) -> int:
        """Known of less than half, and mostly small."""
        return round(most * random.random() ** 3, -3) if random.random() < 0.45 else 0

    habits: list[Values] = []
    for _ in range(HABITS):
        released = date(1980, 1, 1) + timedelta(days=below(13_600))
        title = f"{FIRST_WORDS[below(7)]} {SECOND_WORDS[below(8)]}"
        genres = {GENRES[below(len(GENRES))] for _ in range(1 + below(3))}
        companies = {COMPANIES[below(len(COMPANIES))] for _ in range(below(4))}
        named = [(number, _name(number, name, released.year)) for number, name in companies]
        votes = below(40) ** 2
        habits.append(
            {
                "budget": str(int(money(90_000_000))),
                "genres": tuple(sorted(genres)),
                "original_language": LANGUAGES[below(len(LANGUAGES))],
                "original_title": title,
                "overview": f"{HEROES[below(5)]} {DEEDS[below(5)]}.",
                "popularity": f"{20 * random.random() ** 2:.6f}",
                "production_companies": tuple(sorted(named)),
                "release_date": released.isoformat(),
                "revenue": str(int(money(250_000_000))),
                "runtime": f"{75 + below(70)}.0",
                "status": "Released",
                "title": title,
                "vote_average": f"{4 + below(40) / 10:.1f}" if votes else "0.0",
                "vote_count": str(votes),
            }
        )
    return habits


def _name(number: int, name: str, year: int) -> str:
    since, later_name = RENAMED.get(number, (year + 1, name))
    return later_name if year >= since else name
