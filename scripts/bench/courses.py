"""Ratings of courses and recommendations: load and build beside DuckDB alone."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from random import Random

from measure import (
    MB,
    Bench,
    BenchError,
    Bound,
    Line,
    Runs,
    Section,
    plain_environment,
    program,
    put,
    query,
    remove,
    run,
    settle,
)

SCRIPTS = Path(__file__).parent
MEDIUM = 500 * MB
# As many as there are where other sections have 500 MB; all three grow with the scale.
USERS, COURSES, RATINGS = 200_000, 2_000, 5_000_000
LEAST_COURSES = 50
CHUNK = 10_000
MODELS = (*("+recommendations_for_user", "--indirect-selection", "buildable"),)
LANGUAGES = ("R", "python", "SQL", "", "shell")


@dataclass(frozen=True)
class Data:
    """Generated raw files, and what is in them.

    Attributes:
        courses: the file of courses.
        ratings: the file of ratings.
        users: how many users there are.
        records: how many ratings.
    """

    courses: Path
    ratings: Path
    users: int
    records: int


def measure_courses(bench: Bench) -> Section:
    """Compare a load and build of recommendations with DuckDB alone.

    Args:
        bench: where to work, on how much, and how often.

    Raises:
        BenchError: if a program fails, or the two sides recommend anything else.
    """
    share = bench.size_bytes / MEDIUM
    courses = max(LEAST_COURSES, round(COURSES * share))
    data = _generate(bench, round(USERS * share), courses, round(RATINGS * share))
    work = Path(tempfile.mkdtemp(prefix="run-", dir=bench.folder))
    runs = Runs()
    try:
        for number in range(bench.rounds):
            bench.say(f"round {number + 1} of {bench.rounds}")
            rows = _play(bench, data, work, runs, number)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    size = bench.size_bytes

    def both(figure: str) -> tuple[float, float]:
        return runs.median("load + build", figure), runs.median("bare script", figure)

    build, memory = runs.median("load + build"), runs.median("load + build", "peak_mb")
    lines = [
        Line("load + build of ratings", "s", *both("seconds"), "bare script", size_bytes=size),
        Line("load + build of ratings", "s", build, bound=Bound(300, MEDIUM), size_bytes=size),
        Line("its peak memory", "MB", *both("peak_mb"), "bare script", size_bytes=size),
        Line("its peak memory", "MB", memory, bound=Bound(4_000, MEDIUM), size_bytes=size),
        Line("recommendations alone", "s", *both("recommendations"), "all pairs", size_bytes=size),
    ]
    facts = [
        f"Both recommend the same {rows:,} courses, with the same ratings and in the same order.",
        "The bare script pairs all users with all courses. It rejects nothing, keeps no record of"
        " where a rating came from, and tests nothing.",
    ]
    title = f"{data.users:,} users, {courses:,} courses and {data.records:,} ratings"
    return Section(title, lines, facts, runs.as_json())


def _play(bench: Bench, data: Data, work: Path, runs: Runs, number: int) -> int:
    """Both sides once, on fresh folders; returns how many recommendations there are."""
    warehouse, database, dbt = work / "warehouse.db", work / "bare.db", work / "dbt"
    remove(work / "raw", work / "lake", warehouse, database)
    for file in (data.courses, data.ratings):
        put(file, work / "raw" / "courses" / file.stem / file.name)
    environment = plain_environment() | {
        "CASEBOOK_RAW": str(work / "raw"),
        "CASEBOOK_LAKE": str(work / "lake"),
        "CASEBOOK_WAREHOUSE": str(warehouse),
        "DBT_TARGET_PATH": str(dbt),
        "DBT_LOG_PATH": str(work / "logs"),
    }
    sides = [
        ("load + build", [program("casebook"), "build", "--quiet", "--select", *MODELS]),
        ("bare script", [sys.executable, SCRIPTS / "bare_courses.py", data.ratings, database]),
    ]
    for name, command in sides if number % 2 == 0 else reversed(sides):
        settle(data.ratings)
        done = run(command, bench.project, environment)
        alone = _model_seconds(dbt) if name == "load + build" else json.loads(done.output)
        runs.add(name, done, **alone)
        bench.say(f"  {name:16} {done.seconds:8.2f} s {done.peak_bytes / MB:8,.0f} MB")
    # Summed up the same way on both sides: a row that differs in any way shows.
    summed = (
        "select count(*), sum(row)::varchar, bit_xor(row)::varchar from ("
        "select hash(user_id, rank::bigint, course_id, ({millionths})::bigint)::hugeint as row"
        " from {table})"
    )
    table = "courses.recommendations"
    ours = query(warehouse, summed.format(millionths="rating * 1000000", table=table))
    theirs = query(database, summed.format(millionths="millionths", table="recommendations"))
    if ours != theirs:
        raise BenchError(f"Casebook recommends {ours[0]}, the bare script {theirs[0]}")
    return ours[0][0]


def _model_seconds(dbt: Path) -> dict[str, float]:
    """How long the model took by itself, as dbt says."""
    results = json.loads((dbt / "run_results.json").read_text(encoding="utf-8"))["results"]
    seconds = {node["unique_id"]: node["execution_time"] for node in results}
    return {"recommendations": seconds["model.casebook.recommendations"]}


def _generate(bench: Bench, users: int, courses: int, records: int) -> Data:
    """The raw files, from an earlier run if there was one. Good courses are rated more often."""
    folder = bench.folder / "data" / f"courses-{users}-{courses}-{records}"
    data = Data(folder / "courses.csv", folder / "ratings.csv", users, records)
    if data.ratings.exists():
        return data
    bench.say(f"generating {records:,} ratings in {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    random = Random(1).random
    with data.courses.open("w", encoding="utf-8") as file:
        file.write("course_id,title,description,programming_language\n")
        for number in range(1, courses + 1):
            language = LANGUAGES[number % len(LANGUAGES)]
            file.write(f"{number},Course {number},What course {number} is about,{language}\n")
    partial = data.ratings.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write("user_id,course_id,rating\n")
        for start in range(0, records, CHUNK):
            lines = []
            for _ in range(min(CHUNK, records - start)):
                place = random() ** 2
                halves = 1 + int(10 * random() ** (0.2 + 0.6 * place))
                lines.append(
                    f"{1 + int(users * random())},{1 + int(courses * place)},{halves / 2:g}\n"
                )
            file.writelines(lines)
    partial.replace(data.ratings)
    return data
