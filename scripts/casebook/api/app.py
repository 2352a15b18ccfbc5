"""The HTTP API over one build: FastAPI, over the endpoints that its models declare."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import fastapi_offline
from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Match, Route

from casebook import __version__
from casebook.api.answers import answer, cached, is_known
from casebook.api.described import ABOUT, CACHED, ERRORS, INDEX, KNOWN, Health, operation
from casebook.api.messages import Pretty, failed, read_request
from casebook.api.published import Build
from casebook.api.turns import BusyError, Turns
from casebook.ask.declared import Endpoint, read_values
from casebook.ask.parameters import InvalidRequestError
from casebook.errors import CasebookError


def create_app(build: Build | None, unavailable: CasebookError | None, turns: Turns) -> FastAPI:
    """The API over a build, which it finds in the state of each request; it keeps none itself.

    Args:
        build: what is published; None where nothing is.
        unavailable: why nothing is.
        turns: who may use the warehouse.
    """
    app = FastAPI(title="Casebook", version=__version__, description=ABOUT, openapi_url=None)
    app.add_middleware(GZipMiddleware, minimum_size=1_000, compresslevel=4)
    endpoints = build.endpoints if build else {}
    for endpoint in endpoints.values():
        columns = build.columns[endpoint.path] if build else ()
        described = () if isinstance(columns, CasebookError) else columns
        for method in ("GET", "POST") if endpoint.takes_body else ("GET",):
            rows = _rows_of(endpoint, turns)
            app.add_api_route(endpoint.path, rows, **operation(endpoint, described, method))
    index = {path: endpoint.title for path, endpoint in endpoints.items()} | INDEX
    _add_pages(app, index)
    _add_handlers(app, unavailable, index)
    return app


def _rows_of(endpoint: Endpoint, turns: Turns) -> Callable[[Request], Any]:
    async def rows(request: Request) -> Response:
        values = read_values(endpoint, await read_request(request))
        return await answer(turns, request, endpoint, values)

    return rows


def _add_pages(app: FastAPI, index: dict[str, str]) -> None:
    """What tells about the API; it is there before anything is published, too."""

    @app.get(
        "/health",
        summary=INDEX["/health"],
        operation_id="getHealth",
        response_model=Health,
        responses={200: {"headers": CACHED}, 304: ERRORS[304], 503: ERRORS[503]},
        openapi_extra={"parameters": [KNOWN]},
    )
    async def health(request: Request) -> Response:
        build: Build | None = request.state.build
        if build is None:
            raise HTTPException(503)
        body = {
            "build_id": build.build_id,
            "published_at": build.published_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "rows_per_mart": build.rows_per_mart,
        }
        return _page(request, Pretty(body))

    @app.get("/", include_in_schema=False)
    async def addresses(request: Request) -> Response:
        return _page(request, Pretty(index))

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request) -> Response:
        return _page(request, Pretty(app.openapi()))

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        files = "docs/files"
        page = get_swagger_ui_html(
            openapi_url="openapi.json",
            title="Casebook",
            swagger_js_url=f"{files}/swagger-ui-bundle.js",
            swagger_css_url=f"{files}/swagger-ui.css",
            swagger_favicon_url=f"{files}/favicon.png",
        )
        return _page(request, page)

    static = Path(fastapi_offline.__file__).parent / "static"
    app.mount("/docs/files", StaticFiles(directory=static))


def _page(request: Request, page: Response) -> Response:
    """An answer that is sent as a whole, and again only where it has changed."""
    headers = cached(request, f"{request.url.path} {bytes(page.body)!r}")
    if is_known(request, headers):
        return Response(status_code=304, headers=headers)
    page.headers.update(headers)
    return page


def _add_handlers(app: FastAPI, unavailable: CasebookError | None, index: dict[str, str]) -> None:
    """Errors, all in one form."""

    def on(error: type[Exception]) -> Callable[[Any], Any]:
        return app.exception_handler(error)

    @on(InvalidRequestError)
    async def invalid(_: Request, error: InvalidRequestError) -> Response:
        names = dict.fromkeys(one.parameter[:40] for one in error.problems[:20])
        return failed(400, f"wrong or missing: {', '.join(names)}", error.problems)

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
            answered: Response = await not_there(request, unavailable)
            return answered
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
