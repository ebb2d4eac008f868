"""Workload identity federation on the wire: a job's token from its issuer, exchanged at the authority."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from clients.azure import errors
from clients.azure.cloud import Cloud
from clients.azure.settings import AzureSettings, SettingError
from engine.azure_native.arm import ArmClient
from engine.azure_native.config import Configuration
from infra.settings import azure as azure_settings
from infra.settings.reader import SettingsError
from localcloud.access.principals import FederatedCredential
from localcloud.identity.federation import ASSERTION_TYPE
from localcloud.server import Cloud as Server
from tests.support.github import issuer as oidc
from tests.support.github.issuer import EXCHANGE, REQUEST_TOKEN, SUBJECT, Issuer
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.localcloud.deployed_service import settings_of
from tests.support.localcloud.trusting import trusting


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with oidc.served() as issuer:
        yield issuer


@pytest.fixture
def trusted(cloud: Server, issuer: Issuer) -> Iterator[Path]:
    """The authority's federated credentials, of which one is this job's."""
    data = cloud.status().ca.parent
    other = FederatedCredential(issuer.url, "repo:contoso/other:environment:dev", (EXCHANGE,))
    with trusting(data, other, replace(other, subject=SUBJECT)):
        yield data


@pytest.fixture
def variables(cloud: Server, issuer: Issuer) -> dict[str, str]:
    """What a job has in its environment."""
    settings = settings_of(cloud)
    return {
        "ARM_USE_OIDC": "true",
        "ARM_METADATA_HOSTNAME": settings.metadata_host,
        "ARM_TENANT_ID": settings.tenant_id,
        "ARM_SUBSCRIPTION_ID": settings.subscription_id,
        "ARM_CLIENT_ID": settings.client_id,
        "ACTIONS_ID_TOKEN_REQUEST_URL": issuer.request_url,
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
    }


def groups(server: Server, settings: AzureSettings) -> Any:
    """A call that needs a sign-in."""
    client = Cloud(settings, ca_file=str(server.status().ca))
    try:
        return client.manage("GET", f"/subscriptions/{settings.subscription_id}/resourcegroups", "2021-04-01")
    finally:
        client.close()


@pytest.mark.usefixtures("trusted")
def test_a_job_signs_in_with_the_token_that_it_asks_for(
    cloud: Server, issuer: Issuer, variables: dict[str, str]
) -> None:
    assert "value" in groups(cloud, azure_settings.read({}, variables))
    assert issuer.asked == [EXCHANGE]


@pytest.mark.usefixtures("trusted")
def test_a_token_may_be_given_or_stand_in_a_file(
    cloud: Server, issuer: Issuer, variables: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{issuer.token()}\n")
    given = {**variables, "ARM_OIDC_TOKEN_FILE_PATH": str(file)}
    assert "value" in groups(cloud, azure_settings.read({}, given))
    file.write_text("of no use")
    assert "value" in groups(cloud, azure_settings.read({}, {**given, "ARM_OIDC_TOKEN": issuer.token()}))
    assert not issuer.asked


@pytest.mark.usefixtures("trusted")
def test_a_token_for_another_audience_is_asked_for_and_refused(
    cloud: Server, issuer: Issuer, variables: dict[str, str]
) -> None:
    settings = azure_settings.read({}, {**variables, "ARM_OIDC_AUDIENCE": "api://Other"})
    with pytest.raises(errors.SignInFailed, match=r"AADSTS700212: .* audience 'api://Other'") as caught:
        groups(cloud, settings)
    assert issuer.asked == ["api://Other"]
    assert "Check azure-native:tenantId, azure-native:clientId and the application's federated" in str(
        caught.value
    )


@pytest.mark.usefixtures("trusted")
def test_another_environment_s_job_is_refused(
    cloud: Server, issuer: Issuer, variables: dict[str, str]
) -> None:
    issuer.subject = "repo:contoso/fpga:pull_request"
    with pytest.raises(errors.SignInFailed, match=f"AADSTS700213: .* subject '{issuer.subject}'"):
        groups(cloud, azure_settings.read({}, variables))


def test_a_job_without_the_right_to_ask_is_told(
    cloud: Server, variables: dict[str, str], tmp_path: Path
) -> None:
    denied = {**variables, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-another-job"}
    with pytest.raises(errors.ServiceError, match=r"GET http://127\.0\.0\.1:\d+/token: ") as caught:
        groups(cloud, azure_settings.read({}, denied))
    assert caught.value.status == 401
    assert "of-another-job" not in str(caught.value)
    missing = {**variables, "ARM_OIDC_TOKEN_FILE_PATH": str(tmp_path / "none")}
    with pytest.raises(errors.SignInFailed, match=r"ARM_OIDC_TOKEN_FILE_PATH .*/none: No such file"):
        groups(cloud, azure_settings.read({}, missing))


@pytest.mark.usefixtures("trusted")
def test_the_plugin_signs_in_as_the_program_does(
    cloud: Server, issuer: Issuer, variables: dict[str, str], tmp_path: Path
) -> None:
    ca_file = str(cloud.status().ca)
    file = tmp_path / "token"
    file.write_text(issuer.token())
    ways = (
        variables,
        {**variables, "ARM_OIDC_TOKEN_FILE_PATH": str(file)},
        {**variables, "ARM_OIDC_TOKEN": issuer.token()},
    )
    for given in ways:
        configuration = Configuration.read({}, {**given, "SSL_CERT_FILE": ca_file})
        found = ArmClient(configuration).get(
            f"/subscriptions/{settings_of(cloud).subscription_id}", "2022-12-01"
        )
        assert found["state"] == "Enabled"
    assert issuer.asked == [EXCHANGE]


def test_the_plugin_without_any_token_names_the_permission(cloud: Server, variables: dict[str, str]) -> None:
    del variables["ACTIONS_ID_TOKEN_REQUEST_URL"]
    configuration = Configuration.read({}, {**variables, "SSL_CERT_FILE": str(cloud.status().ca)})
    with pytest.raises(SettingError, match="`permissions: id-token: write`"):
        ArmClient(configuration).get("/subscriptions", "2022-12-01")


def test_a_secret_goes_first_and_nothing_is_shown(variables: dict[str, str]) -> None:
    both = azure_settings.read({}, {**variables, "ARM_CLIENT_SECRET": "s3cret"})
    assert (both.client_secret, both.federation) == ("s3cret", None)
    federated = azure_settings.read({}, {**variables, "ARM_OIDC_TOKEN": "t0ken"})
    assert federated.federation is not None
    shown = repr(federated) + repr(Configuration.read({}, {**variables, "ARM_OIDC_TOKEN": "t0ken"}))
    assert REQUEST_TOKEN not in shown
    assert "t0ken" not in shown
    assert dataclasses.replace(federated, federation=None).client_secret == ""


@pytest.mark.parametrize("missing", ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
def test_a_job_without_id_token_permission_is_told_at_the_preview(
    missing: str, variables: dict[str, str]
) -> None:
    del variables[missing]
    with pytest.raises(SettingsError, match="`permissions: id-token: write`") as caught:
        azure_settings.read({}, variables)
    assert len(caught.value.problems) == 1


ANOTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
REFUSED = {
    "not one that is trusted": (lambda issuer: issuer.token(sub="repo:mallory/fpga:pull_request"), 700213),
    "of another issuer": (lambda issuer: issuer.token(iss="https://issuer.invalid"), 700211),
    "for another audience": (lambda issuer: issuer.token(aud=["api://Other"]), 700212),
    "signed by another key": (lambda issuer: issuer.token(key=ANOTHER_KEY), 700027),
    "expired": (lambda issuer: issuer.token(exp=int(time.time()) - 301), 700024),
    "not yet valid": (lambda issuer: issuer.token(nbf=int(time.time()) + 900), 700024),
    "without end": (lambda issuer: issuer.token(exp=None), 700027),
    "not signed": (lambda issuer: issuer.token().rpartition(".")[0] + ".", 700027),
    "no token": (lambda _: "abc", 50027),
}


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(("make", "code"), REFUSED.values(), ids=REFUSED)
def test_an_assertion_is_refused_that_is(make: Any, code: int, cloud: Server, issuer: Issuer) -> None:
    caller = ArmCaller(cloud)
    answer = caller.sign_in(
        client_secret="", client_assertion=make(issuer), client_assertion_type=ASSERTION_TYPE
    )
    caller.close()
    body = answer.json()
    assert (answer.status_code, body["error"], body["error_codes"]) == (401, "invalid_client", [code])
    assert body["error_description"].startswith(f"AADSTS{code}: ")


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("version", ["oauth2/v2.0/token", "oauth2/token"])
def test_an_assertion_needs_its_type(version: str, cloud: Server, issuer: Issuer) -> None:
    caller = ArmCaller(cloud)
    fields = {"client_secret": "", "client_assertion": issuer.token()}
    refused = caller.sign_in(version, **fields, resource="https://management.azure.com/")
    granted = caller.sign_in(
        version, **fields, client_assertion_type=ASSERTION_TYPE, resource="https://management.azure.com/"
    )
    caller.close()
    assert (refused.status_code, refused.json()["error_codes"]) == (400, [900144])
    assert granted.status_code == 200


def test_nobody_is_trusted_where_nothing_is_said(cloud: Server, issuer: Issuer) -> None:
    caller = ArmCaller(cloud)
    answer = caller.sign_in(
        client_secret="", client_assertion=issuer.token(), client_assertion_type=ASSERTION_TYPE
    )
    caller.close()
    assert answer.json()["error_codes"] == [700211]
