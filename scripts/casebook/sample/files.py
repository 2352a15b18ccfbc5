"""Sample files: the same bytes for the same content, and never a half-written one in place."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from casebook.errors import CasebookError


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write, compressed if its name ends in `.gz`; it is put in place when it is whole.

    The compressed bytes carry neither a time nor a file name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = temporary(path)
    with part.open("wb") as file:
        if path.suffix == ".gz":
            with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed:
                yield packed
        else:
            yield file
    part.replace(path)


def copy_file(path: Path, to: Path) -> None:
    """Deliver the same bytes once more; they are put in place when they are whole."""
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, temporary(to))
    temporary(to).replace(to)


def temporary(path: Path) -> Path:
    """The name under which a file is written until it is whole; no loader reads dot files."""
    return path.with_name(f".{path.name}.part")


def check_folder(out_dir: Path, files: list[str]) -> None:
    """See that writing a sample destroys nothing but an earlier sample.

    Args:
        out_dir: where the sample is to be.
        files: paths of its files in there, with `/`.

    Raises:
        CasebookError: if the folder holds any other file, or is none.
    """
    if out_dir.exists() and not out_dir.is_dir():
        raise CasebookError(
            "this is a file, and a sample is a folder",
            file=out_dir,
            fix="name a folder that does not exist yet",
        )
    ours = {out_dir / name for name in files}
    ours |= {temporary(path) for path in ours}
    strangers = sorted(
        path for path in out_dir.rglob("*") if path not in ours and not _is_folder(path)
    )
    if strangers:
        raise CasebookError(
            f"the folder holds {len(strangers)} files that are not of a sample, "
            f"such as {strangers[0].relative_to(out_dir)}",
            file=out_dir,
            fix="name a folder that is empty or does not exist yet; "
            "an earlier sample in it is written over",
        )


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
