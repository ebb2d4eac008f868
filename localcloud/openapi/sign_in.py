"""What needs no token described: sign-in, discovery, and whether the server is alive. Pure."""

from __future__ import annotations

from typing import Any, Final

from localcloud import edge
from localcloud.health import PATH as HEALTH
from localcloud.openapi.parts import (
    FLAG,
    TEXT,
    UUID,
    Shape,
    answer,
    array,
    one_of,
    or_null,
    query,
    record,
    whole,
)
from localcloud.scoring.execution_providers import NAMES

_URI: Final[Shape] = {"type": "string", "format": "uri"}
_REFUSED: Final = "Refused, in the words of OAuth 2.0 with Microsoft's code (AADSTS…)."


def _open(
    name: str, shape: str, refused: tuple[int, ...] = (), error: str = "SignInError", form: str | None = None
) -> dict[str, Any]:
    """An operation that needs no token."""
    responses = {"200": answer("Done.", shape)} | {str(status): answer(_REFUSED, error) for status in refused}
    # Of every route: the body that it does not need is too large, or the server has too much to do.
    responses |= {status: answer("Not now, or not so much.", "Error") for status in ("413", "503")}
    made: dict[str, Any] = {"operationId": name, "parameters": [], "security": [], "responses": responses}
    if form is not None:
        content = {"application/x-www-form-urlencoded": {"schema": {"$ref": f"#/components/schemas/{form}"}}}
        made["requestBody"] = {"required": True, "content": content}
    return made


def _page(name: str, refused: tuple[int, ...] = (), form: str | None = None) -> dict[str, Any]:
    """An operation of people: it answers with a page of HTML."""
    made = _open(name, "SignInError", refused, form=form)
    for status in ("200", *map(str, refused)):
        made["responses"][status]["content"] = {"text/html": {"schema": TEXT}}
        made["responses"][status]["description"] = "A page."
    return made


_METADATA: Final = _open("Metadata_Get", "CloudMetadata", (400,), "Error")
PATHS: Final[dict[str, dict[str, Any]]] = {
    HEALTH: {"get": _open("Health_Get", "Health", (401,), "Error") | {"security": [{}, {"azure_auth": []}]}},
    "/metadata/endpoints": {"get": _METADATA | {"parameters": [query("api-version", required=True)]}},
    "/{tenant}/v2.0/.well-known/openid-configuration": {
        "get": _open("OpenId_GetV2", "OpenIdConfiguration", (400,))
    },
    "/{tenant}/.well-known/openid-configuration": {
        "get": _open("OpenId_GetV1", "OpenIdConfiguration", (400,))
    },
    "/{tenant}/discovery/v2.0/keys": {"get": _open("Keys_GetV2", "KeySet", (400,))},
    "/{tenant}/discovery/keys": {"get": _open("Keys_GetV1", "KeySet", (400,))},
    "/{tenant}/oauth2/v2.0/token": {
        "post": _open("Token_PostV2", "TokenV2", (400, 401), form="TokenRequestV2")
    },
    "/{tenant}/oauth2/token": {"post": _open("Token_PostV1", "TokenV1", (400, 401), form="TokenRequestV1")},
    "/{tenant}/oauth2/v2.0/devicecode": {
        "post": _open("DeviceCode_PostV2", "DeviceCodeV2", (400, 401), form="DeviceCodeRequestV2")
    },
    "/{tenant}/oauth2/devicecode": {
        "post": _open("DeviceCode_PostV1", "DeviceCodeV1", (400, 401), form="DeviceCodeRequestV1")
    },
    "/devicelogin": {
        "get": _page("DevicePage_Get"),
        "post": _page("DevicePage_Post", (400, 401), form="DevicePageForm"),
    },
}
_CLIENT: Final = {
    "grant_type": one_of(
        "client_credentials",
        "device_code",
        "urn:ietf:params:oauth:grant-type:device_code",
        "refresh_token",
    ),
    "client_id": TEXT,
    "client_secret": TEXT,
    "client_assertion": TEXT,
    "client_assertion_type": TEXT,
    "device_code": TEXT,
    "code": TEXT,
    "refresh_token": TEXT,
}
REQUESTS: Final[dict[str, Shape]] = {
    "TokenRequestV2": record("grant_type client_id", **_CLIENT, scope=TEXT),
    "TokenRequestV1": record("grant_type client_id", **_CLIENT, resource=TEXT),
    "DeviceCodeRequestV2": record("client_id scope", client_id=TEXT, scope=TEXT),
    "DeviceCodeRequestV1": record("client_id resource", client_id=TEXT, resource=TEXT),
    "DevicePageForm": record(
        "user_code client_id client_secret", user_code=TEXT, client_id=TEXT, client_secret=TEXT
    ),
}
_VERSION: Final = {"version": or_null(TEXT), "commit": or_null(TEXT)}
ANSWERS: Final[dict[str, Shape]] = {
    "Health": record(
        "alive version",
        alive=FLAG,
        **_VERSION,
        https=TEXT,
        ca=TEXT,
        needs_roots=FLAG,
        tenant=UUID,
        subscription=UUID,
        client_id=UUID,
        client_secret_file=TEXT,
        dns=TEXT,
        blob=or_null(TEXT),
        pid=whole(1, 2**31),
        services=array(
            record(
                "name state address port ssl",
                name=TEXT,
                state=TEXT,
                address=or_null(TEXT),
                port=or_null(whole(1, 65535)),
                ssl=FLAG,
                http_port=whole(1, 65535),
                listens=TEXT,
                note=TEXT,
                replicas=whole(1, 2**31),
                answering=whole(0, 2**31),
            )
        ),
        listeners=array(
            record(
                "name listens reach asks told",
                name=TEXT,
                listens=TEXT,
                reach=one_of("this machine", "other machines"),
                asks=TEXT,
                told=or_null(TEXT),
            )
        ),
        certificate=or_null(
            record(
                "source expires trouble notes",
                source=TEXT,
                expires=TEXT,
                trouble=or_null(TEXT),
                notes=array(TEXT),
            )
        ),
        execution_providers=array(one_of(*NAMES)),
        edge=or_null(
            record(
                "proxy version pid restarts",
                proxy=one_of(edge.ENVOY),
                version=or_null(TEXT),
                pid=or_null(whole(1, 2**31)),
                restarts=whole(0, 2**31),
            )
        ),
        replicas=or_null(
            record(
                "head connected since nodes pid restarts trouble",
                head=TEXT,
                connected=FLAG,
                since=TEXT,
                nodes=whole(0, 2**31),
                pid=or_null(whole(1, 2**31)),
                restarts=whole(0, 2**31),
                trouble=or_null(TEXT),
            )
        ),
    )
    | {"description": "Who has no token is told whether it is alive, and its version, alone."},
    "CloudMetadata": record(
        "name authentication resourceManager microsoftGraphResourceId suffixes",
        name=TEXT,
        authentication=record(
            "loginEndpoint audiences tenant identityProvider",
            loginEndpoint=_URI,
            audiences=array(_URI),
            tenant=UUID,
            identityProvider=TEXT,
        ),
        resourceManager=_URI,
        microsoftGraphResourceId=_URI,
        suffixes=record(storage=TEXT, keyVaultDns=TEXT),
    ),
    "OpenIdConfiguration": record(
        "issuer token_endpoint jwks_uri authorization_endpoint",
        issuer=_URI,
        token_endpoint=_URI,
        jwks_uri=_URI,
        authorization_endpoint=_URI,
        device_authorization_endpoint=_URI,
        response_types_supported=array(TEXT),
        subject_types_supported=array(TEXT),
        grant_types_supported=array(TEXT),
        id_token_signing_alg_values_supported=array(TEXT),
        token_endpoint_auth_methods_supported=array(TEXT),
    ),
    "KeySet": record(
        "keys",
        keys=array(
            record(
                "kty n e use kid x5t issuer",
                kty=TEXT,
                n=TEXT,
                e=TEXT,
                use=TEXT,
                kid=TEXT,
                x5t=TEXT,
                issuer=_URI,
            )
        ),
    ),
    "TokenV2": record(
        "token_type expires_in ext_expires_in access_token",
        token_type=one_of("Bearer"),
        expires_in=whole(1, 86400),
        ext_expires_in=whole(1, 86400),
        access_token=TEXT,
        refresh_token=TEXT,
        id_token=TEXT,
    ),
    "TokenV1": record(
        "token_type expires_in ext_expires_in expires_on not_before resource access_token",
        token_type=one_of("Bearer"),
        **dict.fromkeys(
            ("expires_in", "ext_expires_in", "expires_on", "not_before", "resource", "access_token"), TEXT
        ),
        refresh_token=TEXT,
        id_token=TEXT,
    ),
    "DeviceCodeV2": record(
        "user_code device_code verification_uri expires_in interval message",
        **dict.fromkeys(("user_code", "device_code", "message"), TEXT),
        verification_uri=_URI,
        expires_in=whole(1, 3600),
        interval=whole(1, 60),
    ),
    "DeviceCodeV1": record(
        "user_code device_code verification_url expires_in interval message",
        **dict.fromkeys(("user_code", "device_code", "expires_in", "interval", "message"), TEXT),
        verification_url=_URI,
    ),
    "SignInError": record(
        "error error_description error_codes timestamp trace_id correlation_id",
        error=TEXT,
        error_description=TEXT,
        error_codes=array({"type": "integer"}),
        timestamp=TEXT,
        trace_id=UUID,
        correlation_id=TEXT,
    ),
}
