"""The catalogue: dbdocs' site of tables, columns, lineage and ERD, as one file without a server.

dbdocs writes a folder of modules and data that a browser loads over HTTP only. Here all of it goes
into one page: styles and scripts inline, modules as an import map of data addresses, and the data
in place of what the page would fetch.
"""

from __future__ import annotations

import base64
import gzip
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from casebook.errors import CasebookError

# Serious findings of axe in dbdocs 1.7.0, mended.
STYLES = Path(__file__).with_name("catalogue.css")
# Answers `fetch("dbdocs-data.json.gz")`, and names what dbdocs leaves unnamed.
SCRIPT = Path(__file__).with_name("catalogue.js")
KINDS = ("model", "seed", "source", "exposure", "metric", "semantic_model", "analysis")


@dataclass(frozen=True)
class Lineage:
    """How many columns models have; `model.column` of those without lineage, and the reason."""

    columns: int
    unknown: tuple[tuple[str, str], ...]


def write_catalogue(artifacts: Path, page: Path, work: Path) -> Lineage:
    """Write the catalogue.

    Args:
        artifacts: the folder with dbt's manifest.json, catalog.json and run_results.json.
        page: the file to write.
        work: a folder for the artifacts as dbdocs takes them.

    Returns:
        Which columns have no lineage.

    Raises:
        CasebookError: if dbdocs cannot read the artifacts.
    """
    from dbdocs.core.config import DbDocsConfig
    from dbdocs.core.exceptions import DbDocsError
    from dbdocs.site.builder import BUNDLE_DIR, ReportBuilder

    manifest = json.loads((artifacts / "manifest.json").read_bytes())
    work.mkdir(parents=True, exist_ok=True)
    (work / "manifest.json").write_text(json.dumps(_for_dbdocs(manifest)), encoding="utf-8")
    (work / "catalog.json").write_bytes((artifacts / "catalog.json").read_bytes())
    config = DbDocsConfig(
        site_name="Casebook",
        project_name="Casebook",
        site_description="Tables, columns and lineage of the warehouse",
        site_url="",
        site_author="",
        repo_name="",
        repo_url="",
        show_buy_me_a_coffee=False,
        show_about=False,
        readme="",
        target_dir=str(work),
        dbterd={"resource_type": ["model"]},
    )
    logging.disable(logging.WARNING)  # it logs to stderr what the command prints itself
    try:
        data = ReportBuilder(config).build_data()
    except DbDocsError as error:
        raise CasebookError(f"the catalogue cannot be made: {error}", file=work) from error
    finally:
        logging.disable(logging.NOTSET)
    data["health"]["enabled"] = False  # another linter's findings: dbt-bouncer is the project's
    _add_tests(data["nodes"], manifest)
    page.write_text(bundle(BUNDLE_DIR, data), encoding="utf-8")
    return lineage_of(data)


def _for_dbdocs(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest without what no reader looks for, and with tests that dbterd finds.

    dbterd takes a test for a foreign key where `relationship` stands in its id.
    """
    nodes = {}
    for name, node in manifest["nodes"].items():
        test = node.get("test_metadata") or {}
        if test.get("name") == "relationships" and "relationship" not in name:
            kind, package, test_name, *rest = name.split(".")
            name = ".".join([kind, package, f"relationships_{test_name}", *rest])
            node = node | {"unique_id": name}
        if node["resource_type"] in (*KINDS, "test"):
            nodes[name] = node
    return manifest | {"nodes": nodes, "unit_tests": {}}


def _add_tests(nodes: dict[str, Any], manifest: Mapping[str, Any]) -> None:
    """Name the tests of columns and tables in words."""
    columns: dict[tuple[str, str], list[str]] = {}
    tables: dict[str, list[str]] = {}
    for test in manifest["nodes"].values():
        if test["resource_type"] != "test":
            continue
        generic = test.get("test_metadata") or {}
        is_named = generic and not test["name"].startswith(f"{generic['name']}_")
        name = test["name"] if is_named or not generic else generic["name"]
        words = name.replace("_", " ") + (
            "" if test["config"]["severity"] == "ERROR" else " (warn)"
        )
        if test.get("column_name"):
            columns.setdefault((test["attached_node"], test["column_name"]), []).append(words)
        else:
            attached = test.get("attached_node")
            for table in [attached] if attached else test["depends_on"]["nodes"]:
                tables.setdefault(table, []).append(words)
    for name, node in nodes.items():
        for column in node.get("columns", []):
            column["tests"] = sorted(columns.get((name, column["name"]), []))
        if found := tables.get(name):
            listed = "\n".join(f"- {words}" for words in sorted(found))
            node["description"] = f"{node['description']}\n\nTests:\n\n{listed}"


def lineage_of(data: Mapping[str, Any]) -> Lineage:
    """Which columns of models have no lineage, by what dbdocs found (`build_data`)."""
    found = data["columnLineage"]
    columns = [
        (model, column["name"])
        for model, node in sorted(data["nodes"].items())
        if model.startswith("model.")
        for column in node.get("columns", [])
    ]
    known = {name.rsplit(".", 1)[0] for name, upstream in found.items() if upstream}
    unknown = tuple(
        (
            f"{model.rsplit('.', 1)[1]}.{column}",
            "made of no column: a count, a constant, an argument, or what the lake knows"
            if model in known
            else "the model's SQL is not understood, or it is built from no other model",
        )
        for model, column in columns
        if not found.get(f"{model}.{column}")
    )
    return Lineage(len(columns), unknown)


def bundle(site: Path, data: Mapping[str, Any]) -> str:
    """dbdocs' site as one page.

    Args:
        site: the folder of its page, styles and scripts.
        data: `ReportBuilder.build_data`.
    """
    packed = gzip.compress(json.dumps(data, default=str, sort_keys=True).encode(), mtime=0)
    imports = {
        f"dbdocs/{path.name}": _data_address(
            "text/javascript", _bare_names(path.read_text("utf-8"))
        )
        for path in sorted((site / "assets/js").rglob("*.js"))
    }

    def style(match: re.Match[str]) -> str:
        return f"<style>{(site / match[1]).read_text('utf-8')}</style>"

    def script(match: re.Match[str]) -> str:
        return f"<script>{_inline((site / match[1]).read_text('utf-8'))}</script>"

    html = (site / "index.html").read_text("utf-8")
    html = re.sub(r'<link rel="stylesheet" href="([^"]+)" />', style, html)
    html = re.sub(r'<script src="([^"]+)"></script>', script, html)
    icon = _data_address("image/svg+xml", (site / "assets/favicon.svg").read_text("utf-8"))
    html = html.replace("assets/favicon.svg", icon)
    own = SCRIPT.read_text("utf-8").replace(
        "DATA", json.dumps(base64.b64encode(packed).decode()), 1
    )
    head = f"<style>{STYLES.read_text('utf-8')}</style>\n<script>{_inline(own)}</script>\n"
    head += f'<script type="importmap">{json.dumps({"imports": imports})}</script>\n</head>'
    html = html.replace("</head>", head, 1).replace(
        "<title>dbt docs<", "<title>Casebook: catalogue<"
    )
    start = '<script type="module">import "dbdocs/app.js";</script>'
    return html.replace('<script type="module" src="assets/js/app.js"></script>', start)


def _bare_names(code: str) -> str:
    """A module's code, importing the others by the names that the import map has."""
    return re.sub(r'(from|import)(\s*)"\.[^"]*/([\w.]+)"', r'\1\2"dbdocs/\3"', code)


def _data_address(kind: str, text: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(text.encode()).decode()}"


def _inline(code: str) -> str:
    """A script that may stand in a page, whatever texts are in it."""
    return code.replace("</script", "<\\/script")
