"""The methods of a service beside `Predict`: facts of its model, health, reflection."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future

import grpc
import pytest
from google.protobuf.message import Message
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from clients.wire.messages import (
    DT_FLOAT,
    DT_STRING,
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    GetModelStatusRequest,
    GetModelStatusResponse,
    ModelVersionStatus,
    SignatureDefMap,
    TensorInfo,
)
from localcloud.scoring import calls as all_calls
from localcloud.scoring import entry
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.calls import Calls
from localcloud.scoring.host import Deployment, ScoringHost
from localcloud.scoring.pipeline import Pipeline
from localcloud.scoring.places import Limits, Places
from localcloud.scoring.reflection import NAMES
from localcloud.scoring.scorer import Scorer
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
from tests.support.waiting import wait_until

METADATA = "/tensorflow.serving.PredictionService/GetModelMetadata"
STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
KEY = (("authorization", PRIMARY),)


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


def deployed(
    host: ScoringHost,
    authority: Authority | None = None,
    pipeline: Pipeline | Future[Scorer] | None = None,
    endpoint: Endpoint | None = None,
) -> Endpoint:
    where = endpoint or free_endpoint()
    tls = tls_material(authority) if authority else None
    model = real_pipeline() if pipeline is None else pipeline
    host.deploy(Deployment("service", *where, model, tls, PRIMARY, SECONDARY, MODEL))
    return where


def asked(
    opened: grpc.Channel, method: str, request: Message, answer: type[Message], key: bool = True
) -> Message:
    call = opened.unary_unary(method, lambda message: message.SerializeToString(), answer.FromString)
    told: Message = call(request, timeout=30, metadata=KEY if key else ())
    return told


def shape(tensor: TensorInfo) -> list[int]:
    return [dim.size for dim in tensor.tensor_shape.dim]


@pytest.mark.parametrize("secure", [False, True])
def test_the_model_tells_what_it_takes_and_gives(
    host: ScoringHost, authority: Authority, secure: bool
) -> None:
    endpoint = deployed(host, authority if secure else None)
    with channel(endpoint, authority.root if secure else None) as opened:
        request = GetModelMetadataRequest(metadata_field=["signature_def"])
        told = asked(opened, METADATA, request, GetModelMetadataResponse, key=secure)
    assert isinstance(told, GetModelMetadataResponse)
    assert (told.model_spec.name, told.model_spec.version.value) == ("classifier", 3)
    found = SignatureDefMap()
    assert told.metadata["signature_def"].Unpack(found)
    assert sorted(found.signature_def) == ["pixels", "serving_default"]
    images = found.signature_def["serving_default"].inputs["images"]
    assert (images.dtype, shape(images)) == (DT_STRING, [1])
    pixels = found.signature_def["pixels"].inputs["images"]
    assert (pixels.dtype, shape(pixels)) == (DT_FLOAT, [-1, 224, 224, 3])
    for signature in found.signature_def.values():
        assert signature.method_name == "tensorflow/serving/predict"
        scores = signature.outputs["output_alias"]
        assert (scores.dtype, shape(scores)) == (DT_FLOAT, [-1, 1000])
        assert shape(signature.outputs["labels"]) == [1000]


@pytest.mark.parametrize("fields", [[], ["saved_model"], ["signature_def", "x"]])
def test_metadata_that_is_not_there_is_refused(host: ScoringHost, fields: list[str]) -> None:
    with channel(deployed(host)) as opened, pytest.raises(grpc.RpcError) as refused:
        asked(opened, METADATA, GetModelMetadataRequest(metadata_field=fields), GetModelMetadataResponse)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.details() == (
        f"metadata_field: there is signature_def; the request asks for: {fields[-1] if fields else 'none'}."
    )


def state(opened: grpc.Channel) -> ModelVersionStatus:
    told = asked(opened, STATUS, GetModelStatusRequest(), GetModelStatusResponse)
    assert isinstance(told, GetModelStatusResponse)
    [status] = told.model_version_status
    assert status.version == 3
    return status


def test_a_model_that_is_loaded_is_told_as_it_comes(host: ScoringHost) -> None:
    loading: Future[Scorer] = Future()
    with channel(deployed(host, pipeline=loading)) as opened:
        assert state(opened).state == ModelVersionStatus.LOADING
        request = GetModelMetadataRequest(metadata_field=["signature_def"])
        with pytest.raises(grpc.RpcError) as refused:
            asked(opened, METADATA, request, GetModelMetadataResponse)
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
        assert refused.value.details() == "The model is still being loaded: call again in some seconds."
        loading.set_result(real_pipeline())
        assert state(opened).state == ModelVersionStatus.AVAILABLE
        assert state(opened).status.error_code == 0


def test_a_model_that_could_not_be_loaded_is_told(host: ScoringHost) -> None:
    loading: Future[Scorer] = Future()
    loading.set_exception(OSError("/secret/path"))
    with channel(deployed(host, pipeline=loading)) as opened:
        status = state(opened)
        assert (
            HealthStub(opened).Check(HealthCheckRequest(), timeout=30).status
            == HealthCheckResponse.NOT_SERVING
        )
    assert (status.state, status.status.error_code) == (ModelVersionStatus.END, 13)
    assert status.status.error_message == "The model could not be loaded."


@pytest.mark.parametrize("method", [METADATA, STATUS])
@pytest.mark.parametrize(
    ("key", "code"),
    [
        (None, grpc.StatusCode.UNAUTHENTICATED),
        ("wrong", grpc.StatusCode.UNAUTHENTICATED),
        (f"Bearer {SECONDARY}", grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_facts_want_the_key_and_a_message_of_their_own(
    host: ScoringHost, authority: Authority, method: str, key: str | None, code: grpc.StatusCode
) -> None:
    metadata = () if key is None else (("authorization", key),)
    with (
        channel(deployed(host, authority), authority.root) as opened,
        pytest.raises(grpc.RpcError) as refused,
    ):
        opened.unary_unary(method, bytes, bytes)(b"\xff", timeout=30, metadata=metadata)
    assert refused.value.code() == code
    if code == grpc.StatusCode.INVALID_ARGUMENT:
        name = method.rpartition("/")[2]
        assert refused.value.details() == f"The message is no tensorflow.serving.{name}Request."


@pytest.mark.parametrize("method", [METADATA, STATUS, "/grpc.health.v1.Health/Check"])
def test_a_large_message_is_refused_where_no_image_is_expected(host: ScoringHost, method: str) -> None:
    with channel(deployed(host)) as opened, pytest.raises(grpc.RpcError) as refused:
        opened.unary_unary(method, bytes, bytes)(bytes(entry.SMALL + 1), timeout=30)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.details() == "The message has 65537 bytes; this method takes 65536."


@pytest.mark.parametrize(
    "service", ["", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"]
)
def test_health_is_told_to_anyone(host: ScoringHost, authority: Authority, service: str) -> None:
    with channel(deployed(host, authority), authority.root) as opened:
        told = HealthStub(opened).Check(HealthCheckRequest(service=service), timeout=30)
    assert told.status == HealthCheckResponse.SERVING


def test_health_of_another_service_is_not_found(host: ScoringHost) -> None:
    with channel(deployed(host)) as opened, pytest.raises(grpc.RpcError) as refused:
        HealthStub(opened).Check(HealthCheckRequest(service="other"), timeout=30)
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND


def watched(opened: grpc.Channel) -> tuple[queue.Queue[int | None], threading.Thread]:
    """The statuses that a watch tells, and None at its end."""
    told: queue.Queue[int | None] = queue.Queue()
    stream = HealthStub(opened).Watch(HealthCheckRequest(), timeout=60)

    def follow() -> None:
        for answer in stream:
            told.put(answer.status)
        told.put(None)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    return told, thread


def test_a_watch_follows_the_model_and_ends_with_the_service(host: ScoringHost) -> None:
    first: Future[Scorer] = Future()
    endpoint = deployed(host, pipeline=first)
    with channel(endpoint) as opened:
        told, thread = watched(opened)
        assert told.get(timeout=30) == HealthCheckResponse.NOT_SERVING
        first.set_result(real_pipeline())
        assert told.get(timeout=30) == HealthCheckResponse.SERVING
        second: Future[Scorer] = Future()
        deployed(host, pipeline=second, endpoint=endpoint)
        assert told.get(timeout=30) == HealthCheckResponse.NOT_SERVING
        second.set_result(real_pipeline())
        assert told.get(timeout=30) == HealthCheckResponse.SERVING
        began = time.monotonic()
        host.remove("service")
        assert told.get(timeout=30) == HealthCheckResponse.NOT_SERVING
        assert told.get(timeout=30) is None
        thread.join(30)
        assert time.monotonic() - began < 4, "the end of the service waited for who watches it"


def test_watching_holds_no_thread_and_is_bounded(
    host: ScoringHost, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = Limits(total=64, service=40, peer=40, kept=4, total_bytes=0, service_bytes=0)
    monkeypatch.setattr(calls, "_watching", Places("watching", few))
    endpoint = deployed(host)
    with channel(endpoint) as opened:
        streams = [HealthStub(opened).Watch(HealthCheckRequest(), timeout=60) for _ in range(40)]
        assert {next(stream).status for stream in streams} == {HealthCheckResponse.SERVING}
        before = threading.active_count()
        with pytest.raises(grpc.RpcError) as refused:
            next(HealthStub(opened).Watch(HealthCheckRequest(), timeout=60))
        assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refused.value.details() == (
            "40 calls of this service are watching, and more are not taken; call again later."
        )
        predict(opened, photo_request())
        assert threading.active_count() <= before + 2
        for stream in streams:
            stream.cancel()
        wait_until(lambda: not calls._watching._total)
        assert next(HealthStub(opened).Watch(HealthCheckRequest(), timeout=60)).status == 1


def test_reflection_describes_every_service(host: ScoringHost) -> None:
    with channel(deployed(host)) as opened:
        database = ProtoReflectionDescriptorDatabase(opened)
        services = set(database.get_services())
        assert services == {
            "grpc.health.v1.Health",
            "grpc.reflection.v1alpha.ServerReflection",
            "tensorflow.serving.ModelService",
            "tensorflow.serving.PredictionService",
        }
        for service in services:
            file = database.FindFileContainingSymbol(service)
            [described] = [one for one in file.service if f"{file.package}.{one.name}" == service]
            for method in described.method:
                database.FindFileContainingSymbol(method.input_type.lstrip("."))
        with pytest.raises(KeyError):
            database.FindFileContainingSymbol("tensorflow.serving.Nothing")


@pytest.mark.parametrize("name", ["grpc.reflection.v1", "grpc.reflection.v1alpha"])
def test_reflection_is_for_holders_of_a_key_under_both_names(
    host: ScoringHost, authority: Authority, name: str
) -> None:
    listing = b"\x3a\x01*"  # list_services
    with channel(deployed(host, authority), authority.root) as opened:
        method = opened.stream_stream(f"/{name}.ServerReflection/ServerReflectionInfo", bytes, bytes)
        with pytest.raises(grpc.RpcError) as refused:
            list(method(iter([listing]), timeout=30))
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
        [answer] = method(iter([listing]), timeout=30, metadata=KEY)
        assert b"tensorflow.serving.PredictionService" in answer


def test_a_reflection_that_says_nothing_is_cut_off(
    host: ScoringHost, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "MESSAGE_TIMEOUT_S", 0.5)
    silent = threading.Event()

    def nothing() -> Iterator[bytes]:
        silent.wait(60)
        yield from ()

    with channel(deployed(host)) as opened:
        method = opened.stream_stream(f"/{NAMES[0]}/ServerReflectionInfo", bytes, bytes)
        with pytest.raises(grpc.RpcError) as refused:
            list(method(nothing(), timeout=30))
        silent.set()
        assert refused.value.code() == grpc.StatusCode.CANCELLED
        wait_until(lambda: not calls._receiving._total)


def test_many_that_ask_and_send_nothing_are_bounded_as_callers_are(host: ScoringHost) -> None:
    endpoint = deployed(host)
    silent = threading.Event()

    def nothing() -> Iterator[bytes]:
        silent.wait(60)
        yield from ()

    with channel(endpoint) as opened:
        method = opened.stream_unary("/grpc.health.v1.Health/Check", bytes, bytes)
        held = [method.future(nothing(), timeout=30) for _ in range(all_calls.RECEIVING.peer + 1)]
        wait_until(lambda: any(call.done() for call in held))
        [refused] = [call for call in held if call.done()]
        assert refused.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        silent.set()
