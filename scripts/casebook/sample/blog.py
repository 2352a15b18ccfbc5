"""The blog's raw files: dated deliveries of votes, with known dirt in them.

A file is a row of slots. Slot k holds the k-th vote of its time or, instead of it, what was planted
there: a copy of another vote, a changed copy, a vote spelled in an odd way, a record that is
rejected or cannot be read. A plan is made once, for the files of scale 1; at scale N each file goes
through its plan N times, so that every share stays the same.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from itertools import cycle, pairwise
from operator import itemgetter
from pathlib import Path

from casebook.sample.files import open_file
from casebook.sample.report import TableReport
from casebook.sample.votes import (
    CHUNK,
    FIRST_DAY,
    MISSING,
    Run,
    change,
    days_between,
    spread,
    to_json,
    vote_line,
    vote_lines,
)

BASE_RECORDS = 5_000
END = date(2021, 7, 1)
FOLDER = "blog/votes"


@dataclass(frozen=True)
class Layout:
    """How the records of a file stand in it.

    Attributes:
        opening: bytes before the first record.
        dress: makes text in which each record is a line what stands in the file.
        closing: bytes after the last record.
    """

    opening: bytes = b""
    dress: Callable[[str], str] = str
    closing: bytes = b"\n"


def _with_crlf(text: str) -> str:
    return text.replace("\n", "\r\n")


def _pretty(text: str) -> str:
    for compact, spaced in (
        ("\n", ",\n"),
        ('{"', '  {\n    "'),
        ('":"', '": "'),
        ('","', '",\n    "'),
        ('"}', '"\n  }'),
    ):
        text = text.replace(compact, spaced)
    return text


LINES = Layout()
CRLF = Layout(dress=_with_crlf, closing=b"\r\n")
WITH_BOM = Layout(opening=b"\xef\xbb\xbf")
NO_LAST_NEWLINE = Layout(closing=b"")
ARRAY = Layout(opening=b"[\n", dress=_pretty, closing=b"\n]\n")

# In file order, which is the order of time: each file's path, its first day, its layout. The
# votes before a file's first day and after that of the file before it are in the file before it.
DELIVERIES = (
    ("2018/votes_2018.jsonl", FIRST_DAY, LINES),
    ("2019/votes_2019-Q1.jsonl", date(2019, 1, 1), LINES),
    ("2019/votes_2019-Q2.jsonl.gz", date(2019, 4, 1), LINES),
    ("2019/votes_2019-Q3.json", date(2019, 7, 1), ARRAY),
    ("2019/votes_2019-Q4.json", date(2019, 10, 1), LINES),
    ("2020/votes_2020-Q1.jsonl", date(2020, 1, 1), CRLF),
    ("2020/votes_2020-Q2.jsonl", date(2020, 4, 1), WITH_BOM),
    ("2020/votes_2020-Q3.jsonl", date(2020, 7, 1), NO_LAST_NEWLINE),
    ("2020/votes_2020-Q4.ndjson", date(2020, 10, 1), LINES),
    ("2021/votes_2021-01.jsonl", date(2021, 1, 1), LINES),
    ("2021/votes_2021-02.jsonl", date(2021, 2, 1), LINES),
    ("2021/votes_2021-03.jsonl", date(2021, 3, 1), LINES),
    ("2021/votes_2021-03_late.jsonl", date(2021, 4, 1), LINES),  # no votes: an empty file
    ("2021/votes_2021-04.jsonl", date(2021, 4, 1), LINES),
    ("2021/votes_2021-05.jsonl", date(2021, 5, 1), NO_LAST_NEWLINE),
    ("2021/votes_2021-06.jsonl", date(2021, 6, 1), LINES),
)
FILES = tuple(f"{FOLDER}/{name}" for name, _, _ in DELIVERIES)

# Makes the text of a record from the line of a vote.
Maker = Callable[[str], str]


def _changed(**values: object) -> Maker:
    return partial(change, values=values)


def _with_prefix(line: str, *, key: str, prefix: str) -> str:
    vote = json.loads(line)
    vote[key] = prefix + vote[key]
    return to_json(vote)


def _with_date(line: str, *, ending: str) -> str:
    vote = json.loads(line)
    vote["CreationDate"] = vote["CreationDate"][:10] + ending
    return to_json(vote)


def _with_next_day(line: str) -> str:
    vote = json.loads(line)
    day = date.fromisoformat(vote["CreationDate"][:10]) + timedelta(days=1)
    vote["CreationDate"] = f"{day}T00:00:00.000"
    return to_json(vote)


def _with_other_post(line: str) -> str:
    vote = json.loads(line)
    vote["PostId"] = str(int(vote["PostId"]) + 1)
    return to_json(vote)


def _with_or_without_user(line: str) -> str:
    vote = json.loads(line)
    vote["UserId"] = MISSING if "UserId" in vote else "77"
    return to_json(vote)


def _backwards(line: str) -> str:
    return json.dumps(dict(reversed(json.loads(line).items())))


# The same vote, spelled as it is in the vote's own file and otherwise.
COPIES: tuple[Maker, ...] = (
    str,
    partial(_with_date, ending=""),
    str,
    partial(_with_prefix, key="Id", prefix="+"),
    str,
    _backwards,
    partial(_with_date, ending=" 00:00:00"),
    partial(_with_prefix, key="PostId", prefix=" 00"),
)

# The same vote with other content.
CHANGES: tuple[Maker, ...] = (_with_other_post, _with_next_day, _with_or_without_user)

# Accepted, however it looks.
ODD: tuple[tuple[str, Maker], ...] = (
    ("unknown_type", _changed(VoteTypeId="13")),
    ("after_blank_lines", "\n\n{}".format),
    ("short_date", partial(_with_date, ending="")),
    ("unknown_type", _changed(VoteTypeId="99")),
    ("blanks_around_id", partial(_with_prefix, key="Id", prefix="  ")),
    ("date_with_blank", partial(_with_date, ending=" 00:00:00")),
    ("null_user", _changed(UserId=None)),
    ("unknown_type", _changed(VoteTypeId="14")),
    ("largest_user", _changed(UserId="9223372036854775807")),
    ("after_blank_lines", "   \n{}".format),
    ("community_user", _changed(UserId="-1")),
    ("date_without_fraction", partial(_with_date, ending="T00:00:00")),
    ("leading_zeros", partial(_with_prefix, key="PostId", prefix="00")),
    ("plus_sign", partial(_with_prefix, key="VoteTypeId", prefix="+")),
    ("keys_backwards", _backwards),
)

# Rejected, and why.
REJECTED: tuple[tuple[str, Maker], ...] = (
    ("Id missing", _changed(Id=MISSING)),
    ("BountyAmount not an integer", _changed(BountyAmount="INFINITE")),
    ("CreationDate not a timestamp", _changed(CreationDate="2022-02-30T00:00:00.000")),
    ("PostId not an integer", _changed(PostId="")),
    ("VoteTypeId not an integer", _changed(VoteTypeId="@")),
    ("Id not an integer", _changed(Id="R")),
    ("CreationDate not a timestamp", _changed(CreationDate="20229999-02-06T00:00:00.000")),
    ("PostId missing", _changed(PostId=MISSING)),
    ("PostId not an integer", _changed(PostId="7.6")),
    ("BountyAmount not an integer", _changed(BountyAmount="1e3")),
    ("UserId not an integer", _changed(UserId="0x10")),
    ("Id not an integer", _changed(Id="9223372036854775808")),
    (
        "Id not an integer; CreationDate not a timestamp",
        _changed(Id="R", CreationDate="2022-02-30"),
    ),
    ("VoteTypeId not an integer", _changed(VoteTypeId="2147483648")),
    ("BountyAmount not an integer", _changed(BountyAmount="99999999999")),
    ("CreationDate missing", _changed(CreationDate=None)),
    ("UserId not an integer", _changed(UserId="1_000")),
    ("CreationDate not a timestamp", _changed(CreationDate="2022-02-30")),
    ("VoteTypeId missing", _changed(VoteTypeId=MISSING)),
    ("PostId not an integer", _changed(PostId="-9223372036854775809")),
    ("CreationDate not a timestamp", partial(_with_date, ending="T00:00:00.000+02:00")),
    ("UserId not an integer", _changed(UserId="４２")),
    ("CreationDate not a timestamp", _changed(CreationDate="infinity")),
    ("PostId not an integer", _changed(PostId="12 34")),
    (
        "PostId missing; VoteTypeId not an integer",
        _changed(PostId=None, VoteTypeId="@"),
    ),
    ("CreationDate not a timestamp", _changed(CreationDate="")),
    ("VoteTypeId not an integer", _changed(VoteTypeId="+")),
    ("CreationDate not a timestamp", _changed(CreationDate="2019-02-29T00:00:00.000")),
    ("Id missing", _changed(Id=None)),
    ("CreationDate not a timestamp", partial(_with_date, ending="T00:00:00Z")),
    ("BountyAmount not an integer", _changed(BountyAmount="7.6")),
    ("CreationDate not a timestamp", _changed(CreationDate="R")),
)


def _half(line: str) -> str:
    return line[: len(line) // 2]


# Quarantined by the loader, and why. Files are written as Latin-1, so `é` is a byte that is not
# UTF-8, and so is `Ã`, the first of two bytes whose second was lost.
QUARANTINED: tuple[tuple[str, Maker], ...] = (
    ("not_json", _half),
    ("not_an_object", lambda line: json.dumps(list(json.loads(line).values()))),
    ("bad_bytes", lambda line: line.replace("}", ',"UserId":"René"}')),
    ("not_an_object", lambda line: json.loads(line)["Id"]),
    ("not_json", lambda line: line.replace('"', "'")),
    ("not_an_object", lambda line: json.dumps(json.loads(line)["PostId"])),
    ("bad_bytes", lambda line: line.replace("}", ',"UserId":"Ã"}')),
    ("not_json", lambda line: "<html><body>502 Bad Gateway</body></html>"),
    ("not_an_object", lambda line: "null"),
)


@dataclass(frozen=True)
class Plant:
    """What is planted in a slot.

    Attributes:
        outcome: what becomes of the record: `quarantined`, `rejected`, or which record more the
            accounting shows: `duplicate`, `superseded`, `kept`.
        detail: its reason, or what is odd about it.
        make: makes its text from the line of a vote.
        whose: which vote: the slot's `own`, another in the file, `here`, one in the file `before`,
            or the one of the plant before this one, `again`.
    """

    outcome: str
    detail: str
    make: Maker
    whose: str = "own"


@dataclass(frozen=True)
class Planted:
    """A plant in its place.

    Attributes:
        plant: what is planted.
        slot: in which slot of its file.
        of_file: the file in whose time the vote was cast that it is made from.
        of_slot: that vote's slot.
    """

    plant: Plant
    slot: int
    of_file: int
    of_slot: int


def count_records(scale: float) -> int:
    """How many records `write` writes.

    Args:
        scale: how many times the base number of records.
    """
    return sum(run.size for run in _runs(_base_sizes(), scale))


def write(out_dir: Path, scale: float, advance: Callable[[int], None]) -> list[TableReport]:
    """Write the blog's raw files.

    Args:
        out_dir: the folder that is laid out like `raw/`.
        scale: how many times the base number of records.
        advance: called with a number of records whenever as many more have been written.

    Returns:
        What was planted in `blog.votes`.
    """
    sizes = _base_sizes()
    runs = _runs(sizes, scale)
    plans = _plan_files(sizes)
    outcomes: Counter[tuple[str, str]] = Counter()
    for at, (name, _, layout) in enumerate(DELIVERIES):
        with open_file(out_dir / FOLDER / name) as file:
            if runs[at].size:
                file.write(layout.opening)
                for lines in _chunks(at, plans[at], sizes, runs, outcomes):
                    file.write(layout.dress("\n".join(lines)).encode("latin-1"))
                    advance(len(lines))
                file.write(layout.closing)
    return [_report(sum(run.size for run in runs), outcomes)]


def _base_sizes() -> list[int]:
    """How many of the base records each file holds."""
    starts = [start for _, start, _ in DELIVERIES]
    busy = spread(0, BASE_RECORDS, days_between(FIRST_DAY, END))
    ends = [busy.ends[(end - FIRST_DAY).days - 1] for end in (*starts[1:], END)]
    return [end - start for start, end in pairwise([0, *ends])]


def _runs(sizes: list[int], scale: float) -> list[Run]:
    """The votes of each file's time, planted over or not."""
    starts = [start for _, start, _ in DELIVERIES]
    runs: list[Run] = []
    first = 0
    for size, (start, end) in zip(sizes, pairwise([*starts, END]), strict=True):
        runs.append(spread(first, round(size * scale), days_between(start, end)))
        first += runs[-1].size
    return runs


def _chunks(
    at: int,
    plan: list[Planted],
    sizes: list[int],
    runs: list[Run],
    outcomes: Counter[tuple[str, str]],
) -> Iterator[list[str]]:
    """The records of a file, some repetitions of its plan at a time; counts what it plants."""
    run, size = runs[at], sizes[at]
    step = size * max(1, CHUNK // size)
    for start in range(0, run.size, step):
        lines = vote_lines(run, start, min(start + step, run.size))
        for offset in range(0, len(lines), size):
            repetition = (start + offset) // size
            for planted in plan:
                slot = offset + planted.slot
                vote = repetition * sizes[planted.of_file] + planted.of_slot
                # A scale that is no whole number breaks off within a repetition.
                if slot >= len(lines) or vote >= runs[planted.of_file].size:
                    continue
                if planted.of_file == at:
                    line = lines[offset + planted.of_slot]
                else:
                    line = vote_line(runs[planted.of_file], vote)
                lines[slot] = planted.plant.make(line)
                outcomes[planted.plant.outcome, planted.plant.detail] += 1
        if start:
            lines[0] = "\n" + lines[0]
        yield lines


def _report(records: int, outcomes: Counter[tuple[str, str]]) -> TableReport:
    report = TableReport("blog", "votes", files=len(DELIVERIES), records=records)
    for (outcome, detail), count in outcomes.items():
        if outcome == "quarantined":
            report.quarantine_reasons[detail] += count
        elif outcome == "rejected":
            report.rejection_reasons[detail] += count
        elif outcome == "kept":
            report.notes[detail] += count
        elif outcome == "duplicate":
            report.duplicate += count
        else:
            report.superseded += count
    report.kept = report.landed - report.rejected - report.duplicate - report.superseded
    return report


def _plan_files(sizes: list[int]) -> list[list[Planted]]:
    """What is planted in each file, evenly over its slots.

    No vote is used twice, so that what becomes of one plant does not depend on another's.
    """
    plants = _choose_plants(sizes)
    slots = [
        [(2 * number + 1) * size // (2 * len(chosen)) for number in range(len(chosen))]
        for size, chosen in zip(sizes, plants, strict=True)
    ]
    taken = [set(of_file) for of_file in slots]
    plans: list[list[Planted]] = []
    before = 0
    for at, size in enumerate(sizes):
        plans.append([])
        for plant, slot in zip(plants[at], slots[at], strict=True):
            if plant.whose == "own":
                of_file, of_slot = at, slot
            elif plant.whose == "again":
                of_file, of_slot = plans[at][-1].of_file, plans[at][-1].of_slot
            else:
                of_file = at if plant.whose == "here" or at == 0 else before
                of_slot = slot * sizes[of_file] // size
                while of_slot in taken[of_file]:
                    of_slot -= 1
                taken[of_file].add(of_slot)
            plans[at].append(Planted(plant, slot, of_file, of_slot))
        before = at if size else before
    return plans


def _choose_plants(sizes: list[int]) -> list[list[Plant]]:
    """What is planted in each file, in the order of its slots, with shares of the file's size.

    Kinds take turns; each goes through its list from file to file.
    """
    shares = {"copies": 18, "changes": 9, "triples": 3, "rejected": 9, "unreadable": 3, "odd": 9}
    in_lines = {
        "copies": _copies(),
        "changes": _changes(),
        "triples": _triples(),
        "rejected": _rejected(),
        "unreadable": _unreadable(QUARANTINED),
        "odd": _odd(ODD),
    }
    in_array = in_lines | {
        "unreadable": _unreadable(
            [(reason, make) for reason, make in QUARANTINED if reason == "not_an_object"]
        ),
        "odd": _odd([(detail, make) for detail, make in ODD if detail != "after_blank_lines"]),
    }
    chosen: list[list[Plant]] = []
    for size, (_, _, layout) in zip(sizes, DELIVERIES, strict=True):
        groups: list[tuple[float, list[Plant]]] = []
        for kind, supply in (in_array if layout is ARRAY else in_lines).items():
            count = max(1, size * shares[kind] // 1_000) if size else 0
            groups += [((number + 0.5) / count, next(supply)) for number in range(count)]
        groups.sort(key=itemgetter(0))
        chosen.append([plant for _, group in groups for plant in group])
    return chosen


def _copies() -> Iterator[list[Plant]]:
    for make, whose in zip(cycle(COPIES), cycle(("here", "before", "before"))):
        yield [Plant("duplicate", "", make, whose)]


def _changes() -> Iterator[list[Plant]]:
    for make, whose in zip(cycle(CHANGES), cycle(("here", "before"))):
        yield [Plant("superseded", "", make, whose)]


def _triples() -> Iterator[list[Plant]]:
    """Ids that occur three times: one loser equals the winner, the other does not."""
    for make, whose in zip(cycle(CHANGES), cycle(("before", "here"))):
        changed = Plant("superseded", "", make, whose)
        yield [changed, Plant("duplicate", "", str, "again")]  # the first equals the winner
        yield [changed, Plant("duplicate", "", make, "again")]  # the second does


def _rejected() -> Iterator[list[Plant]]:
    """Records that do not compete for their Id, though it may be that of an accepted vote."""
    for (reason, make), whose in zip(cycle(REJECTED), cycle(("own", "here", "before"))):
        yield [Plant("rejected", reason, make, whose)]


def _unreadable(kinds: Iterable[tuple[str, Maker]]) -> Iterator[list[Plant]]:
    for reason, make in cycle(kinds):
        yield [Plant("quarantined", reason, make)]


def _odd(kinds: Iterable[tuple[str, Maker]]) -> Iterator[list[Plant]]:
    for detail, make in cycle(kinds):
        yield [Plant("kept", detail, make)]
