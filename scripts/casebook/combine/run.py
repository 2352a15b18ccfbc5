"""Combines the files of each subfolder into one gzip file of JSON lines.

Processes convert raw files, each one file at a time. What reads them stays out of the process that
asks, which saves it 10 MB.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from subprocess import PIPE, Popen
from threading import local

from casebook.combine import outputs
from casebook.combine.outputs import Combined, Converted
from casebook.errors import CasebookError
from casebook.files import name_below

# As many as memory allows: each holds about 27 MB.
WORKERS = 2
# Starting workers takes longer than reading so few bytes.
SMALL = 8 << 20
# Without the current folder: a file in it may have the name of a module.
_WORKER = (sys.executable, "-P", "-m", "casebook.combine.convert")


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
    progress: Callable[[int, int], None] = lambda read, total: None,
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
    paths = [path for files in found.values() for path in files]
    read = dict(zip(paths, accumulate(path.lstat().st_size for path in paths), strict=True))
    total = max(read.values(), default=0)
    if workers is None:
        workers = WORKERS if total >= SMALL else 0
    with outputs.hold(out, raw) as work, _converting(workers) as convert:
        converted = {
            path: convert(str(raw), str(path), str(work / f"{number}"), skip_bad)
            for number, path in enumerate(paths)
        }
        for name, files in found.items():
            done = []
            try:
                for path in files:
                    done.append(converted[path].result())
                    progress(read[path], total)
                report.combined.append(outputs.publish(out, name, done, work))
            except CasebookError as error:
                report.failures.append(error)
                for path in files:
                    converted[path].cancel()
        removed = outputs.remove_others(out, {done.subfolder for done in report.combined})
        report.removed = [path.name for name, path in removed if name not in found]
    return report


@contextmanager
def _converting(processes: int) -> Iterator[Callable[..., Future[Converted]]]:
    """`casebook.combine.convert.convert`, as called in so many processes, or in this one for 0.

    What they are doing at the end is given up.
    """
    started, here = list[Popen[str]](), local()

    def convert(raw: str, path: str, part: str, skip_bad: bool) -> Converted:
        if not processes:
            from casebook.combine import convert

            return convert.convert(raw, path, part, skip_bad)
        if not hasattr(here, "process"):
            here.process = Popen(_WORKER, stdin=PIPE, stdout=PIPE, text=True)
            started.append(here.process)
        with suppress(BrokenPipeError):
            print(json.dumps((raw, path, part, skip_bad)), file=here.process.stdin, flush=True)
        if answer := here.process.stdout.readline():
            found = json.loads(answer)
            if "reason" in found:
                raise CasebookError(**found)
            return Converted(**found)
        reason = f"the process that read it has ended, status {here.process.wait()}"
        del here.process
        raise CasebookError(reason, file=path, fix="combine again, with more memory if it lacks")

    pool = ThreadPoolExecutor(max(1, processes))
    try:
        yield lambda *task: pool.submit(convert, *task)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in started:
            process.kill()
            process.communicate()


def _find_files(raw: Path, left_alone: list[str]) -> dict[str, list[Path]]:
    """The files of each subfolder and of all folders in it, in byte order."""

    def look(folder: Path) -> Iterator[Path]:
        for path in folder.iterdir():
            if path.name.startswith(".") or (folder == raw and not path.is_dir()):
                left_alone.append(name_below(raw, path))
            elif path.is_dir() and not path.is_symlink():
                yield from look(path)
            else:
                yield path

    try:
        files = sorted(look(raw), key=os.fsencode)
        folders = sorted((path.name for path in raw.iterdir() if path.is_dir()), key=os.fsencode)
    except OSError as error:
        reason, fix = f"the folder cannot be listed: {error.strerror}", "name one that can be read"
        raise CasebookError(reason, file=error.filename, fix=fix) from error
    left_alone.sort()
    found = {name: list[Path]() for name in folders if not name.startswith(".")}
    for path in files:
        found[path.relative_to(raw).parts[0]].append(path)
    if not found:
        raise CasebookError(
            "it has no subfolders", file=raw, fix="put files into RAW_DIR/<subfolder>/"
        )
    return found
