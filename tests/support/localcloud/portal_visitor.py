"""A visitor of localcloud's page, with cookies and without JavaScript: what goes over the wire."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import requests

from tests.support.localcloud.arm_caller import ArmCaller

PAGE: Final = "/portal"
_TOKEN: Final = re.compile(r'name="form_token" value="([^"]+)"')


class Visitor:
    """A browser without JavaScript, of whoever `caller` signs in as."""

    def __init__(self, caller: ArmCaller) -> None:
        self.caller = caller
        self.base = caller.base
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(caller.status.ca)

    def close(self) -> None:
        self.session.close()

    def get(self, path: str = PAGE, **headers: str) -> requests.Response:
        return self.session.get(f"{self.base}{path}", headers=headers, allow_redirects=False)

    def post(
        self,
        path: str,
        form: Mapping[str, str],
        *,
        headers: Mapping[str, str | None] | None = None,
        files: Any = None,
    ) -> requests.Response:
        """A form that was filled in on this very server's page."""
        sent = {"Origin": self.base} | dict(headers or {})
        return self.session.post(
            f"{self.base}{path}", data=form, files=files, headers=sent, allow_redirects=False
        )

    def sign_in(self, *, headers: Mapping[str, str | None] | None = None, **fields: str) -> requests.Response:
        form = {"client_id": str(self.caller.status.client_id), "client_secret": self.caller.secret}
        return self.post(f"{PAGE}/sign-in", form | fields, headers=headers)

    def token(self, path: str = PAGE) -> str:
        """The token of this session's forms."""
        found = _TOKEN.search(self.get(path).text)
        assert found is not None
        return found[1]

    def send(self, path: str, *, files: Any = None, **fields: str) -> requests.Response:
        """A form of one of this session's pages."""
        return self.post(path, {"form_token": self.token(), **fields}, files=files)
