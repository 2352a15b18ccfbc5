"""Has raw files converted in processes of their own, several at a time.

This module keeps what reads files out of the process that asks, which saves it 10 MB.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any

from casebook.combine.tasks import Done, Part, Task

# With the paths of this process: a file of that name in the current folder is not ours.
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[1:]; from casebook.combine.worker import main; main()"
)


def convert_all(
    tasks: Iterable[Task], workers: int, advance: Callable[[int, int], None]
) -> Iterator[Done]:
    """Convert raw files.

    Args:
        tasks: the files; each is taken when a worker is free for it.
        workers: how many processes work on them; this one alone where it is 0.
        advance: takes the number of a task, and how many more bytes of its text were read.

    Yields:
        What became of each, in the order in which they are done.
    """
    if not workers:
        from casebook.combine.convert import convert

        for task in tasks:
            yield convert(task, partial(advance, task.number))
        return
    waiting, lock, over = iter(tasks), Lock(), Event()
    said: SimpleQueue[Done | tuple[int, int] | None] = SimpleQueue()
    started = [_Worker() for _ in range(workers)]

    def serve(worker: _Worker) -> None:
        try:
            while not over.is_set():
                with lock:
                    task = next(waiting, None)
                if task is None:
                    break
                for word in worker.convert(task):
                    said.put((task.number, word) if isinstance(word, int) else word)
        finally:
            worker.let_go()
            said.put(None)

    threads = [Thread(target=serve, args=(worker,), daemon=True) for worker in started]
    try:
        for thread in threads:
            thread.start()
        busy = len(threads)
        while busy:
            word = said.get()
            if word is None:
                busy -= 1
            elif isinstance(word, Done):
                yield word
            else:
                advance(*word)
    finally:
        over.set()
        for worker in started:
            worker.end()
        for thread in threads:
            thread.join()


class _Worker:
    """A worker, as seen from the process that started it."""

    def __init__(self) -> None:
        self._process = _start()
        self._is_over, self._lock = False, Lock()

    def convert(self, task: Task) -> Iterator[Done | int]:
        """Let it convert a file; gives how many bytes it has read, then what became of it."""
        with self._lock:
            if self._process.poll() is not None and not self._is_over:
                self._process = _start()
        assert self._process.stdin is not None and self._process.stdout is not None
        asked = {**vars(task), "path": str(task.path), "folder": str(task.folder)}
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(asked).encode("ascii") + b"\n")
            self._process.stdin.flush()
        while line := self._process.stdout.readline():
            word = json.loads(line)
            if not isinstance(word, int):
                yield _done(word)
                return
            yield word
        status = self._process.wait()
        yield Done(task.number, failure=f"the process that read it has ended, status {status}")

    def let_go(self) -> None:
        """Say no more to it, and hear no more of it: it ends when it is idle."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()

    def end(self) -> None:
        """End it, whatever it is at."""
        with self._lock:
            self._is_over = True
            self._process.kill()
        self._process.wait()


def _start() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", _PROGRAM, *sys.path]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _done(word: dict[str, Any]) -> Done:
    part, rejects = word["part"], word["rejects"]
    if part is not None:
        part = Part(Path(part["path"]), part["text_bytes"], part["crc"])
    return Done(**{**word, "part": part, "rejects": rejects and Path(rejects)})
