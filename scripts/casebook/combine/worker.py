"""A program that converts raw files, one after another.

It reads tasks from stdin, one line of JSON each, and writes to stdout how many more bytes it has
read, and what became of each task. It ends when stdin does, so that none outlives the combine that
has started it, however that ends.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from casebook.combine.convert import convert
from casebook.combine.tasks import Task

_TELL_BYTES = 4 << 20


def main() -> None:
    """Convert what is asked for."""
    # Ctrl-C reaches it too; whoever started it ends it then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for line in sys.stdin:
            _convert(json.loads(line))
    except BrokenPipeError:
        # Nobody listens any more, and nothing is to be said of that.
        os._exit(1)


def _convert(asked: dict[str, Any]) -> None:
    task = Task(**{**asked, "path": Path(asked["path"]), "folder": Path(asked["folder"])})
    unsaid = 0

    def advance(size: int) -> None:
        nonlocal unsaid
        unsaid += size
        if unsaid >= _TELL_BYTES:
            print(unsaid, flush=True)
            unsaid = 0

    done = convert(task, advance)
    part = vars(done.part) if done.part else None
    print(unsaid)
    print(json.dumps({**vars(done), "part": part}, default=str), flush=True)
