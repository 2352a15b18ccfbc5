"""Plots that analyses declare (`meta: plot:`), drawn as SVG from the published warehouse."""

from __future__ import annotations

import datetime
import decimal
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
# A font that vl-convert can measure: labels drawn in one that it cannot are cut off.
FONT = "DejaVu Sans, Verdana, Arial, sans-serif"
# The colours of Okabe and Ito, which the colour-blind can tell apart, darkened to be seen on white.
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#9467bd", "#b8860b", "#c2548b", "#5b6b7a"]
THEME = {
    "background": None,
    "font": FONT,
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
        sentence: what one sees, with its figures; empty where there are no rows.
        svg: the drawing, empty where there are no rows.
        columns: names of the columns of its rows.
        rows: the rows as texts.
        mart: the dbt id of the mart that it is drawn from, as the catalogue names it.
        mart_name: `schema.table` of that mart.
    """

    name: str
    title: str
    sentence: str
    svg: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    mart: str
    mart_name: str


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
    for *_, node in sorted(analyses):
        try:
            yield _draw(connection, manifest, node)
        except (KeyError, ValueError, duckdb.Error) as error:
            raise CasebookError(
                f"the plot cannot be drawn: {type(error).__name__}: {str(error).splitlines()[0]}",
                file=node["original_file_path"],
                fix="mend the query, or `meta: plot:` in the YAML beside it",
            ) from error


def _draw(
    connection: duckdb.DuckDBPyConnection,
    manifest: Mapping[str, Any],
    node: Mapping[str, Any],
) -> Plot:
    declared = node["config"]["meta"]["plot"]
    mart = manifest["nodes"][f"model.{node['package_name']}.{declared['mart']}"]
    connection.execute(f"create or replace temp table plot as {node['compiled_code']}")
    found = connection.execute("from plot")
    columns = tuple(column[0] for column in found.description)
    rows = found.fetchall()
    sentence, svg = "", ""
    if rows:
        [(sentence,)] = connection.execute(declared["sentence"]).fetchall()
        svg = draw(declared, [dict(zip(columns, row, strict=True)) for row in rows])
    return Plot(
        name=node["name"],
        title=declared["title"],
        sentence=sentence,
        svg=svg,
        columns=columns,
        rows=[tuple("" if value is None else str(value) for value in row) for row in rows],
        mart=mart["unique_id"],
        mart_name=f"{mart['schema']}.{mart['alias']}",
    )


def draw(declared: Mapping[str, Any], rows: list[dict[str, Any]]) -> str:
    """A plot as SVG that takes its colours of text and lines from the page.

    Args:
        declared: Vega-Lite, as `meta: plot:` has it, without data; `label: {field, title}` labels
            one column's values with another's, which tells rows of the same title apart.
        rows: what is drawn.

    Raises:
        ValueError: if it is not Vega-Lite.
    """
    spec = {key: value for key, value in declared.items() if key not in OWN_KEYS}
    values = [{name: _json(value) for name, value in row.items()} for row in rows]
    spec["data"] = {"values": values}
    spec.setdefault("width", 620)
    if label := declared.get("label"):
        titles = {str(row[label["field"]]): str(row[label["title"]] or "") for row in rows}
        axis = spec["encoding"]["y"].setdefault("axis", {})
        axis["labelExpr"] = f"({json.dumps(titles)})[datum.value]"
        spec["encoding"]["y"] = {**spec["encoding"]["y"], "type": "nominal", "axis": axis}
    try:
        chart = altair.Chart.from_dict(spec)
    except ValidationError as error:
        raise ValueError(f"not Vega-Lite: {error.message}") from error
    svg: str = vl_convert.vegalite_to_svg(chart.to_dict(), config=THEME)
    # The sentence and the table say the same to those who do not see it.
    return svg.replace("<svg ", '<svg aria-hidden="true" ', 1)


def _json(value: object) -> object:
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    return value
