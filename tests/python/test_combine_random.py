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
from casebook.combine.json_records import SecondOpinion, _are_strict, _made_strict, _on_one_line
from casebook.readers.delimited_split import Block, Splitter
from combine_model import read_json
from combining import Kitchen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

RANDOM = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
PIECES = ['"', '""', "'", ",", ";", "\t", "|", "\n", "\r\n", "\r", "\0", "\\", "{", "}]", " ", "é"]
PIECES += [
    "😀",
    "\ufeff",
    "\u2028",
    "%",
    "%b",
    ":",
    "null",
    "1",
    "-0",
    "007",
    "1.50",
    "1e3",
    "9" * 40,
]
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


LONG = "x" * 3_000
ROW = st.lists(
    st.sampled_from(["1", "", "x", '"q,\n"', '"a""b"', " ", "é", LONG]), min_size=1, max_size=4
)
BROKEN = st.sampled_from(
    ["x\r,y", "\r\r", '"a"\r', '"a"b', 'a"b', '"', "\udcff", "\r", '"open\n', "\n", "\n\n", '"a" ']
)


@settings(RANDOM, max_examples=150)
@given(
    rows=st.lists(st.one_of(ROW.map(",".join), BROKEN), max_size=12),
    end=st.sampled_from(["\n", "\r\n"]),
    times=st.sampled_from([1, 1, 40]),
    fields=st.integers(1, 4),
)
def test_records_taken_many_at_a_time_are_those_taken_one_by_one(rows, end, times, fields) -> None:
    text = (end.join([*rows, ""]) * times).encode("utf-8", "surrogateescape")
    one_by_one = list(Splitter(io.BytesIO(text), ",", fields))
    splitter = Splitter(io.BytesIO(text), ",", fields)
    number, good, bad = 0, [], []
    for piece in splitter.blocks():
        assert piece.number == number
        if isinstance(piece, Block):
            number += len(piece.fields) // fields
            good += piece.fields
        else:
            number += 1
            if piece.payload is None:
                bad.append((piece.number, piece.first_line, piece.raw, piece.reason_code))
            else:
                good += piece.fields
    expected = [
        field
        for record in one_by_one
        if record.payload is not None
        for row in csv.reader(io.StringIO(record.payload.decode(), newline=""))
        for field in row or [""]
    ]
    assert [field.decode() for field in good] == expected
    assert bad == [
        (record.number, record.first_line, record.raw, record.reason_code)
        for record in one_by_one
        if record.payload is None
    ]
    assert (splitter.records, number) == (len(one_by_one),) * 2
    assert splitter.lines == sum(1 for _ in io.BytesIO(text))


SEEDS = [
    '{"a":[1,2.5,-3e10,{"c":"x\\u00e9\\n"}],"d":null,"e":true}',
    '{"k":"\\ud83d\\ude00","n":-0.5E+3,"z":[[],{}],"t":false,}',
    '{"a":NaN,"b":[1,],"c":"\\"\\\\ , ]"}',
]
EDIT = st.tuples(
    st.integers(0, 60),
    st.integers(0, 3),
    st.sampled_from(
        [*'{}[],:"\\0123-+.eEtfn \t', "NaN", "inf", "\\u", "\\ud800", "00", "é", "\x01", ""]
    ),
)


def edited(seed: str, edits: list[tuple[int, int, str]]) -> str:
    for place, length, new in edits:
        seed = seed[:place] + new + seed[place + length :]
    return seed


@settings(RANDOM, max_examples=200)
@given(text=st.builds(edited, st.sampled_from(SEEDS), st.lists(EDIT, max_size=3)))
def test_what_passes_is_strict_json_of_the_same_value(folder: Path, text: str) -> None:
    """Python decides what is strict, DuckDB what else the loader takes."""
    raw = text.strip().encode()
    try:
        value = read_json(text.strip())
        json.dumps(value, ensure_ascii=False).encode()
        strict = raw.startswith(b"{")
    except ValueError:
        strict = False
    assert _are_strict([raw]) == strict
    if strict:
        assert read_json(_on_one_line(b"\n" + raw + b"\n").decode()) == value
        return
    with SecondOpinion(folder) as opinions:
        (opinion,) = opinions([text])
    if opinion is not None:
        read_json(_made_strict(text).decode())
