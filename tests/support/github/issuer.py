"""GitHub's OpenID Connect issuer: tokens for a job, and what verifies them.

Source: https://docs.github.com/actions/reference/security/oidc.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from tests.support.certificates.forge import Made
from tests.support.servers import http_server

EXCHANGE: Final = "api://AzureADTokenExchange"
SUBJECT: Final = "repo:contoso/fpga:environment:dev"
REQUEST_TOKEN: Final = "of-this-job"


class Issuer:
    """An issuer.

    Attributes:
        url: what its tokens are from; `request_url`: where a job asks for one.
        subject: of the job that asks.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.request_url = f"{url}/token?api-version=2.0"
        self.subject = SUBJECT
        self.asked: list[str] = []
        self.rotate("k1")

    def rotate(self, key_id: str) -> None:
        """Signs with another key from now on, and publishes it in the place of the one of before."""
        self._key, self._key_id = rsa.generate_private_key(public_exponent=65537, key_size=2048), key_id

    def token(self, *, key: rsa.RSAPrivateKey | None = None, **claims: Any) -> str:
        """A token of five minutes, with these claims in the place of its own."""
        now = int(time.time())
        own = {"iss": self.url, "sub": self.subject, "aud": EXCHANGE, "jti": uuid.uuid4().hex}
        times = {"iat": now, "nbf": now, "exp": now + 300}
        return jwt.encode(
            {**own, **times, **claims}, key or self._key, "RS256", headers={"kid": self._key_id}
        )

    def answer(self, path: str, authorization: str | None) -> tuple[int, Any]:
        """Status and JSON of a GET."""
        parts = urlsplit(path)
        if parts.path == "/.well-known/openid-configuration":
            return 200, {"issuer": self.url, "jwks_uri": f"{self.url}/.well-known/jwks"}
        if parts.path == "/.well-known/jwks":
            key = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
            return 200, {"keys": [{**key, "kid": self._key_id, "use": "sig", "alg": "RS256"}]}
        if parts.path == "/token":
            if authorization != f"Bearer {REQUEST_TOKEN}":
                return 401, {"message": "this is no job's token"}
            query = parse_qs(parts.query)
            assert query["api-version"] == ["2.0"]
            self.asked.append(query["audience"][0])
            return 200, {"count": 1, "value": self.token(aud=query["audience"][0])}
        return 404, {}


@contextmanager
def served(leaf: Made | None = None, host: str = "127.0.0.1", name: str | None = None) -> Iterator[Issuer]:
    """An issuer on a port of its own.

    Args:
        leaf: its certificate; None: it speaks no TLS.
        host: the address to listen on.
        name: what others call it; None: by its address.
    """

    class Handler(http_server.Handler):
        def do_GET(self) -> None:
            status, body = issuer.answer(self.path, self.headers.get("Authorization"))
            self.answer(status, json.dumps(body).encode(), {"Content-Type": "application/json"})

    with http_server.serving(Handler, leaf, host=host) as port:
        issuer = Issuer(f"{'https' if leaf else 'http'}://{name or host}:{port}")
        yield issuer
