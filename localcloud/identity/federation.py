"""Workload identity federation: another issuer's token signs a principal in, in a secret's place.

The trusted tokens are told by the principal's federated credentials in the database. Localclouds of before
had those of their one client in `federated-credentials.json`: it is taken over at a start. Source: RFC 7523;
https://learn.microsoft.com/entra/workload-id/workload-identity-federation.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import jwt
import requests

from localcloud.access import principals
from localcloud.access.principals import FederatedCredential
from localcloud.datafolder.store import Store
from localcloud.http.deadlines import Deadline, DeadlineAdapter
from localcloud.identity.refusals import SignInError
from surroundings import json_text
from surroundings.https import session

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FILE: Final = "federated-credentials.json"
TAKEN_OVER: Final = ".taken-over"
"""Behind the name of a file whose content is in the database."""
TIMEOUT_S: Final = 10.0
"""How long an issuer may take to tell its keys, in seconds, all in all."""
MAX_BYTES: Final = 1024 * 1024
"""How large each of an issuer's two documents may be."""
KEEP_S: Final = 300.0
"""How long keys are taken for an issuer's; one that is not among them is looked for earlier."""
RENEW_S: Final = 10.0
"""How long an issuer is left alone after it was asked, whatever came of it."""
CALLERS_OF_ISSUER: Final = 12
"""How many sign-ins may wait for one issuer at once: the others' must find a thread."""
_CHUNK_BYTES: Final = 64 * 1024
LEEWAY_S: Final = 300  # the clock skew that Entra ID grants
_ALGORITHMS: Final = ("RS256",)
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})
"""Hosts of issuers that may be asked over http."""

log = logging.getLogger(__name__)


class Federation:
    """A judge of assertions, who keeps the keys of their issuers for a while."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[str, _IssuerKeys] = {}

    def check(self, assertion: str, assertion_type: str, trusted_ones: Sequence[FederatedCredential]) -> None:
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
            key_id = _key_id(assertion)
        except (jwt.InvalidTokenError, RecursionError):
            raise _refused(50027, "JWT token is invalid or malformed.") from None
        trusted = _match(claimed, trusted_ones)
        # All that can be known without its issuer is known before that is asked for anything.
        _check_times(assertion)
        with self._lock:
            keys = self._keys.setdefault(trusted.issuer, _IssuerKeys(trusted.issuer))
        try:
            jwt.decode(
                assertion,
                keys.get(key_id),
                algorithms=_ALGORITHMS,
                audience=trusted.audiences,
                issuer=trusted.issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "sub", "aud"]},
            )
        except jwt.InvalidTokenError:
            raise _refused(700027, "Client assertion failed signature validation.") from None


def take_over(store: Store, data: Path, client_id: str) -> None:
    """Has the database trust what the file of localclouds of before says, which is then named otherwise.

    One that cannot be read is left, and said in the log.
    """
    file = data / FILE
    try:
        found = read_file(file)
    except ValueError as error:
        log.warning("nobody is trusted by %s: %s", file, error)
        return
    if found is None:
        return
    with store.write() as db:
        for one in found:
            principals.trust(db, client_id, one)
    file.replace(file.with_name(f"{FILE}{TAKEN_OVER}"))
    log.info("%s is taken over into the database: %d federated credentials", file, len(found))


def read_file(file: Path) -> list[FederatedCredential] | None:
    """The credentials in a file of before; None: there is none.

    Raises:
        ValueError: it is no list of them.
    """
    try:
        listed = json_text.loads(file.read_bytes())
        found = [
            FederatedCredential(str(one["issuer"]), str(one["subject"]), tuple(map(str, one["audiences"])))
            for one in listed
        ]
        for one in found:
            "".join((one.issuer, one.subject, *one.audiences)).encode()  # half of a surrogate pair is none
        return found
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise ValueError("it is not a list of issuer, subject and audiences, in JSON") from None


def _match(claimed: dict[str, Any], trusted: Sequence[FederatedCredential]) -> FederatedCredential:
    """The credential that the claims fit; issuer, subject and audience are looked at in this order."""
    found = list(trusted)
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
                "`fpga cloud principal trust` adds one.",
            )
    return found[0]


class _IssuerKeys:
    """The keys that an issuer publishes (OpenID Connect Discovery 1.0), asked for by one sign-in in turn.

    Keys that are known wait for no answer, nor are they lost where the next one does not come.
    """

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._turn = threading.Lock()
        self._callers = threading.BoundedSemaphore(CALLERS_OF_ISSUER)
        self._kept: tuple[Mapping[str, jwt.PyJWK], float] = ({}, -math.inf)
        self._asked_at = -math.inf
        self._refusal: SignInError | None = None

    def get(self, key_id: str) -> jwt.PyJWK:
        """The key of that ID.

        Raises:
            SignInError: the issuer has no such key, or did not tell; or there are too many who wait for it.
        """
        known = self._known(key_id)
        if known is not None:
            return known
        if not self._callers.acquire(blocking=False):
            message = f"Too many wait for the keys of {self._issuer} already: try again later."
            raise SignInError(503, "temporarily_unavailable", 90033, message)
        try:
            with self._turn:
                if self._known(key_id) is None and time.monotonic() - self._asked_at > RENEW_S:
                    self._ask()
                known, refusal = self._known(key_id), self._refusal
        finally:
            self._callers.release()
        if known is not None:
            return known
        if refusal is not None:
            raise _refused(refusal.code, refusal.message)
        raise _refused(700027, f"The key '{key_id}' is none of those of {self._issuer}.")

    def _known(self, key_id: str) -> jwt.PyJWK | None:
        keys, told_at = self._kept
        return keys.get(key_id) if time.monotonic() - told_at <= KEEP_S else None

    def _ask(self) -> None:
        try:
            found = _published(self._issuer)
        except SignInError as refusal:
            self._refusal = refusal
        else:
            self._kept = (found, time.monotonic())
            self._refusal = None
        self._asked_at = time.monotonic()


def _key_id(assertion: str) -> str:
    """The ID of the key that signed, by the token's own words.

    Raises:
        jwt.InvalidTokenError: it names none, or is signed otherwise than is accepted.
    """
    header = jwt.get_unverified_header(assertion)
    key_id = header.get("kid")
    if header.get("alg") not in _ALGORITHMS or not isinstance(key_id, str) or not key_id:
        raise jwt.InvalidTokenError
    return key_id


def _check_times(assertion: str) -> None:
    try:
        jwt.decode(
            assertion,
            leeway=LEEWAY_S,
            options={
                "verify_signature": False,
                "verify_exp": True,
                "verify_nbf": True,
                "verify_iat": True,
                "require": ["exp", "iss", "sub", "aud"],
            },
        )
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError, jwt.InvalidIssuedAtError):
        raise _refused(700024, "Client assertion is not within its valid time range.") from None
    except jwt.InvalidTokenError:
        raise _refused(700027, "Client assertion lacks a claim, or its times are no numbers.") from None


def _published(issuer: str) -> dict[str, jwt.PyJWK]:
    with Deadline(TIMEOUT_S) as deadline:
        document = _fetched(f"{issuer.rstrip('/')}/.well-known/openid-configuration", deadline)
        if document.get("issuer") != issuer:
            raise _refused(700027, f"The discovery document of {issuer} is of another issuer.")
        return key_set(issuer, _fetched(str(document.get("jwks_uri")), deadline))


def key_set(issuer: str, published: dict[str, Any]) -> dict[str, jwt.PyJWK]:
    """The keys of an issuer's JSON Web Key Set (RFC 7517) that may sign assertions, by their IDs.

    Others are passed by, as section 5 has it: of another kind, without an ID, or broken.

    Raises:
        SignInError: there are none.
    """
    listed = published.get("keys")
    found = {}
    for one in listed if isinstance(listed, list) else ():
        key_id = one.get("kid") if isinstance(one, dict) else None
        if isinstance(key_id, str) and key_id and one.get("kty") == "RSA":
            # PyJWT raises of many kinds on what is broken
            with contextlib.suppress(jwt.PyJWTError, ValueError, TypeError, LookupError, AttributeError):
                found[key_id] = jwt.PyJWK(one, _ALGORITHMS[0])
    if not found:
        raise _refused(700027, f"{issuer} publishes no keys that can be used.")
    return found


def _fetched(url: str, deadline: Deadline) -> dict[str, Any]:
    """The JSON object at an address; an empty one where another value is."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise _refused(50166, f"{url} is not https.")
    try:
        with session(DeadlineAdapter(deadline)) as opened:
            opened.mount("http://", DeadlineAdapter(deadline))
            verify = os.environ.get("SSL_CERT_FILE") or True
            with opened.get(
                url, timeout=TIMEOUT_S, verify=verify, allow_redirects=False, stream=True
            ) as answer:
                answer.raise_for_status()
                document = json_text.loads(_content(url, answer))
    except (requests.RequestException, ValueError) as error:
        if deadline.passed:
            raise _refused(50166, f"Request to {url} took longer than {TIMEOUT_S:g} s.") from None
        raise _refused(50166, f"Request to {url} failed ({type(error).__name__}).") from None
    return document if isinstance(document, dict) else {}


def _content(url: str, answer: requests.Response) -> bytes:
    content = bytearray()
    for chunk in answer.iter_content(_CHUNK_BYTES):
        content += chunk
        if len(content) > MAX_BYTES:
            raise _refused(50166, f"The document at {url} is larger than {MAX_BYTES} bytes.")
    return bytes(content)


def _refused(code: int, message: str) -> SignInError:
    return SignInError(401, "invalid_client", code, message)
