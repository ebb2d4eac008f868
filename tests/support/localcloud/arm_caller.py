"""A bare HTTPS caller of Resource Manager: what goes over the wire, without an SDK in between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from localcloud.server import Cloud
from localcloud.status import Status

AUDIENCE = "https://management.core.windows.net/"
VERSION = "2024-03-01"


class ArmCaller:
    """Signed in to a localcloud.

    Attributes:
        base: the server's address; `subscription`: the path of its subscription.
    """

    def __init__(self, cloud: Cloud | Status) -> None:
        self.status = cloud.status() if isinstance(cloud, Cloud) else cloud
        self.base = str(self.status.https)
        self.subscription = f"/subscriptions/{self.status.subscription}"
        self._session = requests.Session()
        self._session.trust_env = False  # else REQUESTS_CA_BUNDLE wins over `verify`
        self._session.verify = str(self.status.ca)
        self._token: str | None = None

    @property
    def secret(self) -> str:
        return self.status.client_secret_file.read_text()

    def close(self) -> None:
        self._session.close()

    def sign_in(self, path: str = "oauth2/v2.0/token", **fields: str) -> requests.Response:
        """POSTs a form to the token endpoint; a field given as '' is left out."""
        form = {
            "grant_type": "client_credentials",
            "client_id": str(self.status.client_id),
            "client_secret": self.secret,
            "scope": f"{AUDIENCE}/.default",
        }
        form = {name: value for name, value in (form | fields).items() if value}
        return self._session.post(f"{self.base}/{self.status.tenant}/{path}", data=form)

    def token(self) -> str:
        if self._token is None:
            self._token = str(self.sign_in().json()["access_token"])
        return self._token

    def __call__(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        version: str | None = VERSION,
        query: str = "",
        headers: Mapping[str, str | None] | None = None,
        data: bytes | None = None,
    ) -> requests.Response:
        """One request; `path` begins at the server's root, or is an absolute address as it stands."""
        parts = [part for part in (f"api-version={version}" if version else "", query) if part]
        address = path if path.startswith("https://") else f"{self.base}{path}?{'&'.join(parts)}"
        sent = {"Authorization": f"Bearer {self.token()}"} | dict(headers or {})
        return self._session.request(method, address, json=json, data=data, headers=sent)


def refusal(response: requests.Response) -> tuple[int, str, str]:
    """Status, code and message of an error answer."""
    error = response.json()["error"]
    return response.status_code, error["code"], error["message"]
