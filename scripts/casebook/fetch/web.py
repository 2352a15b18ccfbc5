"""Files over HTTP(S): resumed where they broke off, checked against their sum, unpacked."""

from __future__ import annotations

import base64
import hashlib
import http.client
import shutil
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

from casebook.addresses import Address, TransientError
from casebook.errors import CasebookError
from casebook.fetch.delivery import Delivery, Workplace, is_same
from casebook.sources import Table

CHUNK = 1 << 20
SECONDS_TO_WAIT = 60.0
_AGAIN = (408, 416, 425, 429, 500, 502, 503, 504)


def download(
    table: Table, address: Address, place: Workplace, member: str | None, wanted: str | None
) -> Delivery:
    """Fetch a table's file if it is new.

    Args:
        table: the table.
        address: of the file, or of the archive that the member is in.
        place: where to write it, and what is remembered of it.
        member: which member of a zip archive to take, or None for the file as it is.
        wanted: the SHA-256 that what is downloaded must have, as hex digits, or None.

    Raises:
        TransientError: if the server cannot be reached, or breaks off.
        CasebookError: if the server refuses, the sum is another, or the member is missing.
    """
    remote = PurePosixPath(unquote(urlsplit(address.text).path)).name
    name = PurePosixPath(member or remote).name
    if not name or name.startswith("."):
        raise CasebookError(
            "the address names no file",
            file=address.shown,
            fix="give that of a file, or name the archive's `member`",
        )
    known, target = place.known(table), place.target(table, name)
    origin = {"address": address.without_secrets, "member": member}
    here = {"size_bytes": target.stat().st_size} if target.is_file() else {}
    if not here or not origin.items() | here.items() <= known.items():
        known = {}
    wanted = wanted.lower() if wanted else None
    if wanted and known.get("sha256") == wanted:
        return Delivery(table, (), "nothing new: it has the declared sum")
    part = place.folder / f"{table.name}.part"
    version = _request(address, part, known, lambda n: place.progress(table.full_name, n, "bytes"))
    if version is None:
        return Delivery(table, (), "nothing new: the server has what it had")
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if wanted and found != wanted:
        part.unlink()
        raise CasebookError(
            f"its SHA-256 is {found}, and {wanted} is declared",
            file=address.shown,
            fix="fetch again; if the file was replaced, check it and declare its sum",
        )
    staged, size = place.folder / f"{table.name}.whole", part.stat().st_size
    if member and name != remote:
        _unpack(part, member, staged, address)
        part.unlink()
    else:
        part.replace(staged)
    known = origin | version | {"sha256": found, "size_bytes": staged.stat().st_size}
    if is_same(staged, target):
        return Delivery(table, (), "nothing new: the same bytes came again", known)
    return Delivery(table, [(staged, target)], f"{size:,} bytes", known)


def _request(
    address: Address, part: Path, known: Mapping[str, Any], progress: Callable[[int], None]
) -> dict[str, str] | None:
    """Download what is not in the part yet; what tells a version, or None if nothing changed."""
    url = urlsplit(address.text)
    request = Request(
        url._replace(netloc=url.netloc.rpartition("@")[2], fragment="").geturl(),
        headers={"Accept-Encoding": "identity"},
    )
    if url.username is not None:
        user = f"{unquote(url.username)}:{unquote(url.password or '')}".encode()
        # Not sent to where the server redirects to.
        request.add_unredirected_header("Authorization", "Basic " + base64.b64encode(user).decode())
    note = part.with_suffix(".version")
    done = part.stat().st_size if part.exists() and note.exists() else 0
    if done:
        request.add_header("Range", f"bytes={done}-")
        request.add_header("If-Range", note.read_text(encoding="utf-8"))
    elif known.get("etag"):
        request.add_header("If-None-Match", known["etag"])
    elif known.get("modified"):
        request.add_header("If-Modified-Since", known["modified"])
    try:
        with urlopen(request, timeout=SECONDS_TO_WAIT) as response:
            return _receive(response, part, note, done, progress)
    except HTTPError as error:
        if error.code == 304:
            return None
        if error.code == 416:
            part.unlink(missing_ok=True)
        raise (TransientError if error.code in _AGAIN else CasebookError)(
            f"the server answers {error.code} {address.redact(error.reason)}",
            file=address.shown,
            fix="mend the address, or try again later",
        ) from None
    except (OSError, http.client.HTTPException) as error:
        reason = address.redact(getattr(error, "reason", None) or error)
        raise TransientError(
            f"the download broke off: {reason or type(error).__name__}",
            file=address.shown,
            fix="fetch again; what has come is kept, and the server is asked for the rest",
        ) from None


def _receive(
    response: http.client.HTTPResponse,
    part: Path,
    note: Path,
    done: int,
    progress: Callable[[int], None],
) -> dict[str, str]:
    headers = response.headers
    if response.status != 206:
        done = 0
    elif not str(headers["Content-Range"]).startswith(f"bytes {done}-"):
        part.unlink(missing_ok=True)
        raise http.client.HTTPException("the server sent another range than it was asked for")
    etag, modified = headers["ETag"] or "", headers["Last-Modified"] or ""
    # Without a version nobody knows whether the rest belongs to the same file.
    if version := modified if etag.startswith("W/") else etag or modified:
        note.write_text(version, encoding="utf-8")
    else:
        note.unlink(missing_ok=True)
    whole = done + int(headers["Content-Length"]) if headers["Content-Length"] else None
    with part.open("ab" if done else "wb") as file:
        while chunk := response.read1(CHUNK):
            file.write(chunk)
            done += len(chunk)
            progress(done)
    if whole is not None and done != whole:
        raise http.client.HTTPException(f"{done:,} of {whole:,} bytes came")
    note.unlink(missing_ok=True)
    return {"etag": etag, "modified": modified}


def _unpack(archive: Path, member: str, staged: Path, address: Address) -> None:
    """Copy a member of a zip archive to a file of its own."""
    try:
        with zipfile.ZipFile(archive) as zipped:
            sizes = {one.filename: one.file_size for one in zipped.infolist()}
            fits = [name for name in sizes if name == member] or [
                name for name in sizes if PurePosixPath(name).name == member
            ]
            if len(fits) != 1:
                raise ValueError(f"{len(fits)} of {sorted(sizes)[:9]} are of that name")
            if sizes[fits[0]] > shutil.disk_usage(staged.parent).free:
                raise ValueError(f"its {sizes[fits[0]]:,} bytes are more than the disk has free")
            with zipped.open(fits[0]) as source, staged.open("wb") as file:
                shutil.copyfileobj(source, file, CHUNK)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        raise CasebookError(
            f"the member {member} cannot be taken out of the archive: {error}",
            file=address.shown,
            fix="see that the address is that of a zip archive, without a password, and name its"
            " `member` in full",
        ) from error
