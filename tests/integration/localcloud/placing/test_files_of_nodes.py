"""The files that replicas load: from localcloud to a node's cache, by SHA-256 alone, over mutual TLS."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import grpc
import numpy as np
import pytest

from localcloud.cluster.credentials import Credentials
from localcloud.placing import cache as caches
from localcloud.placing import files as files_of_nodes
from localcloud.placing import mutual_tls, replica
from localcloud.placing.cache import Cache
from localcloud.placing.errors import PlacingError
from localcloud.placing.files import Files, FileServer
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.errors import PackageError
from tests.support.certificates.authority import Authority
from tests.support.cluster import replicas
from tests.support.localcloud.scoring_parts import brainwave, definition, device, package, real_pipeline
from tests.support.waiting import PATIENCE_S, wait_until

FETCH = "/localcloud.placing.Files/Fetch"


@dataclass
class Served:
    """A localcloud's files, and how often each was asked for."""

    folder: Path
    endpoint: Endpoint = field(init=False)
    asked: list[str] = field(default_factory=list)

    def find(self, digest: str) -> Path | None:
        self.asked.append(digest)
        return self.folder / digest

    def add(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        (self.folder / digest).write_bytes(content)
        return digest


@pytest.fixture
def served(files: Credentials, running: ExitStack, tmp_path: Path) -> Served:
    (tmp_path / "packages").mkdir()
    made = Served(tmp_path / "packages")
    server = FileServer(files, made.find, device())
    running.callback(server.stop)
    made.endpoint = server.start("127.0.0.1")
    return made


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def kept(tmp_path: Path) -> set[str]:
    """The files in the cache of this test."""
    return {path.name for path in (tmp_path / "cache" / "files").iterdir()}


def fetched(cache: Cache, digest: str, served: Served, files: Credentials) -> bytes:
    with Files(served.endpoint, files) as source, cache.in_use() as folder:
        cache.link(digest, folder / "file", lambda file: source.fetch(digest, file))
        return (folder / "file").read_bytes()


def test_a_model_is_loaded_from_its_package_and_featurizers(
    served: Served, files: Credentials, cache: Cache, tmp_path: Path
) -> None:
    digest = served.add(package())
    loaded = replica.load(digest, served.endpoint, files, cache)
    black = np.zeros((1, loaded.height, loaded.width, 3), dtype=np.float32)
    assert np.array_equal(loaded.run(black), real_pipeline().run(black))
    assert len(kept(tmp_path)) == 2
    assert list((tmp_path / "cache" / "in-use").iterdir()) == []
    modes = {path: path.stat().st_mode & 0o777 for path in (tmp_path / "cache").rglob("*")}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.parent.name == "files"} == {0o600}
    replica.load(digest, served.endpoint, files, cache)
    assert served.asked == [digest], "a node fetches a package once"


def test_a_node_starts_from_its_cache_where_localcloud_is_away(
    served: Served, files: Credentials, cache: Cache, running: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = served.add(package())
    replica.load(digest, served.endpoint, files, cache)
    running.close()
    monkeypatch.setattr(files_of_nodes, "AWAY_S", 0.2)
    assert replica.load(digest, served.endpoint, files, cache).height == real_pipeline().height
    with Files(served.endpoint, files) as source, pytest.raises(PlacingError) as refused:
        source.featurizers()
    assert str(refused.value).startswith(
        f"The model's files cannot be fetched from localcloud at {served.endpoint.target}: DEADLINE_EXCEEDED"
    )


def test_replicas_of_a_node_fetch_a_file_once(
    served: Served, files: Credentials, cache: Cache, tmp_path: Path
) -> None:
    digest = served.add(b"x" * 3_000_000)
    caches_of_all = [Cache(tmp_path / "cache") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda one: fetched(one, digest, served, files), caches_of_all))
    assert found == [b"x" * 3_000_000] * 8
    assert served.asked == [digest]


def test_a_damaged_file_is_fetched_anew(
    served: Served, files: Credentials, cache: Cache, tmp_path: Path
) -> None:
    digest = served.add(b"whole")
    assert fetched(cache, digest, served, files) == b"whole"
    (tmp_path / "cache" / "files" / digest).write_bytes(b"hole")
    assert fetched(cache, digest, served, files) == b"whole"
    assert served.asked == [digest] * 2


def test_a_file_that_is_another_one_is_not_loaded(
    served: Served, files: Credentials, cache: Cache, tmp_path: Path
) -> None:
    digest = served.add(b"right")
    (served.folder / digest).write_bytes(b"wrong")
    with pytest.raises(PlacingError, match=rf"^What was fetched as the file {digest} is another one\.$"):
        fetched(cache, digest, served, files)
    assert kept(tmp_path) == set()


@pytest.mark.parametrize(
    "asked", ["", "../../etc/passwd", "/etc/passwd", "0" * 63, "0" * 64 + "\n", "A" * 64]
)
def test_a_file_is_asked_for_by_its_digest_alone(served: Served, files: Credentials, asked: str) -> None:
    with (
        closing(mutual_tls.channel(served.endpoint, files)) as channel,
        pytest.raises(grpc.RpcError) as refused,
    ):
        list(channel.unary_stream(FETCH, None, None)(asked.encode(), timeout=20))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.details() == "A file is asked for by its SHA-256, in 64 hexadecimal digits."
    assert served.asked == []


def test_a_file_that_is_not_there_is_told(served: Served, files: Credentials, cache: Cache) -> None:
    digest = "0" * 64
    with pytest.raises(PlacingError, match=rf"^There is no file of the SHA-256 {digest}\.$"):
        fetched(cache, digest, served, files)


def test_nobody_is_sent_a_file_without_a_certificate_of_the_cluster(
    served: Served, authority: Authority, tmp_path: Path
) -> None:
    digest = served.add(b"secret")
    stranger = replicas.credentials(tmp_path / "stranger", Authority("another root"))
    pair = stranger.key_file.read_bytes(), stranger.certificate_file.read_bytes()
    for tls in (
        grpc.ssl_channel_credentials(authority.root),
        grpc.ssl_channel_credentials(authority.root, *pair),
        None,
    ):
        target = served.endpoint.target
        opened = grpc.insecure_channel(target) if tls is None else grpc.secure_channel(target, tls)
        with closing(opened), pytest.raises(grpc.RpcError) as refused:
            list(opened.unary_stream(FETCH, None, None)(digest.encode(), timeout=20))
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert served.asked == []


def test_what_was_used_least_lately_goes(served: Served, files: Credentials, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", limit=250)
    first, second, third = (served.add(bytes([number]) * 100) for number in range(3))
    for digest in (first, second, first, third):
        fetched(cache, digest, served, files)
    assert kept(tmp_path) == {first, third}
    large = served.add(b"large" * 100)
    assert fetched(cache, large, served, files) == b"large" * 100
    assert kept(tmp_path) == {large}


def test_a_file_that_is_being_fetched_does_not_go(served: Served, files: Credentials, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", limit=10)
    slow, other = served.add(b"slow" * 100), served.add(b"other" * 100)
    begun, goes_on = threading.Event(), threading.Event()

    def fetch(file: IO[bytes]) -> None:
        file.write(b"slow" * 100)
        file.flush()
        begun.set()
        assert goes_on.wait(PATIENCE_S)

    def link() -> bytes:
        with cache.in_use() as folder:
            cache.link(slow, folder / "file", fetch)
            return (folder / "file").read_bytes()

    with ThreadPoolExecutor(1) as pool:
        slowly = pool.submit(link)
        assert begun.wait(PATIENCE_S)
        fetched(cache, other, served, files)
        goes_on.set()
        assert slowly.result(PATIENCE_S) == b"slow" * 100


def test_what_a_killed_process_was_loading_goes(cache: Cache, tmp_path: Path) -> None:
    left = tmp_path / "cache" / "in-use" / "left"
    left.mkdir()
    (left / "package.zip").write_bytes(b"of a process that was killed")
    with cache.in_use() as first:
        assert not left.exists()
        with Cache(tmp_path / "cache").in_use() as second:
            assert (first.is_dir(), second.is_dir()) == (True, True)
    assert not first.exists()
    assert not second.exists()


def test_a_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(elsewhere)
    for name in ("open", "link"):
        with pytest.raises(PlacingError, match=r"must be a folder of this user's alone \(mode 0700\)"):
            Cache(tmp_path / name)


def test_the_cache_is_in_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert caches.folder_of_user() == tmp_path / "fpga-web-service" / "replicas"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert caches.folder_of_user() == tmp_path / ".cache" / "fpga-web-service" / "replicas"


def test_a_package_that_cannot_be_loaded_is_told_in_words(
    served: Served, files: Credentials, cache: Cache
) -> None:
    broken = served.add(b"no zip")
    with pytest.raises(PlacingError, match=r"^The package is not a zip file that can be read"):
        replica.load(broken, served.endpoint, files, cache)
    unknown = served.add(package({"service_def.json": definition(brainwave(model_ref="resnet50"))}))
    with pytest.raises(PackageError, match=r"^The device has no featurizer 'resnet50' of version '1\.0\.0'"):
        replica.load(unknown, served.endpoint, files, cache)


def test_a_reader_that_stops_does_not_hold_the_end_up(
    served: Served, files: Credentials, running: ExitStack
) -> None:
    digest = served.add(b"x" * 100_000_000)
    with closing(mutual_tls.channel(served.endpoint, files)) as channel:
        sent = channel.unary_stream(FETCH, None, None)(digest.encode(), timeout=60)
        assert len(next(iter(sent))) == 1024 * 1024
        running.close()
        wait_until(lambda: not sent.is_active())
