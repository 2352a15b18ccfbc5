"""Combines the files of each subfolder into one gzip file of JSON lines."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from casebook.combine.folders import RawFile, Subfolder, find_subfolders
from casebook.combine.outputs import Outputs
from casebook.combine.segments import join_files, join_parts
from casebook.combine.tasks import Done, Task
from casebook.combine.workers import convert_all
from casebook.errors import CasebookError

# As many as memory allows: each holds about 25 MB.
WORKERS = 2
# Starting workers takes longer than reading so few bytes.
SMALL = 8 << 20


@dataclass(frozen=True)
class Combined:
    """An output that was written.

    Attributes:
        subfolder: the subfolder.
        files: how many files it has.
        records: records in the output.
        rejected: records that cannot be read, which went elsewhere.
        size_bytes: size of the output.
    """

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
    progress: Callable[[int, int], None] | None = None,
    workers: int | None = None,
) -> CombineReport:
    """Write one `<subfolder>.json.gz` for every subfolder of a raw folder.

    Its records are those of all files in it, by path in byte order, each as a line of JSON.

    Args:
        raw: the folder of subfolders.
        out: the folder for outputs; what an earlier combine wrote there is replaced.
        skip_bad: put records that cannot be read into `<subfolder>.rejected.jsonl`. Otherwise the
            first one stops its subfolder, which then has no output.
        progress: called with the bytes of raw files that were dealt with, and those of all.
        workers: how many processes read files; by default one for few bytes, else `WORKERS`.

    Raises:
        CasebookError: if nothing can be combined at all.
    """
    _check_folders(raw, out)
    found = find_subfolders(raw)
    outputs = Outputs(out, raw)
    with outputs.hold():
        report = _Run(outputs, found.subfolders, skip_bad, progress).combine(workers)
        report.removed = outputs.discard_others({folder.name for folder in found.subfolders})
        report.left_alone = sorted(found.left_alone)
    return report


def _check_folders(raw: Path, out: Path) -> None:
    if out.resolve().is_relative_to(raw.resolve()):
        raise CasebookError(
            "the outputs would lie among the raw files",
            file=out,
            fix=f"name a folder that is not in {raw}",
        )


@dataclass
class _Job:
    """A subfolder that is being combined.

    Attributes:
        subfolder: the subfolder.
        folder: where its parts are made.
        sent: how many of its files have been given out to be converted.
        done: what became of those that are done, by their place among the files.
        failed: whether it will have no output.
        is_over: whether it has been dealt with.
    """

    subfolder: Subfolder
    folder: Path
    sent: int = 0
    done: dict[int, Done] = field(default_factory=dict)
    failed: bool = False
    is_over: bool = False


class _Run:
    """One combine.

    Args:
        outputs: where the outputs go; held.
        subfolders: what is to be combined.
        skip_bad: as for `combine`; so is `progress`.
    """

    def __init__(
        self,
        outputs: Outputs,
        subfolders: list[Subfolder],
        skip_bad: bool,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._outputs, self._skip_bad, self._progress = outputs, skip_bad, progress
        self._jobs = [
            _Job(subfolder, outputs.work / str(number))
            for number, subfolder in enumerate(subfolders)
        ]
        self._files = [
            (job, place, file)
            for job in self._jobs
            for place, file in enumerate(job.subfolder.files)
        ]
        self._read = [0] * len(self._files)
        self._all_read, self._all = 0, sum(file.size_bytes for _, _, file in self._files)
        self._results: dict[str, Combined | CasebookError] = {}

    def combine(self, workers: int | None) -> CombineReport:
        """Combine every subfolder; takes how many processes read files, as `combine` does."""
        refused = self._outputs.claim(job.subfolder.name for job in self._jobs)
        for job in self._jobs:
            if job.subfolder.name in refused:
                job.failed = job.is_over = True
                self._results[job.subfolder.name] = refused[job.subfolder.name]
            elif bad := next((file for file in job.subfolder.files if file.refusal), None):
                self._fail(job, bad, Done(0, failure=bad.refusal))
            elif not job.subfolder.files:
                self._finish(job)
        if workers is None:
            workers = 0 if self._all < SMALL else min(WORKERS, len(self._files))
        with closing(convert_all(self._tasks(), workers, self._advance)) as all_done:
            for done in all_done:
                self._take(done)
        results = [self._results[job.subfolder.name] for job in self._jobs]
        return CombineReport(
            [result for result in results if isinstance(result, Combined)],
            [result for result in results if isinstance(result, CasebookError)],
        )

    def _take(self, done: Done) -> None:
        """Take what became of a file; its subfolder may be finished by it."""
        job, place, file = self._files[done.number]
        self._advance(done.number, file.size_bytes)
        # One that was given out while its subfolder failed comes too late.
        if not job.is_over:
            job.done[place] = done
            job.failed = job.failed or done.failure is not None
            if len(job.done) == (job.sent if job.failed else len(job.subfolder.files)):
                self._finish(job)

    def _tasks(self) -> Iterator[Task]:
        """The files of subfolders that have not failed by now, in order."""
        for number, (job, place, file) in enumerate(self._files):
            if not job.failed:
                job.sent += 1
                folder = job.folder / str(place)
                yield Task(number, file.path, file.source_file, folder, self._skip_bad)

    def _advance(self, number: int, size_bytes: int) -> None:
        """So many more bytes of a file's text were read; of a packed file, more than it has."""
        more = min(size_bytes, self._files[number][2].size_bytes - self._read[number])
        self._read[number] += more
        self._all_read += more
        if self._progress:
            self._progress(self._all_read, self._all)

    def _finish(self, job: _Job) -> None:
        """Write the output of a subfolder whose files are done, or say why there is none."""
        done = [job.done[place] for place in sorted(job.done)]
        # The files before one that failed were all given out before it, and are done.
        if failed := next((one for one in done if one.failure is not None), None):
            self._fail(job, self._files[failed.number][2], failed)
            return
        name = job.subfolder.name
        job.folder.mkdir(exist_ok=True)
        output, rejected = job.folder / "output", None
        size = join_parts([one.part for one in done if one.part], output)
        if rejects := [one.rejects for one in done if one.rejects]:
            rejected = job.folder / "rejected"
            join_files(rejects, rejected)
        self._outputs.publish(name, output, rejected)
        counts = sum(one.records for one in done), sum(one.rejected for one in done)
        self._end(job, Combined(name, len(done), *counts, size))

    def _fail(self, job: _Job, file: RawFile, done: Done) -> None:
        """Leave no output for a subfolder, because of one of its files."""
        fix = "mend it, or take it out of the folder"
        if done.record is not None:
            fix = "mend the record, or put such records aside with --skip-bad"
        self._outputs.discard(job.subfolder.name)
        error = CasebookError(str(done.failure), file=file.path, record=done.record, fix=fix)
        self._end(job, error)

    def _end(self, job: _Job, result: Combined | CasebookError) -> None:
        self._results[job.subfolder.name] = result
        job.failed, job.is_over = isinstance(result, CasebookError), True
        shutil.rmtree(job.folder, ignore_errors=True)
        job.done.clear()
