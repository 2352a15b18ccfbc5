"""Packed raw files: which there are, their text as a stream of bytes, and what bytes look like."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from casebook.errors import Refused

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CHUNK = 1 << 20
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".xz": "xz"}
UNREADABLE = (OSError, EOFError, zlib.error, lzma.LZMAError, zstd.ZstdError)
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_XZ_MEMORY = 128 << 20
_SIGNATURES = {
    b"\x1f\x8b": "a gzip archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\x00": "an xz archive",
    b"PK\x03\x04": "a ZIP archive or a workbook",
    b"PAR1": "Parquet",
    b"SQLite format 3\x00": "an SQLite database",
    b"%PDF": "PDF",
    b"\xd0\xcf\x11\xe0": "an old workbook (.xls)",
    **dict.fromkeys(_UTF16_MARKS, "UTF-16 text"),
}


def unpack(file: BinaryIO, compression: str | None) -> BinaryIO:
    """The text in an open raw file, in bounded memory; closing that text leaves an archive open.

    `compression` is one of `COMPRESSIONS`, or None.
    """
    raw: io.RawIOBase | io.BufferedIOBase
    if compression is None:
        return file
    if compression == "gzip":
        raw = gzip.GzipFile(fileobj=file)
    elif compression == "zstd":
        raw = zstd.ZstdFile(file)
    else:
        raw = bz2.BZ2File(file) if compression == "bz2" else _Stream(_xz_pieces(file))
    return io.BufferedReader(raw, CHUNK)


def _xz_pieces(file: BinaryIO) -> Iterator[bytes]:
    """The text in an .xz file; a dictionary that takes much memory is an error."""
    rest = file.read(CHUNK)
    while rest:
        decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
        while not decoder.eof:
            yield decoder.decompress(rest, CHUNK)
            rest = file.read(CHUNK) if decoder.needs_input else b""
            if decoder.needs_input and not rest and not decoder.eof:
                raise EOFError("the archive breaks off")
        rest = (decoder.unused_data or file.read(CHUNK)).lstrip(b"\0")


class _Stream(io.RawIOBase):
    """Pieces of bytes as a file; closing it ends what gives them."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            self._rest = memoryview(b"")
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def close(self) -> None:
        super().close()
        self._pieces.close()  # type: ignore[attr-defined]


def open_text(path: Path, compression: str | None) -> BinaryIO:
    """A raw file's text, unpacked, as a buffered stream of bytes; raises OSError."""
    file = path.open("rb", buffering=CHUNK)
    if not compression:
        return file
    return io.BufferedReader(_Stream(_unpacked(file, compression)), CHUNK)


def _unpacked(file: BinaryIO, compression: str) -> Iterator[bytes]:
    with file, unpack(file, compression) as text:
        while piece := text.read(CHUNK):
            yield piece


def open_utf8(path: Path, compression: str | None, encoding: str | None = None) -> BinaryIO:
    """A raw file's text, unpacked, in UTF-8 without a byte order mark; raises OSError.

    `encoding` is the one that its table declares; UTF-8 by default, and UTF-16 where a byte order
    mark says so. Bytes that it does not have stay as they are.
    """
    return io.BufferedReader(_Stream(_in_utf8(open_text(path, compression), encoding)), CHUNK)


def needs_decoding(path: Path, compression: str | None, encoding: str | None) -> bool:
    """Whether a raw file's text is in another encoding than UTF-8."""
    with open_text(path, compression) as text:
        return encoding is not None or text.read(2) in _UTF16_MARKS


def _in_utf8(text: BinaryIO, encoding: str | None) -> Iterator[bytes]:
    with text:
        piece = text.read(CHUNK)
        if encoding is None and piece[:2] in _UTF16_MARKS:
            encoding = "utf-16"
        if encoding is None:
            yield piece.removeprefix(codecs.BOM_UTF8)
            del piece  # so that one piece is held at a time
            yield from iter(lambda: text.read(CHUNK), b"")
            return
        is_wide = encoding.replace("-", "").lower().startswith(("utf16", "utf32"))
        decoder = codecs.getincrementaldecoder(encoding)("strict" if is_wide else "surrogateescape")
        try:
            while piece:
                yield decoder.decode(piece).encode("utf-8", "surrogateescape")
                piece = text.read(CHUNK)
            yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")
        except UnicodeError as error:
            raise Refused(f"it is not {encoding} throughout: {error}") from error


def refused(error: Exception) -> Refused:
    """The refusal that a failed read of a raw file (one of `UNREADABLE`) amounts to."""
    if isinstance(error, EOFError):
        return Refused("the archive breaks off; have it delivered again")
    if isinstance(error, OSError) and error.errno:
        return Refused(f"cannot be read: {error.strerror}")
    if isinstance(error, UNREADABLE):
        return Refused(f"the archive is damaged ({error}); have it delivered again")
    return Refused(f"cannot be read: {error}")


def looks_like(path: Path, compression: str | None = None) -> str | None:
    """What a file's first bytes are, unpacked; None for any text; Refused if it is unreadable."""
    try:
        with open_text(path, compression) as text:
            start = text.read(4096)
    except UNREADABLE as error:
        raise refused(error) from error
    for signature, name in _SIGNATURES.items():
        if start.startswith(signature):
            return name
    start = start.removeprefix(codecs.BOM_UTF8).lstrip()
    lower = start.lower()
    if lower.startswith((b"<!doctype html", b"<html")) or b"<html" in lower[:1024]:
        return "HTML"
    if start.startswith((b"<?xml", b"<!--")) or (start.startswith(b"<") and b">" in start):
        return "XML"
    if start.startswith((b"{", b"[")):
        return "JSON"
    if b"\0" in start:
        return "binary data"
    first = lower.split(b"\n", 1)[0]
    return "delimited text" if any(first.count(d) > 1 for d in (b",", b";", b"\t", b"|")) else None
