"""Whom the project's clients trust, in real handshakes: the same on every Python, and as gRPC does."""

from __future__ import annotations

import http.client
import ipaddress
import json
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from azure.core.exceptions import ServiceRequestError
from azure.core.pipeline import Pipeline as AzurePipeline
from azure.core.rest import HttpRequest
from cryptography import x509

from clients.azure.errors import ConnectionFailed
from clients.http import Pipeline
from surroundings.https import Adapter, azure_transport, session
from surroundings.tls import client_context
from tests.support.certificates.forge import Made, authority, intermediate, key, leaf, root
from tests.support.servers.https_server import serving

HOST = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
"""Nothing that the maker makes has key identifiers: Python 3.13's own contexts refuse all of it."""

Client = Callable[[int, Path], object]


def by_context(port: int, roots: Path) -> object:
    connection = http.client.HTTPSConnection(
        "127.0.0.1", port, timeout=5, context=client_context(cafile=roots)
    )
    try:
        connection.request("GET", "/")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def by_session(port: int, roots: Path) -> object:
    with session() as opened:
        return opened.get(f"https://127.0.0.1:{port}/", verify=str(roots), timeout=5).json()


def by_pipeline(port: int, roots: Path) -> object:
    pipeline = Pipeline(verify=str(roots))
    try:
        return pipeline.send("GET", f"https://127.0.0.1:{port}/").body
    finally:
        pipeline.close()


def by_azure_sdk(port: int, roots: Path) -> object:
    pipeline: AzurePipeline[HttpRequest, requests.Response] = AzurePipeline(azure_transport(str(roots)))
    with pipeline:
        request = HttpRequest("GET", f"https://127.0.0.1:{port}/")
        return json.loads(pipeline.run(request).http_response.body())  # type: ignore[attr-defined]


CLIENTS = [by_context, by_session, by_pipeline, by_azure_sdk]
REFUSALS = (ssl.SSLCertVerificationError, requests.exceptions.SSLError, ConnectionFailed, ServiceRequestError)


@pytest.fixture
def roots(tmp_path: Path) -> Callable[..., Path]:
    def written(*made: Made) -> Path:
        file = tmp_path / "roots.pem"
        file.write_bytes(b"".join(one.pem for one in made))
        return file

    return written


@pytest.mark.parametrize("client", CLIENTS)
class TestClients:
    def test_a_chain_without_key_identifiers_is_taken(
        self, client: Client, tmp_path: Path, roots: Callable[..., Path]
    ) -> None:
        with serving(tmp_path, leaf(names=[HOST]), intermediate()) as port:
            assert client(port, roots(root())) == {"said": "hello"}

    def test_an_intermediate_that_was_given_is_trusted(
        self, client: Client, tmp_path: Path, roots: Callable[..., Path]
    ) -> None:
        with serving(tmp_path, leaf(names=[HOST])) as port:
            assert client(port, roots(intermediate())) == {"said": "hello"}

    def test_another_root_is_not_trusted(
        self, client: Client, tmp_path: Path, roots: Callable[..., Path]
    ) -> None:
        with (
            serving(tmp_path, leaf(names=[HOST]), intermediate()) as port,
            pytest.raises(REFUSALS, match="unable to get local issuer certificate"),
        ):
            client(port, roots(root("P-256", 1)))

    def test_a_certificate_that_is_over_is_refused(
        self, client: Client, tmp_path: Path, roots: Callable[..., Path]
    ) -> None:
        over = leaf(names=[HOST], end=datetime.now(UTC) - timedelta(days=1))
        with (
            serving(tmp_path, over, intermediate()) as port,
            pytest.raises(REFUSALS, match="certificate has expired"),
        ):
            client(port, roots(root()))

    def test_an_issuer_that_is_no_authority_is_refused(
        self, client: Client, tmp_path: Path, roots: Callable[..., Path]
    ) -> None:
        middle = authority("No authority", root(), key("P-256", 60), basic=(False, None))
        with (
            serving(tmp_path, leaf(middle, names=[HOST]), middle) as port,
            pytest.raises(REFUSALS, match=r"invalid CA certificate"),
        ):
            client(port, roots(root()))

    def test_another_name_is_refused(
        self, client: Client, tmp_path: Path, roots: Callable[..., Path]
    ) -> None:
        with (
            serving(tmp_path, leaf(), intermediate()) as port,
            pytest.raises(REFUSALS, match="127\\.0\\.0\\.1"),
        ):
            client(port, roots(root()))


def test_roots_of_one_request_are_not_trusted_by_the_next(tmp_path: Path, roots: Callable[..., Path]) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(root("P-256", 1).pem)
    with serving(tmp_path, leaf(names=[HOST]), intermediate()) as port, session() as opened:
        url = f"https://127.0.0.1:{port}/"
        assert opened.get(url, verify=str(roots(root())), timeout=5).ok
        with pytest.raises(requests.exceptions.SSLError):
            opened.get(url, verify=str(other), timeout=5)
        with pytest.raises(requests.exceptions.SSLError):
            opened.get(url, timeout=5)


def test_further_roots_are_trusted_beside_the_systems(
    tmp_path: Path, roots: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
    system = tmp_path / "system.pem"
    system.write_bytes(root("P-256", 1).pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(system))
    with session(Adapter(extra_roots=roots(root()))) as opened:
        for which in (0, 1):
            made = leaf(intermediate("P-256", which), names=[HOST])
            with serving(tmp_path, made, intermediate("P-256", which)) as port:
                assert opened.get(f"https://127.0.0.1:{port}/", timeout=5).json() == {"said": "hello"}


def test_the_systems_roots_are_trusted_where_none_are_named(
    tmp_path: Path, roots: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(roots(root())))
    with serving(tmp_path, leaf(names=[HOST]), intermediate()) as port, session() as opened:
        assert opened.get(f"https://127.0.0.1:{port}/", timeout=5).json() == {"said": "hello"}
