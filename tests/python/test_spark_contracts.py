"""A contract's columns that must not be null, on Spark: a null stops the model, and says where."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from test_spark import needs_spark, use_quick_settings
from workbench import Workbench, copy_project, vote

# The ways in which rows are written: each a mart over the same votes.
MARTS = {
    "whole": "materialized='table'",
    "added": "materialized='incremental', incremental_strategy='append',"
    " meta={'built_from': 'blog.votes'}",
    "replaced": "materialized='incremental', incremental_strategy='delete+insert',"
    " unique_key='vote_id', meta={'built_from': 'blog.votes'}",
}
# The vote on this post loses it, as by a slip in the model.
LOST = 113
MODEL = """\
{{{{ config({config}) }}}}
select vote_id, nullif(post_id, {lost}) as post_id
from {{{{ ref('stg_blog__votes') }}}}
{{% if is_incremental() %}}where source_file in {{{{ pending_files() }}}}{{% endif %}}
"""
CONTRACT = """\
models:
  - name: {name}
    columns:
      - {{name: vote_id, data_type: bigint, constraints: [{{type: not_null}}]}}
      - {{name: post_id, data_type: bigint, constraints: [{{type: not_null}}]}}
"""


@dataclass(frozen=True)
class Builds:
    """What two builds said, and the votes that each table held after them.

    Attributes:
        said: stdout and stderr of the second, which meets a null.
        before: the votes in each mart after the first; None where there is no such table.
        after: and after the second.
        later: and after a third, without the null.
    """

    said: str
    before: dict[str, list[int] | None]
    after: dict[str, list[int] | None]
    later: dict[str, list[int] | None]


def votes_in(warehouse: Path) -> dict[str, list[int] | None]:
    found: dict[str, list[int] | None] = {}
    for name in MARTS:
        files = [str(path) for path in (warehouse / "blog_analysis.db" / name).glob("*.parquet")]
        query = "select vote_id from read_parquet(?) order by vote_id"
        rows = duckdb.execute(query, [files]).fetchall() if files else None
        found[name] = None if rows is None else [row[0] for row in rows]
    return found


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Builds:
    folder = tmp_path_factory.mktemp("contracts")
    project = copy_project(folder / "project", "blog")
    for name, config in MARTS.items():
        mart = project / "models" / "marts" / "blog" / f"{name}.sql"
        mart.write_text(MODEL.format(config=config, lost=LOST))
        mart.with_suffix(".yml").write_text(CONTRACT.format(name=name))
    bench = Workbench(folder, project)
    warehouse = project / "target" / "spark"
    build = ("build", "--target", "spark", "--select", "+whole", "+added", "+replaced")
    with use_quick_settings(folder):
        bench.write("1.jsonl", [vote(1), vote(2)])
        bench.casebook(*build)
        before = votes_in(warehouse)
        bench.write("2.jsonl", [vote(3), vote(4, PostId=str(LOST)), vote(5)])
        failed = bench.casebook(*build, status=1)
        after = votes_in(warehouse)
        bench.write("2.jsonl", [vote(3), vote(4), vote(5)])
        bench.casebook(*build)
        return Builds(failed.stdout + failed.stderr, before, after, votes_in(warehouse))


@needs_spark
@pytest.mark.parametrize("name", MARTS)
def test_a_null_in_a_column_that_must_have_none_fails_the_model_by_name(
    builds: Builds, name: str
) -> None:
    assert builds.before[name] == [1, 2]
    said = (
        rf"^failed: model {name}\n(    .*\n)*    .*{name}\.post_id must not be null SQLSTATE: \w+$"
    )
    assert re.search(said, builds.said, re.M), builds.said
    assert "select * from" not in builds.said


@needs_spark
def test_no_row_of_a_failed_model_is_written(builds: Builds) -> None:
    assert builds.after == {"whole": None, "added": [1, 2], "replaced": [1, 2]}


@needs_spark
def test_the_next_build_makes_them_whole(builds: Builds) -> None:
    assert builds.later == {name: [1, 2, 3, 4, 5] for name in MARTS}
