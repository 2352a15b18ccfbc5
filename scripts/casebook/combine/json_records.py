"""The records of JSON files as lines of strict JSON, their text unchanged.

What is a record, the loader's judge says (`legacy_judge`). Its own text passes: the
order of its keys, repeated keys, the spelling of its numbers and its escapes. A record that stands
over several lines is put on one, without the white space between its parts. What the loader takes
though it is not strict JSON is made so: a comma before a closing bracket goes, and `NaN`,
`Infinity` and the like, for which JSON has no number, become strings of the same spelling.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec

from casebook.combine.legacy_array import elements
from casebook.combine.legacy_judge import Opinion, Record, ask, judge_all
from casebook.combine.legacy_keys import Keys
from casebook.combine.legacy_lines import blocks
from casebook.combine.legacy_split import find_bad_byte
from casebook.sql import LateConnection

_ANY_KEYS = Keys({}, {}, frozenset(), [])
_BATCH_BYTES = 1 << 16
_DUCKDB_MEMORY = "200MB"
_PART = re.compile(
    r"""
    (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<dropped>[ \t\r\n]+|,(?=[ \t\r\n]*[\]}]))
    | (?P<structure>[{}\[\]:,])
    | (?P<literal>[^"{}\[\]:, \t\r\n]+)
    """,
    re.X,
)
_LITERAL = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
# Cuts an array into the texts of its values; takes strict JSON only, but bytes that are not UTF-8.
_values = msgspec.json.Decoder(list[msgspec.Raw]).decode


class SecondOpinion:
    """DuckDB's opinion of texts that Python does not take for JSON.

    It is asked only where the text would be JSON once it is made strict: that spares most files the
    40 MB that DuckDB takes.

    Args:
        folder: for temporary files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._connection = LateConnection(folder / "spill", _DUCKDB_MEMORY, threads=1)

    def __enter__(self) -> SecondOpinion:
        return self

    def __exit__(self, *failure: object) -> None:
        self._connection.close()

    def __call__(self, texts: list[str]) -> list[Opinion | None]:
        """An opinion for each text; None where it is not JSON."""
        places = [place for place, text in enumerate(texts) if _may_be_json(text)]
        found: list[Opinion | None] = [None] * len(texts)
        opinions = ask([texts[place] for place in places], self._connection, self._folder)
        for place, opinion in zip(places, opinions, strict=True):
            found[place] = opinion
        return found


def read_json_lines(
    path: Path,
    compression: str | None,
    reject: Callable[[Record], None],
    advance: Callable[[int], None],
    opinions: SecondOpinion,
) -> Iterator[tuple[int, bytes]]:
    """Read a file of JSON lines.

    Args:
        path: the file.
        compression: `gzip`, `zstd` or None.
        reject: takes each record that cannot be read.
        advance: takes the number of bytes of text that were read.
        opinions: for the judge.

    Yields:
        How many records, and these as lines of JSON.

    Raises:
        Refused: if a line is too long.
    """
    for block in blocks(path, compression):
        yield _write(block.texts, block.records, reject, opinions)
        advance(len(block.text))


def read_json_array(
    path: Path,
    compression: str | None,
    reject: Callable[[Record], None],
    advance: Callable[[int], None],
    opinions: SecondOpinion,
) -> Iterator[tuple[int, bytes]]:
    """Read a file that holds one JSON array; as `read_json_lines`."""
    for batch in _batches(elements(path, compression), reject):
        texts = [record.raw for record in batch]
        yield _write(texts, partial(iter, batch), reject, opinions)
        advance(sum(map(len, texts)))


def _batches(records: Iterable[Record], reject: Callable[[Record], None]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    size = 0
    for record in records:
        if record.reason_code is not None:
            # What is left of a broken array, not to be judged by itself.
            yield batch
            reject(record)
            return
        batch.append(record)
        size += len(record.raw)
        if size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    yield batch


def _write(
    texts: list[bytes],
    records: Callable[[], Iterator[Record]],
    reject: Callable[[Record], None],
    opinions: SecondOpinion,
) -> tuple[int, bytes]:
    """How many of some records are good, and these as lines; they may be none at all.

    Args:
        texts: what each of them is, without blanks around it.
        records: gives the records themselves.
        reject: takes the bad ones.
        opinions: for the judge.
    """
    if not _are_strict(texts):
        texts = []
        for record in judge_all(records(), _ANY_KEYS, opinions):
            if record.payload is None:
                reject(record)
            else:
                texts.append(_strict(record.raw.strip()))
    lines = b"\n".join([*texts, b""])
    if lines.count(b"\n") > len(texts) or b"\r" in lines:
        lines = b"\n".join([*map(_on_one_line, texts), b""])
    return len(texts), lines


def _are_strict(texts: Sequence[bytes]) -> bool:
    """Whether all texts are objects of strict JSON, told in one go."""
    array = b"[%b]" % b",".join(texts)
    if find_bad_byte(array) is not None:
        return False
    try:
        values = _values(array)
    except (msgspec.DecodeError, RecursionError):
        return False
    # Each text is one value if none begins or ends elsewhere.
    if list(map(len, values)) != list(map(len, texts)):
        return False
    # No JSON begins with a greater byte.
    return not texts or min(texts) >= b"{"


def _strict(raw: bytes) -> bytes:
    """A record that the judge takes, as strict JSON."""
    return raw if _are_strict([raw]) else _made_strict(raw.decode("utf-8"))


def _may_be_json(text: str) -> bool:
    try:
        _values(b"[%b]" % _made_strict(text))
    except msgspec.DecodeError:
        return False
    except RecursionError:
        return True
    return True


def _made_strict(text: str) -> bytes:
    """What the judge takes for JSON, without white space, as strict JSON."""
    return "".join(map(_strict_part, _PART.finditer(text))).encode("utf-8")


def _strict_part(part: re.Match[str]) -> str:
    text = part.group()
    if part.lastgroup == "dropped":
        return ""
    if part.lastgroup == "literal" and not _LITERAL.fullmatch(text):
        return json.dumps(text)
    return text


def _on_one_line(raw: bytes) -> bytes:
    """Strict JSON on one line; unchanged where it is on one."""
    if b"\n" not in raw and b"\r" not in raw:
        return raw
    # Quotes and backslashes within strings are out of the way as bytes that JSON does not have.
    text = raw.replace(rb"\\", b"\0").replace(rb"\"", b"\1")
    parts = text.split(b'"')
    parts[::2] = b'"'.join(parts[::2]).translate(None, b" \t\r\n").split(b'"')
    return b'"'.join(parts).replace(b"\1", rb"\"").replace(b"\0", rb"\\")
