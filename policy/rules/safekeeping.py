"""The resources that must not be lost, and the secrets that must not be seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from policy.rules import tokens
from policy.rules.rule import UNKNOWN, Context, Resource, ResourceRule

# Lost, they do not come back as they were: a service's address and keys, the packages, a storage account's
# globally unique name, the name servers that a zone's parent points at. A model is left out, for each new
# content is a new one; so is all that is made again from these.
_IRREPLACEABLE: Final = frozenset(
    {
        tokens.RESOURCE_GROUP,
        tokens.GENERIC_RESOURCE,
        tokens.STORAGE_ACCOUNT,
        tokens.BLOB_CONTAINER,
        tokens.ZONE,
        tokens.SERVICE,
        tokens.KEYS,
    }
)
_SECRETS: Final = {
    tokens.KEYS: frozenset({"primary_key", "secondary_key"}),
    tokens.ENDPOINT_CHECK: frozenset({"primary_key", "secondary_key"}),
    tokens.SERVICE: frozenset({"ssl_key"}),
    tokens.DEVELOPMENT_CA: frozenset({"key"}),
    tokens.CERTIFICATE: frozenset({"key", "ca_key"}),
    tokens.ACME_ACCOUNT: frozenset({"key", "eab_hmac_key"}),
    tokens.ACME_CERTIFICATE: frozenset({"key", "key_of_account"}),
}
# property: what it may be, what else is wrong, the remedy
_CLOSED: Final[dict[str, tuple[tuple[Any, ...], str, str]]] = {
    "allowBlobPublicAccess": ((False,), "blobs may be made public", "False"),
    # on where it is not set, since API version 2019-04-01
    "enableHttpsTrafficOnly": ((True, None), "packages may be read and written without TLS", "True"),
    "minimumTlsVersion": (("TLS1_2", "TLS1_3"), "TLS older than 1.2 is spoken", "TLS1_2"),
}


def _is_unprotected(resource: Resource, context: Context) -> Iterator[str]:
    """Protection is an option, no property, and always known."""
    if context.production and not resource.protected:
        yield (
            "it is not protected on a production stack: a changed name or `pulumi destroy` would delete it. "
            "Set fpga-web-service:protect to true."
        )


def _stands_in_plain(resource: Resource, _: Context) -> Iterator[str]:
    """Encryption is an option, no property, and always known."""
    if in_plain := sorted(_SECRETS[resource.type] - resource.secret_outputs):
        yield (
            f"{' and '.join(in_plain)} would stand in plain in the stack's state. "
            "Declare the resource with additional_secret_outputs that name them."
        )


def _is_open(resource: Resource, _: Context) -> Iterator[str]:
    """A property that is not known yet is left to the update, which asks again before it acts."""
    if resource.type == tokens.BLOB_CONTAINER:
        access = resource.props.get("publicAccess")
        if access not in (None, "None", UNKNOWN):
            yield f"anyone may read it (publicAccess is '{access}'). Set its publicAccess to None."
        return
    for name, (fit, what, remedy) in _CLOSED.items():
        value = resource.props.get(name)
        if value is not UNKNOWN and value not in fit:
            yield f"{what} ({name} is {'not set' if value is None else value}). Set its {name} to {remedy}."


PRODUCTION_PROTECTED: Final = ResourceRule(
    name="production-protected",
    description="What production cannot get back as it was is protected from deletion.",
    types=_IRREPLACEABLE,
    check=_is_unprotected,
)
SECRETS_ENCRYPTED: Final = ResourceRule(
    name="secrets-encrypted",
    description="Keys are encrypted in the stack's state.",
    types=frozenset(_SECRETS),
    check=_stands_in_plain,
)
STORAGE_CLOSED: Final = ResourceRule(
    name="storage-closed",
    description="Model packages are reached over TLS by those who may, and by nobody else.",
    types=frozenset({tokens.STORAGE_ACCOUNT, tokens.BLOB_CONTAINER}),
    check=_is_open,
)
