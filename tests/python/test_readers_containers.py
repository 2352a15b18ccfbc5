"""What people deliver beside plain CSV and JSON lines: other containers, encodings and headers."""

from __future__ import annotations

import bz2
import json
import lzma
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import duckdb
import pytest
from casebook.lake.ledger import LedgerEntry
from casebook.readers.archives import looks_like, zstd
from casebook.readers.json_split import elements
from casebook.readers.split import Splitter
from loading import Workshop, lines
from loading import shop as shop

DECLARED = """
sources:
  - name: shop
    tables:
      - name: orders
        config: {meta: META}
        columns:
          - {name: Id, config: {meta: {required: true}}}
          - {name: Amount, config: {meta: {aliases: [Total, Sum due]}}}
          - {name: Note}
"""
ROWS = [("1", "2.5", "é"), ("2", None, "a,b\nc")]


def declare(shop: Workshop, **meta: object) -> None:
    shop.declare(DECLARED.replace("META", json.dumps(meta)))


def outcome(shop: Workshop, content: bytes | str, name: str) -> tuple[LedgerEntry, list[tuple]]:
    entry = shop.load_one(content, name)
    assert entry.refusal is None, entry.refusal
    assert entry.records == entry.landed + entry.quarantined
    return entry, [tuple(row[1:]) for row in shop.landed(name)]


def workbook(*rows: tuple, style: int = 0) -> bytes:
    """A workbook of one sheet `Sheet 1`; a tuple for a cell is a number and its date format."""

    def cell(place: str, value: object) -> str:
        if isinstance(value, str):
            return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'
        if isinstance(value, tuple):
            return f'<c r="{place}" s="{value[1]}"><v>{value[0]}</v></c>'
        return f'<c r="{place}"><v>{value}</v></c>'

    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    relation = '<Relationship Id="r{}" Type="{}/{}" Target="{}"/>'
    sheet = "".join(
        f'<row r="{n}">'
        + "".join(cell(f"{'ABCDEF'[k]}{n}", v) for k, v in enumerate(row) if v is not None)
        + "</row>"
        for n, row in enumerate(rows, 1)
    )
    parts = {
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships">'
        + relation.format(1, office, "officeDocument", "xl/workbook.xml")
        + "</Relationships>",
        "xl/workbook.xml": f'<workbook {space} xmlns:r="{office}"><sheets>'
        '<sheet name="Sheet 1" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        + relation.format(1, office, "worksheet", "worksheets/sheet1.xml")
        + relation.format(2, office, "styles", "styles.xml")
        + "</Relationships>",
        "xl/styles.xml": f'<styleSheet {space}><cellXfs count="3"><xf numFmtId="0"/>'
        '<xf numFmtId="14"/><xf numFmtId="22"/></cellXfs></styleSheet>',
        "xl/worksheets/sheet1.xml": f"<worksheet {space}><sheetData>{sheet}</sheetData>"
        "</worksheet>",
    }
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


XML = (
    '<?xml version="1.0"?>\n<orders>\n <row Id="1" Total="2.5" Note="é" z="0" />'
    '\n <row id="2" Note="a,b&#10;c"><inner Id="9"/></row></orders>'
)
CSV = 'Id,Amount,Note\n1,2.5,é\n2,,"a,b\nc"\n'
PRINTED = "\n".join(
    json.dumps(dict(zip(("Id", "Amount", "Note"), row, strict=True)), indent=2) for row in ROWS
)
CONTAINERS: dict[str, tuple[str, bytes | str, dict]] = {
    "XML": ("a.xml", XML, {}),
    "XML with a mark": ("a.xml", "\ufeff" + XML, {}),
    "XML in another encoding": (
        "a.xml",
        XML.replace("?>", ' encoding="iso-8859-1"?>', 1).encode("latin-1"),
        {},
    ),
    "a workbook": (
        "a.xlsx",
        workbook(("Id", "Amount", "Note"), (1, 2.5, "é"), (), (2, None, "a,b\nc")),
        {},
    ),
    "a named sheet": (
        "a.xlsx",
        workbook(("made today",), ("Id", "Total", "Note"), (1, 2.5, "é"), (2, None, "a,b\nc")),
        {"sheet": "Sheet 1", "skip_lines": 1},
    ),
    "a wrapped array": (
        "a.json",
        '{"meta": {"data": [{"Id": 0}]}, "data": ['
        + PRINTED.replace("}\n{", "},\n{")
        + '], "z": 1}',
        {"records_at": "data"},
    ),
    "a deeply wrapped array": (
        "a.json",
        '{"a": [1, {"b": 2}], "x": {"data": [' + PRINTED.replace("}\n{", "},{") + "]}}",
        {"records_at": "x.data"},
    ),
    "lines although wrapped is declared": (
        "a.jsonl",
        lines(*(dict(zip(("Id", "Amount", "Note"), row, strict=True)) for row in ROWS)),
        {"records_at": "data"},
    ),
    "two xz streams": (
        "a.csv.xz",
        lzma.compress(CSV.encode()[:20]) + lzma.compress(CSV.encode()[20:]) + b"\0" * 4,
        {},
    ),
    "mixed line ends": ("a.csv", 'Id,Amount,Note\r\n1,2.5,é\r\r\n\r\n2,,"a,b\nc"\n', {}),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_the_same_records_land_from_every_container(shop: Workshop, kind: str) -> None:
    name, content, meta = CONTAINERS[kind]
    declare(shop, **meta)
    assert outcome(shop, content, name)[1] == ROWS


def test_numbers_and_dates_of_a_workbook(shop: Workshop) -> None:
    _, rows = outcome(
        shop,
        workbook(
            ("Id", "Amount", "Note"),
            (7, 0.1, (43831, 1)),
            (12345678901, 1e-7, (43831.5, 2)),
            (2**60, 1, "too long"),
            ("679644799952992890", None, None),
        ),
        "a.xlsx",
    )
    assert rows == [
        ("7", "0.1", "2020-01-01"),
        ("12345678901", "1e-07", "2020-01-01 12:00:00"),
        ("679644799952992890", None, None),
    ]
    assert [row[:3] for row in shop.quarantine("a.xlsx")] == [(3, 3, "inexact_number")]


REFUSED: dict[str, tuple[str, bytes | str, dict, str]] = {
    "a DTD": ("a.xml", '<!DOCTYPE a [<!ENTITY b "c">]><a><row Id="&b;"/></a>', {}, "DTD"),
    "XML cut short": ("a.xml", XML[:-10], {}, "not well-formed XML"),
    "HTML as lines": ("a.jsonl", "<!DOCTYPE html>\n<html>\n<p>504</p>\n", {}, "looks like HTML"),
    "HTML as an array": ("a.json", "<html>[1]</html>", {}, "looks like HTML"),
    "HTML as CSV": ("a.csv", "<!DOCTYPE html>\n<html></html>\n", {}, "looks like HTML"),
    "CSV as lines": ("a.jsonl", CSV, {}, "looks like delimited text"),
    "gzip under another name": ("a.csv", zstd.compress(CSV.encode()), {}, "a zstd archive"),
    "unknown names": ("a.csv", "a;b\n1;2\n", {}, "lacks the required column Id; it has: a, b"),
    "lines before the header": ("a.csv", "Orders\nof today\n" + CSV, {}, "declare `skip_lines: 2`"),
    "no such member": ("a.json", '{"a": 1, "b": []}', {"records_at": "data"}, "it has: a, b"),
    "no such sheet": ("a.xlsx", workbook(("Id",)), {"sheet": "x"}, "its sheets are: Sheet 1"),
    "no workbook": ("a.xlsx", b"PK\x03\x04", {}, "no workbook"),
    "an archive cut short": ("a.csv.bz2", bz2.compress(CSV.encode())[:-9], {}, "archive"),
    "an archive of .xz cut short": ("a.csv.xz", lzma.compress(CSV.encode())[:-9], {}, "archive"),
    "UTF-16 cut short": ("a.csv", CSV.encode("utf-16")[:-1], {}, "utf-16"),
    "too many columns": (
        "a.csv",
        ",".join(["Id", *map(str, range(20_000))]),
        {},
        "20,001 columns; at most 10,000",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_is_refused_in_a_line(shop: Workshop, kind: str) -> None:
    name, content, meta, reason = REFUSED[kind]
    declare(shop, **meta)
    entry = shop.load_one(content, name)
    assert reason in str(entry.refusal)
    assert "\n" not in str(entry.refusal)


def test_of_several_names_the_first_with_a_value_counts_in_every_format(shop: Workshop) -> None:
    records = [
        {"Id": "1", "Total": "t", "AMOUNT": "a", "Sum due": "s"},
        {"Id": "2", "Total": "t", "AMOUNT": None, "Sum due": "s"},
        {"Id": "3", "Total": None, "AMOUNT": None, "Sum due": "s"},
    ]
    header = list(records[0])
    rows = "\n".join(",".join(r[k] or "" for k in header) for r in records)
    attributes = (
        "".join(f' {k.replace(" ", "")}="{v}"' for k, v in r.items() if v and k != "Sum due")
        for r in records
    )
    files: dict[str, bytes | str] = {
        "a.csv": f"{','.join(header)}\n{rows}\n",
        "careful.csv": f"{','.join(header)}\n{rows}\n\nbad\n",
        "a.jsonl": lines(*records),
        "careful.jsonl": lines(*records, b"{"),
        "a.json": json.dumps(records),
        "careful.json": json.dumps(records)[:-1] + ", 1]",
        "a.xml": f"<a>{''.join(f'<r{a}/>' for a in attributes)}</a>",
        "a.xlsx": workbook(tuple(header), *(tuple(r.values()) for r in records)),
    }
    names = ", ".join(f'"{name}"' for name in header)
    values = ", ".join(str(tuple(r.values())).replace("None", "null") for r in records)
    with duckdb.connect() as connection:
        path = shop.folder / "a.parquet"
        connection.execute(f"copy (from (values {values}) as t({names})) to '{path}'")
    for name, content in files.items():
        shop.write(name, content)
    shop.load()
    for name in (*files, "a.parquet"):
        expected = [("1", "a"), ("2", "t"), ("3", None if name == "a.xml" else "s")]
        assert [row[1:3] for row in shop.landed(name)] == expected, name
        others = ["Total"] if name == "a.xml" else ["Sum due", "Total"]
        assert shop.entry(name).columns_ignored == others, name


def test_what_a_file_looks_like(tmp_path: Path) -> None:
    for content, name in {
        b"  <!doctype HTML>": "HTML",
        b"PAR1": "Parquet",
        b"\xef\xbb\xbf[1]": "JSON",
        b"hello": None,
        b"a;b;c\n": "delimited text",
        b"\0\1": "binary data",
    }.items():
        (tmp_path / "a").write_bytes(content)
        assert looks_like(tmp_path / "a") == (
            name or ("a gzip archive" if b"\x1f" in content else None)
        )


def of_csv(bad: bytes) -> Callable[[int], int]:
    return lambda n: sum(
        p.raw.count(b"\n") if not p.lines else 1
        for p in Splitter(",", "\n").split(BytesIO(b"a,b\n" + bad * n))
    )


def of_array(bad: bytes) -> Callable[[int], int]:
    return lambda n: sum(1 for _ in elements(BytesIO(b"[" + b",\n".join([bad] * n) + b"]")))


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        (of_csv(b'1,"open\n'), 30_001),
        (of_csv(b'"",""x\n'), 30_001),
        (of_csv(b"x\n"), 30_001),
        (of_array(b'{"a":1,"b":2'), 30_000),
        (of_array(b'{"a":"1,"b":2}'), 30_000),
        (of_array(b'{"a":[1,2}'), 30_000),
    ],
)
def test_the_work_for_bad_records_grows_with_their_number(
    split: Callable[[int], int], expected: int
) -> None:
    """Time is not measured here; what grew with the square of it did not end at all."""
    assert split(30_000) == expected


def test_a_field_of_over_a_mebibyte_in_quotes_costs_its_lines(shop: Workshop) -> None:
    field = b'1,"' + b"y\n" * 600_000 + b'",2\n'
    entry = shop.load_one(b"Id,Amount,Note\nok,1,2\n" + field * 2 + b"ok,1,2\n", "a.csv")
    assert (entry.landed, entry.records) == (2, entry.landed + entry.quarantined)
