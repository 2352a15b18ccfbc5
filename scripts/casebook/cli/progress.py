"""How long work shows itself: a bar on a terminal, plain lines otherwise."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from casebook.cli.printing import err

SECONDS_BETWEEN_LINES = 5.0


def seldom(line: Callable[..., str], quiet: bool) -> Callable[..., None]:
    """A function that prints a line of what it is called with, every few seconds at most."""
    last = time.monotonic()

    def show(*arguments: object) -> None:
        nonlocal last
        if not quiet and time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            err.print(line(*arguments), markup=False)

    return show


@contextlib.contextmanager
def counting(what: str, quiet: bool) -> Iterator[Callable[..., None]]:
    """A function to call with what is done and what there is in all, and how to say that."""
    if quiet or not err.is_terminal:
        yield seldom(lambda done, of, text="": f"{what}: {text or f'{done:,} of {of:,}'}", quiet)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f}%"))
    with Progress(*columns, TimeRemainingColumn(), console=err, transient=True) as bar:
        task = bar.add_task(what)
        yield lambda done, of, text="": bar.update(
            task, completed=done, total=of, description=f"{what} {text}"
        )
