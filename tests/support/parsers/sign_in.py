"""Tokens: localcloud's own, other issuers' assertions, and the keys that these publish."""

from __future__ import annotations

import base64
import functools
import json
import time
from collections.abc import Iterator
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa

from localcloud.access.principals import FederatedCredential
from localcloud.errors import CloudError
from localcloud.identity.credentials import Credentials
from localcloud.identity.federation import ASSERTION_TYPE, Federation, key_set
from localcloud.identity.refusals import SignInError
from localcloud.identity.tenant import Tenant
from localcloud.identity.tokens import Tokens
from tests.support.parsers.parser import Parser, require_sentence

_BASE: Final = "https://127.0.0.1:20000"
_ISSUER: Final = "http://127.0.0.1:9"  # the port of `discard`, where nobody answers
_SUBJECT: Final = "repo:contoso/fpga:environment:prod"
_AUDIENCE: Final = "api://AzureADTokenExchange"
_TRUSTED: Final = FederatedCredential(_ISSUER, _SUBJECT, (_AUDIENCE,))
_DOT: Final = b"\0.\0"
"""What stands between the parts of a token, which are not in Base64 here."""


@functools.cache
def _tokens() -> Tokens:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    credentials = Credentials("secret", key)
    return Tokens(Tenant("tenant", "subscription", "client"), lambda: credentials, (_BASE,))


@functools.cache
def _issued() -> str:
    return _tokens().issue(f"{_BASE}/", _tokens().issuer_v2(_BASE), "client")[0]


@functools.cache
def _federation() -> Federation:
    return Federation()


def _check_header(data: bytes) -> None:
    """Nothing is let in but what was issued, to the letter of its claims."""
    header = data.decode("latin-1").replace("ISSUED", _issued())
    try:
        _tokens().authenticate(header)
    except CloudError as refusal:
        require_sentence(refusal.message)
        if refusal.status == 401:
            return
        raise
    claims = header.partition(" ")[2].strip().split(".")[1]
    assert claims.rstrip("=") == _issued().split(".")[1]


def _check_parts(data: bytes) -> None:
    """As of the header, with the parts of the token in plain."""
    _check_header(b"Bearer " + _token(data))


def _check_assertion(data: bytes) -> None:
    """An assertion that nobody signed is refused, in words."""
    try:
        _federation().check(_token(data).decode(), ASSERTION_TYPE, [_TRUSTED])
    except SignInError as error:
        require_sentence(error.message)
        return
    raise AssertionError("it was let in")


def _check_keys(data: bytes) -> None:
    """The keys of an issuer are taken or refused, whatever JSON object it publishes."""
    try:
        published = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(published, dict):
        return
    try:
        found = key_set(_ISSUER, published)
    except SignInError as error:
        require_sentence(error.message)
        return
    assert all(key.key_type == "RSA" and key.key_id == key_id for key_id, key in found.items())


def _token(data: bytes) -> bytes:
    parts = (data.split(_DOT) + [b""] * 3)[:3]
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)


def _headers() -> Iterator[bytes]:
    yield b"Bearer ISSUED"
    yield b"bearer  ISSUED "
    yield b"Basic ISSUED"
    yield b"Bearer ISSUEDA"
    yield b"Bearer a.b.c"
    yield b""


def _claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "iss": _ISSUER,
        "sub": _SUBJECT,
        "aud": _AUDIENCE,
        "exp": now + 600,
        "nbf": now - 10,
        "iat": now,
    }
    return claims | changes


def _assertions() -> Iterator[bytes]:
    headers: tuple[dict[str, Any], ...] = (
        {"alg": "RS256", "kid": "1", "typ": "JWT"},
        {"alg": "none"},
        {"alg": "RS256", "kid": None},
    )
    for header in headers:
        yield _DOT.join((json.dumps(header).encode(), json.dumps(_claims()).encode(), b"signature"))
    odd: tuple[dict[str, Any], ...] = (
        {"exp": float("inf")},
        {"exp": "1e999"},
        {"exp": []},
        {"nbf": float("nan")},
        {"iat": {}},
        {"aud": [_AUDIENCE, 1]},
        {"aud": {}},
        {"iss": ["\ud800"]},
        {"sub": "\ud800"},
        {"sub": "x" * 5000},
        {"exp": 10**400},
    )
    signed = json.dumps({"alg": "RS256", "kid": "1"}).encode()
    for changes in odd:
        yield _DOT.join((signed, json.dumps(_claims(**changes)).encode(), b"signature"))
    yield _DOT.join((b"{}", b"[" * 3000, b""))


def _key_sets() -> Iterator[bytes]:
    good = _tokens().key_set(_BASE)
    yield json.dumps(good).encode()
    (key,) = good["keys"]
    odd: tuple[dict[str, Any], ...] = (
        {"n": "!"},
        {"n": 1},
        {"e": "AA"},
        {"kty": "EC"},
        {"kty": 1},
        {"kty": "oct", "k": "AAAA"},
        {"kty": "oct"},
        {"kid": []},
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
        {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"},
        {"alg": 1},
        {"use": []},
        {"n": "\ud800"},
    )
    for changes in odd:
        yield json.dumps({"keys": [key | changes]}).encode()
    others: tuple[Any, ...] = (1, None, [1], [[]], [None], {}, "keys", [])
    for keys in others:
        yield json.dumps({"keys": keys}).encode()
    yield b"{}"


PARSERS: Final = (
    Parser("authorization", "the header Authorization of a call", _check_header, _headers),
    Parser("token", "the parts of a token", _check_parts, _assertions),
    Parser("assertion", "another issuer's token, at sign-in", _check_assertion, _assertions),
    Parser("key-set", "the keys that an issuer publishes", _check_keys, _key_sets, size=1 << 20),
)
