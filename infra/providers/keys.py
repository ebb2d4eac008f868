"""The authentication keys of a service: made by it, read here, secret from the start.

A resource of its own for the reason that `endpoint` gives.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource

from infra.providers.base import CloudProvider, Props, changed, only

_INPUTS = ("account_id", "service_id")
_OUTPUTS = ("primary_key", "secondary_key")


class KeysProvider(CloudProvider):
    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        replaces = changed(_INPUTS, olds, news)
        return DiffResult(changes=bool(replaces), replaces=replaces)

    def create(self, props: Props) -> CreateResult:
        found = self._find(props)
        if found is None:
            raise RuntimeError(f"the service {props['service_id']} is gone")
        return CreateResult(props["service_id"], found)

    def read(self, id_: str, props: Props) -> ReadResult:
        found = self._find(props)
        return ReadResult(None, {}) if found is None else ReadResult(id_, found, only(_INPUTS, props))

    def _find(self, props: Props) -> Props | None:
        keys = self.management(props["account_id"]).keys(props["service_id"])
        if keys is None:
            return None
        return {**only(_INPUTS, props), "primary_key": keys.primary, "secondary_key": keys.secondary}


@dataclass(frozen=True)
class KeysArgs:
    """Inputs of a pair of keys: whose they are."""

    account_id: pulumi.Input[str]
    service_id: pulumi.Input[str]


class Keys(Resource, module="fpga", name="Keys"):
    """Primary and secondary key of a service; either opens it while SSL is on."""

    primary_key: pulumi.Output[str]
    secondary_key: pulumi.Output[str]

    def __init__(self, name: str, args: KeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        props = {**vars(args), **dict.fromkeys(_OUTPUTS)}
        secret = pulumi.ResourceOptions(additional_secret_outputs=list(_OUTPUTS))
        super().__init__(KeysProvider(), name, props, pulumi.ResourceOptions.merge(opts, secret))
