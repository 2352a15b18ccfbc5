"""Lands JSON records in SQL: which rows are objects, which keys hold which column, which is bad."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from casebook.readers.base import Reading, Text, Workspace
from casebook.readers.columns import checked, coalesced, first_keys, match_columns
from casebook.readers.count import NEARLY_WHOLE
from casebook.readers.text import Spool, copy_rows, notes_on_encoding
from casebook.sql import quote_text

if TYPE_CHECKING:
    from casebook.sources import Table

_BLANKS = "' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)"
_IS_BLANK = f"case when starts_with(text, '{{') then false else trim(text, {_BLANKS}) = '' end"
# JSON does not know all blanks that may stand around a record.
_HAS_ODD = "contains(text, chr(11)) or contains(text, chr(12))"
_BODY = f"case when {_HAS_ODD} then trim(text, {_BLANKS}) else text end"
_IS_GOOD = f"""(
    code is null and json_valid({_BODY})
    and case when starts_with(text, '{{') then true else trim(text, {_BLANKS})[1] = '{{' end
)"""
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


def land_rows(
    table: Table,
    workspace: Workspace,
    spool: Spool,
    *,
    is_file: bool = True,
    is_exact: bool = False,
) -> Reading:
    """Land the records that are JSON objects, and put the others into quarantine.

    Of a key that an object repeats the last counts. No decimal is looked for that a double rounds
    to another whole number where it is known that there is none.

    Raises:
        Refused: if they are a whole file, and no object has a required column.
    """
    rows = spool.records(workspace, _IS_BLANK, more=_IS_GOOD)
    source = f"(select * exclude (more), more as is_good, {_BODY} as body from {rows})"
    keys, records, objects, repeats = _look(workspace, source, first_keys(table))
    columns = (checked if is_file and objects else match_columns)(table, keys)
    several = [places for places in columns.places.values() if repeats or len(places) > 1]
    single = [
        keys[p] for places in columns.places.values() if places not in several for p in places
    ]
    shape = json.dumps(dict.fromkeys(single, "VARCHAR"), ensure_ascii=False)
    parsed = f"from_json(body, {quote_text(shape)})" if single else "null"
    good = (
        f"(select * replace ({'body' if is_exact else _EXACT} as body) from {source} where is_good)"
    )
    good = f"(select *, {parsed} as parsed from {good})"
    values = [
        (
            _as_written(
                coalesced(_member(keys[place], places in several, repeats) for place in places)
            ),
            name,
        )
        for name, places in columns.places.items()
    ]
    landed = copy_rows(workspace, good, values, "n", spool.row_group, objects)
    if records > objects:
        workspace.quarantine.add_query(
            workspace.connection,
            f"select n as record, first_line, {_REASON}, coalesce(raw, encode(text)) as raw"
            f" from {source} where not is_good",
        )
    notes = notes_on_encoding(table, spool.bad_bytes)
    return Reading(records, landed, columns.ignored, notes=notes)


def _look(workspace: Workspace, source: str, first: str) -> tuple[list[str], int, int, bool]:
    """Keys of the objects; how many records and objects there are; whether a key repeats."""
    row = workspace.connection.execute(
        f"""
        with shapes as materialized (
            select
                case when is_good then json_keys(body) end as keys,
                count(*) as records
            from {source}
            group by all
        )
        select
            (select list(key order by key) from (
                select distinct key from (select unnest(keys) as key from shapes)
                {first}
            )),
            sum(records)::bigint,
            (sum(records) filter (where keys is not null))::bigint,
            coalesce(bool_or(len(keys) > len(list_distinct(keys))), false)
        from shapes
        """
    ).fetchone()
    assert row
    return row[0] or [], row[1] or 0, row[2] or 0, row[3]


def _member(key: str, is_one_of_several: bool, repeats: bool) -> str:
    """SQL for the value of an object's member; the last one where keys repeat."""
    if repeats:
        place = f"-list_position(list_reverse(json_keys(body)), {quote_text(key)})"
        return f"json_extract_string(body, '$.*')[{place}]"
    if is_one_of_several:
        pointer = "/" + key.replace("~", "~0").replace("/", "~1")
        return f"json_extract_string(body, {quote_text(pointer)})"
    return f"struct_extract(parsed, {quote_text(key)})"


def _as_written(value: str) -> str:
    """SQL for a value, without the marks of its decimals."""
    plain = rf"""regexp_replace({value}, '"?{_DECIMAL}(-?[0-9.eE+-]+)"?', '\1', 'g')"""
    return f"case when contains({value}, '{_DECIMAL}') then {plain} else {value} end"


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
    return land_rows(table, workspace, spool, is_file=False).landed
