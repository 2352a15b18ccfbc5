"""Judges one JSON record at a time, for files that DuckDB cannot read in one go.

Python's parser judges first, because it is quick to call. Where it finds a record not to be JSON,
DuckDB is asked: it also takes a comma before a closing bracket, `nan` and deep nesting, and takes
them in clean files, so that whether a record lands must not depend on its neighbours.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from casebook.combine.legacy_keys import Keys
from casebook.sql import quote_text

if TYPE_CHECKING:
    import duckdb

_BATCH_RECORDS = 8192
_BATCH_BYTES = 4 << 20
_SMALLEST_OBJECT_LIMIT = 16 << 20
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_GROUP_SIZES = (64, 8)
_SEPARATOR = os.urandom(16).hex()
BETWEEN = f',"{_SEPARATOR}",'
_LINE_BREAKS = bytes.maketrans(b"\r\n", b"  ")


@dataclass(slots=True)
class Record:
    """One record of a JSON file.

    Attributes:
        number: its 1-based number in the file.
        first_line: the 1-based number of the line that it begins in.
        raw: its bytes, exactly as they stand in the file; a line's end may be among them.
        payload: a JSON object on one line that DuckDB reads, if the record is good. Who finds a
            record may know it already.
        reason_code: why it is not, else None.
        message: the reason, for people.
    """

    number: int
    first_line: int
    raw: bytes
    payload: bytes | None = None
    reason_code: str | None = None
    message: str = ""

    def reject(self, reason_code: str, message: str) -> None:
        """Mark the record as bad."""
        self.payload, self.reason_code, self.message = None, reason_code, message


class _Repeating(dict):
    """An object in which a key stands more than once; the last one counts."""


class _Members(list):
    """An object as pairs of key and value, in the order of the text."""


class _Literal(str):
    """A number, spelled as in the text."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    return members if len(members) == len(pairs) else _Repeating(members)


_JUDGE = json.JSONDecoder(object_pairs_hook=_object)
_scan = _JUDGE.scan_once
_KEEP = json.JSONDecoder(
    object_pairs_hook=_Members, parse_int=_Literal, parse_float=_Literal, parse_constant=_Literal
)


def judge_all(
    records: Iterable[Record], keys: Keys, opinions: Callable[[list[str]], list[Opinion | None]]
) -> Iterator[Record]:
    """Judge records, in order.

    Args:
        records: records as they were found; the last may have a reason already.
        keys: which keys hold which declared column.
        opinions: gives DuckDB's opinion of texts that Python found not to be JSON, as `ask` does.

    Yields:
        The same records, each with a payload or a reason.
    """
    waiting: list[Record] = []
    size = 0
    for record in records:
        waiting.append(record)
        size += len(record.raw)
        if len(waiting) >= _BATCH_RECORDS or size >= _BATCH_BYTES:
            yield from _judge_batch(waiting, keys, opinions)
            waiting, size = [], 0
    yield from _judge_batch(waiting, keys, opinions)


def _judge_batch(
    records: list[Record], keys: Keys, opinions: Callable[[list[str]], list[Opinion | None]]
) -> list[Record]:
    doubtful = records
    if not keys.other_spellings:
        doubtful = [record for record in records if record.payload is None]
    _judge_groups(doubtful, keys, _GROUP_SIZES)
    _ask_duckdb(records, keys, opinions)
    return records


def _judge_groups(records: list[Record], keys: Keys, sizes: tuple[int, ...]) -> None:
    """Judge records in groups of the first size; where one does not pass, in smaller ones."""
    for start in range(0, len(records), sizes[0]):
        group = records[start : start + sizes[0]]
        if _pass_together(group, keys):
            continue
        if len(sizes) > 1:
            _judge_groups(group, keys, sizes[1:])
            continue
        for record in group:
            if record.reason_code is None:
                _judge(record, keys)


def _pass_together(group: list[Record], keys: Keys) -> bool:
    """Whether all records are good as they stand; told in half the time that one by one takes."""
    if group[-1].reason_code:
        return False
    raws = [record.raw.strip() for record in group]
    try:
        text = b"".join((b"[", BETWEEN.encode().join(raws), b"]")).decode("utf-8")
    except UnicodeDecodeError:
        return False
    objects, _ = parse_together(text, len(raws))
    if objects is None or not are_plain(objects, text):
        return False
    if keys.other_spellings and not all(map(keys.other_spellings.isdisjoint, objects)):
        return False
    payloads = map(on_one_line, raws) if "\n" in text or "\r" in text else raws
    for record, payload in zip(group, payloads, strict=True):
        record.payload = payload
    return True


def parse_together(text: str, count: int) -> tuple[list[Any] | None, int]:
    """Parse texts in one go, and tell whether each of them is one whole JSON value.

    None of them can know the text that stands between them: each is one value only if all of those
    stand between the values of the array.

    Args:
        text: the texts as one array, with `BETWEEN` between each and the next.
        count: how many they are.

    Returns:
        Their values, or None where one of them is not one whole value; and how far in the text all
        is JSON, 0 where that is not known.
    """
    try:
        values, end = _scan(text, 0)
    except json.JSONDecodeError as error:
        return None, error.pos
    except StopIteration as error:
        return None, error.value
    except (ValueError, RecursionError):
        return None, 0
    found, between = values[::2], values[1::2]
    if end != len(text) or len(found) != count or between.count(_SEPARATOR) != len(between):
        return None, 0
    return found, end


def are_plain(values: list[Any], text: str) -> bool:
    """Whether values are objects that DuckDB reads as they stand in their text.

    So they are where no key is repeated and no `\\u` escape may be half of a surrogate pair.
    """
    return set(map(type, values)) == {dict} and not _SURROGATE.search(text)


def on_one_line(raw: bytes) -> bytes:
    """JSON without line breaks."""
    return raw.translate(_LINE_BREAKS)


def _judge(record: Record, keys: Keys) -> None:
    raw = record.raw.strip()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        byte, place = raw[error.start], error.start + 1
        record.reject("bad_bytes", f"not UTF-8: byte 0x{byte:02X} at byte {place} of the record")
        return
    try:
        value, end = _scan(text, 0)
        if end != len(text):
            value = _JUDGE.decode(text)
        if _SURROGATE.search(text):
            _spell(_KEEP.decode(text)).encode("utf-8")
    except UnicodeEncodeError:
        record.reject("not_json", "half of a surrogate pair stands alone in a \\u escape")
    except (ValueError, StopIteration) as error:
        record.reject("not_json", _why_not_json(error))
    except RecursionError:
        record.reject("not_json", "nested too deeply")
    else:
        if not isinstance(value, dict):
            record.reject("not_an_object", f"a JSON {_kind(value)} instead of an object")
        elif type(value) is _Repeating or not keys.other_spellings.isdisjoint(value):
            record.payload = _rewrite(_KEEP.decode(text), keys).encode("utf-8")
        else:
            record.payload = on_one_line(raw)


def _why_not_json(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos + 1} of the record"
    return str(error) if isinstance(error, ValueError) else "no JSON value"


def _ask_duckdb(
    records: list[Record], keys: Keys, opinions: Callable[[list[str]], list[Opinion | None]]
) -> None:
    """Let DuckDB look at the records that Python found not to be JSON."""
    doubtful = [record for record in records if record.reason_code == "not_json"]
    texts = [record.raw.strip().decode("utf-8") for record in doubtful]
    for record, opinion in zip(doubtful, opinions(texts), strict=True):
        if opinion is not None:
            _take_opinion(record, opinion, keys)


@dataclass(frozen=True)
class Opinion:
    """What DuckDB says of a text that it takes for JSON.

    Attributes:
        minified: the same value in strict JSON, other than `nan` and the like.
        kind: OBJECT, ARRAY, VARCHAR, …
        keys: an object's keys, each as often as it stands there.
    """

    minified: str
    kind: str
    keys: list[str]


def ask(
    texts: list[str], connection: duckdb.DuckDBPyConnection, folder: Path
) -> list[Opinion | None]:
    """DuckDB's opinion of each text; None of what it does not take for JSON.

    Args:
        texts: the texts.
        connection: the DuckDB connection to ask.
        folder: for a temporary file.
    """
    if not texts:
        return []
    path = folder / "doubtful.jsonl"
    with path.open("wb") as file:
        longest = max(file.write(json.dumps({"text": t}).encode() + b"\n") for t in texts)
    rows = connection.execute(
        f"""
        select
            case when json_valid(text) then json(text) end,
            case when json_valid(text) then json_type(text) end,
            case when json_valid(text) then json_keys(text) end
        from read_json(
            {quote_text(path)}, format = 'newline_delimited', records = true,
            columns = {{text: 'VARCHAR'}},
            maximum_object_size = {max(_SMALLEST_OBJECT_LIMIT, longest + 1)}
        )
        """
    ).fetchall()
    return [None if row[0] is None else Opinion(row[0], row[1], row[2] or []) for row in rows]


def _take_opinion(record: Record, opinion: Opinion, keys: Keys) -> None:
    if opinion.kind != "OBJECT":
        record.reject("not_an_object", f"a JSON {opinion.kind.lower()} instead of an object")
        return
    again = Record(record.number, record.first_line, opinion.minified.encode("utf-8"))
    _judge(again, keys)
    declared = [key for key in opinion.keys if key in keys.column_of]
    if again.payload is not None:
        record.payload, record.reason_code, record.message = again.payload, None, ""
    elif len(set(declared)) == len(declared) and keys.other_spellings.isdisjoint(declared):
        record.payload, record.reason_code, record.message = again.raw, None, ""


def _rewrite(members: _Members, keys: Keys) -> str:
    """The declared columns of an object, each once, under the spelling that DuckDB looks for.

    The last one counts where a key is repeated; where a column stands under two spellings, the
    last that is not null.
    """
    last = _Members(dict(members).items())
    values: dict[str, str] = {}
    for key, value in last:
        column = keys.column_of.get(key)
        if column is not None and (value is not None or column not in values):
            values[column] = _spell(value)
    return "{" + ",".join(_spell(keys.key_of[c]) + ":" + v for c, v in values.items()) + "}"


def _spell(value: object) -> str:
    """A decoded value as JSON text, numbers as they were spelled."""
    if isinstance(value, _Literal):
        return str(value)
    if isinstance(value, _Members):
        return "{" + ",".join(_spell(key) + ":" + _spell(item) for key, item in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_spell, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "number"
