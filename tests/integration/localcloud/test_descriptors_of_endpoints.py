"""Finding the sockets of an endpoint among all descriptors leaves what the others are for."""

from __future__ import annotations

import fcntl
import socket
import subprocess
import sys
from pathlib import Path

from localcloud.scoring import sockets
from localcloud.scoring.addresses import Endpoint

_LOCK = """
import fcntl, sys
try:
    fcntl.lockf(open(sys.argv[1], "r+"), fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("held")
"""


def is_held(path: Path) -> bool:
    done = subprocess.run([sys.executable, "-c", _LOCK, path], capture_output=True, text=True, check=True)
    return done.stdout == "held\n"


def test_locks_on_files_stay(tmp_path: Path) -> None:
    """As those of SQLite: without them another process takes the database for one that nobody uses."""
    path = tmp_path / "file"
    path.touch()
    with path.open("r+") as file, socket.create_server(("127.0.0.1", 0)) as server:
        fcntl.lockf(file, fcntl.LOCK_EX)
        endpoint = Endpoint(*server.getsockname())
        with socket.create_connection(server.getsockname()) as caller, server.accept()[0]:
            found = sockets.connections(endpoint)
            assert caller.getsockname() in found
            for connection in found.values():
                connection.close()
            sockets.close_port(endpoint)
        assert is_held(path)
    assert not is_held(path)
