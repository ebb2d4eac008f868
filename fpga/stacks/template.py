"""The text of a stack's configuration and of its backend: each setting with the line that tells what it is.

One template for all stacks; the lines, their order and the sections are those of the settings' own tables
(`infra.settings`, `fpga.stacks.backend_settings`). No I/O.
"""

from __future__ import annotations

import itertools
import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fpga.project import MODEL_PACKAGE
from fpga.stacks import backend_settings
from fpga.stacks.presets import LETS_ENCRYPT_STAGING, NAMESPACE

_WIDTH: Final = 108
_AZURE: Final = "azure-native"
# what else must be known of a value
_HINTS: Final = {
    LETS_ENCRYPT_STAGING: "No system trusts what this authority issues: before the first `pulumi up`, set "
    f"{NAMESPACE}:acmeRootsFile to a PEM file with its root (letsencrypt.org/docs/staging-environment) and "
    "with that of its own HTTPS",
    MODEL_PACKAGE: "`fpga model build` makes this one",
}


def stack_text(name: str, settings: Mapping[str, Any]) -> str:
    """`Pulumi.NAME.yaml`.

    Args:
        settings: by their keys with namespace; lists as lists.
    """
    on_azure = not any(key.startswith(f"{_AZURE}:") for key in settings)
    cloud = (
        "Azure, with all but the account and the service. ARM_TENANT_ID, ARM_SUBSCRIPTION_ID, ARM_CLIENT_ID "
        "and ARM_CLIENT_SECRET say who signs in, or azure-native:tenantId, subscriptionId, clientId and "
        "(encrypted) clientSecret here"
        if on_azure
        else "A localcloud. Its secret: ARM_CLIENT_SECRET, or azure-native:clientSecret, encrypted"
    )
    header = (
        f"The stack {name}: what differs from the other ones is in this file alone. Where its state is "
        f"stands in Backend.{name}.yaml. All settings: schema/stack.schema.json, which editors read, too.",
        "Secrets stand here encrypted (`pulumi config set --secret KEY`). `pulumi stack init` adds what "
        "they are encrypted with (encryptionsalt, or encryptedkey): commit that.",
    )
    return _configuration_text(header, cloud, settings)


def local_text(settings: Mapping[str, Any]) -> str:
    """`Pulumi.local.template.yaml`, of which `fpga up` makes the file of the stack `local`."""
    header = (
        "The stack `local`: the whole graph against localcloud, on this machine.",
        "`fpga up` copies this file to Pulumi.local.yaml, which git ignores, and adds to the copy what it "
        "lacks and localcloud tells: azure-native:metadataHost, tenantId, subscriptionId, clientId, "
        "clientSecret (encrypted), and fpga-web-service:nameServers. What you set there yourself stays. All "
        "settings: schema/stack.schema.json, which editors read, too.",
    )
    return _configuration_text(header, "The localcloud of this machine", settings)


def backend_text(name: str, values: Mapping[str, str]) -> str:
    """`Backend.NAME.yaml`."""
    lines = [
        "# yaml-language-server: $schema=schema/backend.schema.json",
        *_comment(
            f"Where the state of the stack {name} is, and what encrypts its secrets. "
            f"`FPGA_STACK={name} . .local/activate` selects it for a shell. Relative paths start at the "
            "checkout."
        ),
        "",
    ]
    for key, about in backend_settings.KEYS.items():
        if key in values:
            lines += [*_comment(about), f"{key}: {_scalar(values[key])}"]
    return "\n".join(lines) + "\n"


def _configuration_text(header: tuple[str, ...], cloud: str, settings: Mapping[str, Any]) -> str:
    lines = ["# yaml-language-server: $schema=schema/stack.schema.json"]
    for paragraph in header:
        lines += _comment(paragraph)
    lines.append("config:")
    for title, entries in itertools.groupby(_entries(), key=lambda entry: entry[0]):
        told = _comment(cloud, "  ") if not title else []
        for _, key, about in entries:
            if key in settings:
                told += _comment(about, "  ")
                told += _comment(_HINTS.get(str(settings[key]), ""), "  ")
                told.append(f"  {key}: {_scalar(settings[key])}")
        if told:
            lines += [*_gap(lines), f"  # --- {title or 'The cloud, and who signs in'}", *told]
    return "\n".join(lines) + "\n"


def _entries() -> Iterator[tuple[str, str, str]]:
    """Each setting's section, key with namespace and line."""
    from infra.settings import azure, known

    for one in azure.SETTINGS:
        yield "", f"{_AZURE}:{one.key}", one.about
    for one in known():
        yield one.section, f"{NAMESPACE}:{one.key}", one.line


def _gap(lines: list[str]) -> list[str]:
    return [] if lines[-1] == "config:" else [""]


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
