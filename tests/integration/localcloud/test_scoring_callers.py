"""Callers that send slowly, much, or wrong keys, and the others, who do not notice."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack

import grpc
import numpy as np
import pytest

from clients.wire.messages import TensorProto
from clients.wire.tensorflow_serving import METHOD, tensor_from_array
from localcloud.scoring import prediction, wrong_keys
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.calls import Calls
from localcloud.scoring.host import Deployment, ScoringHost
from localcloud.scoring.pipeline import Pipeline
from localcloud.scoring.places import Limits
from localcloud.scoring.scorer import Scorer
from localcloud.scoring.turns import cores
from tests.support.certificates.authority import Authority
from tests.support.localcloud.scoring_parts import (
    MODEL,
    PRIMARY,
    SECONDARY,
    channel,
    free_endpoint,
    photo_request,
    predict,
    real_pipeline,
    tls_material,
)
from tests.support.localcloud.stuck_caller import stuck_caller
from tests.support.waiting import wait_until

FEW = Limits(total=8, service=3, peer=2, kept=2, total_bytes=1_000_000, service_bytes=500_000)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def host(calls: Calls) -> Iterator[ScoringHost]:
    scoring = ScoringHost(calls)
    yield scoring
    scoring.stop()


class Gated(Pipeline):
    """The real pipeline, which notes its calls and lets them on when it is told to."""

    def __init__(self, name: str, computed: list[str], opened: threading.Event) -> None:
        super().__init__(real_pipeline()._steps, real_pipeline().height, real_pipeline().width)
        self._name, self._computed, self._opened = name, computed, opened

    def score(self, images: TensorProto) -> TensorProto:
        self._computed.append(self._name)
        assert self._opened.wait(30)
        return tensor_from_array(np.zeros((1, 2), dtype=np.float32))


def deployed(
    host: ScoringHost,
    service_id: str,
    pipeline: Pipeline | Future[Scorer] | None = None,
    authority: Authority | None = None,
) -> Endpoint:
    """Where a service answers that was deployed for the test."""
    endpoint = free_endpoint()
    tls = tls_material(authority) if authority else None
    model = real_pipeline() if pipeline is None else pipeline
    host.deploy(Deployment(service_id, *endpoint, model, tls, PRIMARY, SECONDARY, MODEL))
    return endpoint


def received(calls: Calls, service_id: str) -> int:
    """How many calls of a service are being received."""
    return calls._receiving._services[service_id]


def queued(calls: Calls, service_id: str) -> int:
    """How many calls of a service wait for their turn."""
    return len(calls.turns._queues.get(service_id, ()))


def begun(opened: grpc.Channel, number: int, timeout_s: float = 30) -> list[grpc.Future[bytes]]:
    """Calls with the photo that are under way."""
    method = opened.unary_unary(METHOD, bytes, bytes)
    message = photo_request().SerializeToString()
    return [method.future(message, timeout=timeout_s) for _ in range(number)]


@pytest.mark.parametrize("secure", [False, True])
def test_callers_that_send_half_a_message_delay_nobody(
    host: ScoringHost, calls: Calls, authority: Authority, secure: bool
) -> None:
    root, key = (authority.root, PRIMARY) if secure else (None, None)
    held_up = deployed(host, "held up", authority=authority if secure else None)
    other = deployed(host, "other", authority=authority)
    with ExitStack() as stuck, channel(held_up, root) as same, channel(other, authority.root) as opened:
        for _ in range(8 * cores()):
            stuck.enter_context(stuck_caller(held_up, root, key))
        wait_until(lambda: received(calls, "held up") == 8 * cores())
        for _ in range(3):
            predict(opened, photo_request(), PRIMARY)
            predict(same, photo_request(), key)
        assert received(calls, "held up") == 8 * cores()
    wait_until(lambda: not received(calls, "held up"))


def test_two_stuck_callers_cost_other_services_no_time(host: ScoringHost, calls: Calls) -> None:
    held_up, other = deployed(host, "held up"), deployed(host, "other")

    def slowest(opened: grpc.Channel) -> float:
        """The 98th percentile of fifty calls, in seconds."""
        took = []
        for _ in range(50):
            begin = time.perf_counter()
            predict(opened, photo_request())
            took.append(time.perf_counter() - begin)
        return sorted(took)[48]

    quiet, beside = [], []
    with channel(other) as opened:
        predict(opened, photo_request())
        # in turns, and the best of each: what else the machine does counts on both sides
        for _ in range(3):
            quiet.append(slowest(opened))
            with stuck_caller(held_up), stuck_caller(held_up):
                wait_until(lambda: received(calls, "held up") == 2)
                beside.append(slowest(opened))
            wait_until(lambda: not received(calls, "held up"))
    assert min(beside) <= 2 * min(quiet)


def test_a_caller_with_a_key_that_sends_nothing_more_is_cut_off(
    host: ScoringHost, calls: Calls, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction, "MESSAGE_TIMEOUT_WITH_KEY_S", 0.5)
    endpoint = deployed(host, "service", authority=authority)
    cut_off = threading.Event()
    monkeypatch.setattr(calls, "receiving", _told(calls.receiving, cut_off))
    with stuck_caller(endpoint, authority.root, PRIMARY):
        assert cut_off.wait(30)
        wait_until(lambda: not received(calls, "service"))


def _told(
    receiving: Callable[[str, str, float, Callable[[], object]], AbstractContextManager[None]],
    cut_off: threading.Event,
) -> Callable[[str, str, float, Callable[[], object]], AbstractContextManager[None]]:
    """The same, which tells when it has cut a call off."""

    def tell(
        service: str, peer: str, timeout_s: float, cut: Callable[[], object]
    ) -> AbstractContextManager[None]:
        def cut_and_tell() -> None:
            cut()
            cut_off.set()

        return receiving(service, peer, timeout_s, cut_and_tell)

    return tell


def test_who_finds_no_place_to_send_is_told_so_at_once() -> None:
    calls = Calls(receiving=FEW)
    host = ScoringHost(calls)
    held_up, other = deployed(host, "held up"), deployed(host, "other")
    try:
        with channel(held_up) as opened:
            with stuck_caller(held_up), stuck_caller(held_up):
                wait_until(lambda: received(calls, "held up") == 2)
                with pytest.raises(grpc.RpcError, match="2 calls of yours are being received") as refused:
                    predict(opened, photo_request())
                assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
                with channel(other) as elsewhere:
                    predict(elsewhere, photo_request())
            wait_until(lambda: not received(calls, "held up"))
            predict(opened, photo_request())
    finally:
        host.stop()


def test_who_finds_no_place_to_wait_is_told_so_at_once() -> None:
    calls, gate = Calls(waiting=FEW), threading.Event()
    computed: list[str] = []
    host = ScoringHost(calls)
    endpoint = deployed(host, "busy", Gated("busy", computed, gate))
    try:
        with channel(endpoint) as opened:
            waiting = begun(opened, 2)
            wait_until(lambda: calls._waiting._services["busy"] == 2)
            with pytest.raises(grpc.RpcError, match="2 calls of yours are waiting for an answer") as refused:
                predict(opened, photo_request())
            assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            gate.set()
            for call in waiting:
                call.result()
            predict(opened, photo_request())
    finally:
        gate.set()
        host.stop()


def test_a_call_whose_deadline_is_over_is_not_computed(host: ScoringHost, calls: Calls) -> None:
    computed: list[str] = []
    gate = threading.Event()
    endpoint = deployed(host, "service", Gated("computed", computed, gate))
    try:
        with channel(endpoint) as opened:
            busy = begun(opened, cores())
            wait_until(lambda: len(computed) == cores())
            late, left = begun(opened, 2, timeout_s=1), begun(opened, 2)
            wait_until(lambda: queued(calls, "service") == 4)
            for call in left:
                call.cancel()
            for call in late:
                ended = call.exception()
                assert isinstance(ended, grpc.RpcError)
                assert ended.code() == grpc.StatusCode.DEADLINE_EXCEEDED
            wait_until(lambda: calls._waiting._services["service"] == cores())
            assert queued(calls, "service") == 0
            gate.set()
            for call in busy:
                call.result()
            predict(opened, photo_request())
    finally:
        gate.set()
    assert len(computed) == cores() + 1


def test_a_flood_on_one_service_does_not_starve_another(host: ScoringHost, calls: Calls) -> None:
    computed: list[str] = []
    gate = threading.Event()
    flooded = deployed(host, "flooded", Gated("flooded", computed, gate))
    quiet = deployed(host, "quiet", Gated("quiet", computed, gate))
    try:
        with channel(flooded) as flood, channel(quiet) as opened:
            many = begun(flood, 40)
            wait_until(lambda: queued(calls, "flooded") == 40 - cores())
            one = begun(opened, 1)
            wait_until(lambda: queued(calls, "quiet") == 1)
            gate.set()
            for call in [*many, *one]:
                call.result()
    finally:
        gate.set()
    # those that were being computed, and one of the flood's for each core
    assert computed.index("quiet") <= 2 * cores()
    assert len(computed) == 41


def test_calls_that_wait_for_a_model_hold_no_core_and_may_leave(host: ScoringHost, calls: Calls) -> None:
    loading: Future[Scorer] = Future()
    early, other = deployed(host, "early", loading), deployed(host, "other")
    with channel(early) as opened, channel(other) as elsewhere:
        waiting, late = begun(opened, 4 * cores()), begun(opened, 1, timeout_s=1)
        wait_until(lambda: calls._waiting._services["early"] == 4 * cores() + 1)
        predict(elsewhere, photo_request())
        ended = late[0].exception()
        assert isinstance(ended, grpc.RpcError)
        assert ended.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        wait_until(lambda: calls._waiting._services["early"] == 4 * cores())
        loading.set_result(real_pipeline())
        for call in waiting:
            call.result()


def test_wrong_keys_are_refused_slowly_and_told_in_the_log_without_the_key(
    host: ScoringHost, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = deployed(host, "guarded", authority=authority)
    with channel(endpoint, authority.root) as opened, caplog.at_level(logging.WARNING):
        begin = time.perf_counter()
        for number in range(6):
            with pytest.raises(grpc.RpcError, match="neither the primary nor") as refused:
                predict(opened, photo_request(), f"guess-{number}")
            assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
        assert time.perf_counter() - begin >= 6 * wrong_keys.SLOWED_S
        wait_until(lambda: sum(int(line.rpartition(" ")[2]) for line in lines(caplog)) == 6)
        with pytest.raises(grpc.RpcError, match="none came"):
            predict(opened, photo_request())
        predict(opened, photo_request(), PRIMARY)
    assert all(
        line.startswith("Calls with a wrong key: service guarded, peer ipv4:127.") for line in lines(caplog)
    )
    assert 2 <= len(lines(caplog)) <= 4
    assert "guess" not in caplog.text


def test_guesses_over_many_connections_are_bounded_and_shut_nobody_out(
    host: ScoringHost, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """Each of eight connections sends fifty keys at once, and again as soon as they are answered."""
    endpoint = deployed(host, "besieged", authority=authority)
    codes: Counter[grpc.StatusCode] = Counter()
    over = threading.Event()

    def guess(opened: grpc.Channel) -> None:
        method = opened.unary_unary(METHOD, bytes, bytes)
        while not over.is_set():
            futures = [
                method.future(b"", metadata=(("authorization", f"guess-{one}"),), timeout=30)
                for one in range(50)
            ]
            for future in futures:
                codes[future.code()] += 1

    begin = time.perf_counter()
    with ExitStack() as stack, caplog.at_level(logging.WARNING):
        guessers = [stack.enter_context(channel(endpoint, authority.root)) for _ in range(8)]
        threads = [threading.Thread(target=guess, args=(one,)) for one in guessers]
        known = stack.enter_context(channel(endpoint, authority.root))
        for thread in threads:
            thread.start()
        for _ in range(5):
            predict(known, photo_request(), PRIMARY)
            with channel(endpoint, authority.root) as opened:  # from the same address
                predict(opened, photo_request(), SECONDARY)
        wait_until(lambda: codes[grpc.StatusCode.RESOURCE_EXHAUSTED] > 1000)
        over.set()
        for thread in threads:
            thread.join()
    elapsed_s = time.perf_counter() - begin
    assert set(codes) == {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.RESOURCE_EXHAUSTED}
    most = 8 * (wrong_keys.AT_ONCE + elapsed_s / wrong_keys.SLOWED_S)
    assert codes[grpc.StatusCode.UNAUTHENTICATED] <= most
    assert len(lines(caplog)) <= elapsed_s + 2
    assert "guess-" not in caplog.text


def test_a_call_may_not_bring_many_keys(host: ScoringHost, authority: Authority) -> None:
    endpoint = deployed(host, "guarded", authority=authority)
    with channel(endpoint, authority.root) as opened:
        method = opened.unary_unary(METHOD, bytes, bytes)
        sent = (*(("authorization", f"guess-{one}") for one in range(20)), ("authorization", PRIMARY))
        with pytest.raises(grpc.RpcError, match="More than 2 keys came") as refused:
            method(b"", metadata=sent, timeout=30)
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_no_method_but_health_is_there_for_who_has_no_key(host: ScoringHost, authority: Authority) -> None:
    endpoint = deployed(host, "guarded", authority=authority)
    refusals = {
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": grpc.StatusCode.UNAUTHENTICATED,
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": grpc.StatusCode.UNAUTHENTICATED,
        "/grpc.channelz.v1.Channelz/GetServers": grpc.StatusCode.UNIMPLEMENTED,
        "/tensorflow.serving.PredictionService/GetModelMetadata": grpc.StatusCode.UNAUTHENTICATED,
        "/tensorflow.serving.PredictionService/Classify": grpc.StatusCode.UNIMPLEMENTED,
        "/tensorflow.serving.ModelService/GetModelStatus": grpc.StatusCode.UNAUTHENTICATED,
        "/tensorflow.serving.ModelService/HandleReloadConfigRequest": grpc.StatusCode.UNIMPLEMENTED,
    }
    with channel(endpoint, authority.root) as opened:
        for name, code in refusals.items():
            with pytest.raises(grpc.RpcError) as refused:
                opened.unary_unary(name, bytes, bytes)(b"", timeout=30)
            assert refused.value.code() == code, name


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log has of wrong keys."""
    return [line for line in caplog.messages if "wrong key" in line]
