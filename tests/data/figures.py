"""What raw files in the form of the public ones hold, worked out with nothing of the project's.

python tests/data/figures.py tests/data/raw    # prints the figures of the extract

`figures.json` holds them, beside those that the specification gives for the whole files.
"""

from __future__ import annotations

import ast
import csv
import gzip
import json
import sqlite3
import sys
from collections import Counter
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

BRASILIA = timezone(timedelta(hours=-3))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def blog(raw: Path) -> dict[str, Any]:
    lines = (raw / "blog/votes/votes.jsonl").read_text().splitlines()
    votes = {vote["Id"]: vote["CreationDate"] for vote in map(json.loads, lines)}
    weeks = Counter(
        (int(f"{on:%Y}"), int(f"{on:%W}")) for on in map(datetime.fromisoformat, votes.values())
    )
    # Further from the average than a fifth of it.
    far = [w for w, count in weeks.items() if 5 * abs(count * len(weeks) - len(votes)) > len(votes)]
    first = [*min(far), weeks[min(far)]]
    return {"votes": len(votes), "weeks": len(weeks), "outliers": len(far), "first": first}


def movies(raw: Path) -> dict[str, Any]:
    records = rows_of(raw / "movies/movies_metadata/movies_metadata.csv")
    kept = {int(row["id"]): row for row in records}
    genres, companies, releases = Counter[tuple](), Counter[tuple](), Counter[tuple]()
    sums = dict.fromkeys(("genre budgets", "genre profits", "company revenues"), 0)
    for row in kept.values():
        year = row["release_date"][:4]
        budget, revenue = int(row["budget"]), int(row["revenue"])
        its_genres = {item["id"] for item in ast.literal_eval(row["genres"])}
        its_companies = {item["id"] for item in ast.literal_eval(row["production_companies"])}
        if year:
            genres.update((genre, year) for genre in its_genres)
            companies.update((company, year) for company in its_companies)
            releases.update((c, g, year) for c in its_companies for g in its_genres or {0})
            sums["genre budgets"] += budget * len(its_genres)
            sums["genre profits"] += (revenue - budget) * len(its_genres)
            sums["company revenues"] += revenue * len(its_companies)
    return {
        "records": len(records),
        "movies": len(kept),
        "undated": sum(not row["release_date"] for row in kept.values()),
        "genre_year_facts": [len(genres), sums["genre budgets"], sums["genre profits"]],
        "company_year_facts": [len(companies), sums["company revenues"]],
        "releases": [
            len(releases),
            releases.total(),
            sum(count for (_, genre, _), count in releases.items() if genre == 0),
        ],
    }


def storefront(raw: Path) -> dict[str, Any]:
    views, products = Counter[str](), set()
    for path in (raw / "storefront/product_events").rglob("*.json.gz"):
        for message in json.loads(gzip.decompress(path.read_bytes())):
            for event in message["events"]:
                seconds = int(event["data"]["timestamp_unixtime_ms"]) // 1000
                views[str(datetime.fromtimestamp(seconds, BRASILIA).date())] += 1
                products.add(event["data"]["custom_attributes"]["codeColor"])
    orders = {row["id"]: row for row in rows_of(raw / "storefront/orders/orders.csv")}
    items = rows_of(raw / "storefront/order_items/order_items.csv")
    return {
        "views": views.total(),
        "products": len(products),
        "views_by_day": sorted(views.items()),
        "orders": len(orders),
        "items": len(items),
        "orders_with_items": len({row["order_id"] for row in items}),
        "items_of_desktops": sum(
            orders[row["order_id"]]["device_type"] == "Desktop" for row in items
        ),
    }


# Sums are in cents: SQLite has no decimals.
ANSWERS = {
    "number_of_customers": "select count(*) from customers",
    "minutes_of_the_longest_track": "select max(Milliseconds) from tracks",
    "genre_with_the_shortest_tracks": (
        "select g.Name from genres g join tracks using (GenreId) group by g.GenreId"
        " order by avg(Milliseconds), g.Name limit 1"
    ),
    "artist_in_most_playlists": (
        "select a.Name, count(distinct PlaylistId) from artists a join albums using (ArtistId)"
        " join tracks using (AlbumId) join playlist_track using (TrackId) group by a.ArtistId"
        " order by 2 desc, a.Name limit 1"
    ),
    "most_popular_album": (
        "select Title, count(*) from albums join tracks using (AlbumId)"
        " join invoice_items using (TrackId) group by AlbumId order by 2 desc, 1 limit 1"
    ),
    "customer_who_spent_most": (
        "select FirstName || ' ' || LastName, sum(cast(round(UnitPrice * 100) as int) * Quantity)"
        " from customers join invoices using (CustomerId) join invoice_items using (InvoiceId)"
        " group by CustomerId order by 2 desc, 1 limit 1"
    ),
    "customers_who_spent_over_40": (
        "select count(*) from (select 1 from invoices join invoice_items using (InvoiceId) group by"
        " CustomerId having sum(cast(round(UnitPrice * 100) as int) * Quantity) > 4000)"
    ),
}


def music_store(raw: Path) -> dict[str, Any]:
    folder = raw / "music_store"
    database = sqlite3.connect(f"file:{folder / 'chinook.db'}?mode=ro", uri=True)
    answers = {name: list(database.execute(sql).fetchone()) for name, sql in ANSWERS.items()}
    longest = answers["minutes_of_the_longest_track"]
    longest[0] = str((Decimal(longest[0]) / 60000).quantize(Decimal("1e-6")))
    spent = answers["customer_who_spent_most"]
    spent[1] = str(Decimal(spent[1]) / 100)
    tables = ["customers", "artists", "albums", "genres", "playlists", "tracks"]
    tables += ["playlist_track", "invoice_items"]
    count = {t: database.execute(f"select count(*) from {t}").fetchone()[0] for t in tables}
    database.close()
    files = {name: rows_of(folder / name / f"{name}.csv") for name in ("orders", "track_facts")}
    return {
        "answers": answers,
        "rows": count | {name: len(rows) for name, rows in files.items()},
        "different": {n: len({tuple(r.values()) for r in rows}) for n, rows in files.items()},
    }


def figures(raw: Path) -> dict[str, Any]:
    """The figures of a raw folder, as JSON has them."""
    cases = {"blog": blog, "movies": movies, "storefront": storefront, "music_store": music_store}
    return json.loads(json.dumps({name: case(raw) for name, case in cases.items()}))


if __name__ == "__main__":
    print(json.dumps(figures(Path(sys.argv[1])), indent=2, ensure_ascii=False))
