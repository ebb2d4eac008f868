"""`fpga doctor` on real states of a machine: what is found, what is told, and that nothing is touched."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from localcloud import control, waiting
from localcloud.datafolder import lock
from localcloud.settings import CLIENT_SECRET, LOG, PID
from localcloud.status import Status
from tests.support import waits
from tests.support.localcloud import parts
from tests.support.waiting import PATIENCE_S

ERROR = "error"
WARNING = "warning"


def fpga(
    local: Path, *arguments: str, before: Sequence[str] = (), **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FPGA_LOCAL": str(local), **variables}
    return subprocess.run(
        [*before, sys.executable, "-m", "fpga.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def examined(local: Path, before: Sequence[str] = (), **variables: str) -> dict[str, list[dict[str, str]]]:
    """The findings by what was looked at."""
    done = fpga(local, "doctor", "--format", "json", before=before, **variables)
    told = json.loads(done.stdout)
    by_check: dict[str, list[dict[str, str]]] = {}
    for one in told["findings"]:
        by_check.setdefault(one["check"], []).append(one)
        assert bool(one["remedy"]) is (one["standing"] != "fine")
    has_errors = any(one["standing"] == ERROR for one in told["findings"])
    assert (done.returncode, told["healthy"]) == ((1, False) if has_errors else (0, True)), done.stderr
    return by_check


def the_one(found: Mapping[str, list[dict[str, str]]], check: str) -> tuple[str, str]:
    (one,) = found[check]
    return one["standing"], one["told"]


def snapshot(folder: Path) -> dict[str, Any]:
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.lstat().st_mtime_ns, path.lstat().st_size)
        for path in sorted(folder.rglob("*"))
        if path.name != LOG
    }


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Status]:
    """A localcloud in the place of the checkout's own."""
    data = tmp_path / "cloud"
    yield control.start(parts.settings(data))
    control.stop(data)


def test_files_that_others_left_as_they_should_not_be(tmp_path: Path) -> None:
    data = tmp_path / "cloud"
    data.mkdir()
    (data / CLIENT_SECRET).write_text("a secret")
    (data / CLIENT_SECRET).chmod(0o644)
    (data / "lock").touch()
    (data / PID).write_text("1")
    state = tmp_path / "state" / ".pulumi" / "stacks" / "fpga-web-service"
    state.mkdir(parents=True)
    (state / "local.json").write_text("{}")
    locks = tmp_path / "state" / ".pulumi" / "locks" / "organization" / "fpga-web-service" / "local"
    locks.mkdir(parents=True)
    ended = subprocess.Popen(["true"])
    ended.wait()
    (locks / "1.json").write_text(
        json.dumps({"hostname": socket.gethostname(), "pid": ended.pid, "username": "ada"})
    )
    day_after_tomorrow = time.time() + 2 * 86400
    (tmp_path / "activate").touch()
    os.utime(tmp_path / "activate", (day_after_tomorrow, day_after_tomorrow))
    before = snapshot(tmp_path)

    found = examined(tmp_path)

    assert the_one(found, "secret files") == (ERROR, f"{data}/{CLIENT_SECRET} may be read by others")
    assert the_one(found, "engine")[0] == ERROR
    assert the_one(found, "virtual environment") == (ERROR, f"{tmp_path}/venv is not there")
    standing, told = the_one(found, "passphrase")
    assert (standing, told) == (ERROR, f"{tmp_path}/passphrase, of the secrets of local, is not there")
    standing, told = the_one(found, "clock")
    assert standing == ERROR
    assert f"and {tmp_path}/activate was made at" in told
    left = [one["told"] for one in found["left behind"]]
    assert left[0] == f"{data}/{PID} is of a localcloud that was killed"
    assert left[1].startswith("the stack local is locked by an update that was killed (ada@")
    assert snapshot(tmp_path) == before
    # what is wrong is wrong for a person, too
    done = fpga(tmp_path, "doctor", COLUMNS="200")
    assert done.returncode == 1
    assert f"`chmod go-rwx {data}/{CLIENT_SECRET}`" in done.stdout
    assert "fpga state unlock -s local" in done.stdout


def test_a_shell_whose_variables_lead_astray(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "gone.pem")
    (tmp_path / "photo.pem").write_bytes(b"\xff\xd8 no certificate")
    found = examined(
        tmp_path,
        before=["sh", "-c", 'umask 0777; exec "$@"', "sh"],
        GRPC_DEFAULT_SSL_ROOTS_FILE_PATH=nowhere,
        SSL_CERT_FILE=str(tmp_path / "photo.pem"),
        https_proxy="http://127.0.0.1:9",
        no_proxy="localhost",
        NO_PROXY="",
        PULUMI_HOME="/srv/another/.local/pulumi-home",
        PULUMI_STACK="",
        FPGA_STACK="nowhere",
        LC_ALL="de_DE.ISO-8859-1",
    )
    told = {one["told"] for one in found["files that variables name"]}
    assert (
        f"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH names {nowhere}, which cannot be read (No such file or directory)"
        in told
    )
    assert f"SSL_CERT_FILE names {tmp_path}/photo.pem, which holds no certificate in PEM" in told
    assert the_one(found, "proxies")[0] == WARNING
    assert the_one(found, "umask")[0] == ERROR
    assert the_one(found, "locale")[0] == WARNING
    assert [one["standing"] for one in found["activation"]] == [WARNING, ERROR]


def test_a_home_and_a_folder_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "local").write_text("a file")
    found = examined(tmp_path / "local", HOME=str(tmp_path / "gone"), FPGA_CACHE="")
    assert the_one(found, "home folder")[0] == ERROR
    standing, told = the_one(found, "folders can be written")
    assert standing == ERROR
    assert f"{tmp_path}/local is no folder" in told


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root and util-linux")
def test_a_machine_whose_loopback_is_down(tmp_path: Path) -> None:
    standing, told = the_one(examined(tmp_path, before=["unshare", "--net"]), "loopback addresses")
    assert standing == ERROR
    assert told == "127.0.0.1 cannot be used: a connection to it fails (Network is unreachable)"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to others, and mount")
def test_files_of_another_user_and_a_disk_without_programs(tmp_path: Path) -> None:
    local = tmp_path / "local"
    local.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "noexec,size=1m,nr_inodes=100", "none", str(local)]
    script = f'{" ".join(mount)} && touch {local}/file && chown 65534 {local}/file && exec "$@"'
    found = examined(local, before=["unshare", "--mount", "sh", "-c", script, "sh"])
    assert the_one(found, "owners") == (ERROR, f"{local}/file belong to somebody else than root")
    assert "is mounted noexec" in the_one(found, "programs can run")[1]
    assert [one["standing"] for one in found["disk room"]] == [ERROR, ERROR]


def test_a_localcloud_that_runs_is_killed_and_finds_its_port_taken(tmp_path: Path, running: Status) -> None:
    data = tmp_path / "cloud"
    found = examined(tmp_path)
    assert the_one(found, "localcloud")[0] == "fine"
    assert the_one(found, "certificates")[0] == "fine"
    assert the_one(found, "ports") == ("fine", "none is kept for later")

    assert running.pid is not None
    os.kill(running.pid, signal.SIGKILL)
    assert waiting.until(lambda: not lock.is_held(data), PATIENCE_S)
    assert running.https is not None
    port = int(running.https.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        found = examined(tmp_path)
    assert the_one(found, "localcloud") == (WARNING, f"the one of {data} does not run")
    standing, told = the_one(found, "ports")
    assert standing == ERROR
    assert told.startswith(f"port {port} on 127.0.0.1 (https of {data}) is taken by another process")
    assert the_one(found, "left behind")[1] == f"{data}/{PID} is of a localcloud that was killed"


def test_a_localcloud_that_does_not_answer(tmp_path: Path, running: Status) -> None:
    assert running.pid is not None
    os.kill(running.pid, signal.SIGSTOP)
    try:
        standing, told = the_one(examined(tmp_path), "localcloud")
    finally:
        os.kill(running.pid, signal.SIGCONT)
    assert standing == ERROR
    assert told.startswith(f"The localcloud of {tmp_path}/cloud does not answer")


def test_its_log_is_shown_and_has_no_secret(tmp_path: Path, running: Status) -> None:
    secret = running.client_secret_file.read_text().strip()
    shown = fpga(tmp_path, "logs")
    assert (shown.returncode, waits.without(shown.stderr)) == (0, "")
    assert shown.stdout == (tmp_path / "cloud" / LOG).read_text()
    assert secret not in shown.stdout
    last = fpga(tmp_path, "logs", "-n", "1").stdout
    assert last == shown.stdout.splitlines(keepends=True)[-1]
    assert fpga(tmp_path, "logs", "-n", "0").stdout == ""


def test_there_is_no_log_of_what_never_was(tmp_path: Path) -> None:
    done = fpga(tmp_path, "logs")
    assert done.returncode == 1
    assert (
        waits.without(done.stderr)
        == f"error: There is no localcloud in {tmp_path}/cloud: `fpga cloud up` starts one.\n"
    )
