"""The clouds of a plan: which one each resource is in, where there are two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from fpga.plan.events import State, Step
from fpga.plan.resources import Resource
from infra import catalogue

_PROVIDER: Final = "pulumi:providers:azure-native"
_AZURE: Final = "azure-native:"
_HOST: Final = "metadataHost"
_ITS_OWN: Final = "Azure"
"""The name of the cloud where no setting of the stack says which one it is."""


class Clouds:
    """The hosts of a stack's clouds, by the providers that the engine tells of.

    Args:
        config: the stack's plain settings.
    """

    def __init__(self, steps: Iterable[Step], config: Mapping[str, str]) -> None:
        hosts: dict[str, str] = {}
        for step in steps:
            if step.type == _PROVIDER:
                hosts[step.urn] = _moved(step.old, step.new)
        self._server = next((host for urn, host in hosts.items() if _is_of_server(urn)), "")
        self._azure = config.get(f"{_AZURE}{_HOST}") or _ITS_OWN

    def of(self, resource: Resource) -> str:
        """The host of the cloud that a resource is in, `HOST → HOST` where that changes; empty: one cloud has
        all, or the resource is in none.
        """
        if not self._server:
            return ""
        if resource.type.startswith(_AZURE):
            return self._server if _is_of_server(resource.provider) else self._azure
        return self._server if resource.type in catalogue.IN_ACCOUNT else ""


def _is_of_server(provider: str) -> bool:
    return provider.rpartition("::")[2] == catalogue.MANAGEMENT_PROVIDER


def _moved(old: State | None, new: State | None) -> str:
    before, after = (str(one.inputs.get(_HOST) or "") if one else "" for one in (old, new))
    return f"{before} → {after}" if before and after and before != after else after or before
