"""Tokens that must not open anything: each with the code that tells its holder why."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from localcloud.errors import CloudError
from localcloud.identity.tenant import Tenant
from localcloud.identity.tokens import AUDIENCES, Tokens

BASE = "https://127.0.0.1:20000"
TENANT_ID = "6b6a5a0e-0000-4000-8000-000000000001"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
TENANT = Tenant(TENANT_ID, "subscription", "client", "secret", KEY)
TOKENS = Tokens(TENANT, (BASE, "https://localhost:20000"))


def token(key: Any = KEY, algorithm: str = "RS256", without: str = "", **other: Any) -> str:
    now = int(time.time())
    claims = {"aud": AUDIENCES[0], "iss": f"{BASE}/{TENANT_ID}/v2.0", "tid": TENANT_ID}
    claims |= {"nbf": now - 10, "exp": now + 60} | other
    claims.pop(without, None)
    return jwt.encode(claims, key, algorithm)


def test_a_token_of_ours_is_taken() -> None:
    TOKENS.authenticate(f"Bearer {token()}")
    issued, expires_on = TOKENS.issue(AUDIENCES[1], f"https://localhost:20000/{TENANT_ID}/")
    TOKENS.authenticate(f"Bearer {issued}")
    assert 3000 < expires_on - time.time() < 3600


NOW = int(time.time())
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"exp": NOW - 5}, "ExpiredAuthenticationToken", "expiry time is in the past"),
    ({"nbf": NOW + 600, "exp": NOW + 900}, "InvalidAuthenticationToken", "not yet valid"),
    ({"aud": "https://vault.azure.net"}, "InvalidAuthenticationTokenAudience", "'https://vault.azure.net'"),
    ({"tid": "another"}, "InvalidAuthenticationTokenTenant", "It must match the tenant"),
    ({"iss": "https://evil.example/"}, "InvalidAuthenticationTokenTenant", "'https://evil.example/'"),
    ({"without": "exp"}, "InvalidAuthenticationToken", "The access token is invalid."),
    ({"without": "aud"}, "InvalidAuthenticationToken", "The access token is invalid."),
    ({"without": "tid"}, "InvalidAuthenticationTokenTenant", "It must match the tenant"),
    (
        {"key": rsa.generate_private_key(public_exponent=65537, key_size=2048)},
        "InvalidAuthenticationToken",
        "signature is not this tenant's",
    ),
    ({"key": "x" * 32, "algorithm": "HS256"}, "InvalidAuthenticationToken", "The access token is invalid."),
    ({"key": None, "algorithm": "none"}, "InvalidAuthenticationToken", "The access token is invalid."),
]


@pytest.mark.parametrize(("made", "code", "message"), REFUSED)
def test_other_tokens_are_refused(made: dict[str, Any], code: str, message: str) -> None:
    held = token(**made)
    with pytest.raises(CloudError) as refused:
        TOKENS.authenticate(f"Bearer {held}")
    assert (refused.value.status, refused.value.code) == (401, code)
    assert message in refused.value.message
    assert held not in refused.value.message
    header = refused.value.headers["WWW-Authenticate"]
    assert header == f'Bearer authorization_uri="{BASE}/{TENANT_ID}"'
    assert "claims=" not in header


def test_nothing_secret_in_a_tenants_repr() -> None:
    assert "secret" not in repr(TENANT).replace("client_secret", "")
    assert "RSAPrivateKey" not in repr(TENANT)
