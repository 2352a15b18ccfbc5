"""A stream of votes of an invented Q&A site.

Votes are numbered from 0 in the order in which they were cast. What vote number n says follows
from n and from its day alone, so that any vote can be written again, elsewhere, as a copy.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import accumulate
from pathlib import Path
from random import Random

from casebook.sample.files import open_file

CHUNK = 50_000  # votes that are held at once
MISSING = object()

FIRST_DAY = date(2018, 2, 26)  # a Monday
WEEKDAYS = (16, 18, 17, 17, 16, 10, 10)  # votes by day of the week, Monday first
OUTAGE = 128  # a week in which the site was down, counted from the first

# How often each type of vote is cast, in thousandths.
TYPES = {2: 741, 3: 75, 5: 62, 1: 47, 16: 31, 10: 27, 15: 8, 12: 2, 6: 2, 11: 1, 7: 1, 4: 1, 8: 2}
BOUNTIES = (50, 50, 50, 50, 100, 100, 200, 500)
HABITS = 4_999  # a prime, so that habits and days do not keep step

_encode = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps makes an encoder each time


def write_votes(path: Path, size_bytes: int) -> int:
    """Write one file of votes that all land and are all accepted, one JSON object a line.

    They spread over five years. One record in 200 is a copy of the one before; one in 200
    supersedes an earlier vote, about half as far into the file.

    Args:
        path: the file to write.
        size_bytes: about how large it is to be.

    Returns:
        The number of records in it.
    """
    days = days_between(FIRST_DAY, FIRST_DAY + timedelta(days=5 * 365))
    records = size_bytes // 100
    for _ in range(2):  # the more records, the longer their ids
        run = spread(0, records, days)
        probe = [len(vote_line(run, run.size * part // 1_000)) + 1 for part in range(1_000)]
        records = size_bytes * len(probe) // sum(probe)
    return _write_run(path, spread(0, records, days))


def write_votes_of_day(path: Path, *, first: int, records: int, day: date) -> int:
    """Write one more day of votes, with ids that follow on those of earlier files.

    As in `write_votes`, one record in 200 is a copy of the one before, and one in 200 supersedes an
    earlier vote: one of an earlier file, if `first` is as large as `records`.

    Args:
        path: the file to write.
        first: how many records come before: the sum of what the earlier calls returned.
        records: how many to write.
        day: the day on which they were cast.

    Returns:
        The number of records in it.
    """
    return _write_run(path, Run(first, (day,), (records,)))


def write_votes_of_days(path: Path, *, first: int, records: int, days: tuple[date, ...]) -> int:
    """Write votes of several days, spread over them by how busy those are.

    Args:
        path: the file to write.
        first: how many records come before, as in `write_votes_of_day`.
        records: how many to write.
        days: the days on which they were cast; some of them outside of the outage.

    Returns:
        The number of records in it.
    """
    return _write_run(path, spread(first, records, days))


@dataclass(frozen=True)
class Run:
    """Votes in the order in which they were cast.

    Attributes:
        first: number of the first of them.
        days: the days on which they were cast.
        ends: for each day, how many of them were cast by its end.
    """

    first: int
    days: tuple[date, ...]
    ends: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many votes there are."""
        return self.ends[-1] if self.ends else 0


def days_between(start: date, end: date) -> tuple[date, ...]:
    """The days from `start` to the day before `end`."""
    return tuple(start + timedelta(days=number) for number in range((end - start).days))


def day_weight(day: date) -> int:
    """How busy a day is: the week's rhythm, growth, and noise that differs from week to week."""
    week = (day - FIRST_DAY).days // 7
    if week == OUTAGE:
        return 0
    random = Random(week)
    noise = 70 + int(60 * random.random())
    if random.random() < 0.1:
        noise *= 2
    return WEEKDAYS[day.weekday()] * (200 + week) * noise


def spread(first: int, records: int, days: tuple[date, ...]) -> Run:
    """A number of votes spread over days by how busy those are."""
    busy = tuple(accumulate(map(day_weight, days)))
    return Run(first, days, tuple(records * so_far // busy[-1] for so_far in busy))


def vote_id(number: int) -> int:
    """Ids ascend and leave gaps, like those of votes that were withdrawn."""
    return 1 + number + number // 5 + number // 23


def vote_lines(run: Run, start: int, stop: int) -> list[str]:
    """Votes of a run as lines of JSON, without newlines.

    Args:
        run: the run.
        start: how many of its votes to skip.
        stop: how many of its votes come before the end; at most `start` + CHUNK.
    """
    habits = _habits()
    lines: list[str] = []
    at = bisect_right(run.ends, start)
    while start < stop:
        end = min(stop, run.ends[at])
        number, created = run.first + start, f'"CreationDate":"{run.days[at]}T00:00:00.000"}}'
        first_habit = number % HABITS
        # As vote_id has it, but without a call for each vote.
        lines += [
            f'{{"Id":"{1 + n + n // 5 + n // 23}",'
            f'"PostId":"{abs(n // 4 - age) // step * step + 1}",{vote}{created}'
            for n, (age, step, vote) in enumerate(
                habits[first_habit : first_habit + end - start], number
            )
        ]
        start, at = end, at + 1
    return lines


def vote_line(run: Run, at: int) -> str:
    """The vote of a run before which `at` others come, as a line of JSON."""
    return vote_lines(run, at, at + 1)[0]


def change(line: str, values: Mapping[str, object]) -> str:
    """A line of JSON with other values.

    Args:
        line: the line.
        values: what to set, by key; MISSING takes the key out.
    """
    return to_json({**json.loads(line), **values})


def to_json(vote: Mapping[str, object]) -> str:
    """A line of JSON, without the keys whose value is MISSING."""
    return _encode({key: value for key, value in vote.items() if value is not MISSING})


@cache
def _habits() -> list[tuple[int, int, str]]:
    """What voters do, in an order that seems random: how many posts back they vote; how far apart
    the posts are that they choose among, so that few posts get many votes; and the vote as JSON.

    Repeated, so that CHUNK of them can be cut out from any of the first HABITS on.
    """
    random = Random(2018)
    types = [kind for kind, share in TYPES.items() for _ in range(share)]
    habits = []
    for _ in range(HABITS):
        age = int(40 / (random.random() + 0.05))
        step = (1, 1, 4, 16, 64)[int(5 * random.random())]
        kind = types[int(len(types) * random.random())]
        user = 2 + int(3_000 * random.random())
        bounty = BOUNTIES[int(len(BOUNTIES) * random.random())]
        vote = f'"VoteTypeId":"{kind}",'
        if kind in (5, 8):
            vote += f'"UserId":"{user}",'
        if kind == 8:
            vote += f'"BountyAmount":"{bounty}",'
        habits.append((age, step, vote))
    habits[1_200] = (40, 1, '"VoteTypeId":"9","BountyAmount":"50",')
    habits[2_700] = (90, 1, '"VoteTypeId":"9",')
    return habits * (CHUNK // HABITS + 2)


def _write_run(path: Path, run: Run) -> int:
    with open_file(path) as file:
        for start in range(0, run.size, CHUNK):
            lines = vote_lines(run, start, min(start + CHUNK, run.size))
            number = run.first + start
            for at in range((199 - number) % 200 or 200, len(lines), 200):
                lines[at] = lines[at - 1]
            for at in range((100 - number) % 200, len(lines), 200):
                # 50 more than a multiple of 100, so a vote that is neither copied nor a copy.
                earlier = (number + at) // 2
                # No vote is for a post that is so far ahead.
                other = {"Id": str(vote_id(earlier)), "PostId": str(earlier // 4 + 1_000)}
                lines[at] = change(lines[at], other)
            file.write(("\n".join(lines) + "\n").encode())
    return run.size
