"""The threads that compute calls: the one that received a call, and few of all that there are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack

import numpy as np
import pytest

from clients.wire.messages import TensorProto
from clients.wire.tensorflow_serving import tensor_from_array
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.calls import Calls
from localcloud.scoring.host import Deployment, ScoringHost
from localcloud.scoring.pipeline import Pipeline
from localcloud.scoring.scorer import ModelShape
from localcloud.scoring.turns import cores
from tests.support.localcloud.scoring_parts import (
    MODEL,
    PRIMARY,
    SECONDARY,
    channel,
    free_endpoint,
    photo_request,
    predict,
)
from tests.support.localcloud.stuck_caller import stuck_caller
from tests.support.waiting import wait_until


class Noting(Pipeline):
    """A pipeline that notes the threads that run it, and how many do so at a time."""

    def __init__(self) -> None:
        self.shape = ModelShape(1, 1, (), ())
        self.threads: list[threading.Thread] = []
        self.most = 0
        self.gate = threading.Event()
        self.gate.set()
        self._lock = threading.Lock()
        self._now = 0

    def score(self, images: TensorProto) -> TensorProto:
        with self._lock:
            self.threads.append(threading.current_thread())
            self._now += 1
            self.most = max(self.most, self._now)
        assert self.gate.wait(30)
        with self._lock:
            self._now -= 1
        return tensor_from_array(np.zeros((1, 2), dtype=np.float32))


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def noting(calls: Calls) -> Iterator[tuple[Noting, Endpoint]]:
    """A service whose pipeline notes its threads."""
    pipeline, endpoint, host = Noting(), free_endpoint(), ScoringHost(calls)
    host.deploy(Deployment("service", *endpoint, pipeline, None, PRIMARY, SECONDARY, MODEL))
    yield pipeline, endpoint
    pipeline.gate.set()
    host.stop()


def test_calls_one_after_another_are_computed_where_they_were_received(
    noting: tuple[Noting, Endpoint], calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline, endpoint = noting
    received: list[threading.Thread] = []
    place = calls.waiting

    def noted(service: str, peer: str, size: int) -> AbstractContextManager[None]:
        received.append(threading.current_thread())
        return place(service, peer, size)

    monkeypatch.setattr(calls, "waiting", noted)
    with channel(endpoint) as opened:
        for _ in range(10):
            predict(opened, photo_request())
    assert pipeline.threads == received


def test_few_threads_have_ever_computed_however_many_called(noting: tuple[Noting, Endpoint]) -> None:
    pipeline, endpoint = noting
    with channel(endpoint) as opened, ThreadPoolExecutor(40) as callers:
        for _ in range(2):
            pipeline.gate.clear()
            answers = [callers.submit(predict, opened, photo_request()) for _ in range(40)]
            wait_until(lambda: len(pipeline.threads) % 40 == cores() % 40)
            pipeline.gate.set()
            for answer in answers:
                answer.result()
    assert len(pipeline.threads) == 80
    assert len(set(pipeline.threads)) <= 2 * cores()
    assert pipeline.most <= cores()


def test_callers_that_hold_the_threads_that_compute_delay_nobody(
    noting: tuple[Noting, Endpoint], calls: Calls
) -> None:
    pipeline, endpoint = noting
    with channel(endpoint) as opened:
        for _ in range(cores() + 1):
            predict(opened, photo_request())
        with ExitStack() as held:
            for _ in range(2 * cores()):
                held.enter_context(stuck_caller(endpoint))
            wait_until(lambda: calls._receiving._services["service"] == 2 * cores())
            for _ in range(5):
                predict(opened, photo_request())
    assert len(pipeline.threads) == cores() + 6
