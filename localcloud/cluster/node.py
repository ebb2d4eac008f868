"""Ray on this machine, kept: started again whenever it ends, as when its head was away for long.

    python -m localcloud.cluster.node FOLDER [READY]

runs it in the foreground, for the membership in the folder, until SIGTERM or Ctrl-C. `ready` is written to
the descriptor READY once this machine is of the cluster. However this process ends, Ray ends with it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from localcloud import waiting
from localcloud.cluster import node_folder, start_hook
from localcloud.cluster.membership import STORE, Membership
from localcloud.errors import StartError
from localcloud.kept_child import KeptChild, tied
from surroundings import variables

START_TIMEOUT_S: Final = 120.0
_STARTED: Final = b"Ray runtime started."
_END_S: Final = 20.0
_LINES: Final = 12

_WATCH: Final = {
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "5",
}
"""By these a head takes a machine for dead that is silent for 15 s, or whose Ray ended 5 s ago; by Ray's own
numbers it would be 65 s and 15 s, and replicas that are to be started meanwhile wait for one that is dead."""

log = logging.getLogger("localcloud.cluster.node")


class Node(KeptChild):
    """The child.

    Args:
        membership: what this machine is.
        folder: this machine's, in which a head has its store.
    """

    def __init__(self, membership: Membership, folder: Path) -> None:
        super().__init__("Ray")
        self._membership, self._folder = membership, folder
        self._said: list[str] = []

    def start(self, is_over: Callable[[], bool], timeout_s: float = START_TIMEOUT_S) -> None:
        """Has this machine be of the cluster, and returns when it is.

        Args:
            is_over: whether nobody wants it any more.

        Raises:
            StartError: it did not come up; the message holds what Ray said.
        """
        self._keeper.start()
        waiting.until(lambda: self._ready or bool(self._failure) or is_over(), timeout_s)
        with self._changed:
            if self._ready or is_over():
                return
            failure = self._failure or f"it was not ready after {timeout_s:g} s"
        self.stop()
        raise StartError(f"Ray does not start here: {failure}")

    def stop(self) -> None:
        """Ends it and waits for its end. May be called twice."""
        self._end(_END_S)

    def _kill(self, child: subprocess.Popen[bytes]) -> None:
        _kill_group(child.pid)

    def _spawn(self) -> subprocess.Popen[bytes]:
        self._said = []
        temporary = node_folder.for_ray(node_folder.temporary(self._folder))
        ray = ["-u", "-P", "-m", "ray.scripts.scripts", *self._membership.arguments(temporary)]
        return subprocess.Popen(
            tied(sys.executable, *ray),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(self._membership, self._folder),
            umask=0o077,
            cwd=self._folder,
            start_new_session=True,
        )

    def _attend(self, child: subprocess.Popen[bytes]) -> str:
        listening = threading.Thread(target=self._listen, args=(child,), name="ray's words", daemon=True)
        listening.start()
        code = child.wait()
        (self._folder / node_folder.UP).unlink(missing_ok=True)
        _kill_group(child.pid)  # its agents outlive a raylet, and hold what it said
        listening.join()
        return "\n".join(self._said) if self._said and not self._ready else f"exit code {code}"

    def _listen(self, child: subprocess.Popen[bytes]) -> None:
        assert child.stdout is not None  # noqa: S101 - made with a pipe
        with child.stdout:
            for line in child.stdout:
                if _STARTED in line:
                    log.info("This machine is of the cluster of %s", self._membership.head.target)
                    (self._folder / node_folder.UP).touch()
                    with self._changed:
                        self._ready = True
                        self._changed.notify_all()
                text = line.decode(errors="replace").rstrip()
                if text and not self._ready:
                    self._said = [*self._said, text][-_LINES:]


def environment(membership: Membership, folder: Path | None = None) -> dict[str, str]:
    """The variables of a process with Ray that is let in by the cluster.

    Args:
        folder: this machine's, where the process is Ray itself.
    """
    found = variables.made({name: value for name, value in os.environ.items() if not name.startswith("RAY_")})
    found |= membership.credentials.environment()
    if folder is not None:
        found |= start_hook.VARIABLES
    if folder is not None and membership.is_head:
        found |= {"RAY_gcs_storage": "rocksdb", "RAY_gcs_storage_path": str(folder / STORE), **_WATCH}
    return found


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def main(folder: Path, ready: int | None) -> None:
    """Runs it until it is told to end.

    Raises:
        StartError: it cannot be started, or another process of this folder runs it.
    """
    os.umask(0o077)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    membership = Membership.read(folder / node_folder.MEMBERSHIP)
    if membership is None:
        raise StartError(f"{folder} is of no cluster: `fpga cloud join` makes it one.")
    with node_folder.held(folder), node_folder.made(node_folder.temporary(folder)):
        (folder / node_folder.UP).unlink(missing_ok=True)  # of one that was killed
        node = Node(membership, folder)
        try:
            node.start(over.is_set)
            if ready is not None and not over.is_set():
                with contextlib.suppress(BrokenPipeError):  # who waited was killed
                    os.write(ready, b"ready\n")
                os.close(ready)
            over.wait()
        finally:
            node.stop()


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
    except StartError as error:
        sys.exit(f"{node_folder.REFUSAL}{error}")
