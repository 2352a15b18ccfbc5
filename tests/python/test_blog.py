"""The blog case from raw files to marts, built as a user builds it."""

from __future__ import annotations

import gzip
import json
import random
import shutil
from pathlib import Path

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from workbench import FIGURES, PUBLIC_RAW, UNTESTED, Workbench, vote, workbench_of

SIXTEEN = {
    "2022-01-02": 1,
    "2022-01-09": 3,
    "2022-01-16": 3,
    "2022-01-23": 2,
    "2022-01-30": 2,
    "2022-02-06": 1,
    "2022-02-13": 1,
    "2022-02-20": 2,
    "2022-02-27": 1,
}
SIX_WEEKS = [(2022, 0, 1), (2022, 1, 3), (2022, 2, 3), (2022, 5, 1), (2022, 6, 1), (2022, 8, 1)]


def sixteen_votes() -> list[dict]:
    days = [day for day, number in SIXTEEN.items() for _ in range(number)]
    return [vote(number, day) for number, day in enumerate(days, start=1)]


def test_public_votes_give_their_figures(bench: Workbench) -> None:
    bench.raw, figures = PUBLIC_RAW, FIGURES["blog"]
    shown = bench.casebook("build", "--unit-tests").stdout
    for folder in ("movies/", "music_store/"):
        assert f"not declared by any source: {folder}" in shown
    other_name = bench.root / "copies" / "elsewhere.db"
    other_name.parent.mkdir()
    for warehouse in (bench.warehouse, other_name):
        if warehouse == other_name:
            shutil.move(bench.warehouse, other_name)
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            connection.execute("use blog_analysis")
            assert connection.execute(
                "select (select count(*) from votes), (select count(*) from weekly_votes),"
                " (select count(*) from outlier_weeks)"
            ).fetchone() == (figures["votes"], figures["weeks"], figures["outliers"])
            weeks = connection.execute("from outlier_weeks")
            assert [column[0] for column in weeks.description] == [
                "Year",
                "WeekNumber",
                "VoteCount",
            ]
            rows = weeks.fetchall()
            assert rows[0] == tuple(figures["first"])
            assert rows == sorted(rows)
            assert connection.execute(
                "select table_name, table_type from information_schema.tables"
                " where table_schema = 'blog_analysis' order by all"
            ).fetchall() == [
                ("outlier_weeks", "VIEW"),
                ("votes", "BASE TABLE"),
                ("weekly_votes", "VIEW"),
            ]
            assert connection.execute(
                "select count(*) from staging.stg_blog__votes"
            ).fetchone() == (figures["votes"],)


def test_the_sixteen_votes_end_to_end(bench: Workbench) -> None:
    bench.write("votes.jsonl", sixteen_votes())
    bench.casebook("build", "--select", "+votes")
    shown = bench.casebook("outliers").stdout
    assert shown.splitlines() == [
        "Year,WeekNumber,VoteCount",
        *(",".join(map(str, week)) for week in SIX_WEEKS),
    ]
    assert bench.query("from blog_analysis.outlier_weeks") == SIX_WEEKS
    bench.dbt("compile", "--select", "busiest_weeks")
    (analysis,) = (bench.root / "target" / "compiled").rglob("busiest_weeks.sql")
    assert [row[:3] for row in bench.query(analysis.read_text())[:3]] == [
        (2022, 1, 3),
        (2022, 2, 3),
        (2022, 3, 2),
    ]


def test_outliers_without_votes_names_the_command_to_run(bench: Workbench) -> None:
    failed = bench.casebook("outliers", status=1)
    assert "casebook build --select +votes" in failed.stderr
    assert not bench.warehouse.exists()


def test_a_second_load_and_build_change_nothing(bench: Workbench) -> None:
    bench.casebook("sample", str(bench.raw))
    bench.casebook("build", *UNTESTED)
    first = bench.blog_marts()
    loaded_at = bench.query("select source_file, loaded_at from audit.loaded_files order by all")
    landed = {path: path.stat().st_mtime_ns for path in bench.lake.rglob("*.parquet")}
    again = bench.casebook("build", "--force")
    assert "12 unchanged" in again.stdout
    assert "full refresh" not in again.stderr
    assert bench.blog_marts() == first
    assert {path: path.stat().st_mtime_ns for path in bench.lake.rglob("*.parquet")} == landed
    assert loaded_at == bench.query(
        "select source_file, loaded_at from audit.loaded_files order by all"
    )
    assert bench.query("select count(*), count(distinct build_id) from audit.builds") == [(2, 2)]


def test_files_in_any_order_give_what_they_give_at_once(bench: Workbench, tmp_path: Path) -> None:
    bench.casebook("sample", str(tmp_path / "all"))
    files = sorted(path for path in (tmp_path / "all" / "blog").rglob("*") if path.is_file())
    order = random.Random(5).sample(files, len(files))
    parts = (order[:5], order[5:6], order[6:11], order[11:])
    for part in parts:
        for path in part:
            place = bench.raw / path.relative_to(tmp_path / "all")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, place)
        options = () if part is parts[-1] else UNTESTED
        assert "full refresh" not in bench.casebook("build", *options).stderr
    piecemeal = bench.blog_marts()
    bench.casebook("build", "--full-refresh", *UNTESTED)
    assert bench.blog_marts() == piecemeal
    with workbench_of("blog") as at_once:
        at_once.raw = tmp_path / "all"
        at_once.casebook("build", *UNTESTED)
        assert at_once.blog_marts() == piecemeal


def test_an_amended_file_replaces_its_records(bench: Workbench) -> None:
    bench.write("a.jsonl", [vote(1), vote(2), vote(3)])
    bench.write("b.jsonl", [vote(3, PostId="7")])
    bench.casebook("build", *UNTESTED)
    bench.write("a.jsonl", [vote(1), vote(4), vote(5), vote(6)])
    amended = bench.casebook("build")
    assert "1 amended, 1 unchanged" in amended.stdout
    assert "full refresh of votes: blog/votes/a.jsonl, built before, landed again" in amended.stderr
    assert bench.query("select vote_id, post_id from blog_analysis.votes order by all") == [
        (1, 101),
        (3, 7),
        (4, 104),
        (5, 105),
        (6, 106),
    ]
    assert bench.query("select sum(superseded), sum(kept) from audit.row_accounting") == [(0, 5)]


def test_every_kind_of_dirt_is_accounted_for(bench: Workbench) -> None:
    bad = [
        (b'{"Id":"90","PostId":"1"', "quarantined", "not_json"),
        (b'[{"Id":"91"}]', "quarantined", "not_an_object"),
        (b"17", "quarantined", "not_an_object"),
        (b'{"Id":"92\xff","PostId":"1"}', "quarantined", "bad_bytes"),
        (b'{"Id":"R","PostId":"1","VoteTypeId":"2","CreationDate":"2022-01-02"}', "rejected", "Id"),
        (b'{"Id":"","PostId":"1","VoteTypeId":"2","CreationDate":"2022-01-02"}', "rejected", "Id"),
        (b'{"PostId":"1","VoteTypeId":"2","CreationDate":"2022-01-02"}', "rejected", "Id"),
        (
            b'{"Id":"93","PostId":"@","VoteTypeId":"2","CreationDate":"2022-02-30"}',
            "rejected",
            "PostId: not_an_integer; CreationDate: not_a_timestamp",
        ),
        (
            b'{"Id":"94","PostId":"1","VoteTypeId":"2","CreationDate":"20229999-02-06"}',
            "rejected",
            "CreationDate: not_a_timestamp",
        ),
        (
            b'{"Id":"95","PostId":"1","VoteTypeId":"2","CreationDate":"2022-01-02",'
            b'"BountyAmount":"INFINITE"}',
            "rejected",
            "BountyAmount: not_an_integer",
        ),
    ]
    lines = [b"\xef\xbb\xbf" + json.dumps(vote(1)).encode(), b"", b"  "]
    expected = []
    for number, (text, stage, reason) in enumerate(bad):
        lines += [text, json.dumps(vote(10 + number)).encode(), b""]
        expected.append((2 + 2 * number, stage, reason, text))
    bench.write("dirty.jsonl", b"\r\n".join(lines).rstrip())
    bench.write("clean.jsonl.gz", gzip.compress(json.dumps(vote(2)).encode()))
    bench.casebook("build")
    assert [
        row for (row,) in bench.query("select vote_id from blog_analysis.votes order by 1")
    ] == [
        1,
        2,
        *range(10, 10 + len(bad)),
    ]
    shown = bench.query(
        "select source_record, stage, reasons, raw_text from audit.rejected_rows order by 1"
    )
    assert len(shown) == len(expected)
    for (record, stage, reasons, raw_text), (number, as_stage, reason, text) in zip(
        shown, expected, strict=True
    ):
        assert (record, stage) == (number, as_stage)
        assert reasons.startswith(reason)
        if stage == "rejected":
            delivered = json.loads(text)
            assert {k: v for k, v in json.loads(raw_text).items() if v is not None} == delivered
        else:
            assert raw_text == text.decode("utf-8", "backslashreplace")
    assert bench.query(
        "select records, quarantined, landed, items, rejected, kept from audit.row_accounting"
        " where source_file = 'blog/votes/dirty.jsonl'"
    ) == [(21, 4, 17, 17, 6, 11)]
    assert "quarantined" in bench.casebook("rejects").stdout
    assert '{"Id":"90","PostId":"1"' in bench.casebook("rejects", "--text").stdout


MIXES = st.lists(
    st.lists(
        st.one_of(
            st.builds(
                lambda number, post, user: json.dumps(vote(number, PostId=post, UserId=user)),
                st.integers(1, 12),
                st.sampled_from(["1", "2", "x"]),
                st.sampled_from([None, "5"]),
            ),
            st.sampled_from(["", "  ", "{", "[]", '{"Id":"1"}', "null", "\x00"]),
        ),
        max_size=12,
    ),
    min_size=2,
    max_size=4,
)


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(files=MIXES, order=st.randoms(use_true_random=False))
def test_random_mixes_always_balance(files: list[list[str]], order: random.Random) -> None:
    with workbench_of("blog") as bench:
        check_that_a_mix_balances(bench, files, order)


def check_that_a_mix_balances(
    bench: Workbench, files: list[list[str]], order: random.Random
) -> None:
    names = [f"{number}.jsonl" for number in range(len(files))]
    shuffled = order.sample(names, len(names))
    contents = dict(zip(names, files, strict=True))
    # A file of which no record has the required columns is refused: one good record prevents that.
    for part, options in ((shuffled[:1], UNTESTED), (shuffled[1:], ())):
        for name in part:
            lines = [*contents[name], json.dumps(vote(100 + int(name[0])))]
            bench.write(name, "\n".join(lines).encode())
        bench.casebook("build", "-q", *options)
    kept: dict[int, tuple] = {}
    accepted, rejected, quarantined, records = [], 0, 0, 0
    for name in names:
        number = 0
        for line in [*contents[name], json.dumps(vote(100 + int(name[0])))]:
            if not line.strip():
                continue
            number, records = number + 1, records + 1
            try:
                value = json.loads(line)
            except ValueError:
                value = None
            if not isinstance(value, dict):
                quarantined += 1
            elif len(value) == 1 or value["PostId"] == "x":
                rejected += 1
            else:
                row = (int(value["Id"]), value["PostId"], value.get("UserId"))
                accepted.append(row)
                kept[row[0]] = (*row, f"blog/votes/{name}", number)
    equal = sum(row == kept[row[0]][:3] for row in accepted) - len(kept)
    assert bench.query(
        "select vote_id, post_id::varchar, user_id::varchar, source_file, source_record"
        " from blog_analysis.votes order by 1"
    ) == sorted(kept.values())
    assert bench.query(
        "select sum(records), sum(quarantined), sum(rejected), sum(duplicate), sum(superseded),"
        " sum(kept) from audit.row_accounting"
    ) == [
        (records, quarantined, rejected, equal, len(accepted) - len(kept) - equal, len(kept)),
    ]
    assert bench.query("select count(*) from audit.rejected_rows") == [(quarantined + rejected,)]
