"""Random folders of every format, clean and damaged, against a plain Python implementation."""

from __future__ import annotations

import csv
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import combine_model
import pytest
from combine_model import read_json
from combining import Kitchen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

RANDOM = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
MARKS = '" "" \' , ; | \\ { }] é 😀 \ufeff \u2028 % %b : null 1 -0 007 1.50 1e3'
PIECES = [*MARKS.split(" "), "\t", "\n", "\r\n", "\r", "\0", " ", "9" * 40]
TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.lists(st.sampled_from(PIECES), max_size=5).map("".join),
    st.builds(lambda text, times: text * times, st.sampled_from(PIECES), st.just(1_000)),
)
NUMBER = st.one_of(
    st.integers().map(str),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.sampled_from(["", "007", "+1", ".5", " 8 ", "1E400"]),
)
NAMES = st.lists(
    TEXT.filter(lambda t: len(t) < 50).map(str.strip), min_size=2, max_size=5, unique=True
)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture
def kitchen(folder: Path) -> Callable[[], Kitchen]:
    """An empty kitchen each time it is called."""

    def clean() -> Kitchen:
        shutil.rmtree(folder / "kitchen", ignore_errors=True)
        return Kitchen(folder / "kitchen")

    return clean


@st.composite
def delimited(draw: Callable) -> bytes:
    names = draw(NAMES)
    values = st.tuples(*(st.one_of(TEXT, NUMBER) if draw(st.booleans()) else NUMBER for _ in names))
    rows = draw(st.lists(values, max_size=6)) * draw(st.sampled_from([1, 1, 1, 60]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    if any("\r" in value for row in [names, *rows] for value in row):
        quoting = csv.QUOTE_ALL  # Python leaves it bare before a plain LF, where it ends the line
    out = io.StringIO(newline="")
    end = draw(st.sampled_from(["\n", "\r\n"]))
    writer = csv.writer(
        out, delimiter=draw(st.sampled_from(",;\t|")), lineterminator=end, quoting=quoting
    )
    writer.writerow(names)
    writer.writerows(rows)
    text = out.getvalue()
    return (text.removesuffix(end) if draw(st.booleans()) else text).encode()


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        TEXT,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=6,
)
OBJECTS = st.lists(st.dictionaries(TEXT, VALUES, max_size=4), max_size=5)


@st.composite
def json_lines(draw: Callable) -> bytes:
    objects = draw(OBJECTS) * draw(st.sampled_from([1, 1, 1, 60]))
    ascii_only, spaces = draw(st.booleans()), draw(st.sampled_from([(",", ":"), (" , ", " : ")]))
    end = draw(st.sampled_from(["\n", "\r\n", "\n\n", " \n\t"]))
    lines = [json.dumps(o, ensure_ascii=ascii_only, separators=spaces) for o in objects]
    return end.join([*lines, ""]).encode()


@st.composite
def json_array(draw: Callable) -> bytes:
    objects = draw(OBJECTS) * draw(st.sampled_from([1, 1, 1, 60]))
    indent, ascii_only = draw(st.sampled_from([None, 0, 2])), draw(st.booleans())
    return json.dumps(objects, indent=indent, ensure_ascii=ascii_only).encode()


FILES = st.one_of(
    st.tuples(st.sampled_from([".csv", ".tsv", ".txt"]), delimited()),
    st.tuples(st.sampled_from([".jsonl", ".ndjson", ".json"]), json_lines()),
    st.tuples(st.just(".json"), json_array()),
)
PLACES = st.sampled_from(["one/", "one/a/", "two/", "one/a b/ü/"])


@RANDOM
@given(
    files=st.lists(
        st.tuples(PLACES, FILES, st.sampled_from(["", ".gz", ".zst"]), st.booleans()), max_size=4
    )
)
def test_random_folders_give_what_the_model_gives(kitchen, files) -> None:
    here = kitchen()
    (here.raw / "empty").mkdir(parents=True)
    for number, (place, (extension, content), packed, mark) in enumerate(files):
        here.write(f"{place}{9 - number}{extension}{packed}", b"\xef\xbb\xbf" * mark + content)
    report = here.combine()
    assert [str(failure) for failure in report.failures] == []
    expected = combine_model.combine(here.raw)
    assert {done.subfolder: here.records(done.subfolder) for done in report.combined} == expected
    assert [done.records for done in report.combined] == [
        len(expected[done.subfolder]) for done in report.combined
    ]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda line: line[: len(line) // 2],
    "bad byte": lambda line: line[:2] + b"\xff" + line[2:],
    "no colon": lambda line: line.replace(b":", b";", 1),
    "another value": lambda line: b"17",
    "two": lambda line: line + b"," + line,
}
SMALL = st.fixed_dictionaries({"a": VALUES}, optional={"b": TEXT})


@RANDOM
@given(
    records=st.lists(SMALL, min_size=1, max_size=12),
    damage=st.lists(st.sampled_from([None, *DAMAGE]), min_size=12, max_size=12),
    times=st.sampled_from([1, 200]),
    array=st.booleans(),
)
def test_damaged_json_loses_nothing_else(kitchen, records, damage, times, array) -> None:
    """Arrays are damaged in ways that leave their own brackets and quotes whole."""
    here, lines, good = kitchen(), [], []
    for record, how in zip(records, damage, strict=False):
        line = json.dumps(record).encode()
        how = "no colon" if array and how in ("cut", "two") else how
        lines.append(DAMAGE[how](line) if how else line)
        good += [] if how else [read_json(line.decode())]
    if array:
        here.write("one/a.json", b"[" + b",\n".join(lines * times) + b"]")
    else:
        here.write("one/a.jsonl", b"\n".join(lines * times))
    report = here.combine(skip_bad=True)
    assert here.records("one") == good * times
    bad = [n for n, how in enumerate(damage[: len(lines)] * times, 1) if how]
    assert [row["record"] for row in here.rejected("one")] == bad
    assert report.combined[0].rejected == len(bad)
    raws = [row["raw_text"] for row in here.rejected("one") if row["raw_bytes"] is None]
    given_texts = [lines[(n - 1) % len(lines)] for n in bad]
    assert raws == [raw.decode() for raw in given_texts if b"\xff" not in raw]
