"""Pages of an answer: how many rows there are on all of them, and where the others are."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from casebook.ask.offers import Question


def page_headers(question: Question, total: int, path: str) -> dict[str, str]:
    """The headers of a page.

    Args:
        question: what is asked.
        total: how many rows there are on all pages together.
        path: the address that was asked.
    """
    headers = {"Casebook-Total-Rows": str(total)}
    if question.limit is not None:
        offsets = {"first": 0}
        if question.offset:
            offsets["prev"] = max(0, question.offset - question.limit)
        if question.offset + question.limit < total:
            offsets["next"] = question.offset + question.limit
        headers["Link"] = ", ".join(
            f'<{_address(question, path, offset)}>; rel="{name}"'
            for name, offset in offsets.items()
        )
    return headers


def _address(question: Question, path: str, offset: int) -> str:
    """Where the page lies that begins after so many rows, without a host: a proxy may have one."""
    offer = question.offer
    in_path = [one.name for one in offer.parameters if offer.is_in_path(one)]
    said = {name: value for name, value in question.values.items() if name not in in_path}
    said |= {"limit": question.limit, "offset": offset}
    if question.build is not None:
        said["build"] = question.build
    return f"{quote(path)}?{urlencode(said, quote_via=quote)}"
