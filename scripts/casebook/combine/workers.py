"""Processes that convert raw files, each one file at a time.

What reads files stays out of the process that asks, which saves it 10 MB.
"""

from __future__ import annotations

import gc
import json
import signal
import subprocess
import sys
from dataclasses import asdict
from queue import SimpleQueue
from subprocess import PIPE

from casebook.combine.records import Converted

# With the paths of this process: a file of that name in the current folder is not ours.
_SERVE = (
    "import sys; sys.path[:] = sys.argv[1:]; from casebook.combine.workers import serve; serve()"
)


class Workers:
    """Some processes, for several threads to have files converted; this one alone where it is 0."""

    def __init__(self, count: int) -> None:
        self._count, self._all, self._ended = count, list[subprocess.Popen[str]](), False
        self._idle: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
        for _ in range(count):
            self._start()

    def convert(self, *task: str | bool) -> Converted:
        """Convert a file; see `casebook.combine.convert.convert`."""
        if not self._count:
            from casebook.combine.convert import convert

            return convert(*task)  # type: ignore[arg-type]
        worker = self._idle.get()
        assert worker.stdin is not None and worker.stdout is not None
        try:
            print(json.dumps(task), file=worker.stdin, flush=True)
            answer = worker.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if answer:
            self._idle.put(worker)
            return Converted(**json.loads(answer))
        if not self._ended:
            self._start()
        return Converted(failure=f"the process that read it has ended, status {worker.wait()}")

    def _start(self) -> None:
        command = [sys.executable, "-c", _SERVE, *sys.path]
        self._all.append(subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True))
        self._idle.put(self._all[-1])

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
