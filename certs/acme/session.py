"""Signed requests to one authority (RFC 8555, 6): nonces, rate limits, failures in words.

The library repeats a request once after `badNonce`; an authority behind several servers may need more.
It also drops Retry-After from what is refused, so the last answer is kept here.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, cast

import requests
from acme import client, errors, messages
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from josepy.errors import Error as JoseError
from josepy.interfaces import JSONDeSerializable
from josepy.jwa import ES256, RS256, JWASignature
from josepy.jwk import JWK, JWKEC, JWKRSA

from certs.acme import problems
from certs.acme.pace import Pace
from surroundings.https import Adapter

TIMEOUT_S = 30
USER_AGENT = "fpga-web-service"
_BAD_NONCES = 10  # in a row
_FAILED_CONNECTIONS = 3  # in a row
_LATER = frozenset({429, 503})


class Fields(JSONDeSerializable):
    """The payload of a request, as a mapping."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    def to_partial_json(self) -> Any:
        return dict(self._fields)

    @classmethod
    def from_json(cls, jobj: Any) -> Fields:
        return cls(jobj)


class Session:
    """A session with an authority, as one account sees it; not to be shared by threads.

    Args:
        url: of the directory.
        key: the account's, RSA or P-256.
        verify: the file with the roots of the authority's own HTTPS; True: those of the system.
        account: the account's URL; None until it is registered.
        pace: how long all of the work may take.
        timeout_s: how long one answer may take, in seconds.
        roots_setting: where the roots of a private authority are named, for the words of an error.
    """

    def __init__(
        self,
        url: str,
        key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
        *,
        verify: str | bool = True,
        account: str | None = None,
        pace: Pace | None = None,
        timeout_s: int = TIMEOUT_S,
        roots_setting: str = "",
    ) -> None:
        self.url = url
        self.subject = f"ACME directory {url}"
        self.pace = pace or Pace()
        self._roots_setting = roots_setting
        self.jwk, algorithm = _jwk(key)
        # the library hands `verify_ssl` to requests, which takes a path, too
        self._net = client.ClientNetwork(
            self.jwk, alg=algorithm, verify_ssl=cast(bool, verify), user_agent=USER_AGENT, timeout=timeout_s
        )
        self._net.session.mount("https://", Adapter())
        self._net.session.hooks["response"].append(self._remember)
        self._last: requests.Response | None = None
        self._directory: messages.Directory | None = None
        if account is not None:
            self.sign_in(account)

    def sign_in(self, account: str) -> None:
        """From now on requests are signed as this account's (its URL is the `kid`)."""
        self._net.account = messages.RegistrationResource(uri=account, body=messages.Registration())

    def close(self) -> None:
        """Ends the connections that are kept open."""
        self._net.session.close()

    @property
    def directory(self) -> messages.Directory:
        """The authority's directory, asked for once."""
        if self._directory is None:
            answer = self._repeated("", lambda: self._net.get(self.url))
            try:
                found = messages.Directory.from_json(answer.json())
                for name in ("newNonce", "newAccount", "newOrder"):
                    found[name]
            except (ValueError, KeyError, TypeError, AttributeError, JoseError):
                raise problems.unfit(
                    self.subject, "does not answer with an ACME directory.", "Correct its URL."
                ) from None
            self._directory = found
        return self._directory

    def endpoint(self, name: str) -> str | None:
        """The URL of a resource of the directory; None where the authority has none."""
        try:
            return str(self.directory[name])
        except KeyError:
            return None

    def meta(self, name: str) -> Any:
        """A field of the directory's `meta`; None where the authority does not give it."""
        try:
            return getattr(self.directory["meta"], name)
        except (KeyError, AttributeError):
            return None

    def post(self, what: str, url: str, fields: Mapping[str, Any] | JSONDeSerializable) -> requests.Response:
        """Sends a signed request.

        Args:
            what: names the request in an error.

        Raises:
            certs.errors.AcmeError: the authority refuses, or does not answer.
        """
        # the library's own messages are mappings, too, by other names than those of the wire
        payload = fields if isinstance(fields, JSONDeSerializable) else Fields(fields)
        return self._repeated(what, lambda: self._post(url, payload))

    def fetch(self, what: str, url: str) -> requests.Response:
        """Reads a resource by POST-as-GET (RFC 8555, 6.3).

        Raises:
            certs.errors.AcmeError: the authority refuses, or does not answer.
        """
        return self._repeated(what, lambda: self._post(url, None))

    def get(self, url: str) -> requests.Response:
        """Reads what is public, once: no repeating, no waiting.

        Raises:
            certs.errors.AcmeError: the authority refuses, or does not answer.
        """
        try:
            return self._net.get(url)
        except (requests.RequestException, errors.Error, JoseError) as why:
            raise problems.unreachable(url, problems.reason(why)) from None

    def _post(self, url: str, payload: JSONDeSerializable | None) -> requests.Response:
        # the library's annotation leaves None out, which it sends as the empty payload
        return self._net.post(
            url, cast(JSONDeSerializable, payload), new_nonce_url=self.directory["newNonce"]
        )

    def _repeated(self, what: str, send: Any) -> requests.Response:
        bad_nonces = failed = later = 0
        subject = f"{self.subject}, {what}" if what else self.subject
        while True:
            self._last, refusal = None, ""
            try:
                return cast(requests.Response, send())
            except messages.Error as problem:
                if problem.code == "badNonce" and bad_nonces < _BAD_NONCES:
                    bad_nonces += 1
                    continue
                if not self._said_later():
                    raise problems.refusal(subject, problem) from None
                refusal, seen = str(problem.typ), problems.told(problem)
            except errors.ConflictError:
                # the library leaves out what a 409 says
                raise problems.refusal(subject, self._conflict()) from None
            except requests.RequestException as why:
                failed += 1
                seen = f"did not answer ({problems.reason(why)})"
                if isinstance(why, requests.exceptions.SSLError):
                    where = f" in {self._roots_setting}" if self._roots_setting else ""
                    remedy = f"Name the roots of a private authority{where}."
                    raise problems.unreachable(
                        subject, f"is not trusted ({problems.reason(why)})", remedy
                    ) from None
                if failed >= _FAILED_CONNECTIONS:
                    raise problems.unreachable(subject, seen) from None
            except (errors.Error, JoseError) as why:
                if not self._said_later():
                    raise problems.unreachable(
                        subject, f"did not answer as ACME does ({problems.reason(why)})"
                    ) from None
                seen = f"HTTP {self._status()}"
            self.pace.pause(subject, seen, self.retry_after, later, refusal)
            later += 1

    @property
    def retry_after(self) -> str | None:
        """Retry-After of the last answer."""
        return None if self._last is None else self._last.headers.get("Retry-After")

    def _status(self) -> int:
        return 0 if self._last is None else self._last.status_code

    def _conflict(self) -> messages.Error:
        try:
            told = messages.Error.from_json({} if self._last is None else self._last.json())
        except (ValueError, JoseError):
            told = messages.Error.from_json({"detail": "a conflict with what is there (HTTP 409)"})
        return cast(messages.Error, told)

    def _said_later(self) -> bool:
        return self._status() in _LATER

    def _remember(self, response: requests.Response, *_: Any, **__: Any) -> None:
        self._last = response


@contextmanager
def trusted(roots_pem: str) -> Iterator[str | Literal[True]]:
    """A value for `verify` of `Session`: a file with these roots for the time being, or True."""
    if not roots_pem:
        yield True
        return
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(roots_pem)
        file.flush()
        yield file.name


def system_roots() -> str | bool:
    """The value for `verify` of `Session` with a public authority: the file that SSL_CERT_FILE names, or
    True.
    """
    return os.environ.get("SSL_CERT_FILE") or True


def load_key(key_pem: str) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    """An account's key from PKCS#8 in PEM."""
    key = serialization.load_pem_private_key(key_pem.encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise problems.unfit("key of the ACME account", "is neither RSA nor P-256.")
    return key


def _jwk(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> tuple[JWK, JWASignature]:
    if isinstance(key, rsa.RSAPrivateKey):
        return JWKRSA(key=key), RS256
    if isinstance(key.curve, ec.SECP256R1):
        return JWKEC(key=key), ES256
    raise problems.unfit(
        "key of the ACME account", f"is on {key.curve.name}: RSA and P-256 are for accounts."
    )
