"""Folders to be combined, and what a test asks of the outputs."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from casebook.combine.run import CombineReport, combine
from casebook.readers.archives import zstd
from combine_model import read_json


@dataclass
class Kitchen:
    """A raw folder and a folder of outputs."""

    root: Path

    @property
    def raw(self) -> Path:
        return self.root / "raw"

    @property
    def out(self) -> Path:
        return self.root / "out"

    def write(self, name: str, content: bytes | str) -> Path:
        """Write a raw file; packed where its name says so."""
        path = self.raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = content.encode() if isinstance(content, str) else content
        if name.endswith(".gz"):
            content = gzip.compress(content)
        if name.endswith(".zst"):
            content = zstd.compress(content)
        path.write_bytes(content)
        return path

    def combine(self, **options: Any) -> CombineReport:
        return combine(self.raw, self.out, **options)

    def one(self, name: str, content: bytes | str, **options: Any) -> list[str]:
        """The lines that become of one file, which must be combined."""
        self.write(f"one/{name}", content)
        report = self.combine(**options)
        assert [str(failure) for failure in report.failures] == []
        return self.lines("one")

    def failure(self, name: str, content: bytes | str, **options: Any) -> str:
        """Why one file is not combined."""
        path = self.write(f"one/{name}", content)
        report = self.combine(**options)
        assert report.combined == []
        assert not (self.out / "one.json.gz").exists()
        (failure,) = map(str, report.failures)
        path.unlink()
        return failure

    def text(self, subfolder: str) -> str:
        return gzip.decompress((self.out / f"{subfolder}.json.gz").read_bytes()).decode()

    def lines(self, subfolder: str) -> list[str]:
        text = self.text(subfolder)
        assert text == "" or text.endswith("\n")
        return text.split("\n")[:-1]

    def records(self, subfolder: str) -> list[Any]:
        """Records as the model gives them."""
        return [read_json(line) for line in self.lines(subfolder)]

    def rejected(self, subfolder: str) -> list[dict[str, Any]]:
        path = self.out / f"{subfolder}.rejected.jsonl"
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]

    def outputs(self) -> dict[str, bytes]:
        """Every file of the folder of outputs that people see."""
        return {
            path.name: path.read_bytes()
            for path in self.out.iterdir()
            if not path.name.startswith(".")
        }
