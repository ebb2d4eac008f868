"""Signing in: what discovery tells, which tokens are given, and every refusal with its code."""

from __future__ import annotations

import base64
from typing import Any

import jwt
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential

from localcloud.identity.tokens import AUDIENCES
from tests.support.localcloud.arm_caller import AUDIENCE, ArmCaller, refusal


def get(arm: ArmCaller, path: str, host: str | None = None) -> requests.Response:
    base = arm.base.replace("127.0.0.1", host) if host else arm.base
    with requests.Session() as session:
        session.trust_env = False
        return session.get(f"{base}{path}", verify=str(arm.status.ca))


def test_metadata_names_login_and_audiences_over_https(arm: ArmCaller) -> None:
    found = get(arm, "/metadata/endpoints?api-version=2022-09-01").json()
    assert found["authentication"]["loginEndpoint"] == f"{arm.base}/"
    assert found["authentication"]["audiences"][:2] == list(AUDIENCES)
    assert found["resourceManager"] == f"{arm.base}/"
    assert {"name", "microsoftGraphResourceId"} <= found.keys()
    assert {"storage", "keyVaultDns"} <= found["suffixes"].keys()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("version", ["/v2.0", ""])
def test_issuer_is_on_the_host_that_was_asked(arm: ArmCaller, host: str, version: str) -> None:
    base = arm.base.replace("127.0.0.1", host)
    tenant = arm.status.tenant
    found = get(arm, f"/{tenant}{version}/.well-known/openid-configuration?", host).json()
    assert found["issuer"] == f"{base}/{tenant}{version or '/'}"
    assert found["token_endpoint"] == f"{base}/{tenant}/oauth2{version}/token"


def test_another_tenant_has_no_discovery_document(arm: ArmCaller) -> None:
    answer = get(arm, "/00000000-0000-0000-0000-000000000000/v2.0/.well-known/openid-configuration")
    assert answer.status_code == 400
    body = answer.json()
    assert body["error"] == "invalid_tenant"
    assert body["error_codes"] == [90002]
    assert body["error_description"].startswith(
        "AADSTS90002: Tenant '00000000-0000-0000-0000-000000000000' not found."
    )
    assert {"trace_id", "correlation_id", "timestamp"} <= body.keys()


def test_published_keys_verify_a_token(arm: ArmCaller) -> None:
    discovery = get(arm, f"/{arm.status.tenant}/v2.0/.well-known/openid-configuration").json()
    keys = get(arm, discovery["jwks_uri"].removeprefix(arm.base)).json()
    token = arm.token()
    key = jwt.PyJWKSet.from_dict(keys)[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, algorithms=["RS256"], audience=AUDIENCE, issuer=discovery["issuer"])
    assert claims["tid"] == arm.status.tenant
    assert claims["appid"] == arm.status.client_id


@pytest.mark.parametrize(
    "audience",
    [form for audience in AUDIENCES for form in (audience, audience.rstrip("/"))],
)
@pytest.mark.parametrize("path", ["oauth2/token", "oauth2/v2.0/token"])
def test_tokens_of_every_audience_open_resource_manager(arm: ArmCaller, audience: str, path: str) -> None:
    answer = arm.sign_in(path, scope=f"{audience}/.default", resource=audience, claims="{}").json()
    assert answer["token_type"] == "Bearer"
    assert int(answer["expires_in"]) > 3000
    assert ("expires_on" in answer) == (path == "oauth2/token")
    token = answer["access_token"]
    assert jwt.decode(token, options={"verify_signature": False})["aud"] == audience
    headers = {"Authorization": f"bearer {token}"}
    assert arm("GET", "/subscriptions", headers=headers).status_code == 200


@pytest.mark.parametrize("audience", [AUDIENCE, AUDIENCE.rstrip("/")])
def test_scopes_of_openid_are_ignored(arm: ArmCaller, audience: str) -> None:
    """Microsoft's library for Go sends them behind the scope that it was asked for."""
    answer = arm.sign_in(scope=f"{audience}/.default openid offline_access profile").json()
    assert jwt.decode(answer["access_token"], options={"verify_signature": False})["aud"] == audience


def test_client_may_sign_in_with_basic_credentials(arm: ArmCaller) -> None:
    pair = base64.b64encode(f"{arm.status.client_id}:{arm.secret}".encode()).decode()
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(
            f"{arm.base}/{arm.status.tenant}/oauth2/v2.0/token",
            data={"grant_type": "client_credentials", "scope": f"{AUDIENCE}/.default"},
            headers={"Authorization": f"Basic {pair}"},
            verify=str(arm.status.ca),
        )
    assert "access_token" in answer.json()


@pytest.mark.parametrize("credentials", ["!", "6Q==", "\xe9"], ids=["base64", "utf-8", "ascii"])
def test_basic_credentials_that_cannot_be_read(arm: ArmCaller, credentials: str) -> None:
    answer = requests.post(
        f"{arm.base}/{arm.status.tenant}/oauth2/v2.0/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": f"Basic {credentials}".encode("latin-1")},
        verify=str(arm.status.ca),
        timeout=10,
    )
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert "The Basic credentials in the 'Authorization' header" in answer.json()["error_description"]


REFUSED: list[tuple[dict[str, str], int, str, int, str]] = [
    ({"client_secret": "wrong"}, 401, "invalid_client", 7000215, "Invalid client secret provided."),
    ({"client_secret": "wröng"}, 401, "invalid_client", 7000215, "Invalid client secret provided."),
    ({"client_secret": ""}, 401, "invalid_client", 7000218, "'client_assertion' or 'client_secret'"),
    ({"client_id": "nobody"}, 400, "unauthorized_client", 700016, "identifier 'nobody' was not found"),
    ({"client_id": ""}, 400, "invalid_request", 900144, "parameter: 'client_id'"),
    ({"grant_type": ""}, 400, "invalid_request", 900144, "parameter: 'grant_type'"),
    ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003, "grant type 'password'"),
    ({"scope": ""}, 400, "invalid_request", 900144, "parameter: 'scope'"),
    ({"scope": "openid"}, 400, "invalid_scope", 1002012, "scope openid is not valid"),
    ({"scope": "openid profile"}, 400, "invalid_scope", 1002012, "scope openid profile is not valid"),
    (
        {"scope": f"{AUDIENCE}/.default https://vault.azure.net/.default"},
        400,
        "invalid_scope",
        28000,
        "contains more than one resource",
    ),
    (
        {"scope": "https://vault.azure.net/.default"},
        400,
        "invalid_resource",
        500011,
        "principal named https://vault.azure.net was not found",
    ),
]


@pytest.mark.parametrize(("fields", "status", "error", "code", "message"), REFUSED)
def test_refused_sign_in(
    arm: ArmCaller, fields: dict[str, str], status: int, error: str, code: int, message: str
) -> None:
    answer = arm.sign_in(**fields)
    body = answer.json()
    assert (answer.status_code, body["error"], body["error_codes"]) == (status, error, [code])
    assert body["error_description"].startswith(f"AADSTS{code}: ")
    assert message in body["error_description"]
    assert arm.secret not in answer.text


def test_v1_sign_in_for_an_unknown_resource(arm: ArmCaller) -> None:
    answer = arm.sign_in("oauth2/token", resource="https://graph.example")
    assert (answer.status_code, answer.json()["error_codes"]) == (400, [500011])


@pytest.mark.parametrize(
    ("authorization", "code", "message"),
    [
        (None, "AuthenticationFailed", "The 'Authorization' header is missing."),
        ("Basic abc", "AuthenticationFailed", "not of the form 'Bearer TOKEN'"),
        ("Bearer", "AuthenticationFailed", "not of the form 'Bearer TOKEN'"),
        ("Bearer abc", "InvalidAuthenticationToken", "The access token is invalid."),
    ],
)
@pytest.mark.parametrize("path", ["/subscriptions", "/api/subscriptions/s/x", "/nowhere"])
def test_no_entry_without_a_token(
    arm: ArmCaller, path: str, authorization: str | None, code: str, message: str
) -> None:
    answer = arm("GET", path, headers={"Authorization": authorization})
    assert refusal(answer)[:2] == (401, code)
    assert message in refusal(answer)[2]
    address = f"{arm.base}/{arm.status.tenant}"
    assert answer.headers["WWW-Authenticate"] == f'Bearer authorization_uri="{address}"'


def credential(arm: ArmCaller, **other: Any) -> ClientSecretCredential:
    settings = {
        "tenant_id": arm.status.tenant,
        "client_id": arm.status.client_id,
        "client_secret": arm.secret,
    }
    return ClientSecretCredential(
        **(settings | other),
        authority=arm.base,
        disable_instance_discovery=True,
        connection_verify=str(arm.status.ca),
    )


def test_azure_identity_signs_in(arm: ArmCaller) -> None:
    with credential(arm) as signed_in:
        token = signed_in.get_token(f"{AUDIENCE}/.default").token
    headers = {"Authorization": f"Bearer {token}"}
    assert arm("GET", "/tenants", headers=headers).json()["value"][0]["tenantId"] == arm.status.tenant


def test_azure_identity_tells_a_wrong_secret(arm: ArmCaller) -> None:
    with (
        credential(arm, client_secret="wrong") as signed_in,
        pytest.raises(ClientAuthenticationError, match="AADSTS7000215: Invalid client secret provided"),
    ):
        signed_in.get_token(f"{AUDIENCE}/.default")
