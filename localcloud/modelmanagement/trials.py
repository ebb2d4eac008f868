"""Trials of packages: each is loaded and run in a process of its own before the server loads it.

What passed is remembered by the digest of its file and the version of onnxruntime, and not tried again.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import localcloud
from clients.wire.onnx_model import warm_up
from localcloud.datafolder.store import Store
from localcloud.modelmanagement import endings
from localcloud.scoring.errors import CancelledError, PackageError, ScoringError
from surroundings import variables

MEMORY_LIMIT: Final = 4 << 30
"""Bytes that a package may take at most; less where the machine has less than twice as much to spare."""
_LEAST_MEMORY: Final = 512 << 20
TOTAL_TIMEOUT_S: Final = 60.0
"""Wall time of a trial; its processor time ends earlier, unless the machine is busy."""
_ANSWER_LIMIT: Final = 64 * 1024
_KILLS_LIMIT: Final = 5
"""How many processes that try one package may be killed from outside before that is told."""
_KEPT: Final = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "ORT_DISABLE_TELEMETRY")

log = logging.getLogger(__name__)


class Trials:
    """The trials of one data folder. Its methods may be called from any thread.

    Args:
        featurizers: the folder of the device.
    """

    def __init__(self, store: Store, featurizers: Path) -> None:
        self._store = store
        self._featurizers = featurizers
        self._lock = threading.Lock()
        self._children: dict[subprocess.Popen[bytes], str] = {}
        self._cancelled: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def require(self, package: Path, owner: str = "", wanted: Callable[[], bool] = lambda: True) -> None:
        """Returns when the package has been tried, now or earlier, and runs.

        Args:
            package: the zip file.
            owner: in whose name it may be cancelled.
            wanted: asked once `cancel` would end the trial; False: it was cancelled before.

        Raises:
            PackageError: it does not run, or takes more memory or time than it may.
            CancelledError: nobody waits for it any more.
            ScoringError: it could not be tried.
        """
        with package.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        runtime = f"onnxruntime {importlib.metadata.version('onnxruntime')}"
        with self._store.read() as db:
            passed = db.execute(
                "SELECT 1 FROM trials WHERE digest = ? AND runtime = ?", (digest, runtime)
            ).fetchone()
        if passed is not None:
            return
        self._try(package, owner, wanted)
        with self._store.write() as db:
            db.execute("INSERT OR REPLACE INTO trials VALUES (?, ?)", (digest, runtime))

    def cancel(self, owner: str) -> None:
        """Ends the trials under way of an owner."""
        with self._lock:
            for child in [child for child, of in self._children.items() if of == owner]:
                self._cancel(child)

    def close(self) -> None:
        """Ends the trials under way; none is begun afterwards."""
        with self._lock:
            self._closed = True
            for child in self._children:
                self._cancel(child)

    def _cancel(self, child: subprocess.Popen[bytes]) -> None:
        self._cancelled.add(child)
        _kill(child)

    def _try(self, package: Path, owner: str, wanted: Callable[[], bool]) -> None:
        """Tries it, once more where somebody killed the process that did."""
        for _ in range(_KILLS_LIMIT):
            if self._tried(package, owner, wanted):
                return
            log.warning("the process that tried the package %s was killed: it is tried again", package.name)
        raise ScoringError(
            f"The package could not be tried: {_KILLS_LIMIT} processes that did were killed, one after "
            "another, by something else than the package. Try again."
        )

    def _tried(self, package: Path, owner: str, wanted: Callable[[], bool]) -> bool:
        """Tries it; False: its process was killed from outside."""
        memory, memory_kills = memory_limit(), endings.memory_kills()
        with self._lock:
            if self._closed:
                raise CancelledError("localcloud is about to stop.")
            child = _started(package, self._featurizers, memory)
            self._children[child] = owner
        try:
            if not wanted():
                self.cancel(owner)
            warm_up()  # what this process needs next, while the other one is busy
            answer = _answer(child)
        finally:
            with self._lock:
                _kill(child)
                del self._children[child]
                cancelled = child in self._cancelled
                self._cancelled.discard(child)
            child.wait()
        if cancelled:
            raise CancelledError("The trial of the package was cancelled.")
        if answer is not None and _killed(child.returncode, memory_kills):
            return False
        refused = _judged(answer, child.returncode, memory)
        if refused is not None:
            log.info("the package %s is refused (exit %d): %s", package.name, child.returncode, refused)
            raise PackageError(refused)
        return True


def _killed(returncode: int, memory_kills: int | None) -> bool:
    """Whether somebody killed a process: packages send no such signals, and SIGKILL may be the system's."""
    if returncode == -signal.SIGKILL:
        return not endings.killed_for_memory(memory_kills)
    return returncode in (-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP, -signal.SIGQUIT)


def memory_limit() -> int:
    """Bytes of memory that a package may take on this machine, as it is now."""
    limits = [MEMORY_LIMIT]
    spare = _spare_memory()
    if spare is not None:
        limits.append(spare // 2)
    own, _ = resource.getrlimit(resource.RLIMIT_AS)
    if own != resource.RLIM_INFINITY:  # what passes must have room in this process afterwards
        limits.append((own - _address_space()) // 2)
    return max(min(limits), _LEAST_MEMORY)


def _spare_memory() -> int | None:
    """Bytes that the system could give; None: it does not tell."""
    with suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    return None


def _address_space() -> int:
    with suppress(OSError):
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    return 0


def _started(package: Path, featurizers: Path, memory: int) -> subprocess.Popen[bytes]:
    arguments = [str(package.absolute()), str(featurizers.absolute()), str(memory)]
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "localcloud.scoring.trial", *arguments],
            stdin=subprocess.PIPE,  # which ends with this process, however that ends
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(localcloud.__file__).parents[1],
            env=variables.made({name: os.environ[name] for name in _KEPT if name in os.environ}),
            start_new_session=True,
        )
    except OSError as error:
        raise ScoringError(
            f"The package could not be tried, for no process could be started: {error.strerror}."
        ) from None


def _answer(child: subprocess.Popen[bytes]) -> bytes | None:
    """What the child says until its end; None: it takes too long."""
    assert child.stdout is not None  # noqa: S101 - made with pipes
    assert child.stdin is not None  # noqa: S101
    timer = threading.Timer(TOTAL_TIMEOUT_S, _kill, [child])
    timer.daemon = True
    timer.start()
    try:
        with child.stdout, child.stdin:
            answer = child.stdout.read(_ANSWER_LIMIT)
    finally:
        in_time = timer.is_alive()
        timer.cancel()
    return answer if in_time else None


def _judged(answer: bytes | None, returncode: int, memory: int) -> str | None:
    """The reason why the package is refused; None: it runs."""
    if answer is None or returncode == -signal.SIGXCPU:
        return "The package takes too long to load and to run on one image: make its model smaller."
    try:
        told: dict[str, Any] = json.loads(answer)
        refused: str | None = told["refused"]
    except (ValueError, KeyError, TypeError):
        how = signal.Signals(-returncode).name if returncode < 0 else f"exit code {returncode}"
        return (
            f"The package ended the process that tried it ({how}): most likely it takes more than "
            f"{memory >> 20} MiB of memory to load and to run. Make its model smaller."
        )
    return refused


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Ends a child that has not been waited for, and all that it started."""
    if child.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
