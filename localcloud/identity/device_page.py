"""The page where somebody with a client ID and its secret allows a program to sign in (RFC 8628 section 3.3).

The secret is typed each time, and nothing is kept in the browser: so no other page can have it allowed.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from localcloud.http.lanes import SIGN_IN, Route
from localcloud.identity.device_codes import DeviceCodes
from localcloud.identity.forms import form_of, required
from localcloud.identity.refusals import SignInError

if TYPE_CHECKING:
    from localcloud.identity.api import Grant

PATH: Final = "/devicelogin"
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Sign in to localcloud</title>
<h1>Sign in to localcloud</h1>
<p role="status">{message}</p>
<form method="post">
<p><label>Code <input name="user_code" required autofocus autocomplete="off"></label></p>
<p><label>Client ID <input name="client_id" required autocomplete="username"></label></p>
<p><label>Client secret
<input name="client_secret" type="password" required autocomplete="current-password"></label></p>
<p><button>Sign in</button></p>
</form>
</html>
"""
_ASKS: Final = (
    "A program that you have started shows a code. With the client ID and the secret of a principal, it "
    "may do what that principal may. Enter no code that somebody else has given you."
)
_DONE: Final = "The program is signed in, within seconds. You may close this page."
_UNKNOWN: Final = "There is no such code, or it has expired: have the program begin the sign-in anew."


def _ask(_request: Request) -> Response:
    return _page(200, _ASKS)


class DevicePage:
    """The page and its form.

    Args:
        by_secret: checks the client ID and secret in a form.
    """

    def __init__(self, codes: DeviceCodes, by_secret: Callable[[dict[str, str]], Grant]) -> None:
        self._codes, self._by_secret = codes, by_secret

    def routes(self) -> list[Route]:
        """Routes that need no token."""
        return [
            Route(PATH, _ask, lane=None),
            Route(PATH, self._allow, lane=SIGN_IN, methods=["POST"]),
        ]

    def _allow(self, request: Request) -> Response:
        try:
            form = form_of(request)
            code = required(form, "user_code")
            required(form, "client_secret")
            form.pop("client_assertion", None)  # a page has none
            grant = self._by_secret(form)
        except SignInError as error:
            return _page(error.status, f"AADSTS{error.code}: {error.message}")
        one = grant.principal
        if not self._codes.allow(code, one.client_id, one.generation, grant.until):
            return _page(400, _UNKNOWN)
        return _page(200, _DONE)


def _page(status: int, message: str) -> Response:
    return HTMLResponse(_PAGE.format(message=html.escape(message)), status, headers=_HEADERS)
