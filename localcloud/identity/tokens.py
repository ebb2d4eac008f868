"""Access tokens: RS256 JSON Web Tokens (RFC 7519), issued and verified.

The audiences are those of Azure Resource Manager; a token is issued for the audience exactly as it was asked
for, and accepted for any of them, with and without the final slash.
"""

from __future__ import annotations

import contextlib
import math
import time
import uuid
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from localcloud.access.principals import Principal
from localcloud.errors import CloudError
from localcloud.identity.credentials import TOKEN_LIFE_S, Credentials
from localcloud.identity.refusals import SignInError
from localcloud.identity.tenant import Tenant

REFRESH_LIFE_S = 24 * 3600
_REFRESH = "urn:localcloud:refresh"
AUDIENCES = ("https://management.core.windows.net/", "https://management.azure.com/")


class Tokens:
    """An issuer of the tenant's tokens, who verifies them, too.

    Args:
        tenant: whose tokens they are.
        credentials: gives those in force: their key signs.
        base_urls: the server's own addresses, `https://host:port`; each is an audience too, and the
            issuers are below them. The first one is announced to whoever comes without a token.
    """

    def __init__(
        self, tenant: Tenant, credentials: Callable[[], Credentials], base_urls: tuple[str, ...]
    ) -> None:
        self._tenant = tenant
        self._credentials = credentials
        self._base_urls = base_urls
        self.audiences = (*AUDIENCES, *(f"{url}/" for url in base_urls))
        self._accepted_audiences = {form for url in self.audiences for form in (url, url.rstrip("/"))}
        self._issuers = {issuer for url in base_urls for issuer in (self.issuer_v1(url), self.issuer_v2(url))}

    def issuer_v1(self, base_url: str) -> str:
        """The issuer of tokens of the `/oauth2/token` endpoint."""
        return f"{base_url}/{self._tenant.tenant_id}/"

    def issuer_v2(self, base_url: str) -> str:
        """The issuer of tokens of the `/oauth2/v2.0/token` endpoint."""
        return f"{base_url}/{self._tenant.tenant_id}/v2.0"

    def is_audience(self, resource: str) -> bool:
        """Whether tokens are issued for that resource."""
        return resource in self._accepted_audiences

    def issue(
        self, audience: str, issuer: str, client_id: str, generation: int = 0, until: float = math.inf
    ) -> tuple[str, int]:
        """A token of a client of the tenant, and how long it lives, in seconds.

        Args:
            generation: of the client's tokens.
            until: the time at which it ends at the latest, in seconds since the epoch.
        """
        credentials = self._credentials()
        now = int(time.time())
        expires_on = int(min(now + TOKEN_LIFE_S, until))
        claims = {
            "aud": audience,
            "iss": issuer,
            "iat": now,
            "nbf": now,
            "exp": expires_on,
            "appid": client_id,
            "azp": client_id,
            "idtyp": "app",
            "oid": client_id,
            "sub": client_id,
            "tid": self._tenant.tenant_id,
            "gen": generation,
            "uti": uuid.uuid4().hex,
            "ver": "2.0" if issuer.endswith("/v2.0") else "1.0",
        }
        token = jwt.encode(claims, credentials.signing_key, "RS256", headers={"kid": credentials.key_id})
        return token, expires_on - now

    def issue_refresh(self, program: str, client_id: str, generation: int, until: float) -> str:
        """A token that opens nothing but the token endpoint, where its program has another one for it.

        Args:
            program: the client ID that the program gave.
            generation, until: as `issue` has them.
        """
        credentials = self._credentials()
        now = int(time.time())
        claims = {
            "aud": _REFRESH,
            "iss": self._tenant.tenant_id,
            "nbf": now,
            "exp": int(min(now + REFRESH_LIFE_S, until)),
            "azp": program,
            "sub": client_id,
            "gen": generation,
            "uti": uuid.uuid4().hex,
        }
        return jwt.encode(claims, credentials.signing_key, "RS256", headers={"kid": credentials.key_id})

    def issue_identity(self, program: str, issuer: str, principal: Principal) -> str:
        """A token that tells a program who has signed in (OpenID Connect Core 1.0, section 2); it opens
        nothing.
        """
        credentials = self._credentials()
        now = int(time.time())
        claims = {
            "aud": program,
            "iss": issuer,
            "iat": now,
            "nbf": now,
            "exp": now + TOKEN_LIFE_S,
            "sub": principal.client_id,
            "oid": principal.client_id,
            "tid": self._tenant.tenant_id,
            "preferred_username": principal.name,
            "upn": principal.name,
            "unique_name": principal.name,
        }
        return jwt.encode(claims, credentials.signing_key, "RS256", headers={"kid": credentials.key_id})

    def refreshed(self, token: str, program: str) -> dict[str, Any]:
        """The claims of a refresh token of that program.

        Raises:
            SignInError: 400 invalid_grant: it is none, has expired, or is another program's.
        """
        try:
            claims = self._verified(token)
        except CloudError:
            claims = {}
        if claims.get("aud") != _REFRESH or claims.get("azp") != program:
            raise SignInError(
                400,
                "invalid_grant",
                70000,
                "The provided value for the input parameter 'refresh_token' is not valid, has expired or is "
                "another program's: sign in again.",
            )
        return claims

    def key_set(self, base_url: str) -> dict[str, Any]:
        """The JSON Web Key Set (RFC 7517) that verifies the tokens."""
        return {
            "keys": [self._published(kid, key, base_url) for kid, key in self._credentials().keys().items()]
        }

    def _published(self, key_id: str, public_key: rsa.RSAPublicKey, base_url: str) -> dict[str, Any]:
        key = RSAAlgorithm.to_jwk(public_key, as_dict=True)
        key |= {"use": "sig", "kid": key_id, "x5t": key_id, "issuer": self.issuer_v2(base_url)}
        key.pop("key_ops", None)
        return key

    def authenticate(self, authorization: str | None) -> dict[str, Any]:
        """The claims of the token in an `Authorization` header.

        Raises:
            CloudError: 401 with Azure Resource Manager's code for what is wrong.
        """
        if not authorization:
            raise self.refusal(
                "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
            )
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise self.refusal(
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is not of the form 'Bearer TOKEN'.",
            )
        claims = self._verified(token.strip())
        audiences = _audiences(claims)
        if not self._accepted_audiences.intersection(audiences):
            raise self.refusal(
                "InvalidAuthenticationTokenAudience",
                f"The access token has been obtained for wrong audience or resource '{audiences[0]}'. "
                f"It should exactly match with one of the allowed audiences {', '.join(self.audiences)}.",
            )
        if claims["iss"] not in self._issuers or claims.get("tid") != self._tenant.tenant_id:
            raise self._of_another_tenant(claims["iss"])
        return claims

    def _verified(self, token: str) -> dict[str, Any]:
        keys = self._credentials().keys()
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
            claims: dict[str, Any] = jwt.decode(
                token,
                keys.get(str(key_id)) or next(iter(keys.values())),
                algorithms=["RS256"],
                options={"require": ["exp", "nbf", "aud", "iss"], "verify_aud": False},
            )
        except jwt.ExpiredSignatureError:
            raise self.refusal(
                "ExpiredAuthenticationToken",
                "The access token expiry time is in the past: sign in again for a new one.",
            ) from None
        except jwt.ImmatureSignatureError:
            raise self.refusal("InvalidAuthenticationToken", "The access token is not yet valid.") from None
        except jwt.InvalidSignatureError:
            self._require_own_tenant(token)
            raise self.refusal(
                "InvalidAuthenticationToken",
                "The access token's signature is not this tenant's: it was issued by another server.",
            ) from None
        except (jwt.InvalidTokenError, RecursionError, OverflowError, TypeError):
            # PyJWT's own words may quote the token: they stay here. A number may be infinite in JSON as
            # Python reads it, and a claim of any type: PyJWT takes some for what they should be.
            raise self.refusal("InvalidAuthenticationToken", "The access token is invalid.") from None
        if not (isinstance(claims["iss"], str) and _audiences(claims)):
            raise self.refusal("InvalidAuthenticationToken", "The access token is invalid.")
        return claims

    def _require_own_tenant(self, token: str) -> None:
        """Refuses a token that says itself that it is of another tenant: clients then sign in to this one."""
        with contextlib.suppress(jwt.InvalidTokenError, RecursionError, OverflowError, TypeError):
            claims = jwt.decode(token, options={"verify_signature": False})
            tenant, issuer = claims.get("tid"), claims.get("iss")
            if isinstance(tenant, str) and isinstance(issuer, str) and tenant != self._tenant.tenant_id:
                raise self._of_another_tenant(issuer)

    def _of_another_tenant(self, issuer: str) -> CloudError:
        return self.refusal(
            "InvalidAuthenticationTokenTenant",
            f"The access token is from the wrong issuer '{issuer}'. It must match the tenant "
            f"'{self._tenant.tenant_id}' of this subscription.",
        )

    def refusal(self, code: str, message: str) -> CloudError:
        """The refusal of who shows no token that opens: 401, with the address of sign-in."""
        address = f"{self._base_urls[0]}/{self._tenant.tenant_id}"
        return CloudError(
            401, code, message, headers={"WWW-Authenticate": f'Bearer authorization_uri="{address}"'}
        )


def _audiences(claims: dict[str, Any]) -> list[str]:
    """The audiences of a token (RFC 7519, section 4.1.3); none where one is of another type."""
    told = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    return told if all(isinstance(one, str) for one in told) else []
