"""What `fpga stack new` writes: a stack's configuration and its backend, each setting with what it is.

The one template of all stacks: kinds of environments (`PRESETS`) differ in values alone. No I/O.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping
from typing import Any, Final

from fpga.cloud.connection import NAME_SERVERS
from fpga.stacks import backend_settings

NAMESPACE: Final = "fpga-web-service"
MODEL_PACKAGE: Final = ".local/model-package"
# in names of the account (2 to 32 characters) and of domains
_NAME: Final = re.compile(r"[a-z]([a-z0-9-]{0,24}[a-z0-9])?")
_WIDTH: Final = 108
_LETS_ENCRYPT: Final = "https://acme-v02.api.letsencrypt.org/directory"
_LETS_ENCRYPT_STAGING: Final = "https://acme-staging-v02.api.letsencrypt.org/directory"

_COMMON: Final[Mapping[str, Any]] = {
    "location": "eastus2",
    "accountSku": "S1",
    "accountCapacity": "1",
    "modelPackage": MODEL_PACKAGE,
    "recordTtl": "300",
    "sslEnabled": "true",
    "primaryKeyGeneration": "1",
    "secondaryKeyGeneration": "1",
    "production": "false",
    "protect": "false",
    "retainOnDelete": "false",
}
_SELF_SIGNED: Final = {"certificateSource": "self_signed", "certificateGeneration": "1"}
_ACME: Final = {
    "certificateSource": "acme",
    "certificateGeneration": "1",
    "acmeEmail": "hostmaster@contoso.com",
    "caaIssuers": ["letsencrypt.org"],
}
# what an environment is made for: its settings
PRESETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "dev": {**_COMMON, **_SELF_SIGNED, "recordTtl": "60"},
    "staging": {**_COMMON, **_ACME, "acmeDirectory": _LETS_ENCRYPT_STAGING},
    "prod": {
        **_COMMON,
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

_SECTIONS: Final = (
    (
        "The Model Management account",
        ("resourceGroup", "account", "location", "accountSku", "accountCapacity"),
    ),
    ("The model", ("modelPackage",)),
    ("1. The domain name", ("zone", "fqdn", "recordTtl", "caaIssuers", "nameServers", "resolvers")),
    (
        "2. The certificate",
        (
            "certificateSource",
            "certificateGeneration",
            "acmeDirectory",
            "acmeEmail",
            "acmeRootsFile",
            "minimumDays",
        ),
    ),
    ("3. The service", ("sslEnabled", "primaryKeyGeneration", "secondaryKeyGeneration")),
    ("What keeps it from mistakes", ("production", "protect", "retainOnDelete")),
)

# what else must be known of a value
_HINTS: Final = {
    _LETS_ENCRYPT_STAGING: "No system trusts what this authority issues: before the first `pulumi up`, set "
    f"{NAMESPACE}:acmeRootsFile to a PEM file with its root (letsencrypt.org/docs/staging-environment) and "
    "with that of its own HTTPS",
}


def name_problem(name: str) -> str | None:
    """What keeps a stack from being called so."""
    if _NAME.fullmatch(name):
        return None
    return "takes 1 to 26 lower-case letters, digits and hyphens, a letter first, such as dev or team-a"


def configuration(name: str, kind: str, connection: Mapping[str, str] | None) -> dict[str, Any]:
    """The settings of a new stack, by their keys with namespace; lists as lists.

    Args:
        kind: one of `PRESETS`.
        connection: the settings that connect it to a localcloud; None: it is on Azure itself, signed in to as
            ARM_* of the environment say.
    """
    domain = "contoso.com" if connection is None else "contoso.test"
    zone = domain if name == "prod" else f"{name}.{domain}"
    settings = {
        **PRESETS[kind],
        "resourceGroup": f"fpga-{name}",
        "account": f"fpga-{name}",
        "zone": zone,
        "fqdn": f"fpga.{zone}",
    }
    if connection is None:
        return {f"{NAMESPACE}:{key}": value for key, value in settings.items()}
    settings = {key: value for key, value in (settings | _ON_LOCALCLOUD).items() if key not in _OF_ACME}
    return {
        **connection,
        **{f"{NAMESPACE}:{key}": value for key, value in settings.items()},
        NAME_SERVERS: [connection[NAME_SERVERS]],
    }


def stack_text(name: str, settings: Mapping[str, Any], about: Mapping[str, str]) -> str:
    """`Pulumi.NAME.yaml`. `about` has a line for each key of the program's settings."""
    lines = [
        "# yaml-language-server: $schema=schema/stack.schema.json",
        *_comment(
            f"The stack {name}: what differs from the other ones is in this file alone. Where its state is "
            f"stands in Backend.{name}.yaml. All settings: schema/stack.schema.json, which editors read, too."
        ),
        *_comment(
            "Secrets stand here encrypted (`pulumi config set --secret KEY`). `pulumi stack init` adds what "
            "they are encrypted with (encryptionsalt, or encryptedkey): commit that."
        ),
        "config:",
        *_azure(settings),
    ]
    for title, keys in _SECTIONS:
        lines += ["", f"  # --- {title}"]
        for key in keys:
            full = f"{NAMESPACE}:{key}"
            if full in settings:
                lines += _comment(about[key], "  ")
                lines += _comment(_HINTS.get(str(settings[full]), ""), "  ")
                lines.append(f"  {full}: {_scalar(settings[full])}")
    return "\n".join(lines) + "\n"


def backend_text(
    name: str, url: str, secrets_provider: str, policy_pack: str | None, passphrase_file: str | None = None
) -> str:
    """`Backend.NAME.yaml`.

    Args:
        passphrase_file: with a passphrase; None: one of the stack's own.
    """
    values = {"url": url, "secretsProvider": secrets_provider}
    if secrets_provider == backend_settings.PASSPHRASE:
        values["passphraseFile"] = passphrase_file or f".local/passphrases/{name}"
    if policy_pack is not None:
        values["policyPack"] = policy_pack
    lines = [
        "# yaml-language-server: $schema=schema/backend.schema.json",
        *_comment(
            f"Where the state of the stack {name} is, and what encrypts its secrets. "
            f"`FPGA_STACK={name} . .local/activate` selects it for a shell. Relative paths start at the "
            "checkout."
        ),
        "",
    ]
    for key, value in values.items():
        about = backend_settings.KEYS[key]
        if key == "passphraseFile":
            about += ". PULUMI_CONFIG_PASSPHRASE, or PULUMI_CONFIG_PASSPHRASE_FILE, goes before it (CI)"
        lines += [*_comment(about), f"{key}: {_scalar(value)}"]
    return "\n".join(lines) + "\n"


def _azure(settings: Mapping[str, Any]) -> list[str]:
    """The cloud, and who signs in."""
    given = {key: value for key, value in settings.items() if key.startswith("azure-native:")}
    lines = ["  # --- The cloud, and who signs in"]
    if not given:
        return lines + _comment(
            "Azure itself. ARM_TENANT_ID, ARM_SUBSCRIPTION_ID, ARM_CLIENT_ID and ARM_CLIENT_SECRET say who "
            "signs in, or azure-native:tenantId, subscriptionId, clientId and (encrypted) clientSecret here",
            "  ",
        )
    lines += _comment(
        "A localcloud. Its secret: ARM_CLIENT_SECRET, or azure-native:clientSecret, encrypted", "  "
    )
    return lines + [f"  {key}: {_scalar(value)}" for key, value in given.items()]


def _comment(text: str, indent: str = "") -> list[str]:
    prefix = f"{indent}# "
    return textwrap.wrap(
        text, _WIDTH, initial_indent=prefix, subsequent_indent=prefix, break_on_hyphens=False
    )


def _scalar(value: Any) -> str:
    """A value as YAML; what YAML would not read as a text is quoted."""
    import yaml

    if isinstance(value, str) and yaml.safe_load(value) == value:
        return value
    return json.dumps(value)
