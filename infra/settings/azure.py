"""The settings that the azure-native provider reads, too: which cloud this is, and who signs in."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from typing import Final

from clients.azure import settings as clients_settings
from clients.azure.settings import ENVIRONMENTS, NAMESPACE, AzureSettings, of_stack, text
from infra.settings.kinds import secret
from infra.settings.kinds import switch as switch_kind
from infra.settings.kinds import text as text_kind
from infra.settings.reader import SettingsError
from infra.settings.table import Kind, Setting, Unfit

_UUID: Final = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


def uuid(remedy: str) -> Kind:
    """A UUID.

    Args:
        remedy: the end of the sentence that refuses another text.
    """

    def read(written: str) -> str:
        if not re.fullmatch(_UUID, written):
            raise Unfit(f"is '{written}': {remedy}")
        return written

    return Kind(read, {"type": "string", "pattern": f"^{_UUID}$"})


ID: Final = uuid("it is a UUID, as `az account show` prints it")

SETTINGS: Final = (
    Setting("metadataHost", text_kind(), "Host and port that serve /metadata/endpoints: which cloud this is"),
    Setting(
        "environment",
        text_kind(),
        f"Without metadataHost, which of Azure's clouds: {', '.join(ENVIRONMENTS)}",
    ),
    Setting("tenantId", ID, "The directory that signs in: a UUID"),
    Setting("subscriptionId", ID, "The subscription that pays: a UUID"),
    Setting("clientId", text_kind(), "The application that signs in: a UUID"),
    Setting("clientSecret", secret(), "The application's secret, encrypted"),
    Setting(
        "useOidc",
        switch_kind(),
        "Without clientSecret, another issuer's token signs in (OpenID Connect)",
    ),
    Setting("oidcToken", secret(), "With useOidc, that token, encrypted"),
    Setting("oidcTokenFilePath", text_kind(), "With useOidc, the file that holds that token"),
    Setting("oidcRequestUrl", text_kind(), "With useOidc, where that token is asked for"),
    Setting("oidcRequestToken", secret(), "With useOidc, what it is asked for with, encrypted"),
    Setting("oidcAudience", text_kind(), "With useOidc, whom the token that is asked for is for"),
    Setting(
        "disableInstanceDiscovery",
        switch_kind(),
        "For private clouds: do not ask Microsoft's own host who signs in there",
    ),
)
KEYS: Final = tuple(f"{NAMESPACE}{one.key}" for one in SETTINGS)


def read(config: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> AzureSettings:
    """The settings, checked.

    Raises:
        SettingsError: with every problem found.
    """
    problems: list[str] = []
    azure = gather(config, environ, problems)
    if problems:
        raise SettingsError(problems)
    return azure


def gather(
    config: Mapping[str, str],
    environ: Mapping[str, str],
    problems: list[str],
    secret_keys: Collection[str] | None = None,
) -> AzureSettings:
    """The settings; what is wrong with them goes to `problems`.

    Args:
        secret_keys: the keys whose values are encrypted in the stack's file; None: nobody knows.
    """
    given = of_stack(config)
    for one in SETTINGS:
        name = f"{NAMESPACE}{one.key}"
        if one.kind.secret and given.get(one.key) and secret_keys is not None and name not in secret_keys:
            problems.append(
                f"{name} stands in plain in the stack's file: whoever could read that knows it. Have it made "
                f"anew, then `pulumi config set --secret {name}`"
            )
        if one.kind is ID and (found := text(one.key, given, environ)):
            try:
                one.kind.read(found)
            except Unfit as error:
                problems.append(f"{name} {error}")
    reading = clients_settings.read(given, environ)
    problems += [*reading.missing, *reading.unfit]
    return reading.settings
