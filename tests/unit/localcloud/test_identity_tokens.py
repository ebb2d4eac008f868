"""Tokens that must not open anything: each with the code that tells its holder why."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from jwt.algorithms import RSAAlgorithm

from localcloud.errors import CloudError
from localcloud.identity.credentials import Credentials
from localcloud.identity.tenant import Tenant
from localcloud.identity.tokens import AUDIENCES, Tokens

BASE = "https://127.0.0.1:20000"
TENANT_ID = "6b6a5a0e-0000-4000-8000-000000000001"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
TENANT = Tenant(TENANT_ID, "subscription", "client")
CREDENTIALS = Credentials("secret", KEY)
TOKENS = Tokens(TENANT, lambda: CREDENTIALS, (BASE, "https://localhost:20000"))


def token(key: Any = KEY, algorithm: str = "RS256", without: str = "", **other: Any) -> str:
    now = int(time.time())
    claims = {"aud": AUDIENCES[0], "iss": f"{BASE}/{TENANT_ID}/v2.0", "tid": TENANT_ID}
    claims |= {"nbf": now - 10, "exp": now + 60} | other
    claims.pop(without, None)
    # `jwt.encode` makes no token with claims of another type
    return jwt.PyJWS().encode(json.dumps(claims).encode(), key, algorithm)


def test_a_token_of_ours_is_taken() -> None:
    TOKENS.authenticate(f"Bearer {token()}")
    issued, life_s = TOKENS.issue(AUDIENCES[1], f"https://localhost:20000/{TENANT_ID}/", "client")
    TOKENS.authenticate(f"Bearer {issued}")
    assert life_s == 3599


NOW = int(time.time())  # when the tests are collected: some run many minutes later
DAY = 24 * 3600
ODD_CLAIMS: dict[str, list[Any]] = {
    "aud": [[], [[]], {}, [1], 1, None],
    "iss": [[], {}, 1, None],
    "exp": [float("inf"), {}, "", None],
    "nbf": [float("-inf"), [], "x"],
}
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"exp": NOW - 5}, "ExpiredAuthenticationToken", "expiry time is in the past"),
    ({"nbf": NOW + DAY, "exp": NOW + 2 * DAY}, "InvalidAuthenticationToken", "not yet valid"),
    ({"aud": "https://vault.azure.net"}, "InvalidAuthenticationTokenAudience", "'https://vault.azure.net'"),
    *(
        ({claim: odd}, "InvalidAuthenticationToken", "The access token is invalid.")
        for claim, values in ODD_CLAIMS.items()
        for odd in values
    ),
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


def signed(header: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    """A token with good claims, put together by hand: PyJWT makes none that confuse."""
    payload = token().split(".")[1]
    packed = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    signature = base64.urlsafe_b64encode(sign(f"{packed}.{payload}".encode())).rstrip(b"=").decode()
    return f"{packed}.{payload}.{signature}"


def by_public_key(content: bytes) -> bytes:
    """What opens where the public key is taken for a shared secret."""
    spki = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hmac.digest(KEY.public_key().public_bytes(*spki), content, "sha256")


STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def by_stranger(content: bytes) -> bytes:
    return STRANGER.sign(content, padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize(
    ("header", "sign"),
    [
        ({"alg": "HS256"}, by_public_key),
        ({"alg": "none"}, lambda _: b""),
        ({"alg": "nOnE"}, lambda _: b""),
        ({}, lambda _: b""),
        (
            {"alg": "RS256", "jwk": RSAAlgorithm.to_jwk(STRANGER.public_key(), as_dict=True)},
            by_stranger,
        ),
        ({"alg": "RS256", "kid": "../../dev/null"}, by_stranger),
        ({"alg": "RS256", "jku": "https://evil.example/keys"}, by_stranger),
    ],
    ids=["public key as secret", "none", "nOnE", "no algorithm", "own key", "own key ID", "own key set"],
)
def test_the_header_does_not_choose_how_a_token_is_checked(
    header: dict[str, Any], sign: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(CloudError) as refused:
        TOKENS.authenticate(f"Bearer {signed(header, sign)}")
    assert (refused.value.status, refused.value.code) == (401, "InvalidAuthenticationToken")
    assert refused.value.message.startswith("The access token")


def test_nothing_secret_in_a_tenants_repr() -> None:
    assert "secret" not in repr(TENANT).replace("client_secret", "")
    assert "RSAPrivateKey" not in repr(TENANT)
