"""The official release, from a server on this machine in place of Pulumi's."""

from __future__ import annotations

import hashlib
import io
import socket
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine import cache, go, pulumi_cli, release
from engine.errors import EngineError
from engine.pulumi_cli import Way
from tests.support.engine.heard import Heard
from tests.support.servers import http_server

VERSION = pulumi_cli.pinned()


class Releases:
    """A folder of releases over HTTP."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.base = ""

    @contextmanager
    def running(self) -> Iterator[Releases]:
        """Serves meanwhile; `base` is the address that stands before a release's name."""
        releases = self

        class Handler(http_server.Handler):
            def do_GET(self) -> None:
                releases.asked.append(self.path)
                body = releases.files.get(self.path)
                self.answer(404 if body is None else 200, body or b"")

        with http_server.serving(Handler) as port:
            self.base = f"http://127.0.0.1:{port}/sdk"
            yield self

    def publish(self, members: dict[str, bytes], *, checksum: str | None = None) -> None:
        """Publish an archive of these members with its checksum, or with another one."""
        name = release.archive_name(VERSION)
        archive = make_archive(members)
        digest = checksum or hashlib.sha256(archive).hexdigest()
        self.files[f"/sdk/{name}"] = archive
        self.files[f"/sdk/pulumi-{VERSION}-checksums.txt"] = f"{digest}  {name}\n".encode()


def make_archive(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


WHOLE = {f"pulumi/{name}": f"#!/bin/sh\n# {name}\n".encode() for name in release.EXECUTABLES}


@pytest.fixture
def releases(monkeypatch: pytest.MonkeyPatch) -> Iterator[Releases]:
    with Releases().running() as releases:
        monkeypatch.setenv(release.BASE_VARIABLE, releases.base)
        yield releases


@pytest.fixture(autouse=True)
def _nothing_else_there(cache_folder: Path, bare_path: Path) -> None:
    pass


def test_archive_with_its_checksum_is_taken_and_kept(
    releases: Releases, tmp_path: Path, heard: Heard
) -> None:
    releases.publish(WHOLE)
    cli = pulumi_cli.locate(tmp_path, heard)
    assert (cli.way, cli.version) == (Way.RELEASE, VERSION)
    assert {path.name for path in cli.folder.iterdir()} == set(release.EXECUTABLES)
    assert (cli.folder / "pulumi").stat().st_mode & 0o777 == 0o700
    assert f"Pulumi {VERSION}: the official release, checksum verified." in heard.text
    asked = len(releases.asked)
    assert pulumi_cli.locate(tmp_path, heard) == cli
    assert len(releases.asked) == asked, "what is in the cache is not asked for again"


def test_archive_with_another_checksum_is_refused(releases: Releases, tmp_path: Path, heard: Heard) -> None:
    releases.publish(WHOLE, checksum="00" * 32)
    with pytest.raises(
        EngineError, match=r"published checksum is 0{64}: it was changed on the way"
    ) as raised:
        pulumi_cli.locate(tmp_path, heard)
    assert not isinstance(raised.value, release.Unreachable), "no other way is taken quietly"
    assert cache.find(release.entry(VERSION)) is None


@pytest.mark.parametrize("name", ["pulumi/../../outside", "/outside", "elsewhere/pulumi"])
def test_archive_that_would_write_elsewhere_is_refused(
    releases: Releases, tmp_path: Path, heard: Heard, name: str
) -> None:
    releases.publish({**WHOLE, name: b"evil"})
    with pytest.raises(EngineError, match="which no release does: it is not used"):
        pulumi_cli.locate(tmp_path, heard)
    assert [path for path in tmp_path.rglob("*") if "outside" in path.name] == []


def test_archive_with_a_link_is_refused(releases: Releases, tmp_path: Path, heard: Heard) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        link = tarfile.TarInfo("pulumi/pulumi")
        link.type, link.linkname = tarfile.SYMTYPE, "/bin/sh"
        archive.addfile(link)
    releases.publish({})
    name = release.archive_name(VERSION)
    releases.files[f"/sdk/{name}"] = packed.getvalue()
    digest = hashlib.sha256(packed.getvalue()).hexdigest()
    releases.files[f"/sdk/pulumi-{VERSION}-checksums.txt"] = f"{digest}  {name}\n".encode()
    with pytest.raises(EngineError, match="holds 'pulumi/pulumi', which no release does"):
        pulumi_cli.locate(tmp_path, heard)


def test_archive_without_the_language_host_is_refused(
    releases: Releases, tmp_path: Path, heard: Heard
) -> None:
    releases.publish({name: content for name, content in WHOLE.items() if not name.endswith("python")})
    with pytest.raises(EngineError, match="not hold pulumi-language-python, pulumi-resource-pulumi-python"):
        pulumi_cli.locate(tmp_path, heard)


def test_what_is_no_archive_is_refused(releases: Releases, tmp_path: Path, heard: Heard) -> None:
    releases.publish({})
    name, body = release.archive_name(VERSION), b"<html>a proxy's page</html>"
    releases.files[f"/sdk/{name}"] = body
    releases.files[f"/sdk/pulumi-{VERSION}-checksums.txt"] = (
        f"{hashlib.sha256(body).hexdigest()} {name}\n".encode()
    )
    with pytest.raises(EngineError, match="cannot be unpacked"):
        pulumi_cli.locate(tmp_path, heard)


@pytest.fixture
def build(cache_folder: Path) -> Path:
    """A build that was made earlier."""
    folder = cache_folder / go.cli_entry(VERSION)
    folder.mkdir(parents=True)
    return folder


def test_host_without_this_release_is_followed_by_the_build(
    releases: Releases, build: Path, tmp_path: Path, heard: Heard
) -> None:
    cli = pulumi_cli.locate(tmp_path, heard)
    assert (cli.way, cli.folder) == (Way.BUILD, build)
    assert f"{releases.base}/pulumi-{VERSION}-checksums.txt answers 404" in heard.text
    assert f"Pulumi {VERSION}: built from its Go modules." in heard.text


def test_host_that_refuses_is_followed_by_the_build(
    build: Path, tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv(release.BASE_VARIABLE, f"http://127.0.0.1:{unused.getsockname()[1]}")
        assert pulumi_cli.locate(tmp_path, heard).way is Way.BUILD
    assert "does not answer (ConnectionError)" in heard.text


def test_host_that_does_not_answer_is_followed_by_the_build(
    build: Path, tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "READ_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv(release.BASE_VARIABLE, f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert pulumi_cli.locate(tmp_path, heard).way is Way.BUILD
    assert "does not answer (ReadTimeout)" in heard.text


def test_no_release_is_asked_for_where_the_setting_is_empty(
    build: Path, tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(release.BASE_VARIABLE, "")
    assert pulumi_cli.locate(tmp_path, heard).way is Way.BUILD
    assert "FPGA_PULUMI_RELEASES is empty, so none is asked for" in heard.text


def test_cached_build_is_taken_without_asking_anyone(
    build: Path, tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(release.BASE_VARIABLE, raising=False)
    monkeypatch.setattr(release, "BASE", "http://127.0.0.1:1")
    assert pulumi_cli.locate(tmp_path, heard).folder == build
    assert heard.text == ""
