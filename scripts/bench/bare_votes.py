"""What one might write in place of Casebook: DuckDB alone runs the models below bare_votes/.

Usage: bare_votes.py, with BARE_RAW and BARE_DATABASE in the environment
"""

import os
from pathlib import Path

import duckdb
import jinja2

MODELS = Path(__file__).parent / "bare_votes" / "models"
with duckdb.connect(os.environ["BARE_DATABASE"]) as connection:
    for name in ("votes", "weekly_votes", "outlier_weeks"):
        sql = jinja2.Template((MODELS / f"{name}.sql").read_text(encoding="utf-8")).render(
            ref=str, env_var=os.environ.__getitem__, config=lambda materialized: ""
        )
        kind = "table" if name == "votes" else "view"
        connection.execute(f"create or replace {kind} {name} as {sql}")
    print(len(connection.execute("from outlier_weeks").fetchall()), "outlier weeks")
