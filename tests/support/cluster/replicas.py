"""Replicas without Ray: the server of one, in this process or in one that can be killed."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from clients.wire.messages import PredictRequest
from clients.wire.tensorflow_serving import tensor_from_array
from localcloud.cluster.credentials import Credentials
from localcloud.placing.server import ReplicaServer
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.pipeline import Pipeline, load_package
from localcloud.scoring.scorer import ModelShape
from localcloud.scoring.served import ServedModel
from tests.support.certificates.authority import Authority
from tests.support.localcloud.scoring_parts import MODEL, definition, device, onnx_stage, package, tiny_model

ADDRESSES: Final = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
SHAPE: Final = ModelShape(8, 8, (), (None, 3))
APPLICATION: Final = "service-0123456789abcdef"
SERVICE: Final = "service"


def credentials(folder: Path, authority: Authority, addresses: Sequence[str] = ADDRESSES) -> Credentials:
    """A machine's files."""
    issued = authority.issue(list(addresses))
    folder.mkdir(parents=True)
    (folder / "ca.crt").write_bytes(authority.root)
    (folder / "tls.crt").write_bytes(issued.pem)
    (folder / "tls.key").write_bytes(issued.key_pem)
    (folder / "token").write_text("0" * 64)
    return Credentials(folder / "token", folder)


def small_package() -> bytes:
    """A package of one small model: the mean colour of an image of 8 x 8 pixels."""
    model = tiny_model("ReduceMean", ["n", 8, 8, 3], ["n", 3], axes=[1, 2], keepdims=0)
    return package({"service_def.json": definition(onnx_stage()), "m.onnx": model})


def request(value: float) -> bytes:
    """A request whose answer is three times this number."""
    asked = PredictRequest()
    asked.inputs["images"].CopyFrom(tensor_from_array(np.full((1, 8, 8, 3), value, dtype=np.float32)))
    return asked.SerializeToString()


class Slow(Pipeline):
    """A model that takes its time, on no core."""

    def __init__(self, delay_s: float) -> None:
        model = load_package(small_package(), device())
        super().__init__(model._steps, 8, 8)
        self.delay_s = delay_s

    def run(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        threading.Event().wait(self.delay_s)
        return super().run(images)


class Gated(Slow):
    """A model whose answers wait until `gate` is open; `began` is released by each call."""

    def __init__(self) -> None:
        super().__init__(0)
        self.gate, self.began = threading.Event(), threading.Semaphore(0)
        self.runs = 0

    def run(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        self.runs += 1
        self.began.release()
        assert self.gate.wait(60)
        return super().run(images)


@contextmanager
def serving(
    files: Credentials,
    pipeline: Pipeline | None = None,
    application: str = APPLICATION,
    service: str = SERVICE,
) -> Iterator[ReplicaServer]:
    """A replica in this process."""
    model = ServedModel(pipeline or Slow(0), None, MODEL)
    server = ReplicaServer(application, service, model, ADDRESSES[0], files)
    try:
        yield server
    finally:
        server.stop(0)


class ReplicaProcess:
    """A replica in a process of its own, which may be killed or stopped."""

    def __init__(self, files: Credentials, delay_s: float = 0.02, application: str = APPLICATION) -> None:
        command = [sys.executable, "-m", __name__, str(files.tls_folder), str(delay_s), application]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.endpoint = Endpoint(*json.loads(self.process.stdout.readline()))

    def end(self) -> None:
        """Kills it, and waits for its end."""
        self.process.kill()
        self.process.communicate()


def _main(folder: str, delay_s: str, application: str) -> None:
    files = Credentials(Path(folder) / "token", Path(folder))
    with serving(files, Slow(float(delay_s)), application) as server:
        print(json.dumps(server.endpoint), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    _main(*sys.argv[1:])
