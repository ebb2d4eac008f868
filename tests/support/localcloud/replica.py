"""A replica as the edge meets it: `python -m tests.support.localcloud.replica FOLDER DELAY_S APPLICATION`.

A scoring server with the real model and mutual TLS on a port of loopback, which it prints. It drains at
SIGTERM, and ends with its standard input.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from localcloud.cluster.credentials import Credentials
from localcloud.placing.server import ReplicaServer
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.pipeline import Pipeline
from localcloud.scoring.served import ServedModel
from tests.support.certificates.authority import Authority

CHECKOUT = Path(__file__).parents[3]
HOST = "127.0.0.1"
_DRAIN_S = 30.0
APPLICATION = "service-of-the-test"


@dataclass
class Replica:
    """A replica that runs."""

    process: subprocess.Popen[str]
    endpoint: Endpoint

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


def credentials(folder: Path, authority: Authority | None = None, address: str = HOST) -> Credentials:
    """New files of a machine at an address, of a CA."""
    authority = authority or Authority("cluster")
    issued = authority.issue([address])
    folder.mkdir(exist_ok=True)
    found = Credentials(folder / "token", folder)
    for path, content in (
        (found.ca_file, authority.root),
        (found.certificate_file, issued.pem),
        (found.key_file, issued.key_pem),
    ):
        path.touch(0o600)
        path.write_bytes(content)
    return found


@contextmanager
def replicas(
    own: Credentials, number: int, delay_s: float = 0.0, application: str = APPLICATION
) -> Iterator[list[Replica]]:
    """So many replicas, which answer; each computes so long more."""
    with ExitStack() as stack:
        processes = [stack.enter_context(_running(own, delay_s, application)) for _ in range(number)]
        yield [Replica(one, Endpoint(HOST, _told_port(one))) for one in processes]


def _told_port(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


@contextmanager
def _running(own: Credentials, delay_s: float, application: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", __name__, str(own.tls_folder), str(delay_s), application]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=CHECKOUT) as process:
        try:
            yield process
        finally:
            process.kill()


def _serve(folder: Path, delay_s: float, application: str) -> None:
    from tests.support.localcloud.scoring_parts import MODEL, real_pipeline

    own = Credentials(folder / "token", folder)
    real = real_pipeline()

    class Slow(Pipeline):
        def score(self, images):  # type: ignore[no-untyped-def]
            time.sleep(delay_s)
            return super().score(images)

    model = ServedModel(Slow(real._steps, real.height, real.width), None, MODEL)
    server = ReplicaServer(application, "service", model, HOST, own)
    drains = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: drains.set())
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    print(server.endpoint.port, flush=True)
    drains.wait()
    server.stop(_DRAIN_S)
    os._exit(0)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
