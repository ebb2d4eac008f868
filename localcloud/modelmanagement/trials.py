"""Trials of packages: each is loaded and run in a process of its own before the server loads it.

What passed is remembered by the digest of its file and the version of onnxruntime, with the shape of its
model, and not tried again.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from clients.wire.onnx_model import warm_up
from localcloud.datafolder.store import Store
from localcloud.modelmanagement import endings
from localcloud.scoring import execution_providers, trial_process
from localcloud.scoring.errors import CancelledError, PackageError, ScoringError
from localcloud.scoring.scorer import ModelShape

_KILLS_LIMIT: Final = 5
"""How many processes that try one package may be killed from outside before that is told."""

log = logging.getLogger(__name__)


class Trials:
    """The trials of one data folder. Its methods may be called from any thread.

    Args:
        featurizers: the folder of the device.
        providers: those of the device: what passed by others is tried again.
    """

    def __init__(
        self, store: Store, featurizers: Path, providers: Sequence[str] = execution_providers.DEFAULT
    ) -> None:
        self._store = store
        self._featurizers = featurizers
        self._providers = tuple(providers)
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
        digest, runtime = digest_of(package), self._runtime()
        with self._store.read() as db:
            passed = db.execute(
                "SELECT 1 FROM trials WHERE digest = ? AND runtime = ?", (digest, runtime)
            ).fetchone()
        if passed is None:
            self._pass(package, digest, owner, wanted)

    def shape(self, package: Path, owner: str = "", wanted: Callable[[], bool] = lambda: True) -> ModelShape:
        """The shape of a package's model, which is tried where that is not known.

        Args, Raises: as of `require`.
        """
        digest = digest_of(package)
        known = self.known_shape(digest)
        return known if known is not None else self._pass(package, digest, owner, wanted)

    def known_shape(self, digest: str) -> ModelShape | None:
        """The shape of a package that was tried, by whatever version; None: it is not known."""
        with self._store.read() as db:
            row = db.execute("SELECT shape FROM trials WHERE digest = ?", (digest,)).fetchone()
        return None if row is None or row["shape"] is None else ModelShape.from_json(row["shape"])

    def _pass(self, package: Path, digest: str, owner: str, wanted: Callable[[], bool]) -> ModelShape:
        """Tries a package, and remembers that it runs."""
        # first on the CPU, where a package can open nothing: what accelerators load, they read from files
        for providers in dict.fromkeys((execution_providers.DEFAULT, self._providers)):
            shape = self._try(package, owner, wanted, providers)
        with self._store.write() as db:
            db.execute(
                "INSERT OR REPLACE INTO trials (digest, runtime, shape) VALUES (?, ?, ?)",
                (digest, self._runtime(), shape.to_json()),
            )
        return shape

    def _runtime(self) -> str:
        try:
            version = importlib.metadata.version("onnxruntime")
        except importlib.metadata.PackageNotFoundError:  # a build with another name is in its place
            import onnxruntime

            version = onnxruntime.__version__
        by = "" if self._providers == execution_providers.DEFAULT else f" {','.join(self._providers)}"
        return f"onnxruntime {version}{by}"

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
        trial_process.end(child)

    def _try(
        self, package: Path, owner: str, wanted: Callable[[], bool], providers: Sequence[str]
    ) -> ModelShape:
        """Tries it, once more where somebody killed the process that did."""
        for _ in range(_KILLS_LIMIT):
            shape = self._tried(package, owner, wanted, providers)
            if shape is not None:
                return shape
            log.warning("the process that tried the package %s was killed: it is tried again", package.name)
        raise ScoringError(
            f"The package could not be tried: {_KILLS_LIMIT} processes that did were killed, one after "
            "another, by something else than the package. Try again."
        )

    def _tried(
        self, package: Path, owner: str, wanted: Callable[[], bool], providers: Sequence[str]
    ) -> ModelShape | None:
        """Tries it; None: its process was killed from outside."""
        memory, memory_kills = trial_process.memory_limit(), endings.memory_kills()
        with self._lock:
            if self._closed:
                raise CancelledError("localcloud is about to stop.")
            child = trial_process.start(package, self._featurizers, memory, providers)
            self._children[child] = owner
        try:
            if not wanted():
                self.cancel(owner)
            warm_up()  # what this process needs next, while the other one is busy
            answer = trial_process.answer_of(child)
        finally:
            with self._lock:
                trial_process.end(child)
                del self._children[child]
                cancelled = child in self._cancelled
                self._cancelled.discard(child)
            child.wait()
        if cancelled:
            raise CancelledError("The trial of the package was cancelled.")
        if answer is not None and _killed(child.returncode, memory_kills):
            return None
        told = trial_process.judged(answer, child.returncode, memory)
        refused = told["refused"]
        if refused is not None:
            log.info("the package %s is refused (exit %d): %s", package.name, child.returncode, refused)
            raise PackageError(refused)
        return ModelShape.from_json(told["shape"])


def digest_of(package: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits.

    Raises:
        OSError: it cannot be read.
    """
    with package.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _killed(returncode: int, memory_kills: int | None) -> bool:
    """Whether somebody killed a process: packages send no such signals, and SIGKILL may be the system's."""
    if returncode == -signal.SIGKILL:
        return not endings.killed_for_memory(memory_kills)
    return returncode in (-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP, -signal.SIGQUIT)
