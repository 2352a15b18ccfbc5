"""The HTTP API over one build: FastAPI, over the endpoints that its models declare."""

import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import duckdb
import fastapi_offline
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, create_model
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from casebook import __version__
from casebook.api.described import (
    ABOUT,
    CACHED,
    ERRORS,
    FORMATS,
    INDEX,
    NOT_CHANGED,
    PAGED,
    PAGES,
    TEXT,
    Health,
    Known,
)
from casebook.api.messages import CSV, JSON, check_names, error_body, json_text, read_object
from casebook.api.published import Build
from casebook.api.rows import answer, cached, is_known
from casebook.api.turns import BusyError, Turns
from casebook.ask.declared import Endpoint
from casebook.ask.parameters import (
    InvalidRequestError,
    all_parameters,
    fitting,
    problems_of,
    read_values,
    request_model,
    value_type,
)
from casebook.errors import CasebookError


def create_app(build: Build | None, unavailable: CasebookError | None, turns: Turns) -> FastAPI:
    """The API over a build, which it finds in the state of each request, too.

    Args:
        build: what is published; None where nothing is.
        unavailable: why nothing is.
        turns: who may use the warehouse.
    """
    app = FastAPI(title="Casebook", version=__version__, description=ABOUT, openapi_url=None)
    endpoints = build.endpoints if build else {}
    for endpoint in endpoints.values():
        _add(app, endpoint, build, turns)
    index = {path: endpoint.title for path, endpoint in endpoints.items()} | INDEX
    _add_pages(app, index, endpoints)
    _add_handlers(app, unavailable, index)
    return app


def _add(app: FastAPI, endpoint: Endpoint, build: Build | None, turns: Turns) -> None:
    """The operations of an endpoint."""
    columns = build.columns[endpoint.path] if build else ()
    row: Any = dict[str, Any]
    if not isinstance(columns, CasebookError):
        fields: dict[str, Any] = {}
        for column in columns:
            schema = {"type": [column.json_type, "null"], "description": column.comment}
            type_ = Annotated[Any, WithJsonSchema(schema)]
            fields[f"field_{len(fields)}"] = (type_, Field(alias=column.name))
        row = create_model(f"{endpoint.name}Row", __config__=ConfigDict(extra="forbid"), **fields)
    rows = {
        "model": list[row],
        "description": f"O{endpoint.row[1:]}.",
        "headers": PAGED if endpoint.key else CACHED,
        "content": {CSV: TEXT},
    }
    about = [f"{endpoint.row[0].upper()}{endpoint.row[1:]}. {endpoint.about}", FORMATS]
    described: dict[str, Any] = {
        "summary": endpoint.title,
        "description": "\n\n".join([*about, PAGES] if endpoint.key else about),
        "response_model": None,
    }
    known = NOT_CHANGED | {n: ERRORS[n] for n in (400, 406, *([409] if endpoint.key else []), 503)}
    app.get(
        endpoint.path,
        operation_id=f"get{endpoint.name}",
        responses={200: rows, **known},
        dependencies=[Depends(_check_names)],
        **described,
    )(_get(endpoint, turns))
    if endpoint.takes_body:
        model = request_model(endpoint, all_parameters(endpoint), is_body=True)
        example = {name: one.example for name, one in endpoint.parameters.items() if one.example}
        content = {JSON: {"schema": model.model_json_schema(), "example": example}}
        app.post(
            endpoint.path,
            operation_id=f"post{endpoint.name}",
            responses={200: rows, **{n: ERRORS[n] for n in (400, 406, 413, 415, 503)}},
            openapi_extra={"requestBody": {"required": True, "content": content}},
            **described,
        )(_post(endpoint, turns, model))


def _get(endpoint: Endpoint, turns: Turns) -> Callable[..., Awaitable[Response]]:
    """The function of an endpoint, typed after what it declares."""
    named = [name for name in all_parameters(endpoint) if name not in endpoint.in_path]
    model = request_model(endpoint, named)

    async def rows(request: Request, given: BaseModel, known: str, **path: object) -> Response:
        values = fitting(endpoint, given.model_dump(by_alias=True) | path)
        return await answer(turns, request, endpoint, values, known)

    types: dict[str, Any] = {"request": Request, "given": Annotated[model, Query()]}
    for name in endpoint.in_path:
        one = endpoint.parameters[name]
        types[name] = Annotated[value_type(one), InPath(description=one.about)]
    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=type_)
        for name, type_ in types.items()
    ]
    known = inspect.Parameter("known", inspect.Parameter.KEYWORD_ONLY, default="", annotation=Known)
    rows.__dict__ |= {
        "endpoint": endpoint,
        "__signature__": inspect.Signature([*parameters, known]),
    }
    return rows


def _post(
    endpoint: Endpoint, turns: Turns, model: type[BaseModel]
) -> Callable[..., Awaitable[Response]]:
    async def rows(request: Request) -> Response:
        if request.scope["query_string"]:
            raise HTTPException(400, "POST takes parameters in the body, not in the address")
        values = read_values(endpoint, await read_object(request), model)
        return await answer(turns, request, endpoint, values)

    return rows


async def _check_names(request: Request) -> None:
    check_names(request.scope["query_string"], request.path_params)


def _add_pages(app: FastAPI, index: dict[str, str], endpoints: dict[str, Endpoint]) -> None:
    """What tells about the API; it is there before anything is published, too."""

    @app.get(
        "/health",
        summary=INDEX["/health"],
        operation_id="getHealth",
        response_model=Health,
        responses={200: {"headers": CACHED}, **NOT_CHANGED, 503: ERRORS[503]},
    )
    async def health(request: Request, known: Known = "") -> Response:
        build: Build | None = request.state.build
        if build is None:
            raise HTTPException(503)
        body = {
            "build_id": build.build_id,
            "published_at": build.published_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "rows_per_mart": build.rows_per_mart,
        }
        return _page(request, json_text(body), JSON, known)

    @app.get("/", include_in_schema=False)
    async def addresses(request: Request, known: Known = "") -> Response:
        return _page(request, json_text(index), JSON, known)

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request, known: Known = "") -> Response:
        described = app.openapi()
        for path, operations in described["paths"].items():
            taken = all_parameters(endpoints[path]) if path in endpoints else {}
            for operation in operations.values():
                # FastAPI describes its own form of a 400, which the handler below turns into ours.
                operation["responses"].pop("422", None)
                for one in operation.get("parameters", ()):
                    if one["name"] in taken and taken[one["name"]].example is not None:
                        one["example"] = taken[one["name"]].example
        return _page(request, json_text(described), JSON, known)

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request, known: Known = "") -> Response:
        files = "docs/files"
        page = get_swagger_ui_html(
            openapi_url="openapi.json",
            title="Casebook",
            swagger_js_url=f"{files}/swagger-ui-bundle.js",
            swagger_css_url=f"{files}/swagger-ui.css",
            swagger_favicon_url=f"{files}/favicon.png",
        )
        return _page(request, bytes(page.body).decode(), "text/html", known)

    static = Path(fastapi_offline.__file__).parent / "static"
    app.mount("/docs/files", StaticFiles(directory=static))


def _page(request: Request, text: str, media: str, known: str) -> Response:
    """An answer that is sent as a whole, and again only where it has changed."""
    headers = cached(request, f"{request.url.path} {text}")
    if is_known(headers, known):
        return Response(status_code=304, headers=headers)
    return Response(text, media_type=media, headers=headers)


def _add_handlers(app: FastAPI, unavailable: CasebookError | None, index: dict[str, str]) -> None:
    """Errors, all in one form."""

    def on(error: type[Exception]) -> Callable[[Any], Any]:
        return app.exception_handler(error)

    @on(InvalidRequestError)
    async def invalid(_: Request, error: InvalidRequestError) -> Response:
        names = dict.fromkeys(one.parameter[:40] for one in error.problems[:20])
        return failed(400, f"wrong or missing: {', '.join(names)}", error.problems)

    @on(RequestValidationError)
    async def invalid_for_fastapi(request: Request, error: RequestValidationError) -> Response:
        problems = problems_of(error.errors(), request.scope["endpoint"].endpoint)
        return await invalid(request, InvalidRequestError(problems))

    @on(CasebookError)
    async def not_there(_: Request, error: CasebookError) -> Response:
        reason = f"{error.file}: {error.reason}" if error.file else error.reason
        return failed(503, reason, fix=error.fix)

    @on(BusyError)
    async def busy(_: Request, error: BusyError) -> Response:
        return failed(503, str(error), fix="ask for less, or again later")

    @on(duckdb.OutOfMemoryException)
    async def too_much(_: Request, error: duckdb.Error) -> Response:
        fix = "ask for less: a shorter range, one key, a page; or serve with more --memory"
        return failed(503, "not enough memory for this answer", fix=fix)

    @on(Exception)
    async def broken(_: Request, error: Exception) -> Response:
        return failed(500, "something went wrong here; the server's log says what")

    @on(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if unavailable and error.status_code in (404, 503):
            # Nobody knows which addresses there will be.
            return await not_there(request, unavailable)
        if error.status_code == 404:
            return failed(404, f"there is no such address; there are {', '.join(index)}")
        if error.status_code == 405:
            methods = {"HEAD"}
            for route in app.routes:
                if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
                    methods |= route.methods or set()
            allowed = ", ".join(sorted(methods))
            answered = failed(405, f"{request.method} is not possible here; {allowed} are")
            answered.headers["Allow"] = allowed
            return answered
        return failed(error.status_code, str(error.detail))


def failed(status: int, reason: str, problems: Any = (), fix: str | None = None) -> Response:  # noqa: ANN401
    """An error as it is sent."""
    headers = {"Retry-After": "10"} if status == 503 else {}
    return Response(json_text(error_body(reason, problems, fix)), status, headers, JSON)
