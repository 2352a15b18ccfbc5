"""What a `casebook build` took, by what it and dbt wrote."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from measure import Run

# What a day of votes goes through: the marts, their tests, and what becomes of each record.
MODELS = ("+votes", "weekly_votes", "outlier_weeks")
SLOWEST = 8


@dataclass(frozen=True)
class Node:
    """A model, seed or test as dbt ran it.

    Attributes:
        name: its name.
        seconds: how long dbt worked on it.
        started: when its SQL started, in seconds since 1970.
        ended: when its SQL ended.
        failure: what the engine said if it failed; empty if it did not.
    """

    name: str
    seconds: float
    started: float
    ended: float
    failure: str


@dataclass(frozen=True)
class Build:
    """A build.

    Attributes:
        parts: seconds of what follows each other in it.
        nodes: what dbt ran, the slowest first; empty if dbt came to no end.
    """

    parts: dict[str, float]
    nodes: list[Node]

    @property
    def slowest(self) -> dict[str, float]:
        """Seconds of the slowest nodes by their names."""
        return {node.name: node.seconds for node in self.nodes[:SLOWEST]}

    @property
    def failed(self) -> list[Node]:
        """The nodes that failed, the one that failed first before others."""
        return sorted((node for node in self.nodes if node.failure), key=lambda node: node.ended)

    def node(self, name: str) -> Node:
        """A node by its name."""
        return next(node for node in self.nodes if node.name == name)


def read_build(done: Run, lake: Path, dbt: Path) -> Build:
    """Tell what a build took.

    Args:
        done: its run.
        lake: the lake that it loaded and read.
        dbt: dbt's target folder.
    """
    results = dbt / "run_results.json"
    # One of an earlier build says nothing of this one, which dbt has not ended.
    if not results.exists() or results.stat().st_mtime < done.started:
        return Build({}, [])
    found = json.loads(results.read_text(encoding="utf-8"))
    parts = {}
    # The last ledger entry is the last thing that a load writes, if it writes any.
    written = max(entry.stat().st_mtime for entry in (lake / "_ledger").rglob("*.json"))
    if written > done.started:
        parts["load"] = written - done.started
    parts["models and tests"] = found["elapsed_time"]
    parts["dbt's start, candidate, publish"] = done.seconds - sum(parts.values())
    nodes = [_node(result) for result in found["results"]]
    return Build(parts, sorted(nodes, key=lambda node: -node.seconds))


def _node(result: dict) -> Node:
    ran = {part["name"]: part for part in result["timing"]}.get("execute", {})
    started, ended = (_seconds(ran.get(f"{what}_at")) for what in ("started", "completed"))
    failed = result["status"] in ("error", "fail", "runtime error")
    return Node(
        result["unique_id"].split(".", 2)[2],
        result["execution_time"],
        started,
        ended,
        (result["message"] or result["status"]).strip() if failed else "",
    )


def _seconds(time: str | None) -> float:
    return datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp() if time else 0.0
