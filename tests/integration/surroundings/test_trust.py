"""Whom the project's clients trust, in real handshakes: the same on every Python, and as gRPC does."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from azure.core.exceptions import ServiceRequestError

from clients.azure.errors import ConnectionFailed
from surroundings.https import Adapter, session
from tests.support.certificates.forge import Made, authority, intermediate, key, leaf, root
from tests.support.https_callers import HOST, Client, by_azure_sdk, by_context, by_pipeline, by_session
from tests.support.servers.https_server import serving

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
        with serving(leaf(names=[HOST]), intermediate()) as port:
            assert client(port, roots(root())) == {"said": "hello"}

    def test_an_intermediate_that_was_given_is_trusted(
        self, client: Client, tmp_path: Path, roots: Callable[..., Path]
    ) -> None:
        with serving(leaf(names=[HOST])) as port:
            assert client(port, roots(intermediate())) == {"said": "hello"}

    def test_another_root_is_not_trusted(
        self, client: Client, tmp_path: Path, roots: Callable[..., Path]
    ) -> None:
        with (
            serving(leaf(names=[HOST]), intermediate()) as port,
            pytest.raises(REFUSALS, match="unable to get local issuer certificate"),
        ):
            client(port, roots(root("P-256", 1)))

    def test_a_certificate_that_is_over_is_refused(
        self, client: Client, tmp_path: Path, roots: Callable[..., Path]
    ) -> None:
        over = leaf(names=[HOST], end=datetime.now(UTC) - timedelta(days=1))
        with (
            serving(over, intermediate()) as port,
            pytest.raises(REFUSALS, match="certificate has expired"),
        ):
            client(port, roots(root()))

    def test_an_issuer_that_is_no_authority_is_refused(
        self, client: Client, tmp_path: Path, roots: Callable[..., Path]
    ) -> None:
        middle = authority("No authority", root(), key("P-256", 60), basic=(False, None))
        with (
            serving(leaf(middle, names=[HOST]), middle) as port,
            pytest.raises(REFUSALS, match=r"invalid CA certificate"),
        ):
            client(port, roots(root()))

    def test_another_name_is_refused(
        self, client: Client, tmp_path: Path, roots: Callable[..., Path]
    ) -> None:
        with (
            serving(leaf(), intermediate()) as port,
            pytest.raises(REFUSALS, match="127\\.0\\.0\\.1"),
        ):
            client(port, roots(root()))


def test_roots_of_one_request_are_not_trusted_by_the_next(tmp_path: Path, roots: Callable[..., Path]) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(root("P-256", 1).pem)
    with serving(leaf(names=[HOST]), intermediate()) as port, session() as opened:
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
            with serving(made, intermediate("P-256", which)) as port:
                assert opened.get(f"https://127.0.0.1:{port}/", timeout=5).json() == {"said": "hello"}


def test_the_systems_roots_are_trusted_where_none_are_named(
    tmp_path: Path, roots: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(roots(root())))
    with serving(leaf(names=[HOST]), intermediate()) as port, session() as opened:
        assert opened.get(f"https://127.0.0.1:{port}/", timeout=5).json() == {"said": "hello"}
