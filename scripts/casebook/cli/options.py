"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Raw = Annotated[
    str | None, typer.Option("--raw", help="Folder of raw files; CASEBOOK_RAW, or raw/.")
]
Lake = Annotated[
    str | None, typer.Option("--lake", help="Folder of the lake; CASEBOOK_LAKE, or lake/.")
]
Warehouse = Annotated[
    str | None,
    typer.Option("--warehouse", help="The warehouse file; CASEBOOK_WAREHOUSE, or warehouse.db."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
Verify = Annotated[
    bool, typer.Option("--verify", help="Hash every file, even where size and time are the same.")
]
AllowShrink = Annotated[
    bool, typer.Option("--allow-shrink", help="Land files that have become shorter, too.")
]
Tables = Annotated[
    list[str] | None,
    typer.Argument(help="SOURCE or SOURCE.TABLE, as blog.votes; all by default."),
]
Force = Annotated[bool, typer.Option("--force", help="Build even where nothing has changed.")]
Purge = Annotated[
    bool,
    typer.Option(
        "--purge", help="Leave no trace of what raw files no longer hold: build all anew."
    ),
]
Check = Annotated[
    str | None,
    typer.Option(
        "--check", metavar="TEXT", help="Then search lake and warehouse for TEXT, in all bytes."
    ),
]
UnitTests = Annotated[
    bool, typer.Option("--unit-tests", help="Run dbt's unit tests too: they test the code.")
]
Sample = Annotated[
    bool,
    typer.Option(
        "--sample", help="Build sample/ where raw/ holds no files and nothing is published."
    ),
]
Target = Annotated[
    str | None, typer.Option("--target", "-t", help="duckdb, or spark: see docs/spark.md.")
]
Verbose = Annotated[
    bool, typer.Option("--verbose", help="Print dbt's log, which is in logs/ in any case.")
]
