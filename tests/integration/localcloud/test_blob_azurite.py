"""The real Azurite under localcloud's launcher: its accounts, what it keeps, how it ends."""

from __future__ import annotations

import base64
import contextlib
import http.client
import logging
import os
import re
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
import requests
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobSasPermissions, BlobServiceClient, generate_blob_sas

from engine import azurite as azurite_install
from engine.azurite import AzuriteParts
from engine.report import ConsoleReport
from localcloud import authority
from localcloud.blob import azurite
from localcloud.blob.azurite import Azurite
from localcloud.certificate.source import OwnSource
from localcloud.errors import StartError
from localcloud.settings import CA_CERTIFICATE
from tests.support.waiting import PATIENCE_S, is_closed, wait_until

WELL_KNOWN_ACCOUNT = "devstoreaccount1"
WELL_KNOWN_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@pytest.fixture(scope="session")
def parts() -> AzuriteParts:
    return azurite_install.ensure(ConsoleReport())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with localcloud's own certificates."""
    made = tmp_path_factory.mktemp("cloud")
    authority.load_or_make(made, "127.0.0.1")
    return made


class Blobs:
    """A running blob service and how to reach it."""

    def __init__(self, folder: Path, data: Path, parts: AzuriteParts, port: int | None = None) -> None:
        self.port = port or free_port()
        self.ca = folder / CA_CERTIFICATE
        self.service = Azurite(
            data=data,
            host="127.0.0.1",
            port=self.port,
            node=parts.node,
            package=parts.package,
            pair=OwnSource(folder, "127.0.0.1", None).current(),
        )
        self.keys: dict[str, tuple[str, str]] = {}

    def give(self, *names: str) -> None:
        self.keys = {name: self.keys.get(name) or (new_key(), new_key()) for name in names}
        self.service.set_accounts(self.keys)

    def client(self, account: str, key: str | None = None) -> BlobServiceClient:
        return BlobServiceClient(
            f"https://127.0.0.1:{self.port}/{account}",
            credential=key or self.keys[account][0],
            connection_verify=str(self.ca),
            retry_total=3,
            retry_backoff_factor=0.1,
        )


@pytest.fixture(scope="module")
def started(folder: Path, parts: AzuriteParts) -> Iterator[Blobs]:
    made = Blobs(folder, folder / "blobs", parts)
    made.give("first")
    made.service.start()
    yield made
    made.service.stop()


@pytest.fixture
def blobs(started: Blobs) -> Blobs:
    """One service for all tests; each begins with one account, `first`, that holds nothing."""
    started.give()
    started.give("first")
    return started


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(64)).decode()


def put(blobs: Blobs, account: str, name: str, content: bytes) -> None:
    with blobs.client(account) as client:
        client.get_blob_client("models", name).upload_blob(content)


def read(blobs: Blobs, account: str, name: str) -> bytes:
    with blobs.client(account) as client:
        return client.get_blob_client("models", name).download_blob().readall()


def containers(blobs: Blobs, account: str, key: str | None = None) -> list[str]:
    with blobs.client(account, key) as client:
        return [container.name for container in client.list_containers()]


def assert_refused(error: HttpResponseError, status: int, code: str, message: str) -> None:
    assert error.status_code == status
    assert getattr(error, "error_code", None) == code
    assert message in error.message


def test_accounts_come_and_go_while_it_serves(blobs: Blobs) -> None:
    pid = blobs.service.pid
    blobs.give("first", "second")
    with blobs.client("second") as client:
        client.create_container("models")
    put(blobs, "second", "a", b"kept")
    assert containers(blobs, "second", blobs.keys["second"][1]) == ["models"], "the second key opens it too"

    blobs.give("first")
    with pytest.raises(HttpResponseError) as refused:
        containers(blobs, "second", new_key())
    assert_refused(refused.value, 404, "ResourceNotFound", "The specified resource does not exist")

    blobs.give("first", "second")
    assert containers(blobs, "second") == [], "what a deleted account held is gone"
    assert blobs.service.pid == pid, "no change of accounts restarts it"


def test_a_full_disk_is_told_in_words(folder: Path, tmp_path: Path, parts: AzuriteParts) -> None:
    blobs = Blobs(folder, tmp_path / "blobs", parts)
    blobs.give("first")
    blobs.service.start()
    try:
        with blobs.client("first") as client:
            client.create_container("models")
        put(blobs, "first", "before", b"kept")
        draft = tmp_path / "blobs" / "__azurite_db_blob__.json~"
        draft.symlink_to("/dev/full")
        with blobs.client("first") as client, pytest.raises(HttpResponseError) as refused:
            client.get_blob_client("models", "lost").upload_blob(b"lost", overwrite=True)
        assert_refused(
            refused.value,
            507,
            "InsufficientStorage",
            "The disk of localcloud's data folder is full: make room, and try again.",
        )
        assert read(blobs, "first", "before") == b"kept"
        draft.unlink()
        put(blobs, "first", "after", b"written")
        assert read(blobs, "first", "after") == b"written"
    finally:
        blobs.service.stop()


def test_what_no_list_has_at_a_start_is_moved_aside_and_kept_for_a_month(
    folder: Path, tmp_path: Path, parts: AzuriteParts, caplog: pytest.LogCaptureFixture
) -> None:
    """An empty list may come of a database that is lost: nothing is deleted on its word."""
    made = Blobs(folder, tmp_path / "blobs", parts)
    made.give("first")
    made.service.start()
    with made.client("first") as client:
        client.create_container("models")
    content = secrets.token_bytes(100_000)
    put(made, "first", "blob", content)
    made.service.stop()
    extents = contents(tmp_path / "blobs" / "__blobstorage__")
    assert list(extents.values()) == [content]

    empty = Blobs(folder, tmp_path / "blobs", parts)
    empty.give()
    empty.service.start()
    assert "blobs of accounts that are gone are moved aside, and deleted after 30 days: first" in caplog.text
    empty.give("first")
    assert containers(empty, "first") == [], "an account made anew has nothing of the one before"
    empty.service.stop()

    assert contents(tmp_path / "blobs" / "__blobstorage__") == extents
    kept = tmp_path / "blobs" / "__azurite_db_blob__.json"
    assert '"accountName":"first.aside.' in kept.read_text()

    kept.write_text(re.sub(r"first\.aside\.\d{4}", "first.aside.2020", kept.read_text()))
    old = Blobs(folder, tmp_path / "blobs", parts)
    old.give()
    old.service.start()
    assert "first.aside.2020" in kept.read_text(), "no start deletes"
    old.give("second")
    assert "first.aside.2020" not in kept.read_text()
    old.service.stop()


def test_a_list_of_blobs_that_is_cut_is_refused(folder: Path, tmp_path: Path, parts: AzuriteParts) -> None:
    made = Blobs(folder, tmp_path / "blobs", parts)
    made.give("first")
    made.service.start()
    with made.client("first") as client:
        client.create_container("models")
    put(made, "first", "blob", secrets.token_bytes(1000))
    made.service.stop()
    listed = tmp_path / "blobs" / "__azurite_db_blob__.json"
    os.truncate(listed, listed.stat().st_size // 2)
    files = {path: path.read_bytes() for path in (tmp_path / "blobs").rglob("*") if path.is_file()}

    cut = Blobs(folder, tmp_path / "blobs", parts)
    cut.give("first")
    with pytest.raises(StartError, match=r"Blob storage \(Azurite\) does not start on .*JSON"):
        cut.service.start()
    assert {path: path.read_bytes() for path in (tmp_path / "blobs").rglob("*") if path.is_file()} == files


def test_bytes_that_an_older_list_does_not_name_outlive_a_start(
    folder: Path, tmp_path: Path, parts: AzuriteParts
) -> None:
    made = Blobs(folder, tmp_path / "blobs", parts)
    listed = tmp_path / "blobs" / "__azurite_db_blob__.json"
    made.give("first")
    made.service.start()
    with made.client("first") as client:
        client.create_container("models")
    older = listed.read_bytes()
    put(made, "first", "blob", b"content")
    made.service.stop()
    newer = listed.read_bytes()

    for content in (older, newer):
        listed.write_bytes(content)
        again = Blobs(folder, tmp_path / "blobs", parts)
        again.keys = made.keys
        again.give("first")
        again.service.start()
        names = containers(again, "first")
        assert names == ["models"]
        if content == newer:
            assert read(again, "first", "blob") == b"content"
        again.service.stop()


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_wrong_key_is_refused(blobs: Blobs) -> None:
    with pytest.raises(HttpResponseError) as refused:
        containers(blobs, "first", new_key())
    assert_refused(refused.value, 403, "AuthorizationFailure", "Server failed to authenticate the request")


def test_without_accounts_the_well_known_one_is_not_served(blobs: Blobs) -> None:
    blobs.give()
    with pytest.raises(HttpResponseError) as refused:
        containers(blobs, WELL_KNOWN_ACCOUNT, WELL_KNOWN_KEY)
    assert_refused(refused.value, 404, "ResourceNotFound", "The specified resource does not exist")


def test_a_signed_address_opens_one_blob(blobs: Blobs) -> None:
    with blobs.client("first") as client:
        client.create_container("models")
    put(blobs, "first", "signed", b"content")
    signature = generate_blob_sas(
        "first",
        "models",
        "signed",
        account_key=blobs.keys["first"][0],
        permission=BlobSasPermissions(read=True),
        expiry="2099-01-01T00:00:00Z",
    )
    address = f"https://127.0.0.1:{blobs.port}/first/models/signed"
    with requests.Session() as session:
        session.trust_env = False
        opened = session.get(f"{address}?{signature}", verify=str(blobs.ca))
        assert (opened.status_code, opened.content) == (200, b"content")
        unsigned = session.get(address, verify=str(blobs.ca))
        assert (unsigned.status_code, unsigned.headers["x-ms-error-code"]) == (403, "AuthorizationFailure")
        assert "Server failed to authenticate the request" in unsigned.text


def test_what_was_acknowledged_survives_a_kill(blobs: Blobs) -> None:
    """No pause between the answer and the kill: Azurite itself would save five seconds later."""
    with blobs.client("first") as client:
        client.create_container("models")
    content = secrets.token_bytes(6_000_000)  # several blocks
    for number in range(2):
        put(blobs, "first", f"blob-{number}", content)
        pid = blobs.service.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda killed=pid: blobs.service.pid not in (None, killed))  # type: ignore[misc]
        assert read(blobs, "first", f"blob-{number}") == content


def test_one_that_dies_is_started_again_and_logged(blobs: Blobs, caplog: pytest.LogCaptureFixture) -> None:
    blobs.give("first", "second")
    pid = blobs.service.pid
    assert pid is not None
    with caplog.at_level(logging.WARNING, "localcloud.blob.azurite"):
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: blobs.service.pid not in (None, pid))
    assert containers(blobs, "second") == [], "the new one has the accounts too"
    assert "Azurite ended (exit code -9); starting it again" in caplog.text


def test_keys_are_neither_arguments_nor_environment_nor_files(blobs: Blobs, folder: Path) -> None:
    process = psutil.Process(blobs.service.pid)
    shown = " ".join(process.cmdline()) + str(process.environ())
    files = [file for file in (folder / "blobs").rglob("*") if file.is_file()]
    assert files
    for key in blobs.keys["first"]:
        assert key not in shown
        assert not any(key.encode() in file.read_bytes() for file in files)
    assert {oct(file.stat().st_mode & 0o777) for file in files} == {"0o600"}


def test_it_is_quick_to_start_and_small(folder: Path, tmp_path: Path, parts: AzuriteParts) -> None:
    again = Blobs(folder, tmp_path / "blobs", parts)
    again.give("first")
    again.service.start()
    process = psutil.Process(again.service.pid)
    took, memory = process.cpu_times(), process.memory_info().rss
    again.service.stop()
    assert took.user + took.system < 2.0, "about 0.5 s, whatever else the machine does"
    assert memory < 150e6, "about 95 MB: the telemetry package is not loaded"


def test_a_taken_port_is_named(blobs: Blobs, folder: Path, tmp_path: Path, parts: AzuriteParts) -> None:
    second = Blobs(folder, tmp_path / "second", parts, blobs.port)
    with pytest.raises(StartError) as refused:
        second.service.start()
    message = str(refused.value)
    assert f"Blob storage (Azurite) does not start on 127.0.0.1:{blobs.port}: " in message
    assert "EADDRINUSE" in message
    assert message.endswith(
        f"Port {blobs.port} on 127.0.0.1, the blob port, is taken by another process: stop that, "
        "or choose another with --blob-port."
    )
    assert second.service.pid is None


def test_what_a_child_says_is_bounded_with_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Not on the file itself: what is renamed would grow on, out of the bounds of the log."""
    script = "import sys; sys.stderr.write('a warning\\n' * 3); sys.stderr.buffer.write(b'\\xff')"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as child, caplog.at_level("WARNING"):
        azurite._log(child)
    assert caplog.messages == ["Azurite says: a warning"] * 3 + ["Azurite says: \ufffd"]


def test_a_missing_node_is_named(folder: Path, tmp_path: Path, parts: AzuriteParts) -> None:
    nowhere = Blobs(folder, tmp_path / "blob", AzuriteParts(tmp_path / "node", parts.package))
    with pytest.raises(StartError, match="node: No such file or directory"):
        nowhere.service.start()


def test_no_orphan_stays_when_the_parent_is_killed(folder: Path, tmp_path: Path, parts: AzuriteParts) -> None:
    port = free_port()
    program = f"""
        import threading
        from pathlib import Path
        from localcloud.blob.azurite import Azurite
        from localcloud.certificate.source import OwnSource
        service = Azurite(
            data=Path({str(tmp_path / "blob")!r}), host="127.0.0.1", port={port},
            node=Path({str(parts.node)!r}), package=Path({str(parts.package)!r}),
            pair=OwnSource(Path({str(folder)!r}), "127.0.0.1", None).current(),
        )
        service.start()
        print(service.pid, flush=True)
        threading.Event().wait()
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE)
    with parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        child.wait(timeout=5)
    assert not child.is_running()


def test_an_upload_under_way_is_taken_when_it_ends_in_order(
    folder: Path, tmp_path: Path, parts: AzuriteParts
) -> None:
    blobs = Blobs(folder, tmp_path / "blob", parts)
    blobs.give("first")
    blobs.service.start()
    half, rest = b"a" * 1000, b"b" * 1000
    with blobs.client("first") as client, ThreadPoolExecutor(1) as pool:
        client.create_container("models")
        signature = generate_blob_sas(
            "first",
            "models",
            "slow",
            account_key=blobs.keys["first"][0],
            permission=BlobSasPermissions(write=True, create=True),
            expiry=datetime.now(UTC) + timedelta(hours=1),
        )
        context = ssl.create_default_context(cafile=str(blobs.ca))
        connection = http.client.HTTPSConnection("127.0.0.1", blobs.port, timeout=30, context=context)
        with contextlib.closing(connection):
            connection.putrequest("PUT", f"/first/models/slow?{signature}")
            for name, value in {"x-ms-blob-type": "BlockBlob", "Content-Length": "2000"}.items():
                connection.putheader(name, value)
            connection.endheaders(half)
            ended = pool.submit(blobs.service.stop, PATIENCE_S)
            wait_until(lambda: is_closed(blobs.port))
            connection.send(rest)
            assert connection.getresponse().status == 201
        ended.result(PATIENCE_S)
    again = Blobs(folder, tmp_path / "blob", parts, blobs.port)
    again.keys = blobs.keys
    again.give("first")
    again.service.start()
    try:
        assert read(again, "first", "slow") == half + rest
    finally:
        again.service.stop()
