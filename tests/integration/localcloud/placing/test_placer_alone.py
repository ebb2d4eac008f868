"""A placer without its cluster: what was known of before stays in force, and its child is looked after."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.cluster import issuing
from localcloud.cluster.credentials import Credentials
from localcloud.errors import StartError
from localcloud.placing import child, kept
from localcloud.placing.errors import PlacingError
from localcloud.placing.placer import Placer
from localcloud.placing.wanted import Placed, Wanted
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.errors import CancelledError
from tests.integration.localcloud.placing.conftest import Place, child_of
from tests.support.machines import Machine, needs_machines, network
from tests.support.waiting import wait_until

pytestmark = needs_machines

HERE = "10.79.6.1"
ADDRESS = f"{HERE}:6379"
OLD = Wanted("one", "1" * 64, 1)
NEW = Wanted("one", "2" * 64, 2)
WHERE = Endpoint("10.79.6.2", 7002)
PLACED = {"applications": [{"service_id": "one", "digest": "1" * 64, "endpoints": [list(WHERE)]}]}
LOCALCLOUD = """
import sys, time
from pathlib import Path
from localcloud.cluster.credentials import Credentials
from localcloud.placing.placer import Placer
from localcloud.scoring.addresses import Endpoint
token, tls, data, address = sys.argv[1:]
placer = Placer(address, Credentials(Path(token), Path(tls)), Path(data), Endpoint("127.0.0.1", 1), print)
placer.start()
placer.want(())
while placer.status().pid is None:
    time.sleep(0.02)
print(placer.status().pid, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A machine without Ray."""
    with network() as switch:
        yield switch.machine("here", HERE)


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    """Its files."""
    (made,) = issuing.make(tmp_path_factory.mktemp("cluster") / "credentials", [HERE])
    return made.credentials


def is_gone(pid: int) -> bool:
    """Whether there is no such process."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def test_a_cluster_that_is_not_there_is_told_and_waited_for(
    machine: Machine, credentials: Credentials, tmp_path: Path, place: Place
) -> None:
    begun = time.monotonic()
    with place(machine, credentials, tmp_path / "data", ADDRESS) as (placer, _):
        assert time.monotonic() - begun < 5
        assert placer.status().trouble is None  # nothing is asked of it
        placer.want([NEW])
        words = rf"The cluster at {ADDRESS} cannot be reached \(Connection refused\)\."
        wait_until(lambda: "cannot be reached" in (placer.status().trouble or ""))
        status = placer.status()
        assert (status.connected, status.nodes, status.replicas) == (False, 0, {"one": (0, 2)})
        with pytest.raises(PlacingError, match=rf"^0 of 2 replicas answer\. {words}$"):
            placer.wait(NEW, 0.1, lambda: False)
        with pytest.raises(CancelledError, match="Nobody waits for the replicas of one any more"):
            placer.wait(NEW, 60, lambda: True)
        assert placer.status().restarts == 0


def test_endpoints_of_before_are_in_force_before_the_cluster_is_there(
    machine: Machine, credentials: Credentials, tmp_path: Path, place: Place
) -> None:
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / kept.FILE
    file.write_text(json.dumps(PLACED))
    with place(machine, credentials, tmp_path / "data", ADDRESS) as (placer, following):
        assert placer.placed("one", "1" * 64) is None  # nobody wants it yet
        placer.want([OLD, NEW])
        assert placer.placed("one", "1" * 64) == Placed("one", "1" * 64, (WHERE,), 1)
        wait_until(lambda: following.endpoints("one", "1" * 64) == (WHERE,))
        assert following.endpoints("one", "2" * 64) == ()
        placer.want([NEW])
        wait_until(lambda: "cannot be reached" in (placer.status().trouble or ""))
        wait_until(lambda: NEW.application in {one.application for one in kept.read(file.parent).values()})
    # what is not known to be gone is ours to end, once somebody answers
    assert {one.application: one.endpoints for one in kept.read(tmp_path / "data").values()} == {
        OLD.application: (WHERE,),
        NEW.application: (),
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_was_known_last_is_kept_at_the_end(
    machine: Machine, credentials: Credentials, tmp_path: Path, place: Place
) -> None:
    # nothing is written between these and the end
    with place(machine, credentials, tmp_path, ADDRESS) as (placer, _), placer._changed:
        placer.want([NEW])
        placer._stopping = True
    assert set(kept.read(tmp_path)) == {NEW.application}


@pytest.mark.parametrize("content", ["", "[]", '{"applications": [{}]}', '{"applications": [1]}', "\0"])
def test_a_damaged_file_of_endpoints_is_refused_untouched(
    machine: Machine, credentials: Credentials, tmp_path: Path, content: str
) -> None:
    (tmp_path / kept.FILE).write_text(content)
    with machine.entered(), pytest.raises(StartError, match=rf"{kept.FILE} is damaged: delete it"):
        Placer(ADDRESS, credentials, tmp_path, WHERE, print)
    assert (tmp_path / kept.FILE).read_text() == content


def test_a_child_that_dies_is_replaced_and_told_all_again(
    machine: Machine, credentials: Credentials, tmp_path: Path, place: Place
) -> None:
    with place(machine, credentials, tmp_path / "data", ADDRESS) as (placer, _):
        placer.want([NEW])
        first = child_of(placer)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: placer.status().pid not in (first, None))
        assert placer.status().restarts == 1
        wait_until(lambda: "cannot be reached" in (placer.status().trouble or ""))
        second = child_of(placer)
    assert is_gone(first)
    assert is_gone(second)


def test_a_child_that_falls_silent_is_replaced(
    machine: Machine,
    credentials: Credentials,
    tmp_path: Path,
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(child, "JOINS_S", 3.0)
    with place(machine, credentials, tmp_path / "data", ADDRESS) as (placer, _):
        placer.want([NEW])
        first = child_of(placer)
        os.kill(first, signal.SIGSTOP)
        wait_until(lambda: placer.status().pid not in (first, None))
        assert is_gone(first)


def test_a_child_has_no_secret_on_its_command_line_nor_among_its_variables(
    machine: Machine,
    credentials: Credentials,
    tmp_path: Path,
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # of another cluster, and stronger than the file
    monkeypatch.setenv("RAY_AUTH_TOKEN", "another-" * 8)
    monkeypatch.setenv("RAY_ADDRESS", "10.79.6.9:6379")
    token = credentials.token_file.read_bytes().strip()
    with place(machine, credentials, tmp_path / "data", ADDRESS) as (placer, _):
        placer.want(())
        process = Path(f"/proc/{child_of(placer)}")
        variables = process.joinpath("environ").read_bytes()
        assert token not in process.joinpath("cmdline").read_bytes() + variables
        assert b"another-" not in variables
        assert b"RAY_ADDRESS" not in variables
        assert b"RAY_AUTH_MODE=token" in variables
        assert b"RAY_USE_TLS=1" in variables
        assert b"/ray/" not in process.joinpath("maps").read_bytes()  # loaded once there is a cluster


def test_a_child_ends_with_a_localcloud_that_is_killed(
    machine: Machine, credentials: Credentials, tmp_path: Path
) -> None:
    arguments = (credentials.token_file, credentials.tls_folder, tmp_path, ADDRESS)
    with subprocess.Popen(
        machine.command(sys.executable, "-c", LOCALCLOUD, *arguments), stdout=subprocess.PIPE, text=True
    ) as localcloud:
        assert localcloud.stdout is not None
        pid = int(localcloud.stdout.readline())
        assert not is_gone(pid)
        localcloud.kill()
    wait_until(lambda: is_gone(pid))
