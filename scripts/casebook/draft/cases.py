"""What a case adds to the project when it takes up a table: its group, schema and accounting."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from casebook.draft.insert import NotThere, add
from casebook.draft.render import Draft, render

_SCHEMAS = re.compile(r"(include: \^models/marts\n\s+schema_name_pattern: \^\()([^)]*)(\)\$)")


def project_files(project: Path, draft: Draft) -> tuple[dict[Path, str], list[str]]:
    """The files around a staging model that a draft adds to, and what has to be added by hand.

    Args:
        project: the project's folder.
        draft: the table; with a case, the case's own entries are drafted too.
    """
    files: dict[Path, str] = {}
    by_hand: list[str] = []

    def change(name: str, *additions: tuple[list[str], str | tuple[str, str]]) -> None:
        path = project / name
        for keys, value in additions:
            try:
                text = files.get(path) or path.read_bytes().decode("utf-8")
                files[path] = add(text, keys, value)
            except (NotThere, FileNotFoundError):
                by_hand.append(f"{name}: {': '.join(keys)}: {value}")

    table, case = f"{draft.source}.{draft.table}", draft.case
    items = f"{{items: int_{case}__{draft.table}}}" if case and draft.key.columns else "{}"
    change("dbt_project.yml", (["vars", "audited_tables"], (table, items)))
    if not case:
        return files, by_hand
    text = (project / "dbt_project.yml").read_text(encoding="utf-8")
    layers = ["models", yaml.safe_load(text)["name"]]
    change(
        "dbt_project.yml",
        ([*layers, "staging"], (draft.source, f"{{+group: {case}}}")),
        ([*layers, "intermediate"], (case, f"{{+group: {case}}}")),
        ([*layers, "marts"], (case, f"{{+schema: {case}, +group: {case}}}")),
    )
    group = (
        f"name: {case}\ndescription: What is built from {draft.source}.\n"
        f"owner: {{name: {case} analytics, email: {case.replace('_', '-')}@example.invalid}}\n"
    )
    groups = project / "models" / "marts" / "_groups.yml"
    if not (groups.exists() and re.search(rf"name: {case}$", groups.read_text(), re.M)):
        change("models/marts/_groups.yml", (["groups"], group))
    bouncer = project / "dbt-bouncer.yml"
    if bouncer.exists():
        text = bouncer.read_text(encoding="utf-8")
        found = _SCHEMAS.search(text)
        if found and case not in found[2].split("|"):
            files[bouncer] = text.replace(found[0], f"{found[1]}{found[2]}|{case}{found[3]}")
    if draft.key.columns:
        model = project / "models" / "intermediate" / case / f"int_{case}__{draft.table}"
        files[model.with_suffix(".sql")] = render("intermediate.sql", draft)
        files[model.with_suffix(".yml")] = render("intermediate.yml", draft)
    return files, by_hand
