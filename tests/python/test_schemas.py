"""Two people's targets in one warehouse do not meet."""

from __future__ import annotations

from pathlib import Path

import yaml
from workbench import PROJECT, Workbench, vote


def test_two_targets_share_a_file_and_have_schemas_of_their_own(
    bench: Workbench, tmp_path: Path
) -> None:
    bench.write("a.jsonl", [vote(1), vote(2)])
    bench.casebook("load", "--quiet")
    profiles = yaml.safe_load((PROJECT / "profiles.yml").read_text(encoding="utf-8"))
    outputs = profiles["casebook"]["outputs"]
    outputs["ada"] = outputs["duckdb"] | {"schema": "ada"}
    (tmp_path / "profiles.yml").write_text(yaml.safe_dump(profiles))
    build = ("--quiet", "build", "--select", "+outlier_weeks", "--indirect-selection", "buildable")
    bench.dbt(*build)
    found = "select schema_name || '.' || table_name from duckdb_tables() union all"
    found += " select schema_name || '.' || view_name from duckdb_views() where not internal"
    ours = {name for (name,) in bench.query(found)}
    assert {"blog_analysis.votes", "staging.stg_blog__votes", "raw_blog.votes"} <= ours
    bench.write("b.jsonl", [vote(3)])
    bench.casebook("load", "--quiet")
    bench.dbt(*build, "--profiles-dir", str(tmp_path), "--target", "ada")
    both = {name for (name,) in bench.query(found)}
    assert both - ours == {f"ada_{name}" for name in ours}
    votes = "select count(*) from {}blog_analysis.votes"
    assert bench.query(votes.format("")) == [(2,)]
    assert bench.query(votes.format("ada_")) == [(3,)]
