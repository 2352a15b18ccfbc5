"""`casebook declare`: what it guesses, how it names, what it refuses, and that drafts build."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
import yaml
from casebook.draft import sample
from casebook.draft.kinds import (
    BOOLEAN,
    DATE,
    DECIMAL,
    INSTANT,
    INTEGER,
    JSON,
    TEXT,
    TIMESTAMP,
    Casts,
)
from casebook.draft.names import name_columns, singular, snake_case
from casebook.draft.project import Draft, declare, write
from casebook.draft.render import NotThere, add
from casebook.errors import CasebookError
from casebook.load.run import load
from casebook.readers.archives import zstd
from casebook.settings import Settings
from casebook.sources import read_sources
from loading import lines
from workbench import PROJECT, Workbench, copy_project, lint


@pytest.fixture
def tiny(tmp_path: Path) -> Settings:
    """A project of nothing but the macros, with a raw folder."""
    shutil.copytree(PROJECT / "macros" / "fields", tmp_path / "macros" / "fields")
    (tmp_path / "models").mkdir()
    (tmp_path / "dbt_project.yml").write_text("name: tiny\nvars:\n  audited_tables: {}\n")
    return Settings(tmp_path, tmp_path / "raw", tmp_path / "lake", tmp_path / "warehouse.db")


def put(settings: Settings, name: str, content: bytes) -> str:
    """Write a raw file of library.loans; returns its path."""
    path = settings.raw / "library" / "loans" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return str(path)


def guessed(settings: Settings, *records: object) -> Draft:
    return declare(settings, put(settings, "a.jsonl", lines(*records)))


def of_values(settings: Settings, *values: object) -> tuple[Draft, str]:
    """A draft from records with one column, and what is remarked of it."""
    declared = guessed(settings, *({"x": value} for value in values))
    return declared, "; ".join(declared.guesses[0].remarks)


def columns(declared: Draft) -> list[tuple[str, object]]:
    return [(guess.name.delivered, guess.kind) for guess in declared.guesses]


# --- Types


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (INTEGER, ["1", " -2 ", "+3"]),
        (INTEGER, [1, 2, 3]),
        (INTEGER, ["9223372036854775807", "5", "6"]),
        (DECIMAL, ["1.5", "2", "-.25"]),
        (DECIMAL, ["1e-7", "2", "3"]),
        (DATE, ["2024-02-29", "2024-01-01", "2023-12-31"]),
        (TIMESTAMP, ["2024-02-29", "2024-01-01 10:00:00", "2023-12-31T23:59:59.5"]),
        (INSTANT, ["2024-01-02T03:04:05Z", "2024-01-02 03:04:05+01:00"]),
        (BOOLEAN, [True, False, True]),
        (BOOLEAN, ["yes", "NO", "no"]),
        (JSON, [[1], {"a": 1}, []]),
        (JSON, ["[{'a': None}]", "[]", "{'b': \"it's\"}"]),
        (TEXT, ["Emma", "2", "x"]),
        (TEXT, ["007", "123", "45"]),
        (TEXT, ["9223372036854775808", "x", "y"]),
        (TEXT, ["2024-02-30", "2024-02-31", "2024-04-31"]),
        (TEXT, ["", "", ""]),
        (TEXT, [None]),
        (TEXT, ["N", "N", "N"]),
        (BOOLEAN, ["N", "Y", "N"]),
        (BOOLEAN, [False, False]),
    ],
)
def test_a_type_is_what_the_project_s_macros_cast_to(tiny: Settings, kind, values) -> None:
    declared, _ = of_values(tiny, *values, None)
    assert declared.guesses[0].kind is kind
    assert not declared.guesses[0].required


def test_python_literals_are_declared_so_that_the_loader_decodes_them(tiny: Settings) -> None:
    declared, _ = of_values(tiny, "[{'a': None}]", "[]")
    (column,) = declared_columns(declared)
    assert column["config"]["meta"] == {"required": True, "decode": "python_literal"}
    declared, _ = of_values(tiny, "[{'a': None}", "[b", "[]")
    assert declared.guesses[0].kind is TEXT


def declared_columns(declared: Draft) -> list[dict]:
    text = next(text for path, text in declared.files.items() if path.name.endswith("sources.yml"))
    return yaml.safe_load(text)["sources"][-1]["tables"][-1]["columns"]


@pytest.mark.parametrize(
    ("values", "size"),
    [
        (["1.5", "2"], (18, 2)),
        (["12.125", "-0.5"], (18, 3)),
        (["123456789012345.5", "1"], (38, 2)),
        (["0.00000000000001", "1"], (18, 14)),
    ],
)
def test_a_decimal_is_as_large_as_its_values(tiny: Settings, values, size) -> None:
    declared, _ = of_values(tiny, *values)
    assert declared.guesses[0].kind is DECIMAL
    assert declared.guesses[0].size == size


def test_a_few_misfits_do_not_change_the_type_but_are_remarked(tiny: Settings) -> None:
    declared, remark = of_values(tiny, *range(19), "R")
    assert declared.guesses[0].kind is INTEGER
    assert "1 of 20 values" in remark
    declared, remark = of_values(tiny, *range(8), "R", "")
    assert declared.guesses[0].kind is TEXT
    assert remark == "an integer in 8 of 10 values, 1 blank"


@pytest.mark.parametrize(
    ("value", "remark"),
    [
        ("007", "zeros in front"),
        ("02/01/2024", "dates that are not spelled"),
        ("2.1.2024 10:00", "times that are not spelled"),
        ("1.234,50", "numbers with a comma"),
    ],
)
def test_what_looks_like_a_type_but_does_not_cast_is_text_and_said_so(
    tiny: Settings, value, remark
) -> None:
    declared, said = of_values(tiny, value, value)
    assert declared.guesses[0].kind is TEXT
    assert remark in said


# --- The macros that drafts cast with


@pytest.mark.parametrize(
    ("macro", "arguments", "text", "value"),
    [
        ("cast_decimal", (18, 2, True), " +1.005 ", "1.01"),
        ("cast_decimal", (18, 2, True), "-1.005", "-1.01"),
        ("cast_decimal", (18, 2), "1.005", None),
        ("cast_decimal", (18, 2), " +1.0100 ", "1.01"),
        ("cast_decimal", (18, 2), ".5", "0.50"),
        ("cast_decimal", (18, 2), "5.", "5.00"),
        ("cast_decimal", (18, 9), "1.5e-7", "0.000000150"),
        ("cast_decimal", (18, 2), "1E2", "100.00"),
        *(("cast_decimal", (18, 2), text, None) for text in ("", " ", ".", "1,5", "1_0", "NaN")),
        *(
            ("cast_decimal", (18, 2), text, None)
            for text in ("inf", "0x1", "1e", "1e100", "9" * 17)
        ),
        ("cast_date", (), "2024-02-29", "2024-02-29"),
        *(("cast_date", (), text, None) for text in ("2023-02-29", "2024-2-9", " 2024-02-09")),
        *(("cast_date", (), text, None) for text in ("2024-02-09 00:00:00", "epoch", "")),
        *(("cast_boolean", (), text, "true") for text in ("true", "T", "Yes", "y", " 1 ")),
        *(("cast_boolean", (), text, "false") for text in ("FALSE", "f", "no", "N", "0")),
        *(("cast_boolean", (), text, None) for text in ("", "on", "off", "2", "truex", "01")),
        ("cast_json", (), ' [1, "a"]', ' [1, "a"]'),
        ("cast_json", (), '{"a": null}', '{"a": null}'),
        *(("cast_json", (), text, None) for text in ("", "1", "null", '"a"', "[", "{'a': 1}")),
        ("cast_json", (), "[1,]", None),
    ],
)
def test_a_text_casts_only_where_it_is_spelled_so(macro, arguments, text, value) -> None:
    sql = Casts(PROJECT).sql(macro, "column_", *arguments)
    found = duckdb.execute(f"select cast({sql} as varchar) from (select ? as column_)", [text])
    assert found.fetchall() == [(value,)]
    nothing = duckdb.execute(f"select {sql} from (select cast(null as varchar) as column_)")
    assert nothing.fetchall() == [(None,)]


# --- Nulls and keys


def test_what_is_never_null_is_suggested_as_required(tiny: Settings) -> None:
    records = [{"a": number, "b": number} for number in range(10)]
    del records[3]["b"]
    declared = guessed(tiny, *records)
    a, b = declared_columns(declared)
    assert a["config"]["meta"]["required"]
    assert "config" not in b
    assert declared.guesses[1].remarks == ("missing in 1 of 10 records: perhaps required",)


@pytest.mark.parametrize(
    ("records", "key"),
    [
        ([{"Title": "a", "Id": 1}, {"Title": "b", "Id": 2}], ["Id"]),
        ([{"user_id": 1, "loan_id": 1}, {"user_id": 2, "loan_id": 2}], ["loan_id"]),
        ([{"u_id": 1, "b_id": 1, "at": 1}, {"u_id": 1, "b_id": 2, "at": 2}], ["b_id"]),
        (
            [{"u_id": u, "b_id": b, "note": f"{u}{b}"} for u in (1, 2) for b in (1, 2)],
            ["u_id", "b_id"],
        ),
        ([{"u_id": 1, "n": n % 2, "m": n // 2} for n in range(4)], ["u_id", "n", "m"]),
        ([{"isbn": "x", "day": "2024-01-01"}, {"isbn": "x", "day": "2024-01-02"}], ["day"]),
        ([{"fee": "1.5", "id": 1}, {"fee": "2.5", "id": 1}], []),
        ([{"id": 1, "x": 1}, {"id": None, "x": 1}], []),
        ([{"u_id": u, "b_id": b} for u, b in ((1, 1), (1, 2), (1, None), (2, None))], []),
        ([*({"id": n, "x": 1} for n in range(9)), {"id": 8, "x": 1}], ["id"]),
        ([{"id": 1}], []),
        ([{"note": "a" * 65}, {"note": "b" * 65}], []),
    ],
)
def test_the_key_is_what_tells_all_records_apart(tiny: Settings, records, key) -> None:
    declared = guessed(tiny, *records)
    assert [name.declared for name in declared.key.columns] == key
    write(declared)
    assert list(read_sources(tiny.project)["library.loans"].key) == key


def test_where_there_is_no_key_the_closest_is_named(tiny: Settings) -> None:
    declared = guessed(tiny, {"loan_id": 1}, {"loan_id": 2}, {"loan_id": 2})
    assert declared.key.remark == "loan_id comes closest, with 2 values in 3 records"


# --- Names


def test_names_that_sql_would_have_to_quote_become_aliases() -> None:
    names = name_columns(
        [
            *("Id", "Due date", "tracks.TrackId", "tracks.Name", "albums.Name", "order", "Größe"),
            *("日本", "1st", 'a"b', "source_file", "due_date", "DUE DATE", " ", "ID", "it's"),
        ],
        "loans",
    )
    assert [(name.declared, *name.aliases, name.staging) for name in names] == [
        ("Id", "loan_id"),
        ("Due_date_2", "Due date", "due_date_2"),
        ("TrackId", "tracks.TrackId", "track_id"),
        ("tracks_Name", "tracks.Name", "tracks_name"),
        ("albums_Name", "albums.Name", "albums_name"),
        ("loan_order", "order", "loan_order"),
        ("Grosse", "Größe", "grosse"),
        ("column_8", "日本", "column_8"),
        ("_1st", "1st", "loan_1st"),
        ("a_b", 'a"b', "a_b"),
        ("loan_source_file", "source_file", "loan_source_file"),
        ("due_date", "due_date"),
        ("it_s", "it's", "it_s"),
    ]


def test_staging_speaks_snake_case() -> None:
    names = {"CreationDate": "creation_date", "HTTPStatus2": "http_status2", "userID": "user_id"}
    names |= {"_id": "id", "already_snake": "already_snake", "SHOUTED": "shouted"}
    assert {name: snake_case(name) for name in names} == names


def test_singulars() -> None:
    nouns = {"movies": "movie", "categories": "category", "addresses": "address", "boxes": "box"}
    nouns |= {"series": "series", "statuses": "status", "status": "status", "loans": "loan"}
    nouns |= {"film_ties": "film_tie", "parties": "party"}
    assert {plural: singular(plural) for plural in nouns} == nouns


def test_every_word_that_sql_reserves_makes_a_draft_that_parses(tiny: Settings) -> None:
    words = duckdb.execute("select keyword_name from duckdb_keywords()").fetchall()
    declared = guessed(tiny, {word: "a" for (word,) in words})
    listed = ", ".join(f"'a' as {guess.name.declared}" for guess in declared.guesses)
    named = ", ".join(f"{g.name.declared} as {g.name.staging}" for g in declared.guesses)
    duckdb.execute(f"select {named} from (select {listed})")


def test_columns_come_in_the_file_s_order(tiny: Settings) -> None:
    declared = guessed(tiny, {"b": 1, "a": 2}, {"c": 3, "a": 1})
    assert [guess.name.delivered for guess in declared.guesses] == ["b", "a", "c"]


# --- Formats


RECORDS = [{"Id": number, "Title": f"t{number}", "Fee": number + 0.5} for number in range(1, 5)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", lines(*RECORDS)),
        ("a.ndjson.gz", lines(*RECORDS)),
        ("a.json", json.dumps(RECORDS, indent=2).encode()),
        ("A.JSON", json.dumps(RECORDS).encode()),
        ("a.csv", b"Id,Title,Fee\n" + b"".join(b"%d,t%d,%d.5\n" % (n, n, n) for n in range(1, 5))),
        ("a.tsv", b"Id\tTitle\tFee\n" + b"".join(b"%d\tt\t%d.5\n" % (n, n) for n in range(1, 5))),
        ("a.csv", b"Id;Title;Fee\n" + b"".join(b"%d;t,a,b;%d.5\n" % (n, n) for n in range(1, 5))),
        ("a.csv.zst", zstd.compress(b"Id,Title,Fee\n1,t,1.5\n2,t,2.5\n3,,\n4,,\n")),
        ("a.txt.gz", b"Id|Title|Fee\n" + b"".join(b"%d|t|%d.5\n" % (n, n) for n in range(1, 5))),
    ],
)
def test_every_text_format_is_read(tiny: Settings, name, content) -> None:
    declared = declare(tiny, put(tiny, name, content))
    assert columns(declared) == [("Id", INTEGER), ("Title", TEXT), ("Fee", DECIMAL)]
    assert [name.declared for name in declared.key.columns] == ["Id"]
    assert "4 records of" in declared.sample.seen


def test_a_column_of_a_delimited_file(tiny: Settings) -> None:
    declared = declare(tiny, put(tiny, "a.csv", b"Id\n1\n2\n"))
    assert columns(declared) == [("Id", INTEGER)]
    commas = b"Price, EUR, net;Tax, EUR, gross;Id\n1;2;3\n4;5;6\n"
    declared = declare(tiny, put(tiny, "a.csv", commas))
    assert [name for name, _ in columns(declared)] == ["Price, EUR, net", "Tax, EUR, gross", "Id"]
    declared = declare(tiny, put(tiny, "a.csv", b"Due date,,Id,ID\n"))
    assert [g.name.declared for g in declared.guesses] == ["Due_date", "Id"]
    assert {g.remarks for g in declared.guesses} == {("no record to judge by",)}
    assert declared.sample.seen == "a.csv, which has no records"


def test_parquet_is_read_by_its_schema(tiny: Settings) -> None:
    path = Path(put(tiny, "a.parquet", b""))
    duckdb.execute(
        "copy (select i as Id, i / 2 as half, date '2024-01-01' as day, [i] as list,"
        f" null::int as none from range(1, 5) as t (i)) to '{path}' (format parquet)"
    )
    declared = declare(tiny, str(path))
    kinds = {"Id": INTEGER, "half": DECIMAL, "day": DATE, "list": JSON, "none": TEXT}
    assert dict(columns(declared)) == kinds
    duckdb.execute(f"copy (select 1 as Id limit 0) to '{path}' (format parquet)")
    assert columns(declare(tiny, str(path))) == [("Id", TEXT)]


@pytest.fixture
def database(tiny: Settings) -> Path:
    """raw/shop/x.db with two tables and a view."""
    path = tiny.raw / "shop" / "x.db"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "create table Orders (OrderId integer primary key, Total numeric(10, 2), note);"
            "insert into Orders values (7, 1.5, 'a'), (3, 2.25, null);"
            "create table 'Order lines' (a); create view totals as select Total from Orders;"
        )
    return path


def test_a_table_of_a_sqlite_file_is_named_with_a_hash(tiny: Settings, database: Path) -> None:
    declared = declare(tiny, f"{database}#orders")
    assert declared.full_name == "shop.orders"
    assert columns(declared) == [("OrderId", INTEGER), ("Total", DECIMAL), ("note", TEXT)]
    assert declared.sample.seen == "the 2 records of x.db#Orders"
    write(declared)
    report = load(tiny)
    assert [(r.entry.source_file, r.entry.landed) for r in report.files] == [
        ("shop/x.db#orders", 2)
    ]


def test_a_sqlite_file_with_several_tables_lists_them(tiny: Settings, database: Path) -> None:
    before = database.read_bytes()
    with pytest.raises(CasebookError, match="it has 2 tables") as error:
        declare(tiny, str(database))
    assert str(error.value).endswith(f"{database}#Order lines; they are: Order lines, Orders")
    for name in ("nothing", "totals"):
        with pytest.raises(CasebookError, match=f"it has no table {name}"):
            declare(tiny, f"{database}#{name}")
    with pytest.raises(CasebookError, match="order lines is no name for a table"):
        declare(tiny, f"{database}#Order lines")
    with pytest.raises(CasebookError, match="under its own name"):
        declare(tiny, f"{database}#Orders", "shop.sales")
    assert database.read_bytes() == before
    deep = database.parent / "more" / "y.db"
    deep.parent.mkdir()
    shutil.copy(database, deep)
    with pytest.raises(CasebookError, match=r"it is not at raw/<source>/y\.db"):
        declare(tiny, f"{deep}#Orders")
    database.write_bytes(b"no database")
    with pytest.raises(CasebookError, match="cannot be read"):
        declare(tiny, f"{database}#Orders")


def test_only_the_head_of_a_large_file_is_read(tiny: Settings, monkeypatch) -> None:
    monkeypatch.setattr(sample, "MOST_RECORDS", 3)
    whole = [{"a": n} for n in range(5)]
    for name, content in (("a.jsonl", lines(*whole)), ("b.json", json.dumps(whole).encode())):
        declared = declare(tiny, put(tiny, name, content))
        assert declared.sample.seen == f"the first 3 records of {name}"
    paths = [put(tiny, f"{n}.jsonl", lines(*whole)) for n in "cd"]
    assert declare(tiny, paths).sample.seen == "4 records of 2 files"
    monkeypatch.setattr(sample, "MOST_RECORDS", 20_000)
    monkeypatch.setattr(sample, "MOST_BYTES", 10)
    assert guessed(tiny, *whole).sample.seen == "the first 2 records of a.jsonl"


def test_bad_records_are_left_out_and_said_so(tiny: Settings) -> None:
    declared = guessed(tiny, {"a": 1}, b"{not json", {"a": 2})
    assert declared.sample.seen == "the 2 records of a.jsonl"
    assert declared.sample.bad == 1
    assert declared.sample.why_bad.startswith("not_json")


# --- Refusals


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.docx", b"x", "no reader for .docx"),
        ("a.jsonl", b"", "no record with columns"),
        ("a.jsonl", b"[1]\n", "not_an_object"),
        ("a.jsonl.gz.gz", b"x", "no reader"),
        ("cut.jsonl.gz", None, "breaks off"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(
    tiny: Settings, name, content, reason
) -> None:
    path = put(tiny, name, content or b"")
    if content is None:
        Path(path).write_bytes(gzip.compress(lines(*RECORDS) * 50)[:-20])
    with pytest.raises(CasebookError, match=reason) as error:
        declare(tiny, path)
    assert str(path) in str(error.value)
    assert "Fix: " in str(error.value)


def test_the_folders_must_say_which_table_it_is(tiny: Settings, tmp_path: Path) -> None:
    outside = tmp_path / "a.jsonl"
    outside.write_bytes(lines({"a": 1}))
    with pytest.raises(CasebookError, match=r"--table SOURCE\.TABLE"):
        declare(tiny, str(outside))
    assert declare(tiny, str(outside), "library.loans").full_name == "library.loans"
    with pytest.raises(CasebookError, match="no name for a table"):
        declare(tiny, str(outside), "Library")
    shouted = tiny.raw / "Library" / "loans" / "a.jsonl"
    shouted.parent.mkdir(parents=True)
    shouted.write_bytes(lines({"a": 1}))
    with pytest.raises(CasebookError, match="Library is no name for a source"):
        declare(tiny, str(shouted))
    with pytest.raises(CasebookError, match="there is no such file"):
        declare(tiny, str(tmp_path / "b.jsonl"))
    with pytest.raises(CasebookError, match="only a SQLite file"):
        declare(tiny, f"{outside}#t", "library.loans")


def test_nothing_that_exists_is_written_over(tiny: Settings) -> None:
    first = guessed(tiny, {"a": 1})
    write(first)
    with pytest.raises(CasebookError, match="declared already") as error:
        guessed(tiny, {"a": 1})
    sources = tiny.project / "models" / "staging" / "library" / "_library__sources.yml"
    assert str(sources) in str(error.value)
    sources.unlink()
    with pytest.raises(CasebookError, match="--force"):
        guessed(tiny, {"a": 1})
    path = put(tiny, "a.jsonl", lines({"b": 1}))
    again = declare(tiny, path, force=True)
    assert "'b': an_integer('b'" in next(t for p, t in again.files.items() if p.suffix == ".sql")


# --- Several files, and what a header may be


def test_a_folder_is_drafted_with_the_columns_of_all_its_files(tiny: Settings) -> None:
    put(tiny, "year=2020/a.csv", b"Loan No;Title;Due\n1;a;2024-01-02\n2;b;2024-02-30\n")
    put(tiny, "year=2021/b.csv", b"LoanNumber,Title,Due\n3,c,2024-01-02\n4,d,2024-01-03\n")
    put(tiny, "year=2021/c.jsonl", lines({"Loan No": 5, "Title": "e", "Due": "2024-01-09", "x": 1}))
    declared = declare(tiny, str(tiny.raw / "library" / "loans"), case="library")
    assert [(g.name.declared, g.kind, g.required) for g in declared.guesses] == [
        ("Loan_No", INTEGER, True),
        ("Title", TEXT, True),
        ("Due", DATE, True),
        ("x", INTEGER, False),
    ]
    assert "LoanNumber stands at its place" in declared.guesses[0].remarks[0]
    columns = declared_columns(declared)
    assert columns[0]["config"]["meta"]["aliases"] == ["Loan No", "LoanNumber"]
    texts = {path.name: text for path, text in declared.files.items()}
    assert "path_values: [year]" in texts["_library__sources.yml"]
    assert "    _path_year as year,\n" in texts["stg_library__loans.sql"]
    assert "classified_table(" in texts["int_library__loans.sql"]
    project = yaml.safe_load(texts["dbt_project.yml"])
    assert project["vars"]["audited_tables"] == {"library.loans": {"items": "int_library__loans"}}
    marts = {"library": {"+schema": "library", "+group": "library"}}
    assert project["models"]["tiny"]["marts"] == marts
    write(declared)
    assert {r.entry.landed for r in load(tiny).files} == {1, 2}
    again = put(tiny, "year=2022/d.csv", b"Loan,Title,Due\n7,a,2024-01-02\n")
    Path(again).write_bytes(b"Loan,Title,Due,x\n7,a,2024-01-02,1\n")
    add_it = r"declared already\nFix: add `aliases: \[Loan\]` to the column Loan_No"
    with pytest.raises(CasebookError, match=add_it):
        declare(tiny, again)


def test_files_that_are_unlike_keep_their_columns(tiny: Settings) -> None:
    one, two = (put(tiny, f"{n}.csv", b"Id,%s\n1,a\n2,b\n" % n.encode()) for n in ("Title", "Id2"))
    Path(two).write_bytes(b"Id,Pages\n1,100\n2,200\n")
    declared = declare(tiny, [one, two])
    assert [g.name.declared for g in declared.guesses] == ["Id", "Title", "Pages"]


@pytest.mark.parametrize(
    "first", [b"30000000,862,tt1,A Film,1995-10-30", b"0.5,x", b"a,2020-01-01"]
)
def test_a_file_without_a_header_is_refused(tiny: Settings, first) -> None:
    with pytest.raises(CasebookError, match="it seems to have no header"):
        declare(tiny, put(tiny, "a.csv", first + b"\n" + first + b"\n"))


def test_a_code_that_looks_like_a_number_is_a_text(tiny: Settings) -> None:
    codes = [{"x": f"{n}" if n % 10 else f"{n}A"} for n in range(1, 101)]
    declared = guessed(tiny, *codes)
    assert declared.guesses[0].kind is TEXT
    (remark,) = declared.guesses[0].remarks
    assert remark == "an integer in 90 of 100 values, and a code such as 100A in 10; kept as text"


@pytest.mark.parametrize("name", ["{{ 7 * 7 }}", "{% raw %}", "{#"])
def test_a_name_that_dbt_would_render_is_refused(tiny: Settings, name) -> None:
    with pytest.raises(CasebookError, match="for a template"):
        guessed(tiny, {name: 1})


def test_hostile_names_stay_texts(tiny: Settings) -> None:
    names = ["x: {a: b}", "'; drop table x; --", '"\n- name: y', "#", "&a *b", "a\nb"]
    declared = guessed(tiny, dict.fromkeys(names, "1"), dict.fromkeys(names, "2"))
    columns = declared_columns(declared)
    assert [c["config"]["meta"].get("aliases", [c["name"]])[0] for c in columns] == names
    for path, text in declared.files.items():
        if path.suffix == ".sql":
            assert "drop table x;" not in text


# --- YAML that people wrote


EXISTING = """\
# What we know.
sources:
  - name: other
    tables: [{name: x, columns: [{name: a}]}]
  - name: library   # ours
    description: >
      Books,
      and so on.
    tables:
      - name: books
        columns:
          - name: Isbn   # the old one
            description: 'Identifies it.'
  # The last one.
  - name: last
    tables:
      - name: y
        columns: [{name: a}]
"""


def test_what_is_added_leaves_the_rest_as_it_is() -> None:
    added = add(EXISTING, ["sources", "name=library", "tables"], "name: loans\ncolumns: []\n")
    before = EXISTING.index("  # The last one.")
    new = "      - name: loans\n        columns: []\n"
    assert added == EXISTING[:before] + new + EXISTING[before:]
    assert add(added, ["sources", "name=library", "tables"], "name: loans\ncolumns: []\n") == added
    one, two = "vars:\n  # Why.\n  a: {x: 1}  # one\n", "\n  # What b is.\n  b:\n    c: 2  # two\n"
    text = f"{one}{two}\n# Models.\nmodels:\n  d:  # nothing yet\n  # Why e.\n  e: >\n    long\n"
    for path, value, expected in (
        (["vars", "a"], ("y", "{z: 2}"), text.replace("x: 1", "x: 1, y: {z: 2}")),
        (["vars", "a"], ("x", "2"), text),
        (["vars", "b"], ("y", "1"), text.replace("# two\n", "# two\n    y: 1\n")),
        (["vars"], ("y", "1"), text.replace("# two\n", "# two\n  y: 1\n")),
        (["vars", "f", "g"], ("y", "1"), text.replace("two\n", "two\n  f:\n    g:\n      y: 1\n")),
        (["models", "d"], ("y", "1"), text.replace("nothing yet\n", "nothing yet\n    y: 1\n")),
        (["models"], ("y", "1"), f"{text}  y: 1\n"),
    ):
        assert add(text, path, value) == expected
        assert add(text[:-1], path, value).rstrip() == expected.rstrip()
    assert add("a: {}\n", ["a"], ("x", "1")) == "a: {x: 1}\n"
    for odd in ("a: xyz\n", "a: [1]\n", "- a\n", ""):
        with pytest.raises(NotThere):
            add(odd, ["a"], ("x", "1"))


@pytest.mark.parametrize("text", ["a: [\n", "sources: []\n", "sources: 1\n"])
def test_where_it_does_not_fit_nothing_is_added(text) -> None:
    with pytest.raises(NotThere):
        add(text, ["sources", "name=x", "tables"], "name: y\n")


# --- What is drafted builds


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Workbench:
    """A copy of the project with a table of every type in it, drafted and built."""
    root = tmp_path_factory.mktemp("declare")
    bench = Workbench(root, copy_project(root / "project", "storefront"))
    record = {
        "LoanNumber": 1,
        "id": 7,
        "order": "A",
        "Due date": "2024-01-02",
        "fee": 1.5,
        "tracks.TrackId": 5,
        "returned_at": "2024-01-02T03:04:05",
        "renewed": False,
        "genres": [{"id": 16}],
        'odd "name"': "it's",
        "Note": None,
        "A rather long name that takes much of a line, and then some more of it": "x",
        "a_time_whose_name_is_longer_than_it_may_be": "2024-01-02T03:04:05",
        "a_time_whose_name_is_as_long_as_ca": "2024-01-02T03:04:05",
    }
    folder = bench.raw / "library" / "loans"
    folder.mkdir(parents=True)
    records = [record | {"LoanNumber": number} for number in range(1, 21)]
    bad = [{"LoanNumber": "X", "Due date": "2024-02-30"}, b"{broken"]
    (folder / "a.jsonl").write_bytes(lines(*records, *bad))
    draft_from = folder / "first.jsonl"
    draft_from.write_bytes(lines(*records))
    bench.casebook("declare", str(draft_from))
    draft_from.unlink()
    other = bench.raw / "library" / "notes" / "b.jsonl"
    other.parent.mkdir()
    other.write_bytes(lines({"Text": None, "Other": "x"}, {"Text": "a"}))
    bench.casebook("declare", str(other))
    bench.casebook("build", "--unit-tests")
    return bench


def test_a_draft_builds_as_it_stands_and_casts(built: Workbench) -> None:
    (row,) = built.query(
        "select * exclude (loaded_at) from staging.stg_library__loans where loan_number = 20"
    )
    shown = [str(value) for value in row]
    assert shown[:9] == [
        *("20", "7", "A", "2024-01-02", "1.50", "5", "2024-01-02 03:04:05", "False"),
        '[{"id":16}]',
    ]
    notes = "select text, other, source_record from staging.stg_library__notes order by 3"
    assert built.query(notes) == [(None, "x", 1), ("a", None, 2)]


def test_every_record_of_it_is_accounted_for(built: Workbench) -> None:
    assert built.query(
        "select table_name, records, quarantined, landed, items, rejected, kept"
        " from audit.row_accounting order by table_name"
    ) == [("loans", 22, 1, 21, 21, 1, 20), ("notes", 2, 0, 2, 2, 0, 2)]
    ((record, reasons, text),) = built.query(
        "select source_record, reasons, raw_text from audit.rejected_rows where stage = 'rejected'"
    )
    assert record == 21
    assert reasons.startswith("LoanNumber: not_an_integer; id: missing;")
    assert "Due_date: not_a_date" in reasons
    assert json.loads(text)["LoanNumber"] == "X"


def test_a_staging_model_that_loses_a_record_fails_the_build(built: Workbench) -> None:
    model = built.project / "models" / "staging" / "library" / "stg_library__notes.sql"
    before = model.read_text()
    model.write_text(before + "where source_record > 1\n")
    try:
        failed = built.casebook("build", status=1)
    finally:
        model.write_text(before)
    assert "every_landed_record_is_an_item" in failed.stderr


def test_a_draft_passes_the_checks_of_the_project(built: Workbench) -> None:
    lint(built, "models/staging/library")
    for path in (built.project / "models" / "staging" / "library").iterdir():
        lines_ = [
            line for line in path.read_text().splitlines() if "A rather long name" not in line
        ]
        assert max(map(len, lines_)) <= 100, path


def test_the_command_says_what_it_wrote_and_what_to_look_at(tmp_path: Path) -> None:
    project = tmp_path / "project"
    for part in ("macros", "dbt_project.yml"):
        copy = shutil.copytree if (PROJECT / part).is_dir() else shutil.copy
        project.mkdir(exist_ok=True)
        copy(PROJECT / part, project / part)
    (project / "models").mkdir()
    bench = Workbench(tmp_path, project)
    path = bench.raw / "library" / "loans" / "a.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(lines({"Id": 1, "At": "1/2/2024"}, b"{", {"Id": 2, "At": "2/2/2024"}))
    before = {p: p.read_bytes() for p in project.rglob("*") if p.is_file()}
    shown = bench.casebook("declare", "--print", str(path)).stdout
    assert {p: p.read_bytes() for p in project.rglob("*") if p.is_file()} == before
    assert "# models/staging/library/stg_library__loans.sql\n-- Grain: one row" in shown
    assert "\n+    library.loans: {}\n" in shown
    shown = bench.casebook("declare", str(path)).stdout
    assert shown.splitlines()[:4] == [
        "wrote models/staging/library/_library__sources.yml",
        "wrote models/staging/library/stg_library__loans.sql",
        "wrote models/staging/library/stg_library__loans.yml",
        "changed dbt_project.yml",
    ]
    assert "Id,loan_id,integer,yes,yes," in shown
    assert "1 of its first records cannot be read, such as not_json" in shown
    assert "next: `casebook build`" in shown
    refused = bench.casebook("declare", str(path), status=1)
    assert "declared already" in refused.stderr
    assert "Traceback" not in refused.stderr
