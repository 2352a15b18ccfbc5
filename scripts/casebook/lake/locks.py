"""Locks of raw files, and temporary folders that outlive no process."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

TEMPORARY = "_tmp"
LOCK = "_lock"


class Locks:
    """The locks of one lake.

    Args:
        root: the lake's folder; made when something is first locked.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock_file: int | None = None
        self._one_thread = threading.RLock()

    @contextlib.contextmanager
    def file_lock(self, source_file: str) -> Iterator[None]:
        """Hold the lock of one raw file, waiting for a loader that has it.

        One byte of the lake's lock file stands for each raw file; the system frees it when the
        loader ends, however it ends. It keeps out other processes, not threads of this one.
        """
        with self._one_thread:
            if self._lock_file is None:
                self.root.mkdir(parents=True, exist_ok=True)
                self._lock_file = os.open(self.root / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        place = int.from_bytes(hashlib.sha256(os.fsencode(source_file)).digest()[:7], "big")
        _wait_for_lock(self._lock_file, place)
        try:
            yield
        finally:
            fcntl.lockf(self._lock_file, fcntl.LOCK_UN, 1, place)

    @contextlib.contextmanager
    def workspace(self) -> Iterator[Path]:
        """A folder for temporary files, on the lake's own disk and gone when the loader ends."""
        parent = self.root / TEMPORARY
        with self._one_thread, self.file_lock(TEMPORARY):
            parent.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=parent))
            lock = (folder / LOCK).open("w")
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            lock.close()

    def remove_abandoned(self) -> None:
        """Remove temporary folders of loaders that were killed: they are no longer locked."""
        parent = self.root / TEMPORARY
        if parent.is_dir() and any(parent.iterdir()):
            with self._one_thread, self.file_lock(TEMPORARY):
                for folder in parent.iterdir():
                    _remove_if_abandoned(folder)


def _wait_for_lock(file: int, place: int) -> None:
    """Lock one byte of a file.

    Where several threads of two loaders wait for each other's locks, the system may take that for
    a deadlock, as it does not tell threads apart. It is none: no thread holds one lock of a raw
    file while it waits for another.
    """
    while True:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX, 1, place)
        except OSError as error:
            if error.errno != errno.EDEADLK:
                raise
            time.sleep(0.01)
        else:
            return


def _remove_if_abandoned(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError), (folder / LOCK).open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
    shutil.rmtree(folder, ignore_errors=True)
