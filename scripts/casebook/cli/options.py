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
