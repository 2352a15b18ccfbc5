"""The original text of a record, from the raw file that it was landed from."""

from __future__ import annotations

from dataclasses import dataclass

from casebook.measure import hash_file
from casebook.readers.base import Refused
from casebook.readers.choose import find_reader
from casebook.settings import Settings
from casebook.warehouse import Origin


@dataclass(frozen=True)
class Original:
    """A record's original text, or why it is not to be had.

    Attributes:
        text: the text as it was delivered, or None.
        why: why there is none; empty where there is.
    """

    text: str | None
    why: str = ""


def original_text(settings: Settings, origin: Origin) -> Original:
    """Read a record again from its raw file, if that is still the file that was landed.

    Args:
        settings: where the raw files are.
        origin: where the record is from.

    Returns:
        The record's text; bytes that are not UTF-8 are shown as `\\xNN`. No text where the raw
        file is gone or has changed since it was landed.
    """
    path = settings.raw / origin.source_file
    if not path.is_file():
        return Original(None, f"not to be had: {path} is gone")
    try:
        if hash_file(path) != origin.file_hash:
            return Original(None, f"not to be had: {path} has changed since it was landed")
        reader, compression = find_reader(path)
        for number, raw in reader.texts(path, compression):
            if number == origin.source_record:
                return Original(raw.decode("utf-8", "backslashreplace"))
    except Refused as refused:
        return Original(None, f"not to be had: {refused}")
    return Original(None, f"not to be had: {path} has no record {origin.source_record}")
