"""What marts are open to questions, and what may be asked of each.

An entry in `OFFERS` is all that a mart needs to be in the HTTP API: its address, the checks of its
parameters, its paging, its formats and its description follow from the entry, and the columns of
the answer from the warehouse. `casebook recommend` asks an entry, too.

What a client sends is bound as a parameter. The text of a statement is made of the names in this
file and of those of the warehouse's own columns, quoted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from casebook.ask.parameters import (
    LARGEST,
    BadQuestionError,
    Kind,
    Reader,
    decimal_number,
    text,
    whole_number,
)
from casebook.ask.query import Column, Query
from casebook.errors import CasebookError
from casebook.sql import quote_name

if TYPE_CHECKING:
    import duckdb

MOST_ROWS = 10_000
LONGEST_NAME = 1_000

ID = whole_number("a whole number of 64 bits, such as 16")
YEAR = whole_number("a year from 1 to 9999, such as 2016", 1, 9999)
WEEK = whole_number("a week number from 0 to 53", 0, 53)
NAME = text(f"a name of 1 to {LONGEST_NAME:,} characters, exactly as in the mart", LONGEST_NAME)
RATING = decimal_number("a number from 0 to 5 with six decimals at most, such as 4.5", 0, 5, 6)
LIMIT = whole_number(
    f"a whole number from 1 to {MOST_ROWS:,}, or nothing for all rows", 1, MOST_ROWS
)
OFFSET = whole_number("a whole number, 0 or more", 0, LARGEST)
BUILD_ID = text("the id of a build, as the header Casebook-Build has it", 100)


@dataclass(frozen=True)
class Parameter:
    """What someone may say to get some of the rows.

    Attributes:
        name: its name, in an address and in what is said of wrong values.
        column: the mart's column that is compared, or the table function's argument.
        kind: what its value may be.
        about: what it means, in a sentence.
        example: a value of it.
        compare: how the column is compared with the value: `=`, `>=` or `<=`.
        default: what holds where it is not given; without one a filter takes all rows, and an
            argument has to be given.
    """

    name: str
    column: str
    kind: Kind[Any]
    about: str
    example: object
    compare: str = "="
    default: str | None = None


@dataclass(frozen=True)
class Offer:
    """A mart, or a table function, that can be asked.

    Attributes:
        path: its address, with the arguments that stand in it in braces.
        relation: `schema.name` of the table, view or table function.
        title: what it answers, in a few words.
        row: what a row is: `one row per …`.
        about: what else there is to know, in whole sentences.
        example: an address that can be asked, to start from.
        filters: what narrows the rows.
        key: the columns that tell its rows apart. Rows are sorted by these, after those of `order`.
        order: the columns that rows are sorted by first; a minus before one turns it round.
        arguments: what the table function takes; none where it is a table or view. A function
            without a key sorts its rows itself, and gives no pages.
    """

    path: str
    relation: str
    title: str
    row: str
    about: str
    example: str
    filters: tuple[Parameter, ...] = ()
    key: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    arguments: tuple[Parameter, ...] = ()

    @property
    def is_paged(self) -> bool:
        """Whether it takes `limit`, `offset` and `build`."""
        return bool(self.key)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What it takes besides paging, arguments first."""
        return self.arguments + self.filters

    @property
    def sorted_by(self) -> tuple[str, ...]:
        """The columns that rows are sorted by; no two rows are equal in all of them."""
        first = [name.lstrip("-") for name in self.order]
        return (*self.order, *(name for name in self.key if name not in first))

    def is_in_path(self, parameter: Parameter) -> bool:
        """Whether a value stands in the address itself."""
        return f"{{{parameter.name}}}" in self.path

    def is_required(self, parameter: Parameter) -> bool:
        """Whether there is no answer without it."""
        return parameter in self.arguments and parameter.default is None


_GENRE = (
    Parameter("genreId", "genre_id", ID, "The id of one genre.", 16),
    Parameter("genreName", "genre_name", NAME, "The name of one genre.", "Animation"),
)
_COMPANY = (
    Parameter("companyId", "company_id", ID, "The id of one company.", 3),
    Parameter(
        "companyName",
        "company_name",
        NAME,
        "The name of a company; several companies may have the same.",
        "Pixar Animation Studios",
    ),
)


def _years(column: str, example: int) -> tuple[Parameter, ...]:
    return (
        Parameter("year", column, YEAR, "One year.", example),
        Parameter("fromYear", column, YEAR, "The first year of a range.", example, ">="),
        Parameter("toYear", column, YEAR, "The last year of a range.", example, "<="),
    )


OUTLIER_WEEKS = Offer(
    path="/outlier-weeks",
    relation="blog_analysis.outlier_weeks",
    title="Weeks with unusually many or few votes",
    row="one row per year and week whose number of votes is far from the average",
    about="""\
Weeks start on Monday; the days of a year before its first Monday are week 0. Sorted by year and
week, earliest first.""",
    example="/outlier-weeks?year=2018",
    filters=(
        *_years("Year", 2018),
        Parameter("weekNumber", "WeekNumber", WEEK, "One week of each year.", 9),
    ),
    key=("Year", "WeekNumber"),
)
GENRE_YEARS = Offer(
    path="/movies/genre-years",
    relation="movies.genre_year_facts",
    title="Movies by genre and year",
    row="one row per genre and release year: popularity, budget, revenue and profit of its movies",
    about="""\
A movie with three genres counts once in each of the three, so sums over genres exceed the total. A
budget or revenue that is not known counts as zero in sums, and not at all in averages. Sorted by
year, then by average popularity, highest first.""",
    example="/movies/genre-years?fromYear=1995&toYear=1999&limit=3",
    filters=(*_GENRE, *_years("release_year", 1995)),
    key=("release_year", "genre_id"),
    order=("release_year", "-average_popularity"),
)
COMPANY_YEARS = Offer(
    path="/movies/company-years",
    relation="movies.company_year_facts",
    title="Movies by production company and year",
    row="one row per production company and release year: popularity, budget, revenue and profit of"
    " its movies",
    about="""\
A movie of three companies counts once in each of the three, so sums over companies exceed the
total. A budget or revenue that is not known counts as zero in sums, and not at all in averages.
Sorted by the company's name and id, then by year.""",
    example="/movies/company-years?companyId=3",
    filters=(*_COMPANY, *_years("release_year", 1995)),
    key=("company_id", "release_year"),
    order=("company_name", "company_id", "release_year"),
)
COMPANY_GENRE_YEARS = Offer(
    path="/movies/company-genre-years",
    relation="movies.company_genre_year_releases",
    title="Releases by production company, genre and year",
    row="one row per production company, genre and release year: how many movies came out",
    about="""\
A company's movies without genres count under genre 0, `(none listed)`. Sorted by the company's name
and id, then by year and the genre's name.""",
    example="/movies/company-genre-years?companyId=3&genreId=16",
    filters=(*_COMPANY, *_GENRE, *_years("release_year", 1995)),
    key=("company_id", "genre_id", "genre_name", "release_year"),
    order=("company_name", "company_id", "release_year", "genre_name"),
)
RECOMMENDATIONS = Offer(
    path="/recommendations/{user_id}",
    relation="courses.recommendations_for_user",
    title="Courses for a user",
    row="one row per course that is recommended to a user: its title and rating",
    about="""\
Courses that the user has not rated, whose rating is above the threshold, best first. A user who is
not known, or to whom nothing is recommended, has none: the answer is empty.""",
    example="/recommendations/1?threshold=4",
    arguments=(
        Parameter("user_id", "user_id", ID, "The id of the user.", 1),
        Parameter(
            "threshold",
            "threshold",
            RATING,
            "What a rating has to be above; ratings lie between 0.5 and 5.",
            4,
            default="4.5",
        ),
    ),
)

OFFERS = (OUTLIER_WEEKS, GENRE_YEARS, COMPANY_YEARS, COMPANY_GENRE_YEARS, RECOMMENDATIONS)


@dataclass(frozen=True)
class Question:
    """A question for some of the rows of an offer.

    Attributes:
        offer: what is asked.
        values: what was said, by the names of parameters, defaults filled in.
        limit: how many rows to give at most; None for all.
        offset: how many rows to pass over first.
        build: the id of the build that the answer has to be from; None for any.
    """

    offer: Offer
    values: Mapping[str, object]
    limit: int | None = None
    offset: int = 0
    build: str | None = None

    def query(self, columns: Sequence[Column]) -> Query:
        """The rows, of a build in which the offer has these columns."""
        sql, parameters = self._rows_sql, dict(self.values)
        if self.offer.sorted_by:
            sql += f" order by {', '.join(map(_order_sql, self.offer.sorted_by))}"
        if self.limit is not None:
            sql += " limit $limit"
            parameters["limit"] = self.limit
        if self.offset:
            sql += " offset $offset"
            parameters["offset"] = self.offset
        return Query(tuple(columns), sql, parameters)

    def all_pages(self, columns: Sequence[Column]) -> Query:
        """The rows of all pages together, in no order."""
        return Query(tuple(columns), self._rows_sql, self.values)

    @property
    def _rows_sql(self) -> str:
        offer = self.offer
        taken = [one for one in offer.filters if one.name in self.values]
        where = " and ".join(f"answer.{quote_name(p.column)} {p.compare} ${p.name}" for p in taken)
        return f"from {_relation_sql(offer)} as answer" + (f" where {where}" if where else "")


def read_question(offer: Offer, given: Mapping[str, object]) -> Question:
    """The question that someone asks by named values, all of them checked.

    Args:
        offer: what is asked.
        given: texts by the names of the offer's parameters and, where it has pages, `limit`,
            `offset` and `build`. None is the same as not given.

    Raises:
        BadQuestionError: if a value is missing or malformed, a range ends before it starts, or a
            name is none of the above.
    """
    reader = Reader(given)
    values: dict[str, object] = {}
    for one in offer.parameters:
        value = reader.take(one.name, one.kind, is_required=offer.is_required(one))
        if value is None and one.default is not None:
            value = one.kind.read(one.default)
        if value is not None:
            values[one.name] = value
    limit = offset = build = None
    if offer.is_paged:
        limit = reader.take("limit", LIMIT)
        offset = reader.take("offset", OFFSET)
        build = reader.take("build", BUILD_ID)
    reader.no_others()
    for first, last in _ranges(offer):
        if first in values and last in values and values[last] < values[first]:
            reader.expect(last, f"{values[first]} or more, which is {first}")
    if reader.problems:
        raise BadQuestionError(reader.problems)
    return Question(offer, values, limit, offset or 0, build)


def find_columns(
    connection: duckdb.DuckDBPyConnection, offer: Offer, file: object
) -> tuple[Column, ...]:
    """The columns that an offer has in a warehouse, with their types.

    Args:
        connection: to the warehouse.
        offer: what is to be asked.
        file: what to call the warehouse in an error.

    Raises:
        CasebookError: if the warehouse lacks the mart, or a column that the offer needs.
    """
    columns_of = _function_columns if offer.arguments else _table_columns
    columns = columns_of(connection, offer)
    if not columns:
        kind = "table function" if offer.arguments else "mart"
        raise CasebookError(
            f"the published build has no {kind} {offer.relation}",
            file=file,
            fix="run `casebook build`",
        )
    needed = [one.column for one in offer.filters]
    needed += [name.lstrip("-") for name in offer.sorted_by]
    names = {column.name for column in columns}
    lacking = [name for name in dict.fromkeys(needed) if name not in names]
    if lacking:
        raise CasebookError(
            f"{offer.relation} of the published build has no column {', '.join(lacking)}",
            file=file,
            fix="run `casebook build`, with this version of Casebook",
        )
    return columns


def _table_columns(connection: duckdb.DuckDBPyConnection, offer: Offer) -> tuple[Column, ...]:
    schema, name = offer.relation.split(".")
    found = connection.execute(
        "select column_name, data_type, coalesce(comment, ''), not is_nullable"
        " from duckdb_columns() where database_name = current_database() and schema_name = $schema"
        " and table_name = $name order by column_index",
        {"schema": schema, "name": name},
    )
    return tuple(Column(*row) for row in found.fetchall())


def _function_columns(connection: duckdb.DuckDBPyConnection, offer: Offer) -> tuple[Column, ...]:
    schema, name = offer.relation.split(".")
    found = connection.execute(
        "select 1 from duckdb_functions() where database_name = current_database()"
        " and schema_name = $schema and function_name = $name and function_type = 'table_macro'",
        {"schema": schema, "name": name},
    )
    if found.fetchone() is None:
        return ()
    values = {one.name: one.kind.read(str(one.example)) for one in offer.arguments}
    found = connection.execute(f"from {_relation_sql(offer)} limit 0", values)
    return tuple(Column(name, str(type_)) for name, type_, *_ in found.description)


def _relation_sql(offer: Offer) -> str:
    relation = ".".join(quote_name(part) for part in offer.relation.split("."))
    if not offer.arguments:
        return relation
    return (
        f"{relation}({', '.join(f'{quote_name(p.column)} := ${p.name}' for p in offer.arguments)})"
    )


def _order_sql(name: str) -> str:
    if name.startswith("-"):
        return f"answer.{quote_name(name[1:])} desc nulls last"
    return f"answer.{quote_name(name)} nulls last"


def _ranges(offer: Offer) -> list[tuple[str, str]]:
    """The names of the first and the last value of every range that an offer has."""
    return [
        (first.name, last.name)
        for first in offer.filters
        for last in offer.filters
        if (first.column, first.compare, last.compare) == (last.column, ">=", "<=")
    ]
