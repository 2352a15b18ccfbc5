"""Processes that convert raw files, each one file at a time.

What reads files stays out of the process that asks, which saves it 10 MB.
"""

from __future__ import annotations

import gc
import json
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from queue import SimpleQueue
from subprocess import PIPE

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


class Workers:
    """Some processes, for as many threads to have files converted."""

    def __init__(self, count: int) -> None:
        self._all, self._ended = list[subprocess.Popen[str]](), False
        self._idle: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
        for _ in range(count):
            self._start()

    def _start(self) -> None:
        command = [sys.executable, "-c", _SERVE, *sys.path]
        self._all.append(subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True))
        self._idle.put(self._all[-1])

    def convert(self, path: str, source_file: str, part: str, skip_bad: bool) -> Converted:
        """Convert a file; see `casebook.combine.convert.convert`."""
        worker = self._idle.get()
        assert worker.stdin is not None and worker.stdout is not None
        try:
            task = path, source_file, part, skip_bad
            print(json.dumps(task), file=worker.stdin, flush=True)
            answer = worker.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if answer:
            self._idle.put(worker)
            return Converted(**json.loads(answer))
        if not self._ended:
            self._start()
        reason = f"the process that read it has ended, status {worker.wait()}"
        return Converted(path, part, failure=reason)

    def end(self) -> None:
        """End all of them, whatever they are doing."""
        self._ended = True
        for worker in self._all:
            worker.kill()
            worker.communicate()


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
        print(json.dumps(asdict(convert(*json.loads(line)))), flush=True)
