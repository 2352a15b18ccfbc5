"""Objects of a bucket, or of any other place that fsspec reads, mirrored below a table's folder."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container
from pathlib import PurePosixPath
from typing import Any

from casebook.addresses import Address, TransientError, needs_package
from casebook.errors import CasebookError
from casebook.fetch.delivery import Delivery, Workplace
from casebook.sources import Table

_WILDCARD = re.compile(r"[*?\[]")
_FINAL = (FileNotFoundError, PermissionError, ValueError, TypeError)
_VERSIONS = ("ETag", "etag", "LastModified", "last_modified", "mtime", "modified", "created")


def mirror(table: Table, address: Address, place: Workplace) -> Delivery:
    """Fetch the objects that are new or changed; those that vanished stay here, and are listed.

    Args:
        table: the table.
        address: of the objects, with wildcards, or of one.
        place: where to write them, and what is remembered: the version and size of each.

    Raises:
        TransientError: if the place cannot be reached, or a download breaks off.
        CasebookError: if the place refuses, or an object's name is no path.
    """
    try:
        import fsspec

        files, pattern = fsspec.core.url_to_fs(address.text, skip_instance_cache=True)
        root = _WILDCARD.split(pattern)[0].rpartition("/")[0]
        found = {p: f for p, f in files.glob(pattern, detail=True).items() if f["type"] == "file"}
        if not found and not files.exists(root):
            raise FileNotFoundError("there is nothing at the address")
        before, versions = place.known(table).get("files", {}), dict[str, list[Any]]()
        moves, done = [], 0
        for path, facts in sorted(found.items()):
            name = _name(path.removeprefix(root).lstrip("/"), versions, address)
            version = next((str(facts[key]) for key in _VERSIONS if facts.get(key)), "")
            versions[name] = [version, facts["size"]]
            target = place.target(table, name)
            if before.get(name) == versions[name] and target.is_file():
                continue
            digest = hashlib.sha256(f"{table.name}/{name}/{versions[name]}".encode()).hexdigest()
            staged, part = place.folder / digest, place.folder / f"{digest}.part"
            if not staged.exists():
                files.get_file(path, str(part))
                if (size := part.stat().st_size) != facts["size"]:
                    raise OSError(f"{size:,} of {facts['size']:,} bytes of {path} came")
                part.replace(staged)
            done += facts["size"]
            place.progress(table.full_name, done, "bytes")
            moves.append((staged, target))
    except ImportError as error:
        raise needs_package(error) from error
    except CasebookError:
        raise
    except Exception as error:  # noqa: BLE001  each file system has exceptions of its own
        raise (CasebookError if isinstance(error, _FINAL) else TransientError)(
            address.redact(f"{type(error).__name__}: {error}"),
            file=address.shown,
            fix="see that the address is right, and that what it needs to be read is set",
        ) from None
    gone = sorted(before.keys() - versions)
    message = f"{len(moves):,} files, {done:,} bytes" if moves else "nothing new"
    if gone:
        message += f"; gone there, kept here: {', '.join(gone)}"
    return Delivery(table, moves, message, {"files": before | versions})


def _name(name: str, others: Container[str], address: Address) -> str:
    """An object's name as a path below the table's folder, if it can be one of its own."""
    parts = PurePosixPath(name).parts
    if "\0" in name or "/".join(parts) in others or any(p[0] in "./" for p in parts or ["."]):
        raise CasebookError(
            f"the object {name!r} cannot be a file in the raw folder",
            file=address.shown,
            fix="rename it, or choose wildcards that leave it out",
        )
    return "/".join(parts)
