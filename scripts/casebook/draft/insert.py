"""Adds to YAML that people wrote, and leaves every other byte of it as it is."""

from __future__ import annotations

import textwrap
from typing import Any

import yaml

from casebook.draft.draft import scalar


class NotThere(Exception):
    """The YAML is not of the form that something could be added to."""


def add_table(text: str, source: str, entry: str) -> str:
    """Add a table at the end of a source's list of tables.

    Args:
        text: the source YAML.
        source: the name of a source in it.
        entry: the table, as an item of a list that is not indented.

    Raises:
        NotThere: if the source has no list of tables with one item a line.
    """
    root = _compose(text)
    for node in getattr(_value(root, "sources"), "value", []):
        if isinstance(node, yaml.MappingNode) and _text(node, "name") == source:
            tables = _value(node, "tables")
            if not isinstance(tables, yaml.SequenceNode) or tables.flow_style or not tables.value:
                raise NotThere
            added = _add_item(text, tables, entry)
            wanted = yaml.safe_load(text)
            for known in wanted["sources"]:
                if known["name"] == source:
                    known["tables"] += yaml.safe_load(entry)
            return _checked(added, wanted)
    raise NotThere


def add_staged_table(text: str, table: str) -> str:
    """Add a table to the list `staged_tables` among the vars of dbt_project.yml.

    Args:
        text: the project's YAML.
        table: the table, as `source.table`.

    Raises:
        NotThere: if there is no such list.
    """
    tables = _value(_value(_compose(text), "vars"), "staged_tables")
    if not isinstance(tables, yaml.SequenceNode):
        raise NotThere
    wanted = yaml.safe_load(text)
    if table in wanted["vars"]["staged_tables"]:
        return text
    wanted["vars"]["staged_tables"].append(table)
    if not tables.flow_style:
        return _checked(_add_item(text, tables, f"- {scalar(table)}\n"), wanted)
    end = tables.end_mark.index - 1
    before = text[:end].rstrip()
    lead = "" if before.endswith(("[", ",")) else ","
    gap = " " if lead or before.endswith(",") else ""
    return _checked(f"{before}{lead}{gap}{scalar(table)}{text[end:]}", wanted)


def _compose(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise NotThere from error


def _checked(text: str, wanted: Any) -> str:  # noqa: ANN401
    """The text, if it means what it should."""
    try:
        if yaml.safe_load(text) == wanted:
            return text
    except yaml.YAMLError as error:
        raise NotThere from error
    raise NotThere


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key:
                return value
    return None


def _text(node: yaml.Node, key: str) -> str | None:
    value = _value(node, key)
    return value.value if isinstance(value, yaml.ScalarNode) else None


def _add_item(text: str, items: yaml.SequenceNode, entry: str) -> str:
    """Add an item below the last line of a list's last item."""
    newline = "\r\n" if "\r\n" in text else "\n"
    end = _end(items)
    # A block of text ends where the next line begins, after lines that may belong to others.
    at_line_start = text[:end].endswith("\n")
    if at_line_start:
        end = len(text[:end].rstrip())
    line_end = text.find("\n", end)
    before, after = (text, "") if line_end < 0 else (text[: line_end + 1], text[line_end + 1 :])
    if not before.endswith("\n"):
        before += newline
    indented = textwrap.indent(entry, " " * items.start_mark.column)
    return before + indented.replace("\n", newline) + after


def _end(node: yaml.Node) -> int:
    """Where the last piece of a node's text ends."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return node.end_mark.index
