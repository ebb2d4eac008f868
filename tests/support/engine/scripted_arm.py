"""A cloud over real TLS whose every answer a test says: for what a well-behaved server does not do."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.certificates.authority import Authority
from tests.support.servers import http_server

TENANT = "99999999-8888-7777-6666-555555555555"
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"


@dataclass(frozen=True)
class Reply:
    """One answer; status 0 ends the connection after the request was read."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


Script = Callable[[str, str], Reply]


@dataclass
class Arm:
    """A scripted cloud that runs.

    Attributes:
        address: `https://127.0.0.1:PORT`.
        ca: PEM file of its root.
        requests: `METHOD PATH` of what came to Resource Manager, in order.
    """

    address: str
    ca: Path
    requests: list[str] = field(default_factory=list)

    @property
    def settings(self) -> dict[str, str]:
        """The plugin's configuration for it."""
        return {
            "metadataHost": self.address.removeprefix("https://"),
            "disableInstanceDiscovery": "true",
            "tenantId": TENANT,
            "subscriptionId": SUBSCRIPTION,
            "clientId": "a-client",
            "clientSecret": "a-very-secret-secret",
        }


def error(status: int, code: str, message: str = "because") -> Reply:
    """ARM's error."""
    return Reply(status, {"error": {"code": code, "message": message}})


@contextmanager
def scripted_arm(script: Script, folder: Path, discovery: Mapping[str, Any] | None = None) -> Iterator[Arm]:
    """Serves sign-in and discovery, and the script's answers (method, path) -> Reply for all else.

    Args:
        discovery: what discovery tells, in the place of the addresses here.
    """
    authority, ca = Authority(), folder / "ca.pem"
    ca.write_bytes(authority.root)
    arm = Arm("", ca)

    class Handler(http_server.Handler):
        def handle_any(self) -> None:
            self.content()
            path = urlsplit(self.path).path
            reply = _sign_in(arm.address, path, discovery)
            if reply is None:
                arm.requests.append(f"{self.command} {path}")
                reply = script(self.command, path)
            if reply.status == 0:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            headers = {"Content-Type": "application/json", **reply.headers}
            self.answer(reply.status, json.dumps(reply.body).encode(), headers)

        do_GET = do_PUT = do_POST = do_DELETE = handle_any

    with http_server.serving(Handler, authority.issue(["127.0.0.1"])) as port:
        arm.address = f"https://127.0.0.1:{port}"
        yield arm


def _sign_in(address: str, path: str, discovery: Mapping[str, Any] | None) -> Reply | None:
    if path == "/metadata/endpoints":
        authentication = {"loginEndpoint": address, "audiences": ["https://management.test/"]}
        told = {"authentication": authentication, "resourceManager": address}
        return Reply(200, told if discovery is None else discovery)
    if path.endswith("/.well-known/openid-configuration"):
        return Reply(
            200,
            {
                "issuer": f"{address}/{TENANT}/v2.0",
                "authorization_endpoint": f"{address}/{TENANT}/oauth2/v2.0/authorize",
                "token_endpoint": f"{address}/{TENANT}/oauth2/v2.0/token",
            },
        )
    if path.endswith("/oauth2/v2.0/token"):
        claims = base64.urlsafe_b64encode(json.dumps({"oid": "an-object"}).encode()).decode().rstrip("=")
        return Reply(
            200, {"token_type": "Bearer", "expires_in": 3600, "access_token": f"head.{claims}.signature"}
        )
    return None
