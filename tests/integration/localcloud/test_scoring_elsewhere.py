"""A service whose scorer waits for other machines: it takes no core's turn, and no more than its places."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection
from json import dumps, loads

import grpc
import pytest

from clients.wire.tensorflow_serving import METHOD
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.calls import RECEIVING, Calls, Stage
from localcloud.scoring.errors import BusyError, InputError, ScoringError, StoppingError
from localcloud.scoring.host import Deployment, ScoringHost
from localcloud.scoring.places import Limits
from localcloud.scoring.scorer import ModelShape, Scorer
from localcloud.scoring.turns import cores
from tests.integration.localcloud.test_scoring_web import B64
from tests.support.localcloud.scoring_parts import (
    MODEL,
    PHOTO,
    PRIMARY,
    SECONDARY,
    channel,
    free_endpoint,
    photo_request,
    predict,
    real_pipeline,
)
from tests.support.waiting import PATIENCE_S, wait_until

FEW = Limits(total=16, service=12, peer=12, kept=4, total_bytes=1 << 30, service_bytes=1 << 30)


class Elsewhere:
    """A scorer that waits as for another machine, and answers as the real pipeline does."""

    computes_here = False

    def __init__(self) -> None:
        self.arrived, self.opened = threading.Semaphore(0), threading.Event()
        self.refusal: ScoringError | None = None
        self.timeouts: list[float | None] = []

    @property
    def shape(self) -> ModelShape:
        return real_pipeline().shape

    def answer(self, message: bytes, timeout_s: float | None) -> bytes:
        self.timeouts.append(timeout_s)
        self.arrived.release()
        if self.refusal is not None:
            raise self.refusal
        assert self.opened.wait(PATIENCE_S)
        return real_pipeline().answer(message, timeout_s)


@pytest.fixture
def calls() -> Calls:
    return Calls(RECEIVING, FEW)


@pytest.fixture
def host(calls: Calls) -> Iterator[ScoringHost]:
    scoring = ScoringHost(calls)
    yield scoring
    scoring.stop()


@pytest.fixture
def scorer() -> Iterator[Elsewhere]:
    made = Elsewhere()
    yield made
    made.opened.set()


def deployed(host: ScoringHost, name: str, model: Scorer | Future[Scorer]) -> Endpoint:
    """A service that anyone may call, by HTTP at its port plus 1."""
    where = free_endpoint()
    host.deploy(Deployment(name, *where, model, None, PRIMARY, SECONDARY, MODEL, where.port + 1))
    return where


def posted(where: Endpoint) -> tuple[int, object]:
    opened = HTTPConnection(where.address, where.port + 1, timeout=PATIENCE_S)
    try:
        opened.request("POST", "/v1/models/m:predict", dumps({"instances": [B64]}))
        answer = opened.getresponse()
        return answer.status, loads(answer.read())
    finally:
        opened.close()


@pytest.mark.parametrize("is_loading", [False, True])
def test_calls_that_wait_for_other_machines_hold_no_core(
    host: ScoringHost, calls: Calls, scorer: Elsewhere, is_loading: bool
) -> None:
    loading: Future[Scorer] = Future()
    away = deployed(host, "away", loading if is_loading else scorer)
    here = deployed(host, "here", real_pipeline())
    number = 2 * cores() + 4
    with (
        ThreadPoolExecutor(number) as pool,
        channel(away) as opened,
        channel(here) as beside,
    ):
        waiting = [pool.submit(predict, opened, photo_request()) for _ in range(number)]
        if is_loading:
            wait_until(lambda: calls.in_progress()[Stage.ANSWERING].get("away") == number)
            loading.set_result(scorer)
        by_http = [pool.submit(posted, away) for _ in range(0 if is_loading else 1)]
        for _ in range(number):
            assert scorer.arrived.acquire(timeout=PATIENCE_S)
        predict(beside, photo_request())  # which would wait for a core that each of them had
        assert posted(here)[0] == 200
        scorer.opened.set()
        assert all(one.result(PATIENCE_S).outputs for one in waiting)
        assert [one.result(PATIENCE_S)[0] for one in by_http] == [200] * len(by_http)
    assert not calls.in_progress()[Stage.ANSWERING]


def test_a_photo_on_the_page_is_scored_there(host: ScoringHost, scorer: Elsewhere) -> None:
    scorer.opened.set()
    deployed(host, "away", scorer)
    assert host.score_photo("away", "127.0.0.1", PHOTO.read_bytes()).best[0][0] == "espresso"


def test_they_have_a_bounded_number_of_places(host: ScoringHost, scorer: Elsewhere) -> None:
    away = deployed(host, "away", scorer)
    with ThreadPoolExecutor(FEW.peer) as pool, channel(away) as opened:
        waiting = [pool.submit(predict, opened, photo_request()) for _ in range(FEW.peer)]
        for _ in waiting:
            assert scorer.arrived.acquire(timeout=PATIENCE_S)
        with pytest.raises(grpc.RpcError) as refused:
            predict(opened, photo_request())
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        scorer.opened.set()
        assert all(one.result(PATIENCE_S).outputs for one in waiting)


@pytest.mark.parametrize(
    ("refusal", "code", "status", "words"),
    [
        (StoppingError("Nobody answers."), grpc.StatusCode.UNAVAILABLE, 503, "Nobody answers."),
        (BusyError("All are busy."), grpc.StatusCode.RESOURCE_EXHAUSTED, 429, "All are busy."),
        (InputError("No image."), grpc.StatusCode.INVALID_ARGUMENT, 400, "No image."),
        (ScoringError("secret"), grpc.StatusCode.INTERNAL, 500, "The model failed on this request."),
    ],
)
def test_what_it_says_is_told_to_callers(
    host: ScoringHost,
    scorer: Elsewhere,
    refusal: ScoringError,
    code: grpc.StatusCode,
    status: int,
    words: str,
) -> None:
    scorer.refusal = refusal
    away = deployed(host, "away", scorer)
    with channel(away) as opened, pytest.raises(grpc.RpcError) as refused:
        predict(opened, photo_request())
    assert (refused.value.code(), refused.value.details()) == (code, words)
    assert posted(away) == (status, {"error": words})


def test_the_callers_deadline_is_passed_on(host: ScoringHost, scorer: Elsewhere) -> None:
    scorer.opened.set()
    with channel(deployed(host, "away", scorer)) as opened:
        method = opened.unary_unary(METHOD, bytes, bytes)
        message = photo_request().SerializeToString()
        method(message)
        method(message, timeout=20)
    assert scorer.timeouts[0] is None
    assert scorer.timeouts[1] is not None
    assert 0 < scorer.timeouts[1] < 40  # as gRPC counts it
