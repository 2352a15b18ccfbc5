"""What OpenAPI says of endpoints: what they declare, and prose, headers and errors of all."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, create_model

from casebook.api.messages import CSV, JSON
from casebook.ask.declared import Endpoint
from casebook.ask.parameters import MOST_ROWS
from casebook.ask.query import Column

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
KNOWN = {
    "name": "If-None-Match",
    "in": "header",
    "description": "ETags of answers that the client has.",
} | TEXT


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
ERRORS: dict[int | str, dict[str, Any]] = {
    304: {"description": "The client has this answer already.", "headers": CACHED},
    **{
        status: {"model": Error, "description": about, "headers": HEADERS}
        for status, about in WRONG.items()
    },
}


def operation(endpoint: Endpoint, columns: tuple[Column, ...], method: str) -> dict[str, Any]:
    """What FastAPI is told of an operation of an endpoint; its schemas come from Pydantic.

    Args:
        endpoint: the endpoint.
        columns: those of its answers; none where the build lacks them.
        method: `GET` or `POST`.
    """
    fields: dict[str, Any] = {}
    for column in columns:
        schema = {"type": [column.json_type, "null"], "description": column.comment}
        type_ = Annotated[Any, WithJsonSchema(schema)]
        fields[f"field_{len(fields)}"] = (type_, Field(alias=column.name))
    row: Any = dict[str, Any]
    if columns:
        row = create_model(f"{endpoint.name}Row", __config__=ConfigDict(extra="forbid"), **fields)
    rows = {
        "model": list[row],
        "description": f"O{endpoint.row[1:]}.",
        "headers": PAGED if endpoint.key else CACHED,
        "content": {CSV: TEXT},
    }
    is_post = method == "POST"
    statuses = (400, 406, 413, 415, 503) if is_post else (304, 400, 406, 503)
    about = [f"{endpoint.row[0].upper()}{endpoint.row[1:]}. {endpoint.about}", FORMATS]
    return {
        "methods": [method],
        "operation_id": f"{method.lower()}{endpoint.name}",
        "summary": endpoint.title,
        "description": "\n\n".join([*about, PAGES] if endpoint.key else about),
        "response_model": None,
        "responses": {200: rows}
        | {status: ERRORS[status] for status in (*statuses, *((409,) if endpoint.key else ()))},
        "openapi_extra": _body(endpoint) if is_post else {"parameters": _parameters(endpoint)},
    }


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    described = endpoint.request_model.model_json_schema()["properties"]
    parameters = []
    for name, one in endpoint.accepted.items():
        # That it may be null is for JSON.
        schema = described[name].get("anyOf", [described[name]])[0]
        place = "path" if name in endpoint.in_path else "query"
        named = {"name": name, "in": place, "required": one.required, "description": one.about}
        example = {} if one.example is None else {"example": one.example}
        parameters.append(named | {"schema": schema} | example)
    return [*parameters, KNOWN]


def _body(endpoint: Endpoint) -> dict[str, Any]:
    schema = endpoint.request_model.model_json_schema() | {"additionalProperties": False}
    for one in schema["properties"].values():
        number = one.get("anyOf", [one])[0]
        if number.get("type") == "integer":  # A form sends numbers as texts.
            number |= {"type": ["integer", "string"], "pattern": "^[0-9]*[1-9][0-9]*$"}
    example = {name: one.example for name, one in endpoint.parameters.items() if one.example}
    content = {JSON: {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}
