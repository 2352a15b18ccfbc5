"""The texts of a draft, from the templates beside this module, and what they add to YAML."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from casebook.draft.columns import Guess
from casebook.draft.key import Key
from casebook.draft.kinds import BOOLEAN, DATE, DECIMAL, INSTANT, INTEGER, TEXT, TIMESTAMP

WIDTH = 100
_FIELDS = {
    INTEGER: "an_integer",
    DECIMAL: "a_number",
    DATE: "a_date",
    TIMESTAMP: "a_timestamp",
    BOOLEAN: "a_boolean",
    INSTANT: "an_instant",
}


class NotThere(Exception):
    """The YAML is not of the form that something could be added to."""


@dataclass(frozen=True)
class Draft:
    """What is known of a table that is to be declared.

    Attributes:
        source: the dbt source.
        table: its table.
        seen: what the guesses rest on, such as `the first 20,000 records of a.csv`.
        guesses: its columns.
        key: its key, or why there is none.
        group: the group that the staging model says it belongs to; None where its folder says it.
        path_values: names for what the folders say.
        case: the case that takes the table up, or None.
    """

    source: str
    table: str
    seen: str
    guesses: Sequence[Guess]
    key: Key
    group: str | None
    path_values: Sequence[str] = ()
    case: str | None = None

    @property
    def model(self) -> str:
        """Name of the staging model."""
        return f"stg_{self.source}__{self.table}"

    @property
    def missing(self) -> str:
        """Why a record without any value is rejected."""
        required = [guess for guess in self.guesses if guess.required]
        return "; ".join(f"{guess.name.declared}: missing" for guess in required)

    @property
    def wrong(self) -> str:
        """Why a record in which nothing casts is rejected."""
        casts = [guess for guess in self.guesses if guess.kind is not TEXT]
        return "; ".join(f"{guess.name.declared}: not_{guess.kind.reason}" for guess in casts)


def render(template: str, draft: Draft) -> str:
    """The text of a template, such as `staging.sql`, for a draft."""
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
    return environment.get_template(f"{template}.jinja").render(draft=draft)


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
    lead = " " * indent + "# "
    text = "confirm: " + " ".join(text.split())
    lines = textwrap.wrap(
        text, 90, initial_indent="# ", subsequent_indent=lead, break_on_hyphens=False
    )
    return "\n".join(lines)


def _field(guess: Guess) -> str:
    """What the staging model says of a column: what it is, and how it is cast."""
    column, required = f"'{guess.name.declared}'", ["required=true"] if guess.required else []
    if guess.kind in _FIELDS:
        name, parts = _FIELDS[guess.kind], [column, *map(str, guess.size), *required]
    elif guess.kind is TEXT:
        name, parts = "field", [column, *(["'a_text'", *required] if required else [])]
    else:
        cast = f"{guess.kind.macro}(adapter.quote({column}))"
        name, parts = "field", [column, f"'{guess.kind.reason}'", cast, *required]
    one_line = f"{name}({', '.join(parts)})"
    if len(one_line) + len(guess.name.staging) + 9 <= WIDTH:
        return one_line
    return f"{name}(\n" + ",\n".join(f"        {part}" for part in parts) + "\n    )"


def _reasons(text: str) -> str:
    if not text:
        return "null"
    lines = textwrap.wrap(text, 84, break_long_words=False, break_on_hyphens=False)
    return ">-\n" + "\n".join(" " * 12 + line for line in lines)


def item(text: str, indent: int) -> str:
    """A mapping as an item of a list."""
    inner = textwrap.indent(text, " " * (indent + 2), lambda line: bool(line.strip()))
    return " " * indent + "- " + inner[indent + 2 :]


def add(text: str, path: Sequence[str], value: Any) -> str:  # noqa: ANN401
    """Add to YAML that people wrote: comments and quotes stay as they are.

    Args:
        text: the YAML.
        path: the keys that lead to a mapping or a list, or `name=x` for the item of a list that
            has that name; mappings on the way that are not there are made.
        value: a member of the mapping, as `(key, value)`, unless it has that key; or an item of the
            list, unless it is there. A text is read as YAML.

    Raises:
        NotThere: if the path leads elsewhere.
    """
    parser = YAML()
    parser.preserve_quotes = True
    parser.width = 4096
    parser.brace_single_entry_mapping_in_flow_sequence = True
    parser.indent(mapping=2, sequence=4, offset=2)
    try:
        root = node = parser.load(text)
        for key in path:
            if key.startswith("name="):
                node = next(one for one in node if one["name"] == key.removeprefix("name="))
            else:
                node = node.setdefault(key, {}) if node.get(key) is None else node[key]
        if isinstance(value, tuple):
            members = node.keys()
            if value[0] in members:
                return text
            node[value[0]] = parser.load(value[1])
            if isinstance(node, CommentedMap) and node.fa.flow_style() and node.ca.comment:
                # The comment behind a longer line would be one blank away.
                comment = node.ca.comment[0]
                comment.value = f" {comment.value}"
        elif (new := parser.load(value)) not in node:
            node.append(new)
    except (YAMLError, AttributeError, KeyError, StopIteration, TypeError) as error:
        raise NotThere from error
    out = io.StringIO()
    parser.dump(root, out)
    return out.getvalue()
