"""Addresses of databases, buckets and files on the web, whose passwords are never shown."""

from __future__ import annotations

import os
import re
import signal
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from casebook.errors import CasebookError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adbc_driver_postgresql.dbapi import Connection, Cursor

SECONDS_TO_CONNECT = 10
# SQLSTATE classes after which the same may succeed: connection, rolled back, resources, shutdown.
_TRANSIENT = ("08", "40", "53", "57P")
_MAY_PASS = re.compile(r"starting up|shutting down|terminating|too many|remaining connection")
_LEAD = re.compile(r"^.*(FATAL:|ERROR:|Failed to connect:|\[libpq\]) +")

_FIXES = {
    "42501": "grant the user what is missing",
    "55P03": "end the session that holds the table, and try again; nothing was changed",
    "0A000": "drop the view that uses the column, and make it anew afterwards",
    "2BP01": "drop the view that uses the column, and make it anew afterwards",
}


class TransientError(CasebookError):
    """Something that may succeed when it is tried again."""


@dataclass(frozen=True)
class Address:
    """Where something comes from or goes to.

    Attributes:
        text: the address itself, which may hold a password.
        shown: what stands for it in files, logs and errors.
    """

    text: str = field(repr=False)
    shown: str

    @property
    def without_secrets(self) -> str:
        """The address without user, password and query."""
        parts = urlsplit(self.text)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    def redact(self, message: object) -> str:
        """A message in one line, without the address's password and query."""
        line = " ".join(str(message).split())
        try:
            parts = urlsplit(self.text)
            secrets = {parts.password or "", unquote(parts.password or ""), parts.query}
        except ValueError:
            secrets = {self.text}
        for secret in secrets - {""}:
            line = line.replace(secret, "***")
        return line


def find_address(text: str | None, variable: str | None) -> Address | None:
    """The address that a text, or else an environment variable, gives; None where it is not set."""
    found = (os.environ.get(variable, "") if variable else text or "").strip()
    if not found:
        return None
    return Address(found, variable or found)


@contextmanager
def postgres(address: Address, application: str) -> Iterator[Cursor]:
    """A cursor of a connection to PostgreSQL, on which every statement stands for itself.

    Args:
        address: a URL or a text of libpq's keywords and values.
        application: what the database lists the connection as.

    Raises:
        TransientError: if the database cannot be reached, or the connection breaks.
        CasebookError: if it refuses the connection or a statement.
    """
    try:
        import adbc_driver_manager
        import psycopg
        from adbc_driver_postgresql import dbapi
    except ModuleNotFoundError as error:
        raise needs_package(error) from error
    try:
        conninfo = psycopg.conninfo.make_conninfo(
            address.text, connect_timeout=SECONDS_TO_CONNECT, application_name=application
        )
        parts = psycopg.conninfo.conninfo_to_dict(conninfo)
        if "@" in str(parts.get("host")) or not str(parts.get("port", 5432)).isdigit():
            raise psycopg.ProgrammingError
    except psycopg.Error:
        # What libpq says of it repeats parts of it, a password among them.
        raise CasebookError(
            "this is not the address of a PostgreSQL database",
            file=address.shown,
            fix="give it as postgresql://user:password@host:5432/database, with the signs"
            " / : @ of a password as %2F %3A %40",
        ) from None
    connection: Connection | None = None
    try:
        connection = dbapi.connect(conninfo, autocommit=True)
        with connection.cursor() as cursor:
            cursor.execute("set timezone to 'UTC'")
            yield cursor
    except adbc_driver_manager.Error as error:
        # ADBC takes Ctrl-C for itself while a statement runs, and cancels that.
        if "due to user request" in str(error):
            signal.raise_signal(signal.SIGINT)
        raise _explained(error, address, connected=connection is not None) from error
    finally:
        if connection is not None:
            connection.close()


def needs_package(error: ImportError) -> CasebookError:
    """What to do about a package that is not installed."""
    return CasebookError(
        f"this needs a package that is not installed: {error.name or error}",
        fix="install what databases and buckets need: pip install -e '.[connect]'",
    )


def _explained(error: Exception, address: Address, *, connected: bool) -> CasebookError:
    details = dict(getattr(error, "details", None) or ())
    state = getattr(error, "sqlstate", None) or ""
    message = details.get(b"PG_DIAG_MESSAGE_PRIMARY", b"").decode() or _LEAD.sub(
        "", str(error).strip().partition("\n")[0]
    )
    lost = not state and ("FATAL" not in str(error) or bool(_MAY_PASS.search(message)))
    if lost or state.startswith(_TRANSIENT):
        return TransientError(
            address.redact(message),
            file=address.shown,
            fix="try again when the database can be reached",
        )
    fix = _FIXES.get(state)
    if not connected:
        fix = "mend the address: its user, password and database"
    return CasebookError(address.redact(message), file=address.shown, fix=fix)
