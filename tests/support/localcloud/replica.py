"""A replica as the edge meets it: `python -m tests.support.localcloud.replica FOLDER [DELAY_S]`.

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

import grpc

from localcloud.placing.credentials import Credentials
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.calls import Calls
from localcloud.scoring.counts import Counts
from localcloud.scoring.methods import Methods
from localcloud.scoring.pipeline import Pipeline
from localcloud.scoring.served import ServedModel
from tests.support.certificates.authority import Authority

CHECKOUT = Path(__file__).parents[3]
HOST = "127.0.0.1"
_DRAIN_S = 30.0
_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 100),
    ("grpc.http2.max_ping_strikes", 0),
)


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
def replicas(own: Credentials, number: int, delay_s: float = 0.0) -> Iterator[list[Replica]]:
    """So many replicas, which answer; each computes so long more."""
    with ExitStack() as stack:
        processes = [stack.enter_context(_running(own, delay_s)) for _ in range(number)]
        yield [Replica(one, Endpoint(HOST, _told_port(one))) for one in processes]


def _told_port(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


@contextmanager
def _running(own: Credentials, delay_s: float) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", __name__, str(own.tls_folder), str(delay_s)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=CHECKOUT) as process:
        try:
            yield process
        finally:
            process.kill()


def _serve(folder: Path, delay_s: float) -> None:
    from tests.support.localcloud.scoring_parts import MODEL, real_pipeline

    own = Credentials(folder / "token", folder)
    real = real_pipeline()

    class Slow(Pipeline):
        def score(self, images):  # type: ignore[no-untyped-def]
            time.sleep(delay_s)
            return super().score(images)

    calls = Calls()
    model = ServedModel(Slow(real._steps, real.height, real.width), None, MODEL)
    methods = Methods("service", lambda: model, calls, Counts())
    methods.follow(model)
    server = grpc.server(calls.threads, methods.handlers(), options=_OPTIONS)
    pair = own.key_file.read_bytes(), own.certificate_file.read_bytes()
    secured = grpc.ssl_server_credentials([pair], own.ca_file.read_bytes(), require_client_auth=True)
    port = server.add_secure_port(f"{HOST}:0", secured)
    drains = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: drains.set())
    server.start()
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    print(port, flush=True)
    drains.wait()
    methods.end()
    server.stop(_DRAIN_S).wait()
    os._exit(0)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), float(sys.argv[2]))
