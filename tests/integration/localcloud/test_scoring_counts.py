"""The counts of a service, beside what its callers have counted themselves."""

from __future__ import annotations

import base64
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import requests

from clients.wire.messages import TensorProto
from clients.wire.tensorflow_serving import METHOD, tensor_from_array
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.calls import Stage
from localcloud.scoring.counts import BOUNDS_S, PREDICT, Counted, Counts, Refused
from localcloud.scoring.host import MESSAGE_LIMIT, Deployment, ScoringHost
from localcloud.scoring.pipeline import Pipeline
from tests.support.certificates.authority import Authority
from tests.support.localcloud.scoring_parts import (
    MODEL,
    PRIMARY,
    SECONDARY,
    channel,
    free_endpoint,
    photo_request,
    real_pipeline,
    tls_material,
)
from tests.support.localcloud.scoring_parts import (
    PHOTO as PHOTO_FILE,
)
from tests.support.localcloud.stuck_caller import stuck_caller
from tests.support.waiting import wait_until

PHOTO = photo_request().SerializeToString()
NO_IMAGE = b"\x0a\x02no"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


class Gated(Pipeline):
    """A pipeline whose calls go on when they are let."""

    def __init__(self) -> None:
        super().__init__(real_pipeline()._steps, real_pipeline().height, real_pipeline().width)
        self.opened = threading.Event()

    def score(self, images: TensorProto) -> TensorProto:
        assert self.opened.wait(60)
        return tensor_from_array(np.zeros((1, 2), dtype=np.float32))


@pytest.fixture
def host() -> Iterator[ScoringHost]:
    scoring = ScoringHost()
    yield scoring
    scoring.stop()


def deployed(
    host: ScoringHost, pipeline: Pipeline, authority: Authority | None = None, service_id: str = "service"
) -> Endpoint:
    endpoint = free_endpoint()
    tls = tls_material(authority) if authority else None
    host.deploy(Deployment(service_id, *endpoint, pipeline, tls, PRIMARY, SECONDARY, MODEL))
    return endpoint


def counted(host: ScoringHost, service_id: str = "service") -> Counted:
    return host.counted()[service_id]


def codes(host: ScoringHost) -> dict[str, int]:
    """Scoring calls by status."""
    return {code: number for (method, code), number in counted(host).codes.items() if method == PREDICT}


def call(
    opened: grpc.Channel,
    message: bytes = PHOTO,
    keys: tuple[str, ...] = (PRIMARY,),
    method: str = METHOD,
    timeout_s: float = 60,
) -> tuple[str, int]:
    """One call: the name of its status, and the size of its answer."""
    metadata = tuple(("authorization", key) for key in keys)
    try:
        answer = opened.unary_unary(method, bytes, bytes)(message, timeout=timeout_s, metadata=metadata)
    except grpc.RpcError as error:
        return error.code().name, 0
    return "OK", len(answer)


def _one_is_broken_off(host: ScoringHost) -> None:
    """gRPC tells of the end of the messages and of the call, in either order."""
    wait_until(lambda: sum(codes(host).values()) == 1, timeout_s=30)
    assert set(codes(host)) <= {"CANCELLED", "INVALID_ARGUMENT"}


def test_counts_are_those_of_the_callers(host: ScoringHost, authority: Authority) -> None:
    endpoint = deployed(host, real_pipeline(), authority)
    with channel(endpoint, authority.root) as opened, ThreadPoolExecutor(4) as pool:
        told = [
            *pool.map(lambda _: call(opened), range(12)),
            *pool.map(lambda _: call(opened, NO_IMAGE), range(5)),
            *(call(opened, keys=()) for _ in range(3)),
            *(call(opened, keys=(PRIMARY,) * 3) for _ in range(2)),
            call(opened, keys=("wrong",)),
        ]
    found = counted(host)
    assert codes(host) == Counter(code for code, _ in told)
    assert codes(host) == {"OK": 12, "INVALID_ARGUMENT": 5, "UNAUTHENTICATED": 6}
    assert found.refused == {Refused.MISSING: 3, Refused.MANY: 2, Refused.WRONG: 1}
    assert found.sent_bytes == sum(size for _, size in told)
    assert found.received_bytes == 12 * len(PHOTO) + 5 * len(NO_IMAGE)
    assert sum(found.durations) == 12  # what is refused at once makes nothing look faster
    assert 0 < found.duration_s < 12 * 60


def test_other_methods_are_counted_apart(host: ScoringHost, authority: Authority) -> None:
    endpoint = deployed(host, real_pipeline(), authority)
    model, scoring = "/tensorflow.serving.ModelService", "/tensorflow.serving.PredictionService"
    reflection = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    with channel(endpoint, authority.root) as opened:
        assert call(opened, b"", method=f"{model}/GetModelStatus")[0] == "OK"
        assert call(opened, b"", keys=(), method=f"{model}/GetModelStatus")[0] == "UNAUTHENTICATED"
        assert call(opened, b"", method=f"{scoring}/GetModelMetadata")[0] == "INVALID_ARGUMENT"
        for _ in range(3):
            assert call(opened, b"", keys=(), method="/grpc.health.v1.Health/Check")[0] == "OK"
        many = opened.stream_stream(reflection, bytes, bytes)
        assert list(many(iter([b""]), timeout=60, metadata=(("authorization", PRIMARY),)))
        for made_up in ("Classify", "Regress"):
            assert call(opened, method=f"{scoring}/{made_up}")[0] == "UNIMPLEMENTED"
        assert call(opened, method="/made.Up/Check")[0] == "UNIMPLEMENTED"
    expected = {
        ("GetModelStatus", "OK"): 1,
        ("GetModelStatus", "UNAUTHENTICATED"): 1,
        ("GetModelMetadata", "INVALID_ARGUMENT"): 1,
        ("Check", "OK"): 3,
        ("ServerReflectionInfo", "OK"): 1,
        ("other", "UNIMPLEMENTED"): 3,
    }
    wait_until(lambda: sum(counted(host).codes.values()) == sum(expected.values()))
    found = counted(host)
    assert found.codes == expected
    assert found.refused == {Refused.MISSING: 1}
    assert (found.received_bytes, found.sent_bytes, sum(found.durations)) == (0, 0, 0)


def test_requests_over_http_count_as_the_calls_that_they_stand_for(host: ScoringHost) -> None:
    endpoint, port = free_endpoint(), 50052
    deployment = Deployment("service", *endpoint, real_pipeline(), None, PRIMARY, SECONDARY, MODEL, port)
    host.deploy(deployment)
    url = f"http://{endpoint.address}:{port}/v1/models/classifier"
    image = base64.b64encode(PHOTO_FILE.read_bytes()).decode()
    good = requests.post(f"{url}:predict", json={"instances": [{"b64": image}]}, timeout=60)
    assert good.status_code == 200
    assert requests.post(f"{url}:predict", json={"instances": []}, timeout=60).status_code == 400
    assert requests.get(url, timeout=60).status_code == 200
    assert requests.get(f"{url}/made/up", timeout=60).status_code == 404
    found = counted(host)
    expected = {("Predict", "OK"): 1, ("Predict", "INVALID_ARGUMENT"): 1, ("GetModelStatus", "OK"): 1}
    assert found.codes == expected
    assert (found.sent_bytes, sum(found.durations)) == (len(good.content), 1)
    wait_until(lambda: host.in_progress()[Stage.HTTP] == {})


def test_keys_that_are_not_looked_at_are_told_apart(host: ScoringHost, authority: Authority) -> None:
    endpoint = deployed(host, real_pipeline(), authority)
    with channel(endpoint, authority.root) as opened, ThreadPoolExecutor(16) as pool:
        told = Counter(code for code, _ in pool.map(lambda _: call(opened, keys=("wrong",)), range(16)))
    assert set(told) == {"UNAUTHENTICATED", "RESOURCE_EXHAUSTED"}
    assert codes(host) == told
    refused = {Refused.WRONG: told["UNAUTHENTICATED"], Refused.NOT_COMPARED: told["RESOURCE_EXHAUSTED"]}
    assert counted(host).refused == refused
    assert counted(host).received_bytes == 0


def test_calls_that_ended_early_are_counted_as_their_callers_see_them(host: ScoringHost) -> None:
    gated = Gated()
    endpoint = deployed(host, gated)
    with channel(endpoint) as opened:
        method = opened.unary_unary(METHOD, bytes, bytes)
        cancelled = [method.future(PHOTO, timeout=60) for _ in range(3)]
        late = [method.future(PHOTO, timeout=0.5) for _ in range(2)]
        wait_until(lambda: host.in_progress()[Stage.ANSWERING].get("service") == 5)
        for one in cancelled:
            one.cancel()  # type: ignore[no-untyped-call]
        for one in late:
            with pytest.raises(grpc.RpcError) as failed:
                one.result(60)
            assert failed.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        gated.opened.set()
        wait_until(lambda: codes(host) == {"CANCELLED": 3, "DEADLINE_EXCEEDED": 2})
        assert counted(host).sent_bytes == sum(counted(host).durations) == 0
    wait_until(lambda: not any(host.in_progress().values()))


def test_a_call_whose_message_never_comes_is_one_in_progress(host: ScoringHost) -> None:
    endpoint = deployed(host, real_pipeline())
    with stuck_caller(endpoint):
        wait_until(lambda: host.in_progress()[Stage.RECEIVING] == {"service": 1})
    _one_is_broken_off(host)
    assert host.in_progress() == {stage: {} for stage in Stage}


def test_a_message_that_is_too_large_is_counted(host: ScoringHost) -> None:
    endpoint = deployed(host, real_pipeline())
    with channel(endpoint) as opened:
        assert call(opened, bytes(MESSAGE_LIMIT + 1))[0] == "RESOURCE_EXHAUSTED"
    _one_is_broken_off(host)
    assert counted(host).received_bytes == 0


def test_what_is_removed_is_counted_no_more_and_begins_anew(host: ScoringHost) -> None:
    gated = Gated()
    endpoint = deployed(host, gated)
    with channel(endpoint) as opened:
        under_way = opened.unary_unary(METHOD, bytes, bytes).future(PHOTO, timeout=60)
        wait_until(lambda: host.in_progress()[Stage.ANSWERING] == {"service": 1})
        removing = threading.Thread(target=host.remove, args=("service",))
        removing.start()
        wait_until(lambda: host.counted() == {})
        host.deploy(Deployment("service", *free_endpoint(), real_pipeline(), None, PRIMARY, SECONDARY, MODEL))
        gated.opened.set()
        assert under_way.result(60)
        removing.join()
    assert counted(host).codes == {}  # what ended of the one before is not this one's


def test_another_model_or_certificate_goes_on_counting(host: ScoringHost, authority: Authority) -> None:
    endpoint = deployed(host, real_pipeline())
    with channel(endpoint) as opened:
        call(opened)
    host.deploy(
        Deployment("service", *endpoint, real_pipeline(), tls_material(authority), PRIMARY, SECONDARY, MODEL)
    )
    with channel(endpoint, authority.root) as opened:
        call(opened)
    assert codes(host) == {"OK": 2}


def test_a_duration_is_in_the_first_bound_that_it_is_not_above() -> None:
    counts = Counts()
    for duration_s in (0.0, BOUNDS_S[0], BOUNDS_S[0] * 1.01, BOUNDS_S[-1], BOUNDS_S[-1] + 1):
        counts.answered(duration_s, 1)
    found = counts.now()
    assert found.durations == (2, 1, *[0] * (len(BOUNDS_S) - 3), 1, 1)


def test_counts_of_many_threads_are_whole() -> None:
    counts = Counts()

    def count() -> None:
        for _ in range(5000):
            counts.answered(0.01, 1)
            counts.ended("Check", "OK")

    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(count)
    assert counts.now().codes == {(PREDICT, "OK"): 40_000, ("Check", "OK"): 40_000}
    assert counts.now().sent_bytes == sum(counts.now().durations) == 40_000
