"""A restart loses no call of callers who repeat by the documented rule, counted; and a kill leaves nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import psutil
import pytest

from localcloud import control
from tests.support.localcloud.under_load import deployed
from tests.support.waiting import PATIENCE_S, wait_until

RESTARTS: Final = 2
OPTIONS: Final = ("--scoring-network", "127.93.0.0/16")
HOSTS: Final = ("--package-host", "127.0.0.1")
_CHECKOUT: Final = Path(__file__).parents[3]


def fpga(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fpga.cli", "cloud", *arguments],
        cwd=_CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "cloud"
    yield folder
    control.stop(folder)


def told(record_property: Callable[[str, object], None], text: str) -> None:
    record_property("calls", text)
    print(text)


def test_down_and_up_lose_no_call(data: Path, record_property: Callable[[str, object], None]) -> None:
    fpga("up", "--data", str(data), *OPTIONS, *HOSTS)
    served = deployed(data)
    before, pids = served.seen(), {control.status(data).pid}
    with served.load() as tally:
        for _ in range(RESTARTS):
            fpga("down", "--data", str(data))
            fpga("up", "--data", str(data), *OPTIONS)
            pids.add(control.status(data).pid)
    told(record_property, str(tally))
    assert not tally.failed, "\n".join(tally.failed)
    assert len(pids) == RESTARTS + 1
    assert served.seen() == before


def test_nothing_stays_behind_one_that_is_killed(data: Path) -> None:
    """Neither while it serves nor while it drains."""
    for is_draining in (False, True):
        fpga("up", "--data", str(data), *OPTIONS, "--drain-timeout", "600")
        process = psutil.Process(control.status(data).pid)
        children = process.children(recursive=True)
        assert children
        if is_draining:
            os.kill(process.pid, 15)
        process.kill()
        wait_until(lambda children=children: not any(one.is_running() for one in children))  # type: ignore[misc]
