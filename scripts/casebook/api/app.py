"""The HTTP API over one build: FastAPI, over the endpoints that its models declare.

OpenAPI says of endpoints what they declare, and prose, headers and errors of all.
"""

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import duckdb
import fastapi_offline
from fastapi import Depends, FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, create_model
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Match, Route

from casebook import __version__
from casebook.api.answers import CSV, JSON, Pretty, answer, cached, failed, read_request
from casebook.api.published import Build
from casebook.api.turns import Turns
from casebook.ask.declared import MOST_ROWS, Endpoint, InvalidRequestError, Problem, read_values
from casebook.ask.query import Column
from casebook.errors import CasebookError

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


class Error(BaseModel):
    """What is wrong, with which parameters, and what to do about it."""

    error: str
    problems: list[Problem] = []
    fix: str = ""


class Health(BaseModel):
    """The build that is served, when it was published, in UTC, and the rows of its marts."""

    build_id: str
    published_at: datetime
    rows_per_mart: dict[str, int]


ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Error, "description": about, "headers": HEADERS}
    for status, about in {
        400: "Something is missing, malformed, unknown or sent twice.",
        406: "The client takes neither of the two formats.",
        409: "The page would be from another build than the one that was named.",
        413: "The body is too long.",
        415: "The body is not sent as JSON.",
        503: "Nothing that could answer is published, or it would take too long or much memory.",
    }.items()
}
ERRORS[304] = {"description": "The client has this answer already.", "headers": CACHED}


def create_app(build: Build | None, unavailable: CasebookError | None, turns: Turns) -> FastAPI:
    """The API over a build, which it finds in the state of each request, and does not keep open.

    Args:
        build: what is published; None where nothing is.
        unavailable: why nothing is.
        turns: who may use the warehouse.
    """
    endpoints = build.endpoints if build else {}
    index = {path: endpoint.title for path, endpoint in endpoints.items()} | INDEX
    refuse = partial(_refuse, unavailable, index)
    errors = (InvalidRequestError, CasebookError, duckdb.OutOfMemoryException, HTTPException)
    app = FastAPI(
        title="Casebook",
        version=__version__,
        description=ABOUT,
        openapi_url=None,
        default_response_class=Pretty,
        exception_handlers=dict.fromkeys([*errors, Exception], refuse),
    )
    app.add_middleware(GZipMiddleware, minimum_size=1_000, compresslevel=4)
    for endpoint in endpoints.values():
        columns = build.columns[endpoint.path] if build else ()
        described = () if isinstance(columns, CasebookError) else columns
        for method in ("GET", "POST") if endpoint.takes_body else ("GET",):
            rows = partial(_rows, turns, endpoint)
            app.add_api_route(endpoint.path, rows, **_operation(endpoint, described, method))
    # What tells about the API is there before anything is published, too.
    page = partial(app.get, dependencies=[Depends(_unknown)])

    @page(
        "/health",
        summary=INDEX["/health"],
        operation_id="getHealth",
        responses={200: {"headers": CACHED}, 304: ERRORS[304], 503: ERRORS[503]},
        openapi_extra={"parameters": [KNOWN]},
    )
    async def health(request: Request) -> Health:
        served: Build | None = request.state.build
        if served is None:
            raise HTTPException(503)
        return Health.model_validate(served, from_attributes=True)

    pages = {"/": lambda: index, "/openapi.json": app.openapi}
    for path, made in pages.items():
        page(path, include_in_schema=False)(made)
    page("/docs", include_in_schema=False, response_class=HTMLResponse)(_docs)
    files = Path(fastapi_offline.__file__).parent / "static"
    app.mount("/docs/files", StaticFiles(directory=files))
    return app


async def _rows(turns: Turns, endpoint: Endpoint, request: Request) -> Response:
    values = read_values(endpoint, await read_request(request))
    return await answer(turns, request, endpoint, values)


async def _unknown(request: Request, response: Response) -> None:
    """A page is sent again only where it has changed."""
    response.headers.update(cached(request, request.url.path))


async def _docs() -> str:
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title="Casebook",
        swagger_js_url="docs/files/swagger-ui-bundle.js",
        swagger_css_url="docs/files/swagger-ui.css",
        swagger_favicon_url="docs/files/favicon.png",
    )
    return bytes(page.body).decode()


async def _refuse(
    unavailable: CasebookError | None, index: dict[str, str], request: Request, error: Exception
) -> Response:
    """What answers errors, all in one form."""
    if unavailable and isinstance(error, HTTPException) and error.status_code in (404, 503):
        error = unavailable  # Nobody knows which addresses there will be.
    match error:
        case InvalidRequestError(problems=problems):
            names = dict.fromkeys(one.parameter[:40] for one in problems[:20])
            return failed(400, f"wrong or missing: {', '.join(names)}", problems)
        case CasebookError():
            reason = f"{error.file}: {error.reason}" if error.file else error.reason
            return failed(503, reason, fix=error.fix)
        case duckdb.OutOfMemoryException():
            fix = "ask for less: a shorter range, one key, a page; or serve with more --memory"
            return failed(503, "not enough memory for this answer", fix=fix)
        case HTTPException(status_code=304):
            return Response(None, 304, error.headers)
        case HTTPException(status_code=404):
            return failed(404, f"there is no such address; there are {', '.join(index)}")
        case HTTPException(status_code=405):
            routes = [one for one in request.app.routes if isinstance(one, Route)]
            here = [one for one in routes if one.matches(request.scope)[0] is not Match.NONE]
            allowed = ", ".join(sorted({"HEAD"}.union(*(one.methods or () for one in here))))
            answered = failed(405, f"{request.method} is not possible here; {allowed} are")
            answered.headers["Allow"] = allowed
            return answered
        case HTTPException():
            return failed(error.status_code, str(error.detail))
    return failed(500, "something went wrong here; the server's log says what")


def _operation(endpoint: Endpoint, columns: tuple[Column, ...], method: str) -> dict[str, Any]:
    """What FastAPI is told of an operation of an endpoint; its schemas come from Pydantic."""
    row: Any = dict[str, Any]
    if columns:
        fields: dict[str, Any] = {}
        for column in columns:
            schema = {"type": [column.json_type, "null"], "description": column.comment}
            type_ = Annotated[Any, WithJsonSchema(schema)]
            fields[f"field_{len(fields)}"] = (type_, Field(alias=column.name))
        row = create_model(f"{endpoint.name}Row", __config__=ConfigDict(extra="forbid"), **fields)
    is_post, pages = method == "POST", bool(endpoint.key)
    first = f"{endpoint.row[0].upper()}{endpoint.row[1:]}."
    rows = {
        "model": list[row],
        "description": first,
        "headers": PAGED if pages else CACHED,
        "content": {CSV: TEXT},
    }
    statuses = [400, 406, *((413, 415) if is_post else (304,)), *((409,) if pages else ()), 503]
    return {
        "methods": [method],
        "operation_id": f"{method.lower()}{endpoint.name}",
        "summary": endpoint.title,
        "description": "\n\n".join([f"{first} {endpoint.about}", FORMATS, *[PAGES] * pages]),
        "response_model": None,
        "responses": {200: rows} | {status: ERRORS[status] for status in statuses},
        "openapi_extra": _body(endpoint) if is_post else {"parameters": _parameters(endpoint)},
    }


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    parameters = []
    for name, one in endpoint.accepted.items():
        place = "path" if f"{{{name}}}" in endpoint.path else "query"
        named = {"name": name, "in": place, "required": one.required, "description": one.about}
        example = {} if one.example is None else {"example": one.example}
        parameters.append(named | {"schema": one.validator.json_schema()} | example)
    return [*parameters, KNOWN]


def _body(endpoint: Endpoint) -> dict[str, Any]:
    schemas = {}
    for name, one in endpoint.accepted.items():
        schema = one.validator.json_schema()
        if schema["type"] == "integer":  # A form sends numbers as texts.
            schema |= {"type": ["integer", "string"], "pattern": "^[0-9]*[1-9][0-9]*$"}
        null = [] if one.required else [{"type": "null"}]
        schemas[name] = {"anyOf": [schema, *null], "description": one.about}
    example = {name: one.example for name, one in endpoint.parameters.items() if one.example}
    body = {
        "type": "object",
        "properties": schemas,
        "required": [name for name, one in endpoint.accepted.items() if one.required],
        "additionalProperties": False,
    }
    return {
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": body, "example": example}},
        }
    }
