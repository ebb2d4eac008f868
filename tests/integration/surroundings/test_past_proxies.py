"""The clients, in a process that has put nothing in order: who is called through a proxy, and who is not."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest

from certs.acme.session import Session as AcmeSession
from certs.errors import AcmeError
from clients.azure.errors import ConnectionFailed
from clients.http import Pipeline
from clients.prediction.client import PredictionClient, PredictionError
from clients.wire import messages
from clients.wire import tensorflow_serving as serving_messages
from engine.azure_native.arm import ArmClient
from engine.azure_native.config import Configuration
from surroundings.https import session
from surroundings.proxies import NAMING
from tests.support import https_callers as callers
from tests.support.certificates.forge import key, leaf, root
from tests.support.servers.https_server import serving
from tests.support.servers.name_server import address, name_server
from tests.support.servers.recording_proxy import recording_proxy
from tests.support.servers.scoring_server import scoring_server

FQDN = "scores.contoso.test"
ELSEWHERE = "192.0.2.1"  # RFC 5737: nobody has it


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What a proxy that every variable names is asked for; nothing is excepted."""
    for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    with recording_proxy() as (proxy, heard):
        for name in NAMING:
            monkeypatch.setenv(name, proxy)
            monkeypatch.setenv(name.upper(), proxy)
        yield heard


@pytest.mark.parametrize("call", [callers.by_session, callers.by_pipeline, callers.by_azure_sdk])
def test_https_to_loopback_goes_past_it(call: callers.Client, heard: list[str], tmp_path: Path) -> None:
    authority = root()
    (tmp_path / "roots.pem").write_bytes(authority.pem)
    with serving(leaf(authority, names=[callers.HOST])) as port:
        assert call(port, tmp_path / "roots.pem") == {"said": "hello"}
    assert heard == []


def test_https_to_others_goes_through_it(heard: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConnectionFailed):
        Pipeline().send("POST", f"https://{ELSEWHERE}/")
    assert set(heard) == {f"CONNECT {ELSEWHERE}:443"}
    heard.clear()
    with pytest.raises(AcmeError):
        AcmeSession(f"https://{ELSEWHERE}/directory", key()).get(f"https://{ELSEWHERE}/directory")
    assert set(heard) == {f"CONNECT {ELSEWHERE}:443"}


def test_plugin_calls_others_through_it_with_roots_of_its_own(heard: list[str], tmp_path: Path) -> None:
    (tmp_path / "roots.pem").write_bytes(root().pem)
    settings = dict.fromkeys(("tenantId", "subscriptionId", "clientId", "clientSecret"), "any")
    given = Configuration.read(
        {**settings, "metadataHost": ELSEWHERE}, {"SSL_CERT_FILE": str(tmp_path / "roots.pem")}
    )
    with pytest.raises(ConnectionFailed, match=f"azure-native:metadataHost {ELSEWHERE}"):
        ArmClient(given).get("/subscriptions", "2022-12-01")
    assert set(heard) == {f"CONNECT {ELSEWHERE}:443"}


def _scores(_request: object, _context: grpc.ServicerContext) -> messages.PredictResponse:
    response = messages.PredictResponse()
    response.outputs["output_alias"].CopyFrom(
        serving_messages.tensor_from_array(np.ones((1, 2), dtype=np.float32))
    )
    return response


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", FQDN])
def test_scoring_on_loopback_goes_past_it(host: str, heard: list[str]) -> None:
    with scoring_server(handler=_scores) as running, name_server(address(FQDN, "127.0.0.1")) as server:
        servers = [server] if host == FQDN else []
        with PredictionClient(host, running.port, name_servers=servers, timeout_s=10) as client:
            assert client.score_image(b"photo").size == 2
    assert heard == []


@pytest.mark.parametrize("host", [ELSEWHERE, FQDN])
def test_scoring_elsewhere_goes_through_it(host: str, heard: list[str]) -> None:
    with name_server(address(FQDN, ELSEWHERE)) as server:
        servers = [server] if host == FQDN else []
        with (
            PredictionClient(host, 50051, name_servers=servers, timeout_s=2) as client,
            pytest.raises(PredictionError),
        ):
            client.score_image(b"photo")
    assert set(heard) == {f"CONNECT {ELSEWHERE}:50051"}


def test_netrc_takes_no_token_s_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    sent: list[str | None] = []
    authority = root()
    (tmp_path / "roots.pem").write_bytes(authority.pem)
    with serving(leaf(authority, names=[callers.HOST])) as port, session() as opened:
        url = f"https://127.0.0.1:{port}/"
        for headers in ({"Authorization": "Bearer token"}, {}):
            answer = opened.get(url, verify=str(tmp_path / "roots.pem"), timeout=5, headers=headers)
            sent.append(answer.request.headers.get("Authorization"))
    assert sent == ["Bearer token", None]
    assert base64.b64encode(b"someone:else").decode() not in str(sent)
