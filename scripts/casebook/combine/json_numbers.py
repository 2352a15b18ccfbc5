"""Which values of a CSV file are numbers.

A value is a number where its text is a number of JSON as it stands, so that it is written digit by
digit and no value is changed. So `-0`, `1e3`, `1.10`, ` 8 ` and integers of any length are numbers,
and these are text: `007` and `+5`, which may be a code or a telephone number, `.5`, `1.`, `0x10`,
`1_000`, `1,5`, `NaN` and `infinity`, for which JSON has no such number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

_NUMBER = re.compile(rb"[ \t]*-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?[ \t]*")
_OF_NUMBERS = b"0123456789-+.eE \t,"
# Looks through JSON without making anything of it.
_is_json = msgspec.json.Decoder(msgspec.Raw).decode


def is_number(value: bytes) -> bool:
    """Whether a value is a number of JSON, perhaps with blanks around it."""
    return _NUMBER.fullmatch(value) is not None


def are_numbers(values: Sequence[bytes]) -> bool:
    """Whether all values are numbers; none is empty. Quicker than to ask for each by itself."""
    # With a number before them, as blanks alone are an array, too.
    array = b"[0,%b]" % b",".join(values)
    if array.count(b",") != len(values) or array.translate(None, _OF_NUMBERS) != b"[]":
        return False
    try:
        _is_json(array)
    except msgspec.DecodeError:
        return False
    return True
