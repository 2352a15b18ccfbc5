"""The report and the catalogue: what is drawn, what is said of it, and both in a real browser."""

from __future__ import annotations

import fcntl
import html
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from casebook.report.plots import draw
from workbench import PROJECT

CHROMIUM = shutil.which("chromium")
PLOTS = {
    analysis["name"]: analysis["config"]["meta"]["plot"]
    for path in sorted((PROJECT / "analyses" / "report").glob("*.yml"))
    for analysis in yaml.safe_load(path.read_text(encoding="utf-8"))["analyses"]
}
# Pages of the catalogue: all tables and the diagram, a model, a source, the lineage.
TABLES = ("node/model.casebook.votes", "node/source.casebook.blog.votes")
PLACES = ("overview", "dag", *TABLES)
BROWSER = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def site(built_clone) -> Path:
    """The pages of the sample, written once for all workers."""
    folder = built_clone.project / "target" / "site"
    with (built_clone.project.parent / "site").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "catalogue.html").exists():
            built_clone.run("casebook", "report")
    return folder


@pytest.fixture(scope="module")
def page(site) -> str:
    return (site / "index.html").read_text(encoding="utf-8")


def test_each_declared_plot_is_a_figure_in_its_order(page) -> None:
    ordered = sorted(PLOTS, key=lambda name: (PLOTS[name]["order"], name))
    assert re.findall(r'<figure id="(\w+)">', page) == ordered
    assert page.count("<svg") == len(re.findall("<summary>The rows", page)) > 0


def test_its_sentences_have_the_figures_of_the_marts(built_clone, page) -> None:
    [(outliers,)] = built_clone.query("select count(*) from blog_analysis.outlier_weeks")
    [(weeks,)] = built_clone.query("select count(*) from blog_analysis.weekly_votes")
    assert f"<p>{outliers} of {weeks} weeks are outliers" in page
    [(items, kept)] = built_clone.query(
        "select sum(quarantined + items), sum(kept) from audit.row_accounting"
    )
    assert f"Of {items:,} records and items {kept:,} are kept" in page
    [(title, lines)] = built_clone.query(
        "select album_title, line_count from music_store.album_sales"
        " order by line_count desc, album_title, album_id limit 1"
    )
    assert f"{html.escape(title)} of" in page
    assert f"was sold most: {lines} invoice lines" in page


def test_it_names_build_and_tests_and_has_no_script(built_clone, page) -> None:
    # Another test may have built since, which changes no figure.
    builds = built_clone.query("select build_id, tests_passed from audit.builds")
    assert any(
        f"Build {build}" in page and f"{passed} tests passed" in page for build, passed in builds
    )
    assert "<script" not in page


def test_every_link_of_the_page_leads_somewhere(site, page) -> None:
    nodes = set(re.findall(r"(?:model|source)\.casebook\.[\w.]+", json.dumps(_manifest(site))))
    for target in re.findall(r'href="([^"]+)"', page):
        if not target.startswith("data:"):
            file, _, place = target.partition("#")
            assert (site / file).is_file(), target
            assert not place or place.removeprefix("/node/") in nodes, target


def test_columns_have_their_lineage_or_are_listed_with_the_reason(page) -> None:
    found = re.search(r"<summary>([\d,]+) of ([\d,]+) columns have their lineage", page)
    known, columns = (int(number.replace(",", "")) for number in found.groups())
    assert known >= 0.85 * columns
    listed = page.split(found[0])[1]
    assert listed.count("<tr><td>") == columns - known


def test_every_mart_that_a_reader_reads_is_in_its_exposure(site) -> None:
    assert not list(_unnamed(_manifest(site)))


@pytest.mark.parametrize(
    ("exposure", "mart"), [("http_api", "ctr"), ("report", "films"), ("delivery", "votes")]
)
def test_a_mart_that_an_exposure_does_not_name_is_found(site, exposure, mart) -> None:
    manifest = _manifest(site)
    node = f"model.casebook.{mart}"
    manifest["exposures"][f"exposure.casebook.{exposure}"]["depends_on"]["nodes"].remove(node)
    assert list(_unnamed(manifest)) == [(exposure, node)]


def _unnamed(manifest: dict) -> Iterator[tuple[str, str]]:
    """Exposures and the marts that are read for them and that they do not name."""
    named = {one["name"]: set(one["depends_on"]["nodes"]) for one in manifest["exposures"].values()}
    for name, node in manifest["nodes"].items():
        meta, read = node["config"].get("meta", {}), {}
        if "api" in meta:
            read["http_api"] = [name]
        if "plot" in meta:
            read["report"] = node["depends_on"]["nodes"]
        is_table = node["config"].get("materialized") != "table_function"
        if node.get("access") == "public" and node["resource_type"] == "model" and is_table:
            read["delivery"] = [name]
        for exposure, marts in read.items():
            yield from ((exposure, mart) for mart in marts if mart not in named[exposure])


def test_what_a_mart_holds_is_text_in_a_drawing() -> None:
    declared = {"mark": "bar", "encoding": {"y": {"field": "a", "type": "nominal"}}}
    svg = draw(declared, [{"a": "<script>alert(1)</script>"}])
    assert "<script" not in svg
    assert "&lt;script" in svg


def test_a_plot_that_is_not_vega_lite_is_an_error() -> None:
    with pytest.raises(ValueError, match="not Vega-Lite"):
        draw({"mark": "pie chart"}, [{"a": 1}])


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium")
@pytest.mark.parametrize(
    ("width", "scheme", "places"),
    # The diagram and the lineage are what takes a browser long.
    [
        (390, "dark", PLACES),
        (1400, "light", PLACES),
        (390, "light", TABLES),
        (1400, "dark", TABLES),
    ],
)
def test_in_a_browser_both_pages_are_whole_and_accessible(site, width, scheme, places) -> None:
    from axe_core_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    addresses = [(site / "index.html").as_uri()]
    addresses += [f"{(site / 'catalogue.html').as_uri()}#/{place}" for place in places]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=BROWSER)
        for address in addresses:
            tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            errors: list[str] = []
            requests: list[str] = []
            tab.on("console", lambda m, to=errors: m.type == "error" and to.append(m.text))
            tab.on("pageerror", lambda error, to=errors: to.append(str(error)))
            tab.on("request", lambda request, to=requests: to.append(request.url))
            tab.goto(address)
            tab.wait_for_selector("figure svg, #app h1", timeout=60_000)
            tab.wait_for_timeout(300)
            ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
            is_dark = sum(map(int, re.findall(r"\d+", ground)[:3])) < 3 * 128
            assert is_dark == (scheme == "dark"), address
            assert not errors, address
            assert all(url.startswith(("file:", "data:")) for url in requests), address
            assert tab.evaluate("document.documentElement.scrollWidth") <= width, address
            violations = Axe().run(tab)["violations"]
            bad = [v for v in violations if v["impact"] in ("serious", "critical")]
            found = [(v["id"], [node["target"] for node in v["nodes"]][:3]) for v in bad]
            assert not found, address
            tab.close()
        browser.close()


def _manifest(site: Path) -> dict:
    return json.loads((site.parent / "site_work" / "dbt" / "manifest.json").read_bytes())


def test_the_overview_of_dbts_docs_links_to_its_tables(site) -> None:
    manifest = _manifest(site)
    text = manifest["docs"]["doc.casebook.__overview__"]["block_contents"]
    linked = set(re.findall(r"\(#!/model/([\w.]+)\)", text))
    public = {n for n, node in manifest["nodes"].items() if node.get("access") == "public"}
    assert public == linked
