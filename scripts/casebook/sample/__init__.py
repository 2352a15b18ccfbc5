"""Generated raw files: realistic, deliberately dirty, and the same bytes every time.

One module per source. Each has `FILES`, the paths that it writes, and `write`, which writes them
and reports what it planted. Only `Random.random` is drawn from, and no engine's hash function, so
that another version of Python or DuckDB writes the same records.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from casebook.errors import CasebookError
from casebook.sample import blog, courses, movies, music_store, storefront
from casebook.sample.files import check_folder
from casebook.sample.product_events import write_product_events
from casebook.sample.report import SampleReport, TableReport
from casebook.sample.votes import write_votes, write_votes_of_day

__all__ = [
    "SampleReport",
    "TableReport",
    "write_product_events",
    "write_sample",
    "write_votes",
    "write_votes_of_day",
]

SOURCES = (blog, storefront, movies, music_store, courses)


def write_sample(
    out_dir: Path,
    scale: float = 1.0,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> SampleReport:
    """Write raw files for every source, laid out like `raw/`.

    Args:
        out_dir: the folder to write to: none yet, an empty one, or an earlier sample, which is
            written over.
        scale: how many times the base number of records (5,000 votes; 3,500 messages of product
            events, 200 orders, 300 order items; 260 movies; 1,600 records of a music store; 100
            courses, 1,900 ratings). The files stay the same in number and grow. A whole number
            multiplies each planted share exactly, but for a music store's genres, media types,
            playlists and employees, which stay as they are. Below 1 some kinds of bad records do
            not occur; courses are never fewer than at scale 1.
        progress: called now and then with the records written so far and those to write in all.

    Returns:
        What was planted, table by table.

    Raises:
        CasebookError: if the scale is not above 0, or the folder holds anything else.
    """
    if not 0 < scale < float("inf"):
        raise CasebookError(f"a sample at scale {scale} has no records", fix="give a scale above 0")
    names = [name for source in SOURCES for name in source.FILES]
    check_folder(out_dir, names)
    total = sum(source.count_records(scale) for source in SOURCES)
    written = 0

    def advance(records: int) -> None:
        nonlocal written
        written += records
        if progress:
            progress(written, total)

    tables = [table for source in SOURCES for table in source.write(out_dir, scale, advance)]
    size_bytes = sum((out_dir / name).stat().st_size for name in names)
    return SampleReport(out_dir, scale, size_bytes, tables)
