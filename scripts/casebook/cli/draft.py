"""`casebook declare`: a draft of the source YAML and the staging model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from casebook.cli.options import Raw
from casebook.cli.printing import out, print_error, print_rows
from casebook.settings import find_settings

if TYPE_CHECKING:
    from casebook.draft.project import Draft


def declare(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Raw files, or their folder; a table of a SQLite file as FILE#TABLE.",
        ),
    ],
    table: Annotated[
        str | None,
        typer.Option(
            "--table", metavar="SOURCE.TABLE", help="The table; by default what its folders say."
        ),
    ] = None,
    case: Annotated[
        str | None,
        typer.Option(
            help="The case that takes the table up: its group, schema and intermediate model too."
        ),
    ] = None,
    raw: Raw = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write over a staging model that exists.")
    ] = False,
    show: Annotated[bool, typer.Option("--print", help="Print the draft; write nothing.")] = False,
) -> None:
    """Draft the source YAML and the staging model for a new kind of raw file.

    Types, keys and what is required are guessed from the file's first records. The draft builds as
    it stands; what is to be looked at is marked `# confirm:`.
    """
    from casebook.draft.project import declare as draft_files
    from casebook.draft.project import preview, write

    settings = find_settings(raw)
    split = [path.partition("#") for path in paths]
    places = [f"{settings.delivery(Path(name))}{mark}{member}" for name, mark, member in split]
    draft = draft_files(settings, places, table, case=case, force=force)
    if show:
        out.print(preview(settings, draft), markup=False, end="")
        return
    new = write(draft)
    for file in draft.files:
        verb = "wrote" if file in new else "changed"
        out.print(f"{verb} {file.relative_to(settings.project)}", markup=False)
    for addition in draft.by_hand:
        print_error("add by hand", addition, "yellow")
    _print_guesses(draft)


def _print_guesses(draft: Draft) -> None:
    out.print(f"\nguessed from {draft.sample.seen}; look at each `# confirm:`", markup=False)
    if bad := draft.sample.bad:
        why = draft.sample.why_bad
        out.print(f"{bad} of its first records cannot be read, such as {why}", markup=False)
    print_rows(
        ["column", "staging", "type", "required", "key", "look at"],
        [
            (
                guess.name.delivered,
                guess.name.staging,
                guess.type_name,
                "yes" if guess.required else "",
                "yes" if guess.name in draft.key.columns else "",
                "; ".join(guess.remarks),
            )
            for guess in draft.guesses
        ],
    )
    if not draft.key.columns:
        out.print(f"no key: {draft.key.remark}", markup=False)
    out.print(
        f"\nnext: `casebook build`, then `casebook rejects {draft.full_name} --raw`", markup=False
    )
