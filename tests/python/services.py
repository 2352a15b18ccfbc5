"""Services on loopback that tests fetch from and deliver to: PostgreSQL, and a web server."""

from __future__ import annotations

import contextlib
import http.server
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

PASSWORD = "se:cr/et@1"  # signs that must be escaped in an address
ESCAPED = "se%3Acr%2Fet%401"


@dataclass
class Postgres:
    """A server of PostgreSQL, and how to make databases in it."""

    port: int
    made: int = 0

    def address(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}:{ESCAPED}@127.0.0.1:{self.port}/{database}"

    def new_database(self, *statements: str) -> str:
        """The address of a new database, after these statements."""
        self.made += 1
        self.run(self.address("postgres"), f"create database d{self.made}")
        address = self.address(f"d{self.made}")
        self.run(address, *statements)
        return address

    @staticmethod
    def run(address: str, *statements: str) -> list[tuple]:
        """Run statements; the rows of the last one."""
        with psycopg.connect(address, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if statements and cursor.description else []


def _programs() -> Path | None:
    """The folder of initdb and pg_ctl: of the PATH, else where Debian puts them."""
    found = shutil.which("initdb")
    places = [Path(found).resolve()] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return places[0].parent if places else None


@contextlib.contextmanager
def postgres_server() -> Iterator[Postgres]:
    """A server of an ordinary user, in a temporary folder, for as long as it is needed."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed here: apt-get install postgresql")
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="pg") as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        (Path(folder) / "password").write_text(PASSWORD)
        for path in (Path(folder), Path(folder) / "password"):
            path.chmod(0o755)
            if as_user:
                shutil.chown(path, "postgres")

        def run(program: str, *arguments: str) -> None:
            command = [*as_user, str(programs / program), "-D", f"{folder}/data", *arguments]
            with (Path(folder) / "output").open("ab") as output:
                done = subprocess.run(command, cwd=folder, stdout=output, stderr=output)
            assert done.returncode == 0, (Path(folder) / "output").read_text()

        run("initdb", "-U", "postgres", "-A", "scram-sha-256", "--pwfile", f"{folder}/password",
            "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync")  # fmt: skip
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        run("pg_ctl", "-o", options, "-l", f"{folder}/log", "-w", "start")
        try:
            yield Postgres(port)
        finally:
            run("pg_ctl", "-m", "immediate", "stop")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with postgres_server() as server:
        yield server


@dataclass
class Web:
    """A web server with one file, and how it behaves.

    Attributes:
        content: the file.
        etag: its version, or none.
        breaks: after how many bytes each of the next answers breaks off.
        ranges: whether it sends the rest of a file.
        statuses: what the next answers are instead of the file.
        moved_to: where it redirects to.
        seen: the requests: the path and what stood in its headers.
    """

    content: bytes = b""
    etag: str | None = '"1"'
    breaks: list[int] = field(default_factory=list)
    ranges: bool = True
    statuses: list[int] = field(default_factory=list)
    moved_to: str | None = None
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    address: str = ""

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append((request.path, headers))
        if self.statuses or (self.etag and headers.get("if-none-match") == self.etag):
            request.send_error(self.statuses.pop(0) if self.statuses else 304)
            return
        if self.moved_to:
            request.send_response(302)
            request.send_header("Location", self.moved_to)
            request.end_headers()
            return
        start = 0
        if self.ranges and "range" in headers and headers["if-range"] == self.etag:
            start = int(headers["range"].removeprefix("bytes=").rstrip("-"))
        request.send_response(206 if start else 200)
        if start:
            last = len(self.content) - 1
            request.send_header("Content-Range", f"bytes {start}-{last}/{last + 1}")
        if self.etag:
            request.send_header("ETag", self.etag)
        request.send_header("Content-Length", str(len(self.content) - start))
        request.end_headers()
        end = start + self.breaks.pop(0) if self.breaks else None
        request.wfile.write(self.content[start:end])


@contextlib.contextmanager
def web_server(**behaviour: object) -> Iterator[Web]:
    web = Web(**behaviour)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.answer(self)

        def log_message(self, *_: object) -> None:
            """Not on the tests' output."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        web.address = f"http://127.0.0.1:{server.server_port}/movies.csv"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield web
        server.shutdown()
