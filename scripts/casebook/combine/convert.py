"""Converts one raw file: its good records to a stretch of deflate, its bad ones to JSON lines.

A stretch refers to nothing before it and ends at a whole byte. Stretches behind each other, between
a gzip header and a trailer, are one gzip stream, which every program reads to its end.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

import msgspec
from isal import isal_zlib

from casebook.combine.outputs import Converted
from casebook.combine.records import Pieces, read_delimited, read_json
from casebook.errors import CasebookError, Refused
from casebook.files import check_file, name_below, status_below
from casebook.readers.archives import UNREADABLE, open_utf8, refused
from casebook.readers.choose import find_reader
from casebook.readers.header import guess_header
from casebook.readers.json_split import Element

# Four times as fast as zlib's level 1, and smaller. The level above gives other bytes on processors
# with AVX-512 than on those without; this one the same on all that have SSE4.2.
_LEVEL = 2


def convert(raw: str, path: str, part: str, skip_bad: bool) -> Converted:
    """Convert one raw file.

    Args:
        raw: the raw folder.
        path: the file, which is in it.
        part: where the stretch goes; bad records go to the same with `.rejected.jsonl` behind it.
        skip_bad: whether bad records are put aside.

    Raises:
        CasebookError: if the file cannot be read, or its stretch not be written; without
            `skip_bad`, also at the first bad record.
    """
    done = Converted(part)
    packer = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)
    try:
        with Path(part).open("wb") as file, Path(f"{part}.rejected.jsonl").open("wb") as rejects:
            for piece in _read(Path(path), Path(raw)):
                if not isinstance(piece, Element):
                    records, lines = piece
                    done.records += records
                    done.text_bytes += len(lines)
                    done.crc = isal_zlib.crc32(lines, done.crc)
                    file.write(packer.compress(lines))
                elif skip_bad:
                    done.rejected += 1
                    rejects.write(_as_line(name_below(Path(raw), Path(path)), piece))
                else:
                    fix = "correct the record, or put such records aside with --skip-bad"
                    reason = f"line {piece.first_line}: {piece.code}: {piece.message}"
                    raise CasebookError(reason, file=path, record=piece.number, fix=fix)
            file.write(packer.flush(isal_zlib.Z_SYNC_FLUSH))
    except Refused as error:
        fix = "correct it, or take it out of the folder"
        raise CasebookError(str(error), file=path, fix=fix) from error
    except OSError as error:
        reason = f"what was read of it cannot be written: {error.strerror}"
        raise CasebookError(reason, file=path, fix="make room") from error
    return done


def _read(path: Path, raw: Path) -> Pieces:
    """Good records, so many as lines of JSON, and bad ones."""
    try:
        if refusal := check_file(path, status_below(path, raw)):
            raise Refused(refusal)
        reader, compression = find_reader(path)
        with open_utf8(path, compression) as text:
            if reader.looks == "JSON":
                yield from read_json(text, reader.format == "json_lines")
            elif reader.format != "delimited":
                raise Refused(f"neither delimited text nor JSON, but {reader.format}")
            elif header := guess_header(path, compression):
                yield from read_delimited(text, header)
    except (*UNREADABLE, RuntimeError) as error:
        raise refused(error) from error


def _as_line(source_file: str, bad: Element) -> bytes:
    raw = bad.raw.rstrip(b"\r\n")
    text = raw.decode("utf-8", "backslashreplace")
    content = {
        "source_file": source_file,
        "record": bad.number,
        "first_line": bad.first_line,
        "reason_code": bad.code,
        "message": bad.message,
        "raw_text": text,
        # As base64, where the text does not show all of it.
        "raw_bytes": None if text.encode() == raw else raw,
    }
    return msgspec.json.encode(content) + b"\n"


def _serve() -> None:
    """Convert the files that stdin names, one a line; answer each by a line to stdout."""
    tasks = SimpleQueue[str]()

    def read() -> None:
        for line in sys.stdin:
            tasks.put(line)
        os._exit(0)  # whoever has started it is gone, whatever it is doing

    # It keeps no circles of objects, and looking for them takes a third of its time.
    gc.disable()
    # Ctrl-C reaches it too; whoever started it ends it then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=read, daemon=True).start()
    while task := tasks.get():
        try:
            answer = vars(convert(*json.loads(task)))
        except CasebookError as error:
            answer = vars(error)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _serve()
