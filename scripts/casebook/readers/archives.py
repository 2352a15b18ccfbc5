"""Compressed raw files: which there are, and their text as a stream of bytes."""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib
from pathlib import Path
from typing import BinaryIO

from casebook.errors import Refused

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CHUNK = 1 << 20
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
UNREADABLE = (OSError, EOFError, zlib.error, zstd.ZstdError)


def unpack(file: BinaryIO, compression: str | None) -> BinaryIO:
    """The text in a raw file that is open for reading.

    Args:
        file: the raw file; closing the text does not close it where it is compressed.
        compression: `gzip`, `zstd` or None.
    """
    if compression == "gzip":
        return io.BufferedReader(gzip.GzipFile(fileobj=file), CHUNK)  # type: ignore[arg-type]
    if compression == "zstd":
        return zstd.ZstdFile(file)
    return file


def open_text(path: Path, compression: str | None) -> BinaryIO:
    """A raw file's text, decompressed, as a buffered stream of bytes.

    Raises:
        OSError: if it cannot be opened.
    """
    if compression == "gzip":
        return io.BufferedReader(gzip.open(path, "rb"), CHUNK)  # type: ignore[arg-type]
    if compression == "zstd":
        return io.BufferedReader(zstd.ZstdFile(path), CHUNK)  # type: ignore[arg-type]
    return path.open("rb", buffering=CHUNK)


def refused(error: Exception) -> Refused:
    """The refusal that a failed read of a raw file (one of `UNREADABLE`) amounts to."""
    if isinstance(error, EOFError):
        return Refused("the archive breaks off; have it delivered again")
    if isinstance(error, (zlib.error, gzip.BadGzipFile, zstd.ZstdError)):
        return Refused(f"the archive is damaged ({error}); have it delivered again")
    reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
    return Refused(f"cannot be read: {reason}")
