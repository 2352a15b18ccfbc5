"""Raw files to the lake: each is read once, landed whole, and entered in the ledger last."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from queue import SimpleQueue

from casebook.errors import CasebookError
from casebook.lake.layout import LEDGER, Lake, decode
from casebook.lake.ledger import Damaged, LedgerEntry
from casebook.load.discover import RawFile, choose_tables, find_files
from casebook.load.known import has_files, needs_nothing, why_damaged
from casebook.load.land import land
from casebook.load.report import FileResult, LoadReport, Progress
from casebook.load.worker import SMALL_FILE, Options, Worker
from casebook.settings import Settings
from casebook.sources import Table, read_sources

SMALL_MEMORY_LIMIT = "150MB"
WORKERS = 4
_Key = tuple[str, str, str]


def load(
    settings: Settings,
    tables: Sequence[str] = (),
    *,
    verify: bool = False,
    allow_shrink: bool = False,
    progress: Progress | None = None,
) -> LoadReport:
    """Land every raw file that is new or has changed.

    Args:
        settings: where the project, the raw files and the lake are.
        tables: load only these, each `SOURCE` or `SOURCE.TABLE`; all declared ones by default.
        verify: hash raw and landed files even where size and modification time are as in the
            ledger, and land again what is damaged.
        allow_shrink: land a file that has fewer bytes than when it was landed.
        progress: is told how far the run is.

    Returns:
        What became of each file. A file that is refused does not keep others from being landed.

    Raises:
        CasebookError: if a table is not declared, the raw folder is missing or another one than
            the lake was loaded from, or the lake is at an address or cannot be written.
    """
    lake = Lake(settings.lake)
    wanted = choose_tables(read_sources(settings.project), tables)
    found = find_files(settings.raw, wanted, whole=not tables)
    try:
        lake.check_raw_folder(settings.raw)
        lake.remove_abandoned()
        known, damaged = _known_entries(lake, None if not tables else wanted)
        work = []
        for file in found.files:
            key = (file.table.source, file.table.name, file.source_file)
            work.append(_Task(file, _size(file), known.pop(key, None)))
            damaged.pop(key, None)
        if progress:
            progress.begin(len(work), sum(task.size for task in work))
        results = dict(_load_all(work, lake, Options(verify, allow_shrink, progress)))
        report = LoadReport(
            files=[results[task.file.source_file] for task in work], undeclared=found.undeclared
        )
        refused = [file.source_file for file in found.files if file.refusal]
        hidden = tuple(name + end for name in refused for end in "/#")
        for entry in known.values():
            _add_missing(entry, hidden, settings, lake, verify, report)
        report.files += [_without_entry(key, damage) for key, damage in damaged.items()]
    except OSError as error:
        raise CasebookError(
            f"the lake cannot be written: {error}",
            file=settings.lake,
            fix="free some space or mend the permissions, then run `casebook load` again; what is"
            " landed so far stays",
        ) from error
    return report


@dataclass(frozen=True)
class _Task:
    """A raw file, its size in bytes, and what the ledger had of it when the run began."""

    file: RawFile
    size: int
    known: LedgerEntry | None


def _known_entries(
    lake: Lake, wanted: Sequence[Table] | None
) -> tuple[dict[_Key, LedgerEntry], dict[_Key, Damaged]]:
    """The entries of the wanted tables, or of all, and those that cannot be read."""
    damaged: dict[_Key, Damaged] = {}

    def add(damage: Damaged) -> None:
        source, table, *path = damage.path.parent.relative_to(lake.root / LEDGER).parts
        damaged[source, table, decode("/".join(path))] = damage

    names = None if wanted is None else {(table.source, table.name) for table in wanted}
    entries = {(e.source_name, e.table_name, e.source_file): e for e in lake.entries(add)}
    return (
        {key: entry for key, entry in entries.items() if names is None or key[:2] in names},
        {key: damage for key, damage in damaged.items() if names is None or key[:2] in names},
    )


def _load_all(tasks: list[_Task], lake: Lake, options: Options) -> Iterator[tuple[str, FileResult]]:
    """Load files: small ones several at a time, large ones one after another."""
    waiting: list[_Task] = []
    with Worker(lake, options) as worker:
        for task in tasks:
            known = None if options.verify else task.known
            if known is None or not needs_nothing(task.file, known, lake):
                waiting.append(task)
            else:
                result = FileResult(known, 0.0, task.size)
                yield task.file.source_file, _done(result, task.size, options)
        small = [task for task in waiting if task.size < SMALL_FILE]
        if len(small) > WORKERS:
            waiting = [task for task in waiting if task.size >= SMALL_FILE]
            for task, result in _load_small(small, lake, options):
                yield task.file.source_file, _done(result, task.size, options)
        for task in waiting:
            result = land(task.file, task.size, worker)
            yield task.file.source_file, _done(result, worker.unread, options)


def _load_small(
    tasks: list[_Task], lake: Lake, options: Options
) -> Iterator[tuple[_Task, FileResult]]:
    """Load small files: what takes time with them is waiting for the disk."""
    workers: SimpleQueue[Worker] = SimpleQueue()

    def load_one(task: _Task) -> FileResult:
        worker = workers.get()
        try:
            return land(task.file, task.size, worker)
        finally:
            workers.put(worker)

    with ExitStack() as stack:
        for _ in range(WORKERS):
            worker = Worker(lake, replace(options, progress=None), SMALL_MEMORY_LIMIT, threads=1)
            workers.put(stack.enter_context(worker))
        pool = stack.enter_context(ThreadPoolExecutor(WORKERS))
        try:
            yield from zip(tasks, pool.map(load_one, tasks), strict=True)
        finally:
            pool.shutdown(cancel_futures=True)


def _done(result: FileResult, unread: int, options: Options) -> FileResult:
    if options.progress:
        options.progress.read(unread)
        options.progress.done(result)
    return result


def _size(file: RawFile) -> int:
    try:
        return file.status()[0]
    except OSError:
        return 0


def _add_missing(
    known: LedgerEntry,
    hidden: tuple[str, ...],
    settings: Settings,
    lake: Lake,
    verify: bool,
    report: LoadReport,
) -> None:
    """Report an entry whose raw file was not found; where nothing was landed of it, forget it.

    Args:
        known: the entry.
        hidden: how paths begin below what cannot be read.
        settings: where the raw folder is.
        lake: the lake.
        verify: whether to check its landed files.
        report: what it is added to.
    """
    is_there = known.landed_file and os.path.lexists(settings.raw / known.source_file)
    if known.source_file.startswith(hidden) or is_there:
        return
    keys = (known.source_name, known.table_name, known.source_file)
    with lake.file_lock(known.source_file):
        entry = lake.read_entry(*keys)
        if entry is None or entry.landed_file is None:
            lake.forget(known)
            return
        why = None
        if not has_files(entry, lake):
            why = "a landed file of it is missing"
        elif verify and entry.landed_hash:
            why = why_damaged(entry, lake)
        refusal = f"{why}, and the raw file is gone; put it back" if why else None
        if (entry.state, entry.refusal) != ("gone", refusal):
            entry = replace(entry, state="gone", refusal=refusal)
            lake.commit(entry, durably=False)
    if refusal:
        report.files.append(FileResult(entry, 0.0, 0))
    else:
        report.gone.append(entry)


def _without_entry(key: _Key, damage: Damaged) -> FileResult:
    """What to report where a ledger entry is damaged and its raw file is gone."""
    reason = f"{damage}, and the raw file is gone; put one of them back, or delete the entry"
    source, table, source_file = key
    entry = LedgerEntry(source_file, source, table, "", 0, 0, "", "", "refused", refusal=reason)
    return FileResult(entry, 0.0, 0)
