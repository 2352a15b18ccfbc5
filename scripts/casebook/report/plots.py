"""Plots that analyses declare (`meta: plot:`), drawn as SVG from the published warehouse."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import altair
import duckdb
import vl_convert
from jsonschema import ValidationError

from casebook.errors import CasebookError

# Keys of `meta: plot:` that are not Vega-Lite's.
OWN_KEYS = {"order", "title", "mart", "sentence", "label"}
# The colours of Okabe and Ito, which the colour-blind can tell apart, darkened to be seen on white.
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#9467bd", "#b8860b", "#c2548b", "#5b6b7a"]
THEME = {
    "background": None,
    # One that vl-convert can measure: labels drawn in one that it cannot are cut off.
    "font": "DejaVu Sans, Verdana, Arial, sans-serif",
    "axis": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "domainColor": "currentColor",
        "tickColor": "currentColor",
        "gridColor": "currentColor",
        "gridOpacity": 0.15,
        "labelLimit": 260,
    },
    "legend": {"labelColor": "currentColor", "titleColor": "currentColor", "orient": "bottom"},
    "view": {"stroke": None},
    "range": {"category": COLOURS},
    "mark": {"color": COLOURS[0]},
}


@dataclass(frozen=True)
class Plot:
    """A plot as the page shows it.

    Attributes:
        name: that of the analysis; the figure's id.
        title: its heading.
        mart: dbt's node of the mart that it is drawn from.
        columns: names of the columns of its rows.
        rows: the rows as texts.
        sentence: what one sees, with its figures; empty where there are no rows.
        svg: the drawing, empty where there are no rows.
    """

    name: str
    title: str
    mart: Mapping[str, Any]
    columns: list[str]
    rows: list[tuple[str | None, ...]]
    sentence: str
    svg: str


def draw_plots(
    connection: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any]
) -> Iterator[Plot]:
    """Draw every plot that the project declares.

    Args:
        connection: to the published warehouse.
        manifest: dbt's manifest with compiled analyses, as `dbt docs generate` writes it.

    Yields:
        The plots in their declared order.

    Raises:
        CasebookError: if a plot is declared wrongly or its query fails.
    """
    analyses = [
        (node["config"]["meta"]["plot"]["order"], node["name"], node)
        for node in manifest["nodes"].values()
        if node["resource_type"] == "analysis" and "plot" in node["config"].get("meta", {})
    ]
    for _, name, node in sorted(analyses):
        declared = node["config"]["meta"]["plot"]
        try:
            mart = manifest["nodes"][f"model.{node['package_name']}.{declared['mart']}"]
            connection.execute(f"create or replace temp table plot as {node['compiled_code']}")
            found = connection.execute("select cast(columns(*) as varchar) from plot")
            columns, rows = [column[0] for column in found.description], found.fetchall()
            sentence, svg = "", ""
            if rows:
                [(sentence,)] = connection.execute(declared["sentence"]).fetchall()
                values = connection.execute("select to_json(plot) from plot").fetchall()
                svg = draw(declared, [json.loads(value) for (value,) in values])
        except (KeyError, ValueError, duckdb.Error) as error:
            raise CasebookError(
                f"the plot cannot be drawn: {type(error).__name__}: {str(error).splitlines()[0]}",
                file=node["original_file_path"],
                fix="mend the query, or `meta: plot:` in the YAML beside it",
            ) from error
        yield Plot(name, declared["title"], mart, columns, rows, sentence, svg)


def draw(declared: Mapping[str, Any], rows: list[dict[str, Any]]) -> str:
    """A plot as SVG that takes its colours of text and lines from the page.

    Args:
        declared: Vega-Lite, as `meta: plot:` has it, without data; `label: {field, title}` labels
            one column's values with another's, which tells rows of the same title apart.
        rows: what is drawn.

    Raises:
        ValueError: if it is not Vega-Lite.
    """
    spec = {"width": 620, "data": {"values": rows}}
    spec |= {key: value for key, value in declared.items() if key not in OWN_KEYS}
    if label := declared.get("label"):
        titles = {str(row[label["field"]]): row[label["title"]] or "" for row in rows}
        y = declared["encoding"]["y"]
        axis = y.get("axis", {}) | {"labelExpr": f"({json.dumps(titles)})[datum.value]"}
        y = y | {"type": "nominal", "axis": axis}
        spec["encoding"] = declared["encoding"] | {"y": y}
    try:
        chart = altair.Chart.from_dict(spec)
    except ValidationError as error:
        raise ValueError(f"not Vega-Lite: {error.message}") from error
    svg: str = vl_convert.vegalite_to_svg(chart.to_dict(), config=THEME)
    # The sentence and the table say the same to those who do not see it.
    return svg.replace("<svg ", '<svg aria-hidden="true" ', 1)
