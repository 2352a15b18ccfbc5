"""The original text of a record, from the raw file that it was landed from."""

from __future__ import annotations

from dataclasses import dataclass

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
    return Original(None, "todo")
