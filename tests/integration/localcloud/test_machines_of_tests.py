"""The machines that tests make: apart from this one, and gone with the test that made them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support import machines
from tests.support.machines import addresses_here, needs_machines, network

pytestmark = needs_machines

# a test that makes a machine with a process on it, and says which
MAKER = """\
import subprocess, sys
from tests.support.machines import network
with network() as switch:
    made = switch.machine("left", "10.77.0.9")
    child = subprocess.Popen(made.command("sleep", "600"), stdin=subprocess.DEVNULL)
    print(made.name, child.pid, flush=True)
    sys.stdin.read()
"""
PING = """\
import socket, sys
with socket.create_server((sys.argv[1], 0)) as server:
    socket.create_connection(server.getsockname(), 5).close()
"""


def test_this_machine_has_none_of_their_addresses_and_they_no_way_out() -> None:
    with network() as switch:
        one, other = switch.machine("one", "10.77.0.1", "10.77.0.129"), switch.machine("other", "10.77.0.2")
        assert not [found for found in addresses_here() if " 10.77.0." in found]
        for machine in (one, other):
            assert [route["dst"] for route in machine.routes()] == ["10.77.0.0/24"]
            machine.python(PING, "127.0.0.1")
            with machine.entered():
                assert addresses_here()[0].startswith(f"eth0 {machine.address}")
        one.python(PING, "10.77.0.129")
        with pytest.raises(AssertionError, match="Network is unreachable"):
            one.python("import socket; socket.create_connection(('192.0.2.1', 9), 5)")


def test_another_takes_the_place_of_one_that_ended() -> None:
    reach = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 30).close()"
    serve = (
        "import socket; s = socket.create_server(('10.77.0.1', 9000)); print('up', flush=True); s.accept()"
    )
    with network() as switch:
        caller = switch.machine("caller", "10.77.0.2")
        for _ in range(2):
            server = switch.machine("server", "10.77.0.1")
            command = server.command(sys.executable, "-c", serve)
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                assert process.stdout.readline() == "up\n"
                caller.python(reach, "10.77.0.1", "9000")
                server.end()


def test_what_a_killed_test_has_left_is_removed_by_the_next_one() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", MAKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    ) as maker:
        assert maker.stdout is not None
        name, pid = maker.stdout.readline().split()
        try:
            machines.remove_stale()
            assert Path("/run/netns", name).exists(), "its test goes on"
            assert Path("/etc/netns", name).is_dir()
        finally:
            maker.send_signal(signal.SIGKILL)
    machines.remove_stale()
    assert not Path("/run/netns", name).exists()
    assert not Path("/etc/netns", name).exists()
    assert not psutil.pid_exists(int(pid)) or psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE
