"""Texts from the templates beside this module, and what adds them to YAML that people wrote.

Where something is added, every other line stays as it is, comments too.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import jinja2
import yaml

from casebook.draft.kinds import JSON, TEXT

if TYPE_CHECKING:
    from casebook.draft.columns import Guess

WIDTH = 100


def render(template: str, **values: object) -> str:
    """The text of a template, such as `staging.sql`."""
    return _environment().get_template(f"{template}.jinja").render(values)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("casebook.draft", "templates"),
        block_start_string="[%",
        block_end_string="%]",
        variable_start_string="[[",
        variable_end_string="]]",
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(
        scalar=scalar, flow=_flow, confirm=_confirm, field=_field, reasons=_reasons
    )
    return environment


def scalar(text: str) -> str:
    """A text as a YAML scalar that means just that, in a list too."""
    try:
        is_plain = yaml.safe_load(f"[{text}]") == [text] and not re.search(r"[#:{}\[\],]", text)
    except yaml.YAMLError:
        is_plain = False
    if is_plain:
        return text
    quoted = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10**6)
    return quoted.removesuffix("\n")


def _flow(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(scalar, texts))}]"


def _confirm(text: str, indent: int = 0) -> str:
    """A comment that asks for a look; all but its first line are indented."""
    text, lead = f"confirm: {' '.join(text.split())}", " " * indent + "# "
    lines = textwrap.wrap(
        text, 90, initial_indent=lead, subsequent_indent=lead, break_on_hyphens=False
    )
    return "\n".join(lines).lstrip()


def _field(guess: Guess) -> str:
    """What the staging model says of a column: what it is, and how it is cast."""
    kind, column = guess.kind, f"'{guess.name.declared}'"
    name, parts = "field" if kind in (TEXT, JSON) else kind.reason, [column]
    if kind is JSON:
        parts += ["'json'", f"{kind.macro}(adapter.quote({column}))"]
    elif kind is TEXT and guess.required:
        parts += ["'a_text'"]
    parts += [*map(str, guess.size), *["required=true"] * guess.required]
    one_line = f"{name}({', '.join(parts)})"
    if len(one_line) + len(guess.name.staging) + 9 <= WIDTH:
        return one_line
    return f"{name}(\n" + ",\n".join(f"        {part}" for part in parts) + "\n    )"


def _reasons(text: str) -> str:
    """Reasons for a rejection as a folded YAML scalar."""
    lines = textwrap.wrap(text, 84, break_long_words=False, break_on_hyphens=False)
    return "\n".join([">-", *(" " * 12 + line for line in lines)]) if lines else "null"


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
