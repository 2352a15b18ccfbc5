"""The least that a load could be: DuckDB alone copies votes, as text, to one Parquet file.

Usage: bare_copy.py RAW_FILE PARQUET_FILE
"""

import sys

import duckdb

raw, parquet = (path.replace("'", "''") for path in sys.argv[1:])
duckdb.execute(f"""
    copy (
        select * from read_json(
            '{raw}',
            columns = {{
                Id: 'varchar',
                PostId: 'varchar',
                VoteTypeId: 'varchar',
                CreationDate: 'varchar',
                UserId: 'varchar',
                BountyAmount: 'varchar'
            }}
        )
    ) to '{parquet}' (format parquet, compression zstd)
""")
