"""Connections that say nothing, and descriptors that run out: who speaks is heard, what runs goes on."""

from __future__ import annotations

import contextlib
import resource
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests
from starlette.requests import Request
from starlette.responses import Response

from localcloud import authority, control, descriptors, ports
from localcloud.certificate.pair import Pair
from localcloud.errors import CloudError
from localcloud.http import listener
from localcloud.http.frame import Frame
from localcloud.http.lanes import Route
from localcloud.http.listener import served
from tests.support.localcloud import scoring_parts
from tests.support.localcloud.data_plane import (
    FPGA,
    OFF,
    DataPlane,
    PackageHost,
    endpoint,
    opens,
    refusal,
    settings,
)
from tests.support.waiting import wait_until

MOST = 8
OF_PEER = 6


class Served:
    """An HTTPS listener for eight connections, six of one peer; `work` waits until `done`."""

    def __init__(self, port: int, ca: Path) -> None:
        self.port, self.ca = port, ca
        self.done = threading.Event()
        self.at_work = threading.Semaphore(0)

    def work(self, request: Request) -> Response:
        self.at_work.release()
        self.done.wait(30)
        return Response("done")

    def large(self, request: Request) -> Response:
        """More than a kernel keeps for a connection."""
        self.at_work.release()
        return Response(b"x" * 20_000_000)

    def connect(self, peer: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10, source_address=(peer, 0))

    def speak(self, peer: str = "127.0.0.1") -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=self.ca)
        with contextlib.ExitStack() as undone:
            plain = undone.enter_context(self.connect(peer))
            opened = context.wrap_socket(plain, server_hostname="127.0.0.1")
            undone.pop_all()
        return opened

    def ask(self, path: str, peer: str = "127.0.0.1") -> bytes:
        """What a request on a new connection is answered with; nothing where it was cut."""
        with contextlib.suppress(OSError), self.speak(peer) as opened:
            opened.sendall(f"GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            return opened.recv(65536)
        return b""


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Served]:
    made = authority.load_or_make(folder, "127.0.0.1")
    pair = Pair(made.certificate.read_bytes(), made.key.read_bytes())
    port = ports._free("127.0.0.1", set())
    found = Served(port, made.ca)
    frame = Frame(
        base_urls=(f"https://127.0.0.1:{port}",),
        public=[
            Route("/hello", lambda _: Response("hello"), lane=None),
            Route("/work", found.work),
            Route("/large", found.large, lane=None),
        ],
        routes=[],
        authenticate=lambda _: None,
        authorize=lambda _request, _route: None,
        record=lambda _request, _status: None,
        missing=lambda _: CloudError(404, "NotFound", "No."),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(descriptors, "connections", lambda: MOST)
        with served(frame, "127.0.0.1", port, pair):
            yield found
            found.done.set()
    frame.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as found:
        yield found


def is_cut(connection: socket.socket) -> bool:
    connection.settimeout(0.01)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


@pytest.mark.parametrize("peers", [["127.0.0.1"], ["127.0.0.1", "127.0.0.2"]], ids=["one peer", "two"])
def test_silent_connections_make_room_for_who_speaks(server: Served, peers: list[str]) -> None:
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(server.connect(peers[n % len(peers)])) for n in range(300)]
        assert server.ask("hello").startswith(b"HTTP/1.1 200 OK")
        left = [connection for connection in silent if not is_cut(connection)]
        assert len(left) == (OF_PEER if len(peers) == 1 else MOST) - 1
        assert left == silent[-len(left) :], "the oldest go first"
        assert server.ask("hello", "127.0.0.3").startswith(b"HTTP/1.1 200 OK")


def test_who_idles_behind_a_request_makes_room_too(server: Served) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(MOST * 3):
            opened = stack.enter_context(server.speak())
            opened.sendall(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
            assert opened.recv(65536).startswith(b"HTTP/1.1 200 OK")


def test_requests_at_work_are_not_cut_and_the_next_is_refused(server: Served) -> None:
    with contextlib.ExitStack() as stack:
        working = [stack.enter_context(server.speak()) for _ in range(OF_PEER)]
        for opened in working:
            opened.sendall(b"GET /work HTTP/1.1\r\nHost: a\r\n\r\n")
            assert server.at_work.acquire(timeout=10)
        assert server.ask("hello") == b""
        assert server.ask("hello", "127.0.0.2").startswith(b"HTTP/1.1 200 OK"), "another peer has its own"
        server.done.set()
        for opened in working:
            assert opened.recv(65536).startswith(b"HTTP/1.1 200 OK")
    assert server.ask("hello").startswith(b"HTTP/1.1 200 OK")


def test_who_asks_and_does_not_read_makes_room(server: Served) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(OF_PEER):
            unread = stack.enter_context(server.speak())
            unread.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n" * 4)
        for _ in range(2 * OF_PEER):  # the second answer of each waits until the first is read
            assert server.at_work.acquire(timeout=30)
        assert server.ask("hello").startswith(b"HTTP/1.1 200 OK")


def test_who_does_not_read_is_hung_up_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "REQUEST_TIMEOUT_S", 0.5)
    with serving(tmp_path) as server, server.speak() as unread:
        unread.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        assert server.at_work.acquire(timeout=30)
        here = unread.getsockname()

        def is_open() -> bool:
            return any(one.raddr == here and one.fd != -1 for one in psutil.Process().net_connections("tcp"))

        assert is_open()
        wait_until(lambda: not is_open(), timeout_s=20)


def test_who_does_not_begin_tls_is_hung_up_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "REQUEST_TIMEOUT_S", 0.5)
    with serving(tmp_path) as server, server.connect() as silent, server.connect() as begun:
        begun.sendall(b"\x16\x03\x01")
        assert silent.recv(1) == b""
        assert begun.recv(1) == b""
        assert server.ask("hello").startswith(b"HTTP/1.1 200 OK")


def test_who_idles_is_hung_up_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "IDLE_TIMEOUT_S", 0.1)
    with serving(tmp_path) as server, server.speak() as opened:
        opened.sendall(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
        assert opened.recv(65536).startswith(b"HTTP/1.1 200 OK")
        assert is_ended(opened)


def is_ended(opened: ssl.SSLSocket) -> bool:
    try:
        while opened.recv(65536):
            pass
    except (ConnectionResetError, ssl.SSLEOFError):
        return True
    return True


@contextlib.contextmanager
def poor(data: Path, soft: int, hard: int) -> Iterator[tuple[DataPlane, psutil.Process]]:
    """A localcloud in a process of its own, which may open that many files at once."""
    wanted = settings(data)
    command = [sys.executable, "-m", "localcloud", "serve", "--data", str(data)]
    command += ["--featurizers", str(wanted.featurizers), "--scoring-network", "127.94.0.0/16"]
    command += ["--package-host", "127.0.0.1"]
    limited = ["sh", "-c", f'ulimit -Sn {soft} && ulimit -Hn {hard} && exec "$@"', "sh", *command]
    with subprocess.Popen(limited, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("localcloud is ready at https://127.0.0.1:")
            with contextlib.closing(DataPlane(control.status(data))) as plane:
                yield plane, psutil.Process(process.pid)
        finally:
            process.terminate()


def test_a_localcloud_with_few_descriptors_goes_on(tmp_path: Path) -> None:
    """More silent connections than it has descriptors, and a service more than these are enough for."""
    hard, silent_ones = 256, 400
    services = hard // 2 // 4
    with (
        poor(tmp_path / "cloud", 100, hard) as (plane, process),
        PackageHost().running() as host,
        contextlib.ExitStack() as stack,
    ):
        said = (tmp_path / "cloud" / "localcloud.log").read_text()
        assert (
            f"may open {hard} files and connections at once (it was 100): 64 connections to the APIs, "
            f"{services} services" in said
        )
        assert process.rlimit(resource.RLIMIT_NOFILE) == (hard, hard)
        url = host.put("/c/real.zip", scoring_parts.package())
        accepted = []
        for number in range(services):
            if number % 16 == 0:  # an account has no more FPGAs
                plane.make_account(f"account{number}")
                model_id = plane.register(url)
            body = FPGA | OFF | {"modelId": model_id, "name": f"s{number}"}
            accepted.append(plane.call("POST", "services", body))
        plane.make_account("another")
        model_id = plane.register(url)
        beyond = plane.call("POST", "services", FPGA | OFF | {"modelId": model_id, "name": "beyond"})
        assert refusal(beyond) == (
            412,
            "ServiceLimitReached",
            f"This localcloud may open {hard} files and connections at once, which is enough for {services} "
            f"services, and has {services}. Delete a service, or raise the hard limit of open files "
            "(ulimit -Hn) and start localcloud again.",
        )
        assert all(plane.finish(one)["state"] == "Succeeded" for one in accepted)
        address, _, port = plane.host.removeprefix("https://").rpartition(":")
        for _ in range(silent_ones):
            stack.enter_context(socket.create_connection((address, int(port)), timeout=10))
        for _ in range(20):
            health = requests.get(f"{plane.host}/health", verify=str(plane._session.verify), timeout=5)
            assert health.status_code == 200
        wait_until(lambda: process.num_fds() < hard * 3 // 4)
        found = [
            plane.call(
                "GET", plane.call("GET", one.headers["Operation-Location"]).json()["resourceLocation"]
            ).json()
            for one in accepted
        ]
        assert all(opens(endpoint(service), None, None) for service in (found[0], found[-1]))
