"""Sign-in as Microsoft's clients do it: cloud metadata, OpenID discovery, keys, client-credentials tokens.

Sources: Azure `metadata/endpoints` 2022-09-01; OpenID Connect Discovery 1.0; RFC 6749 section 4.4; the
Microsoft identity platform's error codes (AADSTS…).
"""

from __future__ import annotations

import base64
import math
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localcloud.access import principals
from localcloud.access.principals import Principal
from localcloud.access.uses import Uses
from localcloud.datafolder.store import Store
from localcloud.errors import CloudError
from localcloud.http.frame import body_of
from localcloud.http.lanes import FEDERATION, SIGN_IN, Lane, Route
from localcloud.identity.client_secrets import ClientSecrets
from localcloud.identity.federation import Federation
from localcloud.identity.refusals import SignInError, error_body
from localcloud.identity.tenant import Tenant
from localcloud.identity.tokens import Tokens

_DEFAULT_SCOPE = "/.default"
_OPENID_SCOPES = frozenset({"openid", "offline_access", "profile", "email"})
"""Of no use without a user, yet Microsoft's library for Go sends them behind every scope."""


class IdentityApi:
    """The public endpoints of sign-in.

    Every address in an answer is on the host that the caller used: clients refuse an issuer elsewhere.

    Args:
        storage_suffix: what clients put behind `ACCOUNT.blob.` for the address of an account.
    """

    def __init__(
        self,
        tenant: Tenant,
        secrets: ClientSecrets,
        tokens: Tokens,
        federation: Federation,
        store: Store,
        uses: Uses,
        storage_suffix: str,
    ) -> None:
        self._tenant = tenant
        self._secrets = secrets
        self._tokens = tokens
        self._federation = federation
        self._store = store
        self._uses = uses
        self._storage_suffix = storage_suffix

    def routes(self) -> list[Route]:
        """Routes that need no token."""
        return [
            Route("/metadata/endpoints", self._metadata, lane=None),
            *(
                Route(f"/{{tenant}}{path}", self._signing(handler), lane=None)
                for path, handler in (
                    ("/v2.0/.well-known/openid-configuration", self._openid_v2),
                    ("/.well-known/openid-configuration", self._openid_v1),
                    ("/discovery/v2.0/keys", self._keys),
                    ("/discovery/keys", self._keys),
                )
            ),
            *(
                Route(f"/{{tenant}}{path}", self._signing(handler), lane=_lane, methods=["POST"])
                for path, handler in (
                    ("/oauth2/v2.0/token", self._token_v2),
                    ("/oauth2/token", self._token_v1),
                )
            ),
        ]

    def _signing(self, handler: Callable[[Request], dict[str, Any]]) -> Callable[[Request], Response]:
        """Checks the tenant, answers with JSON that nobody may store, and renders refusals."""

        def answer(request: Request) -> Response:
            headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
            try:
                self._check_tenant(request.path_params["tenant"])
                return JSONResponse(handler(request), headers=headers)
            except SignInError as error:
                return JSONResponse(error_body(error, request), error.status, headers=headers)

        return answer

    def _check_tenant(self, tenant: str) -> None:
        if tenant.lower() != self._tenant.tenant_id:
            raise SignInError(
                400,
                "invalid_tenant",
                90002,
                f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID "
                "and are signing into the correct cloud.",
            )

    def _metadata(self, request: Request) -> Response:
        if "api-version" not in request.query_params:
            raise CloudError(
                400,
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required.",
            )
        base: str = request.state.base_url
        return JSONResponse(
            {
                "name": "localcloud",
                "authentication": {
                    "loginEndpoint": f"{base}/",
                    "audiences": list(self._tokens.audiences),
                    "tenant": self._tenant.tenant_id,
                    "identityProvider": "AAD",
                },
                "resourceManager": f"{base}/",
                "microsoftGraphResourceId": f"{base}/graph/",
                "suffixes": {"storage": self._storage_suffix, "keyVaultDns": "vault.localhost"},
            }
        )

    def _openid_v2(self, request: Request) -> dict[str, Any]:
        base: str = request.state.base_url
        tenant = f"{base}/{self._tenant.tenant_id}"
        return _openid(
            self._tokens.issuer_v2(base),
            f"{tenant}/oauth2/v2.0/token",
            f"{tenant}/discovery/v2.0/keys",
            tenant,
        )

    def _openid_v1(self, request: Request) -> dict[str, Any]:
        base: str = request.state.base_url
        tenant = f"{base}/{self._tenant.tenant_id}"
        return _openid(
            self._tokens.issuer_v1(base), f"{tenant}/oauth2/token", f"{tenant}/discovery/keys", tenant
        )

    def _keys(self, request: Request) -> dict[str, Any]:
        return self._tokens.key_set(request.state.base_url)

    def _token_v2(self, request: Request) -> dict[str, Any]:
        form, principal, until = self._authenticated_form(request)
        audience = self._audience(_resource(_required(form, "scope")))
        issuer = self._tokens.issuer_v2(request.state.base_url)
        token, life_s = self._tokens.issue(audience, issuer, principal.client_id, principal.generation, until)
        return {
            "token_type": "Bearer",
            "expires_in": life_s,
            "ext_expires_in": life_s,
            "access_token": token,
        }

    def _token_v1(self, request: Request) -> dict[str, Any]:
        form, principal, until = self._authenticated_form(request)
        audience = self._audience(_required(form, "resource"))
        begin = int(time.time())
        issuer = self._tokens.issuer_v1(request.state.base_url)
        token, life_s = self._tokens.issue(audience, issuer, principal.client_id, principal.generation, until)
        # The v1 endpoint writes its numbers as strings.
        return {
            "token_type": "Bearer",
            "expires_in": str(life_s),
            "ext_expires_in": str(life_s),
            "expires_on": str(begin + life_s),
            "not_before": str(begin),
            "resource": audience,
            "access_token": token,
        }

    def _authenticated_form(self, request: Request) -> tuple[dict[str, str], Principal, float]:
        """The form, who signs in, and when what it signs in by ends, in seconds since the epoch."""
        form = _form(request)
        grant_type = _required(form, "grant_type")
        if grant_type != "client_credentials":
            raise SignInError(
                400,
                "unsupported_grant_type",
                70003,
                f"The app requested an unsupported grant type '{grant_type}'; "
                "supported is 'client_credentials'.",
            )
        client_id = _required(form, "client_id")
        with self._store.read() as db:
            principal = principals.of_client(db, client_id.lower())
        if principal is None:
            raise SignInError(
                400,
                "unauthorized_client",
                700016,
                f"Application with identifier '{client_id}' was not found in the directory "
                f"'{self._tenant.tenant_id}'.",
            )
        if assertion := form.get("client_assertion"):
            with self._store.read() as db:
                trusted = principals.trusted(db, principal.client_id)
            self._federation.check(assertion, form.get("client_assertion_type", ""), trusted)
            self._uses.note(principal.client_id)
            return form, principal, math.inf
        secret = form.get("client_secret")
        if not secret:
            raise SignInError(
                401,
                "invalid_client",
                7000218,
                "The request body must contain the following parameter: 'client_assertion' "
                "or 'client_secret'.",
            )
        until = self._secrets.opens_until(principal.client_id, secret)
        if until is None:
            raise SignInError(
                401,
                "invalid_client",
                7000215,
                "Invalid client secret provided. Ensure the secret being sent in the request is the client "
                f"secret value, not the client secret ID, for a secret added to app '{client_id}'.",
            )
        self._uses.note(principal.client_id)
        return form, principal, until

    def _audience(self, resource: str) -> str:
        if not self._tokens.is_audience(resource):
            raise SignInError(
                400,
                "invalid_resource",
                500011,
                f"The resource principal named {resource} was not found in the tenant named "
                f"{self._tenant.tenant_id}; there are {', '.join(self._tokens.audiences)}.",
            )
        return resource


def _lane(request: Request) -> Lane:
    """Another issuer's token may have to wait for that issuer, and nobody else with it."""
    return FEDERATION if b"client_assertion" in body_of(request) else SIGN_IN


def _openid(issuer: str, token_endpoint: str, keys: str, tenant: str) -> dict[str, Any]:
    return {
        "issuer": issuer,
        "token_endpoint": token_endpoint,
        "jwks_uri": keys,
        # Required by OpenID Connect Discovery and by MSAL; there is no interactive sign-in behind it.
        "authorization_endpoint": f"{tenant}/oauth2/v2.0/authorize",
        "response_types_supported": ["token"],
        "subject_types_supported": ["pairwise"],
        "grant_types_supported": ["client_credentials"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": [
            "client_secret_post",
            "private_key_jwt",
            "client_secret_basic",
        ],
    }


def _form(request: Request) -> dict[str, str]:
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


def _resource(scope: str) -> str:
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


def _required(form: dict[str, str], name: str) -> str:
    if not form.get(name):
        message = f"The request body must contain the following parameter: '{name}'."
        raise SignInError(400, "invalid_request", 900144, message)
    return form[name]
