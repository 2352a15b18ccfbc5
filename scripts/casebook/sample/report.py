"""What a sample holds, as it was planted: figures that a test compares with what was found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class TableReport:
    """What was written for one raw table. `records = quarantined + landed`, and
    `items = rejected + left_out + duplicate + superseded + redelivered + kept`. An item is a landed
    record or, where records hold several, each of those.

    Attributes:
        source: name of the dbt source.
        table: name of the raw table.
        files: number of files, empty ones included; a database is one for each of its tables.
        records: records in them; blank lines are none.
        quarantine_reasons: records that the loader cannot read, by its reason: `not_json`,
            `not_an_object`, `bad_bytes`, `wrong_field_count`, `text_after_quote`.
        rejection_reasons: items that a build rejects, by column and what is wrong with it, such
            as `PostId missing` or `CreationDate not a timestamp`; several joined by `; `.
        left_out_reasons: items that are fine and no part of the table, by kind, such as
            `custom_event search`.
        duplicate: accepted records that equal the winner of their key and lose to it.
        superseded: accepted records that lose to a winner with other content.
        redelivered: landed records of files that were delivered before, where records have no key.
        kept: items that a build keeps: of those with the same key one.
        notes: how often something was planted that a test can look for beside that, such as votes
            of an `unknown_type`; part of the figures above.
    """

    source: str
    table: str
    files: int = 0
    records: int = 0
    quarantine_reasons: Counter[str] = field(default_factory=Counter)
    rejection_reasons: Counter[str] = field(default_factory=Counter)
    left_out_reasons: Counter[str] = field(default_factory=Counter)
    duplicate: int = 0
    superseded: int = 0
    redelivered: int = 0
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
        """Items that are not accepted."""
        return self.rejection_reasons.total()

    @property
    def left_out(self) -> int:
        """Items that are fine and no part of the table."""
        return self.left_out_reasons.total()

    @property
    def items(self) -> int:
        """What is counted: landed records, or what these hold."""
        lost = self.duplicate + self.superseded + self.redelivered
        return self.rejected + self.left_out + lost + self.kept

    def count(self, outcome: str, detail: str, items: int) -> None:
        """Add items, or records that the loader cannot read.

        Args:
            outcome: what becomes of them, as the accounting calls it.
            detail: the reason, or what is odd about those that are accepted.
            items: how many.
        """
        if outcome == "quarantined":
            self.quarantine_reasons[detail] += items
            return
        if outcome == "rejected":
            self.rejection_reasons[detail] += items
            return
        if outcome == "left_out":
            self.left_out_reasons[detail] += items
            return
        setattr(self, outcome, getattr(self, outcome) + items)
        if detail:
            self.notes[detail] += items


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
