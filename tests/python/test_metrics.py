"""Each metric equals its mart, at the mart's grain."""

from __future__ import annotations

import json
import shutil

import duckdb
import pytest
from clone import Clone

# What MetricFlow is asked for, its answer in the mart's columns, and the mart.
CASES = {
    "weekly_votes": (
        ("votes", "metric_time__day"),
        """
        select year(metric_time__day), strftime(metric_time__day, '%W')::int, sum(votes)::bigint
        from metric group by all
        """,
        "select year, week_number, vote_count from weekly_votes",
    ),
    "ctr_by_interval": (
        (
            "purchases,product_views,click_through_rate",
            "metric_time__hour,platform,product",
        ),
        """
        select
            metric_time__hour, platform, product, coalesce(product_views, 0)::bigint,
            coalesce(purchases, 0)::bigint, round(click_through_rate, 3)
        from metric
        """,
        """
        select
            interval_start_at, platform, product_id, product_views, purchases,
            nullif(round(purchases / nullif(product_views, 0), 3), 0)
        from ctr_by_interval
        """,
    ),
    "genre_year_facts": (
        ("genre_budget,genre_revenue,genre_profit", "metric_time__year,genre"),
        "select year(metric_time__year), genre, columns('genre_.*')::bigint from metric",
        """
        select release_year, genre_id, columns('total_(budget|revenue|profit)')::bigint
        from genre_year_facts
        """,
    ),
    "customer_spend": (
        # Invoices may be of customers that are not known, who are in no mart.
        ("spend", "customer,invoice_line__customer_name"),
        """
        select customer, spend::decimal(18, 2) from metric
        where invoice_line__customer_name is not null
        """,
        "select customer_id, spent::decimal(18, 2) from customer_spend where spent <> 0",
    ),
    "course_ratings": (
        ("rating_sum,ratings,average_rating", "course"),
        "select course, ratings::bigint, rating_sum::decimal(18, 2) from metric",
        "select course_id, count(*), sum(rating)::decimal(18, 2) from courses.ratings group by all",
    ),
}
SCHEMAS = "blog_analysis,storefront,movies,music_store,courses"


@pytest.fixture(scope="module")
def project(built_clone, tmp_path_factory) -> Clone:
    """A copy of the clone whose warehouse MetricFlow may hold, as it opens it to write."""
    copy = Clone(tmp_path_factory.mktemp("metrics") / "casebook")
    left_out = shutil.ignore_patterns(".venv", "sample", "logs", "site*")
    shutil.copytree(built_clone.project, copy.project, ignore=left_out)
    copy.run("dbt", "--quiet", "parse")
    return copy


@pytest.mark.parametrize("name", CASES)
def test_a_metric_equals_its_mart(project, name) -> None:
    (metrics, groups), answer, mart = CASES[name]
    file = project.project / "target" / f"{name}.csv"
    options = ["--metrics", metrics, "--group-by", groups, "--csv", str(file), "--quiet"]
    project.run("mf", "query", *options)
    with duckdb.connect() as connection:
        connection.execute("create table metric as from read_csv(?)", [str(file)])
        found = connection.execute(f"{answer} order by all").fetchall()
    with duckdb.connect(str(project.warehouse), read_only=True) as connection:
        connection.execute(f"set search_path = '{SCHEMAS}'")
        assert found == connection.execute(f"{mart} order by all").fetchall()
    assert found


def test_dbt_shows_an_analysis(project) -> None:
    [(title, lines)] = project.query(
        "select album_title, line_count from music_store.album_sales"
        " order by line_count desc, album_title, album_id limit 1"
    )
    shown = project.run(
        "dbt", "--quiet", "show", "--select", "most_popular_album", "--output", "json"
    ).stdout
    [row] = json.loads(shown)["show"]
    assert row == {"album_title": title, "line_count": lines}
