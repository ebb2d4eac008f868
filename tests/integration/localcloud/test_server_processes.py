"""localcloud as a process of its own: started, found, killed, started again, stopped."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import dns.message
import dns.query
import psutil
import pytest

from localcloud import control, ports, version
from localcloud.datafolder import lock
from localcloud.errors import StartError
from localcloud.server import Cloud
from localcloud.settings import Settings
from localcloud.status import Status
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.waiting import PATIENCE_S


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Of a localcloud without blob storage, which starts faster; stopped afterwards, if it runs."""
    found = Settings(tmp_path / "data", tmp_path / "featurizers")
    yield found
    control.stop(found.data)


def kill(pid: int | None) -> None:
    assert pid is not None
    process = psutil.Process(pid)
    process.kill()
    process.wait(PATIENCE_S)


def test_started_found_and_stopped(settings: Settings) -> None:
    assert control.status(settings.data).running is False
    started = control.start(settings)
    assert started.running is True
    assert (settings.data / "localcloud.pid").read_text() == str(started.pid)
    assert control.status(settings.data) == started
    assert control.start(settings) == started
    assert started.version == version.here()
    process = psutil.Process(started.pid)
    assert control.stop(settings.data) is True
    process.wait(1)
    assert not (settings.data / "localcloud.pid").exists()
    stopped = control.status(settings.data)
    assert (stopped.running, stopped.pid) == (False, None)
    assert stopped == replace(
        started,
        pid=None,
        services=(),
        listeners=(),
        version=version.UNTOLD,
        certificate=None,
        execution_providers=(),
    )
    assert stopped.blob is None
    assert control.stop(settings.data) is False


def test_a_stopped_one_with_blob_storage_tells_where_it_will_be(cloud: Cloud) -> None:
    kept = ports.read(cloud.settings.data)
    assert kept is not None
    assert kept.blob_url == cloud.status().blob is not None


def test_the_data_folder_may_be_given_relative(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(settings.data.parent)
    started = control.start(replace(settings, data=Path("data")))
    assert control.status(settings.data).pid == started.pid


def test_two_starts_give_one_localcloud_and_a_stuck_one_is_killed(settings: Settings) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: control.start(settings), range(2))
    assert first == second
    assert first.pid is not None
    os.kill(first.pid, signal.SIGSTOP)
    assert control.stop(settings.data, timeout_s=0.2) is True
    assert not lock.is_held(settings.data)


def test_what_was_acknowledged_outlives_kill_9(settings: Settings) -> None:
    before = control.start(settings)
    caller = ArmCaller(before)
    group = f"{caller.subscription}/resourceGroups/rg"
    zone = f"{group}/providers/Microsoft.Network/dnsZones/contoso.com"
    account = f"{group}/providers/Microsoft.MachineLearningModelManagement/accounts/acc"
    bodies = {
        group: {"location": "eastus2", "tags": {"a": "b"}},
        account: {"location": "eastus2", "sku": {"name": "S1"}},
        zone: {"location": "global"},
        f"{zone}/A/www": {"properties": {"TTL": 60, "ARecords": [{"ipv4Address": "203.0.113.7"}]}},
    }
    for path, body in bodies.items():
        assert caller("PUT", path, body).status_code == 201
    seen = {path: caller("GET", path).json() for path in [*bodies, f"{zone}/recordsets"]}
    ca = before.ca.read_bytes()

    # at once after the last acknowledgement
    assert caller("PUT", f"{zone}/A/last", bodies[f"{zone}/A/www"]).status_code == 201
    kill(before.pid)
    assert control.status(settings.data).running is False

    after = control.start(settings)
    assert after.pid != before.pid
    assert after == replace(before, pid=after.pid)
    assert after.ca.read_bytes() == ca
    # the session, its token and the CA that it trusts are those of before
    assert caller("GET", f"{zone}/A/last").status_code == 200
    assert caller("DELETE", f"{zone}/A/last").status_code == 200
    for path in bodies:
        now = caller("GET", path).json()
        assert now["id"] == seen[path]["id"]
        assert path == zone or now == seen[path]
    host, _, port = str(after.dns).rpartition(":")
    answer = dns.query.udp(dns.message.make_query("www.contoso.com", "A"), host, port=int(port), timeout=5)
    assert [item.to_text() for item in answer.answer[0]] == ["203.0.113.7"]
    caller.close()


def test_one_that_ends_just_now_is_waited_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed process holds its data folder until the system is done with it, and a start may meet that."""
    first = control.start(settings)
    kill(first.pid)
    ending = ExitStack()
    asked: list[Path] = []

    def gone(data: Path) -> Status:
        asked.append(data)
        monkeypatch.undo()
        ending.close()
        raise ConnectionResetError

    def end_at_the_first_look() -> None:
        ending.enter_context(lock.held(settings.data))
        monkeypatch.setattr(control, "_health", gone)

    end_at_the_first_look()
    assert control.status(settings.data).running is False
    end_at_the_first_look()
    found = control.start(settings)
    assert len(asked) == 2
    assert found.running
    assert found.pid != first.pid


def test_a_stale_pid_file_misleads_nobody(settings: Settings) -> None:
    with Cloud(settings):
        assert control.status(settings.data).running is True
    pid_file = settings.data / "localcloud.pid"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        pid_file.write_text(str(bystander.pid))
        assert control.status(settings.data).running is False
        assert control.stop(settings.data) is False
        assert not pid_file.exists()
        assert bystander.poll() is None
        pid_file.write_text(str(bystander.pid))
        with Cloud(settings):
            assert control.status(settings.data).pid == int(pid_file.read_text()) == os.getpid()
        bystander.kill()


def test_secrets_stay_in_their_files(settings: Settings) -> None:
    started = control.start(settings)
    caller = ArmCaller(started)
    assert caller("GET", "/subscriptions").status_code == 200
    token, secret = caller.token(), caller.secret
    caller.sign_in(client_secret=f"{secret}x")
    caller.close()
    process = psutil.Process(started.pid)
    log = (settings.data / "localcloud.log").read_text()
    for place in (log, " ".join(process.cmdline()), str(process.environ()), str(started)):
        assert secret not in place
        assert token not in place
    assert stat.S_IMODE(settings.data.stat().st_mode) == 0o700
    for path in settings.data.rglob("*"):
        if path.is_file() and path.name not in ("lock",):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    addresses = {connection.laddr.ip for connection in process.net_connections() if connection.laddr}
    assert addresses == {"127.0.0.1"}


def test_a_taken_port_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "RELEASE_TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for name in ("https", "dns"):
            with pytest.raises(StartError) as refused:
                Cloud(replace(settings, **{f"{name}_port": port})).start()
            assert str(refused.value) == (
                f"Port {port} on 127.0.0.1, the {name} port, is taken by another process: "
                f"stop that, or choose another with --{name}-port."
            )
    assert not lock.is_held(settings.data)


def test_a_process_that_cannot_start_says_why(settings: Settings) -> None:
    settings.data.mkdir()
    (settings.data / "lock").touch()
    (settings.data / "ports.json").write_text("{}")
    with pytest.raises(StartError, match=f"^{settings.data / 'ports.json'} is damaged: delete it"):
        control.start(settings)


def test_a_data_folder_in_use_is_refused(settings: Settings) -> None:
    with (
        Cloud(settings),
        pytest.raises(StartError, match=f"--data {settings.data} is in use by another localcloud"),
    ):
        Cloud(settings).start()


def test_a_folder_of_somebody_else_is_left_alone(settings: Settings) -> None:
    settings.data.mkdir(mode=0o755)
    (settings.data / "thesis.txt").write_text("mine")
    with pytest.raises(StartError, match="holds something that is not a localcloud's"):
        control.start(settings)
    assert [path.name for path in settings.data.iterdir()] == ["thesis.txt"]
    assert stat.S_IMODE(settings.data.stat().st_mode) == 0o755


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ports.json", "is damaged: delete it"),
        ("localcloud.db", "cannot be read (file is not a database)"),
        ("ca.pem", "is not a certificate: delete ca.pem, ca.key"),
        ("ca.key", "is missing or not a private key: delete ca.pem, ca.key"),
    ],
)
def test_damaged_files_are_named(settings: Settings, name: str, message: str) -> None:
    with Cloud(settings) as cloud:
        before = cloud.status()
    path = settings.data / name
    good = path.read_bytes()
    path.write_bytes(b"nonsense")
    server_key = settings.data / "server.key"
    server_key.unlink()  # else the CA is not looked at
    with pytest.raises(StartError) as refused:
        Cloud(settings).start()
    assert str(path) in str(refused.value)
    assert message in str(refused.value)
    path.write_bytes(good)
    with Cloud(settings) as cloud:
        assert replace(cloud.status(), certificate=None) == replace(before, certificate=None)


def test_foreground_process_says_where_and_ends_on_sigterm(settings: Settings) -> None:
    command = [sys.executable, "-m", "localcloud", "serve", "--data", str(settings.data)]
    command += ["--featurizers", str(settings.featurizers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line == f"localcloud is ready at {control.status(settings.data).https}\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert not lock.is_held(settings.data)


_TOLD_BY_ANOTHER_THREAD = """
import os, signal, sys, threading
from localcloud.__main__ import main

ready, told = os.pipe()

def tell():
    os.read(ready, 6)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

threading.Thread(target=tell, daemon=True).start()
sys.exit(main(["serve", *sys.argv[1:], "--ready-fd", str(told)]))
"""


def test_a_signal_that_another_thread_gets_ends_it(settings: Settings) -> None:
    """The system chooses the thread; here it is one that does nothing else."""
    command = [sys.executable, "-c", _TOLD_BY_ANOTHER_THREAD, "--data", str(settings.data)]
    command += ["--featurizers", str(settings.featurizers), "--scoring-network", settings.scoring_network]
    subprocess.run(command, check=True, timeout=60)
    assert not lock.is_held(settings.data)


def test_control_imports_nothing_heavy() -> None:
    code = "import sys, localcloud.control; print(*{name.partition('.')[0] for name in sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {
        "starlette",
        "uvicorn",
        "cryptography",
        "grpc",
        "onnxruntime",
        "numpy",
        "azure",
        "jwt",
        "requests",
    }
    assert heavy.isdisjoint(found.stdout.split())
