"""A slim build of a change, as the workflow makes it, and what it says of the change."""

from __future__ import annotations

import json
import shutil

from compared import diff_files
from workbench import PROJECT, UNTESTED, Workbench, vote


def test_a_slim_build_builds_what_changed_and_the_diff_shows_it(
    bench: Workbench, own_project: Workbench
) -> None:
    # Four weeks, of which none is an outlier.
    bench.write("a.jsonl", [vote(n, on=f"2022-01-{n:02}") for n in range(3, 30)])
    bench.casebook("load", "--quiet")
    bench.dbt("--quiet", "build", *UNTESTED)
    slim = own_project
    changed = slim.project / "models" / "marts" / "blog" / "outlier_weeks.sql"
    everything = changed.read_text().replace("* 1000000\n    >", "* 1000000\n    >= 0 *")
    changed.write_text(everything)
    slim.lake = bench.lake
    shutil.copyfile(bench.warehouse, slim.warehouse)
    state = str(bench.root / "target")
    options = ("--select", "state:modified+", "--exclude-resource-type", "unit_test")
    slim.dbt("--quiet", "build", *options, "--state", state)
    ran = json.loads((slim.root / "target" / "run_results.json").read_bytes())["results"]
    built = [one["unique_id"] for one in ran if one["unique_id"].startswith(("model.", "seed."))]
    assert built == ["model.casebook.outlier_weeks"]
    found = {t.name: t.differences for t in diff_files(bench.warehouse, slim.warehouse)}
    assert [name for name, differences in found.items() if differences] == [
        "blog_analysis.outlier_weeks"
    ]
    assert found["blog_analysis.outlier_weeks"][0].startswith("4 rows only after")


def test_the_workflow_makes_just_that() -> None:
    workflow = (PROJECT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert "dbt build --select state:modified+ --state" in workflow
    assert "scripts/parity.py --files" in workflow
