"""The storefront's raw files: product events by platform and day, orders, and order items."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from casebook.sample import orders, product_events
from casebook.sample.report import TableReport

FILES = (*product_events.FILES, *orders.FILES)


def count_records(scale: float) -> int:
    """How many records `write` writes.

    Args:
        scale: how many times the base number of records.
    """
    return product_events.count_records(scale) + orders.count_records(scale)


def write(out_dir: Path, scale: float, advance: Callable[[int], None]) -> list[TableReport]:
    """Write the storefront's raw files.

    Args:
        out_dir: the folder that is laid out like `raw/`.
        scale: how many times the base number of records.
        advance: called with a number of records whenever as many more have been written.

    Returns:
        What was planted, table by table.
    """
    events = product_events.write(out_dir, scale, advance)
    return [events, *orders.write(out_dir, scale, advance)]
