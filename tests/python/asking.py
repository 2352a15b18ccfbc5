"""What tests of the HTTP API send, and how they read what they get."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from shop import question

on_linux = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="reads /proc")
JSON, CSV = "application/json", "text/csv"

NASTY = [
    "'",
    '"',
    "' or 1=1 --",
    "'; drop table storefront.product_views; --",
    "'); attach 'other.db'; --",
    "x' union all select * from staging.platforms --",
    "$1",
    "{product}",
    "%s",
    "\\",
    "\x00",
    "1; copy (select 1) to 'out.csv'",
    "read_csv('/etc/passwd')",
    "🛒\u202e",
    "x" * 10_000,
]


# What has 200,000 and 400,000 rates in the fixture `large`.
SOME = question(datetime(2023, 1, 1), datetime(2023, 1, 1) + timedelta(seconds=200_000))
LARGE = question(datetime(2023, 1, 1), datetime(2023, 1, 6))


def problems(answer: httpx.Response) -> dict[str, dict]:
    """What a 400 says, by parameter."""
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == JSON
    return {one["parameter"]: one for one in answer.json()["problems"]}
