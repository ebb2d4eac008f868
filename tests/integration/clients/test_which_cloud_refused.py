"""The words for each refusal of one of two clouds: which one it is, by host and setting, and what to do."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from clients.azure.cloud import Cloud, Endpoints
from clients.azure.errors import ClientError, SignInFailed
from clients.azure.settings import (
    AZURE_NATIVE,
    AZURE_OF_TWO,
    MANAGEMENT,
    AzureSettings,
    Federation,
    SettingNames,
)
from clients.http import Pipeline
from engine.azure_native import config
from infra import catalogue
from localcloud.access.principals import FederatedCredential
from localcloud.server import Cloud as Server
from tests.support.certificates import forge
from tests.support.github import issuer as oidc
from tests.support.github.issuer import EXCHANGE, SUBJECT
from tests.support.localcloud.deployed_service import settings_of
from tests.support.localcloud.trusting import trusting
from tests.support.servers import https_server
from tests.support.servers.scripted_server import Reply, ScriptedServer

LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
BY_NAMES = {"first": AZURE_OF_TWO, "management": MANAGEMENT}
CALLED = {
    "first": "the cloud of azure-native:* (azure-native:metadataHost cloud.test): ",
    "management": "the management server (fpga-web-service:managementHost cloud.test): ",
}


def client(names: SettingNames, url: str) -> Cloud:
    made = Cloud(AzureSettings("cloud.test", "t", "s", "c", "secret", False, names=names))
    made.__dict__["endpoints"] = Endpoints("https://unused", url, "scope")
    peer = made.pipeline._peer
    made.pipeline.close()
    made.pipeline = Pipeline(lambda: "token", peer=peer)
    return made


def refused(names: SettingNames, reply: Reply) -> str:
    with (
        ScriptedServer(*[reply] * 5).running() as server,
        closing(client(names, server.url)) as asked,
        pytest.raises(ClientError) as caught,
    ):
        asked.manage("GET", "/subscriptions/s/resourceGroups/g", "2021-04-01")
    return str(caught.value)


@pytest.mark.parametrize("which", BY_NAMES)
@pytest.mark.parametrize(
    ("status", "code", "remedies"),
    [
        (
            403,
            "AuthorizationFailed",
            {"management": "Whoever runs that server gives roles: `fpga cloud principal` there."},
        ),
        (
            404,
            "SubscriptionNotFound",
            {
                "first": "Check azure-native:subscriptionId.",
                "management": "Check fpga-web-service:managementSubscriptionId.",
            },
        ),
        (409, "MissingSubscriptionRegistration", {}),
        (400, "InvalidApiVersionParameter", {}),
        (429, "TooManyRequests", {}),
    ],
)
def test_a_refusal_says_whose_it_is_and_what_to_do(
    which: str, status: int, code: str, remedies: dict[str, str]
) -> None:
    reply = Reply(status, {"error": {"code": code, "message": "Its own words."}}, {"retry-after-ms": "1"})
    told = refused(BY_NAMES[which], reply)
    assert told.startswith(f"{CALLED[which]}GET http://127.0.0.1:")
    assert told.endswith(f"{status} {code}: Its own words. {remedies.get(which, '')}".rstrip())


def test_one_cloud_is_told_as_before() -> None:
    reply = Reply(403, {"error": {"code": "AuthorizationFailed", "message": "Its own words."}})
    told = refused(AZURE_NATIVE, reply)
    assert told.startswith("GET http://127.0.0.1:")
    assert told.endswith("403 AuthorizationFailed: Its own words.")


CERTIFICATES = {
    "of an unknown root": (
        forge.leaf(forge.root("P-256", 5), names=[LOOPBACK]),
        "fpga-web-service:managementRoots must name a PEM file that holds its root",
    ),
    "expired": (
        forge.leaf(forge.root(), names=[LOOPBACK], end=datetime.now(UTC) - timedelta(days=1)),
        "this machine's clock says ",
    ),
    "not valid yet": (
        forge.leaf(forge.root(), names=[LOOPBACK], begin=datetime.now(UTC) + timedelta(days=1)),
        "this machine's clock says ",
    ),
    "of another name": (
        forge.leaf(forge.root(), names=["models.contoso.com"]),
        "it is of another name: call it by one that its certificate has",
    ),
}


@pytest.mark.parametrize("case", CERTIFICATES)
def test_a_certificate_that_is_not_trusted_is_told_by_its_cause(case: str, tmp_path: Path) -> None:
    leaf, words = CERTIFICATES[case]
    roots = tmp_path / "roots.pem"
    roots.write_bytes(forge.chain(forge.root()))
    with https_server.serving(leaf) as port:
        settings = AzureSettings(f"127.0.0.1:{port}", "t", "s", "c", "secret", False, names=MANAGEMENT)
        with closing(Cloud(settings, ca_file=str(roots))) as asked, pytest.raises(ClientError) as caught:
            _ = asked.endpoints
    told = str(caught.value)
    assert told.startswith("the management server (fpga-web-service:managementHost 127.0.0.1:")
    assert "its TLS certificate is not trusted: " in told
    assert words in told
    if case != "of an unknown root":
        assert "managementRoots" not in told


@pytest.fixture
def issuer() -> Iterator[oidc.Issuer]:
    with oidc.served() as issuer:
        yield issuer


@pytest.mark.parametrize("names", [AZURE_NATIVE, MANAGEMENT])
def test_a_token_that_is_too_old_is_told_so(cloud: Server, issuer: oidc.Issuer, names: SettingNames) -> None:
    token = issuer.token(exp=1)
    settings = replace(
        settings_of(cloud), client_secret="", federation=Federation(token, "", "", "", EXCHANGE), names=names
    )
    mine = FederatedCredential(issuer.url, SUBJECT, (EXCHANGE,))
    ca = cloud.status().ca
    with (
        trusting(ca.parent, mine),
        closing(Cloud(settings, ca_file=str(ca))) as asked,
        pytest.raises(SignInFailed) as caught,
    ):
        asked.token()
    told = str(caught.value)
    assert "AADSTS700024" in told
    assert told.endswith("have a new one issued, and compare the time there with this machine's.")
    assert told.startswith("the management server" if names is MANAGEMENT else "signing in to")


def test_the_plugin_knows_the_management_server_by_the_provider_s_name() -> None:
    assert config.NAMES == {catalogue.MANAGEMENT_PROVIDER: MANAGEMENT}
