"""The texts of a draft, from the templates beside this module."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import jinja2
import yaml

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
