"""The settings that a new stack starts with, by what its environment is made for. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from fpga.cloud.connection import NAME_SERVERS
from fpga.project import MODEL_PACKAGE
from fpga.stacks.backend_settings import PASSPHRASE

NAMESPACE: Final = "fpga-web-service"
LETS_ENCRYPT_STAGING: Final = "https://acme-staging-v02.api.letsencrypt.org/directory"
_MANAGEMENT_HOST: Final = "models.contoso.com"
_LETS_ENCRYPT: Final = "https://acme-v02.api.letsencrypt.org/directory"
# in names of the account (2 to 32 characters) and of domains
_NAME: Final = re.compile(r"[a-z]([a-z0-9-]{0,24}[a-z0-9])?")

# those that stand in the file though they are what they would be without it
_WRITTEN_OUT: Final = ("location", "accountSku", "accountCapacity", "recordTtl", "sslEnabled")
_WRITTEN_OUT_FOR_TEAMS: Final = (
    *_WRITTEN_OUT,
    "certificateGeneration",
    "primaryKeyGeneration",
    "secondaryKeyGeneration",
    "production",
    "protect",
    "retainOnDelete",
)
_SELF_SIGNED: Final = {"certificateSource": "self_signed"}
_ACME: Final = {
    "certificateSource": "acme",
    "acmeEmail": "hostmaster@contoso.com",
    "caaIssuers": ["letsencrypt.org"],
}
# what an environment is made for: the settings that are its own
PRESETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "dev": {**_SELF_SIGNED, "recordTtl": "60"},
    "staging": {**_ACME, "acmeDirectory": LETS_ENCRYPT_STAGING},
    "prod": {
        **_ACME,
        "acmeDirectory": _LETS_ENCRYPT,
        "accountSku": "S2",
        "accountCapacity": "2",
        "minimumDays": "14",
        "production": "true",
        "protect": "true",
        "retainOnDelete": "true",
    },
}
# where a stack is when a localcloud is the cloud: no public authority can reach it
_ON_LOCALCLOUD: Final = {"production": "false", **_SELF_SIGNED}
_OF_ACME: Final = ("acmeDirectory", "acmeEmail", "caaIssuers")


def name_problem(name: str) -> str | None:
    """The problem of a stack's name, as the end of a sentence; None: it may be called so."""
    if _NAME.fullmatch(name):
        return None
    return "takes 1 to 26 lower-case letters, digits and hyphens, a letter first, such as dev or team-a"


def configuration(
    name: str,
    kind: str,
    connection: Mapping[str, str] | None,
    management: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The settings of a new stack, by their keys with namespace; lists as lists.

    Args:
        kind: one of `PRESETS`.
        connection: the settings that connect it to a localcloud; None: it is on Azure itself, signed in to as
            ARM_* of the environment say.
        management: the settings that connect its account and service to a localcloud; None: that is
            Contoso's, or `connection`'s.
    """
    domain = "contoso.com" if connection is None else "contoso.test"
    zone = domain if name == "prod" else f"{name}.{domain}"
    settings = {
        **_defaults(_WRITTEN_OUT_FOR_TEAMS),
        "modelPackage": MODEL_PACKAGE,
        **PRESETS[kind],
        "resourceGroup": f"fpga-{name}",
        "account": f"fpga-{name}",
        "zone": zone,
        "fqdn": f"fpga.{zone}",
    }
    if connection is None:
        # each its own server, as each has its own zone
        host = _MANAGEMENT_HOST if name == "prod" else f"{name}.{_MANAGEMENT_HOST}"
        return {**_named(settings), **(management or _named({"managementHost": host}))}
    settings = {key: value for key, value in (settings | _ON_LOCALCLOUD).items() if key not in _OF_ACME}
    named = {**_named(settings), **(management or {})}
    return {**connection, **named, NAME_SERVERS: [connection[NAME_SERVERS]]}


def local_configuration() -> dict[str, Any]:
    """The settings that the stack `local` starts with, by their keys with namespace: all but those that this
    machine's localcloud tells.
    """
    settings = {
        **_defaults(_WRITTEN_OUT),
        **_SELF_SIGNED,
        "modelPackage": MODEL_PACKAGE,
        "resourceGroup": "fpga-web-service",
        "account": "fpga-models",
        "zone": "contoso.test",
        "fqdn": "fpga.contoso.test",
    }
    return {"azure-native:disableInstanceDiscovery": "true", **_named(settings)}


def backend(
    name: str, url: str, secrets_provider: str, policy_pack: str | None, passphrase_file: str | None = None
) -> dict[str, str]:
    """The settings of a new stack's backend.

    Args:
        passphrase_file: with a passphrase; None: one of the stack's own.
    """
    values = {"url": url, "secretsProvider": secrets_provider}
    if secrets_provider == PASSPHRASE:
        values["passphraseFile"] = passphrase_file or f".local/passphrases/{name}"
    if policy_pack is not None:
        values["policyPack"] = policy_pack
    return values


def contosos_backend(name: str) -> dict[str, str]:
    """The settings of the backend that a committed example has; `name` is one of `PRESETS`."""
    vault = "azurekeyvault://contoso-fpga-prod.vault.azure.net/keys/pulumi"
    url = f"azblob://pulumi-state?storage_account=contosofpga{name}"
    return backend(name, url, vault if name == "prod" else PASSPHRASE, "policy")


def _defaults(keys: tuple[str, ...]) -> dict[str, Any]:
    from infra import settings

    return {one.key: one.default_text for one in settings.known() if one.key in keys}


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{NAMESPACE}:{key}": value for key, value in values.items()}
