"""Combines the files of each subfolder into one gzip file of JSON lines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from casebook.combine import outputs
from casebook.combine.workers import Converted, converting
from casebook.errors import CasebookError
from casebook.files import name_below

# As many as memory allows: each holds about 25 MB.
WORKERS = 2
# Starting workers takes longer than reading so few bytes.
SMALL = 8 << 20
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Combined:
    """An output: its subfolder, files, records, rejected records, and its size in bytes."""

    subfolder: str
    files: int
    records: int
    rejected: int
    size_bytes: int


@dataclass
class CombineReport:
    """What a combine did.

    Attributes:
        combined: the outputs, by name in byte order.
        failures: why there is none for the other subfolders, in the same order.
        removed: files that were removed, as their subfolders are gone.
        left_alone: paths below the raw folder that belong to no subfolder, and dot files.
    """

    combined: list[Combined] = field(default_factory=list)
    failures: list[CasebookError] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    left_alone: list[str] = field(default_factory=list)

    @property
    def exit_status(self) -> int:
        """1 if a subfolder has no output."""
        return 1 if self.failures else 0


def combine(
    raw: Path,
    out: Path,
    *,
    skip_bad: bool = False,
    progress: Progress | None = None,
    workers: int | None = None,
) -> CombineReport:
    """Write one `<subfolder>.json.gz` for every subfolder of a raw folder.

    Its records are those of all files in it, by path in byte order, each as a line of JSON.

    Args:
        raw: the folder of subfolders.
        out: the folder for outputs; what an earlier combine wrote there is replaced.
        skip_bad: put records that cannot be read into `<subfolder>.rejected.jsonl`. Otherwise the
            first one stops its subfolder, which then has no output.
        progress: called with the bytes of raw files that were read, and those of all.
        workers: how many processes read files; by default none for few bytes, else `WORKERS`.

    Raises:
        CasebookError: if nothing can be combined at all.
    """
    if out.resolve().is_relative_to(raw.resolve()):
        fix = f"name a folder that is not in {raw}"
        raise CasebookError("the outputs would lie among the raw files", file=out, fix=fix)
    report = CombineReport()
    found = _find_files(raw, report.left_alone)
    sizes = {path: path.lstat().st_size for files in found.values() for path in files}
    if workers is None:
        workers = WORKERS if sum(sizes.values()) >= SMALL else 0
    read = 0
    with outputs.hold(out, raw) as work, converting(workers) as convert:
        futures = {
            path: convert(str(raw), str(path), str(work / str(number)), skip_bad)
            for number, path in enumerate(sizes)
        }
        for name, files in found.items():
            done = list[Converted]()
            for path in files:
                if done and done[-1].failure:
                    futures[path].cancel()
                else:
                    done.append(futures[path].result())
                read += sizes[path]
                if progress:
                    progress(read, sum(sizes.values()))
            try:
                report.combined.append(_publish(out, name, done, work))
            except CasebookError as error:
                report.failures.append(error)
        removed = outputs.remove_others(out, {done.subfolder for done in report.combined})
        report.removed = [path.name for name, path in removed if name not in found]
    return report


def _publish(out: Path, subfolder: str, files: list[Converted], work: Path) -> Combined:
    """Write the outputs of a subfolder.

    Raises:
        CasebookError: if one of its files could not be converted, or they cannot be written.
    """
    if files and (reason := files[-1].failure):
        fix = "correct it, or take it out of the folder"
        if files[-1].record is not None:
            fix = "correct the record, or put such records aside with --skip-bad"
        raise CasebookError(reason, file=files[-1].path, record=files[-1].record, fix=fix)
    try:
        size = outputs.publish(out, subfolder, files, work)
    except OSError as error:
        reason, fix = f"its output cannot be written: {error.strerror}", "rename it, or make room"
        raise CasebookError(reason, file=subfolder, fix=fix) from error
    records, rejected = sum(file.records for file in files), sum(file.rejected for file in files)
    return Combined(subfolder, len(files), records, rejected, size)


def _find_files(raw: Path, left_alone: list[str]) -> dict[str, list[Path]]:
    """The files of each subfolder and of all folders in it, in byte order."""

    def look(path: Path) -> Iterator[Path]:
        if not path.is_dir() or path.is_symlink():
            yield path
            return
        for child in path.iterdir():
            if child.name.startswith("."):
                left_alone.append(name_below(raw, child))
            else:
                yield from look(child)

    found: dict[str, list[Path]] = {}
    try:
        for path in sorted(raw.iterdir(), key=os.fsencode):
            if path.name.startswith(".") or not path.is_dir():
                left_alone.append(name_below(raw, path))
            else:
                found[path.name] = sorted(look(path), key=os.fsencode)
    except OSError as error:
        reason, fix = f"the folder cannot be listed: {error.strerror}", "name one that can be read"
        raise CasebookError(reason, file=error.filename, fix=fix) from error
    if not found:
        fix = "put files into RAW_DIR/<subfolder>/"
        raise CasebookError("it has no subfolders", file=raw, fix=fix)
    left_alone.sort()
    return found
