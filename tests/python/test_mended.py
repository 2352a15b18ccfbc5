"""Replay for each case, end to end: what was put aside is mended, and lands; nothing else changes.

All six at once, each by another way: an alias, a seed, a widened rule, a delivery that came late, a
record that is corrected by hand, a file that is delivered again.
"""

from __future__ import annotations

import json
from pathlib import Path

from workbench import Workbench, copy_project, vote

VIEW = {
    "event_type": "custom_event",
    "data": {
        "event_name": "product",
        "timestamp_unixtime_ms": 1515546904352,
        "custom_attributes": {"codeColor": "A"},
    },
}
MOVIE = "id,title,release_date,budget,revenue,popularity,genres,production_companies\n"
TRACKS = "TrackId,Name,AlbumId,MediaTypeId,GenreId,Milliseconds\n1,One,1,1,1,1000\n"
# Raw files as they are delivered first. In each, or in one of each case, something is wrong.
FIRST = {
    "blog/votes/a.jsonl": [vote(1), {"Nr": "2", **vote(2, Id=None)}],
    "storefront/product_events/iOS/a.json": [{"events": [VIEW]}],
    "storefront/product_events/Kiosk/a.json": [{"events": [VIEW]}],
    "storefront/orders/a.csv": "id,order_date,status,device\n1,2018-01-10,paid,Kiosk\n",
    "storefront/order_items/a.csv": "id,order_id,code_color\n1,1,A\n2,2,B\n",
    "movies/movies_metadata/a.csv": MOVIE
    + "1,A,1995-10-30,0,0,0,[],[]\n2,B,10.30.1995,0,0,0,[],[]\n",
    "music_store/tracks/a.csv": TRACKS + "2,Two,or more,1,1,1,2000\n",
    "courses/courses/a.csv": "course_id,title\n1,SQL\n",
    "courses/ratings/a.csv": "user_id,course_id,rating\n1,1,5\n1,2,4\n",
    "film_store/film/a.csv": 'film_id,title,rental_rate\n1,A,4.99\n2,B,"0,99"\n',
}
REJECTED = [
    ("blog/votes/a.jsonl", 2, "Id: missing"),
    ("courses/ratings/a.csv", 2, "course_id: unknown_course"),
    ("film_store/film/a.csv", 2, "rental_rate: not_a_number"),
    ("movies/movies_metadata/a.csv", 2, "release_date: not_a_date"),
    ("music_store/tracks/a.csv", 2, "wrong_field_count"),
    ("storefront/order_items/a.csv", 2, "order_id: orphan_order_item"),
]
# The marts, their keys, and what is there of them before and after.
MARTS = {
    "blog_analysis.votes": ("vote_id", [1], [1, 2]),
    "storefront.product_views": ("platform", ["Kiosk", "iOS"], ["Stall", "iOS"]),
    "storefront.purchases": ("product_id", ["A"], ["A", "B"]),
    "movies.movies": ("movie_id", [1], [1, 2]),
    "music_store.tracks": ("track_id", [1], [1, 2]),
    "courses.ratings": ("course_id", [1], [1, 2]),
    "film_store.films": ("film_id", [1], [1, 2]),
}
FEW = [f"+{name.split('.')[1]}" for name in MARTS] + ["+row_accounting", "rejected_rows"]
BUILD = ("build", "--select", *FEW, "--exclude-resource-type", "test")


def deliver(bench: Workbench, files: dict[str, object]) -> None:
    for name, content in files.items():
        path = bench.raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = content if isinstance(content, str) else "\n".join(map(json.dumps, content))
        path.write_text(lines)


def published(bench: Workbench) -> tuple[list[tuple], dict[str, list[tuple]]]:
    """Rejected records, and the rows of each mart apart from when they were loaded."""
    rows = {
        name: bench.query(f"select {key}, * exclude (loaded_at) from {name} order by all")
        for name, (key, *_) in MARTS.items()
    }
    unbalanced = bench.query(
        "select * from audit.row_accounting where records <> quarantined + landed"
        " or items <> rejected + left_out + duplicate + superseded + redelivered + kept"
    )
    assert unbalanced == []
    rejected = bench.query(
        "select source_file, source_record, if(stage = 'quarantined', reason_code, reasons)"
        " from audit.rejected_rows order by all"
    )
    return rejected, rows


def test_what_was_put_aside_is_mended_in_every_case_and_nothing_else_changes(
    tmp_path: Path,
) -> None:
    bench = Workbench(tmp_path, copy_project(tmp_path / "project"))
    deliver(bench, FIRST)
    bench.casebook(*BUILD)
    rejected, before = published(bench)
    assert rejected == REJECTED
    assert {name: [row[0] for row in rows] for name, rows in before.items()} == {
        name: keys for name, (_, keys, _) in MARTS.items()
    }

    def edit(name: str, old: str, new: str) -> None:
        path = bench.project / name
        assert path.read_text().count(old) == 1
        path.write_text(path.read_text().replace(old, new))

    staging = "models/staging"
    required = "config: {meta: {required: true}}"
    edit(
        f"{staging}/blog/_blog__sources.yml",
        f"Identifies the vote.\n            {required}",
        "Identifies the vote.\n            config: {meta: {required: true, aliases: [Nr]}}",
    )
    edit("seeds/platforms.csv", "desktop,Desktop", "kiosk,Stall,false\ndesktop,Desktop")
    edit(
        f"{staging}/movies/stg_movies__movies_metadata.sql",
        "cast_iso_or_us_date('release_date')",
        "cast_iso_or_us_date(\"replace(release_date, '.', '/')\")",
    )
    deliver(
        bench,
        {
            "storefront/orders/b.csv": "id,order_date,status,device\n2,2018-01-10,paid,iphone\n",
            "courses/courses/b.csv": "course_id,title\n2,Python\n",
            "film_store/film/a.csv": "film_id,title,rental_rate\n1,A,4.99\n2,B,0.99  \n",
        },
    )
    corrections = tmp_path / "corrections.jsonl"
    bench.casebook("replay", "music_store", "--export", str(corrections))
    corrections.write_text(corrections.read_text().replace("Two,or more", "Two or more"))
    bench.casebook("replay", "music_store", "--corrections", str(corrections))
    bench.casebook(*BUILD)
    rejected, after = published(bench)
    assert rejected == []
    for name, (_, old, new) in MARTS.items():
        assert [row[0] for row in after[name]] == new
        kept = set(old) & set(new)
        rows = [[row for row in rows if row[0] in kept] for rows in (before[name], after[name])]
        assert rows[0] == rows[1] or name == "storefront.purchases"
    assert bench.query("select platform from storefront.purchases order by product_id") == [
        ("Stall",),
        ("iOS",),
    ]
