"""Fetch deliveries of all sources from where the source YAML says that they come from."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, TypeVar

import msgspec

from casebook.addresses import Address, TransientError, find_address
from casebook.errors import CasebookError
from casebook.fetch.buckets import mirror
from casebook.fetch.database import snapshots
from casebook.fetch.delivery import Delivery, Workplace
from casebook.fetch.web import download
from casebook.settings import Settings
from casebook.sources import Table, read_sources

PAUSES = (1.0, 3.0, 9.0)  # seconds between tries
_Brought = TypeVar("_Brought")


class Fetch(msgspec.Struct, forbid_unknown_fields=True):
    """`meta: fetch:` of a table; an address is a text or `{env: NAME}`."""

    files: str | dict[Literal["env"], str] | None = None
    database: str | dict[Literal["env"], str] | None = None
    member: str | None = None
    sha256: str | None = None


@dataclass
class FetchReport:
    """What came of a fetch.

    Attributes:
        fetched: the table and what came, for each that has something new.
        unchanged: the same for each that has nothing new.
        skipped: the table and the environment variable that is not set.
        failures: the source and why nothing of it was taken.
    """

    fetched: list[tuple[str, str]] = field(default_factory=list)
    unchanged: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    failures: list[tuple[str, CasebookError]] = field(default_factory=list)


def fetch(
    settings: Settings,
    sources: Sequence[str] = (),
    *,
    allow_empty: bool = False,
    progress: Callable[[str, int, str], None] = lambda table, done, unit: None,
    pauses: Sequence[float] = PAUSES,
) -> FetchReport:
    """Bring deliveries into the raw folder: of each source all tables, or none.

    Args:
        settings: where everything is.
        sources: names of the sources; all that declare where they come from by default.
        allow_empty: take a snapshot without rows even where there were some.
        progress: gets a table's name, how much has come, and its unit, `bytes` or `rows`.
        pauses: seconds to wait before each further try.

    Raises:
        CasebookError: for a source that does not exist or does not declare where it comes from.
    """
    by_source: dict[str, list[Table]] = {}
    for table in read_sources(settings.project).values():
        if table.fetch:
            by_source.setdefault(table.source, []).append(table)
    for name in sources:
        if name not in by_source:
            raise CasebookError(
                f"no source {name} declares where it comes from",
                fix=f"declare `meta: fetch:`, or name one of: {', '.join(by_source) or 'none'}",
            )
    report = FetchReport()
    for name in sources or by_source:
        place = Workplace(settings.raw, settings.lake / "_fetch" / name, progress, allow_empty)
        try:
            _fetch_source(place, by_source[name], pauses, report)
        except CasebookError as error:
            report.failures.append((name, error))
        except OSError as error:
            reason = f"cannot be written: {error.strerror}"
            report.failures.append((name, CasebookError(reason, file=error.filename)))
    return report


def _fetch_source(
    place: Workplace, tables: Sequence[Table], pauses: Sequence[float], report: FetchReport
) -> None:
    errands: list[Callable[[], Delivery]] = []
    databases: dict[Address, list[Table]] = {}
    for table in tables:
        declared = _declared(table)
        given = declared.database or declared.files
        variable = given["env"] if isinstance(given, dict) else None
        address = find_address(None if isinstance(given, dict) else given, variable)
        if address is None:
            report.skipped.append((table.full_name, f"{variable} is not set"))
        elif declared.database:
            databases.setdefault(address, []).append(table)
        elif address.text.startswith(("http://", "https://")) and "*" not in address.text:
            wanted = (declared.member, declared.sha256)
            errands.append(partial(download, table, address, place, *wanted))
        elif declared.member or declared.sha256:
            raise CasebookError(
                f"{table.full_name} declares `member` or `sha256`, which only one file can have",
                file=address.shown,
                fix="give an address that begins with http:// or https://, without wildcards",
            )
        else:
            errands.append(partial(mirror, table, address, place))
    if not errands and not databases:
        return
    with place.only_fetch():
        deliveries = [_patiently(errand, pauses) for errand in errands]
        for address, copied in databases.items():
            deliveries += _patiently(partial(snapshots, copied, address, place), pauses)
        place.take(deliveries)
    for one in deliveries:
        outcome = report.fetched if one.moves else report.unchanged
        outcome.append((one.table.full_name, one.message))


def _declared(table: Table) -> Fetch:
    try:
        declared = msgspec.convert(table.fetch, Fetch)
        address = declared.files or declared.database
        if bool(declared.files) == bool(declared.database):
            raise msgspec.ValidationError("it has not one of `files` and `database`")
        if (declared.member or declared.sha256) and not declared.files:
            raise msgspec.ValidationError("only a file has a member and a sum")
        if isinstance(address, str) and "@" in address.partition("://")[2].partition("/")[0]:
            raise msgspec.ValidationError("it has an address with a user in it")
    except msgspec.ValidationError as error:
        raise CasebookError(
            f"{table.full_name} declares a `fetch` that is not understood: {error}",
            fix="give `files:`, with `member:` and `sha256:` where needed, or `database:`; each an"
            " address or, where it has a user or password, {env: NAME}",
        ) from error
    return declared


def _patiently(errand: Callable[[], _Brought], pauses: Sequence[float]) -> _Brought:
    """Run an errand, once more after each pause where that may help."""
    for pause in pauses:
        try:
            return errand()
        except TransientError:
            time.sleep(pause)
    return errand()
