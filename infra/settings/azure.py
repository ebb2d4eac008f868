"""The settings that the azure-native provider reads, too: which cloud this is, and who signs in."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from typing import Final

from clients.azure.settings import (
    ENVIRONMENTS,
    EXCHANGE_AUDIENCE,
    NAMESPACE,
    VARIABLES,
    AzureSettings,
    Federation,
    SettingError,
    environment,
    metadata_host,
    of_stack,
    switch,
    text,
)
from infra.settings.kinds import secret
from infra.settings.kinds import switch as switch_kind
from infra.settings.kinds import text as text_kind
from infra.settings.reader import SettingsError
from infra.settings.table import Kind, Setting, Unfit

_UUID: Final = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


def _uuid(written: str) -> str:
    if not re.fullmatch(_UUID, written):
        raise Unfit(f"is '{written}': it is a UUID, as `az account show` prints it")
    return written


_ID: Final = Kind(_uuid, {"type": "string", "pattern": f"^{_UUID}$"})

SETTINGS: Final = (
    Setting("metadataHost", text_kind(), "Host and port that serve /metadata/endpoints: which cloud this is"),
    Setting(
        "environment",
        text_kind(),
        f"Without metadataHost, which of Azure's clouds: {', '.join(ENVIRONMENTS)}",
    ),
    Setting("tenantId", _ID, "The directory that signs in: a UUID", required=True),
    Setting("subscriptionId", _ID, "The subscription that pays: a UUID", required=True),
    Setting("clientId", text_kind(), "The application that signs in: a UUID", required=True),
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
    found = {one.key: text(one.key, given, environ) for one in SETTINGS}
    for one in SETTINGS:
        name = f"{NAMESPACE}{one.key}"
        if one.kind.secret and given.get(one.key) and secret_keys is not None and name not in secret_keys:
            problems.append(
                f"{name} stands in plain in the stack's file: whoever could read that knows it. Have it made "
                f"anew, then `pulumi config set --secret {name}`"
            )
        if one.required and not found[one.key]:
            problems.append(
                f"{name} is not set: `pulumi config set {name}`, or the variable {VARIABLES[one.key]}"
            )
        if one.kind is _ID and found[one.key]:
            try:
                one.kind.read(found[one.key])
            except Unfit as error:
                problems.append(f"{name} {error}")
    use_oidc = _switch("useOidc", given, environ, problems)
    disable_instance_discovery = _switch("disableInstanceDiscovery", given, environ, problems)
    if not found["clientSecret"] and not use_oidc:
        problems.append(
            f"{NAMESPACE}clientSecret is not set: `pulumi config set --secret {NAMESPACE}clientSecret`, or "
            f"the variable {VARIABLES['clientSecret']}; ARM_USE_OIDC=true signs in without a secret"
        )
    return AzureSettings(
        metadata_host=_metadata_host(given, environ, problems),
        tenant_id=found["tenantId"],
        subscription_id=found["subscriptionId"],
        client_id=found["clientId"],
        client_secret=found["clientSecret"],
        disable_instance_discovery=disable_instance_discovery,
        federation=_federation(found, problems) if use_oidc and not found["clientSecret"] else None,
    )


def _switch(key: str, given: Mapping[str, str], environ: Mapping[str, str], problems: list[str]) -> bool:
    try:
        return switch(key, given, environ)
    except SettingError as error:
        problems.append(str(error))
        return False


def _metadata_host(given: Mapping[str, str], environ: Mapping[str, str], problems: list[str]) -> str:
    try:
        return metadata_host(given, environ) or ENVIRONMENTS[environment(given, environ)]
    except SettingError as error:
        problems.append(str(error))
        return ""


def _federation(found: Mapping[str, str], problems: list[str]) -> Federation:
    federation = Federation(
        token=found["oidcToken"],
        token_file=found["oidcTokenFilePath"],
        request_url=found["oidcRequestUrl"],
        request_token=found["oidcRequestToken"],
        audience=found["oidcAudience"] or EXCHANGE_AUDIENCE,
    )
    asked = federation.request_url and federation.request_token
    if not (federation.token or federation.token_file or asked):
        problems.append(
            "ARM_USE_OIDC is true, and there is no token to sign in with: a job of GitHub Actions needs "
            "`permissions: id-token: write`; elsewhere set ARM_OIDC_TOKEN_FILE_PATH or ARM_OIDC_TOKEN"
        )
    return federation
