"""Sign-in as Microsoft's clients do it: cloud metadata, OpenID discovery, keys, and tokens: for a secret, for
another issuer's token, or for a code that somebody with a secret allows.

Sources: Azure `metadata/endpoints` 2022-09-01; OpenID Connect Discovery 1.0; RFC 6749 sections
4.4 and 6; RFC 8628; the
Microsoft identity platform's error codes (AADSTS…).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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
from localcloud.identity.device_codes import INTERVAL_S, LIFE_S, DeviceCodes
from localcloud.identity.device_page import PATH as PAGE
from localcloud.identity.device_page import DevicePage
from localcloud.identity.federation import Federation
from localcloud.identity.forms import form_of, required, resource_of
from localcloud.identity.refusals import SignInError, error_body
from localcloud.identity.tenant import Tenant
from localcloud.identity.tokens import Tokens

_DEVICE_GRANTS = ("device_code", "urn:ietf:params:oauth:grant-type:device_code")
_SHARED_TENANTS = ("common", "organizations")
"""What a program writes that does not know its tenant: here there is one."""


@dataclass(frozen=True)
class Grant:
    """What a caller of the token endpoint has shown.

    Attributes:
        form: the fields that it sent.
        until: when the secret that it signed in by ends, seconds since the epoch.
        audience: what was asked for when the sign-in began; None: the form names it.
        program: the program that may ask again with a refresh token; None: it signs in by itself.
    """

    form: dict[str, str]
    principal: Principal
    until: float
    audience: str | None = None
    program: str | None = None


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
        self._codes = DeviceCodes()

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
                    ("/oauth2/v2.0/devicecode", self._begin_v2),
                    ("/oauth2/devicecode", self._begin_v1),
                )
            ),
            *DevicePage(self._codes, self._by_secret).routes(),
        ]

    def _signing(self, handler: Callable[[Request], dict[str, Any]]) -> Callable[[Request], Response]:
        """Checks the tenant, answers with JSON that nobody may store, and renders refusals."""

        def answer(request: Request) -> Response:
            headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
            try:
                self._check_tenant(request.path_params["tenant"].lower(), request)
                return JSONResponse(handler(request), headers=headers)
            except SignInError as error:
                return JSONResponse(error_body(error, request), error.status, headers=headers)

        return answer

    def _check_tenant(self, tenant: str, request: Request) -> None:
        shared = tenant in _SHARED_TENANTS and b"client_credentials" not in body_of(request)
        if tenant != self._tenant.tenant_id and not shared:
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
        grant = self._granted(request)
        audience = grant.audience or self._audience(resource_of(required(grant.form, "scope")))
        issuer = self._tokens.issuer_v2(request.state.base_url)
        token, life_s = self._issue(grant, audience, issuer)
        return {
            "token_type": "Bearer",
            "expires_in": life_s,
            "ext_expires_in": life_s,
            "access_token": token,
            **self._of_program(grant, issuer),
        }

    def _token_v1(self, request: Request) -> dict[str, Any]:
        grant = self._granted(request)
        audience = grant.audience or self._audience(required(grant.form, "resource"))
        begin = int(time.time())
        issuer = self._tokens.issuer_v1(request.state.base_url)
        token, life_s = self._issue(grant, audience, issuer)
        # The v1 endpoint writes its numbers as strings.
        return {
            "token_type": "Bearer",
            "expires_in": str(life_s),
            "ext_expires_in": str(life_s),
            "expires_on": str(begin + life_s),
            "not_before": str(begin),
            "resource": audience,
            "access_token": token,
            **self._of_program(grant, issuer),
        }

    def _issue(self, grant: Grant, audience: str, issuer: str) -> tuple[str, int]:
        one = grant.principal
        return self._tokens.issue(audience, issuer, one.client_id, one.generation, grant.until)

    def _of_program(self, grant: Grant, issuer: str) -> dict[str, str]:
        """What a program has beside its token: it may ask again, and knows for whom it asks."""
        if grant.program is None:
            return {}
        one = grant.principal
        token = self._tokens.issue_refresh(grant.program, one.client_id, one.generation, grant.until)
        identity = self._tokens.issue_identity(grant.program, issuer, one)
        return {"refresh_token": token, "id_token": identity}

    def _begin_v2(self, request: Request) -> dict[str, Any]:
        form = form_of(request)
        begun = self._begin(form, resource_of(required(form, "scope")), request)
        return begun | {"verification_uri": f"{request.state.base_url}{PAGE}"}

    def _begin_v1(self, request: Request) -> dict[str, Any]:
        form = form_of(request)
        begun = self._begin(form, required(form, "resource"), request)
        # The v1 endpoint writes its numbers as strings.
        numbers = {name: str(begun[name]) for name in ("expires_in", "interval")}
        return begun | numbers | {"verification_url": f"{request.state.base_url}{PAGE}"}

    def _begin(self, form: dict[str, str], resource: str, request: Request) -> dict[str, Any]:
        pending = self._codes.begin(required(form, "client_id"), self._audience(resource))
        return {
            "user_code": pending.user_code,
            "device_code": pending.device_code,
            "expires_in": LIFE_S,
            "interval": INTERVAL_S,
            "message": f"To sign in, open the page {request.state.base_url}{PAGE} and enter the code "
            f"{pending.user_code} with a client ID and its secret.",
        }

    def _granted(self, request: Request) -> Grant:
        form = form_of(request)
        grant_type = required(form, "grant_type")
        if grant_type in _DEVICE_GRANTS:
            return self._by_device_code(form)
        if grant_type == "refresh_token":
            return self._by_refresh_token(form)
        if grant_type != "client_credentials":
            raise SignInError(
                400,
                "unsupported_grant_type",
                70003,
                f"The app requested an unsupported grant type '{grant_type}'; "
                "supported are 'client_credentials', 'device_code' and 'refresh_token'.",
            )
        return self._by_secret(form)

    def _by_device_code(self, form: dict[str, str]) -> Grant:
        program = required(form, "client_id")
        code = form.get("code") or required(form, "device_code")
        begun = self._codes.redeem(code, program)
        principal = self._still(begun.client_id, begun.generation)
        return Grant(form, principal, begun.secret_until, begun.audience, program)

    def _by_refresh_token(self, form: dict[str, str]) -> Grant:
        program = required(form, "client_id")
        claims = self._tokens.refreshed(required(form, "refresh_token"), program)
        principal = self._still(str(claims["sub"]), claims["gen"])
        self._uses.note(principal.client_id)
        return Grant(form, principal, float(claims["exp"]), program=program)

    def _still(self, client_id: str, generation: object) -> Principal:
        """The principal that signed in before, if what it got then still opens."""
        with self._store.read() as db:
            principal = principals.of_client(db, client_id)
        if principal is None or principal.generation != generation:
            raise SignInError(
                400,
                "invalid_grant",
                50173,
                "The provided grant has expired due to it being revoked: sign in again.",
            )
        return principal

    def _by_secret(self, form: dict[str, str]) -> Grant:
        """As an application signs in: by its secret, or by another issuer's token.

        Raises:
            SignInError: neither opens.
        """
        client_id = required(form, "client_id")
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
            return Grant(form, principal, math.inf)
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
        return Grant(form, principal, until)

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
        # Required by OpenID Connect Discovery and by MSAL; who signs in on a page does so by a device code.
        "authorization_endpoint": f"{tenant}/oauth2/v2.0/authorize",
        "response_types_supported": ["token"],
        "subject_types_supported": ["pairwise"],
        "device_authorization_endpoint": f"{tenant}/oauth2/v2.0/devicecode",
        "grant_types_supported": ["client_credentials", _DEVICE_GRANTS[1], "refresh_token"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": [
            "client_secret_post",
            "private_key_jwt",
            "client_secret_basic",
        ],
    }
