"""What a sample holds, as it was planted: figures that a test compares with what was found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class TableReport:
    """What was written for one raw table. `records = quarantined + landed`, and
    `landed = rejected + duplicate + superseded + kept`.

    Attributes:
        source: name of the dbt source.
        table: name of the raw table.
        files: number of files, empty ones included.
        records: records in them; blank lines are none.
        quarantine_reasons: records that the loader cannot read, by its reason: `not_json`,
            `not_an_object`, `bad_bytes`.
        rejection_reasons: records that staging rejects, by column and what is wrong with it, such
            as `PostId missing` or `CreationDate not a timestamp`; several joined by `; `.
        duplicate: accepted records that equal the winner of their key and lose to it.
        superseded: accepted records that lose to a winner with other content.
        kept: keys that are accepted at least once.
        notes: how often something was planted that a test can look for beside that, such as votes
            of an `unknown_type`; part of the figures above.
    """

    source: str
    table: str
    files: int = 0
    records: int = 0
    quarantine_reasons: Counter[str] = field(default_factory=Counter)
    rejection_reasons: Counter[str] = field(default_factory=Counter)
    duplicate: int = 0
    superseded: int = 0
    kept: int = 0
    notes: Counter[str] = field(default_factory=Counter)

    @property
    def quarantined(self) -> int:
        """Records that the loader cannot read."""
        return self.quarantine_reasons.total()

    @property
    def landed(self) -> int:
        """Records that the loader can read."""
        return self.records - self.quarantined

    @property
    def rejected(self) -> int:
        """Records that land but are not accepted."""
        return self.rejection_reasons.total()


@dataclass
class SampleReport:
    """What `write_sample` wrote.

    Attributes:
        folder: where.
        scale: at which scale.
        size_bytes: size of all files together.
        tables: one report per raw table.
    """

    folder: Path
    scale: float
    size_bytes: int
    tables: list[TableReport]

    def table(self, full_name: str) -> TableReport:
        """The report of one table.

        Args:
            full_name: `source.table`.

        Raises:
            KeyError: if the sample has no such table.
        """
        for table in self.tables:
            if f"{table.source}.{table.table}" == full_name:
                return table
        raise KeyError(full_name)
