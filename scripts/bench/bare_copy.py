"""The least that a load could be: DuckDB alone copies votes, as text, to one Parquet file.

Usage: bare_copy.py PARQUET_FILE RAW_FILE…

Raw files hold JSON lines, a JSON array or, with the extension .csv, comma-separated values.
"""

import sys

import duckdb

COLUMNS = ("Id", "PostId", "VoteTypeId", "CreationDate", "UserId", "BountyAmount")

parquet, *raw = (path.replace("'", "''") for path in sys.argv[1:])
reader = "read_csv" if raw[0].endswith(".csv") else "read_json"
types = ", ".join(f"{column}: 'varchar'" for column in COLUMNS)
duckdb.execute(
    f"copy (select * from {reader}({raw!r}, columns = {{{types}}}))"
    f" to '{parquet}' (format parquet, compression zstd)"
)
