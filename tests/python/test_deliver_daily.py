"""Databases of a learning site, a shop and a film store, day by day, into the warehouse's."""

from __future__ import annotations

import pytest
from casebook.deliver.run import deliver
from casebook.settings import Settings
from services import Postgres
from workbench import UNTESTED

CASES = ("courses", "storefront", "film_store")
COURSES = (
    "create table courses (course_id int primary key, title text, programming_language text)",
    "insert into courses values (1, 'Joins', 'sql'), (2, 'Closures', null), (3, 'Tests', 'r')",
    "create table ratings (user_id int, course_id int, rating numeric(4, 2),"
    " primary key (user_id, course_id))",
    "insert into ratings values (1, 1, 4.51), (1, 2, 4.50), (2, 1, 4.51), (2, 3, 0.5), (3, 3, 5)",
)
ORDERS = (
    "create table orders (id int primary key, user_id int, order_date timestamp, status text,"
    " device text)",
    "create table order_items (id int primary key, order_id int, code_color text, quantity int)",
    "insert into orders values (7, 1, '2022-03-01 10:00', 'complete', 'iphone')",
    "insert into order_items values (70, 7, '20013509_825', 1), (71, 7, '20013509_826', 2)",
)
# The worked example of the film store's rules.
FILMS = (
    "create table film (film_id int primary key, title text, description text, release_year int,"
    " rental_rate numeric(4, 2), length int, rating text)",
    "insert into film values (1, 'A', null, 2001, 4.99, 90, 'PG'),"
    " (2, 'B', 'b', 2002, 0.5, null, 'R'), (3, 'C', null, null, 3, 80, null)",
    "create table customer (customer_id int primary key, first_name text, last_name text,"
    " email text, active boolean)",
    "insert into customer values (1, 'Ada', 'L', 'ada@x@Mail.Example', true),"
    " (2, 'Bo', 'M', 'bo', true), (3, 'Cy', 'N', null, false)",
    "create table rating (customer_id int, film_id int, rating int,"
    " primary key (customer_id, film_id))",
    "insert into rating values (1, 1, 5), (1, 2, 3), (2, 1, 4), (2, 2, 4), (2, 3, 2), (3, 2, 5)",
)
# A user's titles above a threshold, as a front end asks the warehouse's database for them.
TITLES = """
    select courses.title, recommendations.rating::text
    from courses.recommendations
    inner join courses.courses on recommendations.course_id = courses.course_id
    where recommendations.user_id = {} and recommendations.rating > {}
    order by recommendations.rank
"""


@pytest.fixture(scope="module")
def databases(postgres: Postgres) -> list[str]:
    return [postgres.new_database(*tables) for tables in (COURSES, ORDERS, FILMS, ())]


def test_from_the_databases_and_back_each_day(bench, postgres, databases, monkeypatch):
    site, shop, store, marts = databases
    monkeypatch.setenv("COURSES_DATABASE_URL", site)
    monkeypatch.setenv("STOREFRONT_DATABASE_URL", shop)
    monkeypatch.setenv("FILM_STORE_URL", store)
    monkeypatch.setenv("CASEBOOK_DELIVER_URL", marts)

    def day(*options: str) -> str:
        bench.casebook("fetch")
        bench.casebook("build", "--quiet", *options)
        return bench.casebook("deliver", "--verify").stdout

    assert "tables are equal, row by row" in day()
    assert postgres.run(marts, TITLES.format(3, 4.5)) == [("Joins", "4.510000")]
    assert postgres.run(marts, TITLES.format(3, 4.51)) == []
    assert postgres.run(marts, TITLES.format(3, 0)) == [
        ("Joins", "4.510000"),
        ("Closures", "4.500000"),
    ]
    bought = "select order_id, product_id, platform from storefront.purchases order by 2"
    assert postgres.run(marts, bought) == [
        (7, "20013509_825", "iOS"),
        (7, "20013509_826", "iOS"),
    ]
    films = (
        "select film_id, rental_rate_dollar, rental_rate_cents, average_rating::text, rating_count,"
        " recommended_film_ids::text from store.film order by film_id"
    )
    assert postgres.run(marts, films) == [
        (1, 4, 99, "4.500000", 2, "{2,3}"),
        (2, 0, 50, "4.000000", 3, "{1,3}"),
        (3, 3, 0, "2.000000", 1, "{1,2}"),
    ]
    addresses = "select email_user, email_domain, active from store.customer order by customer_id"
    assert postgres.run(marts, addresses) == [
        ("ada@x", "mail.example", True),
        (None, None, True),
        (None, None, False),
    ]
    assert postgres.run(marts, "select count(*), sum(rating) from store.rating") == [(6, 23)]

    postgres.run(
        store, "delete from rating where film_id = 3", "delete from film where film_id = 3"
    )
    postgres.run(
        site, "delete from ratings where user_id = 1", "delete from courses where course_id = 2"
    )
    postgres.run(site, "insert into ratings values (9, 3, 4.75)")
    postgres.run(shop, "delete from order_items where id = 71")
    day(*UNTESTED)
    assert postgres.run(marts, TITLES.format(9, 4.5)) == [("Joins", "4.510000")]
    assert postgres.run(marts, "select distinct user_id from courses.recommendations") == [
        (3,),
        (9,),
    ]
    assert postgres.run(marts, bought) == [(7, "20013509_825", "iOS")]
    assert [row[::5] for row in postgres.run(marts, films)] == [(1, "{2}"), (2, "{1}")]
    assert bench.casebook("deliver").stdout.startswith("nothing to do")


def test_every_mart_of_the_sample_arrives_as_it_is(built_clone, postgres, monkeypatch):
    monkeypatch.setenv("CASEBOOK_DELIVER_URL", postgres.new_database())
    folder = built_clone.project
    settings = Settings(folder, folder / "sample", folder / "lake", built_clone.warehouse)
    differences = deliver(settings, verify=True).differences
    assert len(differences) > 35
    assert set(differences.values()) == {(0, 0)}
