"""The clouds of a stack, read apart from all else: what providers are told, each in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clients.azure.settings import AzureSettings
from infra.settings import azure, management, table
from infra.settings.management import ManagementSettings
from infra.settings.reader import NAMESPACE, Reader, SettingsError

_MANAGEMENT: Final = frozenset(f"{NAMESPACE}:{one.key}" for one in table.of(ManagementSettings).settings())
KEYS: Final = (*azure.KEYS, *sorted(_MANAGEMENT))
"""The settings that say which clouds there are, with namespace."""


@dataclass(frozen=True)
class Clouds:
    """The clouds of a stack, which are one where no management server is set.

    Attributes:
        azure: that of groups, storage and zones.
        management: that of the account and the services.
        management_roots: PEM file of the roots to trust that by; None: as all else.
        of_packages: that whose storage holds the model packages.
    """

    azure: AzureSettings
    management: AzureSettings
    management_roots: Path | None
    of_packages: AzureSettings

    def roots_of(self, cloud: AzureSettings) -> str | None:
        """The PEM file of the roots to trust one of them by; None: as all else."""
        roots = self.management_roots if cloud == self.management else None
        return str(roots) if roots else None


def read(config: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> Clouds:
    """The clouds.

    Args:
        config: the values of `KEYS`; others are left alone.

    Raises:
        SettingsError: with every problem found.
    """
    reader = Reader(ManagementSettings, {key: value for key, value in config.items() if key in _MANAGEMENT})
    given = reader.read()
    gathered = azure.gather(config, environ, reader.problems)
    own, server = management.clouds(given, gathered, config, environ, reader.problems)
    if reader.problems:
        raise SettingsError(reader.problems)
    return Clouds(own, server, given.roots, server if given.holds_packages else own)
