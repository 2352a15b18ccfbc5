"""Raw files to the lake: each is read once, landed whole, and entered in the ledger last."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from queue import SimpleQueue

from casebook.lake.layout import Lake
from casebook.lake.ledger import Damaged, Key, LedgerEntry
from casebook.load.discover import RawFile, find_files
from casebook.load.known import needs_nothing
from casebook.load.land import land
from casebook.load.report import FileResult, LoadReport, Options, Progress
from casebook.load.worker import SMALL_FILE, Worker
from casebook.settings import Settings
from casebook.sources import choose_tables, read_sources
from casebook.sql import MEMORY_LIMIT

SMALL_MEMORY_LIMIT = "150MB"
WORKERS = 4


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
        progress: is kept up to date.

    Returns:
        What became of each file. A file that is refused does not keep others from being landed.

    Raises:
        CasebookError: if a table is not declared, the raw folder is missing or another one than
            the lake was loaded from, or the lake is at an address or cannot be written.
    """
    lake, progress = Lake(settings.lake), progress or Progress()
    options = Options(verify, allow_shrink, progress)
    wanted = choose_tables(read_sources(settings.project), tables)
    found = find_files(settings.raw, wanted, whole=not tables)
    names = {(table.source, table.name) for table in wanted}
    damaged: dict[Key, Damaged] = {}
    with lake.failures_told("load"):
        lake.check_raw_folder(settings.raw)
        lake.remove_abandoned()
        known = {entry.key: entry for entry in lake.entries(damaged)}
        work = [_Task(file, file.seen()[0], known.pop(file.key, None)) for file in found.files]
        progress.files, progress.size_bytes = len(work), sum(task.size for task in work)
        results = dict(_load_all(work, lake, options))
        report = LoadReport([results[file.source_file] for file in found.files], found.undeclared)
        hidden = tuple(f.source_file + end for f in found.files if f.refusal for end in "/#")
        for key, entry in known.items():
            is_hidden = entry.source_file.startswith(hidden) or (
                entry.landed_file and os.path.lexists(settings.raw / entry.source_file)
            )
            if not is_hidden and (not tables or key[:2] in names):
                _add_missing(entry, lake, verify, report)
        for key in sorted(damaged.keys() - {file.key for file in found.files}):
            if not tables or key[:2] in names:
                report.files.append(_without_entry(key, damaged[key]))
    return report


@dataclass(frozen=True)
class _Task:
    """A raw file, its size in bytes, and what the ledger had of it when the run began."""

    file: RawFile
    size: int
    known: LedgerEntry | None


def _load_all(tasks: list[_Task], lake: Lake, options: Options) -> Iterator[tuple[str, FileResult]]:
    """Load files: small ones several at a time, large ones one after another."""

    def done(task: _Task, result: FileResult, unread: int) -> tuple[str, FileResult]:
        options.progress.read(unread, result)
        return task.file.source_file, result

    waiting: list[_Task] = []
    for task in tasks:
        if options.verify or not task.known or not needs_nothing(task.file, task.known, lake):
            waiting.append(task)
        else:
            yield done(task, FileResult(task.known), task.size)
    small = [task for task in waiting if task.size < SMALL_FILE]
    if len(small) > WORKERS:
        waiting = [task for task in waiting if task.size >= SMALL_FILE]
        for task, result in _load_small(small, lake, options):
            yield done(task, result, task.size)
    if waiting:
        with Worker(lake, options, MEMORY_LIMIT) as worker:
            for task in waiting:
                result = land(task.file, task.size, worker)
                yield done(task, result, worker.unread)


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
            worker = Worker(
                lake, replace(options, progress=Progress()), SMALL_MEMORY_LIMIT, threads=1
            )
            workers.put(stack.enter_context(worker))
        pool = stack.enter_context(ThreadPoolExecutor(WORKERS))
        try:
            yield from zip(tasks, pool.map(load_one, tasks), strict=True)
        finally:
            pool.shutdown(cancel_futures=True)


def _add_missing(known: LedgerEntry, lake: Lake, verify: bool, report: LoadReport) -> None:
    """Report an entry whose raw file was not found; where nothing was landed of it, forget it."""
    with lake.file_lock(known.source_file):
        entry = lake.read_entry(*known.key)
        if entry is None or entry.landed_file is None:
            lake.forget(known)
            return
        why = lake.why_damaged(entry, by_hash=verify and entry.landed_hash is not None)
        refusal = f"{why}, and the raw file is gone; put it back" if why else None
        if (entry.state, entry.refusal) != ("gone", refusal):
            entry = replace(entry, state="gone", refusal=refusal)
            lake.commit(entry, durably=False)
    if refusal:
        report.files.append(FileResult(entry))
    else:
        report.gone.append(entry)


def _without_entry(key: Key, damage: Damaged) -> FileResult:
    """What to report where a ledger entry is damaged and its raw file is gone."""
    reason = f"{damage}, and the raw file is gone; put one of them back, or delete the entry"
    source, table, source_file = key
    entry = LedgerEntry(source_file, source, table, "", 0, 0, "", "", "refused", refusal=reason)
    return FileResult(entry)
