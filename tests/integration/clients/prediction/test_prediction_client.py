"""The client against real gRPC servers: what arrives, and each way in which a call can fail, told apart."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import grpc
import numpy as np
import pytest

from clients.prediction.client import (
    CertificateExpired,
    CertificateNotYetValid,
    ConnectionFailed,
    DeadlineExceeded,
    InvalidInput,
    KeyWithoutTls,
    MissingKey,
    NameNotFound,
    NothingListening,
    PlaintextServer,
    PredictionClient,
    PredictionError,
    RootCertificatesError,
    ServiceFailed,
    TlsServer,
    UntrustedCertificate,
    WrongKey,
    WrongName,
)
from clients.wire import messages
from clients.wire import tensorflow_serving as serving
from tests.support.certificates.authority import Authority
from tests.support.servers.name_server import address, name_server, no_data, refusal
from tests.support.servers.scoring_server import Running, scoring_server

NAME = "scores.contoso.test"
KEY = "a-Primary+Key/0="


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def _client(running: Running, authority: Authority | None, **options: object) -> PredictionClient:
    settings: dict[str, object] = {"timeout_s": 5.0}
    if authority is not None:
        settings |= {"use_ssl": True, "root_certificates": authority.root, "server_name": NAME}
    settings |= options
    return PredictionClient("127.0.0.1", running.port, **settings)  # type: ignore[arg-type]


def _call(client: PredictionClient, connect_first: bool) -> None:
    if connect_first:
        client.connect()
    client.score_image(b"photo")


def test_plaintext_sends_the_image_and_no_key(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"a photo")
    with scoring_server() as running, _client(running, None) as client:
        assert client.score_image(photo).tolist() == [pytest.approx([0.1, 0.7, 0.2])]
        assert client.score_image(b"another").shape == (1, 3)
    first, second = (request.inputs["images"] for request in running.requests)
    assert (first.dtype, list(first.string_val)) == (messages.DT_STRING, [b"a photo"])
    assert list(second.string_val) == [b"another"]
    assert running.keys == [None, None]


def test_arrays_go_by_name_and_a_single_one_as_images() -> None:
    array = np.zeros((1, 2, 2, 3), dtype=np.float32)
    with scoring_server() as running, _client(running, None) as client:
        client.score_numpy_arrays(array)
        client.score_numpy_arrays({"left": array, "right": array})
    assert set(running.requests[0].inputs) == {"images"}
    assert set(running.requests[1].inputs) == {"left", "right"}
    assert serving.array_from_tensor(running.requests[0].inputs["images"]).shape == (1, 2, 2, 3)


def test_the_key_really_arrives_as_it_is(authority: Authority) -> None:
    with (
        scoring_server(tls=authority.issue([NAME]), key=KEY) as running,
        _client(running, authority, access_token=KEY) as client,
    ):
        assert client.connect() == f"127.0.0.1:{running.port}"
        client.score_image(b"photo")
    assert running.keys == [KEY]
    assert KEY not in repr(client)


def test_a_name_is_resolved_by_the_given_server_and_verified_by_name(authority: Authority) -> None:
    with (
        scoring_server(tls=authority.issue([NAME]), address="127.0.0.2") as running,
        name_server(address(NAME, "127.0.0.2")) as server,
        PredictionClient(
            NAME, running.port, use_ssl=True, root_certificates=authority.root, name_servers=[server]
        ) as client,
    ):
        assert client.connect() == f"127.0.0.2:{running.port}"
        assert client.score_image(b"photo").argmax() == 1


def test_a_name_in_another_script_goes_over_the_wire_in_a_labels(authority: Authority) -> None:
    name, a_labels = "Bücher.contoso.test", "xn--bcher-kva.contoso.test"
    with (
        scoring_server(tls=authority.issue([a_labels])) as running,
        name_server(address(a_labels, "127.0.0.1")) as server,
        PredictionClient(
            name, running.port, use_ssl=True, root_certificates=authority.root, name_servers=[server]
        ) as client,
    ):
        assert client.score_image(b"photo").shape == (1, 3)


def test_a_name_that_idna_does_not_allow_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="is not allowed by IDNA 2008"):
        PredictionClient("☕.contoso.test", 50051)


def test_a_resolved_name_that_the_certificate_lacks_is_refused(authority: Authority) -> None:
    with (
        scoring_server(tls=authority.issue(["other.contoso.test"])) as running,
        name_server(address(NAME, "127.0.0.1")) as server,
        PredictionClient(
            NAME, running.port, use_ssl=True, root_certificates=authority.root, name_servers=[server]
        ) as client,
        pytest.raises(WrongName) as caught,
    ):
        client.score_image(b"photo")
    assert caught.value.code == "UNAVAILABLE"
    assert f"is not for {NAME}: it is for other.contoso.test" in str(caught.value)
    assert running.requests == []


def test_an_address_is_verified_as_an_address(authority: Authority) -> None:
    with scoring_server(tls=authority.issue(["127.0.0.1"])) as running:
        with _client(running, authority, server_name=None) as client:
            client.score_image(b"photo")
        with _client(running, authority) as client, pytest.raises(WrongName, match=r"it is for 127\.0\.0\.1"):
            client.score_image(b"photo")


@pytest.mark.parametrize("connect_first", [True, False])
def test_an_untrusted_root_is_told_with_the_remedy(authority: Authority, connect_first: bool) -> None:
    with (
        scoring_server(tls=Authority("another root").issue([NAME])) as running,
        _client(running, authority, access_token=KEY) as client,
        pytest.raises(UntrustedCertificate) as caught,
    ):
        _call(client, connect_first)
    assert caught.value.code == "UNAVAILABLE"
    assert "unable to get local issuer certificate" in str(caught.value)
    assert "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH" in str(caught.value)
    assert running.keys == []


@pytest.mark.parametrize("connect_first", [True, False])
def test_an_expired_certificate(authority: Authority, connect_first: bool) -> None:
    with (
        scoring_server(tls=authority.issue([NAME], starts_in=-9, ends_in=-2)) as running,
        _client(running, authority) as client,
        pytest.raises(CertificateExpired, match="has expired: the service needs a new one") as caught,
    ):
        _call(client, connect_first)
    assert caught.value.code == "UNAVAILABLE"


def test_a_certificate_that_is_not_valid_yet(authority: Authority) -> None:
    with (
        scoring_server(tls=authority.issue([NAME], starts_in=2)) as running,
        _client(running, authority) as client,
        pytest.raises(CertificateNotYetValid, match="is not yet valid: check this machine's clock"),
    ):
        client.score_image(b"photo")


def test_a_leaf_given_as_root_is_trusted_by_grpc_and_by_the_diagnosis(authority: Authority) -> None:
    leaf = authority.issue([NAME])
    with (
        scoring_server(tls=leaf) as running,
        _client(running, None, use_ssl=True, root_certificates=leaf.pem) as client,
    ):
        # The address is not in the certificate: that, and not a missing root, is the reason.
        with pytest.raises(WrongName, match=f"it is for {NAME}"):
            client.score_image(b"photo")
        with _client(running, authority, root_certificates=leaf.pem) as named:
            named.score_image(b"photo")


def test_no_key(authority: Authority) -> None:
    with (
        scoring_server(tls=authority.issue([NAME]), key=KEY) as running,
        _client(running, authority) as client,
        pytest.raises(MissingKey, match="wants a key and none was sent") as caught,
    ):
        client.score_image(b"photo")
    assert caught.value.code == "UNAUTHENTICATED"


def test_a_wrong_key_is_not_repeated_in_the_message(authority: Authority) -> None:
    with (
        scoring_server(tls=authority.issue([NAME]), key=KEY) as running,
        _client(running, authority, access_token="not-the-key") as client,
        pytest.raises(WrongKey, match="neither the primary nor the secondary") as caught,
    ):
        client.score_image(b"photo")
    assert caught.value.code == "UNAUTHENTICATED"
    assert "not-the-key" not in str(caught.value)


def test_a_key_without_tls_is_not_sent() -> None:
    with scoring_server() as running, pytest.raises(KeyWithoutTls, match="use_ssl=True"):
        _client(running, None, access_token=KEY).score_image(b"photo")
    assert running.requests == []


def test_a_tls_call_at_a_plaintext_server(authority: Authority) -> None:
    with (
        scoring_server() as running,
        _client(running, authority, access_token=KEY) as client,
        pytest.raises(PlaintextServer, match="speaks plaintext, and the call was over TLS") as caught,
    ):
        client.score_image(b"photo")
    assert caught.value.code == "UNAVAILABLE"


def test_a_plaintext_call_at_a_tls_server(authority: Authority) -> None:
    with (
        scoring_server(tls=authority.issue([NAME])) as running,
        _client(running, None) as client,
        pytest.raises(TlsServer, match="use_ssl must be True") as caught,
    ):
        client.score_image(b"photo")
    assert caught.value.code == "UNAVAILABLE"


@pytest.mark.parametrize("connect_first", [True, False])
def test_nothing_listening(connect_first: bool) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        client = PredictionClient("127.0.0.1", bound.getsockname()[1], timeout_s=5.0)
        with client, pytest.raises(NothingListening, match=r"Nothing listens at 127\.0\.0\.1:") as caught:
            _call(client, connect_first)
    assert caught.value.code == "UNAVAILABLE"


def test_the_deadline_is_told_and_is_a_timeout() -> None:
    release = threading.Event()

    def wait(request: messages.PredictRequest, context: grpc.ServicerContext) -> messages.PredictResponse:
        release.wait(10)
        return messages.PredictResponse()

    with (
        scoring_server(handler=wait) as running,
        _client(running, None, timeout_s=0.2) as client,
    ):
        with pytest.raises(DeadlineExceeded, match=r"gave no answer within 0\.2 s") as caught:
            client.score_image(b"photo")
        release.set()
    assert caught.value.code == "DEADLINE_EXCEEDED"
    assert isinstance(caught.value, TimeoutError)


def test_the_servers_own_words_for_a_bad_input() -> None:
    def refuse(request: messages.PredictRequest, context: grpc.ServicerContext) -> messages.PredictResponse:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the image is no JPEG")

    with (
        scoring_server(handler=refuse) as running,
        _client(running, None) as client,
        pytest.raises(InvalidInput, match="cannot score this input: the image is no JPEG") as caught,
    ):
        client.score_image(b"photo")
    assert caught.value.code == "INVALID_ARGUMENT"


def test_an_answer_without_the_output_names_those_that_it_has() -> None:
    def other(request: messages.PredictRequest, context: grpc.ServicerContext) -> messages.PredictResponse:
        response = messages.PredictResponse()
        response.outputs["logits"].CopyFrom(serving.tensor_from_array(np.zeros(1, dtype=np.float32)))
        return response

    with (
        scoring_server(handler=other) as running,
        _client(running, None) as client,
        pytest.raises(ServiceFailed, match=r"no output 'output_alias' \(it has: logits\)"),
    ):
        client.score_image(b"photo")


def test_a_name_that_does_not_exist() -> None:
    with (
        name_server(address("elsewhere.test", "127.0.0.1")) as server,
        PredictionClient(NAME, 50051, name_servers=[server]) as client,
        pytest.raises(NameNotFound, match=r"does not exist \(NXDOMAIN from 127\.0\.0\.1:"),
    ):
        client.score_image(b"photo")


def test_a_name_without_an_address() -> None:
    with (
        name_server(no_data) as server,
        PredictionClient(NAME, 50051, name_servers=[server]) as client,
        pytest.raises(NameNotFound, match="exists, but has no A record"),
    ):
        client.connect()


def test_a_name_server_of_another_zone() -> None:
    with (
        name_server(refusal) as server,
        PredictionClient(NAME, 50051, name_servers=[server]) as client,
        pytest.raises(NameNotFound, match=r"said REFUSED\. Is it a server of the name's zone\?"),
    ):
        client.connect()


def test_a_silent_name_server() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        server = f"127.0.0.1:{mute.getsockname()[1]}"
        with (
            PredictionClient(NAME, 50051, name_servers=[server], timeout_s=0.2) as client,
            pytest.raises(DeadlineExceeded, match=r"did not answer within 0\.2 s"),
        ):
            client.connect()


def test_a_service_that_moved_is_found_again() -> None:
    where = ["127.0.0.1"]
    with name_server(lambda query: address(NAME, where[0])(query)) as server:
        with scoring_server() as first:
            client = PredictionClient(NAME, first.port, name_servers=[server], timeout_s=5.0)
            client.score_image(b"photo")
        with pytest.raises(ConnectionFailed):
            client.score_image(b"photo")
        where[0] = "127.0.0.3"
        with scoring_server(address=where[0]) as second:
            client._port = second.port
            client.score_image(b"photo")
            client.close()
    assert len(second.requests) == 1


def test_roots_come_from_the_variable_that_grpc_names(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A BOM and CR line ends, which gRPC itself does not read; and words, which it passes over.
    words = b"# -----BEGIN CERTIFICATE----- is below\r# of the front-end\r"
    root = tmp_path / "root.pem"
    root.write_bytes(b"\xef\xbb\xbf" + words + authority.root.replace(b"\n", b"\r"))
    monkeypatch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(root))
    with (
        scoring_server(tls=authority.issue([NAME])) as running,
        _client(running, authority, root_certificates=None) as client,
    ):
        client.score_image(b"photo")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"nothing", "there is no PEM certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n", "there is no PEM certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "is damaged"),
    ],
)
def test_roots_that_are_none_are_refused_at_once(content: bytes | None, words: str, tmp_path: Path) -> None:
    root = tmp_path / "root.pem"
    if content is not None:
        root.write_bytes(content)
    with pytest.raises(RootCertificatesError, match=words) as caught:
        PredictionClient(NAME, 50051, use_ssl=True, root_certificates=root)
    assert str(root) in str(caught.value)


@pytest.mark.parametrize(("port", "key", "words"), [(0, None, "port 0"), (1, "a\nb", "printable ASCII")])
def test_arguments_that_cannot_be_sent(port: int, key: str | None, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        PredictionClient("127.0.0.1", port, use_ssl=True, access_token=key)
    assert not isinstance(caught.value, PredictionError)


def test_importing_the_client_imports_neither_pulumi_nor_what_only_some_calls_need() -> None:
    code = (
        "import sys, clients.prediction.client; "
        "print([m for m in ('pulumi', 'numpy', 'dns', 'requests', 'cryptography') if m in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=dict(os.environ)
    )
    assert found.stdout.strip() == "[]"
