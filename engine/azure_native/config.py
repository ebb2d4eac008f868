"""The plugin's configuration: stack settings `azure-native:…`, else ARM_… of the environment, as official.

Source: https://www.pulumi.com/registry/packages/azure-native/installation-configuration/
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from clients.azure import settings as azure_settings
from clients.azure.settings import AzureSettings, Reading, SettingError
from engine.azure_native.values import UNKNOWN, Secret, plain

NAMES: Final = {"management": azure_settings.MANAGEMENT}
"""The names of a provider's settings in the stack's file, by its logical name, where they are not its own."""
SECRET_SETTINGS: Final = frozenset({"clientId", "clientSecret", "oidcRequestToken", "oidcToken"})


@dataclass(frozen=True)
class Configuration:
    """The plugin's settings.

    Attributes:
        reading: the cloud and who signs in; what is missing matters when the first request is made.
        location: where resources are that do not say it.
        ca_file: PEM file of the roots to trust (SSL_CERT_FILE); None for the system's.
        home: the Pulumi home (PULUMI_HOME), where notes are kept; None: there is none for them.
    """

    reading: Reading
    location: str | None
    ca_file: str | None
    home: str | None

    @classmethod
    def read(
        cls, settings: Mapping[str, Any], environ: Mapping[str, str] = os.environ, provider: str = ""
    ) -> Configuration:
        """Reads the engine's settings (keys without prefix), each with its environment variable as fall-back.

        What a preview cannot know yet counts as not set.

        Args:
            provider: logical name of the provider resource; empty: it has none, or the engine does not tell.

        Raises:
            SettingError: a value cannot be used.
        """
        given = {
            key: str(value)
            for key, value in ((key, plain(value)) for key, value in settings.items())
            if value is not None and value is not UNKNOWN
        }
        reading = azure_settings.read(given, environ)
        if reading.unfit:
            raise SettingError("; ".join(reading.unfit))
        if provider in NAMES:
            named = replace(reading.settings, names=NAMES[provider])
            reading = replace(reading, settings=named)
        location = azure_settings.text("location", given, environ) or None
        return cls(
            reading, location, environ.get("SSL_CERT_FILE") or None, environ.get("PULUMI_HOME") or None
        )

    @property
    def azure(self) -> AzureSettings:
        """The cloud and who signs in.

        Raises:
            SettingError: a setting is missing.
        """
        if self.reading.missing:
            raise SettingError("; ".join(self.reading.missing))
        return self.reading.settings


def keep_secret(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with the secret ones wrapped, so that the state holds them encrypted."""
    return {
        name: Secret(value) if name in SECRET_SETTINGS and not isinstance(value, Secret) else value
        for name, value in settings.items()
    }
