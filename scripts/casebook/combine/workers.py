"""Processes that convert raw files, each one file at a time.

What reads files stays out of the process that asks, which saves it 10 MB.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from subprocess import PIPE, Popen
from threading import local

from casebook.errors import CasebookError

# Without the current folder: a file in it may have the name of a module.
_COMMAND = (sys.executable, "-P", "-m", "casebook.combine.convert")


@dataclass
class Converted:
    """What became of a file: where its records are, how many, their text's size and CRC-32."""

    part: str
    records: int = 0
    rejected: int = 0
    text_bytes: int = 0
    crc: int = 0


@contextmanager
def converting(processes: int) -> Iterator[Callable[..., Future[Converted]]]:
    """`casebook.combine.convert.convert`, as called in so many processes, or in this one for 0.

    What they are doing at the end is given up.
    """
    started, here = list[Popen[str]](), local()

    def convert(raw: str, path: str, part: str, skip_bad: bool) -> Converted:
        if not processes:
            from casebook.combine import convert

            return convert.convert(raw, path, part, skip_bad)
        if not hasattr(here, "process"):
            here.process = Popen(_COMMAND, stdin=PIPE, stdout=PIPE, text=True)
            started.append(here.process)
        with suppress(BrokenPipeError):
            print(json.dumps((raw, path, part, skip_bad)), file=here.process.stdin, flush=True)
        if answer := here.process.stdout.readline():
            found = json.loads(answer)
            if "reason" in found:
                raise CasebookError(**found)
            return Converted(**found)
        reason = f"the process that read it has ended, status {here.process.wait()}"
        del here.process
        raise CasebookError(reason, file=path, fix="combine again, with more memory if it lacks")

    pool = ThreadPoolExecutor(max(1, processes))
    try:
        yield lambda *task: pool.submit(convert, *task)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in started:
            process.kill()
            process.communicate()
