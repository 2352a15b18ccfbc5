"""Hash and count a raw file in one pass, beside the reader and independently of it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

from casebook.readers.archives import CHUNK, UNREADABLE, refused, unpack
from casebook.readers.base import Measured
from casebook.readers.count import Counter


def measure(
    path: Path,
    compression: str | None,
    prefix: int | None = None,
    read: Callable[[int], None] = lambda size: None,
    counter: Callable[[], Counter] = Counter,
) -> Measured:
    """Read a raw file once; tell its size and hashes, and count its text.

    Args:
        path: the raw file.
        compression: one of `COMPRESSIONS`, or None.
        prefix: also take the hash of so many first bytes.
        read: called with the number of bytes read, after each piece.
        counter: makes what counts the text.

    Raises:
        Refused: if the file cannot be read, or its archive is damaged.
    """
    text = counter()
    content = hashlib.sha256() if compression else None
    try:
        with path.open("rb", buffering=0) as file:
            hashed = _Hashed(file, prefix, read)
            buffer = bytearray(CHUNK)
            unpacked = unpack(hashed, compression)  # type: ignore[arg-type]
            while size := unpacked.readinto(buffer):  # type: ignore[attr-defined]
                piece = buffer if size == CHUNK else buffer[:size]
                text.add(piece)
                if content:
                    content.update(piece)
            while hashed.readinto(buffer):
                pass
    except UNREADABLE as error:
        raise refused(error) from error
    whole = hashed.whole.hexdigest()
    content_hash = content.hexdigest() if content else whole
    return Measured(hashed.size, whole, hashed.prefix_hash, text, content_hash)


def hash_file(path: Path, read: Callable[[int], None] = lambda size: None) -> str:
    """SHA-256 of a raw file's bytes, as hex digits; raises Refused if it cannot be read."""
    return measure(path, None, read=read).file_hash


class _Hashed(io.RawIOBase):
    """A file whose bytes are hashed as they are read, its first ones by themselves, too."""

    def __init__(self, file: io.RawIOBase, prefix: int | None, read: Callable[[int], None]) -> None:
        self._file, self._prefix, self._read = file, prefix, read
        self.size, self.whole = 0, hashlib.sha256()
        self.prefix_hash = self.whole.hexdigest() if prefix == 0 else None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        size = self._file.readinto(buffer) or 0
        piece = memoryview(buffer)[:size]
        if self._prefix is not None and self.size < self._prefix <= self.size + size:
            first = self.whole.copy()
            first.update(piece[: self._prefix - self.size])
            self.prefix_hash = first.hexdigest()
        self.whole.update(piece)
        self.size += size
        self._read(size)
        return size
