"""`casebook serve`: the HTTP API."""

from __future__ import annotations

import sys
from ipaddress import ip_network
from typing import Annotated

import typer

from casebook.cli.options import Warehouse
from casebook.cli.printing import err, out
from casebook.errors import CasebookError
from casebook.settings import find_settings


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)
    ] = 8000,
    memory: Annotated[
        str, typer.Option(help="How much memory DuckDB may take; beyond that it uses the disk.")
    ] = "1GB",
    seconds: Annotated[
        float, typer.Option(help="How long an answer may take until it begins.", min=0.1)
    ] = 30.0,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(help="A name that clients may know this server by; `*` for any."),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="A site whose pages may read answers, as https://example.org."),
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(help="Address or network of a proxy that says whom requests are from."),
    ] = None,
    log: Annotated[bool, typer.Option("--log", help="Write a line for every request.")] = False,
    warehouse: Warehouse = None,
) -> None:
    """Answer requests over HTTP from the published warehouse, until Ctrl-C."""
    try:
        from casebook.api.server import serve as run_server
    except ModuleNotFoundError as error:
        raise CasebookError(
            f"the HTTP API needs a package that is not installed: {error.name}",
            fix="run `make serve`, or in the project's folder: pip install -e '.[serve]'",
        ) from error

    settings = find_settings(warehouse=warehouse, published=True)
    proxies = [_network(one) for one in trusted_proxy or ()]

    def started(address: str) -> None:
        out.print(f"{address} answers from {settings.warehouse}; Ctrl-C stops it", markup=False)
        out.print(f"what may be requested: {address}/docs", markup=False)
        if not settings.warehouse.exists():
            err.print("nothing is published there yet; run `casebook build`", markup=False)
        sys.stdout.flush()

    run_server(
        settings.warehouse,
        host,
        port,
        memory=memory,
        seconds=seconds,
        log=log,
        hosts=[host, *(allowed_host or ())],
        proxies=proxies,
        origins=allow_origin or (),
        started=started,
        say=lambda line: err.print(line, markup=False),
    )


def _network(given: str) -> str:
    try:
        return str(ip_network(given, strict=False))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--trusted-proxy") from error
