"""Hash and count a raw file in one pass, beside the reader and independently of it."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from casebook.readers.base import Refused

CHUNK = 1 << 20


@dataclass(frozen=True)
class Measured:
    """What a pass over the raw bytes tells.

    Attributes:
        size_bytes: bytes read.
        file_hash: SHA-256 of them, as hex digits.
        prefix_hash: SHA-256 of the first `prefix` bytes, or None if there are not so many.
        lines: lines of the text, after decompression; a last one without a newline counts.
        last_byte: the text's last byte that is not white space; empty where there is none.
    """

    size_bytes: int
    file_hash: str
    prefix_hash: str | None
    lines: int
    last_byte: bytes


class _Counter:
    """Counts lines of text that comes in pieces."""

    def __init__(self) -> None:
        self.newlines, self.last_byte, self._open = 0, b"", False

    def add(self, piece: bytes | bytearray) -> None:
        if not piece:
            return
        self.newlines += piece.count(b"\n")
        self._open = piece[-1] != 0x0A
        tail = piece[-64:].rstrip() or piece.rstrip()
        self.last_byte = bytes(tail[-1:]) or self.last_byte

    @property
    def lines(self) -> int:
        return self.newlines + self._open


def measure(
    path: Path,
    compression: str | None,
    prefix: int | None = None,
    read: Callable[[int], None] = lambda size: None,
) -> Measured:
    """Read a raw file once and tell its size, hashes and lines.

    Args:
        path: the raw file.
        compression: `gzip`, or None.
        prefix: also take the hash of so many first bytes.
        read: called with the number of bytes read, after each piece.

    Raises:
        Refused: if the file cannot be read, or its archive is damaged.
    """
    text = _Counter()
    unpack = _Unpacker(text.add) if compression == "gzip" else None
    total, whole, prefix_hash = 0, hashlib.sha256(), None
    buffer = bytearray(CHUNK)
    view = memoryview(buffer)
    try:
        with path.open("rb", buffering=0) as file:
            while size := file.readinto(buffer):
                if prefix is not None and total <= prefix < total + size:
                    first = whole.copy()
                    first.update(view[: prefix - total])
                    prefix_hash = first.hexdigest()
                whole.update(view[:size])
                total += size
                piece = buffer if size == CHUNK else buffer[:size]
                if unpack:
                    unpack.add(bytes(piece))
                else:
                    text.add(piece)
                read(size)
        if unpack:
            unpack.finish()
    except (OSError, EOFError, zlib.error) as error:
        raise refused(error) from error
    if prefix == total:
        prefix_hash = whole.hexdigest()
    return Measured(total, whole.hexdigest(), prefix_hash, text.lines, text.last_byte)


def hash_file(path: Path, read: Callable[[int], None] = lambda size: None) -> str:
    """SHA-256 of a raw file's bytes, as hex digits.

    Raises:
        Refused: if it cannot be read.
    """
    return measure(path, None, read=read).file_hash


class _Unpacker:
    """Decompresses gzip that comes in pieces, any number of members; checks their checksums."""

    def __init__(self, out: Callable[[bytes], None]) -> None:
        self._out, self._member, self._started = out, zlib.decompressobj(31), False

    def add(self, piece: bytes) -> None:
        while piece:
            if self._member.eof:
                piece = piece.lstrip(b"\0")
                if not piece:
                    return
                self._member = zlib.decompressobj(31)
            self._started = True
            self._out(self._member.decompress(piece, CHUNK))
            piece = self._member.unconsumed_tail or self._member.unused_data

    def finish(self) -> None:
        while self._started and not self._member.eof:
            more = self._member.decompress(b"", CHUNK)
            if not more:
                raise EOFError("the archive breaks off")
            self._out(more)


def refused(error: Exception) -> Refused:
    """The refusal that a failed read of a raw file amounts to."""
    if isinstance(error, EOFError):
        return Refused("the archive breaks off; have it delivered again")
    if isinstance(error, (zlib.error, gzip.BadGzipFile)):
        return Refused(f"the archive is damaged ({error}); have it delivered again")
    reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
    return Refused(f"cannot be read: {reason}")


def open_text(path: Path, compression: str | None) -> BinaryIO:
    """A raw file's text, decompressed, as a buffered stream of bytes.

    Raises:
        OSError: if it cannot be opened.
    """
    if compression == "gzip":
        return io.BufferedReader(gzip.open(path, "rb"), CHUNK)  # type: ignore[arg-type]
    return path.open("rb", buffering=CHUNK)
