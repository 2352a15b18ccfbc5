"""What OpenAPI says of all endpoints alike: prose, headers and errors."""

from typing import Annotated, Any

from fastapi import Header
from pydantic import BaseModel, Field

from casebook.api.messages import CSV
from casebook.ask.parameters import MOST_ROWS

ABOUT = """\
Answers from the warehouse that Casebook published last.

A build that is published while the server runs is served from the next request on. Every answer
names the build that it is from in the header `Casebook-Build`, and its `ETag` begins with the same.
"""
FORMATS = f"""\
The answer is JSON, or CSV with `Accept: {CSV}`; numbers are written as the warehouse has them. Long
answers are streamed."""
PAGES = f"""\
Without `limit`, which may be {MOST_ROWS:,}, all rows are sent. With it the header `Link` leads to
the first, the previous and the next page. `Casebook-Total-Rows` counts the rows of all pages. Pages
neither overlap nor leave gaps as long as they are from the same build, which `build` sees to."""
INDEX = {
    "/health": "Which build is served",
    "/docs": "What may be requested, as a page",
    "/openapi.json": "What may be requested, as OpenAPI",
}
TEXT: dict[str, Any] = {"schema": {"type": "string"}}
HEADERS = {"Casebook-Build": {"description": "The build that answers, as in audit.builds."} | TEXT}
CACHED = HEADERS | {"ETag": {"description": "To be sent back as If-None-Match."} | TEXT}
PAGED = CACHED | {
    "Casebook-Total-Rows": {"description": "How many rows there are on all pages."} | TEXT,
    "Link": {"description": "The first, the previous and the next page, with `limit`."} | TEXT,
}
Known = Annotated[
    str, Header(alias="If-None-Match", description="ETags of answers that the client has.")
]


class Problem(BaseModel):
    """A parameter that is wrong, what was sent, if anything, and what is expected."""

    parameter: str
    sent: Any
    expected: str


class Error(BaseModel):
    """What is wrong, with which parameters, and what to do about it."""

    error: str
    problems: list[Problem] = []
    fix: str = ""


class Health(BaseModel):
    """The build that is served, when it was published, in UTC, and the rows of its marts."""

    build_id: str
    published_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    rows_per_mart: dict[str, int]


WRONG = {
    400: "Something is missing, malformed, unknown or sent twice.",
    406: "The client takes neither of the two formats.",
    409: "The page would be from another build than the one that was named.",
    413: "The body is too long.",
    415: "The body is not sent as JSON.",
    503: "Nothing that could answer is published, or it would take too long, or too much memory.",
}
ERRORS: dict[int, dict[str, Any]] = {
    status: {"model": Error, "description": about, "headers": HEADERS}
    for status, about in WRONG.items()
}
NOT_CHANGED = {304: {"description": "The client has this answer already.", "headers": CACHED}}
