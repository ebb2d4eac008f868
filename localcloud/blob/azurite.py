"""Blob storage: Azurite's own blob service as a child process, serving Resource Manager's accounts.

`launcher.js` beside this module is the child's side. The account list and the certificate, both with keys, go
through the child's standard input: those never stand in an argument, an environment or a file. When this
process ends, however it ends, that pipe ends too, and the child with it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from localcloud import binding, ports
from localcloud.certificate.pair import Pair
from localcloud.errors import LocalcloudError, StartError
from localcloud.kept_child import KeptChild

log = logging.getLogger(__name__)

LAUNCHER = Path(__file__).with_name("launcher.js")
EXTENTS = "__blobstorage__"
"""The folder of the files that hold blobs, in Azurite's own."""
LISTS = ("__azurite_db_blob__.json", "__azurite_db_blob_extent__.json")
"""Azurite's lists of blobs, and of the files that hold them; the second one is written first."""
PORT_PATIENCE_S = 2.0
STOP_TIMEOUT_S = 5.0
RENEW_TIMEOUT_S = 5.0


def lost_list(data: Path) -> Path | None:
    """The list of blobs, or of the files that hold them, that is lost or cut in a folder that holds some.

    Azurite would take a lost one for empty, and collect what it does not name; on one that is cut it does not
    start.
    """
    extents = data / EXTENTS
    if not extents.is_dir() or not any(extents.iterdir()):
        return None
    lists = [data / name for name in LISTS]
    return next((path for path in lists if not _is_whole(path)), None)


def _is_whole(path: Path) -> bool:
    """Whether a list is there, and ends as it began: each is replaced as a whole, and is one JSON object."""
    try:
        return isinstance(json.loads(path.read_bytes()), dict)
    except (OSError, ValueError, RecursionError):
        return False


class BlobStorageError(LocalcloudError):
    """Blob storage did not take an account list in time: it is starting again, or hangs."""


class Azurite(KeptChild):
    """The blob service at `https://HOST:PORT/ACCOUNT/` and `https://ACCOUNT.blob.SUFFIX:PORT/`, started again
    whenever it dies.

    Args:
        data: the folder of its blobs; made, for its owner alone, where there is none.
        host: loopback address to listen on.
        port: TCP port to listen on.
        node: Node's binary, 22 or newer.
        package: root of the installed npm package `azurite`.
        pair: the chain that it shows until `renew`, with its key.
        suffixes: those of `localcloud.blob.names`, by which it takes the account from a host's name.
    """

    def __init__(
        self,
        *,
        data: Path,
        host: str,
        port: int,
        node: Path,
        package: Path,
        pair: Pair,
        suffixes: Sequence[str] = (),
    ) -> None:
        super().__init__("Azurite")
        self._data, self._host, self._port = data, host, port
        self._command = [
            str(node),
            "--disable-warning=DEP0040",  # punycode, in Azurite's dependencies
            *(str(LAUNCHER), str(package), host, str(port), str(data), *suffixes),
        ]
        self._pair = pair
        self._accounts: Mapping[str, tuple[str, str]] | None = None
        self._deleted: set[str] = set()  # and not yet told to a child that took it
        self._number = self._acknowledged = 0
        self._usage: Mapping[str, int] = {}
        self._drain_s = STOP_TIMEOUT_S

    @property
    def usage(self) -> Mapping[str, int]:
        """Bytes of blobs by account, of those that have some, as of a second ago at most."""
        with self._changed:
            return self._usage

    def start(self, timeout_s: float = 20.0) -> None:
        """Starts the service and returns when it listens.

        Args:
            timeout_s: how long to wait for that, in seconds.

        Raises:
            StartError: it did not come up; the message holds what it said.
        """
        self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._keeper.start()
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._failure, timeout_s)
            if "EADDRINUSE" in self._failure:
                # the child of a localcloud that was just killed is about to let go of the port
                self._changed.wait_for(lambda: self._ready, PORT_PATIENCE_S)
            failure = self._failure or f"it was not ready after {timeout_s:g} s"
            if self._ready:
                return
        self.stop()
        error = binding.error_of(failure)
        remedy = ports.refused(error, self._host, self._port, "blob") if error else "See the log."
        raise StartError(
            f"Blob storage (Azurite) does not start on {self._host}:{self._port}: {failure}. {remedy}"
        )

    def stop(self, drain_timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Ends the child and waits for its end, behind the requests under way, which may take so long. What
        was acknowledged is on disk. May be called twice.
        """
        with self._changed:
            self._drain_s = drain_timeout_s
            self._stop.set()
            child = self._child
            self._changed.notify_all()
        if child is not None:
            _end(child, drain_timeout_s + STOP_TIMEOUT_S)
        if self._keeper.is_alive():
            self._keeper.join()

    def set_accounts(self, accounts: Mapping[str, tuple[str, str]], timeout_s: float = 10.0) -> None:
        """Makes these the accounts that are served, at once; what accounts held that were served is deleted.

        What the folder holds of others, which no list of this process had, is moved aside and logged.
        Before `start` it is the list to start with. Callers that change the list from several threads take
        turns from where they read it to here: the last call counts.

        Args:
            accounts: account name -> its two keys, base64.
            timeout_s: how long to wait for the child's acknowledgement, in seconds. The list is kept in any
                case, and sent again to a child that starts later.

        Raises:
            BlobStorageError: no acknowledgement in time.
        """
        self.wait_until_taken(self.hand_over(accounts), timeout_s)

    def hand_over(self, accounts: Mapping[str, tuple[str, str]]) -> int:
        """As `set_accounts`, without waiting for the child: the list's number, for `wait_until_taken`."""
        with self._changed:
            self._deleted |= set(self._accounts or ()) - set(accounts)
            self._accounts = dict(accounts)
            self._number += 1
            self._changed.notify_all()
            return self._number

    def renew(self, pair: Pair) -> None:
        """Has the child show another certificate; one that hangs is not waited for."""
        with self._changed:
            self._pair = pair
            self._number += 1  # it comes with each list
            number = self._number
            self._changed.notify_all()
        with contextlib.suppress(BlobStorageError):
            self.wait_until_taken(number, RENEW_TIMEOUT_S)

    def wait_until_taken(self, number: int, timeout_s: float) -> None:
        """Returns when the child serves the list of that number, or a later one; at once before `start`.

        Raises:
            BlobStorageError: not within `timeout_s` seconds.
        """
        with self._changed:
            if not self._keeper.is_alive():
                return
            if not self._changed.wait_for(
                lambda: self._acknowledged >= number or self._stop.is_set(), timeout_s
            ):
                raise BlobStorageError(
                    f"Blob storage did not take the storage accounts within {timeout_s:g} s; it gets them "
                    "as soon as it answers again."
                )

    def _tell(self, child: subprocess.Popen[bytes]) -> None:
        """A child's own thread, which hands it each newest list; one that hangs holds up nobody else.

        The end of its standard input is what a child ends at.
        """
        assert child.stdin is not None  # noqa: S101 - made with a pipe
        told = -1
        with contextlib.suppress(BrokenPipeError), child.stdin:  # once it is gone, the next one gets the list
            while (newest := self._newer_list(child, told)) is not None:
                told = newest["id"]
                child.stdin.write(json.dumps(newest).encode() + b"\n")
                child.stdin.flush()
            if self._stop.is_set():
                child.stdin.write(json.dumps({"drain": self._drain_s}).encode() + b"\n")
                child.stdin.flush()
                child.wait()  # should this process end before, so does the pipe, and the child at once

    def _newer_list(self, child: subprocess.Popen[bytes], told: int) -> dict[str, Any] | None:
        """The newest list, as a child reads it, once there is one after that number; None: it is to end."""

        def is_over() -> bool:
            return self._stop.is_set() or self._child is not child

        with self._changed:
            self._changed.wait_for(lambda: is_over() or self._number != told)
            if is_over():
                return None
            shown = {"certificate": self._pair.chain.decode(), "key": self._pair.key.decode()}
            return {
                "id": self._number,
                "accounts": self._accounts,
                "deleted": sorted(self._deleted),
                **shown,
            }

    def _spawn(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # none of the caller's NODE_* or AZURITE_* settings; PATH for the loader of some systems
            env={"PATH": os.environ.get("PATH", ""), "NODE_ENV": "production"},
            umask=0o077,
            # a terminal's Ctrl-C is for localcloud, which ends the child in its own time
            start_new_session=True,
        )

    def _attend(self, child: subprocess.Popen[bytes]) -> str:
        threading.Thread(target=self._tell, args=(child,), name="azurite's accounts", daemon=True).start()
        threading.Thread(target=_log, args=(child,), name="azurite's errors", daemon=True).start()
        return self._listen(child)

    def _listen(self, child: subprocess.Popen[bytes]) -> str:
        """Takes the child's words until it ends, and says of what it has."""
        assert child.stdout is not None  # noqa: S101 - made with a pipe
        said = ""
        with child.stdout:
            for line in child.stdout:
                message: dict[str, Any] = json.loads(line)
                with self._changed:
                    if message.get("ready"):
                        self._ready, self._failure = True, ""
                    self._acknowledged = max(self._acknowledged, message.get("ack", 0))
                    if self._acknowledged == self._number:
                        self._deleted.clear()
                    if message.get("aside"):
                        log.warning(
                            "blobs of accounts that are gone are moved aside, and deleted after 30 days: %s",
                            ", ".join(message["aside"]),
                        )
                    self._usage = message.get("usage", self._usage)
                    said = message.get("error", said)
                    self._changed.notify_all()
        code = child.wait()
        return said or f"exit code {code}"


def _log(child: subprocess.Popen[bytes]) -> None:
    """Has what a child says of its errors in the log, which is bounded while it says more."""
    assert child.stderr is not None  # noqa: S101 - made with a pipe
    with child.stderr:
        for line in child.stderr:
            log.warning("Azurite says: %s", line.decode(errors="replace").rstrip())


def _end(child: subprocess.Popen[bytes], patience_s: float) -> None:
    """Lets the child end by itself, as it does when its input has, else kills it."""
    try:
        child.wait(patience_s)
    except subprocess.TimeoutExpired:
        log.warning("Azurite did not end within %g s and was killed", patience_s)
        child.kill()
        child.wait()
