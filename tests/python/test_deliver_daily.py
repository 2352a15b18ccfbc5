"""A learning site's and a shop's databases, day by day, through the warehouse into another one."""

from __future__ import annotations

import pytest
from services import Postgres
from workbench import Workbench, project_with

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
# A user's titles above a threshold, as a front end asks the warehouse's database for them.
TITLES = """
    select courses.title, recommendations.rating::text
    from courses.recommendations
    inner join courses.courses on recommendations.course_id = courses.course_id
    where recommendations.user_id = {} and recommendations.rating > {}
    order by recommendations.rank
"""


@pytest.fixture(scope="module")
def databases(postgres: Postgres) -> tuple[str, str, str]:
    return postgres.new_database(*COURSES), postgres.new_database(*ORDERS), postgres.new_database()


def test_from_the_databases_and_back_each_day(tmp_path, postgres, databases, monkeypatch):
    site, shop, marts = databases
    monkeypatch.setenv("COURSES_DATABASE_URL", site)
    monkeypatch.setenv("STOREFRONT_DATABASE_URL", shop)
    monkeypatch.setenv("CASEBOOK_DELIVER_URL", marts)
    bench = Workbench(tmp_path, project_with("courses", "storefront"))

    def day() -> str:
        bench.casebook("fetch")
        bench.casebook("build", "--quiet")
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

    postgres.run(
        site, "delete from ratings where user_id = 1", "delete from courses where course_id = 2"
    )
    postgres.run(site, "insert into ratings values (9, 3, 4.75)")
    postgres.run(shop, "delete from order_items where id = 71")
    day()
    assert postgres.run(marts, TITLES.format(9, 4.5)) == [("Joins", "4.510000")]
    assert postgres.run(marts, "select distinct user_id from courses.recommendations") == [
        (3,),
        (9,),
    ]
    assert postgres.run(marts, bought) == [(7, "20013509_825", "iOS")]
    assert bench.casebook("deliver").stdout.startswith("nothing to do")
