"""Texts from the templates beside this module, and how they spell YAML and calls of macros."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

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
