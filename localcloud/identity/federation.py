"""Workload identity federation: another issuer's token signs the tenant's client in, in a secret's place.

The trusted tokens are told by `federated-credentials.json` in the data folder, a list in the form of
Microsoft Graph's federatedIdentityCredential: `[{"issuer": …, "subject": …, "audiences": […]}]`. It is read
at each sign-in. Source: RFC 7523; https://learn.microsoft.com/entra/workload-id/workload-identity-federation.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import jwt
import requests

from localcloud.identity.refusals import SignInError
from surroundings.https import session

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FILE: Final = "federated-credentials.json"
TIMEOUT_S: Final = 10.0
LEEWAY_S: Final = 300  # the clock skew that Entra ID grants
_ALGORITHMS: Final = ("RS256",)
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})


@dataclass(frozen=True)
class _Credential:
    """A description of the tokens that are trusted, compared to the letter, as Entra ID does."""

    issuer: str
    subject: str
    audiences: tuple[str, ...]


class Federation:
    """A judge of assertions, by what the data folder says.

    Args:
        data: folder of the file.
    """

    def __init__(self, data: Path) -> None:
        self._file = data / FILE

    def check(self, assertion: str, assertion_type: str) -> None:
        """Accepts an assertion of a trusted issuer, for a trusted subject.

        Raises:
            SignInError: with Microsoft's code for what is wrong.
        """
        if assertion_type != ASSERTION_TYPE:
            raise SignInError(
                400,
                "invalid_request",
                900144,
                f"The request body must contain the following parameter: 'client_assertion_type' with the "
                f"value '{ASSERTION_TYPE}'.",
            )
        try:
            claimed = jwt.decode(assertion, options={"verify_signature": False})
        except jwt.InvalidTokenError:
            raise _refused(50027, "JWT token is invalid or malformed.") from None
        trusted = self._match(claimed)
        try:
            jwt.decode(
                assertion,
                _key(trusted.issuer, assertion),
                algorithms=_ALGORITHMS,
                audience=trusted.audiences,
                issuer=trusted.issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "sub", "aud"]},
            )
        except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError, jwt.InvalidIssuedAtError):
            raise _refused(700024, "Client assertion is not within its valid time range.") from None
        except jwt.InvalidTokenError:
            raise _refused(700027, "Client assertion failed signature validation.") from None

    def _match(self, claimed: dict[str, Any]) -> _Credential:
        """The credential that the claims fit; issuer, subject and audience are looked at in this order."""
        found = self._read()
        told = claimed.get("aud")
        audiences = told if isinstance(told, list) else [told]
        for code, claim, shown, fits in (
            (700211, "issuer", claimed.get("iss"), lambda one: one.issuer == claimed.get("iss")),
            (700213, "subject", claimed.get("sub"), lambda one: one.subject == claimed.get("sub")),
            (700212, "audience", told, lambda one: bool(set(one.audiences) & set(map(str, audiences)))),
        ):
            found = [one for one in found if fits(one)]
            if not found:
                raise _refused(
                    code,
                    f"No matching federated identity record found for presented assertion {claim} '{shown}'. "
                    f"Trusted are those of {self._file}.",
                )
        return found[0]

    def _read(self) -> list[_Credential]:
        try:
            listed = json.loads(self._file.read_bytes())
            return [
                _Credential(str(one["issuer"]), str(one["subject"]), tuple(map(str, one["audiences"])))
                for one in listed
            ]
        except FileNotFoundError:
            return []
        except (ValueError, KeyError, TypeError):
            raise _refused(
                70021, f"{self._file} is not a list of issuer, subject and audiences, in JSON."
            ) from None


def _key(issuer: str, assertion: str) -> jwt.PyJWK:
    """The key that signed, as the issuer publishes it (OpenID Connect Discovery 1.0)."""
    document = _fetched(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    if document.get("issuer") != issuer:
        raise _refused(700027, f"The discovery document of {issuer} is of another issuer.")
    key_id = jwt.get_unverified_header(assertion).get("kid")
    try:
        keys = jwt.PyJWKSet.from_dict(_fetched(str(document.get("jwks_uri"))))
        return keys[str(key_id)]
    except (jwt.PyJWKSetError, jwt.PyJWKError, KeyError):
        raise _refused(700027, f"The key '{key_id}' is none of those of {issuer}.") from None


def _fetched(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise _refused(50166, f"{url} is not https.")
    try:
        with session() as opened:
            answer = opened.get(
                url, timeout=TIMEOUT_S, verify=os.environ.get("SSL_CERT_FILE") or True, allow_redirects=False
            )
        answer.raise_for_status()
        document = answer.json()
    except (requests.RequestException, ValueError) as error:
        raise _refused(50166, f"Request to {url} failed ({type(error).__name__}).") from None
    return document if isinstance(document, dict) else {}


def _refused(code: int, message: str) -> SignInError:
    return SignInError(401, "invalid_client", code, message)
