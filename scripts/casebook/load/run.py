"""Raw files to the lake: each is read once, landed whole, and entered in the ledger last."""

from __future__ import annotations

import collections
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from casebook.errors import CasebookError, Refused
from casebook.lake.layout import Lake, LedgerEntry, fits, landed_name
from casebook.lake.quarantine import Quarantine
from casebook.load.decode import decode_columns
from casebook.load.discover import RawFile, choose_tables, find_files
from casebook.load.measure import hash_file, measure
from casebook.load.replay import reapply_corrections
from casebook.readers.archives import UNREADABLE, refused
from casebook.readers.base import Measured, Raw, Reading, Workspace
from casebook.readers.choose import find_reader
from casebook.readers.count import Counter
from casebook.settings import Settings
from casebook.sources import read_sources
from casebook.sql import MEMORY_LIMIT, connect

if TYPE_CHECKING:
    import duckdb

SMALL_MEMORY_LIMIT = "150MB"
SMALL_FILE = 1 << 20
WORKERS = 4
ATTEMPTS = 3
KEEP_REPLACED = timedelta(days=1)
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9_./ -]+")
LANDED_STATES = ("new", "redeclared", "appended", "amended", "shrunk")


class Progress(Protocol):
    """What `load` tells while it works. `read` is also called from another thread."""

    def begin(self, files: int, size_bytes: int) -> None:
        """There are so many raw files, of so many bytes together."""

    def read(self, size_bytes: int) -> None:
        """So many more bytes are dealt with; they add up to what `begin` said."""

    def done(self, result: FileResult) -> None:
        """One more raw file is dealt with; `result.entry` has its records."""


@dataclass(frozen=True)
class FileResult:
    """What became of one raw file.

    Attributes:
        entry: its ledger entry; `state` and `refusal` tell what happened.
        seconds: time it took.
        bytes: size of the raw file as it is now.
    """

    entry: LedgerEntry
    seconds: float
    bytes: int

    @property
    def is_refused(self) -> bool:
        """Whether the file as it is now was not landed."""
        return self.entry.refusal is not None

    @property
    def is_landed(self) -> bool:
        """Whether this run landed it."""
        return self.entry.state in LANDED_STATES and not self.is_refused


@dataclass
class TableCount:
    """Numbers of one table in one run.

    Attributes:
        files: number of raw files by state.
        landed: records that this run landed.
        quarantined: records that this run put into quarantine.
        total_landed: records of the table that are in the lake now.
        total_quarantined: records of the table that are in quarantine now.
    """

    files: collections.Counter[str] = field(default_factory=collections.Counter)
    landed: int = 0
    quarantined: int = 0
    total_landed: int = 0
    total_quarantined: int = 0


@dataclass
class LoadReport:
    """What a run did.

    Attributes:
        files: one result per raw file looked at, in file order.
        undeclared: folders and files that no source declares and dot files; folders end in `/`.
        gone: entries of files that are no longer in the raw folder.
    """

    files: list[FileResult] = field(default_factory=list)
    undeclared: list[str] = field(default_factory=list)
    gone: list[LedgerEntry] = field(default_factory=list)

    @property
    def refused(self) -> list[FileResult]:
        """The files that were not landed as they are now: refused, and shrunk ones."""
        return [result for result in self.files if result.is_refused]

    @property
    def counts(self) -> dict[str, TableCount]:
        """Numbers by `source.table`, in order of the names."""
        counts: dict[str, TableCount] = {}
        landed_now = {id(result.entry) for result in self.files if result.is_landed}
        for entry in [*(result.entry for result in self.files), *self.gone]:
            name = f"{entry.source_name}.{entry.table_name}"
            count = counts.setdefault(name, TableCount())
            count.files[entry.state] += 1
            count.total_landed += entry.landed
            count.total_quarantined += entry.quarantined
            if id(entry) in landed_now:
                count.landed += entry.landed
                count.quarantined += entry.quarantined
        return dict(sorted(counts.items()))

    @property
    def exit_status(self) -> int:
        """1 if a file was refused or has shrunk, else 0."""
        return 1 if self.refused else 0


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
        verify: hash files even where size and modification time are as in the ledger.
        allow_shrink: land a file that has fewer bytes than when it was landed.
        progress: is told how far the run is.

    Returns:
        What became of each file. A file that is refused does not keep others from being landed.

    Raises:
        CasebookError: if a table is not declared, the raw folder is missing or another one than
            the lake was loaded from, or the lake is at an address or cannot be written.
    """
    lake = Lake(settings.lake)
    declared = read_sources(settings.project)
    wanted = choose_tables(declared, tables)
    found = find_files(settings.raw, wanted, whole=not tables)
    report = LoadReport(undeclared=found.undeclared)
    try:
        lake.check_raw_folder(settings.raw)
        lake.remove_abandoned()
        names = {(table.source, table.name) for table in wanted}
        known = {
            (entry.source_name, entry.table_name, entry.source_file): entry
            for entry in lake.entries()
            if not tables or (entry.source_name, entry.table_name) in names
        }
        sizes = [_size(file.path) for file in found.files]
        if progress:
            progress.begin(len(sizes), sum(sizes))
        tasks = [
            _Task(
                file, size, known.pop((file.table.source, file.table.name, file.source_file), None)
            )
            for file, size in zip(found.files, sizes, strict=True)
        ]
        how = _How(lake, verify, allow_shrink, progress)
        results = {task.file.source_file: result for task, result in _load_all(tasks, how)}
        report.files = [results[task.file.source_file] for task in tasks]
        refused_paths = [file.source_file for file in found.files if file.refusal]
        hidden = tuple(path + end for path in refused_paths for end in "/#")
        missing = [
            entry
            for entry in known.values()
            if not entry.source_file.startswith(hidden)
            and not (entry.landed_file and os.path.lexists(settings.raw / entry.source_file))
        ]
        report.gone = [gone for entry in missing if (gone := _keep_gone(lake, entry))]
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
    """A raw file, its size in bytes and its ledger entry as it was when the run began."""

    file: RawFile
    size: int
    known: LedgerEntry | None


@dataclass(frozen=True)
class _How:
    """What holds for all files of a run."""

    lake: Lake
    verify: bool
    allow_shrink: bool
    progress: Progress | None


def _load_all(tasks: list[_Task], how: _How) -> Iterator[tuple[_Task, FileResult]]:
    """Load files: small ones several at a time, large ones one after another."""
    waiting: list[_Task] = []
    with _Loader(how, MEMORY_LIMIT) as loader:
        for task in tasks:
            entry = loader.skip(task)
            if entry is None:
                waiting.append(task)
            else:
                yield task, _tell(FileResult(entry, 0.0, task.size), task.size, how)
        small = [task for task in waiting if task.size < SMALL_FILE]
        if len(small) > WORKERS:
            waiting = [task for task in waiting if task.size >= SMALL_FILE]
            for task, result in _load_small(small, how):
                yield task, _tell(result, task.size, how)
        for task in waiting:
            result = loader.load(task)
            yield task, _tell(result, loader.unread, how)


def _load_small(tasks: list[_Task], how: _How) -> Iterator[tuple[_Task, FileResult]]:
    """Load small files: what takes time with them is waiting for the disk."""
    loaders: SimpleQueue[_Loader] = SimpleQueue()

    def load_one(task: _Task) -> FileResult:
        loader = loaders.get()
        try:
            return loader.load(task)
        finally:
            loaders.put(loader)

    with ExitStack() as stack:
        for _ in range(WORKERS):
            loader = _Loader(replace(how, progress=None), SMALL_MEMORY_LIMIT, threads=1)
            loaders.put(stack.enter_context(loader))
        pool = stack.enter_context(ThreadPoolExecutor(WORKERS))
        try:
            yield from zip(tasks, pool.map(load_one, tasks), strict=True)
        finally:
            pool.shutdown(cancel_futures=True)


def _tell(result: FileResult, unread: int, how: _How) -> FileResult:
    if how.progress:
        how.progress.read(unread)
        how.progress.done(result)
    return result


class _Loader:
    """Loads files one after another, with one DuckDB connection and one temporary folder.

    Args:
        how: what holds for all files of the run.
        memory_limit: how much memory DuckDB may use.
        threads: how many threads DuckDB may use; as many as there are processors by default.
    """

    def __init__(self, how: _How, memory_limit: str, threads: int | None = None) -> None:
        self.lake, self.verify, self.allow_shrink = how.lake, how.verify, how.allow_shrink
        self.progress = how.progress
        self.memory_limit, self.threads = memory_limit, threads
        self.unread = 0
        self.measured: tuple[object, Future[Measured]] | None = None
        self.stack = ExitStack()
        self.folder: Path | None = None
        self.connection: duckdb.DuckDBPyConnection | None = None
        self.thread = self.stack.enter_context(ThreadPoolExecutor(1))

    def __enter__(self) -> _Loader:
        return self

    def __exit__(self, *error: object) -> None:
        self.stack.close()

    def load(self, task: _Task) -> FileResult:
        """Land a file if need be, and bring its ledger entry up to date."""
        start = perf_counter()
        self.unread = task.size
        with self.lake.file_lock(task.file.source_file):
            entry = self._load_locked(task.file)
        return FileResult(entry, perf_counter() - start, task.size)

    def skip(self, task: _Task) -> LedgerEntry | None:
        """The entry, if nothing at all is to be done about the file."""
        file, known = task.file, task.known
        if known is None or self.verify or file.refusal or known.state != "unchanged":
            return None
        try:
            status = file.path.stat()
        except OSError:
            return None
        same = (status.st_size, status.st_mtime_ns) == (known.size_bytes, known.modified_ns)
        same = same and known.declaration == file.table.declaration
        return known if same and self._has_landed(known) and not _overdue(known) else None

    def _load_locked(self, file: RawFile) -> LedgerEntry:
        table = file.table
        stored = self.lake.read_entry(table.source, table.name, file.source_file)
        landed = stored if stored is not None and self._has_landed(stored) else None
        corrections = stored.corrections if stored else []
        try:
            entry = self._unchanged(file, landed) or self._land(file, landed, corrections)
        except Refused as refusal:
            self._drop_broken_connection(refusal)
            state = "shrunk" if isinstance(refusal, _Shrunk) else "refused"
            entry = landed or _unread_entry(file)
            refusal_text = _plain(str(refusal))
            entry = replace(entry, state=state, refusal=refusal_text, corrections=corrections)
        entry.replaced_files = [old for old in entry.replaced_files if not _is_old(old)]
        has_same_files = stored is not None and _files(entry) == _files(stored)
        if entry != stored:
            self.lake.commit(entry, durably=not has_same_files)
        if not has_same_files:
            self.lake.sweep(entry)
        return entry

    def _has_landed(self, entry: LedgerEntry) -> bool:
        return entry.landed_file is not None and all(
            (self.lake.root / file).is_file() for file in entry.files
        )

    def _unchanged(self, file: RawFile, landed: LedgerEntry | None) -> LedgerEntry | None:
        """The entry of a file whose bytes and declaration are those that were landed."""
        if file.refusal:
            raise Refused(file.refusal)
        if not fits(file.source_file):
            raise Refused("its path is too long for the lake; shorten its names to 80 characters")
        try:
            status = file.path.stat()
        except OSError as error:
            raise refused(error) from error
        if landed is None:
            return None
        if status.st_size < landed.size_bytes and not self.allow_shrink:
            raise _Shrunk(
                f"it has shrunk from {landed.size_bytes:,} to {status.st_size:,} bytes; what was"
                " landed is kept; if that is right, load it with --allow-shrink"
            )
        if status.st_size != landed.size_bytes:
            return None
        if landed.declaration != file.table.declaration:
            return None
        touched = status.st_mtime_ns != landed.modified_ns
        if (touched or self.verify) and hash_file(file.path, self._read) != landed.file_hash:
            return None
        return replace(landed, state="unchanged", modified_ns=status.st_mtime_ns, refusal=None)

    def _land(
        self, file: RawFile, landed: LedgerEntry | None, corrections: list[dict[str, Any]]
    ) -> LedgerEntry:
        """Read a file that does not change meanwhile, and put what came of it into its place.

        Raises:
            Refused: if it cannot be read as a whole, or changes whenever it is read.
        """
        for _ in range(ATTEMPTS):
            before = _identity(file.path)
            try:
                return self._land_once(file, landed, corrections, before)
            except _Changed:
                continue
        raise Refused(
            f"it changed {ATTEMPTS} times while it was read; load it when its delivery is complete"
        )

    def _land_once(
        self,
        file: RawFile,
        landed: LedgerEntry | None,
        corrections: list[dict[str, Any]],
        before: tuple[int, ...],
    ) -> LedgerEntry:
        reader, compression = find_reader(file.path, file.table)
        folder = self._work_folder()
        quarantine = Quarantine(folder / "quarantine.jsonl")
        prefix = landed.size_bytes if landed else None
        measuring = self._measure(file.path, before, compression, prefix, reader.counter)
        workspace = Workspace(self._connect(), folder, folder / "landed.parquet", quarantine)
        raw = Raw(
            _plainly_named(file.path, folder),
            compression,
            file.table,
            measuring.result,
            file.member,
        )
        rejected = folder / "rejected.parquet"
        try:
            with _telling_failures_apart(measuring):
                reading = reader.read(raw, workspace)
                decode_columns(workspace.connection, folder, workspace.landed, file.table)
                measured = measuring.result()
                quarantined = quarantine.write(
                    workspace.connection, rejected, file.source_file, measured.file_hash
                )
        finally:
            _wait(measuring)
            if _identity(file.path) != before:
                raise _Changed
        _check_counts(reading, quarantined, quarantine.count)
        loaded_at = datetime.now(UTC)
        name = landed_name(measured.file_hash, loaded_at)
        table = file.table
        entry = LedgerEntry(
            source_file=file.source_file,
            source_name=table.source,
            table_name=table.name,
            format=reader.format,
            size_bytes=measured.size_bytes,
            modified_ns=before[-1],
            file_hash=measured.file_hash,
            declaration=table.declaration,
            state=_state(landed, measured),
            loaded_at=f"{loaded_at:%Y-%m-%dT%H:%M:%S.%f}",
            records=reading.records,
            landed=reading.landed,
            quarantined=quarantined,
            columns_ignored=[_plain(column) for column in reading.columns_ignored],
            layout=reading.layout,
            corrections=corrections,
            replaced_files=_replaced(landed, loaded_at),
        )
        home = self.lake.landed_folder(table.source, table.name, file.source_file)
        entry.landed_file = self.lake.place(workspace.landed, home / name)
        if quarantined:
            home = self.lake.rejected_folder(table.source, table.name, file.source_file)
            entry.rejected_file = self.lake.place(rejected, home / name)
        with _telling_failures_apart(measuring):
            return reapply_corrections(self.lake, entry, table, workspace.connection, folder)

    def _measure(
        self,
        path: Path,
        identity: tuple[int, ...],
        compression: str | None,
        prefix: int | None,
        counter: Callable[[], Counter],
    ) -> Future[Measured]:
        """Measure a file: beside the reader, or before it where that takes longer to arrange.

        A file that holds several tables is measured once for those that follow each other.
        """
        asked = (identity, compression, prefix, counter)
        if self.measured is None or self.measured[0] != asked:
            arguments = (path, compression, prefix, self._read, counter)
            future = _do_now if self.unread < SMALL_FILE else self.thread.submit
            self.measured = (asked, future(measure, *arguments))
        return self.measured[1]

    def _work_folder(self) -> Path:
        """The temporary folder, emptied."""
        if self.folder is None:
            self.folder = self.stack.enter_context(self.lake.workspace()) / "file"
            self.folder.mkdir()
        for path in self.folder.iterdir():
            path.unlink()
        return self.folder

    def _connect(self) -> duckdb.DuckDBPyConnection:
        if self.connection is None:
            assert self.folder is not None
            spill = self.folder.parent / "spill"
            connection = connect(spill, self.memory_limit, self.threads)
            self.connection = self.stack.enter_context(connection)
        return self.connection

    def _drop_broken_connection(self, refusal: Refused) -> None:
        """After an internal error DuckDB answers nothing more: the next file gets a new one."""
        if self.connection is None or refusal.__cause__ is None:
            return
        import duckdb

        if isinstance(refusal.__cause__, (duckdb.InternalException, duckdb.FatalException)):
            self.connection = None

    def _read(self, size_bytes: int) -> None:
        size_bytes = min(size_bytes, self.unread)
        self.unread -= size_bytes
        if self.progress:
            self.progress.read(size_bytes)


class _Shrunk(Refused):
    """The file has fewer bytes than when it was landed."""


class _Changed(Exception):
    """The file was changed while it was read."""


@contextmanager
def _telling_failures_apart(measuring: Future[Measured]) -> Iterator[None]:
    """Turn failures of the raw file into refusals, and of the lake's disk into `OSError`."""
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise Refused("its records are too large for the loader's memory") from error
    except (*UNREADABLE, duckdb.Error) as error:
        measuring.result()
        if isinstance(error, (OSError, duckdb.IOException)):
            raise OSError(str(error)) from error
        raise Refused(f"cannot be read: {str(error).splitlines()[0]}") from error


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _identity(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError as error:
        raise refused(error) from error
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _do_now(function: Callable[..., Measured], *arguments: object) -> Future[Measured]:
    future: Future[Measured] = Future()
    try:
        future.set_result(function(*arguments))
    except Refused as refusal:
        future.set_exception(refusal)
    return future


def _plainly_named(path: Path, folder: Path) -> Path:
    """A path to the raw file in which no character means something in a glob."""
    if _PLAIN_PATH.fullmatch(str(path)):
        return path
    link = folder / "raw"
    link.symlink_to(path.absolute())
    return link


def _wait(future: Future[Measured]) -> None:
    future.exception()


def _state(landed: LedgerEntry | None, measured: Measured) -> str:
    """What a file that is landed now is, against what was landed of it before."""
    if landed is None:
        return "new"
    if measured.file_hash == landed.file_hash:
        return "redeclared"
    if measured.size_bytes < landed.size_bytes:
        return "shrunk"
    return "appended" if measured.prefix_hash == landed.file_hash else "amended"


def _check_counts(reading: Reading, written: int, quarantined: int) -> None:
    if written != quarantined or reading.records != reading.landed + quarantined:
        raise Refused(
            f"the count does not come out: {reading.records} records, but {reading.landed} landed"
            f" and {written} of {quarantined} quarantined; please report this as a bug"
        )


def _unread_entry(file: RawFile) -> LedgerEntry:
    """The entry of a file of which nothing is landed."""
    try:
        status = file.path.stat()
        size, modified = status.st_size, status.st_mtime_ns
    except OSError:
        size, modified = 0, 0
    return LedgerEntry(
        source_file=file.source_file,
        source_name=file.table.source,
        table_name=file.table.name,
        format=file.path.suffix.lower().removeprefix("."),
        size_bytes=size,
        modified_ns=modified,
        file_hash="",
        declaration=file.table.declaration,
        state="refused",
    )


def _keep_gone(lake: Lake, missing: LedgerEntry) -> LedgerEntry | None:
    """Enter that a raw file is gone; where nothing of it was ever landed, forget it."""
    keys = (missing.source_name, missing.table_name, missing.source_file)
    with lake.file_lock(missing.source_file):
        entry = lake.read_entry(*keys)
        if entry is None or entry.landed_file is None:
            lake.forget(missing)
            return None
        if entry.state != "gone":
            entry = replace(entry, state="gone", refusal=None)
            lake.commit(entry, durably=False)
    return entry


def _replaced(landed: LedgerEntry | None, now: datetime) -> list[dict[str, str]]:
    """Files that a build may still be reading, with those that are replaced now."""
    if landed is None:
        return []
    at = f"{now:%Y-%m-%dT%H:%M:%S.%f}"
    return landed.replaced_files + [{"file": file, "replaced_at": at} for file in landed.files]


def _files(entry: LedgerEntry) -> tuple[list[str], list[dict[str, str]]]:
    return entry.files, entry.replaced_files


def _is_old(replaced: dict[str, str]) -> bool:
    at = datetime.fromisoformat(replaced["replaced_at"]).replace(tzinfo=UTC)
    return datetime.now(UTC) - at > KEEP_REPLACED


def _overdue(entry: LedgerEntry) -> bool:
    return any(_is_old(replaced) for replaced in entry.replaced_files)


def _plain(text: str) -> str:
    """A text without lone surrogates, which no JSON reader of the ledger would take."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
