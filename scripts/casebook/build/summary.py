"""What `casebook build` shows of the marts when it has published: a few rows of each case."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Highlight:
    """The first rows of a mart, in an order that makes them worth a look.

    Attributes:
        heading: what the rows are; `{rows}` stands for how many rows the mart has.
        mart: `schema.table`.
        columns: the columns to show.
        order: the columns to sort by, as SQL.
        shown: how many rows.
    """

    heading: str
    mart: str
    columns: tuple[str, ...]
    order: str
    shown: int = 3


HIGHLIGHTS = (
    Highlight(
        "{rows} outlier weeks, the first",
        "blog_analysis.outlier_weeks",
        ("Year", "WeekNumber", "VoteCount"),
        '"Year", "WeekNumber"',
        5,
    ),
    Highlight(
        "most viewed in one interval",
        "storefront.ctr_by_interval",
        ("interval_start_at", "platform", "product_id", "product_views", "purchases", "ctr"),
        "product_views desc, interval_start_at, platform, product_id",
    ),
    Highlight(
        "genres and years with the highest profit",
        "movies.genre_year_facts",
        ("genre_name", "release_year", "movie_count", "total_profit"),
        "total_profit desc, release_year, genre_id",
    ),
    Highlight(
        "albums sold most",
        "music_store.album_sales",
        ("album_title", "artist_name", "line_count"),
        "line_count desc, album_title, album_id",
    ),
    Highlight(
        "courses rated highest",
        "courses.course_ratings",
        ("rank", "course_id", "average_rating", "rating_count"),
        "rank",
    ),
)


def highlights(
    connection: duckdb.DuckDBPyConnection, rows_per_mart: dict[str, int]
) -> Iterator[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]:
    """The highlights of those marts that have rows.

    Args:
        connection: to the published warehouse.
        rows_per_mart: rows by `schema.table`; marts that it does not name are passed over.

    Yields:
        Heading, columns and rows of each.
    """
    for one in HIGHLIGHTS:
        if rows := rows_per_mart.get(one.mart):
            names = ", ".join(f'"{column}"' for column in one.columns)
            found = connection.execute(
                f"select {names} from {one.mart} order by {one.order} limit {one.shown}"
            )
            yield one.heading.format(rows=f"{rows:,}"), one.columns, found.fetchall()
