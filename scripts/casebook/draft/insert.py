"""Adds to YAML that people wrote: every other line stays as it is, comments too."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import yaml


class NotThere(Exception):
    """The YAML is not of the form that something could be added to."""


def item(text: str, indent: int) -> str:
    """A mapping as an item of a list."""
    return " " * indent + "- " + textwrap.indent(text, " " * (indent + 2))[indent + 2 :]


def add(text: str, path: Sequence[str], value: str | tuple[str, str]) -> str:
    """Put a member at the end of a mapping, or an item at that of a list.

    Args:
        text: the YAML.
        path: the keys that lead to a mapping or a list, or `name=x` for the item of a list that
            has that name; mappings on the way that are not there are made.
        value: a member of the mapping, as `(key, value)`, unless it has that key; or an item of the
            list, unless one of its name is there. Both are YAML, the first in one line.

    Raises:
        NotThere: if the path leads elsewhere.
    """
    lines = item(value, 0).splitlines() if isinstance(value, str) else [": ".join(value)]
    try:
        node: Any = yaml.compose(text)
        data = yaml.safe_load(text)
        for place, key in enumerate(path):
            name = key.removeprefix("name=")
            if name != key:
                at = [one["name"] for one in data].index(name)
                node, data = node.value[at], data[at]
                continue
            child = next((child for known, child in node.value if known.value == key), None)
            if child is None or data[key] is None:
                if node.flow_style or isinstance(value, str):
                    raise NotThere
                made = [f"{'  ' * n}{part}:" for n, part in enumerate(path[place:])]
                lines = [*made, "  " * len(made) + lines[0]]
                after, lines = (_end(child), lines[1:]) if child else (_end(node), lines)
                return _behind(text, after, node.start_mark.column, lines)
            node, data = child, data[key]
        if not isinstance(data, list if isinstance(value, str) else dict):
            raise NotThere
        if isinstance(value, str) and node.flow_style:
            raise NotThere
        known = [one["name"] for one in data] if isinstance(value, str) else data
        if (yaml.safe_load(value)["name"] if isinstance(value, str) else value[0]) in known:
            return text
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise NotThere from error
    if node.flow_style:
        end = node.end_mark.index - 1
        return f"{text[:end]}{', ' if node.value else ''}{lines[0]}{text[end:]}"
    return _behind(text, _end(node), node.start_mark.column, lines)


def _end(node: Any) -> int:  # noqa: ANN401
    """Where the content of a node ends; what the parser calls its end is where the next begins."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)


def _behind(text: str, place: int, indent: int, lines: Sequence[str]) -> str:
    """A text with lines behind the one that a place is in, or the last one before with content."""
    at = text.find("\n", len(text[:place].rstrip())) + 1
    before, after = (text[:at], text[at:]) if at else (f"{text}\n", "")
    return before + textwrap.indent("".join(f"{line}\n" for line in lines), " " * indent) + after
