"""localcloud under a service manager, which the test plays: what it is told, and what its signals do."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from localcloud import control, service_manager
from localcloud.datafolder import lock
from localcloud.service_manager import ServiceManager
from localcloud.status import Status
from tests.support.localcloud.data_plane import settings
from tests.support.localcloud.notify_socket import NotifySocket, listening
from tests.support.waiting import PATIENCE_S


@contextmanager
def started(
    data: Path, manager: NotifySocket, *options: str, **variables: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A localcloud as a unit starts it."""
    command = [sys.executable, "-m", "localcloud", "serve", "--data", str(data), *options]
    command += ["--featurizers", str(settings(data).featurizers), "--scoring-network", "127.91.0.0/16"]
    environment = os.environ | {"NOTIFY_SOCKET": manager.address} | variables
    with subprocess.Popen(command, env=environment) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@pytest.mark.parametrize("is_abstract", [False, True], ids=["path", "abstract"])
def test_it_tells_how_far_it_is(is_abstract: bool, tmp_path: Path) -> None:
    data = tmp_path / "cloud"
    with (
        listening(None if is_abstract else tmp_path) as manager,
        started(data, manager, "--drain-timeout", "7", WATCHDOG_USEC="1000000") as process,
    ):
        ready = manager.next()
        status = control.status(data)
        assert ready == {"READY": "1", "STATUS": f"localcloud is ready at {status.https}"}
        assert status.pid == process.pid
        assert [manager.next(), manager.next()] == [{"WATCHDOG": "1"}] * 2

        process.send_signal(signal.SIGHUP)
        assert manager.until("RELOADING").keys() == {"RELOADING", "MONOTONIC_USEC"}
        assert manager.until("READY") == ready
        process.send_signal(signal.SIGTERM)
        assert manager.until("STOPPING") == {
            "STOPPING": "1",
            "STATUS": "calls under way have up to 7 s",
            "EXTEND_TIMEOUT_USEC": "17000000",
        }
        assert process.wait(PATIENCE_S) == 0
        assert Path(f"/proc/{process.pid}").exists() is False


def test_children_are_not_told_of_it(tmp_path: Path) -> None:
    environ = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "5", "WATCHDOG_PID": "1", "HOME": "/"}
    assert service_manager.taken(environ).is_there
    assert environ == {"HOME": "/"}


@pytest.mark.parametrize("address", ["", "relative", "vsock:2:1"])
def test_no_socket_is_no_manager(address: str) -> None:
    manager = service_manager.taken({"NOTIFY_SOCKET": address})
    assert not manager.is_there
    manager.ready("to nobody")


def test_one_that_is_gone_is_logged_and_harms_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ServiceManager(str(tmp_path / "gone")).ready("to nobody")
    assert f"the service manager at {tmp_path / 'gone'} cannot be told READY=1" in caplog.text


def test_a_server_that_does_not_turn_gives_no_sign_of_life(tmp_path: Path) -> None:
    lives, asked = threading.Event(), threading.Semaphore(0)

    def is_alive() -> bool:
        asked.release()
        return lives.is_set()

    with listening(tmp_path) as manager, ServiceManager(manager.address, 0.02).watched(is_alive):
        for _ in range(3):
            assert asked.acquire(timeout=PATIENCE_S)
        assert manager.is_silent()
        lives.set()
        assert manager.next() == {"WATCHDOG": "1"}


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """While a caller is still sending, for whom it would wait."""
    data = tmp_path / "cloud"
    with listening(tmp_path) as manager, started(data, manager, "--drain-timeout", "600") as process:
        manager.until("READY")
        with half_a_request(control.status(data)):
            process.send_signal(signal.SIGTERM)
            manager.until("STOPPING")
            assert lock.is_held(data)
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 128 + signal.SIGTERM
    assert not lock.is_held(data)


def test_the_drain_is_bounded(tmp_path: Path) -> None:
    data = tmp_path / "cloud"
    with listening(tmp_path) as manager, started(data, manager, "--drain-timeout", "0") as process:
        manager.until("READY")
        with half_a_request(control.status(data)):
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0


def test_the_journal_gets_lines_with_priorities(tmp_path: Path) -> None:
    data = tmp_path / "cloud"
    journal = tmp_path / "journal"
    with journal.open("wb") as stream, listening(tmp_path) as manager:
        found = os.fstat(stream.fileno())
        environment = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}", "NOTIFY_SOCKET": manager.address}
        command = [sys.executable, "-m", "localcloud", "serve", "--data", str(data), "--featurizers", "/"]
        with subprocess.Popen(command, env=os.environ | environment, stderr=stream) as process:
            manager.until("READY")
            refused = subprocess.run(command, env=os.environ | environment, stderr=stream, check=False)
            assert refused.returncode == 1
            process.terminate()
    lines = journal.read_text().splitlines()
    assert any(line.startswith("<6>localcloud.server ready at https://") for line in lines)
    assert f"<3>localcloud cannot start: --data {data} is in use by another localcloud: stop that, or" in (
        journal.read_text()
    )
    assert all(line.startswith("<") for line in lines), lines
    assert not (data / "localcloud.log").exists()


@contextmanager
def half_a_request(status: Status) -> Iterator[None]:
    """A connection whose request has begun, and does not end."""
    host, _, port = str(status.https).removeprefix("https://").rpartition(":")
    context = ssl.create_default_context(cafile=str(status.ca))
    with (
        socket.create_connection((host, int(port)), timeout=PATIENCE_S) as opened,
        context.wrap_socket(opened, server_hostname=host) as secured,
    ):
        secured.sendall(b"PUT /health HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
        yield
