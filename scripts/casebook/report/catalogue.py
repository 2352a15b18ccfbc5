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
import shutil
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from casebook.errors import CasebookError

# Beside this module: dbdocs' settings; styles that mend serious findings of axe in dbdocs 1.7.0;
# and a script that answers `fetch("dbdocs-data.json.gz")`.
HERE = Path(__file__).parent
KINDS = ("model", "seed", "source", "exposure", "metric", "semantic_model", "analysis", "test")
NO_COLUMN = "made of no column: a count, a constant, an argument, or what the lake knows"
NO_PARENT = "the model is built from no other"
NOT_PARSED = "the model's SQL is not understood"


@dataclass(frozen=True)
class Lineage:
    """How many columns models have; `model.column` of those without lineage, and the reason."""

    columns: int
    unknown: list[tuple[str, str]]


def write_catalogue(artifacts: Path, page: Path, work: Path) -> Lineage:
    """Write the catalogue.

    Args:
        artifacts: the folder with dbt's manifest.json and catalog.json.
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
    shutil.copyfile(artifacts / "catalog.json", work / "catalog.json")
    config = replace(DbDocsConfig.load(HERE / "dbdocs.yml"), target_dir=str(work))
    logging.disable(logging.WARNING)  # it logs to stderr what the command prints itself
    try:
        data = ReportBuilder(config).build_data()
    except DbDocsError as error:
        raise CasebookError(f"the catalogue cannot be made: {error}", file=work) from error
    finally:
        logging.disable(logging.NOTSET)
    data["health"]["enabled"] = False  # another linter's findings: dbt-bouncer is the project's
    _add_tests(data["nodes"], manifest["nodes"].values())
    page.write_text(_bundle(BUNDLE_DIR, data), encoding="utf-8")
    return _lineage(data, manifest["nodes"])


def _for_dbdocs(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest without what no reader looks for, and with foreign keys that dbterd finds.

    It takes a test for one where `relationship` stands in the test's id.
    """
    nodes = {}
    for name, node in manifest["nodes"].items():
        if (node.get("test_metadata") or {}).get("name") == "relationships":
            name = node["unique_id"] = re.sub(r"^test\.\w+\.", r"\g<0>relationship_", name)
        if node["resource_type"] in KINDS:
            nodes[name] = node
    return manifest | {"nodes": nodes, "unit_tests": {}}


def _add_tests(nodes: dict[str, Any], tests: Iterable[dict[str, Any]]) -> None:
    """Name the tests of columns and tables in words."""
    found: dict[tuple[str, str | None], list[str]] = defaultdict(list)
    for test in tests:
        if test["resource_type"] == "test":
            name, generic = test["name"], (test.get("test_metadata") or {}).get("name", "")
            words = generic if generic and name.startswith(f"{generic}_") else name
            words = words.replace("_", " ")
            words += "" if test["config"]["severity"] == "ERROR" else " (warn)"
            attached = test.get("attached_node")
            for table in [attached] if attached else test["depends_on"]["nodes"]:
                found[table, test.get("column_name")].append(words)
    for name, node in nodes.items():
        for column in node.get("columns", []):
            column["tests"] = sorted(found[name, column["name"]])
        if words := found[name, None]:
            node["description"] += "\n\nTests:\n\n" + "\n".join(f"- {one}" for one in sorted(words))


def _lineage(data: dict[str, Any], manifest_nodes: dict[str, Any]) -> Lineage:
    found, columns, unknown = data["columnLineage"], 0, []
    known = {name.rpartition(".")[0] for name, upstream in found.items() if upstream}
    for model, node in sorted(data["nodes"].items()):
        if model.startswith("model."):
            parents = manifest_nodes[model]["depends_on"]["nodes"]
            reason = NO_COLUMN if model in known else NOT_PARSED if parents else NO_PARENT
            names = [column["name"] for column in node.get("columns", [])]
            lacking = [name for name in names if not found.get(f"{model}.{name}")]
            unknown += [(f"{model.rpartition('.')[2]}.{name}", reason) for name in lacking]
            columns += len(names)
    return Lineage(columns, unknown)


def _bundle(site: Path, data: dict[str, Any]) -> str:
    """dbdocs' site, a folder with its page, styles and scripts, as one page."""

    def read(name: str) -> str:
        return (site / name).read_text("utf-8")

    def inline(code: str) -> str:
        return "<script>" + code.replace("</script", "<\\/script") + "</script>"

    # The modules import each other by the names that the import map has.
    imports = {
        f"dbdocs/{path.name}": _data_address(
            "text/javascript",
            re.sub(
                r'(from|import)(\s*)"\.[^"]*/([\w.]+)"', r'\1\2"dbdocs/\3"', path.read_text("utf-8")
            ),
        )
        for path in sorted((site / "assets/js").rglob("*.js"))
    }
    packed = gzip.compress(json.dumps(data, default=str, sort_keys=True).encode(), mtime=0)
    script = (HERE / "catalogue.js").read_text("utf-8")
    icon = _data_address("image/svg+xml", read("assets/favicon.svg"))
    html = read("index.html").replace("assets/favicon.svg", icon)
    html = re.sub(
        r'<link rel="stylesheet" href="([^"]+)" />', lambda m: f"<style>{read(m[1])}</style>", html
    )
    html = re.sub(r'<script src="([^"]+)"></script>', lambda m: inline(read(m[1])), html)
    for old, new in {
        "<title>dbt docs<": "<title>Casebook: catalogue<",
        ' src="assets/js/app.js">': '>import "dbdocs/app.js";',
        "</head>": f"<style>{(HERE / 'catalogue.css').read_text('utf-8')}</style>\n"
        + inline(script.replace("DATA", json.dumps(base64.b64encode(packed).decode()), 1))
        + f'\n<script type="importmap">{json.dumps({"imports": imports})}</script>\n</head>',
    }.items():
        html = html.replace(old, new, 1)
    return html


def _data_address(kind: str, text: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(text.encode()).decode()}"
