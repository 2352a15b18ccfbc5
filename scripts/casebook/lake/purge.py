"""Removes from a lake whatever is not of its raw files as they are now."""

from __future__ import annotations

import os
from collections.abc import Container
from dataclasses import replace
from pathlib import Path

from casebook.lake.layout import FETCH, MARK, Lake
from casebook.lake.ledger import CORRECTIONS, LedgerEntry
from casebook.lake.locks import LOCK, TEMPORARY


def purge_lake(lake: Lake, current: Container[tuple[str, str, str]]) -> None:
    """Remove files that were replaced, are of raw files that are gone, or that no entry names.

    To be called while nothing loads or builds. What `casebook fetch` knows of places stays.

    Args:
        lake: the lake.
        current: source, table and path of the raw files that were just loaded.
    """
    kept = {lake.root / MARK, lake.root / LOCK}
    for entry in lake.entries(lambda damage: None):
        with lake.file_lock(entry.source_file):
            kept |= _purge_entry(lake, entry, current)
    for folder, _, names in os.walk(lake.root, topdown=False):
        place = Path(folder)
        if place.relative_to(lake.root).parts[:1] in ((TEMPORARY,), (FETCH,)):
            continue
        for name in names:
            if place / name not in kept:
                (place / name).unlink(missing_ok=True)
        if place != lake.root and not any(place.iterdir()):
            place.rmdir()


def _purge_entry(
    lake: Lake, known: LedgerEntry, current: Container[tuple[str, str, str]]
) -> set[Path]:
    """Make an entry name only what counts now, or forget it; returns the files to keep."""
    keys = (known.source_name, known.table_name, known.source_file)
    entry = lake.read_entry(*keys)
    if entry is None or keys not in current:
        lake.forget(known)
        return set()
    applied = [correction for correction in entry.corrections if correction["applied"]]
    entry = replace(entry, replaced_files=[], corrections=applied)
    lake.commit(entry)
    path = lake.entry_path(*keys)
    return {path, path.with_name(CORRECTIONS), *(lake.root / name for name in entry.files)}
