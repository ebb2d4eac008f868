"""Forms as clients send them to the sign-in endpoints (RFC 6749, RFC 8628), and what they name."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, unquote_plus

from starlette.requests import Request

from localcloud.http.frame import body_of
from localcloud.identity.refusals import SignInError

_DEFAULT_SCOPE = "/.default"
_OPENID_SCOPES = frozenset({"openid", "offline_access", "profile", "email"})
"""Of no use without a user, yet Microsoft's library for Go sends them behind every scope."""


def form_of(request: Request) -> dict[str, str]:
    """The form's fields; a client may authenticate in the header instead (RFC 6749 section 2.3.1)."""
    try:
        fields = parse_qs(body_of(request).decode(), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        message = "The request body is not a form (application/x-www-form-urlencoded)."
        raise SignInError(400, "invalid_request", 9002014, message) from None
    form = {name: values[0] for name, values in fields.items()}
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(credentials, validate=True).decode()
        except ValueError:  # not base64, not ASCII, or not UTF-8
            message = "The Basic credentials in the 'Authorization' header cannot be read."
            raise SignInError(401, "invalid_client", 7000218, message) from None
        client_id, _, secret = pair.partition(":")
        form |= {"client_id": unquote_plus(client_id), "client_secret": unquote_plus(secret)}
    return form


def resource_of(scope: str) -> str:
    """The resource that a scope names: scopes are divided by spaces (RFC 6749 section 3.3)."""
    scopes = [one for one in scope.split() if one.lower() not in _OPENID_SCOPES]
    if len(scopes) > 1:
        message = f"Provided value for the input parameter scope '{scope}' contains more than one resource."
        raise SignInError(400, "invalid_scope", 28000, message)
    if not scopes or not scopes[0].endswith(_DEFAULT_SCOPE):
        raise SignInError(
            400,
            "invalid_scope",
            1002012,
            f"The provided value for scope {scope} is not valid. Client credential flows must have a "
            "scope value with /.default suffixed to the resource identifier (application ID URI).",
        )
    # 'https://management.core.windows.net//.default' asks for the audience with its final slash.
    return scopes[0].removesuffix(_DEFAULT_SCOPE)


def required(form: dict[str, str], name: str) -> str:
    """A field that there must be."""
    if not form.get(name):
        message = f"The request body must contain the following parameter: '{name}'."
        raise SignInError(400, "invalid_request", 900144, message)
    return form[name]
