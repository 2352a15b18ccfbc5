"""The lock files: complete, hashed, and free of addresses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

PROJECT = Path(__file__).resolve().parents[2]
RUNTIME = PROJECT / "requirements.txt"
DEVELOPMENT = PROJECT / "requirements-dev.txt"

both_locks = pytest.mark.parametrize("lock", [RUNTIME, DEVELOPMENT], ids=lambda path: path.name)


def blocks(lock: Path) -> list[str]:
    """Each requirement of a lock file with its hashes, without comments, on one line."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    return [block.strip() for block in text.replace("\\\n", " ").splitlines() if block.strip()]


def locked(lock: Path) -> list[Requirement]:
    """The requirements of a lock file, without their hashes."""
    return [Requirement(block.split(" --hash=")[0]) for block in blocks(lock)]


def normal(name: str) -> str:
    """A package's name as package registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(extras: bool) -> list[Requirement]:
    """What pyproject.toml asks for, cut out of its text: Python 3.10 cannot read TOML."""
    text = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    lists = re.findall(r"^dependencies = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    lists += re.findall(r"^requires = \[(.*?)\]", text, re.MULTILINE)
    if extras:
        section = re.search(
            r"^\[project\.optional-dependencies\]\n(.*?)(?=^\[)", text, re.MULTILINE | re.DOTALL
        )
        assert section
        lists.append(re.sub(r"^[\w-]+ = \[|^\]", "", section[1], flags=re.MULTILINE))
    quoted = [match for part in lists for match in re.findall(r'"([^"]+)"', part)]
    assert quoted
    return [Requirement(text) for text in quoted]


@both_locks
def test_every_line_is_one_exact_version_with_hashes(lock: Path) -> None:
    for block in blocks(lock):
        assert re.fullmatch(
            r"[\w.-]+(\[[\w,-]+\])?==[\w.!+]+( ; .+?)?( +--hash=sha256:[0-9a-f]{64})+", block
        ), block


@both_locks
def test_no_address_and_no_path_is_in_it(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "--" not in text.replace("--hash=sha256:", "")
    assert not re.search(r"://|index-url|find-links|file:|(^|\s)\.{0,2}/\S|@", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("lock", "extras"), [(RUNTIME, False), (DEVELOPMENT, True)], ids=["runtime", "development"]
)
@pytest.mark.parametrize("python", ["3.10", "3.11", "3.13"])
def test_everything_that_pyproject_asks_for_is_locked(
    lock: Path, extras: bool, python: str
) -> None:
    environment = {"python_version": python, "python_full_version": f"{python}.9"}

    def applies(marker: Marker | None) -> bool:
        return marker is None or marker.evaluate(environment)

    for requirement in declared(extras):
        if not applies(requirement.marker):
            continue
        versions = [
            str(pin.specifier).removeprefix("==")
            for pin in locked(lock)
            if normal(pin.name) == normal(requirement.name) and applies(pin.marker)
        ]
        assert len(versions) == 1, f"{requirement}: {versions}; run `make lock`"
        assert requirement.specifier.contains(versions[0], prereleases=True), (
            f"{requirement} is locked as {versions[0]}; run `make lock`"
        )


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("minor", range(10, 15))
def test_the_development_lock_holds_the_runtime_lock(minor: int, system: str) -> None:
    """The same files wherever the runtime lock has them; it may have them elsewhere, too."""
    environment = {
        "python_version": f"3.{minor}",
        "python_full_version": f"3.{minor}.9",
        "sys_platform": system,
        "platform_system": {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[system],
        "os_name": "nt" if system == "win32" else "posix",
    }

    def pinned(lock: Path) -> set[tuple[str, str]]:
        pins = zip(locked(lock), blocks(lock), strict=True)
        return {
            (f"{normal(pin.name)}{pin.specifier}", block[block.index("--hash=") :])
            for pin, block in pins
            if pin.marker is None or pin.marker.evaluate(environment)
        }

    assert pinned(RUNTIME) <= pinned(DEVELOPMENT)
