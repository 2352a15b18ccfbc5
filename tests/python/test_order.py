"""Rules of order, and a default: what dbt's unit tests do not see, over parents made by hand."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
from workbench import Workbench, project_with

# Few values, so that many rows tie in all but their id; they come in no order.
PARENTS = """
create schema music_store;
create schema movies;
create schema courses;
create table ids as select range as id, chr(65 + cast(range % 3 as integer)) as letter
from range(120) order by hash(range);

create table music_store.artists as select id as artist_id, letter as artist_name from ids;
create table music_store.playlist_tracks as select id as artist_id, 1 as playlist_id from ids
where id % 2 = 0;
create table music_store.albums as
select id as album_id, letter as album_title, id as artist_id, 'Name' as artist_name from ids;
create table music_store.customers as select id as customer_id, letter as customer_name from ids;
create table music_store.sales as
select id as invoice_line_id, id as invoice_id, id as customer_id, id as album_id,
    cast(0.99 as decimal(18, 4)) as amount from ids where id % 2 = 0;
create table music_store.genres as select id as genre_id, letter as genre_name from ids;
create table music_store.tracks as
select id as track_id, id as genre_id, 1000 + id % 2 as milliseconds from ids where id % 5 > 0;

create table movies.companies as select id as company_id, letter as company_name from ids;
create table movies.genres as select id as genre_id, letter as genre_name from ids;
create table movies.movies as
select id + 1000 * year as movie_id, cast(1990 + year as integer) as release_year,
    cast(nullif(id // 12 % 3, 0) as decimal(18, 6)) as popularity, 1 as budget, 2 as revenue,
    true as is_budget_known, true as is_revenue_known
from ids cross join range(2) as years (year) order by hash(movie_id);
create table movies.movie_companies as select movie_id, movie_id % 1000 as company_id
from movies.movies;
create table movies.movie_genres as
select movie_id, movie_id % 1000 // 12 * 12 + place as genre_id
from movies.movies cross join range(12) as places (place);

create table courses.courses as select id as course_id, 'Course ' || id as title from ids;
create table courses.recommendations as
select 1 as user_id, id + 1 as rank, id as course_id,
    cast(4.5 as decimal(18, 6)) + (60 - id) * 0.000001 as rating from ids;
"""
# Greatest first where a minus stands; null is always last.
ORDERS = {
    "music_store.artist_playlists": "-playlist_count artist_name artist_id",
    "music_store.album_sales": "-line_count album_title album_id",
    "music_store.customer_spend": "-spent customer_name customer_id",
    "music_store.genre_track_lengths": "average_milliseconds genre_name genre_id",
    "movies.genre_year_facts": "release_year -average_popularity genre_id",
    "movies.company_year_facts": "company_name company_id release_year",
    "movies.company_genre_year_releases": (
        "company_name company_id release_year genre_name genre_id"
    ),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """The marts that are sorted, built by dbt over such parents."""
    folder = tmp_path_factory.mktemp("order")
    bench = Workbench(folder, project_with("courses", "movies", "music_store"))
    with duckdb.connect(str(bench.warehouse)) as connection:
        connection.execute(PARENTS)
    names = [name.partition(".")[2] for name in ORDERS]
    bench.dbt("--quiet", "run", "--select", *names, "recommendations_for_user")
    return bench


def place(row: dict[str, Any], order: str) -> list[tuple[bool, Any]]:
    """What sorts a row: whether a value is null, then the value, or less than nothing of it."""
    values = [(row[column.lstrip("-")], column.startswith("-")) for column in order.split()]
    return [(value is None, -(value or 0) if minus else value or 0) for value, minus in values]


@pytest.mark.parametrize(("mart", "order"), ORDERS.items())
def test_a_mart_is_in_its_order_to_the_last_id(built: Workbench, mart: str, order: str) -> None:
    with duckdb.connect(str(built.warehouse), read_only=True) as connection:
        rows = connection.execute(f"from {mart}").to_arrow_table().to_pylist()
    assert len(rows) >= 120
    assert rows == sorted(rows, key=lambda row: place(row, order))


def test_recommendations_come_best_first_and_above_four_and_a_half(built: Workbench) -> None:
    found = built.query("select title from courses.recommendations_for_user(1)")
    assert found == [(f"Course {number}",) for number in range(60)]
