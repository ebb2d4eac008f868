"""The plugin's configuration: stack settings `azure-native:…`, else ARM_… of the environment, as official.

Source: https://www.pulumi.com/registry/packages/azure-native/installation-configuration/
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from clients.azure import settings as azure_settings
from engine.azure_native.values import UNKNOWN, Secret, plain

SECRET_SETTINGS: Final = frozenset({"clientId", "clientSecret", "oidcRequestToken", "oidcToken"})


class ConfigurationError(Exception):
    """A setting is missing or cannot be used; the message names it and the remedy."""


@dataclass(frozen=True)
class Cloud:
    """Where a cloud signs in and manages resources.

    Attributes:
        login_endpoint: authority of the sign-in, without tenant.
        audience: resource that tokens are asked for.
        resource_manager: base URL of ARM.
    """

    login_endpoint: str
    audience: str
    resource_manager: str


_LOGIN_ENDPOINTS: Final = {
    "public": "https://login.microsoftonline.com",
    "usgovernment": "https://login.microsoftonline.us",
    "china": "https://login.chinacloudapi.cn",
}
CLOUDS: Final[Mapping[str, Cloud]] = {
    name: Cloud(_LOGIN_ENDPOINTS[name], f"https://{host}", f"https://{host}")
    for name, host in azure_settings.ENVIRONMENTS.items()
}


@dataclass(frozen=True)
class Configuration:
    """The plugin's settings.

    Attributes:
        environment: a name of `CLOUDS`; not used where `metadata_host` is set.
        metadata_host: host and port of the cloud's discovery document, without scheme.
        use_oidc: where there is no client secret, another issuer's token signs in: `oidc_token`, what
            `oidc_token_file_path` holds, or what `oidc_request_url` gives for `oidc_request_token`.
        ca_file: PEM file of the roots to trust (SSL_CERT_FILE); None for certifi's.
    """

    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    disable_instance_discovery: bool = False
    environment: str = "public"
    location: str | None = None
    metadata_host: str | None = None
    oidc_audience: str = azure_settings.EXCHANGE_AUDIENCE
    oidc_request_token: str | None = field(default=None, repr=False)
    oidc_request_url: str | None = None
    oidc_token: str | None = field(default=None, repr=False)
    oidc_token_file_path: str | None = None
    subscription_id: str | None = None
    tenant_id: str | None = None
    use_oidc: bool = False
    ca_file: str | None = None

    @classmethod
    def read(cls, settings: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Configuration:
        """From the engine's settings (keys without prefix), each with its environment variable as fall-back.

        What a preview cannot know yet counts as not set.

        Raises:
            ConfigurationError: a value cannot be used.
        """

        given = {
            key: str(value)
            for key, value in ((key, plain(value)) for key, value in settings.items())
            if value is not None and value is not UNKNOWN
        }

        def value(name: str) -> str | None:
            return azure_settings.text(name, given, environ) or None

        try:
            return cls(
                client_id=value("clientId"),
                client_secret=value("clientSecret"),
                disable_instance_discovery=azure_settings.switch("disableInstanceDiscovery", given, environ),
                environment=(value("environment") or cls.environment).lower(),
                location=value("location"),
                metadata_host=azure_settings.metadata_host(given, environ) or None,
                oidc_audience=value("oidcAudience") or cls.oidc_audience,
                oidc_request_token=value("oidcRequestToken"),
                oidc_request_url=value("oidcRequestUrl"),
                oidc_token=value("oidcToken"),
                oidc_token_file_path=value("oidcTokenFilePath"),
                subscription_id=value("subscriptionId"),
                tenant_id=value("tenantId"),
                use_oidc=azure_settings.switch("useOidc", given, environ),
                ca_file=environ.get("SSL_CERT_FILE") or None,
            )
        except azure_settings.SettingError as error:
            raise ConfigurationError(str(error)) from None

    def require(self, name: str) -> str:
        """The setting of this (Pulumi) name.

        Raises:
            ConfigurationError: it is not set.
        """
        attribute = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
        value: str | None = getattr(self, attribute)
        if value is None:
            secret = "--secret " if name in SECRET_SETTINGS else ""
            raise ConfigurationError(
                f"azure-native:{name} is not set: `pulumi config set {secret}azure-native:{name} …`, "
                f"or set {azure_settings.VARIABLES[name]} in the environment"
            )
        return value


def keep_secret(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with the secret ones wrapped, so that the state holds them encrypted."""
    return {
        name: Secret(value) if name in SECRET_SETTINGS and not isinstance(value, Secret) else value
        for name, value in settings.items()
    }
