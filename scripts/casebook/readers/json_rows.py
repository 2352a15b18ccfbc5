"""Lands JSON records in SQL: which rows are objects, which keys hold which column, which is bad."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from casebook.readers.base import Reading, Text, Workspace
from casebook.readers.columns import Columns, check_columns, coalesced, match_columns
from casebook.readers.count import NEARLY_WHOLE
from casebook.readers.rows import Rows, Spool, check_landed, copy_rows
from casebook.readers.text import notes_on_encoding
from casebook.sql import quote_text

if TYPE_CHECKING:
    from casebook.sources import Table

_BLANKS = "' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)"
_IS_BLANK = f"case when starts_with(text, '{{') then false else trim(text, {_BLANKS}) = '' end"
_IS_GOOD = f"""(
    code is null and json_valid(body)
    and case when starts_with(body, '{{') then true else trim(body, {_BLANKS})[1] = '{{' end
)"""
_MOST_KEYS = 10_000
# DuckDB reads decimals as doubles. One that a double may round to a whole number becomes a text
# with this mark, which is no character, before it, and is itself again when it lands.
_DECIMAL = "\ufdd0"
_EXACT = rf"""
    case
        when regexp_matches(body, '{NEARLY_WHOLE}') then regexp_replace(
            replace(
                regexp_replace(
                    body,
                    '("(?:[^"\\]|\\.)*"|-?[0-9.]+[eE][+-]?[0-9]+)|(-?(?:{NEARLY_WHOLE}))',
                    '\1' || chr(1) || '\2' || chr(1),
                    'g'
                ),
                chr(1) || chr(1),
                ''
            ),
            '\x01([^\x01]*)\x01',
            '"{_DECIMAL}\1"',
            'g'
        )
        else body
    end
"""
_REASON = """
    case
        when code is not null then code
        when json_valid(body) then 'not_an_object'
        else 'not_json'
    end as reason_code,
    case
        when code is not null then message
        when json_valid(body)
            then 'a JSON ' || lower(json_type(body)) || ' instead of an object'
        when body like '{%}' then 'no valid JSON'
        else 'no valid JSON: an object from { to } was expected'
    end as message
"""


def land_rows(table: Table, workspace: Workspace, rows: Rows, *, is_file: bool = True) -> Reading:
    """Land the rows that are JSON objects, and put the others into quarantine.

    Of a key that an object repeats the last counts.

    Args:
        table: the declaration.
        workspace: where to work.
        rows: the records.
        is_file: whether they are a whole file, which must have the required columns.

    Raises:
        Refused: if there are objects, and none of them has a required column.
    """
    # JSON does not know all blanks that may stand around a record.
    has_odd = "contains(text, chr(11)) or contains(text, chr(12))"
    body = f"case when {has_odd} then trim(text, {_BLANKS}) else text end"
    source = f"(select *, {body} as body from {rows.numbered(_IS_BLANK)})"
    good = f"(select * replace ({_EXACT} as body) from {source} where {_IS_GOOD})"
    keys, records, objects, repeats = _look(workspace, source)
    columns = match_columns(table, keys)
    if is_file and objects:
        check_columns(columns, keys)
    values, parsed = _values(columns, keys), _parsed(columns, keys)
    wanted = f"(select *, {parsed} as parsed from {good})"
    if repeats:
        wanted = _last_of_repeated(good, columns, keys)
        values = [(f"v{place}", name) for place, name in enumerate(columns.places)]
    values = [(_as_written(value), name) for value, name in values]
    landed = copy_rows(workspace, wanted, values, "n", rows.row_group)
    check_landed(landed, objects)
    if records > objects:
        workspace.quarantine.add_query(
            workspace.connection,
            f"select n as record, first_line, {_REASON}, coalesce(raw, encode(text)) as raw"
            f" from {source} where not {_IS_GOOD}",
        )
    notes = notes_on_encoding(table, rows.bad_bytes)
    return Reading(records, landed, columns.ignored, notes=notes)


def _look(workspace: Workspace, source: str) -> tuple[list[str], int, int, bool]:
    """The keys of all objects; how many records and objects there are; whether a key is repeated.

    Keys that are declared in no spelling are counted up to a bound.
    """
    row = workspace.connection.execute(
        f"""
        with shapes as materialized (
            select
                case when {_IS_GOOD} then json_keys(body) end as keys,
                count(*) as records
            from {source}
            group by all
        )
        select
            (select list(key order by key) from (
                select distinct key from (select unnest(keys) as key from shapes)
                order by key limit {_MOST_KEYS}
            )),
            sum(records)::bigint,
            (sum(records) filter (where keys is not null))::bigint,
            coalesce(bool_or(len(keys) > len(list_distinct(keys))), false)
        from shapes
        """
    ).fetchone()
    assert row
    return row[0] or [], row[1] or 0, row[2] or 0, row[3]


def _parsed(columns: Columns, keys: Sequence[str]) -> str:
    """SQL for an object's declared members that go by one name only, as a struct."""
    names = [keys[places[0]] for places in columns.places.values() if len(places) == 1]
    shape = json.dumps(dict.fromkeys(names, "VARCHAR"), ensure_ascii=False)
    return f"from_json(body, {quote_text(shape)})" if names else "null"


def _values(columns: Columns, keys: Sequence[str]) -> list[tuple[str, str]]:
    """SQL for the value of each declared column, and its name."""

    def member(place: int) -> str:
        pointer = "/" + keys[place].replace("~", "~0").replace("/", "~1")
        return f"json_extract_string(body, {quote_text(pointer)})"

    return [
        (f"struct_extract(parsed, {quote_text(keys[places[0]])})", name)
        if len(places) == 1
        else (coalesced(map(member, places)), name)
        for name, places in columns.places.items()
    ]


def _as_written(value: str) -> str:
    """SQL for a value, without the marks of its decimals."""
    plain = rf"""regexp_replace({value}, '"?{_DECIMAL}(-?[0-9.eE+-]+)"?', '\1', 'g')"""
    return f"case when contains({value}, '{_DECIMAL}') then {plain} else {value} end"


def _last_of_repeated(good: str, columns: Columns, keys: Sequence[str]) -> str:
    """SQL for the records with the declared columns `v0`, `v1`, …; the last of equal keys counts.

    Records that repeat a key are taken apart into members.
    """
    plain = ", ".join(f"{v} as v{n}" for n, (v, _) in enumerate(_values(columns, keys)))
    last = ", ".join(
        f"{coalesced(f'k{place}' for place in places)} as v{n}"
        for n, places in enumerate(columns.places.values())
    )
    members = ", ".join(
        f"arg_max_null(member.value ->> '$', member.id)"
        f" filter (member.key = {quote_text(keys[place])}) as k{place}"
        for place in columns.read
    )
    wanted = ", ".join(quote_text(keys[place]) for place in columns.read) or "null"
    repeats = f"len(list_filter(json_keys(body), lambda key: key in ({wanted})))"
    repeats += f" > len(list_filter(list_distinct(json_keys(body)), lambda key: key in ({wanted})))"
    marked = f"(select *, {repeats} as repeats from {good})"
    return f"""(
        select n, {plain}
        from (select *, {_parsed(columns, keys)} as parsed from {marked} where not repeats)
        union all
        select n, {last}
        from (
            select n, {members or "1"}
            from (select n, body from {marked} where repeats) as record, json_each(body) as member
            group by n
        )
        order by n
    )"""


def land_again(
    table: Table, workspace: Workspace, layout: dict[str, Any], texts: Sequence[Text]
) -> int:
    """Land JSON records by themselves (`Reader.again`): each is classified as in its file.

    Their keys are matched anew, so that an alias counts that was declared since. A required column
    may be missing: staging rejects such a record.
    """
    spool = Spool(workspace.folder / "again.rows", is_numbered=True)
    for text in texts:
        spool.add(text.raw, number=(text.number, text.first_line))
    return land_rows(table, workspace, spool.rows(), is_file=False).landed
