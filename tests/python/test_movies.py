"""The movies case from raw files to marts, built as a user builds it."""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
from movies_model import Movies, cast_list, files_of, read, rows_of, value_of
from workbench import FIGURES, PUBLIC_RAW, UNTESTED, Workbench, workbench_of

CASES = ("movies",)
OUTCOMES = ("rejected", "left_out", "duplicate", "superseded", "redelivered", "kept")
FACTS = (
    *("release_year", "movie_count", "average_popularity", "total_budget", "total_revenue"),
    *("total_profit", "average_budget", "average_revenue", "average_profit"),
    *("known_budget_count", "known_revenue_count"),
)


# --- The public file


@pytest.fixture(scope="module")
def real() -> Iterator[Workbench]:
    """The public file, built once for all tests that only read."""
    with workbench_of(*CASES) as bench:
        shutil.copytree(PUBLIC_RAW / "movies", bench.raw / "movies")
        bench.casebook("build")
        yield bench


@pytest.fixture(scope="module")
def expected(real: Workbench) -> Movies:
    return read(real.raw)


def test_the_public_file_gives_its_figures(real: Workbench, expected: Movies) -> None:
    figures = FIGURES["movies"]
    records, movies = figures["records"], figures["movies"]
    assert real.query("select count(*), count(*) - count(release_on) from movies.movies") == [
        (movies, figures["undated"])
    ]
    assert real.query(
        "select count(*), sum(total_budget), sum(total_profit) from movies.genre_year_facts"
    ) == [tuple(figures["genre_year_facts"])]
    assert real.query("select count(*), sum(total_revenue) from movies.company_year_facts") == [
        tuple(figures["company_year_facts"])
    ]
    assert real.query(
        "select count(*), sum(release_count), sum(release_count) filter (genre_id = 0),"
        " count(distinct genre_name) filter (genre_id = 0)"
        " from movies.company_genre_year_releases"
    ) == [(*figures["releases"], 1)]
    assert real.query(
        "select records, quarantined, rejected, duplicate, superseded, kept"
        " from audit.row_accounting"
    ) == [(records, 0, 0, records - movies, 0, movies)]
    assert real.query("select reason, kind, counted_as, items from audit.left_out_items") == [
        ("without_release_date", "Released", "kept", figures["undated"])
    ]
    check_marts(real, expected)
    assert check_lists(real) == 2 * records


def test_what_genres_earn_per_dollar(analyses: dict, expected: Movies) -> None:
    names, summed = expected.names("genres"), Counter()
    for movie, genre in expected.pairs("genres"):
        budget, revenue = expected.movies[movie]["budget"], expected.movies[movie]["revenue"]
        if budget and revenue:
            summed[genre, "movies"] += 1
            summed[genre, "budget"] += budget
            summed[genre, "revenue"] += revenue
    shown = analyses["genres_by_return"]
    assert {row[0] for row in shown} == {genre for genre, _ in summed}
    for genre, name, *sums, per_dollar in shown:
        assert name == names[genre][0]
        assert sums == [summed[genre, what] for what in ("movies", "budget", "revenue")]
        assert abs(Fraction(per_dollar) - Fraction(sums[2]) / Fraction(sums[1])) <= Fraction(1, 200)
    assert [row[5] for row in shown] == sorted((row[5] for row in shown), reverse=True)


def test_which_names_several_companies_have(analyses: dict, expected: Movies) -> None:
    names = expected.names("companies")
    uses = Counter(name for name, _ in names.values())
    years: dict[int, list[int]] = {}
    for movie, company in expected.pairs("companies"):
        if uses[names[company][0]] > 1 and expected.movies[movie]["release_on"]:
            years.setdefault(company, []).append(expected.movies[movie]["release_on"].year)
    rows = [(names[c][0], c, len(of), min(of), max(of)) for c, of in years.items()]
    assert analyses["names_of_several_companies"] == sorted(rows)
    assert any(row[0] == "Canal+" for row in rows)


@pytest.fixture(scope="module")
def analyses(real: Workbench) -> dict[str, list[tuple]]:
    """What the analyses of movies find in the public file."""
    names = ("genres_by_return", "names_of_several_companies")
    real.dbt("compile", "--select", *names)
    compiled = real.root / "target" / "compiled" / "casebook" / "analyses"
    return {name: real.query((compiled / f"{name}.sql").read_text()) for name in names}


# --- Files of all kinds of dirt, in any order

COLUMNS = (
    *("adult", "belongs_to_collection", "budget", "genres", "homepage", "id", "imdb_id"),
    *("original_language", "original_title", "overview", "popularity", "poster_path"),
    *("production_companies", "production_countries", "release_date", "revenue", "runtime"),
    *("spoken_languages", "status", "tagline", "title", "video", "vote_average", "vote_count"),
)
REQUIRED = (
    *("title", "id", "production_companies", "genres", "revenue", "budget", "release_date"),
    "popularity",
)
NAMES = (
    *("Animation", "Comedy", "D'Pelicula", 'The "Best" of', """both ' and " too""", "Amélie"),
    *("back\\slash", "ends with \\", "\\u00e9", "\\'", '\\"', "a, b", "], {'id': 3", "{brace}"),
    *("[bracket]", "}{][", ": None", "None", "null", "True", "NaN", "two\nlines", "tab\there"),
    *("\u2028 and \x85", "e\u0301", "🎬 日本 \U0001f1eb\U0001f1f7", "nul \x00 inside", "''", '""'),
    *("", " ", "#", "%s", "{{ jinja }}", "-- comment", "'; drop table movies", "Ünïted"),
)
BAD_LISTS = (
    *("[{'id': 1, 'name'", "[{'id': 1, 'name': 'O'Hara'}]", "None", "{}", "5", "''", "[None]"),
    *("[{'id': 1, 'name': null}]", '[{"id": 1, "name": null}]', "[{'id': 1, 'name': None}]"),
    *("{'id': 1, 'name': 'A'}", "['A']", "[[]]", "[{'id': 1}]", "[{'name': 'A'}]", "[{}]"),
    *("[{'id': 1.0, 'name': 'A'}]", "[{'id': True, 'name': 'A'}]", "[{'id': 1, 'name': 5}]"),
    *("[{'id': 'one', 'name': 'A'}]", "[{'id': 9223372036854775808, 'name': 'A'}]", "[1, 2]"),
    *("[{'id': 1, 'name': ['A']}]", "[{'id': 1, 'name': {'id': 1}}]", "[{1: 'A'}]", "set()"),
    *(
        r"[{'id': 1, 'name': '\ud800'}]",
        r'[{"id": 1, "name": "\ud800"}]',
        "[{'id': 1, 'name': b'A'}]",
    ),
    *("[{'id': 1, 'name': 'A'}, None]", "[{'id': 1, 'name': 'A'}", "False", "1997-08-20"),
)
ODD_LISTS = (
    """[{"id": 1, 'name': "mixed"}, {'name': 'order', "id": 2}]""",
    "[{'id': '7', 'name': 'id as text'}, {'id': ' +8 ', 'name': 'with blanks'}]",
    "[{'id': 1, 'name': 'same'}, {'id': 1, 'name': 'other name'}, {'id': 1, 'name': 'same'}]",
    r"""[{'id': 2, 'name': '\xe9\u00e9\U0001f3ac\N{BULLET}\t\'\"\\\101'}]""",
    "[{'id': 3, 'name': 'con' \"cat'enated\"}]",
    "[{'id': 3, 'name': '''tri\n'ple'''}, ]",
    "({'id': 4, 'name': 'tuple'},)",
    "  [ { 'id' :\t-5 , 'name' : 'blanks' , } ]  ",
    "[{'id': 6, 'name': 'deep', 'x': " + "[" * 60 + "{'y': None}" + "]" * 60 + "}]",
    '[{"id": 6, "name": "deep", "x": ' + "[" * 150 + '{"y": null}' + "]" * 150 + "}]",
    "[{'id': 9, 'name': 'more', 'logo': None, 'of': {'id': 'x', 'name': None}, 'n': 1.5e3}]",
    '[{"id": 9, "name": "\\u00c9t\\u00e9 \\ud83c\\udfac \\n \\/"}]',
    "[{'id': 0, 'name': '(none listed)'}]",
    "[]",
    "[ ]",
)


class Dirt:
    """Random files of few movies, genres, companies and days, so that they meet."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def one_of(self, *values: Any) -> Any:
        return self.random.choice(values)

    def seldom(self, bad: tuple[str, ...], *good: str) -> str:
        return self.one_of(*bad) if self.random.random() < 0.03 else self.one_of(*good)

    def list_(self) -> str:
        """A list in one of its spellings, or what is none."""
        chance = self.random.random()
        if chance < 0.03:
            return self.one_of("", " ", self.one_of(*BAD_LISTS), self.one_of(*BAD_LISTS))
        if chance < 0.15:
            return self.one_of(*ODD_LISTS)
        items = []
        for _ in range(self.random.randrange(4)):
            item = {"id": self.random.randrange(1, 12), "name": self.one_of(*NAMES)}
            items.append(item if self.random.random() < 0.5 else dict(reversed(item.items())))
        return self.one_of(repr, ascii, json.dumps, compact)(items)

    def money(self) -> str:
        known = str(self.random.randrange(1, 10 ** self.random.randrange(1, 11)))
        bad = ("1.5", "1e6", "$5", "9223372036854775808")
        most = self.one_of(known, known, str(2**63 - 1), str(-(2**63)))
        return self.seldom(bad, "0", "0", "", " ", known, known, known, f" +{known} ", "-7", most)

    def popularity(self) -> str:
        number = self.random.random() * 10 ** self.random.randrange(-9, 3)
        good = (repr(number), f"{number:.6f}", f"{number:.7f}", "0.1", "0.2", "8.2e-05", "")
        return self.seldom(("1,5", "NaN", "1e12", "999999999999.999999"), *good)

    def movie(self, numbers: range, us_dates: bool) -> dict[str, str]:
        year, month, day = (self.random.randrange(*of) for of in ((1994, 1998), (1, 13), (1, 5)))
        dates = [f"{year}-{month:02}-{day:02}"] * 4 + [f"{month}/{day}/{year}"] * 4 * us_dates
        bad_dates = ("1995-02-30", "30/10/1995", "1995", "10/30/95", "Oct 30", " 1995-10-30")
        values = dict.fromkeys(COLUMNS, "")
        return values | {
            "adult": self.seldom(("maybe",), "False", "FALSE", "True", ""),
            "budget": self.money(),
            "genres": self.list_(),
            "id": self.seldom(("", "1997-08-20", "tt1", "1.0"), *map(str, numbers)),
            "imdb_id": self.one_of("", "tt0114709"),
            "original_language": "en",
            "original_title": self.one_of("A", "", *NAMES[:20]),
            "overview": self.one_of("", 'Said:\n"Don\'t, no."', "plain"),
            "popularity": self.popularity(),
            "poster_path": "/a.jpg",
            "production_companies": self.list_(),
            "release_date": self.seldom(bad_dates, *dates, self.one_of("", dates[0])),
            "revenue": self.money(),
            "runtime": self.seldom(("long",), "81.0", "", "0"),
            "spoken_languages": "[{'iso_639_1': 'en', 'name': 'English'}]",
            "status": self.one_of("Released", "Released", "Rumored", ""),
            "title": self.seldom(("", "  "), "A", *NAMES[:20]),
            "video": "False",
            "vote_average": self.seldom(("good",), "7.7", "10", ""),
            "vote_count": self.seldom(("1.5",), "5415", ""),
        }

    def movies(self, numbers: range, us_dates: bool = False) -> list[dict[str, str]]:
        """A record for each number and more, two of them delivered again as they are."""
        found = [self.movie(numbers, us_dates) for _ in range(2 * len(numbers))]
        return [*found, found[0], found[len(numbers)]]


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def as_csv(movies: list[dict[str, str]], columns: tuple[str, ...], newline: str = "\n") -> str:
    """A file of movies; a movie without fields is a record that a newline splits."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator=newline)
    writer.writeheader()
    for movie in movies:
        if movie:
            writer.writerow(movie)
        else:
            text.write(SPLIT.replace("\n", newline) + newline)
    return text.getvalue()


# An overview without quotes that has a newline in it: fragments of 10 and 15 fields.
SPLIT = (
    "False,,0,\"[{'id': 18, 'name': 'Drama'}]\",,82663,tt0113002,en,Midnight Man,British soldiers\n"
    " forced to recruit Nazi scientists.,0.0,,[],[],1999-01-01,0,104.0,[],Released,,Midnight Man"
    ",False,6.0,1"
)


def deliver(bench: Workbench, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = bench.raw / "movies" / "movies_metadata" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode())


@pytest.fixture(scope="module")
def dirty() -> Iterator[Workbench]:
    """Files of all kinds, those that sort first delivered last."""
    dirt = Dirt(19951030)
    whole = dirt.movies(range(1, 150))
    whole[50:50] = [{}]
    few = dirt.movies(range(100, 250), us_dates=True)
    later = {
        "2017/b.csv": as_csv(whole, COLUMNS),
        "2017/c.csv": "\ufeff" + as_csv(few, ("Score", *REQUIRED), "\r\n"),
    }
    again = [*whole[:20], {}, *reversed(whole[-40:])]
    repeated = [*dirt.movies(range(200, 260)), {}, *again]
    sooner = {
        "2017/B.csv": as_csv(repeated, COLUMNS),
        "2017/a.csv": as_csv(whole[:10] + few[:10], tuple(reversed(COLUMNS))),
        "2018.csv": as_csv([], COLUMNS),
    }
    with workbench_of(*CASES) as bench:
        for files, options in ((later, UNTESTED), (sooner, ())):
            deliver(bench, files)
            bench.casebook("build", *options)
            check_marts(bench, read(bench.raw))
        yield bench


def test_dirty_files_in_any_order_give_what_plain_python_gives(dirty: Workbench) -> None:
    """The builds are compared as they are made; here, that all that can happen has happened."""
    found = read(dirty.raw)
    counts = sum(found.outcomes.values(), Counter())
    for outcome in ("rejected", "duplicate", "superseded", "kept"):
        assert counts[outcome] > 10, outcome
    reasons = {reason for _, _, reasons in found.rejected for reason in reasons.split("; ")}
    for column in ("id", "title", "genres", "production_companies"):
        assert f"{column}: missing" in reasons
    for column in ("release_date", "budget", "revenue", "popularity", "adult", "runtime"):
        assert any(reason.startswith(f"{column}: not_") for reason in reasons), column
    facts = [row for of in ("genres", "companies") for row in found.year_facts(of)]
    assert any(row[10] is not None and row[10] < 0 for row in facts), "no loss"
    assert any(row[6] > 2**63 for row in facts), "no sum that is out of an integer's range"
    assert any(row[8] is not None and row[10] is None for row in facts), "no unknown profit"
    assert any(row[2] == 0 and row[3] == "(none listed)" for row in found.releases())
    assert found.undated.keys() >= {("movies/movies_metadata/2017/b.csv", "(no status)")}
    names = {name for of in ("genres", "companies") for name, _ in found.names(of).values()}
    assert len(names & set(NAMES)) > 8
    mentions = {tuple(item) for m in found.movies.values() for item in m["genres"]}
    assert len(mentions) > 2 * len(found.names("genres")), "names do not compete"
    twice = [m for m in found.movies.values() if len(dict(m["genres"])) < len(m["genres"])]
    assert twice


def test_every_landed_list_is_what_python_reads(dirty: Workbench) -> None:
    assert check_lists(dirty) > 1_000


def test_a_split_record_costs_its_two_fragments_and_no_neighbour(dirty: Workbench) -> None:
    first, second = SPLIT.split("\n")
    bad = dirty.query(
        "select source_file, source_record, stage, raw_text from audit.rejected_rows"
        " where stage = 'quarantined' order by all"
    )
    folder = "movies/movies_metadata/2017"
    assert [(file, text) for file, _, _, text in bad] == [
        (f"{folder}/B.csv", first),
        (f"{folder}/B.csv", second),
        (f"{folder}/B.csv", first),
        (f"{folder}/B.csv", second),
        (f"{folder}/b.csv", first),
        (f"{folder}/b.csv", second),
    ]
    assert [record for *_, record, _, _ in bad][-2:] == [51, 52]
    around = dirty.query(
        "select _source_record, overview, title from raw_movies.movies_metadata"
        " where _source_file = ? and _source_record in (50, 53) order by 1",
        f"{folder}/b.csv",
    )
    rows = dict(rows_of(dirty.raw / folder / "b.csv"))
    assert around == [(n, rows[n].get("overview"), rows[n].get("title")) for n in (50, 53)]


def test_a_file_with_fewer_columns_a_bom_and_us_dates_loads(dirty: Workbench) -> None:
    file = "movies/movies_metadata/2017/c.csv"
    assert dirty.query(
        "select columns_ignored, records = landed from audit.loaded_files where source_file = ?",
        file,
    ) == [("Score", True)]
    assert dirty.query(
        "select count(*) > 100, count(release_on) > 90, count(is_adult), count(imdb_id)"
        " from movies.movies where source_file = ?",
        file,
    ) == [(True, True, 0, 0)]


def check_marts(bench: Workbench, expected: Movies) -> None:
    """The marts and the audit hold what plain Python makes of the same files, in their order."""
    columns = (
        *("id", "imdb_id", "title", "original_title", "original_language", "tagline", "overview"),
        *("status", "is_adult", "release_on", "runtime", "budget", "revenue", "popularity"),
        *("vote_average", "vote_count", "file", "record"),
    )
    assert bench.query(
        "select movie_id, imdb_id, title, original_title, original_language, tagline, overview,"
        " status, is_adult, release_on, runtime_minutes, budget, revenue, popularity, vote_average,"
        " vote_count, source_file, source_record from movies.movies order by movie_id"
    ) == [
        tuple(expected.movies[number][name] for name in columns)
        for number in sorted(expected.movies)
    ]
    assert bench.query(
        "select movie_id, release_year, is_budget_known, is_revenue_known from movies.movies"
        " order by movie_id"
    ) == [
        (
            i,
            m["release_on"] and m["release_on"].year,
            (m["budget"] or 0) > 0,
            (m["revenue"] or 0) > 0,
        )
        for i, m in sorted(expected.movies.items())
    ]
    for of, one in (("genres", "genre"), ("companies", "company")):
        names = [(i, *named) for i, named in sorted(expected.names(of).items())]
        assert bench.query(f"from movies.{of} order by 1") == names
        assert bench.query(f"from movies.movie_{of} order by all") == sorted(expected.pairs(of))
        facts = bench.query(f"from movies.{one}_year_facts")
        assert facts == expected.year_facts(of)
    assert bench.query("from movies.company_genre_year_releases") == expected.releases()
    assert sorted(
        bench.query(
            "select source_file, source_record, reasons from audit.rejected_rows"
            " where stage = 'rejected'"
        )
    ) == sorted(expected.rejected)
    assert bench.query(
        "select source_file, source_record from audit.rejected_rows where stage = 'quarantined'"
        " order by all"
    ) == sorted(expected.quarantined)
    assert {
        row[:2]: row[2]
        for row in bench.query("select source_file, kind, items from audit.left_out_items")
    } == dict(expected.undated)
    assert {
        row[0]: +Counter(dict(zip(OUTCOMES, row[1:], strict=True)))
        for row in bench.query(
            f"select source_file, {', '.join(OUTCOMES)} from audit.row_accounting"
        )
    } == expected.outcomes


def check_lists(bench: Workbench) -> int:
    """Every landed list is what Python makes of the raw text; a text that is none is unchanged.

    Returns:
        The number of lists that were looked at.
    """
    read_lists = {
        row[:2]: row[2:]
        for row in bench.query(
            "select source_file, source_record, genre_list, company_list"
            " from intermediate.int_movies__movies"
        )
    }
    landed = {
        row[:2]: row[2:]
        for row in bench.query(
            "select _source_file, _source_record, genres, production_companies"
            " from raw_movies.movies_metadata"
        )
    }
    compared = 0
    for file in files_of(bench.raw):
        for number, row in rows_of(bench.raw / file):
            if row is None:
                continue
            texts = [row.get(column) for column in ("genres", "production_companies")]
            for text, found, listed in zip(
                texts, landed.pop((file, number)), read_lists[file, number], strict=True
            ):
                meant = ... if text is None else value_of(text)
                if meant is ...:
                    assert (found, listed) == (text, None)
                    continue
                # Tuples are lists in JSON; by repr, as 1, 1.0 and True are three.
                assert repr(json.loads(found)) == repr(json.loads(json.dumps(meant))), text
                pairs = cast_list(text)
                assert listed == (pairs and [{"id": i, "name": name} for i, name in pairs]), text
                compared += 1
    assert not landed
    return compared


# --- What the facts promise


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("genre_year_facts", ("genre_id", "genre_name", *FACTS)),
        ("company_year_facts", ("company_id", "company_name", *FACTS)),
        (
            "company_genre_year_releases",
            (
                *("company_id", "company_name", "genre_id", "genre_name", "release_year"),
                "release_count",
            ),
        ),
    ],
)
def test_facts_have_exactly_their_columns(
    dirty: Workbench, table: str, columns: tuple[str, ...]
) -> None:
    described = dirty.query(f"describe movies.{table}")
    assert tuple(column[0] for column in described) == columns
