"""Objects of a bucket: mirrored below the table's folder, by what the server says of each."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest
import s3fs
from casebook.fetch.run import FetchReport, fetch
from casebook.settings import Settings
from workbench import PROJECT

MOTO = PROJECT / ".venv-moto" / "bin" / "moto_server"
SOURCES = """
sources:
  - name: shop
    tables:
      - name: events
        config: {meta: {path_values: [platform], fetch: {files: {env: EVENTS}}}}
        columns: [{name: id}]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if not MOTO.exists():
        pytest.skip("there is no S3 server here: make .venv-moto/.made")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path_factory.mktemp("moto") / "log").open("wb")
    with log, subprocess.Popen([MOTO, "-H", "127.0.0.1", "-p", str(port)], stderr=log) as run:
        try:
            for _ in range(300):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            run.terminate()


class Bucket:
    """A new bucket, and a project that fetches from it."""

    def __init__(self, folder: Path, server: str) -> None:
        self.files = s3fs.S3FileSystem(endpoint_url=server, skip_instance_cache=True)
        self.name = f"b-{time.time_ns()}"
        self.files.mkdir(self.name)
        (folder / "dbt_project.yml").write_text("name: tiny\n")
        (folder / "models").mkdir()
        (folder / "models" / "_shop__sources.yml").write_text(SOURCES)
        self.settings = Settings(folder, folder / "raw", folder / "lake", folder / "warehouse.db")

    def put(self, **contents: bytes) -> None:
        for name, content in contents.items():
            self.files.pipe(f"{self.name}/events/{name}", content)

    def fetch(self) -> FetchReport:
        return fetch(self.settings, pauses=(0,))

    def raw(self) -> dict[str, bytes]:
        folder = self.settings.raw / "shop" / "events"
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.json")}


@pytest.fixture
def bucket(tmp_path, server, monkeypatch) -> Bucket:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    made = Bucket(tmp_path, server)
    monkeypatch.setenv("EVENTS", f"s3://{made.name}/events/**/*.json")
    return made


def test_objects_that_are_new_or_changed_come_under_their_paths(bucket):
    bucket.put(**{"iOS/1.json": b"1", "Web/2021/2.json": b"22", "iOS/notes.txt": b"x"})
    assert bucket.fetch().fetched == [("shop.events", "2 files, 3 bytes")]
    assert bucket.raw() == {"iOS/1.json": b"1", "Web/2021/2.json": b"22"}
    assert bucket.fetch().unchanged == [("shop.events", "nothing new")]
    bucket.put(**{"iOS/1.json": b"9", "iOS/3.json": b"3"})
    (bucket.settings.raw / "shop/events/Web/2021/2.json").unlink()
    assert bucket.fetch().fetched == [("shop.events", "3 files, 4 bytes")]
    assert bucket.raw() == {"iOS/1.json": b"9", "iOS/3.json": b"3", "Web/2021/2.json": b"22"}


def test_what_vanished_there_stays_here_and_is_listed(bucket):
    bucket.put(**{"iOS/1.json": b"1", "iOS/2.json": b"2"})
    bucket.fetch()
    bucket.files.rm(f"{bucket.name}/events/iOS/1.json")
    for _ in range(2):
        ((_, message),) = bucket.fetch().unchanged
        assert message == "nothing new; gone there, kept here: iOS/1.json"
    assert set(bucket.raw()) == {"iOS/1.json", "iOS/2.json"}


@pytest.mark.parametrize("name", ["../1.json", ".hidden/1.json"])
def test_a_name_that_is_no_path_is_refused(bucket, monkeypatch, name):
    bucket.put(**{"iOS/0.json": b"0"})
    monkeypatch.setattr(
        "fsspec.core.url_to_fs",
        lambda *_, **__: (Listed(f"{bucket.name}/events/{name}"), "b/events/*"),
    )
    ((_, error),) = bucket.fetch().failures
    assert "cannot be a file in the raw folder" in str(error) and bucket.raw() == {}


class Listed:
    """A file system that lists one object."""

    def __init__(self, name: str) -> None:
        self.name = name

    def glob(self, pattern: str, detail: bool) -> dict:
        return {self.name.replace(self.name.partition("/")[0], "b", 1): {"type": "file", "size": 1}}


@pytest.mark.parametrize("address", ["s3://{bucket}/nothing/*.json", "s3://no-bucket/*.json"])
def test_a_place_that_is_not_there_is_a_failure(bucket, monkeypatch, address):
    monkeypatch.setenv("EVENTS", address.format(bucket=bucket.name))
    ((_, error),) = bucket.fetch().failures
    assert str(error).startswith("EVENTS: ") and "\nFix: " in str(error)


def test_a_server_that_does_not_answer_leaves_what_was_there(bucket, monkeypatch):
    bucket.put(**{"iOS/1.json": b"1"})
    bucket.fetch()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    ((_, error),) = bucket.fetch().failures
    assert str(error).startswith("EVENTS: ") and "s3cret" not in str(error)
    assert bucket.raw() == {"iOS/1.json": b"1"}


def test_a_folder_of_this_machine_is_mirrored_too(bucket, monkeypatch, tmp_path):
    (tmp_path / "drop/iOS").mkdir(parents=True)
    (tmp_path / "drop/iOS/1.json").write_bytes(b"1")
    monkeypatch.setenv("EVENTS", f"file://{tmp_path}/drop/**/*.json")
    assert len(bucket.fetch().fetched) == 1
    assert len(bucket.fetch().unchanged) == 1
    (tmp_path / "drop/iOS/1.json").write_bytes(b"2")
    os.utime(tmp_path / "drop/iOS/1.json", (1, 1))
    assert len(bucket.fetch().fetched) == 1
    assert bucket.raw() == {"iOS/1.json": b"2"}
