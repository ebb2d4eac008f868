"""Services of small models, whose answers tell which one gave them, and callers of theirs."""

from __future__ import annotations

import functools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc

from clients.wire.messages import PredictResponse
from clients.wire.tensorflow_serving import OUTPUT, array_from_tensor
from tests.support.cluster.replicas import request
from tests.support.localcloud.data_plane import endpoint
from tests.support.localcloud.scoring_parts import (
    channel,
    definition,
    onnx_stage,
    package,
    predict,
    tiny_model,
)
from tests.support.waiting import wait_until

CALLERS: Final = 8


@functools.cache
def mean() -> bytes:
    """A package whose answer is the mean colour."""
    return _package(tiny_model("ReduceMean", ["n", 8, 8, 3], ["n", 3], axes=[1, 2], keepdims=0))


@functools.cache
def total() -> bytes:
    """A package whose answer is 64 times that."""
    return _package(tiny_model("ReduceL1", ["n", 8, 8, 3], ["n", 3], axes=[1, 2], keepdims=0))


def _package(model: bytes) -> bytes:
    return package({"service_def.json": definition(onnx_stage()), "m.onnx": model})


def answer(
    service: dict[str, Any], value: float = 2.0, key: str | None = None, root: bytes | None = None
) -> float:
    with channel(endpoint(service), root) as opened:
        return _number(predict(opened, request(value), key))


def _number(found: PredictResponse) -> float:
    return float(array_from_tensor(found.outputs[OUTPUT]).reshape(-1)[0])


class Callers:
    """Eight callers of a service, one call after the other, until the block ends."""

    def __init__(self, service: dict[str, Any]) -> None:
        self._where, self._is_over = endpoint(service), threading.Event()
        self.answers: list[float] = []
        self.failed: list[grpc.RpcError] = []
        self.slowest_s = 0.0
        self._pool = ThreadPoolExecutor(CALLERS)

    def __enter__(self) -> Callers:
        self._calls = [self._pool.submit(self._call_on) for _ in range(CALLERS)]
        wait_until(lambda: len(self.answers) > CALLERS)
        return self

    def __exit__(self, *_error: object) -> None:
        answered = len(self.answers)
        wait_until(lambda: len(self.answers) > answered + CALLERS or bool(self.failed))
        self._is_over.set()
        self._pool.shutdown()

    def _call_on(self) -> None:
        with channel(self._where) as opened:
            while not self._is_over.is_set():
                began = time.monotonic()
                try:
                    self.answers.append(_number(predict(opened, request(2.0))))
                except grpc.RpcError as error:
                    self.failed.append(error)
                self.slowest_s = max(self.slowest_s, time.monotonic() - began)
