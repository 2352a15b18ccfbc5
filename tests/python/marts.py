"""Marts for the API: some built from raw files, some made by hand with values that break easily."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from random import Random

import duckdb
import yaml
from casebook.ask.declared import Endpoint
from shop import Shop
from workbench import PROJECT, Workbench, project_with, vote

ODD = 'n°7 "blue, très\\chic"\n\t100% %s {x} \u2028 🛒 \'; drop table movies.companies; --'
LARGEST = 2**63 - 1

# Of all models those that the API reads, apart from the marts that are made by hand.
SELECTION = ("+ctr", "+outlier_weeks", "builds", "--indirect-selection", "cautious")

# Marts that are made by hand, with the columns of their contracts.
MOVIES = ("genre_year_facts", "company_year_facts", "company_genre_year_releases")
COURSES = """
create schema courses;
create table courses.courses (course_id bigint, title varchar);
create table courses.recommendations (
    user_id bigint, rank integer, course_id bigint, rating decimal(18, 6)
);
create macro courses.recommendations_for_user(user_id, threshold := 4.5) as table
    select courses.title, recommendations.rating
    from courses.recommendations
    inner join courses.courses on recommendations.course_id = courses.course_id
    where recommendations.user_id = user_id and recommendations.rating > threshold
    order by recommendations.rank;
"""


def _model(name: str) -> tuple[Path, dict]:
    """A mart's YAML."""
    (path,) = (PROJECT / "models" / "marts").rglob(f"{name}.yml")
    (model,) = yaml.safe_load(path.read_text())["models"]
    return path, model


def _declared(name: str) -> tuple[str, str, dict, dict]:
    """Name, relation, columns and meta of a model, as its YAML declares them."""
    path, model = _model(name)
    schema = {"blog": "blog_analysis"}.get(path.parent.name, path.parent.name)
    about = {column["name"]: column["description"] for column in model["columns"]}
    return name, f"{schema}.{name}", about, model["config"]["meta"]


DECLARED = [
    _declared(path.stem)
    for path in sorted((PROJECT / "models" / "marts").rglob("*.yml"))
    if "        path: /" in path.read_text()
]
ENDPOINTS = [
    Endpoint.model_validate(
        meta["api"]
        | {"relation": relation, "is_function": "key" not in meta["api"], "described": {}}
        | {"parameters": {k: v | {"choices": ()} for k, v in meta["api"]["parameters"].items()}}
    )
    for _, relation, _, meta in DECLARED
]


def declare(
    connection: duckdb.DuckDBPyConnection, name: str, relation: str, about: Mapping, meta: Mapping
) -> None:
    """Declare a model in a warehouse, in the place of one of that name."""
    kind = "table" if "key" in meta["api"] else "table_function"
    connection.execute("delete from audit.declarations where name = ?", [name])
    connection.execute(
        "insert into audit.declarations by name select unnest(?, recursive := true)",
        [
            {
                "name": name,
                "relation": relation,
                "materialized": kind,
                "columns": json.dumps(about),
                "meta": json.dumps(meta),
            }
        ],
    )


GENRES = [
    (0, "(none listed)"),
    (7, "Adventure"),
    (16, "Animation"),
    (17, "Same Name"),
    (18, "Same Name"),
    (99, ODD),
    (-5, ""),
    (LARGEST, "Z"),
]
COMPANIES = [
    *((3 + 7 * number, f"Company {number % 150}") for number in range(300)),
    (1, ODD),
    (2, "'"),
    (-LARGEST - 1, "ÄÖ"),
]
# Values that a double, or a language that rounds, would spoil.
EXACT = (
    (16, "Animation", 1995, 2**53 + 1),
    ("0.100000", "1" * 38, "-" + "9" * 38, str(-(2**53) - 1)),
    ("1234567.500000", None, "-0.000001"),
    (0, 10),
)
TITLES = ["Intro to SQL", ODD, "Z last, rated like the next", "A first", "Only just", "At 4.5", ""]
# User, course and rating, best first.
RECOMMENDED = [
    (1, 0, "4.900000"),
    (1, 4, "4.500001"),
    (1, 5, "4.500000"),
    (1, 6, "0.500000"),
    (2, 2, "5.000000"),
    (2, 3, "5.000000"),
    (3, 1, "4.999999"),
    (4, 6, "4.000000"),
    (-5, 3, "4.750000"),
    (LARGEST, 0, "4.600000"),
]


def build_marts(root: Path, shop: Shop) -> Workbench:
    """A published warehouse with everything in it that the API can be asked for."""
    bench = Workbench(root, project_with("blog", "storefront"))
    shop.write(bench.raw, "a")
    chance = Random(5)
    days = (
        date(2019, 1, 1) + timedelta(days=int(chance.random() ** 2 * 1400)) for _ in range(1500)
    )
    bench.write("votes.jsonl", [vote(number, str(day)) for number, day in enumerate(days, 1)])
    bench.casebook("build", "--quiet", "--select", *SELECTION)
    with duckdb.connect(str(bench.warehouse)) as connection:
        connection.execute(f"create schema movies; {COURSES}")
        for name in MOVIES:
            columns = (f"{one['name']} {one['data_type']}" for one in _model(name)[1]["columns"])
            connection.execute(f"create table movies.{name} ({', '.join(columns)})")
        fill(connection, bench.root)
        for one in DECLARED:
            declare(connection, *one)
    return bench


def fill(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Put rows into the marts that are made by hand."""
    chance = Random(6)
    years = range(1900, 2020)

    def figures() -> tuple[object, ...]:
        budget, revenue = chance.randrange(10**11), chance.randrange(10**11)
        averages = [f"{chance.randrange(10**6)}.{chance.randrange(1000)}" for _ in range(3)]
        known = [one if chance.random() < 0.8 else None for one in averages]
        # Few popularities, so that many rows are equal in them.
        popularity = chance.choice([None, "0.5", "1.25", "1.250001"])
        return chance.randrange(50), popularity, budget, revenue, revenue - budget, *known, 3, 4

    genre_years = [
        (*genre, year, *figures())
        for genre in GENRES
        for year in years
        if (genre[0], year) != (16, 1995) and chance.random() < 0.9
    ]
    genre_years.append(tuple(value for part in EXACT for value in part))
    company_years = [
        (*company, year, *figures())
        for company in COMPANIES
        for year in years
        if chance.random() < 0.2
    ]
    releases = [
        (*company, *genre, year, chance.randrange(1, 9))
        for company in COMPANIES
        for genre in GENRES
        for year in years
        if chance.random() < 0.05
    ]
    ranks = [(user, rank, *rest) for rank, (user, *rest) in enumerate(RECOMMENDED, 1)]
    for table, rows in {
        "movies.genre_year_facts": genre_years,
        "movies.company_year_facts": company_years,
        "movies.company_genre_year_releases": releases,
        "courses.courses": list(enumerate(TITLES)),
        "courses.recommendations": ranks,
    }.items():
        chance.shuffle(rows)
        path = folder / "rows.json"
        path.write_text(json.dumps([list(map(str_or_none, row)) for row in rows]))
        width = len(rows[0])
        connection.execute(
            f"insert into {table} select {', '.join(f'row[{n}]' for n in range(1, width + 1))}"
            " from read_json(?, columns = {row: 'varchar[]'}, records = false)",
            [str(path)],
        )
        path.unlink()


def str_or_none(value: object) -> str | None:
    return None if value is None else str(value)
