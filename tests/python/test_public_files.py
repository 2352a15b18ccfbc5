"""The figures of the public files, and of the extract that every clone has, are what they hold."""

from __future__ import annotations

import runpy

from workbench import DATA, FIGURES, PUBLIC_RAW


def test_the_figures_are_those_of_the_files() -> None:
    assert runpy.run_path(str(DATA / "figures.py"))["figures"](PUBLIC_RAW) == FIGURES
