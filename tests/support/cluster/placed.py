"""A service that is placed, as localcloud has it: on a machine of a cluster, told what to do line by line."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from clients.wire.messages import PredictResponse
from clients.wire.tensorflow_serving import array_from_tensor
from localcloud.cluster.credentials import Credentials
from localcloud.placing.client import Replicas
from localcloud.placing.files import FileServer
from localcloud.placing.placer import Placer, PlacingError
from localcloud.placing.wanted import Placed, Wanted
from localcloud.scoring.errors import ScoringError
from localcloud.scoring.scorer import ModelShape
from tests.support.cluster.clusters import Node
from tests.support.localcloud.scoring_parts import device, photo_request
from tests.support.waiting import wait_until

CALLERS: Final = 8
SERVICE: Final = "service"
_WAIT_S: Final = 120.0


class Placing:
    """A service on replicas, in a process on a machine, until the end of the block."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, command: str, **given: Any) -> Any:
        """What a command gives; see `_Service`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([command, given]) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        assert "raised" not in told, told["raised"]
        return told["gave"]


@contextmanager
def placing(node: Node) -> Iterator[Placing]:
    """Starts it on this machine, which is a node of the cluster."""
    command = node.machine.command(
        sys.executable, "-m", __name__, node.head.target, str(node.credentials.tls_folder)
    )
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=node.environment()
    ) as process:
        try:
            yield Placing(process)
        finally:
            process.stdin.close()  # type: ignore[union-attr]
            process.wait(60)


class _Service:
    """The commands; each may be called once at a time."""

    def __init__(self, head: str, tls: Path, folder: Path) -> None:
        files = next(
            Credentials(token, tls) for token in (tls / "token", tls.parent / "token") if token.exists()
        )
        self._folder, self._credentials = folder, files
        self._server = FileServer(files, lambda digest: folder / digest, device())
        where = self._server.start(files.own_address())
        self._scorers: dict[str, Replicas] = {}
        self._placer = Placer(head, files, folder, where, self._changed)
        self._placer.start()
        self._pool = ThreadPoolExecutor(CALLERS)
        self._ended = threading.Event()
        self._runs: list[Future[list[tuple[float, str | None]]]] = []
        self._answered = 0
        self.digest = ""

    def want(self, package: str, replicas: int, most: int | None = None) -> str | None:
        """Has so many replicas answer with the package in this file; gives the reason why they do not.

        Args:
            most: how many there may be; see `Wanted`.
        """
        content = Path(package).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        (self._folder / digest).write_bytes(content)
        wanted = Wanted(SERVICE, digest, replicas, most)
        before = [Wanted(SERVICE, self.digest, 1)] if self.digest not in ("", digest) else []
        self._scorers.setdefault(
            digest,
            Replicas(ModelShape(224, 224, (), (None,)), self._credentials, None, wanted.application),
        )
        self._placer.want([*before, wanted])
        try:
            self._placer.wait(wanted, _WAIT_S, lambda: False)
        except PlacingError as error:
            self._placer.want(before)
            return str(error)
        self.digest = digest
        self._placer.want([wanted])
        wait_until(lambda: len(self.endpoints()) == replicas)
        return None

    def endpoints(self) -> list[list[Any]]:
        """Where its replicas answer, as far as is known."""
        placed = self._placer.placed(SERVICE, self.digest)
        return [list(one) for one in (() if placed is None else placed.endpoints)]

    def score(self) -> int:
        """The best class of a photo."""
        return self._score()

    def begin(self) -> None:
        """Has callers call, one call after the other."""
        self._ended.clear()
        self._runs = [self._pool.submit(self._call) for _ in range(CALLERS)]

    def more(self, number: int) -> None:
        """Waits until so many more calls were answered."""
        until = self._answered + number
        wait_until(lambda: self._answered >= until)

    def end(self) -> dict[str, Any]:
        """Ends the callers: what became of their calls."""
        self._ended.set()
        calls = [call for run in self._runs for call in run.result(60)]
        failed = [error for _, error in calls if error is not None]
        return {"calls": len(calls), "failed": failed, "slowest_s": max(took_s for took_s, _ in calls)}

    def away(self) -> None:
        """Serves no files any more."""
        self._server.stop()

    def stop(self) -> None:
        """Ends all but the replicas."""
        self._placer.stop()
        for one in self._scorers.values():
            one.close()
        self._server.stop()

    def _call(self) -> list[tuple[float, str | None]]:
        calls: list[tuple[float, str | None]] = []
        while not self._ended.is_set():
            began, error = time.monotonic(), None
            try:
                self._score()
            except ScoringError as failure:
                error = f"{type(failure).__name__}: {failure}"
            calls.append((time.monotonic() - began, error))
            self._answered += 1
        return calls

    def _score(self) -> int:
        answer = self._scorers[self.digest].answer(photo_request().SerializeToString(), 30)
        scores = array_from_tensor(PredictResponse.FromString(answer).outputs["output_alias"])
        return int(scores[0].argmax())

    def _changed(self, placed: Placed) -> None:
        self._scorers[placed.digest].follow(placed.endpoints)


def _main(head: str, tls: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        service = _Service(head, Path(tls), Path(folder))
        for line in sys.stdin:
            command, given = json.loads(line)
            try:
                told = {"gave": getattr(service, command)(**given)}
            except Exception as error:
                told = {"raised": repr(error)}
            print(json.dumps(told), flush=True)
        service.stop()


if __name__ == "__main__":
    _main(*sys.argv[1:])
