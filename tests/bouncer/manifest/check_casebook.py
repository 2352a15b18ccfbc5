"""Checks of the dbt project that dbt-bouncer does not bring along."""

import re

from dbt_bouncer.check_framework.decorator import check, fail

_SIGNATURE = re.compile(r"{%-?\s*(?:macro|test)\s+\w+\s*\((?P<arguments>.*?)\)\s*-?%}", re.DOTALL)
_VALUE = re.compile(r"\(.*?\)|\[.*?\]|\{.*?\}|'[^']*'|\"[^\"]*\"", re.DOTALL)
_ARGUMENT = re.compile(r"(?:^|,)\s*(\w+)")
# What an engine does in a macro's stead, and what stands below the macro in its file, is its own.
_ENGINE = re.compile(r"^(default|duckdb|spark)__")


@check
def check_model_has_group(model):
    """Models must belong to a group, so that each has an owner.

    Receives:
        model (ModelNode): The ModelNode object to check.

    """
    if not model.group:
        fail(f"`{model.name}` belongs to no group.")


@check
def check_macro_is_described(macro):
    """A macro must be described, and each of its arguments too, in the order of its signature.

    Generic tests are macros too. Those that implement another for one engine are left out, and so
    are helpers: macros that stand in another's file.

    Receives:
        macro (Macros): The Macros object to check.

    """
    stem = macro.original_file_path.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".sql")
    name = macro.name.removeprefix("test_")
    if _ENGINE.match(name) or name != stem:
        return
    if len((macro.description or "").strip()) < 15:
        fail(f"Macro `{name}` has no description.")
    signature = _SIGNATURE.search(macro.macro_sql)
    wanted = _ARGUMENT.findall(_VALUE.sub("", signature["arguments"]))
    described = [x.name for x in macro.arguments or [] if (x.description or "").strip()]
    if wanted != described:
        fail(f"Macro `{name}` has the arguments {wanted}; {described} are described.")
