"""The certificate on the wire: read from real TLS and plain gRPC servers."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from certs.bundle import Bundle
from certs.sources.self_signed import issue, new_authority
from clients import tls
from clients.azure.errors import ConnectionFailed, NoHandshake
from clients.tls import fingerprint, served_certificate

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return issue(new_authority("Test", NOW), ["www.contoso.test"], NOW)


@pytest.fixture
def server() -> Iterator[grpc.Server]:
    server = grpc.server(ThreadPoolExecutor(1))
    yield server
    server.stop(None).wait()


def test_the_leaf_of_a_tls_server(server: grpc.Server, bundle: Bundle) -> None:
    pair = (bundle.key_pem.encode(), bundle.certificate_pem.encode())
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    server.start()

    der = served_certificate("127.0.0.1", port, "www.contoso.test")

    assert der is not None
    assert fingerprint(der) == bundle.fingerprint_sha256


def test_a_server_in_plain_text_has_none(server: grpc.Server) -> None:
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()

    assert served_certificate("127.0.0.1", port) is None


def test_nothing_that_listens_is_no_answer() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(
            ConnectionFailed, match=rf"reading the certificate at 127\.0\.0\.1:{port}: no answer"
        ):
            served_certificate("127.0.0.1", port)


def test_who_says_nothing_is_not_taken_for_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "TIMEOUT_S", 0.05)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(NoHandshake, match=r"no answer \(nothing is said within 0\.05 s\)") as caught,
    ):
        served_certificate("127.0.0.1", silent.getsockname()[1])
    assert caught.value.speaks_tls is None


def test_who_refuses_in_tls_is_not_taken_for_plain_text() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # without a certificate: it sends an alert
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            with server.accept()[0] as connection, contextlib.suppress(ssl.SSLError):
                context.wrap_socket(connection, server_side=True)

        thread = threading.Thread(target=refuse)
        thread.start()
        with pytest.raises(NoHandshake, match="alert handshake failure") as caught:
            served_certificate("127.0.0.1", server.getsockname()[1])
        thread.join()
    assert caught.value.speaks_tls is True
