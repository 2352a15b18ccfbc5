"""Has raw files converted in processes of their own, several at a time.

This module keeps what reads files out of the process that asks, which saves it 10 MB.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any

from casebook.combine.tasks import Done, Part, Task


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
    waiting, lock = iter(tasks), Lock()
    said: SimpleQueue[Done | tuple[int, int] | None] = SimpleQueue()
    started = [_Worker() for _ in range(workers)]

    def serve(worker: _Worker) -> None:
        try:
            while True:
                with lock:
                    task = next(waiting, None)
                if task is None:
                    break
                for word in worker.convert(task):
                    said.put((task.number, word) if isinstance(word, int) else word)
        finally:
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
        for worker in started:
            worker.end()


class _Worker:
    """A worker, as seen from the process that started it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "casebook.combine.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def convert(self, task: Task) -> Iterator[Done | int]:
        """Let it convert a file; gives the bytes that it has read so far, then what became of it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        asked = {**vars(task), "path": str(task.path), "folder": str(task.folder)}
        try:
            self._process.stdin.write(json.dumps(asked).encode("ascii") + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            yield self._died(task)
            return
        while line := self._process.stdout.readline():
            word = json.loads(line)
            if isinstance(word, int):
                yield word
                continue
            yield _done(word)
            return
        yield self._died(task)

    def _died(self, task: Task) -> Done:
        assert self._process.stderr is not None
        said = self._process.stderr.read().decode("utf-8", "replace").strip().splitlines()
        status = self._process.wait()
        why = said[-1] if said else f"exit status {status}"
        return Done(task.number, failure=f"the process that read it has ended: {why}")

    def end(self) -> None:
        """End it, whatever it is at."""
        self._process.kill()
        self._process.communicate()


def _done(word: dict[str, Any]) -> Done:
    part, rejects = word["part"], word["rejects"]
    if part is not None:
        part = Part(Path(part["path"]), part["text_bytes"], part["crc"])
    return Done(**{**word, "part": part, "rejects": rejects and Path(rejects)})
