"""Processes that convert raw files, each one file at a time.

What reads files stays out of the process that asks, which saves it 10 MB.
"""

from __future__ import annotations

import gc
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from subprocess import PIPE
from threading import local

# With the paths of this process: a file of that name in the current folder is not ours.
_SERVE = (
    "import sys; sys.path[:] = sys.argv[1:]; from casebook.combine.workers import serve; serve()"
)


@dataclass
class Converted:
    """What became of a file: where its records are, how many, their text's size and CRC-32.

    `failure` is why it failed, and `record` the number of the record that it failed at, if any.
    """

    path: str
    part: str
    records: int = 0
    rejected: int = 0
    text_bytes: int = 0
    crc: int = 0
    failure: str | None = None
    record: int | None = None


@contextmanager
def converting(processes: int) -> Iterator[Callable[..., Future[Converted]]]:
    """`casebook.combine.convert.convert`, as called in so many processes, or in this one for 0.

    What they are doing at the end is given up.
    """
    started, here = list[subprocess.Popen[str]](), local()

    def convert(raw: str, path: str, part: str, skip_bad: bool) -> Converted:
        if not processes:
            from casebook.combine import convert

            return convert.convert(raw, path, part, skip_bad)
        if not hasattr(here, "process"):
            command = [sys.executable, "-c", _SERVE, *sys.path]
            here.process = subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True)
            started.append(here.process)
        with suppress(BrokenPipeError):
            print(json.dumps((raw, path, part, skip_bad)), file=here.process.stdin, flush=True)
        if answer := here.process.stdout.readline():
            return Converted(**json.loads(answer))
        reason = f"the process that read it has ended, status {here.process.wait()}"
        del here.process
        return Converted(path, part, failure=reason)

    pool = ThreadPoolExecutor(max(1, processes))
    try:
        yield partial(pool.submit, convert)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in started:
            process.kill()
            process.communicate()


def serve() -> None:
    """Convert the files that stdin names, one a line; answer each by a line to stdout.

    It ends when stdin does, so that it does not outlive the process that has started it.
    """
    from casebook.combine.convert import convert

    # It keeps no circles of objects, and looking for them takes a third of its time.
    gc.disable()
    # Ctrl-C reaches it too; whoever started it ends it then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in sys.stdin:
        print(json.dumps(vars(convert(*json.loads(line)))), flush=True)
