"""`fpga cloud list`, `fpga down --all` and `fpga open`, beside processes that are of this test alone.

What acts on all of a user's localclouds runs in a namespace of processes of its own, and sees no others.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fpga.cloud import running
from localcloud import control
from localcloud.datafolder import lock
from localcloud.settings import PID
from localcloud.status import Status
from tests.support import waits
from tests.support.localcloud import parts
from tests.support.waiting import PATIENCE_S

_ALONE = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
ALONE = [*_ALONE, "--pid", "--fork", "--mount-proc"]


def fpga(local: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fpga.cli", *arguments],
        env={**os.environ, "FPGA_LOCAL": str(local), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def may_be_alone() -> bool:
    try:
        return subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Status]:
    data = tmp_path / "cloud"
    yield control.start(parts.settings(data))
    control.stop(data)


def test_the_one_that_runs_is_listed_and_a_stale_file_is_cleared(tmp_path: Path, started: Status) -> None:
    stale = tmp_path / "clouds" / "killed"
    stale.mkdir(parents=True)
    (stale / "lock").touch()
    (stale / PID).write_text("999999")
    done = fpga(tmp_path, "cloud", "list", "--json")
    assert done.returncode == 0, done.stderr
    assert waits.without(done.stderr) == f"{stale} had the pid file of one that was killed: it is removed.\n"
    assert not (stale / PID).exists()
    (one,) = [one for one in json.loads(done.stdout) if one["data"] == str(tmp_path / "cloud")]
    assert (one["pid"], one["https"], one["trouble"]) == (started.pid, started.https, None)
    shown = fpga(tmp_path, "cloud", "list", COLUMNS="200").stdout
    assert f"{tmp_path}/cloud  {started.pid}" in shown
    assert not running.logs_to_journal(tmp_path / "cloud")


def test_a_page_is_opened_by_an_address_without_a_secret(tmp_path: Path, started: Status) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {shlex.quote(str(opened))}\n')
    browser.chmod(0o700)
    done = fpga(tmp_path, "open", BROWSER=f"{browser} %s")
    assert (done.returncode, done.stdout) == (0, f"{started.https}/portal\n"), done.stderr
    assert opened.read_text() == f"{started.https}/portal"
    secret = started.client_secret_file.read_text().strip()
    assert secret not in done.stdout + done.stderr
    assert str(started.client_secret_file) in done.stderr
    opened.unlink()
    done = fpga(tmp_path, "open", "--no-browser", BROWSER=f"{browser} %s")
    assert done.stdout == f"{started.https}/portal\n"
    assert not opened.exists()


def test_nothing_is_opened_where_none_runs(tmp_path: Path) -> None:
    done = fpga(tmp_path, "open")
    assert done.returncode == 1
    assert (
        waits.without(done.stderr)
        == f"error: No localcloud runs on {tmp_path}/cloud: `fpga cloud up` starts one.\n"
    )


@pytest.mark.skipif(not may_be_alone(), reason="this user may make no namespace of processes")
def test_all_of_them_are_stopped_once_that_is_confirmed(tmp_path: Path) -> None:
    parts.settings(tmp_path)  # installs what is missing
    command = f"{shlex.quote(sys.executable)} -m fpga.cli"
    here, there = (shlex.quote(str(tmp_path / name)) for name in ("here", "there"))
    script = "\n".join(
        (
            "set -e",
            f"FPGA_LOCAL={here} {command} cloud up > /dev/null",
            f"FPGA_LOCAL={there} {command} cloud up > /dev/null",
            f"if FPGA_LOCAL={here} {command} down --all < /dev/null; then exit 9; fi",
            f"FPGA_LOCAL={here} {command} cloud list --json > {here}/list.json",
            f"FPGA_LOCAL={here} {command} down --all --yes",
            f"FPGA_LOCAL={here} {command} down --all --yes",
        )
    )
    done = subprocess.run(
        [*ALONE, "sh", "-c", script], capture_output=True, text=True, check=False, timeout=2 * PATIENCE_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Stop 2 of them?" in done.stdout
    listed = json.loads((tmp_path / "here" / "list.json").read_text())
    assert [one["data"] for one in listed] == [f"{tmp_path}/here/cloud", f"{tmp_path}/there/cloud"]
    assert done.stdout.endswith("2 localclouds are stopped.\nNothing was running.\n")
    assert not lock.is_held(tmp_path / "there" / "cloud")
