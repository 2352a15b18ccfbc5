"""Finds many elements of a JSON array at once, for arrays that DuckDB cannot read in one go."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import accumulate, count, repeat
from typing import Protocol

from casebook.combine.legacy_judge import BETWEEN, Record, are_plain, on_one_line, parse_together

_GLUE = re.compile(r"\}[ \t\r\n]*,[ \t\r\n]*\{")
_WINDOW = 8192
_LONGEST_PAUSE = 4096


class Text(Protocol):
    """A text that is read piece by piece; bytes that are not UTF-8 stand as lone surrogates.

    Attributes:
        buffer: what is held of it now.
        at: where reading goes on in the buffer.
    """

    buffer: str
    at: int

    @property
    def line(self) -> int:
        """The 1-based number of the line at `at`."""


class Ahead:
    """Finds many elements at once, where all are objects with the same text between them.

    The text is cut wherever the closing brace of the last element and the opening brace of the
    next one, with what is between them, occur again. Whether that cut it into elements, the parser
    tells. Where it did not, elements are read one by one, for longer each time that it goes wrong.
    """

    def __init__(self, text: Text) -> None:
        self._text, self._glue = text, ""
        self._pause, self._next_pause = 0, 1

    def learn(self) -> None:
        """Learn from the element before `at`, and the one after it, what is between elements."""
        found = _GLUE.match(self._text.buffer, self._text.at - 1)
        if found:
            self._glue = found.group()

    def look(self, number: int) -> list[Record]:
        """The elements that begin at `at`, and go on to it behind them; none where it cannot tell.

        Those that need no further judgement have a payload.

        Args:
            number: the number of the element before them.
        """
        text, glue = self._text, self._glue
        end = -1
        if glue and not self._pause:
            end = text.buffer.rfind(glue, text.at, text.at + _WINDOW)
        if end < 0:
            self._pause -= self._pause > 0
            return []
        # Without the outermost braces: the others went with the glue.
        inside = text.buffer[text.at + 1 : end]
        whole, is_plain = self._whole(inside)
        if not whole:
            self._pause = self._next_pause
            self._next_pause = min(2 * self._next_pause, _LONGEST_PAUSE)
            return []
        # If not all of it is JSON, what follows is read by itself.
        self._pause, self._next_pause = int(len(whole) < len(inside)), 1
        records = self._records(whole, number, is_plain)
        text.at += len(whole) + 2
        return records

    def _whole(self, inside: str) -> tuple[str, bool]:
        """As much of a text as consists of whole elements, and whether they are plain objects."""
        for _ in range(2):
            parsed = "[{" + inside.replace(self._glue, f"}}{BETWEEN}{{") + "}]"
            objects, to = parse_together(parsed, inside.count(self._glue) + 1)
            if objects is not None:
                return inside, are_plain(objects, parsed)
            whole = parsed.count(BETWEEN, 0, to)
            inside = self._glue.join(inside.split(self._glue, whole)[:whole])
            if not whole:
                break
        return "", False

    def _records(self, inside: str, number: int, is_plain: bool) -> list[Record]:
        raws = [b"{%b}" % piece for piece in _bytes(inside).split(_bytes(self._glue))]
        payloads: Iterable[bytes | None] = raws
        lines: Iterable[int] = repeat(self._text.line)
        if "\n" in inside or "\r" in inside:
            payloads = map(on_one_line, raws)
            between = self._glue.count("\n")
            breaks = (raw.count(b"\n") + between for raw in raws)
            lines = accumulate(breaks, initial=self._text.line)
        if not is_plain or not _is_text(inside):
            payloads = repeat(None)
        return list(map(Record, count(number + 1), lines, raws, payloads))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _is_text(text: str) -> bool:
    """Whether it has no bytes in it that are not UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
