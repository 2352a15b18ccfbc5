"""Finds the elements of JSON arrays, and objects one after the other, in linear time.

Elements are told apart by their brackets and strings; whether one is JSON is for DuckDB to find.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, count
from typing import BinaryIO, NamedTuple

from casebook.errors import Refused
from casebook.readers.json_text import (
    BETWEEN_PLAIN,
    BROKEN,
    LOOKED_AT,
    OBJECT,
    PLAIN_ELEMENTS,
    STRING,
    TOKEN,
    Text,
    end_by_brackets,
    is_json,
)

_MEMBER = re.compile(rb"[ \t\r\n]*(%b)[ \t\r\n]*:[ \t\r\n]*" % STRING)
_PRINTED = re.compile(rb'\{[ \t]*[\r\n][ \t\r\n]*"')
# A line that begins with `{` where no value may stand: one record after the other.
_NEXT_RECORD = re.compile(rb"[^\[,: \t\r\n][ \t\r\n]*[\r\n]\{")


class Element(NamedTuple):
    """One element: its number and first line, from 1, and its bytes.

    `code` is `broken_array` where the array ends in this, with a message for people; else None.
    """

    number: int
    first_line: int
    raw: bytes
    code: str | None = None
    message: str = ""


class Run(NamedTuple):
    """Elements one after the other: the first one's number, their first lines, and their bytes.

    Several are plain: each is an object in one line. `code` and `message` are of a single one.
    """

    number: int
    lines: Sequence[int]
    raws: Sequence[bytes]
    code: str | None = None
    message: str = ""


def elements(file: BinaryIO, records_at: str | None = None) -> Iterator[Element]:
    """As `runs`, one by one."""
    for run in runs(file, records_at):
        for number, line, raw in zip(count(run.number), run.lines, run.raws):
            yield Element(number, line, raw, run.code, run.message)


def runs(file: BinaryIO, records_at: str | None = None) -> Iterator[Run]:
    """The elements of an array, or objects one after the other, in order, in bounded memory.

    An element ends at the comma or bracket that its own brackets and strings lead to; where they
    lead nowhere, before the next line that begins with `{` as far in as its own.

    Args:
        file: the text, without a byte order mark.
        records_at: the member of each object in the file that holds an array, names of nested
            ones joined by dots; None where arrays are not in objects.

    Raises:
        Refused: if an element is too long, or there is no such member.
    """
    text = Text(file)
    opening, path = text.next(), records_at.split(".") if records_at else []
    if opening != b"[" and not (path and opening == b"{"):
        yield from _objects(text)
        return
    number, code, is_more = 0, None, True
    while is_more:
        depth = _go_to(text, path) if opening == b"{" else 0
        for run in _array(text, number):
            yield run
            number, code = run.number + len(run.raws) - 1, run.code
        if not code and not _leave(text, depth):
            code, message = "broken_array", "the object that holds the array is not closed with }"
            yield Run(number + 1, [text.line], [b""], code, message)
        is_more = not code and depth > 0 and text.next() == opening
    if not code and text.next():
        closing = "array's closing ]" if opening == b"[" else "object's closing }"
        message = f"text after the {closing}"
        yield Run(number + 1, [text.line], [text.rest()], "broken_array", message)


def first_byte(file: BinaryIO) -> tuple[bytes, bool]:
    """The first byte that is not white space, and whether objects begin there, not one a line.

    They do where the first one stands in several lines or is followed by another in the same. One
    that goes on into lines which look like records by themselves is a broken line.

    Raises:
        Refused: if the first object is too long.
    """
    text = Text(file)
    first = text.next()
    if first != b"{" or _PRINTED.match(text.buffer, text.at):
        return first, first == b"{"
    while True:
        found = OBJECT.match(text.buffer, text.at)
        end = found.end() if found else end_by_brackets(text, -1, b"")
        held = len(text.buffer) if end is None else end
        is_line = _NEXT_RECORD.search(text.buffer, text.at, held) is not None
        if end is not None or is_line or not text.more():
            break
    if end is None or end == BROKEN or is_line:
        return first, False
    record = text.take(end)
    if text.at == len(text.buffer):
        text.more()
    is_followed = text.buffer[text.at :].lstrip(b" \t").startswith(b"{")
    return first, b":" in record and (b"\n" in record or b"\r" in record or is_followed)


def _array(text: Text, number: int) -> Iterator[Run]:
    """The elements of an array, which reading stands at, after so many."""
    text.at += 1
    by_itself = 0
    while (first := text.next()) != b"]":
        line, plain = text.line, None if by_itself else PLAIN_ELEMENTS.match(text.buffer, text.at)
        if plain:
            parts = BETWEEN_PLAIN.split(plain.group().rstrip(b", \t\r\n")[1:-1])
            raws = [b"{%b}" % part for part in parts[::2]]
            if not any(raw.count(b'"') & 1 for raw in raws):
                ends = (between.count(b"\n") for between in parts[1::2])
                yield Run(number + 1, [*accumulate(ends, initial=line)], raws)
                number, text.at = number + len(raws), plain.end()
                continue
            # One of them may go on; none of them is looked at in this way again.
            by_itself = len(raws)
        by_itself = max(0, by_itself - 1)
        number += 1
        if not first:
            yield Run(number, [line], [b""], "broken_array", "the array is not closed with ]")
            return
        while (end := text.element_end()) == BROKEN and len(text.buffer) - text.at < LOOKED_AT:
            if not text.more():
                break
        raw, why = _odd_element(text, b",") if end == BROKEN else (text.take(end), "")
        yield Run(number, [line], [raw], "broken_array" if why else None, why)
        if why:
            return
        if text.buffer.startswith(b",", text.at) or text.next() == b",":
            text.at += 1
    text.at += 1


def _objects(text: Text) -> Iterator[Run]:
    number = 0
    while first := text.next():
        number, line = number + 1, text.line
        if found := OBJECT.match(text.buffer, text.at):
            yield Run(number, [line], [text.take(found.end())])
        elif first == b"{":
            yield Run(number, [line], [_odd_element(text, b"")[0]])
        else:
            while (end := text.buffer.find(b"\n", text.at)) < 0 and text.more():
                pass
            yield Run(number, [line], [text.take(end if end >= 0 else len(text.buffer))])


def _odd_element(text: Text, comma: bytes) -> tuple[bytes, str]:
    """An element that is cut, broken or deeply nested, and why nothing after it can be read."""
    while (end := end_by_brackets(text, text.sibling(), comma)) is None and text.sibling() < 0:
        if not text.more():
            rest = text.rest()
            return rest, "" if is_json(rest) else "the array is not closed with ]"
    if end is None or end == BROKEN:
        end = text.look_ahead(comma)
    if end != BROKEN:
        return text.take(end), ""
    while (end := text.sibling()) < 0:
        if not text.more():
            return text.rest(), "nothing after it in the array can be told apart"
    return text.take(end).removesuffix(comma), ""


def _go_to(text: Text, path: list[str]) -> int:
    """Go to the array that a path of members leads to; returns how many objects it is in."""
    for depth, wanted in enumerate(path, 1):
        seen, comma = list[str](), True
        while comma and wanted not in seen:
            text.at += 1
            while not (member := _MEMBER.match(text.buffer, text.at)) and text.more():
                pass
            if member is None:
                break
            text.at = member.end()
            seen.append(member.group(1)[1:-1].decode("utf-8", "backslashreplace"))
            if seen[-1] != wanted:
                while (end := end_by_brackets(text, -1, b",")) is None and text.more():
                    pass
                text.at = max(end or 0, text.at)
                comma = text.next() == b","
        if wanted not in seen or text.next() != (b"[" if depth == len(path) else b"{"):
            has = ", ".join(name for name in seen if name != wanted) or "none"
            raise Refused(
                f"it has no member {'.'.join(path)} that holds the records; it has: {has}"
            )
    return len(path)


def _leave(text: Text, depth: int) -> bool:
    """Go to the end of the objects around a place; False if the text ends before."""
    while depth:
        found = TOKEN.search(text.buffer, text.at)
        if found is None or found.group() == b'"':
            text.at = found.start() if found else len(text.buffer)
            if not text.more():
                return False
        else:
            depth += (found.group() in b"{[") - (found.group() in b"]}")
            text.at = found.end()
    return True
