"""The texts of a draft: the declaration of a raw table, its staging model, and the model's YAML."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from casebook.draft.judge import TEXT, Guess, Key

WIDTH = 100


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
    """

    source: str
    table: str
    seen: str
    guesses: Sequence[Guess]
    key: Key
    group: str | None

    @property
    def model(self) -> str:
        """Name of the staging model."""
        return f"stg_{self.source}__{self.table}"

    @property
    def required(self) -> list[Guess]:
        return [guess for guess in self.guesses if guess.required]


def source_start(draft: Draft) -> str:
    """A source YAML that declares no table yet."""
    return f"""\
sources:
  - name: {draft.source}
    # confirm: who delivers this, and what about.
    description: What {draft.source} delivers, one folder a table.
    schema: raw_{draft.source}
    loader: casebook load
    tables:
"""


def table_entry(draft: Draft) -> str:
    """The declaration of the table: an item of a list, not indented."""
    lines = [
        f"- name: {scalar(draft.table)}",
        *_comment(
            f"drafted from {draft.seen}; say what a record is, and what each column means.", 2
        ),
        f"  description: Records of {draft.table}, as they are delivered.",
        "  config:",
    ]
    if draft.key.columns:
        names = ", ".join(scalar(name.declared) for name in draft.key.columns)
        lines += ["    meta:", *_comment(f"{draft.key.remark}.", 6), f"      key: [{names}]"]
    else:
        lines += _comment(
            f"no `meta: {{key: [...]}}`: {draft.key.remark}. Without a key, a file that is"
            " delivered twice counts once.",
            4,
        )
    lines += [
        "    # The ledger knows when files arrived, without a look at their records.",
        "    loaded_at_query: >",
        "      select max(loaded_at) from raw_lake.ledger",
        f"      where source_name = '{draft.source}' and table_name = '{draft.table}'",
        "    # confirm: how often files arrive.",
        "    freshness:",
        "      warn_after: {count: 2, period: day}",
        "      error_after: {count: 14, period: day}",
        "  columns:",
    ]
    for guess in draft.guesses:
        lines.append(f"    - name: {scalar(guess.name.declared)}")
        if guess.remarks:
            lines += _comment("; ".join(guess.remarks) + ".", 6)
        lines.append(f"      description: {_sentence(guess.kind.name)}")
        lines += _column_config(guess)
    return "\n".join(lines) + "\n"


def _column_config(guess: Guess) -> list[str]:
    meta = []
    if guess.required:
        meta.append("required: true")
    if guess.name.aliases:
        meta.append(f"aliases: [{', '.join(map(scalar, guess.name.aliases))}]")
    if guess.decode:
        meta.append(f"decode: {guess.decode}")
    if not meta:
        return []
    note = "  # confirm: never null" if guess.required else ""
    line = f"      config: {{meta: {{{', '.join(meta)}}}}}{note}"
    if len(line) + 6 <= WIDTH:
        return [line]
    first, *rest = meta
    lines = ["      config:", "        meta:", f"          {first}{note}"]
    return [*lines, *(f"          {line}" for line in rest)]


def staging_sql(draft: Draft) -> str:
    """The staging model."""
    table = f"{draft.source}.{draft.table}"
    fields = "".join(f"    '{g.name.staging}': {_field(g)},\n" for g in draft.guesses)
    names = [guess.name.staging for guess in draft.guesses]
    final = [*names, "source_file", "source_record", "loaded_at", "rejection_reason"]
    return f"""\
-- Grain: one row per landed record of {draft.table}.

{{%- set fields = {{
{fields}}} %}}

with

source as (
    select * from {{{{ source('{draft.source}', '{draft.table}') }}}}
),

validated as (
    {{{{ validated_fields('source', '{table}', fields) }}}}
)

select
{_lines(final, 4)},
    case
        when rejection_reason is not null then {{{{ record_text('{table}') }}}}
    end as rejected_text
from validated
"""


def staging_yaml(draft: Draft) -> str:
    """The YAML beside the staging model."""
    lines = [
        "models:",
        f"  - name: {draft.model}",
        "    # confirm: what a record is.",
        "    description: >",
        *textwrap.wrap(
            f"One row per landed record of {draft.table}, with its fields cast, and why it is"
            " rejected where one of them is missing or does not cast.",
            WIDTH,
            initial_indent=" " * 6,
            subsequent_indent=" " * 6,
        ),
    ]
    if draft.group:
        lines += [
            "    config:",
            "      # confirm: who owns it; see models/marts/_groups.yml.",
            f"      group: {draft.group}",
        ]
    if draft.key.columns:
        names = [name.staging for name in draft.key.columns]
        sentence = f"{draft.table}_of_{draft.source}_have_one_row_per_{'_and_'.join(names)}"
        lines += [
            "    data_tests:",
            "      - one_row_per:",
            f"          name: {sentence}",
            "          # confirm: that a key stands in one record only, or how often it may.",
            "          description: The key is another, or a record was delivered again.",
            f"          arguments: {{key: [{', '.join(names)}]}}",
            "          config: {severity: warn, where: rejection_reason is null}",
        ]
    lines.append("    columns:")
    for guess in draft.guesses:
        kind = "as delivered" if guess.kind is TEXT else f"as {guess.kind.name}"
        lines += [
            f"      - name: {guess.name.staging}",
            f"        description: {scalar(f'The column {guess.name.declared} {kind}.')}",
        ]
    for name in ("source_file", "source_record", "loaded_at", "rejection_reason", "rejected_text"):
        lines += [f"      - name: {name}", f"""        description: "{{{{ doc('{name}') }}}}\""""]
    return "\n".join([*lines, *_unit_test(draft)]) + "\n"


def scalar(text: str) -> str:
    """A text as a YAML scalar that means just that, in a list too."""
    try:
        is_plain = yaml.safe_load(f"[{text}]") == [text] and not re.search(r"[#:{}\[\],]", text)
    except yaml.YAMLError:
        is_plain = False
    # What YAML takes between double quotes includes what JSON does.
    return (
        text
        if is_plain
        else yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10**6).removesuffix(
            "\n"
        )
    )


def _field(guess: Guess) -> str:
    """What the staging model says of a column: what it is, and how it is cast."""
    column = guess.name.declared
    parts = [f"'{column}'"]
    if guess.required or guess.kind is not TEXT:
        parts.append(f"'{guess.kind.reason}'")
    if guess.kind is not TEXT:
        size = "".join(f", {number}" for number in guess.size)
        parts.append(f"{guess.kind.macro}(adapter.quote('{column}'){size})")
    if guess.required:
        parts.append("required=true")
    one_line = f"field({', '.join(parts)})"
    if len(one_line) + len(guess.name.staging) + 9 <= WIDTH:
        return one_line
    return "field(\n" + ",\n".join(f"        {part}" for part in parts) + "\n    )"


def _unit_test(draft: Draft) -> list[str]:
    """A record that is good, one without any value, and one in which nothing casts."""
    good = [f"{guess.name.declared}: {scalar(guess.kind.good)}" for guess in draft.guesses]
    casts = [guess for guess in draft.guesses if guess.kind is not TEXT]
    missing = "; ".join(f"{guess.name.declared}: missing" for guess in draft.required)
    wrong = "; ".join(f"{guess.name.declared}: not_{guess.kind.reason}" for guess in casts)
    return [
        "",
        "unit_tests:",
        f"  - name: what_rejects_a_record_of_{draft.table}_of_{draft.source}",
        "    description: A good record, one without a value, and one in which nothing casts.",
        f"    model: {draft.model}",
        "    given:",
        f"      - input: source('{draft.source}', '{draft.table}')",
        "        rows:",
        *_row([*good, "_source_record: 1"]),
        *_row(["_source_record: 2"]),
        *_row([*(f"{g.name.declared}: {scalar('?')}" for g in draft.guesses), "_source_record: 3"]),
        "    expect:",
        "      rows:",
        "        - {source_record: 1, rejection_reason: null}",
        *_expected(2, missing),
        *_expected(3, wrong),
    ]


def _row(values: list[str]) -> list[str]:
    text = ", ".join(values)
    one_line = f"          - {{{text}}}"
    if len(one_line) <= WIDTH:
        return [one_line]
    first, *rest = values
    return [f"          - {first}", *(f"            {value}" for value in rest)]


def _expected(record: int, reasons: str) -> list[str]:
    if not reasons:
        return [f"        - {{source_record: {record}, rejection_reason: null}}"]
    return [
        f"        - source_record: {record}",
        "          rejection_reason: >-",
        *textwrap.wrap(
            reasons,
            WIDTH,
            initial_indent=" " * 12,
            subsequent_indent=" " * 12,
            break_long_words=False,
            break_on_hyphens=False,
        ),
    ]


def _comment(text: str, indent: int) -> list[str]:
    lead = " " * indent + "# "
    text = " ".join(text.split())
    return textwrap.wrap(
        f"confirm: {text}",
        WIDTH - 6,
        initial_indent=lead,
        subsequent_indent=lead,
        break_on_hyphens=False,
    )


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _lines(items: Sequence[str], indent: int) -> str:
    return ",\n".join(" " * indent + item for item in items)
